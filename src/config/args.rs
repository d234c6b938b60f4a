//! The command line.

use std::path::PathBuf;

use super::listener::Listener;
use super::{ConfigError, Origin, StartTopic};

pub(super) const HELP: &str = "\
kafka-rs is a Kafka broker in one small process. It keeps everything in memory.

Usage: kafka-rs [server.properties] [OPTION]...

  --override KEY=VALUE       set a property of Kafka's broker, such as num.partitions=3; may be repeated
  --listen HOST:PORT         wait for clients here instead of at localhost:9092; port 0 takes a free one;
                             may be repeated
  --advertise HOST:PORT      tell clients this address instead of the one at which they came
  --topic NAME[:PARTITIONS]  create this topic at start; may be repeated
  --port-file PATH           write the port into this file once clients can connect
  --help                     show this text
  --version                  show the version

A property comes from the last of these that sets it: the properties file, the environment, where
KAFKA_NUM_PARTITIONS stands for num.partitions, and the command line. RUST_LOG=debug logs every request.

Examples:
  kafka-rs
  kafka-rs --topic orders:3 --topic payments
  kafka-rs --listen 127.0.0.1:0 --port-file /tmp/kafka.port
  kafka-rs --listen 0.0.0.0:9092 --advertise broker.example:9092
  KAFKA_AUTO_CREATE_TOPICS_ENABLE=false kafka-rs server.properties --override num.partitions=3
";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed {
    Help,
    Version,
    Run(Arguments),
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    pub(super) file: Option<PathBuf>,
    /// Name, value and option of each property, in the order in which they count.
    pub(super) properties: Vec<(String, String, Origin)>,
    pub(super) topics: Vec<StartTopic>,
    pub(super) port_file: Option<PathBuf>,
}

/// Reads the arguments after the program's name.
pub(super) fn parse(arguments: &[String]) -> Result<Parsed, ConfigError> {
    let mut parsed = Arguments::default();
    let mut listeners: Vec<String> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') {
            once(&mut parsed.file, argument.into(), "the properties file")?;
            continue;
        }
        let (option, attached) = match argument.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (argument.as_str(), None),
        };
        let mut value =
            || attached.or_else(|| next_value(&mut rest)).ok_or_else(|| usage(format!("{option} needs a value.")));
        match option {
            "--help" if attached.is_none() => return Ok(Parsed::Help),
            "--version" if attached.is_none() => return Ok(Parsed::Version),
            "--override" => parsed.properties.push(property(value()?)?),
            "--listen" => listeners.push(address(option, value()?)?.to_string()),
            "--advertise" => {
                let advertised = address(option, value()?)?.to_string();
                parsed.properties.push(("advertised.listeners".to_owned(), advertised, Origin::Advertise));
            }
            "--topic" => add_topic(&mut parsed.topics, value()?)?,
            "--port-file" => once(&mut parsed.port_file, value()?.into(), option)?,
            _ => return Err(usage(format!("There is no option {}.", argument.escape_debug()))),
        }
    }
    if !listeners.is_empty() {
        parsed.properties.push(("listeners".to_owned(), listeners.join(","), Origin::Listen));
    }
    Ok(Parsed::Run(parsed))
}

/// The argument after an option, unless it looks as if the option's value had been forgotten.
fn next_value<'a>(rest: &mut std::slice::Iter<'a, String>) -> Option<&'a str> {
    let next = rest.as_slice().first().filter(|next| !next.starts_with("--"))?;
    rest.next();
    Some(next)
}

fn once(place: &mut Option<PathBuf>, path: PathBuf, what: &str) -> Result<(), ConfigError> {
    match place.replace(path) {
        None => Ok(()),
        Some(before) => {
            let before = before.display().to_string();
            Err(usage(format!("There can be only one of {what}, and {} is one already.", before.escape_debug())))
        }
    }
}

fn property(text: &str) -> Result<(String, String, Origin), ConfigError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned(), Origin::Override))
        }
        _ => Err(must_be("--override", text, "KEY=VALUE, such as num.partitions=3")),
    }
}

fn address(option: &str, text: &str) -> Result<Listener, ConfigError> {
    Listener::plaintext(text).ok_or_else(|| must_be(option, text, "HOST:PORT, such as localhost:9092 or [::1]:9092"))
}

/// No more partitions than Kafka's controller makes in one go.
const MAX_PARTITIONS: i32 = 10_000;

fn add_topic(topics: &mut Vec<StartTopic>, text: &str) -> Result<(), ConfigError> {
    let (name, partitions) = match text.split_once(':') {
        Some((name, partitions)) => (name, Some(partitions)),
        None => (text, None),
    };
    if !is_topic_name(name) {
        let expected = "the topic's name, of 1 to 249 letters, digits, dots, hyphens and underscores, \
                        and with a colon the number of its partitions";
        return Err(must_be("--topic", text, expected));
    }
    let partitions = match partitions.map(|number| number.parse()) {
        None => None,
        Some(Ok(number)) if (1..=MAX_PARTITIONS).contains(&number) => Some(number),
        Some(_) => {
            let expected = format!("NAME:PARTITIONS with a whole number from 1 to {MAX_PARTITIONS}");
            return Err(must_be("--topic", text, &expected));
        }
    };
    if topics.iter().any(|topic| topic.name == name) {
        return Err(usage(format!("--topic names {name} twice.")));
    }
    topics.push(StartTopic { name: name.to_owned(), partitions });
    Ok(())
}

/// Kafka's rule for topic names.
fn is_topic_name(name: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(is_legal)
}

fn must_be(option: &str, text: &str, expected: &str) -> ConfigError {
    usage(format!("{option} is '{}', but it must be {expected}.", text.escape_debug()))
}

fn usage(sentence: String) -> ConfigError {
    ConfigError::Usage(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Parsed, ConfigError> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn arguments(line: &str) -> Arguments {
        match parse_line(line) {
            Ok(Parsed::Run(arguments)) => arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn every_option_in_both_forms() {
        let separate = "a.properties --override a=1 --override b=x=y --listen localhost:0 --listen [::1]:9092 \
                        --advertise h:1 --topic t --topic u:3 --port-file /p";
        let attached = "a.properties --override=a=1 --override=b=x=y --listen=localhost:0 --listen=[::1]:9092 \
                        --advertise=h:1 --topic=t --topic=u:3 --port-file=/p";
        let given = |name: &str, value: &str, origin| (name.to_owned(), value.to_owned(), origin);
        let expect = Arguments {
            file: Some("a.properties".into()),
            properties: vec![
                given("a", "1", Origin::Override),
                given("b", "x=y", Origin::Override),
                given("advertised.listeners", "PLAINTEXT://h:1", Origin::Advertise),
                given("listeners", "PLAINTEXT://localhost:0,PLAINTEXT://[::1]:9092", Origin::Listen),
            ],
            topics: vec![
                StartTopic { name: "t".to_owned(), partitions: None },
                StartTopic { name: "u".to_owned(), partitions: Some(3) },
            ],
            port_file: Some("/p".into()),
        };
        assert_eq!(arguments(separate), expect);
        assert_eq!(arguments(attached), expect);
        assert_eq!(arguments(""), Arguments::default());
        assert_eq!(parse_line("--listen localhost:1 --help --lisen").unwrap(), Parsed::Help);
        assert_eq!(parse_line("--version").unwrap(), Parsed::Version);
    }

    #[test]
    fn bad_arguments() {
        let check = |line: &str, expect: &str| {
            assert_eq!(parse_line(line).unwrap_err().to_string(), format!("{expect} See kafka-rs --help."), "{line}");
        };
        check("--lisen localhost:1", "There is no option --lisen.");
        check("-x", "There is no option -x.");
        check("--help=1", "There is no option --help=1.");
        check("--listen", "--listen needs a value.");
        check("--port-file --help", "--port-file needs a value.");
        check("--override a", "--override is 'a', but it must be KEY=VALUE, such as num.partitions=3.");
        check("--override =a", "--override is '=a', but it must be KEY=VALUE, such as num.partitions=3.");
        let address = "but it must be HOST:PORT, such as localhost:9092 or [::1]:9092.";
        check("--listen 9092", &format!("--listen is '9092', {address}"));
        check("--advertise http://x:1", &format!("--advertise is 'http://x:1', {address}"));
        check(
            "a.properties b.properties",
            "There can be only one of the properties file, and a.properties is one already.",
        );
        check("--topic a --topic a:2", "--topic names a twice.");
        for topic in ["a:0", "a:b", "a:10001", "a:", "a:1:2"] {
            let expect = "but it must be NAME:PARTITIONS with a whole number from 1 to 10000.";
            check(&format!("--topic {topic}"), &format!("--topic is '{topic}', {expect}"));
        }
        for topic in [".", "..", ":1", "a/b", "ä", &"x".repeat(250)] {
            assert!(parse_line(&format!("--topic {topic}")).is_err(), "{topic}");
        }
        assert_eq!(arguments(&format!("--topic {}", "x".repeat(249))).topics.len(), 1);
    }

    #[test]
    fn the_help_fits_a_terminal() {
        assert!(HELP.lines().all(|line| line.len() <= 110));
    }
}
