//! A group's state, and what can be asked of it. Its transitions are in [`super::rebalance`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Instant;

use super::CONSUMER_PROTOCOL_TYPE;
use super::member::Member;
use super::members::Members;
use super::offsets::{CommittedOffset, Offsets};
use super::subscription;
use crate::broker::Now;
use crate::budget::{Budget, Share};
use crate::wire::ErrorCode;
use crate::wire::messages::join_group::{self, JoinGroupRequestProtocol, JoinGroupResponseMember};
use crate::wire::messages::sync_group;

/// Where a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There are no members: the group is new, or all have left, or it only holds offsets.
    Empty,
    /// A rebalance has begun: members join, and their JoinGroup requests wait until all that are known are there.
    PreparingRebalance,
    /// The generation has begun: the leader computes the assignment, and SyncGroup requests wait for it.
    CompletingRebalance,
    /// Every member can have its assignment.
    Stable,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants bear the names that Kafka shows.
        fmt::Debug::fmt(self, f)
    }
}

/// How an empty group gathers its first members (`group.initial.rebalance.delay.ms`).
#[derive(Debug)]
pub struct Gathering {
    /// How long the wait is that goes on now.
    pub delay_ms: i32,
    /// How long the group may go on waiting after it.
    pub left_ms: i32,
    /// Whether somebody has joined during this wait: then it is worth another one.
    pub grew: bool,
}

/// An id that was given to a new client.
#[derive(Debug)]
pub struct Pending {
    /// When nobody waits for the client any more.
    pub ends: Instant,
    /// The memory of the id.
    pub share: Share,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    pub(super) id: String,
    pub(super) state: State,
    /// Since when the group is in its state, in milliseconds since 1970.
    pub(super) state_since_ms: i64,
    /// Counts the rebalances; every request of a member carries it, so that those of former generations are told.
    pub(super) generation: i32,
    /// What the members are, such as `consumer`; unknown as long as nobody has joined.
    pub(super) protocol_type: Option<String>,
    /// The assignment strategy of this generation.
    pub(super) protocol_name: Option<String>,
    pub(super) leader_id: Option<String>,
    pub(super) members: Members,
    /// The ids that were given to new clients which have not come back with them, each with the end of its session.
    pub(super) pending: BTreeMap<String, Pending>,
    /// Only while the first members of an empty group gather.
    pub(super) gathering: Option<Gathering>,
    /// When the group stops waiting for members that have to join.
    pub(super) join_ends: Option<Instant>,
    /// When the group stops waiting for members that have to ask for their assignment.
    pub(super) sync_ends: Option<Instant>,
    /// The topics that the consumers of this generation read; `None` if that cannot be known.
    pub(super) subscribed_topics: Option<BTreeSet<String>>,
    pub offsets: Offsets,
}

impl Group {
    pub fn new(id: &str, now: Now, budget: &Budget) -> Self {
        Self {
            id: id.to_owned(),
            state: State::Empty,
            state_since_ms: now.unix_ms,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader_id: None,
            members: Members::default(),
            pending: BTreeMap::new(),
            gathering: None,
            join_ends: None,
            sync_ends: None,
            subscribed_topics: None,
            offsets: Offsets::new(budget),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn generation(&self) -> i32 {
        self.generation
    }

    pub fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    pub fn protocol_name(&self) -> Option<&str> {
        self.protocol_name.as_deref()
    }

    pub fn members(&self) -> &Members {
        &self.members
    }

    pub fn is_leader(&self, member_id: &str) -> bool {
        self.leader_id.as_deref() == Some(member_id)
    }

    /// Whether the id was given to a new client that has not come back with it yet.
    pub fn is_pending(&self, member_id: &str) -> bool {
        self.pending.contains_key(member_id)
    }

    /// Whether nothing is lost if the group goes.
    pub fn is_abandoned(&self) -> bool {
        self.state == State::Empty && self.offsets.is_empty()
    }

    /// Whether a request may speak for a member. The name of a static member decides first: whoever bears it under
    /// another id has been replaced.
    pub fn validate_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let member = self.members.instance(instance_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if member.id != member_id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        if self.members.contains(member_id) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    /// The same, for a request that belongs to a generation.
    pub fn validate_generation(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.validate_member(member_id, instance_id)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    /// Whether somebody with these protocols fits in: one of them has to be known to all members.
    pub fn fits(&self, protocol_type: &str, protocols: &[JoinGroupRequestProtocol]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.members.all_support(&protocol.name))
    }

    /// Whether there is room for a JoinGroup under this id.
    pub fn has_room(&self, member_id: &str, size_max: i32) -> bool {
        let below_max = |count: usize| i32::try_from(count).is_ok_and(|count| count < size_max);
        match self.state {
            State::Empty => true,
            // Who waits already is in. For everybody else the ones that wait are counted, not the members, so that the last
            // to come back are the ones that have to leave when the group is too large.
            State::PreparingRebalance => {
                self.members.get(member_id).is_some_and(Member::waits_for_join)
                    || below_max(self.members.iter().filter(|member| member.waits_for_join()).count())
            }
            State::CompletingRebalance | State::Stable => {
                self.members.contains(member_id) || below_max(self.members.len())
            }
        }
    }

    /// The protocol of the next generation: of those that all members know, the one that most members prefer. A tie goes
    /// to the one that the first member prefers.
    pub fn select_protocol(&self) -> Option<String> {
        let mut votes = HashMap::<&str, usize>::new();
        for protocol in self.members.iter().filter_map(|member| self.vote(member)) {
            *votes.entry(protocol).or_default() += 1;
        }
        // The last one of several that have the most votes is found, hence the order from the least preferred on.
        let names = self.members.iter().next()?.protocols().iter().rev().map(|protocol| protocol.name.as_str());
        names.max_by_key(|name| votes.get(name)).map(str::to_owned)
    }

    /// The protocol that a member prefers of those that all members know.
    fn vote<'a>(&self, member: &'a Member) -> Option<&'a str> {
        let mut names = member.protocols().iter().map(|protocol| protocol.name.as_str());
        names.find(|name| self.members.all_support(name))
    }

    /// How long members may take to come back: as long as the slowest of them asks for.
    pub fn rebalance_timeout_ms(&self) -> i32 {
        self.members.iter().map(|member| member.rebalance_timeout_ms).fold(0, i32::max)
    }

    /// Whether nobody is missing for the next generation.
    pub fn everybody_joined(&self) -> bool {
        self.pending.is_empty() && self.members.iter().all(Member::waits_for_join)
    }

    /// The topics that the members of this generation subscribe to, if they are consumers that can be understood.
    pub fn read_subscriptions(&self) -> Option<BTreeSet<String>> {
        if !self.is_consumer_group() {
            return None;
        }
        let mut all = BTreeSet::new();
        for member in self.members.iter() {
            all.extend(subscription::topics(&member.metadata(self.protocol_name.as_deref()?))?);
        }
        Some(all)
    }

    pub fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether consumers of the group may be reading the topic: if that cannot be known, they may.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.state != State::Empty
            && self.is_consumer_group()
            && self.subscribed_topics.as_ref().is_none_or(|topics| topics.contains(topic))
    }

    /// What a member of this generation is told. Only the leader learns who the others are.
    pub fn join_response(&self, member: &Member) -> join_group::Response {
        let members = if self.is_leader(&member.id) { self.listed_members() } else { Vec::new() };
        join_group::Response {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader_id.clone().unwrap_or_default(),
            member_id: member.id.clone(),
            members,
            ..join_group::Response::default()
        }
    }

    fn listed_members(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let list = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(list).collect()
    }

    /// A member's part of the assignment.
    pub fn sync_response(&self, member: &Member) -> sync_group::Response {
        sync_group::Response {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: member.assignment().clone(),
            ..sync_group::Response::default()
        }
    }

    /// Drops the offsets that have expired.
    ///
    /// A group that members have left keeps its offsets for the retention time from then on. Offsets that were committed
    /// without ever joining are kept from their commit on, and so are those that consumers have committed for topics
    /// which they no longer read. Everything else is in use.
    pub fn expire_offsets(&mut self, now_ms: i64, retention_ms: i64) {
        let emptied_ms = match (&self.protocol_type, self.state) {
            (Some(_), State::Empty) => Some(self.state_since_ms),
            (None, _) => None,
            (Some(_), State::Stable) if self.is_consumer_group() && self.subscribed_topics.is_some() => None,
            (Some(_), _) => return,
        };
        let expired = |offset: &CommittedOffset| match offset.expires_at_ms {
            Some(at_ms) => now_ms >= at_ms,
            None => now_ms.saturating_sub(emptied_ms.unwrap_or(offset.committed_at_ms)) >= retention_ms,
        };
        let subscribed = |topic: &str| self.subscribed_topics.as_ref().is_some_and(|topics| topics.contains(topic));
        self.offsets.retain(|topic, offset| subscribed(topic) || !expired(offset));
    }

    /// The bytes of its members, those that have not joined yet included.
    pub fn members_bytes(&self) -> usize {
        let pending = self.pending.values().map(|pending| pending.share.bytes()).sum::<usize>();
        self.members.iter().map(Member::held_bytes).sum::<usize>() + pending
    }

    /// What holds between any two requests. Checked in debug builds.
    pub fn invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        self.members.invariants();
        self.offsets.invariants();
        let leader = self.leader_id.as_deref();
        assert_eq!(leader.is_some(), !self.members.is_empty(), "a group with members has a leader");
        assert!(leader.is_none_or(|id| self.members.contains(id)), "the leader is a member");
        assert!(self.pending.keys().all(|id| !self.members.contains(id)), "nobody is a member and pending");
        assert!(self.members.is_empty() || self.protocol_type.is_some(), "members have a protocol type");
        assert!(self.join_ends.is_none() || self.state == State::PreparingRebalance);
        assert!(self.gathering.is_none() || self.state == State::PreparingRebalance);
        let any = |check: fn(&Member) -> bool| self.members.iter().any(check);
        match self.state {
            State::Empty => assert!(self.members.is_empty()),
            State::PreparingRebalance => {
                assert!(self.join_ends.is_some(), "a rebalance ends some time");
                assert!(self.gathering.is_some() || !self.everybody_joined(), "a rebalance waits for somebody");
            }
            State::CompletingRebalance | State::Stable => {
                assert!(!self.members.is_empty());
                assert!(self.protocol_name.as_deref().is_some_and(|name| self.members.all_support(name)));
                assert!(!any(Member::waits_for_join), "JoinGroup waits only for a generation to begin");
                assert_eq!(self.sync_ends.is_some(), any(|member| member.must_sync));
            }
        }
        if self.state != State::CompletingRebalance {
            assert!(!any(Member::waits_for_sync), "SyncGroup waits only for the leader's assignment");
        }
        if matches!(self.state, State::Empty | State::PreparingRebalance) {
            assert!(self.sync_ends.is_none() && !any(|member| member.must_sync));
        }
    }
}
