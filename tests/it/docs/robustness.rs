//! What long runs have shown: kept in `tests/robustness.txt`, one `key = value` a line, and shown as a table in README.md.
//!
//! The runs leave what they found under `target/`. `UPDATE_ROBUSTNESS=1 cargo test --test it docs` collects it into the file and
//! renews the table. What has not been run since stays as it was, with its date.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

use super::root;
use crate::bad_input;

const FILE: &str = "tests/robustness.txt";
const HEAD: &str =
    "# What long runs have shown. UPDATE_ROBUSTNESS=1 cargo test --test it docs collects it from target/.\n";

type Figures = BTreeMap<String, String>;

/// One kind of run: where it leaves its result, under `target/`, and what of it is kept.
struct Source {
    name: &'static str,
    file: &'static str,
    figures: fn(&str) -> Vec<(String, String)>,
}

const SOURCES: [Source; 8] = [
    Source {
        name: "simulation",
        file: "simulation/summary",
        figures: |text| numbers(text, &[("seeds", "seeds"), ("requests", "requests")]),
    },
    Source { name: "planted", file: "simulation/planted", figures: planted },
    Source { name: "fuzz", file: "fuzz/summary", figures: fuzz },
    Source { name: "fuzz-planted", file: "fuzz/planted", figures: planted },
    Source { name: "coverage", file: "coverage/summary", figures: coverage },
    Source { name: "idle", file: "endurance/idle", figures: pairs },
    Source { name: "closed", file: "endurance/closed", figures: pairs },
    Source { name: "soak", file: "endurance/soak", figures: pairs },
];

/// The numbers in front of words, such as `100000 seeds`.
fn numbers(text: &str, wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let words: Vec<_> =
        text.split(|end: char| end.is_whitespace() || end == ',').filter(|word| !word.is_empty()).collect();
    let number = |word: &str| {
        let pair = words.windows(2).find(|pair| pair[1] == word && pair[0].parse::<u64>().is_ok())?;
        Some(pair[0].to_owned())
    };
    wanted.iter().filter_map(|(key, word)| Some(((*key).to_owned(), number(word)?))).collect()
}

/// Below a head, a line for each bug that was planted, such as `offset-gap | 3 | 0.1 | how it was found`: behind the bar stands
/// after how many seeds or executions it was found, if it was.
fn planted(text: &str) -> Vec<(String, String)> {
    let lines = || text.lines().skip(1).filter(|line| !line.trim().is_empty());
    let after = |line: &str| line.split('|').nth(1)?.trim().parse::<u64>().ok();
    let found = lines().filter(|line| after(line).is_some());
    vec![("bugs".to_owned(), lines().count().to_string()), ("found".to_owned(), found.count().to_string())]
}

/// A line for each target, such as `frames 1000 executions in 20 s`.
fn fuzz(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (target, rest) = line.split_once(char::is_whitespace)?;
        let (_, executions) = numbers(rest, &[("", "executions")]).pop()?;
        Some((target.to_owned(), executions))
    };
    text.lines().filter_map(line).collect()
}

/// The shares of the two rings.
fn coverage(text: &str) -> Vec<(String, String)> {
    let share = |ring: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(&format!("src/{ring}")))?;
        Some((ring.to_owned(), line.split_whitespace().rev().nth(1)?.to_owned()))
    };
    ["broker", "wire"].into_iter().filter_map(share).collect()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once(" = ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's folder for tests has a parent").to_owned()
}

fn kept() -> Figures {
    let text = fs::read_to_string(root().join(FILE)).unwrap_or_default();
    pairs(&text).into_iter().collect()
}

/// The day on which a file was written.
fn day(file: &Path) -> String {
    let output = Command::new("date").args(["-u", "+%F", "-r"]).arg(file).output().expect("a program of every Unix");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// This machine's processors.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = thread::available_parallelism().map_or(1, |count| count.get());
    format!("{cores} × {}", model.trim_start_matches([' ', '\t', ':']))
}

/// Takes over what the runs have left under `target/`, if that was asked for.
pub fn collect() {
    if env::var_os("UPDATE_ROBUSTNESS").is_none() {
        return;
    }
    let mut figures = kept();
    for source in &SOURCES {
        let file = target().join(source.file);
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let prefix = format!("{}.", source.name);
        figures.retain(|key, _| !key.starts_with(&prefix));
        let found = (source.figures)(&text)
            .into_iter()
            .chain([("day".to_owned(), day(&file)), ("machine".to_owned(), machine())]);
        figures.extend(found.map(|(key, value)| (prefix.clone() + &key, value)));
    }
    let lines = figures.iter().map(|(key, value)| format!("{key} = {value}\n"));
    fs::write(root().join(FILE), lines.fold(HEAD.to_owned(), |text, line| text + &line))
        .expect("the file can be written");
}

/// The rows of the table: what was run, what came of it, on what day.
pub fn rows() -> Vec<[String; 3]> {
    let figures = kept();
    let row = |source: &str, what: &str, result: Option<String>| {
        let day = figures.get(&format!("{source}.day"))?;
        Some([what.to_owned(), result?, day.clone()])
    };
    let get = |key: &str| figures.get(key).map(|value| grouped(value));
    let fuzzed = figures.iter().filter_map(|(key, value)| Some((key.strip_prefix("fuzz.")?, value)));
    let fuzzed = fuzzed.filter(|(target, _)| !["day", "machine"].contains(target));
    let mut rows = vec![
        Some([
            "kinds of bad input, each over a real socket".to_owned(),
            grouped(&bad_input::rows().len().to_string()),
            "every run of the tests".to_owned(),
        ]),
        row("simulation", "simulated worlds, each from a seed", get("simulation.seeds")),
        row("simulation", "requests in them", get("simulation.requests")),
        row("planted", "planted bugs that the simulation finds", of(get("planted.found"), get("planted.bugs"))),
    ];
    rows.extend(fuzzed.map(|(target, count)| row("fuzz", &format!("fuzzed inputs: {target}"), Some(grouped(count)))));
    let found = of(get("fuzz-planted.found"), get("fuzz-planted.bugs"));
    rows.push(row("fuzz-planted", "planted bugs that fuzzing finds", found));
    rows.extend(["broker", "wire"].map(|ring| {
        let share = get(&format!("coverage.{ring}")).map(|share| format!("{share} %"));
        row("coverage", &format!("lines of `src/{ring}` that tests run"), share)
    }));
    let memory = get("idle.bytes.each").map(|bytes| format!("{bytes} bytes"));
    let quiet = get("idle.cpu.percent").map(|percent| format!("{percent} % of a core"));
    let soak = get("soak.memory.first.half.mib").zip(get("soak.memory.last.half.mib"));
    let seconds = get("soak.seconds").unwrap_or_default();
    let load = format!("most memory in the first and in the second half of {seconds} s at full load");
    rows.extend([
        row("idle", "memory of an idle connection, of ten thousand", memory),
        row("idle", "processor time while they are idle", quiet),
        row("soak", &load, soak.map(|(first, last)| format!("{first} MiB, {last} MiB"))),
        row("soak", "written and read in that time", {
            let [written, read] = ["written", "read"].map(|way| get(&format!("soak.{way}.mib")));
            written.zip(read).map(|(written, read)| format!("{written} MiB, {read} MiB"))
        }),
    ]);
    rows.into_iter().flatten().collect()
}

/// The machines that the figures come from.
pub fn machines() -> String {
    let figures = kept();
    let mut machines: Vec<_> =
        figures.iter().filter(|(key, _)| key.ends_with(".machine")).map(|(_, machine)| machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    machines.join("; ")
}

fn of(part: Option<String>, all: Option<String>) -> Option<String> {
    part.zip(all).map(|(part, all)| format!("{part} of {all}"))
}

/// A whole number with its digits in threes.
fn grouped(value: &str) -> String {
    if value.len() < 5 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.to_owned();
    }
    let mut text = String::new();
    for (index, digit) in value.chars().enumerate() {
        if index > 0 && (value.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn what_the_runs_leave_is_understood() {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let simulated = "1000 seeds, 250000 requests, 249000 answers, 90000 turns in 30 s, nothing found\n";
    assert_eq!((SOURCES[0].figures)(simulated), owned(&[("seeds", "1000"), ("requests", "250000")]));
    assert_eq!(
        planted("bug | seeds | seconds | how\na | 3 | 0.1 | it panics\nb | not in 100 | | \n"),
        owned(&[("bugs", "2"), ("found", "1")])
    );
    let fuzzed = "frames      1234 executions in   20 s,  10 inputs\nbatch 99 executions in 1 s\n";
    assert_eq!(fuzz(fuzzed), owned(&[("frames", "1234"), ("batch", "99")]));
    let lines = "src  9 lines 8 run 88.89 %\nsrc/broker  4 lines  4 run 100.00 %\nsrc/wire 4 lines 3 run 75.00 %\n";
    assert_eq!(coverage(lines), owned(&[("broker", "100.00"), ("wire", "75.00")]));
    assert_eq!(["1234", "12345", "1234567", "98.17"].map(grouped), ["1234", "12,345", "1,234,567", "98.17"]);
}
