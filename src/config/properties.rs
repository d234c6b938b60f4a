//! The syntax of a `.properties` file, as Java reads it.
//!
//! ```text
//! # a comment, or with !
//! num.partitions = 3
//! message.max.bytes:1000
//! broker.rack one
//! listeners = PLAINTEXT://:9092,\
//!             PLAINTEXT_HOST://:29092
//! name = caf\u00e9
//! ```
//!
//! A natural line is what a line break ends. A backslash at its end joins the next one to it, without that one's
//! indentation; the whole is one logical line, which holds one property or one comment.

use std::iter::Peekable;
use std::str::Chars;

#[derive(Debug, PartialEq)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
    /// The number of the line on which the property begins, from 1.
    pub(super) line: usize,
}

/// The number of a line on which `\u` stands without four hexadecimal digits.
#[derive(Debug, PartialEq)]
pub(super) struct BadEscape {
    pub(super) line: usize,
}

pub(super) fn parse(text: &str) -> Result<Vec<Property>, BadEscape> {
    let mut properties = Vec::new();
    let mut lines = natural_lines(text).zip(1..);
    while let Some((first, line)) = lines.next() {
        let mut logical = first.trim_start_matches(is_blank).to_owned();
        // What a lone backslash joins the next line to is nothing, so that line may still be a comment.
        if logical.is_empty() || logical == "\\" || logical.starts_with(['#', '!']) {
            continue;
        }
        while ends_open(&logical) {
            logical.pop();
            let Some((next, _)) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        let (name, value) = split(&logical).ok_or(BadEscape { line })?;
        properties.push(Property { name, value, line });
    }
    Ok(properties)
}

/// `\r\n` counts as one break.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).flat_map(|line| line.split('\r'))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Two backslashes are one character, so only an odd number of them at the end joins the next line.
fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The name ends at the first `=`, `:` or blank that no backslash stands before.
fn split(line: &str) -> Option<(String, String)> {
    let mut rest = line.chars().peekable();
    let name = unescape(&mut rest, |c| is_blank(c) || c == '=' || c == ':')?;
    while rest.next_if(|c| is_blank(*c)).is_some() {}
    if rest.next_if(|c| matches!(c, '=' | ':')).is_some() {
        while rest.next_if(|c| is_blank(*c)).is_some() {}
    }
    Some((name, unescape(&mut rest, |_| false)?))
}

/// Reads until the end or until a character that `ends` the part and is not escaped.
fn unescape(rest: &mut Peekable<Chars>, ends: impl Fn(char) -> bool) -> Option<String> {
    let mut part = String::new();
    // Java's `\u` names UTF-16 units: characters beyond the first 65536 come as two in a row.
    let mut units: Vec<u16> = Vec::new();
    while let Some(c) = rest.next_if(|c| !ends(*c)) {
        let escaped = if c == '\\' { rest.next() } else { None };
        if escaped == Some('u') {
            units.push(hexadecimal(rest)?);
            continue;
        }
        part.push_str(&String::from_utf16_lossy(&units));
        units.clear();
        match escaped {
            Some('t') => part.push('\t'),
            Some('n') => part.push('\n'),
            Some('r') => part.push('\r'),
            Some('f') => part.push('\x0c'),
            Some(other) => part.push(other),
            None if c == '\\' => {}
            None => part.push(c),
        }
    }
    part.push_str(&String::from_utf16_lossy(&units));
    Some(part)
}

fn hexadecimal(rest: &mut Peekable<Chars>) -> Option<u16> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | u16::try_from(rest.next()?.to_digit(16)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, &str, usize)]) {
        let properties = parse(text).unwrap();
        let said: Vec<_> = properties.iter().map(|p| (p.name.as_str(), p.value.as_str(), p.line)).collect();
        assert_eq!(said, expect, "{text:?}");
    }

    #[test]
    fn separators() {
        check("a=1\nb:2\nc 3\n", &[("a", "1", 1), ("b", "2", 2), ("c", "3", 3)]);
        check("  a \t= 1 \r\n\x0cb\t:\t2\rc   3", &[("a", "1 ", 1), ("b", "2", 2), ("c", "3", 3)]);
        check("a==1\nb = =\nc", &[("a", "=1", 1), ("b", "=", 2), ("c", "", 3)]);
        check("=x\n", &[("", "x", 1)]);
    }

    #[test]
    fn comments_and_blank_lines() {
        check("# a=1\n\n  ! b=2\\\n \t \nc=3 # no comment\n", &[("c", "3 # no comment", 5)]);
    }

    #[test]
    fn continuation() {
        check("a=1,\\\n   2,\\\r\n\t3\nb=4", &[("a", "1,2,3", 1), ("b", "4", 4)]);
        check("a=1\\\\\nb=2", &[("a", "1\\", 1), ("b", "2", 2)]);
        check("a=1\\", &[("a", "1", 1)]);
        check("a=1\\\n# part of it", &[("a", "1# part of it", 1)]);
        check("\\\n# a comment\n\\\n a=1", &[("a", "1", 4)]);
    }

    #[test]
    fn escapes() {
        check(r"a\ b\=c\:d=\t\n\\\q", &[("a b=c:d", "\t\n\\q", 1)]);
        check(r"a=caf\u00e9\ud83d\ude00!\ud83d", &[("a", "café😀!\u{fffd}", 1)]);
        assert_eq!(parse("a=1\nb=\\u12g4"), Err(BadEscape { line: 2 }));
        assert_eq!(parse("a=\\u12"), Err(BadEscape { line: 1 }));
    }
}
