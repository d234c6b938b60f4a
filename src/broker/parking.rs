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
use std::time::Instant;

use super::fetch::PendingFetch;
use super::ticket::ConnectionId;
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
    pub fn park(&mut self, fetch: PendingFetch, waits_for: Vec<PartitionKey>, deadline: Instant) -> ParkedFetchId {
        let id = self.next_id;
        self.next_id += 1;
        let previous = self.by_connection.insert(fetch.connection(), id);
        assert!(previous.is_none(), "a connection waits for one answer at a time");
        for key in &waits_for {
            self.by_partition.entry(*key).or_default().push(id);
        }
        self.fetches.insert(id, ParkedFetch { fetch, waits_for, deadline });
        id
    }

    /// Gives a fetch back, with the moment of its deadline.
    pub fn unpark(&mut self, id: ParkedFetchId) -> Option<(PendingFetch, Instant)> {
        let ParkedFetch { fetch, waits_for, deadline } = self.fetches.remove(&id)?;
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
        let mut woken = std::mem::take(&mut self.woken);
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
