//! A property of a group or of a subscription to client metrics: what it may be and what it is if nobody says.

use crate::config::topic::Overrides;
use crate::config::{Entry, Kind, Rule, Source, Synonym, Value};

pub(super) struct Property {
    pub name: &'static str,
    pub kind: Kind,
    pub rule: Rule,
    pub default: &'static str,
    pub documentation: &'static str,
}

pub(super) const fn property(
    name: &'static str,
    kind: Kind,
    rule: Rule,
    default: &'static str,
    documentation: &'static str,
) -> Property {
    Property { name, kind, rule, default, documentation }
}

impl Property {
    /// The value that the text says; the error is Kafka's message.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        crate::config::parse(self.kind, self.rule, text).map_err(|problem| problem.message(self.name))
    }

    /// The value among those that are set, or the default.
    pub fn value(&self, set: &Overrides) -> Option<Value> {
        self.parse(set.get(self.name).map_or(self.default, String::as_str)).ok()
    }

    /// What DescribeConfigs says of it. Kafka lists the default among the synonyms for some resources and not for others.
    pub fn describe(&self, set: &Overrides, source: Source, lists_default: bool) -> Entry {
        let own = set.get(self.name).and_then(|text| self.parse(text).ok()).map(|value| value.show());
        let synonym = |value: String, source| Synonym { name: self.name, value, source };
        let default = Some(self.default.to_owned());
        let synonyms = match &own {
            Some(value) => vec![synonym(value.clone(), source)],
            None if lists_default => vec![synonym(self.default.to_owned(), Source::Default)],
            None => Vec::new(),
        };
        Entry {
            name: self.name,
            kind: self.kind,
            source: if own.is_some() { source } else { Source::Default },
            value: own.or_else(|| default.clone()),
            default,
            read_only: false,
            synonyms,
            documentation: self.documentation,
        }
    }
}
