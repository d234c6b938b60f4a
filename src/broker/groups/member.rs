//! One member of a group.

use std::mem;
use std::time::Instant;

use bytes::Bytes;

use super::{Context, Deadline, join_group, sync_group};
use crate::broker::kept::ENTRY_BYTES;
use crate::broker::ticket::{Outbox, Ticket};
use crate::budget::Share;
use crate::wire::ErrorCode;
use crate::wire::messages;
use crate::wire::messages::describe_groups::DescribedGroupMember;
use crate::wire::messages::join_group::JoinGroupRequestProtocol;

/// The request of a member that is not answered yet.
#[derive(Debug, Default)]
pub enum Waiting {
    #[default]
    Nothing,
    /// A JoinGroup, until the next generation begins.
    Join(Ticket),
    /// A SyncGroup, until the leader's assignment is there.
    Sync(Ticket),
}

/// How long a member may be silent.
///
/// A heartbeat only moves `ends`. The deadline that was planned before stays; when it fires too early, it is planned
/// again. So a member has one deadline, however often it is heard of.
#[derive(Debug)]
pub struct Session {
    ends: Instant,
    /// When the earliest planned deadline fires.
    deadline: Option<Instant>,
}

/// What a member brings along each time that it joins.
#[derive(Debug)]
pub struct Joining {
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocols: Vec<JoinGroupRequestProtocol>,
    pub ticket: Ticket,
}

/// What a member takes beside its names and what it brings along.
pub const MEMBER_BYTES: usize = 1024;

/// A member of a group.
#[derive(Debug)]
pub struct Member {
    pub id: String,
    /// The name of a static member.
    pub instance_id: Option<String>,
    pub client_id: String,
    /// The client's address, as Java shows it.
    pub client_host: String,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    /// The strategies that it knows with its metadata for each, the preferred one first.
    protocols: Vec<JoinGroupRequestProtocol>,
    /// Its part of the leader's assignment.
    assignment: Bytes,
    /// The memory of all that.
    share: Share,
    /// Whether it has not seen a generation yet: it then does not know its id and cannot send heartbeats.
    pub is_new: bool,
    /// Whether it has to ask for its assignment in this generation.
    pub must_sync: bool,
    pub waiting: Waiting,
    session: Session,
}

impl Member {
    /// A member that waits for its first generation.
    pub fn new(
        id: String,
        instance_id: Option<String>,
        (client_id, client_host): (String, String),
        joining: Joining,
        context: &Context,
    ) -> Self {
        let mut member = Self {
            id,
            instance_id,
            client_id,
            client_host,
            session_timeout_ms: joining.session_timeout_ms,
            rebalance_timeout_ms: joining.rebalance_timeout_ms,
            protocols: joining.protocols,
            assignment: Bytes::new(),
            share: context.budget.share(),
            is_new: true,
            must_sync: false,
            waiting: Waiting::Join(joining.ticket),
            session: Session { ends: context.now.instant, deadline: None },
        };
        member.share.set(member.held_bytes());
        member
    }

    pub fn protocols(&self) -> &[JoinGroupRequestProtocol] {
        &self.protocols
    }

    /// Replaces its strategies, and gives the former ones.
    pub fn set_protocols(&mut self, protocols: Vec<JoinGroupRequestProtocol>) -> Vec<JoinGroupRequestProtocol> {
        let former = mem::replace(&mut self.protocols, protocols);
        self.share.set(self.held_bytes());
        former
    }

    pub fn assignment(&self) -> &Bytes {
        &self.assignment
    }

    pub fn set_assignment(&mut self, assignment: Bytes) {
        self.assignment = assignment;
        self.share.set(self.held_bytes());
    }

    /// The bytes of what the client has made it keep: names are in several maps, and in the deadline of its session.
    pub fn held_bytes(&self) -> usize {
        let protocol =
            |protocol: &JoinGroupRequestProtocol| ENTRY_BYTES + 2 * protocol.name.len() + protocol.metadata.len();
        let protocols = self.protocols.iter().map(protocol).sum::<usize>();
        let instance = self.instance_id.as_ref().map_or(0, |id| ENTRY_BYTES + 2 * id.len());
        let names = 3 * self.id.len() + self.client_id.len() + self.client_host.len();
        protocols + self.assignment.len() + instance + names + MEMBER_BYTES
    }

    pub fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    pub fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|supported| supported.name == protocol)
    }

    /// Its metadata for a protocol.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let supported = self.protocols.iter().find(|supported| supported.name == protocol);
        supported.map(|protocol| protocol.metadata.clone()).unwrap_or_default()
    }

    pub fn waits_for_join(&self) -> bool {
        matches!(self.waiting, Waiting::Join(_))
    }

    pub fn waits_for_sync(&self) -> bool {
        matches!(self.waiting, Waiting::Sync(_))
    }

    /// Begins to wait. A request that waited before came over a connection which its client has given up; it is told to
    /// try again.
    pub fn wait(&mut self, waiting: Waiting, outbox: &mut Outbox) {
        self.refuse(ErrorCode::REBALANCE_IN_PROGRESS, outbox);
        self.waiting = waiting;
    }

    /// Answers the request that waits, if there is one, with an error.
    pub fn refuse(&mut self, error: ErrorCode, outbox: &mut Outbox) {
        match mem::take(&mut self.waiting) {
            Waiting::Nothing => {}
            Waiting::Join(ticket) => {
                // Somebody who is told to be unknown has no id.
                let id = if error == ErrorCode::UNKNOWN_MEMBER_ID { "" } else { &self.id };
                ticket.answer(join_group::refusal(error, id), outbox);
            }
            Waiting::Sync(ticket) => ticket.answer(sync_group::refusal(error), outbox),
        }
    }

    /// Answers the JoinGroup that waits, if there is one.
    pub fn answer_join(&mut self, response: messages::join_group::Response, outbox: &mut Outbox) {
        match mem::take(&mut self.waiting) {
            Waiting::Join(ticket) => ticket.answer(response, outbox),
            other => self.waiting = other,
        }
    }

    /// Answers the SyncGroup that waits, and says whether there was one.
    pub fn answer_sync(&mut self, response: messages::sync_group::Response, outbox: &mut Outbox) -> bool {
        match mem::take(&mut self.waiting) {
            Waiting::Sync(ticket) => {
                ticket.answer(response, outbox);
                true
            }
            other => {
                self.waiting = other;
                false
            }
        }
    }

    /// The member was heard of: it may be silent for `timeout_ms` from now on.
    pub fn watch(&mut self, group_id: &str, timeout_ms: i32, context: &mut Context) {
        self.session.ends = context.now.after_ms(timeout_ms);
        if self.session.deadline.is_none_or(|deadline| deadline > self.session.ends) {
            self.plan_deadline(group_id, context);
        }
    }

    /// A deadline of this member fires; says whether its session has ended.
    pub fn session_ended(&mut self, group_id: &str, context: &mut Context) -> bool {
        let now = context.now.instant;
        if self.session.deadline.is_some_and(|deadline| deadline > now) {
            return false;
        }
        self.session.deadline = None;
        if self.session.ends > now {
            self.plan_deadline(group_id, context);
            return false;
        }
        // Who waits for an answer cannot send a heartbeat; the answer starts a new session. A new member whose client has
        // given up waiting would stay for ever, though, so it has to join again.
        self.is_new || matches!(self.waiting, Waiting::Nothing)
    }

    /// Another client goes on as this member, under an id of its own.
    pub fn start_over(&mut self, group_id: &str, context: &mut Context) {
        self.is_new = false;
        // Its id has changed, and may be longer.
        self.share.set(self.held_bytes());
        self.watch(group_id, self.session_timeout_ms, context);
    }

    fn plan_deadline(&mut self, group_id: &str, context: &mut Context) {
        self.unwatch(group_id, context);
        self.session.deadline = Some(self.session.ends);
        let (group_id, member_id) = (group_id.to_owned(), self.id.clone());
        context.schedule(self.session.ends, Deadline::Session { group_id, member_id });
    }

    /// Nobody waits for the end of its session any more.
    pub fn unwatch(&mut self, group_id: &str, context: &mut Context) {
        if let Some(at) = self.session.deadline.take() {
            let (group_id, member_id) = (group_id.to_owned(), self.id.clone());
            context.cancel(at, Deadline::Session { group_id, member_id });
        }
    }

    /// The member as DescribeGroups shows it; its metadata only if a protocol is chosen.
    pub fn describe(&self, protocol: Option<&str>) -> DescribedGroupMember {
        DescribedGroupMember {
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            member_metadata: protocol.map(|protocol| self.metadata(protocol)).unwrap_or_default(),
            member_assignment: self.assignment.clone(),
        }
    }
}
