//! What can be set, under the names that Kafka's broker properties have, and where the values come from.
//!
//! [`Config::load`] puts four layers on top of each other; for each property the last one that sets it counts:
//!
//! ```text
//! defaults  ◄  server.properties  ◄  environment  ◄  command line
//!              properties.rs         environment.rs   args.rs
//! ```
//!
//! A property of the result is one of four things. It acts: then it stands in the table of `settings.rs`, which is all
//! that there is to do for a new one. It means nothing to this broker: then `known.rs` names it, it is ignored, and the
//! log says so once. It would change what clients may do, and this broker cannot do that: then the start fails. Or
//! Kafka does not know it either: then it is ignored with a warning, since it may be misspelt.
//!
//! Nothing here touches files, the environment or the clock: the caller gives the texts, and the notices are returned.

mod args;
pub mod dynamic;
mod environment;
mod known;
mod listener;
mod properties;
mod settings;
pub mod topic;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use listener::Listener;
pub use settings::{Config, Entry, Source, Synonym};
pub use value::{Kind, Problem, Rule, Value, parse};

use known::Verdict;
use listener::Protocols;

/// What the program is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Run(Box<Startup>),
    /// Print this text.
    Help(&'static str),
    /// Print the version.
    Version,
}

/// All that the broker starts with.
#[derive(Clone, Debug, PartialEq)]
pub struct Startup {
    pub config: Config,
    /// The topics to create before the first client comes.
    pub topics: Vec<StartTopic>,
    /// Where to write the port once clients can connect.
    pub port_file: Option<PathBuf>,
    pub notices: Notices,
}

/// A topic of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartTopic {
    pub name: String,
    /// `None` for as many as `num.partitions` says.
    pub partitions: Option<i32>,
}

/// What was given and has no effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// Properties of Kafka's that mean nothing here.
    pub ignored: Vec<String>,
    /// Properties that nobody knows, and where they stand.
    pub unknown: Vec<(String, Origin)>,
}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File {
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    Environment {
        variable: String,
    },
    Override,
    Listen,
    Advertise,
    /// A program that starts a broker of its own.
    Program,
}

/// Why the broker cannot start: one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// The command line is not as `--help` shows it.
    Usage(String),
    /// The properties file cannot be read.
    File { path: PathBuf, reason: String },
    /// A property has a value that it cannot have.
    Value { name: String, value: String, origin: Origin, complaint: String },
    /// Two settings do not go together.
    Conflict(String),
    /// A program set something that is not in the table.
    NoSuchSetting(String),
}

/// Whether there may be so many of what a property limits.
pub fn allows(limit: i32, count: usize) -> bool {
    usize::try_from(limit).is_ok_and(|limit| count <= limit)
}

impl Config {
    /// Reads the command line's arguments (without the program's name), the file that they name, and the environment.
    pub fn load(
        arguments: &[String],
        environment: impl IntoIterator<Item = (String, String)>,
        read_file: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Command, ConfigError> {
        let arguments = match args::parse(arguments)? {
            args::Parsed::Help => return Ok(Command::Help(args::HELP)),
            args::Parsed::Version => return Ok(Command::Version),
            args::Parsed::Run(arguments) => arguments,
        };
        let mut layers = Layers::default();
        if let Some(path) = &arguments.file {
            layers.add_file(path, read_file(path))?;
        }
        layers.add_environment(environment);
        for (name, value, origin) in arguments.properties {
            layers.add(&name, value, origin);
        }
        let (config, notices) = layers.into_config()?;
        let (topics, port_file) = (arguments.topics, arguments.port_file);
        Ok(Command::Run(Box::new(Startup { config, topics, port_file, notices })))
    }

    /// The address that clients of a listener are told. An empty host and the port 0 stand for those at which the
    /// client came, and so does `None`.
    pub fn advertised(&self, listener: &str) -> Option<&Listener> {
        self.advertised_listeners.iter().find(|advertised| advertised.name == listener)
    }

    /// Whether the broker can run with this. [`Config::load`] has looked already; who fills in the fields has not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_rules()?;
        listener::check(&self.listeners, &self.advertised_listeners).map_err(ConfigError::Conflict)
    }
}

/// The properties of all layers, each with the value that counts.
#[derive(Default)]
struct Layers {
    given: BTreeMap<String, (String, Origin)>,
}

impl Layers {
    /// A later value takes the place of an earlier one.
    fn add(&mut self, name: &str, value: String, origin: Origin) {
        let name = if name == "broker.id" { "node.id" } else { name };
        self.given.insert(name.to_owned(), (value, origin));
    }

    fn add_file(&mut self, path: &Path, text: io::Result<String>) -> Result<(), ConfigError> {
        let error = |reason| ConfigError::File { path: path.to_owned(), reason };
        let text = text.map_err(|reason| error(reason.to_string()))?;
        let properties = properties::parse(&text).map_err(|properties::BadEscape { line }| {
            error(format!("line {line} has \\u without four hexadecimal digits: write \\\\u, or the character itself"))
        })?;
        for property in properties {
            let origin = Origin::File { path: path.to_owned(), line: property.line };
            self.add(&property.name, property.value, origin);
        }
        Ok(())
    }

    /// Sorted, so that of two variables for one property the same one counts each time.
    fn add_environment(&mut self, environment: impl IntoIterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> = environment.into_iter().collect();
        for (variable, value) in variables {
            if let Some(name) = environment::property_name(&variable) {
                self.add(&name, value, Origin::Environment { variable });
            }
        }
    }

    fn into_config(mut self) -> Result<(Config, Notices), ConfigError> {
        let (mut config, mut notices) = (Config::default(), Notices::default());
        let protocols = self.take_protocols()?;
        for (name, (value, origin)) in self.given {
            if let Some(setting) = settings::find(&name) {
                config.apply(setting, &value, &origin)?;
                let for_clients = |listeners| {
                    let chosen = protocols.for_clients(listeners);
                    chosen.map_err(|complaint| ConfigError::value(&name, &value, &origin, complaint))
                };
                match setting.name {
                    "listeners" => config.listeners = for_clients(config.listeners)?,
                    "advertised.listeners" => config.advertised_listeners = for_clients(config.advertised_listeners)?,
                    _ => {}
                }
                continue;
            }
            match known::verdict(&name, &value) {
                Verdict::Ignored => notices.ignored.push(name),
                Verdict::Refused(reason) => return Err(ConfigError::value(&name, &value, &origin, reason.to_owned())),
                Verdict::Unknown => notices.unknown.push((name, origin)),
            }
        }
        config.check()?;
        Ok((config, notices))
    }

    /// Two properties only say how to read the listeners.
    fn take_protocols(&mut self) -> Result<Protocols, ConfigError> {
        let mut protocols = Protocols::default();
        if let Some((names, _)) = self.given.remove("controller.listener.names") {
            protocols.set_controllers(&names);
        }
        let map = "listener.security.protocol.map";
        if let Some((value, origin)) = self.given.remove(map) {
            let set = protocols.set_map(&value);
            set.map_err(|complaint| ConfigError::value(map, &value, &origin, complaint))?;
        }
        Ok(protocols)
    }
}

impl Notices {
    /// One line for all that is known, one for each that is not.
    pub fn log(&self) {
        if !self.ignored.is_empty() {
            let names: Vec<String> = self.ignored.iter().map(|name| name.escape_debug().to_string()).collect();
            log::info!("Ignoring settings that mean nothing here: {}", names.join(", "));
        }
        for (name, origin) in &self.unknown {
            log::warn!("Ignoring '{}' (from {origin}): Kafka has no such setting", name.escape_debug());
        }
    }
}

impl ConfigError {
    /// The complaint ends the sentence `NAME is 'VALUE' (from ORIGIN), but …`.
    fn value(name: &str, value: &str, origin: &Origin, complaint: String) -> ConfigError {
        ConfigError::Value { name: name.to_owned(), value: value.to_owned(), origin: origin.clone(), complaint }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Usage(sentence) => write!(f, "{sentence} See kafka-rs --help."),
            ConfigError::File { path, reason } => {
                write!(f, "The properties file {} cannot be read: {reason}.", path.display())
            }
            ConfigError::Value { name, value, origin, complaint } => {
                write!(f, "{name} is '{}' (from {origin}), but {complaint}.", value.escape_debug())
            }
            ConfigError::Conflict(sentence) => f.write_str(sentence),
            ConfigError::NoSuchSetting(name) => write!(f, "There is no setting {}.", name.escape_debug()),
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Origin::Environment { variable } => write!(f, "{variable} in the environment"),
            Origin::Override => f.write_str("--override"),
            Origin::Listen => f.write_str("--listen"),
            Origin::Advertise => f.write_str("--advertise"),
            Origin::Program => f.write_str("the program"),
        }
    }
}

#[cfg(test)]
mod tests;
