//! What clients change while the broker runs.
//!
//! A setting can be changed for this broker or for all brokers; with one broker both act alike, but they are kept and
//! described apart, since they are also taken back apart:
//!
//! ```text
//! default  ◄  start  ◄  all brokers  ◄  this broker  ◄  a topic's own
//! ```
//!
//! The rules are Kafka's: which settings can be changed, what their values may be, and the words with which a change is
//! refused. A few properties of Kafka's can be changed and mean nothing here, as they mean nothing at start:
//! they are checked and kept. A name that Kafka does not know either is kept as a secret whose value is never shown.

use super::Config;
use super::known::{self, Verdict};
use super::settings::{self, Entry, Setting, Source, Synonym};
use super::topic::Overrides;
use super::value::Kind::{self, Double, Int, Long};
use super::value::Rule::{self, Any, AtLeast};
use super::value::{self, Value};

/// What was changed since the start, and what it was before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dynamic {
    all_brokers: Overrides,
    this_broker: Overrides,
    /// The configuration of the start, once something was changed.
    start: Option<Box<Config>>,
}

/// Whose settings a client changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    AllBrokers,
    ThisBroker,
}

/// Kafka's controller keeps this setting for all brokers from the start, so that it can tell which replicas may lead.
pub const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// A property that can be changed, checked and shown, and that changes nothing.
struct Idle {
    name: &'static str,
    kind: Kind,
    rule: Rule,
    default: Option<&'static str>,
}

const fn idle(name: &'static str, kind: Kind, rule: Rule, default: Option<&'static str>) -> Idle {
    Idle { name, kind, rule, default }
}

const IDLE: &[Idle] = &[
    idle("background.threads", Int, AtLeast(1), Some("10")),
    idle("follower.replication.throttled.rate", Long, AtLeast(0), None),
    idle("leader.replication.throttled.rate", Long, AtLeast(0), None),
    idle("log.cleaner.dedupe.buffer.size", Long, Any, Some("134217728")),
    idle("log.cleaner.io.buffer.load.factor", Double, Any, Some("0.9")),
    idle("log.cleaner.io.buffer.size", Int, AtLeast(0), Some("524288")),
    idle("log.cleaner.io.max.bytes.per.second", Double, Any, Some("1.7976931348623157E308")),
    idle("log.cleaner.threads", Int, AtLeast(0), Some("1")),
    idle("max.connection.creation.rate", Int, AtLeast(0), Some("2147483647")),
    idle("num.io.threads", Int, AtLeast(1), Some("8")),
    idle("num.network.threads", Int, AtLeast(1), Some("3")),
    idle("num.recovery.threads.per.data.dir", Int, AtLeast(1), Some("2")),
    idle("num.replica.fetchers", Int, AtLeast(1), Some("1")),
    idle("replica.alter.log.dirs.io.max.bytes.per.second", Long, AtLeast(0), None),
];

/// Keys and certificates, which Kafka changes for one listener at a time.
const SECURITY: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Read once at start, and no settings of their own.
const START_ONLY: &[&str] =
    &["broker.id", "controller.listener.names", "listener.security.protocol.map", "process.roles"];

const MAX_PER_IP: &str = "max.connections.per.ip";

/// What can become of a change.
enum Nature {
    /// It acts.
    Setting(&'static Setting),
    /// It means nothing here.
    Idle(&'static Idle),
    /// It would need a listener that speaks TLS.
    Security,
    /// It is as it was at start.
    Fixed,
    /// Kafka does not know it either.
    Unknown,
}

fn nature(name: &str) -> Nature {
    if let Some(setting) = settings::find(name) {
        return if settings::is_changeable(name) { Nature::Setting(setting) } else { Nature::Fixed };
    }
    if let Some(idle) = IDLE.iter().find(|idle| idle.name == name) {
        return Nature::Idle(idle);
    }
    if SECURITY.contains(&name) {
        return Nature::Security;
    }
    if START_ONLY.contains(&name) {
        return Nature::Fixed;
    }
    match known::verdict(name, "something") {
        Verdict::Unknown => Nature::Unknown,
        Verdict::Ignored | Verdict::Refused(_) => Nature::Fixed,
    }
}

/// Whether the broker could run with these changes; the error is Kafka's message.
pub fn check(changes: &Overrides) -> Result<(), String> {
    let of_nature = |wanted: fn(&Nature) -> bool| {
        changes.keys().map(String::as_str).filter(|name| wanted(&nature(name))).collect::<Vec<_>>()
    };
    let fixed = of_nature(|nature| matches!(nature, Nature::Fixed));
    if !fixed.is_empty() {
        // Kafka's messages show sets as Scala prints them.
        let class = if fixed.len() > 4 { "HashSet" } else { "Set" };
        return Err(format!("Cannot update these configs dynamically: {class}({})", fixed.join(", ")));
    }
    let security = of_nature(|nature| matches!(nature, Nature::Security));
    if !security.is_empty() {
        return Err(format!(
            "These security configs can be dynamically updated only per-listener using the listener prefix: HashSet({})",
            security.join(", ")
        ));
    }
    changes.iter().try_for_each(|(name, text)| check_value(name, text))
}

fn check_value(name: &str, text: &str) -> Result<(), String> {
    let (kind, rule) = match nature(name) {
        Nature::Setting(setting) => (setting.kind, setting.rule),
        Nature::Idle(idle) => (idle.kind, idle.rule),
        _ => return Ok(()),
    };
    let problem = match value::parse(kind, rule, text) {
        Ok(_) => return Ok(()),
        Err(problem) => problem,
    };
    let is_zero = value::parse(kind, Any, text) == Ok(Value::Integer(0));
    Err(match rule {
        Rule::OrUnlimited if is_zero => {
            format!("requirement failed: {name} must be unlimited (-1) or, greater than or equal to 1")
        }
        _ if name == MAX_PER_IP && is_zero => format!(
            "requirement failed: {name} can be set to zero only if max.connections.per.ip.overrides property is set."
        ),
        // In Kafka, 0 is refused for another reason than what is below.
        AtLeast(1) if name == MAX_PER_IP => problem.message(name).replace("at least 1", "at least 0"),
        _ => problem.message(name),
    })
}

/// The elements of a list that can be added to: those that a client named, else those of the configuration. `None` for
/// what is no list.
pub fn list_elements(config: &Config, name: &str) -> Option<Vec<String>> {
    match nature(name) {
        Nature::Setting(_) => match config.get(name) {
            Some(Value::List(elements)) => Some(elements),
            _ => None,
        },
        _ => None,
    }
}

impl Config {
    /// What was changed for one of the scopes.
    pub fn changes(&self, scope: Scope) -> &Overrides {
        match scope {
            Scope::AllBrokers => &self.dynamic.all_brokers,
            Scope::ThisBroker => &self.dynamic.this_broker,
        }
    }

    /// Replaces what was changed for one of the scopes; [`check`] has been passed.
    pub fn set_changes(&mut self, scope: Scope, changes: Overrides) {
        let Dynamic { mut all_brokers, mut this_broker, start } = std::mem::take(&mut self.dynamic);
        match scope {
            Scope::AllBrokers => all_brokers = changes,
            Scope::ThisBroker => this_broker = changes,
        }
        let start = start.unwrap_or_else(|| Box::new(self.clone()));
        *self = (*start).clone();
        // For this broker comes after, and so before, what is for all.
        for (name, text) in all_brokers.iter().chain(&this_broker) {
            if let Nature::Setting(setting) = nature(name) {
                self.change(setting, text);
            }
        }
        self.dynamic = Dynamic { all_brokers, this_broker, start: Some(start) };
    }

    /// Lets all brokers have the setting that Kafka's controller keeps for them, and no broker one of its own.
    pub fn keep_for_all_brokers(&mut self) {
        let mut this_broker = self.changes(Scope::ThisBroker).clone();
        if this_broker.remove(MIN_INSYNC_REPLICAS).is_some() {
            self.set_changes(Scope::ThisBroker, this_broker);
        }
        let mut all_brokers = self.changes(Scope::AllBrokers).clone();
        let value = self.min_insync_replicas.to_string();
        all_brokers.entry(MIN_INSYNC_REPLICAS.to_owned()).or_insert(value);
        self.set_changes(Scope::AllBrokers, all_brokers);
    }

    fn at_start(&self) -> &Config {
        self.dynamic.start.as_deref().unwrap_or(self)
    }

    /// The values that a setting, the first of `names`, could take its own from, the one that counts first. Where the
    /// setting has no value of its own and the others stand in for it, Kafka shows none of them.
    pub(super) fn synonyms(&self, names: &[&'static str], defaults: &Config) -> Vec<Synonym> {
        let mut synonyms = self.all_synonyms(names, defaults);
        let own = synonyms.iter().position(|synonym| Some(&synonym.name) == names.first());
        synonyms.split_off(own.unwrap_or(synonyms.len()))
    }

    /// The same with those that stand in.
    pub(super) fn all_synonyms(&self, names: &[&'static str], defaults: &Config) -> Vec<Synonym> {
        let mut synonyms = Vec::new();
        for scope in [Scope::ThisBroker, Scope::AllBrokers] {
            let source = scope.source();
            let shown =
                |name: &&'static str| Some((*name, settings::find(name)?.show(self.changes(scope).get(*name)?)?));
            synonyms.extend(names.iter().filter_map(shown).map(|(name, value)| Synonym { name, value, source }));
        }
        let start = self.at_start();
        let given =
            names.iter().filter(|name| start.is_given(name, defaults)).map(|name| (*name, start, Source::Broker));
        let default = names.iter().map(|name| (*name, defaults, Source::Default));
        for (name, config, source) in given.chain(default) {
            synonyms.extend(config.get(name).map(|value| Synonym { name, value: value.show(), source }));
        }
        synonyms
    }

    /// What was changed and means nothing here.
    pub fn idle_entries(&self) -> impl Iterator<Item = Entry> + '_ {
        IDLE.iter().filter_map(|idle| idle.describe(self))
    }

    /// The names that nobody knows, in their order, and for whom they were set last.
    pub fn unknown_changes(&self) -> impl Iterator<Item = (&str, Vec<Source>)> + '_ {
        let mut names: Vec<&str> =
            self.dynamic.all_brokers.keys().chain(self.dynamic.this_broker.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter(|name| matches!(nature(name), Nature::Unknown)).map(|name| {
            let scopes = [Scope::ThisBroker, Scope::AllBrokers].into_iter();
            (name, scopes.filter(|scope| self.changes(*scope).contains_key(name)).map(Scope::source).collect())
        })
    }
}

impl Scope {
    pub fn source(self) -> Source {
        match self {
            Scope::ThisBroker => Source::ThisBroker,
            Scope::AllBrokers => Source::AllBrokers,
        }
    }
}

impl Idle {
    /// `None` if nobody changed it.
    fn describe(&self, config: &Config) -> Option<Entry> {
        let mut synonyms = Vec::new();
        for scope in [Scope::ThisBroker, Scope::AllBrokers] {
            let text = config.changes(scope).get(self.name);
            let value = text.and_then(|text| value::parse(self.kind, self.rule, text).ok());
            synonyms.extend(value.map(|value| Synonym {
                name: self.name,
                value: value.show(),
                source: scope.source(),
            }));
        }
        let first = synonyms.first()?;
        let (value, source) = (first.value.clone(), first.source);
        let default = self.default.map(str::to_owned);
        synonyms.extend(default.clone().map(|value| Synonym { name: self.name, value, source: Source::Default }));
        Some(Entry {
            name: self.name,
            kind: self.kind,
            value: Some(value),
            default,
            source,
            // What has no default is no property of a broker, but of its quotas; Kafka marks it so.
            read_only: self.default.is_none(),
            synonyms,
            documentation: "It means nothing here.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn synonyms(config: &Config, name: &'static str) -> Vec<(String, Source)> {
        let entry = config.entries().find(|entry| entry.name == name).unwrap();
        entry.synonyms.into_iter().map(|synonym| (synonym.value, synonym.source)).collect()
    }

    #[test]
    fn messages_are_kafkas() {
        let check = |pairs: &[(&str, &str)], expect: &str| {
            assert_eq!(check(&changes(pairs)).unwrap_err(), expect, "{pairs:?}");
        };
        check(&[("num.partitions", "3")], "Cannot update these configs dynamically: Set(num.partitions)");
        check(
            &[
                ("node.id", "1"),
                ("broker.rack", "r"),
                ("num.partitions", "3"),
                ("log.dirs", "/"),
                ("process.roles", "broker"),
            ],
            "Cannot update these configs dynamically: \
             HashSet(broker.rack, log.dirs, node.id, num.partitions, process.roles)",
        );
        check(
            &[("ssl.keystore.location", "/")],
            "These security configs can be dynamically updated only per-listener using the listener prefix: \
             HashSet(ssl.keystore.location)",
        );
        check(
            &[("message.max.bytes", "x")],
            "Invalid value x for configuration message.max.bytes: Not a number of type INT",
        );
        check(
            &[("log.retention.ms", "0")],
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        );
        check(
            &[("max.connections.per.ip", "-1")],
            "Invalid value -1 for configuration max.connections.per.ip: Value must be at least 0",
        );
        check(&[("num.io.threads", "0")], "Invalid value 0 for configuration num.io.threads: Value must be at least 1");
    }

    #[test]
    fn what_is_for_this_broker_comes_before_what_is_for_all() {
        let mut config = Config::default();
        config.set("message.max.bytes", "1000").unwrap();
        config.set_changes(Scope::AllBrokers, changes(&[("message.max.bytes", "2000"), ("log.retention.ms", "5")]));
        config.set_changes(Scope::ThisBroker, changes(&[("message.max.bytes", "3000")]));
        assert_eq!((config.message_max_bytes, config.log_retention_ms), (3_000, Some(5)));
        let all = ["3000", "2000", "1000", "1048588"].map(str::to_owned);
        let sources = [Source::ThisBroker, Source::AllBrokers, Source::Broker, Source::Default];
        assert_eq!(synonyms(&config, "message.max.bytes"), all.into_iter().zip(sources).collect::<Vec<_>>());
        let retention = [("5", Source::AllBrokers), ("168", Source::Default)];
        assert_eq!(synonyms(&config, "log.retention.ms"), retention.map(|(text, source)| (text.to_owned(), source)));
        config.set_changes(Scope::ThisBroker, Overrides::new());
        assert_eq!(config.message_max_bytes, 2_000);
        config.set_changes(Scope::AllBrokers, Overrides::new());
        assert_eq!((config.message_max_bytes, config.log_retention_ms), (1_000, None));
        assert_eq!(synonyms(&config, "log.retention.ms"), []);
    }

    #[test]
    fn what_means_nothing_is_kept_apart() {
        let mut config = Config::default();
        config.set_changes(Scope::ThisBroker, changes(&[("num.io.threads", "9"), ("password", "1234")]));
        let idle: Vec<_> = config.idle_entries().map(|entry| (entry.name, entry.value.unwrap())).collect();
        assert_eq!(idle, [("num.io.threads", "9".to_owned())]);
        assert_eq!(config.unknown_changes().collect::<Vec<_>>(), [("password", vec![Source::ThisBroker])]);
    }

    #[test]
    fn nothing_idle_acts() {
        for idle in IDLE {
            assert!(settings::find(idle.name).is_none(), "{}", idle.name);
        }
    }
}
