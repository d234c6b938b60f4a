//! A group's transitions: members come, go and fail; generations begin.
//!
//! Whatever happens to the members ends in one of two questions. In a group that stands still: does this begin a
//! rebalance? In one that rebalances: is everybody there now, so that the generation can begin?

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use log::{debug, info};

use super::group::{Gathering, Group, Pending, State};
use super::member::{Joining, Member, Waiting};
use super::{Context, Deadline, sync_group};
use crate::broker::kept::ENTRY_BYTES;
use crate::broker::ticket::Ticket;
use crate::wire::ErrorCode;

/// How long a new member waits for its first generation at most. Its client cannot send heartbeats before, and one that
/// has gone must not stay a member for ever.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// When only absent static members are left, the group waits for them again and again, but not without a pause, however
/// short their rebalance timeouts are.
const REJOIN_WAIT_MS_MIN: i32 = 1000;

impl Group {
    /// Remembers an id that was given to a new client, until it comes back with it or its session ends.
    pub fn expect(&mut self, member_id: String, session_timeout_ms: i32, context: &mut Context) {
        let ends = context.now.after_ms(session_timeout_ms);
        context.schedule(ends, Deadline::Session { group_id: self.id.clone(), member_id: member_id.clone() });
        let mut share = context.budget.share();
        // The id is in the deadline too, together with the group's.
        share.set(2 * (ENTRY_BYTES + member_id.len()) + self.id.len());
        self.pending.insert(member_id, Pending { ends, share });
        self.invariants();
    }

    /// Takes in a new member.
    pub fn admit(&mut self, mut member: Member, protocol_type: String, context: &mut Context) {
        if let Some(gathering) = &mut self.gathering {
            gathering.grew = true;
        }
        self.forget_pending(&member.id, context);
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type);
        }
        self.leader_id.get_or_insert_with(|| member.id.clone());
        member.watch(&self.id, NEW_MEMBER_JOIN_TIMEOUT_MS, context);
        let reason = format!("{:?} joins", member.id);
        self.members.insert(member);
        self.rebalance_or_complete(&reason, context);
        self.invariants();
    }

    /// A member joins again, and a generation has to begin for it.
    pub fn rejoin(&mut self, member_id: &str, joining: Joining, context: &mut Context) {
        self.update(member_id, joining, context);
        self.rebalance_or_complete(&format!("{member_id:?} joins again"), context);
        self.invariants();
    }

    /// A client that does not know its id joins under the name of a static member, and replaces it.
    ///
    /// In a stable group it goes on with the assignment of the one before, without a rebalance, if it does not change
    /// the group's protocol. Before version 9 of JoinGroup the response cannot say that nothing is to be assigned. There
    /// the leader's former id stands in it, so that a replaced leader does not take itself for one (KIP-814).
    pub fn replace(&mut self, old_id: &str, new_id: &str, joining: Joining, context: &mut Context) {
        let may_skip_assignment = joining.ticket.version() >= 9;
        let old_leader = self.leader_id.clone().unwrap_or_default();
        if let Some(member) = self.members.get_mut(old_id) {
            member.refuse(ErrorCode::FENCED_INSTANCE_ID, context.outbox);
        }
        if let Some(member) = self.members.get_mut(old_id) {
            member.unwatch(&self.id, context);
        }
        if let Some(member) = self.members.rename(old_id, new_id) {
            member.start_over(&self.id, context);
        }
        self.update(new_id, joining, context);
        if self.is_leader(old_id) {
            self.leader_id = Some(new_id.to_owned());
        }
        match self.state {
            State::Stable if self.protocol_name == self.select_protocol() => {
                if let Some(mut response) = self.members.get(new_id).map(|member| self.join_response(member)) {
                    if may_skip_assignment {
                        response.skip_assignment = self.is_leader(new_id);
                    } else {
                        response.leader = old_leader;
                        response.members.clear();
                    }
                    if let Some(member) = self.members.get_mut(new_id) {
                        member.answer_join(response, context.outbox);
                    }
                }
            }
            // While the leader computes the assignment, it knows only the former id.
            _ => self.rebalance_or_complete(&format!("{new_id:?} replaces {old_id:?}"), context),
        }
        self.invariants();
    }

    /// A member asks for its assignment, and the leader brings everybody's.
    pub fn sync(
        &mut self,
        member_id: &str,
        assignments: HashMap<String, Bytes>,
        ticket: Ticket,
        context: &mut Context,
    ) {
        let Some(member) = self.members.get_mut(member_id) else {
            return ticket.answer(sync_group::refusal(ErrorCode::UNKNOWN_MEMBER_ID), context.outbox);
        };
        member.must_sync = false;
        match self.state {
            State::Empty | State::PreparingRebalance => {
                ticket.answer(sync_group::refusal(ErrorCode::REBALANCE_IN_PROGRESS), context.outbox);
            }
            State::CompletingRebalance => {
                member.wait(Waiting::Sync(ticket), context.outbox);
                if self.is_leader(member_id) {
                    self.distribute(assignments, context);
                }
            }
            State::Stable => {
                let response = self.members.get(member_id).map(|member| self.sync_response(member));
                let unknown = || sync_group::refusal(ErrorCode::UNKNOWN_MEMBER_ID);
                ticket.answer(response.unwrap_or_else(unknown), context.outbox);
            }
        }
        if !self.members.iter().any(|member| member.must_sync) {
            self.plan_sync(None, context);
        }
        self.invariants();
    }

    /// A member is heard of.
    pub fn touch(&mut self, member_id: &str, context: &mut Context) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.watch(&self.id, member.session_timeout_ms, context);
        }
    }

    /// A member leaves, or an id is given back that nobody has joined with yet. To be followed by
    /// [`Group::close_ranks`], once for all that leave together.
    pub fn leave(&mut self, member_id: &str, context: &mut Context) {
        if !self.forget_pending(member_id, context) {
            self.remove(member_id, context);
        }
    }

    /// Forgets an id that was given to a new client, if it is one.
    fn forget_pending(&mut self, member_id: &str, context: &mut Context) -> bool {
        let Some(pending) = self.pending.remove(member_id) else { return false };
        let (group_id, member_id) = (self.id.clone(), member_id.to_owned());
        context.cancel(pending.ends, Deadline::Session { group_id, member_id });
        true
    }

    /// Goes on after members have left.
    pub fn close_ranks(&mut self, context: &mut Context) {
        if self.state != State::Empty {
            self.rebalance_or_complete("somebody has left", context);
        }
        self.invariants();
    }

    /// Turns somebody away who comes to a group that is full: no longer a member, if it was one.
    pub fn turn_away(&mut self, member_id: &str, context: &mut Context) {
        self.leave(member_id, context);
        if self.state == State::PreparingRebalance {
            self.rebalance_or_complete("the group is full", context);
        }
        self.invariants();
    }

    /// The session of a member or of a pending id may have ended.
    pub fn on_session_deadline(&mut self, member_id: &str, context: &mut Context) {
        let now = context.now.instant;
        if self.pending.get(member_id).is_some_and(|pending| pending.ends <= now) {
            debug!("Group {:?}: nobody has joined as {member_id:?}", self.id);
            self.pending.remove(member_id);
        } else {
            let Some(member) = self.members.get_mut(member_id) else { return };
            if !member.session_ended(&self.id, context) {
                return;
            }
            self.remove(member_id, context);
            if matches!(self.state, State::CompletingRebalance | State::Stable) {
                self.prepare_rebalance(&format!("the session of {member_id:?} has ended"), context);
            }
        }
        // Even the first members of a group wait no longer than for the last one that has not come.
        if self.state == State::PreparingRebalance && self.everybody_joined() {
            self.complete_join(context);
        }
        self.invariants();
    }

    /// The time to join may be over.
    pub fn on_join_deadline(&mut self, context: &mut Context) {
        if self.join_ends.is_none_or(|ends| ends > context.now.instant) {
            return;
        }
        let delay_ms = context.config.group_initial_rebalance_delay_ms;
        match &mut self.gathering {
            Some(gathering) if gathering.grew && gathering.left_ms > 0 => {
                let next_ms = delay_ms.min(gathering.left_ms);
                let left_ms = gathering.left_ms.saturating_sub(gathering.delay_ms).max(0);
                *gathering = Gathering { delay_ms: next_ms, left_ms, grew: false };
                self.wait_for_joins(next_ms, context);
            }
            _ => self.complete_join(context),
        }
        self.invariants();
    }

    /// The time to ask for assignments may be over: who has not asked is removed.
    pub fn on_sync_deadline(&mut self, context: &mut Context) {
        if self.sync_ends.is_none_or(|ends| ends > context.now.instant) {
            return;
        }
        let late = self.members.iter().filter(|member| member.must_sync).map(|member| member.id.clone());
        let late: Vec<String> = late.collect();
        late.iter().for_each(|id| self.remove(id, context));
        self.prepare_rebalance(&format!("{late:?} did not ask for their assignment in time"), context);
        self.invariants();
    }

    /// Takes over what a member brings along, and lets it wait for the next generation.
    fn update(&mut self, member_id: &str, joining: Joining, context: &mut Context) {
        self.members.set_protocols(member_id, joining.protocols);
        if let Some(member) = self.members.get_mut(member_id) {
            member.session_timeout_ms = joining.session_timeout_ms;
            member.rebalance_timeout_ms = joining.rebalance_timeout_ms;
            member.wait(Waiting::Join(joining.ticket), context.outbox);
        }
    }

    fn rebalance_or_complete(&mut self, reason: &str, context: &mut Context) {
        match self.state {
            State::Empty | State::CompletingRebalance | State::Stable => self.prepare_rebalance(reason, context),
            State::PreparingRebalance if self.gathering.is_none() && self.everybody_joined() => {
                self.complete_join(context);
            }
            State::PreparingRebalance => {}
        }
    }

    /// Calls all members to join again.
    fn prepare_rebalance(&mut self, reason: &str, context: &mut Context) {
        info!("Group {:?} rebalances after generation {}: {reason}", self.id, self.generation);
        if self.state == State::CompletingRebalance {
            self.cancel_assignment(context);
        }
        self.plan_sync(None, context);
        self.members.iter_mut().for_each(|member| member.must_sync = false);
        let was_empty = self.state == State::Empty;
        self.enter(State::PreparingRebalance, context);
        if was_empty {
            let delay_ms = context.config.group_initial_rebalance_delay_ms;
            let left_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            self.gathering = Some(Gathering { delay_ms, left_ms, grew: false });
            self.wait_for_joins(delay_ms, context);
        } else if self.everybody_joined() {
            self.complete_join(context);
        } else {
            self.wait_for_joins(self.rebalance_timeout_ms(), context);
        }
    }

    fn wait_for_joins(&mut self, delay_ms: i32, context: &mut Context) {
        let ends = context.now.after_ms(delay_ms);
        self.plan_join(Some(ends), context);
    }

    /// Sets when the waiting for members ends, in place of what was planned.
    fn plan_join(&mut self, ends: Option<Instant>, context: &mut Context) {
        let deadline = || Deadline::Join { group_id: self.id.clone() };
        self.join_ends.into_iter().for_each(|at| context.cancel(at, deadline()));
        ends.into_iter().for_each(|at| context.schedule(at, deadline()));
        self.join_ends = ends;
    }

    /// Sets when the waiting for members that ask for their assignment ends, in place of what was planned.
    fn plan_sync(&mut self, ends: Option<Instant>, context: &mut Context) {
        let deadline = || Deadline::Sync { group_id: self.id.clone() };
        self.sync_ends.into_iter().for_each(|at| context.cancel(at, deadline()));
        ends.into_iter().for_each(|at| context.schedule(at, deadline()));
        self.sync_ends = ends;
    }

    /// Ends the waiting for members. Those that have not come are removed, but for static ones, which have until the end
    /// of their session.
    fn complete_join(&mut self, context: &mut Context) {
        let absent = self.members.iter().filter(|member| !member.waits_for_join() && !member.is_static());
        let absent: Vec<String> = absent.map(|member| member.id.clone()).collect();
        absent.iter().for_each(|id| self.remove(id, context));
        if !absent.is_empty() {
            info!("Group {:?}: {absent:?} did not join in time", self.id);
        }
        if self.members.is_empty() || self.elect_leader_who_joined() {
            self.begin_generation(context);
        } else {
            self.wait_for_joins(self.rebalance_timeout_ms().max(REJOIN_WAIT_MS_MIN), context);
        }
    }

    /// Makes sure that the leader is somebody who is there, and says whether anybody is.
    fn elect_leader_who_joined(&mut self) -> bool {
        let leader = self.leader_id.as_deref().and_then(|id| self.members.get(id));
        if leader.is_some_and(Member::waits_for_join) {
            return true;
        }
        match self.members.iter().find(|member| member.waits_for_join()) {
            Some(member) => {
                self.leader_id = Some(member.id.clone());
                true
            }
            None => false,
        }
    }

    fn begin_generation(&mut self, context: &mut Context) {
        self.generation += 1;
        self.plan_join(None, context);
        self.gathering = None;
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.read_subscriptions();
        info!("Group {:?}: generation {} has {} members", self.id, self.generation, self.members.len());
        if self.members.is_empty() {
            self.enter(State::Empty, context);
            return;
        }
        self.enter(State::CompletingRebalance, context);
        let responses: Vec<_> = self.members.iter().map(|member| self.join_response(member)).collect();
        for (member, response) in self.members.iter_mut().zip(responses) {
            member.answer_join(response, context.outbox);
            member.is_new = false;
            member.must_sync = true;
            member.watch(&self.id, member.session_timeout_ms, context);
        }
        let ends = context.now.after_ms(self.rebalance_timeout_ms());
        self.plan_sync(Some(ends), context);
    }

    /// Gives every member its part of the leader's assignment; who is not in it gets an empty one.
    fn distribute(&mut self, mut assignments: HashMap<String, Bytes>, context: &mut Context) {
        for member in self.members.iter_mut() {
            member.set_assignment(assignments.remove(&member.id).unwrap_or_default());
        }
        let responses: Vec<_> = self.members.iter().map(|member| self.sync_response(member)).collect();
        for (member, response) in self.members.iter_mut().zip(responses) {
            if member.answer_sync(response, context.outbox) {
                member.watch(&self.id, member.session_timeout_ms, context);
            }
        }
        self.enter(State::Stable, context);
    }

    /// The assignment that members wait for will not come.
    fn cancel_assignment(&mut self, context: &mut Context) {
        for member in self.members.iter_mut() {
            member.set_assignment(Bytes::new());
            let refusal = sync_group::refusal(ErrorCode::REBALANCE_IN_PROGRESS);
            if member.answer_sync(refusal, context.outbox) {
                member.watch(&self.id, member.session_timeout_ms, context);
            }
        }
    }

    /// Removes a member and answers what it waits for. The one who has been in the group for longest leads, if nobody
    /// else does.
    fn remove(&mut self, member_id: &str, context: &mut Context) {
        let Some(mut member) = self.members.remove(member_id) else { return };
        member.unwatch(&self.id, context);
        member.refuse(ErrorCode::UNKNOWN_MEMBER_ID, context.outbox);
        if self.is_leader(member_id) {
            self.leader_id = self.members.iter().next().map(|member| member.id.clone());
        }
    }

    fn enter(&mut self, state: State, context: &Context) {
        debug!("Group {:?}: {} becomes {state}", self.id, self.state);
        self.state = state;
        self.state_since_ms = context.now.unix_ms;
    }
}
