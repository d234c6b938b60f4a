//! Renders the generated parts of the two documents.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use bytes::Bytes;
use kafka_rs::broker::api::{self, APIS, Api};
use kafka_rs::config::{Command, Config, Entry};
use kafka_rs::wire::annotate::Note;
use kafka_rs::wire::messages::join_group;

use super::batch::{self, uvarint, zigzag};
use super::{dumps, log, robustness, root};
use crate::bad_input::{self, Departure};
use crate::clients::DECISIONS;

static DUMPS: LazyLock<BTreeMap<String, String>> = LazyLock::new(dumps::all);

/// The text of a generated part.
pub fn render(name: &str) -> String {
    if let Some(dump) = name.strip_prefix("dump ") {
        return fenced("text", DUMPS.get(dump).unwrap_or_else(|| panic!("there is no dump {dump:?}")));
    }
    match name {
        "APIs" => apis(),
        "headers" => headers(),
        "both encodings" => both_encodings(),
        "varints" => varints(),
        "stored batch" => stored_batch(),
        "settings that act" => settings(true),
        "settings that are shown" => settings(false),
        "command line" => fenced("text", help()),
        "decisions" => decisions(),
        "bad input" => bad_input(),
        "robustness" => table(["what was run", "result", "on"], robustness::rows()),
        "machines" => format!("Measured with {}.\n", robustness::machines()),
        "log of one produce" => fenced("text", &log::of_one_produce()),
        "test in Rust" => fenced("rust", include_str!("fixture.rs")),
        _ => panic!("nothing renders {name:?}"),
    }
}

fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{text}```\n")
}

fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let row = |cells: [&str; N]| format!("| {} |\n", cells.join(" | "));
    let mut text = row(head) + &row(["---"; N]);
    for cells in rows {
        text += &row(cells.each_ref().map(String::as_str));
    }
    text
}

/// `4 to 7`, `3`, or a dash when the range is empty.
fn versions(first: i16, last: i16) -> String {
    match first.cmp(&last) {
        std::cmp::Ordering::Less => format!("{first} to {last}"),
        std::cmp::Ordering::Equal => first.to_string(),
        std::cmp::Ordering::Greater => "–".to_owned(),
    }
}

fn apis() -> String {
    let flexible = |api: &Api| match api.is_flexible(api.max_version) {
        true => api.flexible_from.max(api.min_version).to_string(),
        false => "–".to_owned(),
    };
    let row = |api: &Api| {
        [api.key.to_string(), api.name.to_owned(), versions(api.min_version, api.max_version), flexible(api)]
    };
    table(["key", "API", "versions", "flexible from"], APIS.iter().map(row))
}

fn headers() -> String {
    let row = |api: &Api| {
        let all = || api.min_version..=api.max_version;
        // The versions that hold are the later ones, in every API.
        let split = |later: &dyn Fn(i16) -> bool| all().find(|version| later(*version)).unwrap_or(api.max_version + 1);
        let request = split(&|version| api.is_flexible(version));
        let response = split(&|version| api.response_header_is_flexible(version));
        [
            format!("{} ({})", api.name, api.key),
            versions(api.min_version, request - 1),
            versions(request, api.max_version),
            versions(api.min_version, response - 1),
            versions(response, api.max_version),
        ]
    };
    table(
        ["API", "request header v1", "request header v2", "response header v0", "response header v1"],
        APIS.iter().map(row),
    )
}

fn code(bytes: &[u8]) -> String {
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("`{}`", hex.join(" "))
}

/// One JoinGroup request in its last classic and its first flexible version, which have the same fields.
fn both_encodings() -> String {
    let api = api::find(11).expect("JoinGroup");
    let (classic, flexible) = (api.flexible_from - 1, api.flexible_from);
    let request = join_group::Request {
        group_id: "readers".to_owned(),
        session_timeout_ms: 45_000,
        rebalance_timeout_ms: 300_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![join_group::JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from("abc"),
        }],
        ..join_group::Request::default()
    };
    let explained = |version| {
        let frame = dumps::request_frame(api, version, 1, &request);
        let notes = dumps::request_notes::<join_group::Request>(api, version, &frame);
        (frame, notes)
    };
    let (old_frame, old_notes) = explained(classic);
    let (new_frame, new_notes) = explained(flexible);
    let own = |note: &&Note| note.value.is_some();
    let mut old_notes = old_notes.iter().filter(own).peekable();
    let mut rows = Vec::new();
    for new in new_notes.iter().filter(own) {
        let old = old_notes.next_if(|old| old.name == new.name);
        let bytes = |frame: &Bytes, note: &Note| code(&frame[note.start..note.end]);
        let place = "&nbsp;".repeat(2 * new.depth);
        rows.push([
            format!("{place}{}", new.name.replace('_', "\\_")),
            old.map_or("–".to_owned(), |old| bytes(&old_frame, old)),
            bytes(&new_frame, new),
        ]);
    }
    assert!(old_notes.next().is_none(), "both versions have the same fields in the same order");
    table(["field", &format!("v{classic}, classic"), &format!("v{flexible}, flexible")], rows)
}

fn varints() -> String {
    let row = |value: i64| {
        let small = u32::try_from(value).ok();
        let signed = zigzag(value);
        [
            value.to_string(),
            small.map_or("–".to_owned(), |value| code(&uvarint(value))),
            signed.to_string(),
            code(&uvarint(u32::try_from(signed).expect("a small number"))),
        ]
    };
    let values = [0, 1, -1, 2, -2, 63, -64, 64, 127, 128, 300, 16_383, 16_384, 1_000_000];
    table(["value", "as unsigned varint", "zigzag number", "as varint"], values.map(row))
}

/// What differs between a batch as it came and as it is stored.
fn stored_batch() -> String {
    let bytes_of = |dump: &str, field: &str| {
        let line = DUMPS[dump].lines().find(|line| line.contains(&format!(" {field}: "))).expect("the field");
        line.split("  ").next().unwrap_or_default().to_owned()
    };
    let fields = [
        ("base_offset", "the offset of the first record in this partition"),
        ("partition_leader_epoch", "the epoch of the leader that took it; always 0 here"),
        ("magic", ""),
        ("crc", ""),
    ];
    let row = |(field, meaning): (&str, &str)| {
        let [came, stored] = ["produce-request", "fetch-response"].map(|dump| bytes_of(dump, field));
        let meaning = if came == stored { "unchanged" } else { meaning };
        [field.replace('_', "\\_"), format!("`{came}`"), format!("`{stored}`"), meaning.to_owned()]
    };
    table(["field", "as it came", "as it is stored", ""], fields.map(row))
}

/// The settings that something reads outside of the configuration, or those that nothing does.
fn settings(acting: bool) -> String {
    let config = Config::default();
    let sources = sources();
    let wanted = |entry: &Entry| traces(entry.name).iter().any(|trace| mentions(&sources, trace)) == acting;
    let row = |entry: Entry| {
        let default = entry.default.map_or("none".to_owned(), |value| format!("`{value}`"));
        [format!("`{}`", entry.name), default, entry.documentation.replace('|', "\\|")]
    };
    let meaning = if acting { "what it does" } else { "what it does in Apache Kafka" };
    table(["property", "default", meaning], config.entries().filter(wanted).map(row))
}

/// What the code looks like that reads a setting.
fn traces(name: &str) -> Vec<String> {
    let of_topics: &[&str] = match name {
        "advertised.listeners" => return vec!["config.advertised(".to_owned()],
        "message.max.bytes" => &["max_message_bytes"],
        "log.cleanup.policy" => &["compact", "delete"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => &["retention_ms"],
        "log.retention.bytes" => &["retention_bytes"],
        "log.segment.bytes" => &["segment_bytes"],
        "log.roll.ms" | "log.roll.hours" => &["segment_ms"],
        "log.message.timestamp.type" => &["message_timestamp_type"],
        "log.message.timestamp.before.max.ms" => &["message_timestamp_before_max_ms"],
        "log.message.timestamp.after.max.ms" => &["message_timestamp_after_max_ms"],
        "min.insync.replicas" => &["min_insync_replicas"],
        "compression.type" => &["codec"],
        "log.cleaner.delete.retention.ms" => &["delete_retention_ms"],
        "log.cleaner.min.compaction.lag.ms" => &["min_compaction_lag_ms"],
        "log.cleaner.max.compaction.lag.ms" => &["max_compaction_lag_ms"],
        "log.cleaner.min.cleanable.ratio" => &["min_cleanable_dirty_ratio"],
        _ => &[],
    };
    let own = ["config", "config()"].map(|config| format!("{config}.{}", name.replace('.', "_")));
    of_topics.iter().map(|field| format!("settings.{field}")).chain(own).collect()
}

/// Whether the code has this, and not only something that begins with it.
fn mentions(sources: &str, trace: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    sources.split(trace).skip(1).any(|rest| trace.ends_with('(') || ends(rest))
}

/// The code of the rings that use the configuration, in one text without blanks.
fn sources() -> String {
    let mut folders = vec![root().join("src/broker"), root().join("src/net")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the source") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text += &fs::read_to_string(path).expect("a source file");
            }
        }
    }
    text.split_whitespace().collect()
}

fn help() -> &'static str {
    match Config::load(&["--help".to_owned()], [], |_| unreachable!("no file is named")) {
        Ok(Command::Help(text)) => text,
        other => panic!("--help gives {other:?}"),
    }
}

#[test]
fn varints_of_both_kinds() {
    assert_eq!(uvarint(300), [0xac, 0x02]);
    assert_eq!([0, -1, 1, -2, 2].map(zigzag), [0, 1, 2, 3, 4]);
    let batch = batch::one_record(batch::ANYBODY, "k", "v", ("h", "1"), 0);
    assert_eq!(batch::notes(&batch, 0, 0).last().map(|note| note.end), Some(batch.len()));
}

/// The differences that the comparison with Apache Kafka lets pass. One that is no difference any more fails there.
fn decisions() -> String {
    let rows = DECISIONS.iter().map(|decision| {
        [decision.program.to_owned(), format!("`{}`", decision.line.replace('|', "\\|")), decision.reason.to_owned()]
    });
    table(["program", "lines", "why"], rows)
}

/// How much bad input is tried, and the differences that its comparison with Apache Kafka lets pass.
fn bad_input() -> String {
    let rows = bad_input::rows();
    let played: usize = rows.iter().map(|row| row.versions().len()).sum();
    let mut alike: Vec<([String; 4], Vec<&str>)> = Vec::new();
    for row in &rows {
        let Some(Departure { apache, because }) = &row.departure else { continue };
        let outcome = [row.api.name.to_owned(), row.expect.to_string(), apache.to_string(), (*because).to_owned()];
        match alike.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, inputs)) => inputs.push(&row.input),
            None => alike.push((outcome, vec![&row.input])),
        }
    }
    let cells =
        alike.into_iter().map(|([api, here, apache, why], inputs)| [api, inputs.join("<br>"), here, apache, why]);
    format!(
        "{} things that a client can do wrong are tried, {played} with those that are tried at two versions.\n\n{}",
        rows.len(),
        table(["API", "input", "here", "in Kafka", "why"], cells)
    )
}
