//! Consumer groups: who shares a topic's partitions with whom, and how far each group has read.
//!
//! This is Kafka's classic group protocol. The broker knows nothing of topics and assignments here: members hand in
//! metadata that only they understand, the broker makes one of them the leader, and the leader hands out the assignment.
//! What the broker gives is agreement: every member of a generation sees the same leader and the same protocol.
//!
//! ```text
//!                 a member joins                         everybody has joined, or time is up
//!    ┌───────┐ ─────────────────► ┌────────────────────┐ ───────────────► ┌─────────────────────┐
//! ──►│ Empty │                    │ PreparingRebalance │                  │ CompletingRebalance │
//!    └───────┘ ◄───────────────── └────────────────────┘ ◄─────────────── └─────────────────────┘
//!        │       nobody is left              ▲     somebody joins, leaves or fails    │
//!        ▼                                   │                                        │ the leader's
//!  removed, once it                          │              ┌────────┐                │ assignment
//!  holds no offsets                          └───────────── │ Stable │ ◄──────────────┘
//!                                                           └────────┘
//! ```
//!
//! Two requests wait. A JoinGroup waits in [`PreparingRebalance`](group::State) until the generation begins; a SyncGroup
//! waits in `CompletingRebalance` for the leader's assignment. The member that sent it keeps the ticket. That the
//! connection is gone changes nothing: the member stays until its session ends, and its answer goes nowhere.
//!
//! [`group`] is a group's state and what can be asked of it, `rebalance` its transitions, [`offsets`] what it has
//! committed; each API has its own file. A group that is not in [`Groups`] is what Kafka calls `Dead`.

pub mod delete_groups;
pub mod describe_groups;
pub mod group;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod member;
pub mod members;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offsets;
mod rebalance;
mod subscription;
pub mod sync_group;
pub mod txn_offset_commit;

use std::collections::HashMap;
use std::time::Instant;

use log::debug;

use self::group::Group;
use self::member::MEMBER_BYTES;
use super::deadlines::{Deadlines, Now};
use super::ticket::Outbox;
use super::{Broker, Deadline as BrokerDeadline};
use crate::budget::Budget;
use crate::config::{self, Config};
use crate::wire::ErrorCode;

/// The protocol type of consumers: the one kind of member whose metadata is looked at, for the topics it subscribes to.
const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// What a client is told for whose member, or for whose offsets, there is no memory. It finds out about the coordinator again
/// and then tries again.
const NO_ROOM: ErrorCode = ErrorCode::COORDINATOR_NOT_AVAILABLE;

/// What can become due in a group. One that is outdated when it fires is ignored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// A member, or a client that was given a member id to join with, has been silent for its session timeout.
    Session { group_id: String, member_id: String },
    /// The group has waited long enough for its members to join.
    Join { group_id: String },
    /// The group has waited long enough for its members to ask for their assignment.
    Sync { group_id: String },
    /// It is time to look for offsets that nobody needs any more.
    ExpireOffsets,
}

/// All groups, in the order of their ids.
#[derive(Debug, Default)]
pub struct Groups {
    by_id: HashMap<String, Group>,
}

impl Groups {
    fn get(&self, id: &str) -> Option<&Group> {
        self.by_id.get(id)
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.by_id.get_mut(id)
    }

    /// A group that may be new, unless there are `max.groups` already.
    fn get_or_create(&mut self, id: &str, config: &Config, budget: &Budget, now: Now) -> Result<&mut Group, ErrorCode> {
        if !self.by_id.contains_key(id) {
            if !config::allows(config.max_groups, self.by_id.len() + 1) {
                return Err(ErrorCode::POLICY_VIOLATION);
            }
            self.by_id.insert(id.to_owned(), Group::new(id, now, budget));
        }
        Ok(self.by_id.get_mut(id).expect("it is there now"))
    }

    fn remove(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    /// A producer's transaction is over: the offsets that it has brought for a group count now, or are gone.
    pub fn end_transaction(&mut self, group: &str, producer_id: i64, committed: bool) {
        if let Some(group) = self.get_mut(group) {
            group.offsets.end_transaction(producer_id, committed);
        }
    }

    /// The bytes that members make their groups keep.
    pub fn members_bytes(&self) -> usize {
        self.iter().map(Group::members_bytes).sum()
    }

    /// The bytes of what was committed.
    pub fn offsets_bytes(&self) -> usize {
        self.iter().map(|group| group.offsets.held_bytes()).sum()
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        self.iter().for_each(Group::invariants);
    }

    fn iter(&self) -> impl Iterator<Item = &Group> {
        self.by_id.values()
    }

    /// All groups in the order of their ids.
    fn sorted(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.iter().collect();
        groups.sort_unstable_by_key(|group| group.id());
        groups
    }

    /// Drops the offsets of a topic that was deleted, in every group.
    pub fn forget_topic(&mut self, name: &str) {
        self.by_id.values_mut().for_each(|group| group.offsets.forget_topic(name));
    }
}

/// What a group needs of the broker besides itself.
#[derive(Debug)]
pub struct Context<'a> {
    now: Now,
    config: &'a Config,
    budget: &'a Budget,
    deadlines: &'a mut Deadlines<BrokerDeadline>,
    outbox: &'a mut Outbox,
}

impl<'a> Context<'a> {
    /// Splits the broker into its groups and what they need.
    fn split(broker: &'a mut Broker, now: Now) -> (&'a mut Groups, Self) {
        let Broker { groups, config, budget, deadlines, outbox, .. } = broker;
        (groups, Self { now, config, budget, deadlines, outbox })
    }

    fn schedule(&mut self, at: Instant, deadline: Deadline) {
        self.deadlines.schedule(at, BrokerDeadline::Group(deadline));
    }

    /// What was planned is not needed any more. It would do no harm, but clients can plan much for a far day.
    fn cancel(&mut self, at: Instant, deadline: Deadline) {
        self.deadlines.cancel(at, BrokerDeadline::Group(deadline));
    }

    /// Whether there is memory for what a client brings: it is kept some times over.
    fn check_room(&self, request_bytes: usize) -> Result<(), ErrorCode> {
        let needed = MEMBER_BYTES.saturating_add(request_bytes.saturating_mul(4));
        if needed > self.budget.room() { Err(NO_ROOM) } else { Ok(()) }
    }
}

/// Does what is due in a group.
pub fn on_deadline(broker: &mut Broker, deadline: Deadline, now: Now) {
    let (groups, mut context) = Context::split(broker, now);
    match deadline {
        Deadline::Session { group_id, member_id } => {
            if let Some(group) = groups.get_mut(&group_id) {
                group.on_session_deadline(&member_id, &mut context);
            }
        }
        Deadline::Join { group_id } => {
            if let Some(group) = groups.get_mut(&group_id) {
                group.on_join_deadline(&mut context);
            }
        }
        Deadline::Sync { group_id } => {
            if let Some(group) = groups.get_mut(&group_id) {
                group.on_sync_deadline(&mut context);
            }
        }
        Deadline::ExpireOffsets => {
            expire_offsets(groups, &context);
            schedule_expiry(broker, now);
        }
    }
}

/// Plans the next look at offsets that may have expired.
pub fn schedule_expiry(broker: &mut Broker, now: Now) {
    let at = now.after_ms(broker.config.offsets_retention_check_interval_ms);
    broker.deadlines.schedule(at, BrokerDeadline::Group(Deadline::ExpireOffsets));
}

/// Drops expired offsets, and the groups that have neither offsets nor members.
fn expire_offsets(groups: &mut Groups, context: &Context) {
    let retention_ms = i64::from(context.config.offsets_retention_minutes) * 60_000;
    groups.by_id.retain(|id, group| {
        group.expire_offsets(context.now.unix_ms, retention_ms);
        let keep = !group.is_abandoned();
        if !keep {
            debug!("Group {id:?} is empty and has no offsets: it is removed");
        }
        keep
    });
}
