//! As much of Markdown as the tests of the two documents need.

use std::collections::BTreeSet;

const FENCE: &str = "```";
const GENERATED: &str = "<!-- generated: ";
const RUN: &str = "<!-- run: ";
const END: &str = "<!-- end -->";

/// The name in a comment such as `<!-- run: kcat -->`.
fn name_in<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    line.strip_prefix(prefix)?.strip_suffix(" -->")
}

/// The text with all its generated parts rendered again.
pub fn renew(text: &str, render: impl Fn(&str) -> String) -> String {
    let mut renewed = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        renewed += &format!("{line}\n");
        if let Some(name) = name_in(line, GENERATED) {
            renewed += &format!("{}{END}\n", render(name));
            assert!(lines.any(|line| line == END), "the generated part {name:?} has no {END}");
        }
    }
    renewed
}

/// The program behind `<!-- run: NAME -->`, without its fence.
pub fn program(text: &str, name: &str) -> String {
    let mut lines = text.lines().skip_while(|line| name_in(line, RUN) != Some(name)).skip(1);
    assert!(lines.next().is_some_and(|line| line.starts_with(FENCE)), "no code follows <!-- run: {name} -->");
    lines.take_while(|line| *line != FENCE).map(|line| format!("{line}\n")).collect()
}

/// The names of all programs that are to be run.
pub fn programs(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| name_in(line, RUN)).collect()
}

/// The lines that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with(FENCE);
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// Where the links lead: what stands in the parentheses of `[text](target)`.
pub fn links(text: &str) -> Vec<String> {
    let targets = prose(text).flat_map(|line| line.split("](").skip(1));
    targets.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchors that headings have: small letters, hyphens for blanks, no other marks.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn renews_only_what_is_generated() {
    let text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n";
    assert_eq!(renew(text, |name| format!("new {name}\n")), text.replace("old", "new x"));
}

#[test]
fn links_and_anchors() {
    let text = "## One thing: `a`\n[x](y#z), [p](q)\n```\n# [no](link)\n```\n";
    assert_eq!(links(text), ["y#z", "q"]);
    assert_eq!(anchors(text), BTreeSet::from(["one-thing-a".to_owned()]));
}
