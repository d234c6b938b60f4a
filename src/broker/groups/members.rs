//! The members of a group, in the order in which they joined.
//!
//! The order is what makes everything that depends on it repeatable: who becomes the leader, and how members are listed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::member::Member;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;

/// Members by number, where numbers follow the order of joining, with an index for each kind of name.
#[derive(Debug, Default)]
pub struct Members {
    by_number: BTreeMap<u64, Member>,
    ids: HashMap<String, u64>,
    instance_ids: HashMap<String, u64>,
    /// How many members know each protocol. Members may bring any number of them, so they are not compared one by one.
    supporters: HashMap<String, usize>,
    next_number: u64,
}

impl Members {
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    pub fn get(&self, id: &str) -> Option<&Member> {
        self.by_number.get(self.ids.get(id)?)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_number.get_mut(self.ids.get(id)?)
    }

    /// The static member of that name.
    pub fn instance(&self, instance_id: &str) -> Option<&Member> {
        self.by_number.get(self.instance_ids.get(instance_id)?)
    }

    /// In the order of joining.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_number.values()
    }

    /// In the order of joining.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.by_number.values_mut()
    }

    /// Whether all members know a protocol.
    pub fn all_support(&self, protocol: &str) -> bool {
        self.supporters.get(protocol).copied().unwrap_or(0) == self.len()
    }

    pub fn insert(&mut self, member: Member) {
        let number = self.next_number;
        self.next_number += 1;
        self.ids.insert(member.id.clone(), number);
        if let Some(instance_id) = &member.instance_id {
            self.instance_ids.insert(instance_id.clone(), number);
        }
        self.count_supporter(member.protocols(), true);
        self.by_number.insert(number, member);
    }

    pub fn remove(&mut self, id: &str) -> Option<Member> {
        let member = self.by_number.remove(&self.ids.remove(id)?)?;
        if let Some(instance_id) = &member.instance_id {
            self.instance_ids.remove(instance_id);
        }
        self.count_supporter(member.protocols(), false);
        Some(member)
    }

    /// A member brings other protocols, or other metadata for them.
    pub fn set_protocols(&mut self, id: &str, protocols: Vec<JoinGroupRequestProtocol>) {
        let Some(member) = self.get_mut(id) else { return };
        let former = member.set_protocols(protocols.clone());
        self.count_supporter(&former, false);
        self.count_supporter(&protocols, true);
    }

    fn count_supporter(&mut self, protocols: &[JoinGroupRequestProtocol], more: bool) {
        // A protocol that is there twice has one supporter all the same.
        let names: HashSet<&str> = protocols.iter().map(|protocol| protocol.name.as_str()).collect();
        for name in names {
            let count = self.supporters.entry(name.to_owned()).or_default();
            if more {
                *count += 1;
                continue;
            }
            *count -= 1;
            if *count == 0 {
                self.supporters.remove(name);
            }
        }
    }

    /// Gives a member another id; its place in the order stays.
    pub fn rename(&mut self, old_id: &str, new_id: &str) -> Option<&mut Member> {
        let number = self.ids.remove(old_id)?;
        self.ids.insert(new_id.to_owned(), number);
        let member = self.by_number.get_mut(&number)?;
        new_id.clone_into(&mut member.id);
        Some(member)
    }

    /// The indexes and the members agree.
    pub fn invariants(&self) {
        assert_eq!(self.ids.len(), self.by_number.len());
        for (protocol, count) in &self.supporters {
            assert_eq!(self.iter().filter(|member| member.supports(protocol)).count(), *count);
        }
        assert_eq!(self.instance_ids.len(), self.iter().filter(|member| member.is_static()).count());
        for (number, member) in &self.by_number {
            assert_eq!(self.ids.get(&member.id), Some(number));
            assert!(member.instance_id.as_ref().is_none_or(|id| self.instance_ids.get(id) == Some(number)));
        }
    }
}
