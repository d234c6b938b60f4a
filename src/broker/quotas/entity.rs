//! What a quota is set for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A part of an entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// All that have no quota of their own.
    Default,
    Named(String),
}

/// The address that a text means. No name is looked up, and of all names only the one is known that means the same anywhere.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { text.parse::<IpAddr>().ok() }
}

/// What a quota is set for: all parts together, where absent means that the part does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entity {
    pub client_id: Option<Name>,
    pub user: Option<Name>,
    /// Never together with the others.
    pub ip: Option<Name>,
}

pub const CLIENT_ID: &str = "client-id";
pub const USER: &str = "user";
pub const IP: &str = "ip";

impl Entity {
    /// The part of a type, to set it.
    pub fn part_mut(&mut self, entity_type: &str) -> Option<&mut Option<Name>> {
        match entity_type {
            CLIENT_ID => Some(&mut self.client_id),
            USER => Some(&mut self.user),
            IP => Some(&mut self.ip),
            _ => None,
        }
    }

    /// The parts that matter, with their types.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &Name)> {
        [(CLIENT_ID, &self.client_id), (USER, &self.user), (IP, &self.ip)]
            .into_iter()
            .filter_map(|(entity_type, part)| part.as_ref().map(|name| (entity_type, name)))
    }
}

impl Name {
    /// The name as the protocol has it, where null stands for the default.
    pub fn from_wire(name: Option<String>) -> Self {
        name.map_or(Self::Default, Self::Named)
    }

    /// The bytes of the name.
    pub fn length(&self) -> usize {
        match self {
            Self::Default => 0,
            Self::Named(name) => name.len(),
        }
    }

    pub fn to_wire(&self) -> Option<String> {
        match self {
            Self::Default => None,
            Self::Named(name) => Some(name.clone()),
        }
    }
}

impl fmt::Display for Entity {
    /// As Kafka's messages show an entity.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientQuotaEntity(entries={")?;
        for (index, (entity_type, name)) in self.parts().enumerate() {
            let name = name.to_wire();
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{entity_type}={}", name.as_deref().unwrap_or("null"))?;
        }
        f.write_str("})")
    }
}
