//! The fetches that wait: how a broker holds answers back without a thread, a future or a sleep.
//!
//! A Fetch that finds too few bytes is put here, whole, with its ticket. It is known under the partitions that it waits
//! for, under its connection, and in the deadlines under its `max_wait_ms`:
//!
//! ```text
//!                      ┌─ a batch is appended ──► touch ──► woken, looked at once the turn ends ─┬─► answered
//!   Fetch ──► park ────┤                                                 ▲      enough? no ──► parked again
//!                      ├─ its deadline comes ────────────────────────────┼─────────────────────────► answered
//!                      └─ its connection closes ──► forgotten            │
//!                                                    the topic is deleted┘
//! ```
//!
//! An append only notes whom it concerns. The fetches are looked at when the turn ends, never in the middle of another
//! request, and only once however many batches came.

use std::collections::HashMap;
use std::mem;
use std::time::Instant;

use super::fetch::PendingFetch;
use super::ticket::ConnectionId;
use crate::budget::{Budget, Share};
use crate::wire::Uuid;

/// One waiting fetch; never used again.
pub type ParkedFetchId = u64;

/// A topic's id and the index of one of its partitions.
pub type PartitionKey = (Uuid, i32);

/// Why a fetch is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A partition that it waits for has grown: perhaps there is enough now.
    Grown,
    /// A topic that it waits for is gone: its client has to be told.
    Gone,
}

#[derive(Debug)]
struct ParkedFetch {
    fetch: PendingFetch,
    waits_for: Vec<PartitionKey>,
    deadline: Instant,
    share: Share,
}

#[derive(Debug, Default)]
pub struct Parking {
    fetches: HashMap<ParkedFetchId, ParkedFetch>,
    by_partition: HashMap<PartitionKey, Vec<ParkedFetchId>>,
    by_connection: HashMap<ConnectionId, ParkedFetchId>,
    woken: Vec<(ParkedFetchId, Wake)>,
    next_id: ParkedFetchId,
}

impl Parking {
    /// Keeps a fetch until one of the partitions grows. The caller sees to the deadline.
    pub fn park(
        &mut self,
        fetch: PendingFetch,
        waits_for: Vec<PartitionKey>,
        deadline: Instant,
        budget: &Budget,
    ) -> ParkedFetchId {
        let id = self.next_id;
        self.next_id += 1;
        let previous = self.by_connection.insert(fetch.connection(), id);
        assert!(previous.is_none(), "a connection waits for one answer at a time");
        for key in &waits_for {
            self.by_partition.entry(*key).or_default().push(id);
        }
        let mut share = budget.share();
        share.set(held_bytes(&fetch, &waits_for));
        self.fetches.insert(id, ParkedFetch { fetch, waits_for, deadline, share });
        id
    }

    /// Gives a fetch back, with the moment of its deadline.
    pub fn unpark(&mut self, id: ParkedFetchId) -> Option<(PendingFetch, Instant)> {
        let ParkedFetch { fetch, waits_for, deadline, .. } = self.fetches.remove(&id)?;
        self.by_connection.remove(&fetch.connection());
        for key in waits_for {
            let Some(waiting) = self.by_partition.get_mut(&key) else { continue };
            waiting.retain(|other| *other != id);
            if waiting.is_empty() {
                self.by_partition.remove(&key);
            }
        }
        Some((fetch, deadline))
    }

    /// The bytes of all that is parked.
    pub fn held_bytes(&self) -> usize {
        self.fetches.values().map(|parked| held_bytes(&parked.fetch, &parked.waits_for)).sum()
    }

    /// The connections that wait.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.by_connection.keys().copied()
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        assert_eq!(self.by_connection.len(), self.fetches.len());
        for (id, parked) in &self.fetches {
            assert_eq!(self.by_connection.get(&parked.fetch.connection()), Some(id));
            assert_eq!(parked.share.bytes(), held_bytes(&parked.fetch, &parked.waits_for));
            assert!(parked.waits_for.iter().all(|key| self.by_partition.get(key).is_some_and(|ids| ids.contains(id))));
        }
        assert!(self.by_partition.values().flatten().all(|id| self.fetches.contains_key(id)));
    }

    /// Looks at a parked fetch where it is.
    pub fn get(&self, id: ParkedFetchId) -> Option<&PendingFetch> {
        self.fetches.get(&id).map(|parked| &parked.fetch)
    }

    /// A partition has grown.
    pub fn touch(&mut self, topic: Uuid, partition: i32) {
        if let Some(waiting) = self.by_partition.get(&(topic, partition)) {
            self.woken.extend(waiting.iter().map(|id| (*id, Wake::Grown)));
        }
    }

    /// A topic is gone: whoever waits for any of its partitions has to be told.
    pub fn touch_topic(&mut self, topic: Uuid) {
        let of_topic = self.by_partition.iter().filter(|((id, _), _)| *id == topic);
        self.woken.extend(of_topic.flat_map(|(_, waiting)| waiting.iter().map(|id| (*id, Wake::Gone))));
    }

    /// The fetches whose partitions were touched since the last call, in the order in which they were parked.
    pub fn take_woken(&mut self) -> Vec<(ParkedFetchId, Wake)> {
        let mut woken = mem::take(&mut self.woken);
        woken.sort_unstable();
        woken.dedup();
        woken
    }

    /// Drops the fetch of a connection that is gone, and gives its deadline.
    pub fn forget(&mut self, connection: ConnectionId) -> Option<(Instant, ParkedFetchId)> {
        let id = *self.by_connection.get(&connection)?;
        let (_fetch, deadline) = self.unpark(id)?;
        Some((deadline, id))
    }
}

/// What a fetch that waits takes: what it wants, and its partitions, twice.
fn held_bytes(fetch: &PendingFetch, waits_for: &[PartitionKey]) -> usize {
    fetch.held_bytes() + 2 * mem::size_of_val(waits_for)
}
