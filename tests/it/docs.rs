//! README.md and PROTOCOL.md: what they show is made here, what they link to exists, and what they tell to run runs.
//!
//! What stands between `<!-- generated: NAME -->` and `<!-- end -->` is rendered by [`blocks`], from the broker's own tables
//! and from frames that a broker answers, and compared with the file. The program that stands behind `<!-- run: NAME -->`
//! is run by [`snippets`].

mod batch;
mod blocks;
mod dumps;
mod fixture;
mod log;
mod markdown;
mod robustness;
#[cfg(unix)]
mod snippets;

use std::path::{Path, PathBuf};
use std::{env, fs};

use kafka_rs::broker::api::APIS;

const README: &str = "README.md";
const PROTOCOL: &str = "PROTOCOL.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file} cannot be read: {error}"))
}

#[test]
fn generated_parts_are_up_to_date() {
    robustness::collect();
    for file in [README, PROTOCOL] {
        let found = read(file);
        let expect = markdown::renew(&found, blocks::render);
        if found == expect {
            continue;
        }
        if ["UPDATE_DOCS", "UPDATE_ROBUSTNESS"].iter().any(|variable| env::var_os(variable).is_some()) {
            fs::write(root().join(file), expect).expect("the file can be written");
            continue;
        }
        let (line, found, expect) = first_difference(&found, &expect);
        panic!(
            "{file} no longer shows what the broker does. Line {line} is\n  {found}\nbut should be\n  {expect}\n\
             Renew it with UPDATE_DOCS=1 cargo test --test it docs, and look at what has changed."
        );
    }
}

/// The first line that differs, by its number in the first text.
fn first_difference<'a>(found: &'a str, expect: &'a str) -> (usize, &'a str, &'a str) {
    let same = found.lines().zip(expect.lines()).take_while(|(found, expect)| found == expect).count();
    let line = |text: &'a str| text.lines().nth(same).unwrap_or("(the end of the file)");
    (same + 1, line(found), line(expect))
}

#[test]
fn links_lead_somewhere() {
    for file in [README, PROTOCOL] {
        for link in markdown::links(&read(file)) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, at)| (path, Some(at)));
            let target = if path.is_empty() { PathBuf::from(file) } else { PathBuf::from(path) };
            assert!(root().join(&target).exists(), "{file} links to {link}, but there is no {}", target.display());
            if let Some(anchor) = anchor {
                let anchors = markdown::anchors(&read(&target.to_string_lossy()));
                assert!(anchors.contains(anchor), "{file} links to {link}, but there is no such heading");
            }
        }
    }
}

#[test]
fn every_api_has_its_section() {
    let text = read(PROTOCOL);
    let headings = text.lines().filter_map(|line| line.strip_prefix("### "));
    let mut described = headings.filter(|heading| heading.contains("), version"));
    for api in APIS {
        let versions = match (api.min_version, api.max_version) {
            (first, last) if first == last => format!("version {first}"),
            (first, last) => format!("versions {first} to {last}"),
        };
        let expect = format!("{} ({}), {versions}", api.name, api.key);
        let found = described.next().unwrap_or("nothing");
        assert_eq!(found, expect, "{PROTOCOL} has a heading for each API in the order of the table");
    }
    assert_eq!(described.next(), None, "{PROTOCOL} describes an API that is not in the table");
}
