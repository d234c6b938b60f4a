//! The memory of what clients make the broker remember beside records: settings, quotas, users, transactions. Groups, with their
//! members and offsets, and fetch sessions count their own.
//!
//! It counts in the budget of all memory. Each state says how many bytes one of its things takes, before a change and after it;
//! a change for which there is no room is refused. That a thing is smaller, or goes, is always taken.

use crate::budget::{Budget, Share};
use crate::config::dynamic::MIN_INSYNC_REPLICAS;
use crate::config::topic::Overrides;

/// What an entry of a map takes beside what is in it.
pub const ENTRY_BYTES: usize = 128;

/// There is no memory for what a client wants to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl NoRoom {
    /// What an administrator is told.
    pub fn sentence(self) -> String {
        "There is no memory for it (memory.max.bytes).".to_owned()
    }
}

/// The bytes of all that is kept.
#[derive(Debug)]
pub struct Kept {
    budget: Budget,
    share: Share,
}

impl Kept {
    pub fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), share: budget.share() }
    }

    pub fn bytes(&self) -> usize {
        self.share.bytes()
    }

    /// Whether something may take `after` bytes instead of `before`.
    pub fn check(&self, before: usize, after: usize) -> Result<(), NoRoom> {
        if after.saturating_sub(before) > self.budget.room() { Err(NoRoom) } else { Ok(()) }
    }

    /// Something takes `after` bytes now instead of `before`.
    pub fn replace(&mut self, before: usize, after: usize) {
        self.share.set(self.share.bytes() - before + after);
    }
}

/// The bytes of settings.
pub fn settings_bytes(settings: &Overrides) -> usize {
    settings.iter().map(entry_bytes).sum()
}

/// The bytes of settings of brokers, without the one that is always there.
pub fn broker_settings_bytes(settings: &Overrides) -> usize {
    let always = settings.get_key_value(MIN_INSYNC_REPLICAS).map_or(0, entry_bytes);
    settings_bytes(settings) - always
}

fn entry_bytes((name, text): (&String, &String)) -> usize {
    ENTRY_BYTES + name.len() + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_needs_room() {
        let budget = Budget::new(1000);
        let mut kept = Kept::new(&budget);
        assert_eq!(kept.check(0, 1000), Ok(()));
        kept.replace(0, 900);
        assert_eq!((kept.check(0, 101), kept.check(900, 1000)), (Err(NoRoom), Ok(())));
        let mut other = budget.share();
        other.set(1000);
        assert_eq!((kept.check(900, 901), kept.check(900, 900)), (Err(NoRoom), Ok(())));
        kept.replace(900, 0);
        assert_eq!(budget.held(), 1000);
    }
}
