//! A consumer that shares a group: it joins, gets its partitions, reads them, commits, and answers the call to a rebalance.
//! Some are static, some hand over their partitions one by one (cooperative), some fall asleep and come back too late, some die
//! and leave a ghost behind that goes on as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::join_group::{self, JoinGroupRequestProtocol, JoinGroupResponseMember};
use kafka_rs::wire::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_rs::wire::messages::{fetch, heartbeat, leave_group, offset_commit, offset_fetch, sync_group};

use super::consumer::{by_topic, end_of, places};
use super::{Actor, channel};
use crate::exchange::{Answer, Ask};
use crate::model::{Broken, Commit, Place, RequestId};
use crate::sim::{Channel, FetchNote, Note, Received, Sim};
use crate::subscription;

const GROUP: &str = "shared";
const EAGER: &str = "range";
const COOPERATIVE: &str = "cooperative-sticky";
/// How much of a partition is fetched at once.
const LIMIT: i32 = 2_000;

/// What all members of a run have in common.
#[derive(Debug, Clone)]
pub struct Manner {
    protocols: Vec<&'static str>,
    session_ms: i32,
    rebalance_ms: i32,
}

impl Manner {
    pub fn new(sim: &mut Sim) -> Self {
        let protocols = [vec![EAGER], vec![COOPERATIVE], vec![EAGER, COOPERATIVE]][sim.dice.below(3)].clone();
        let (session_ms, rebalance_ms) = (sim.dice.pick(&[400, 3_000, 30_000]), sim.dice.pick(&[300, 3_000, 60_000]));
        Self { protocols, session_ms, rebalance_ms }
    }
}

/// Where a member stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Outside,
    Joining,
    /// In a generation, but without an assignment. The leader has the others' subscriptions.
    Joined(Vec<(String, Vec<(String, i32)>)>),
    Syncing,
    Stable,
}

#[derive(Debug, Clone)]
pub struct Member {
    manner: Manner,
    coordinator: Channel,
    fetcher: Channel,
    instance_id: Option<String>,
    id: String,
    generation: i32,
    phase: Phase,
    /// Which of the protocols the generation has.
    cooperative: bool,
    owned: Vec<(String, i32)>,
    /// Where it reads on, for the partitions of which it knows that.
    positions: BTreeMap<(String, i32), i64>,
    asked: Option<RequestId>,
    /// The fetch that is under way, and what it is for.
    fetching: BTreeMap<Place, i64>,
    /// For so many acts it does nothing.
    asleep: usize,
    is_ghost: bool,
    dead: bool,
}

impl Member {
    pub fn new(sim: &mut Sim, index: usize, manner: &Manner) -> Self {
        let instance_id = sim.dice.chance(350).then(|| format!("instance-{}", index % 2));
        Self {
            manner: manner.clone(),
            coordinator: channel(sim, format!("member-{index}")),
            fetcher: channel(sim, format!("member-{index}")),
            instance_id,
            id: String::new(),
            generation: -1,
            phase: Phase::Outside,
            cooperative: false,
            owned: Vec::new(),
            positions: BTreeMap::new(),
            asked: None,
            fetching: BTreeMap::new(),
            asleep: 0,
            is_ghost: false,
            dead: false,
        }
    }

    fn low(&self, without: i16) -> i16 {
        // Who has a name needs the versions that know it.
        if self.instance_id.is_some() { without.max(0) } else { 0 }
    }

    fn join(&mut self, sim: &mut Sim) {
        let mut topics: Vec<String> = sim.model.alive().map(|topic| topic.name.clone()).collect();
        topics.sort_unstable();
        let mut protocols = self.manner.protocols.clone();
        if sim.dice.chance(200) {
            protocols.reverse();
        }
        let metadata = subscription::subscription(&topics, &self.owned);
        let protocol =
            |name: &'static str| JoinGroupRequestProtocol { name: name.to_owned(), metadata: metadata.clone() };
        let request = join_group::Request {
            group_id: GROUP.to_owned(),
            session_timeout_ms: self.manner.session_ms,
            rebalance_timeout_ms: self.manner.rebalance_ms,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: protocols.into_iter().map(protocol).collect(),
            reason: None,
        };
        let version = sim.version(self.low(5), 9);
        self.phase = Phase::Joining;
        self.ask(sim, version, request);
    }

    fn ask(&mut self, sim: &mut Sim, version: i16, ask: impl Into<Ask>) {
        self.asked = Some(sim.send(&mut self.coordinator, version, ask, Note::Nothing));
    }

    fn sync(&mut self, sim: &mut Sim, others: &[(String, Vec<(String, i32)>)]) {
        let assignments = self.assign(sim, others);
        let request = sync_group::Request {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some(if self.cooperative { COOPERATIVE } else { EAGER }.to_owned()),
            assignments,
        };
        let version = sim.version(self.low(3), 5);
        self.phase = Phase::Syncing;
        self.ask(sim, version, request);
    }

    /// Shares all partitions among the members. With a cooperative protocol, what a member still owns goes to nobody else before
    /// it was given up.
    fn assign(
        &self,
        sim: &Sim,
        others: &[(String, Vec<(String, i32)>)],
    ) -> Vec<sync_group::SyncGroupRequestAssignment> {
        let mut shares = BTreeMap::<&str, Vec<(String, i32)>>::new();
        others.iter().for_each(|(id, _)| drop(shares.insert(id, Vec::new())));
        let mut all: Vec<(String, i32)> = Vec::new();
        for topic in sim.model.alive() {
            all.extend((0..topic.partitions.len() as i32).map(|index| (topic.name.clone(), index)));
        }
        all.sort_unstable();
        for (number, partition) in all.into_iter().enumerate() {
            let Some((target, _)) = others.get(number % others.len().max(1)) else { break };
            let mut owners = others.iter().filter(|(id, owned)| id != target && owned.contains(&partition));
            if !self.cooperative || owners.next().is_none() {
                shares.get_mut(target.as_str()).expect("it is one of them").push(partition);
            }
        }
        let part = |(id, share): (&str, Vec<(String, i32)>)| sync_group::SyncGroupRequestAssignment {
            member_id: id.to_owned(),
            assignment: subscription::assignment(&share),
        };
        shares.into_iter().map(part).collect()
    }

    fn heartbeat(&mut self, sim: &mut Sim) {
        let request = heartbeat::Request {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
        };
        let version = sim.version(self.low(3), 4);
        self.ask(sim, version, request);
    }

    fn commit(&mut self, sim: &mut Sim) {
        let read: Vec<_> = self.positions.iter().map(|(place, offset)| (place.clone(), *offset)).collect();
        if read.is_empty() {
            return self.heartbeat(sim);
        }
        let ((topic, partition), offset) = read[sim.dice.below(read.len())].clone();
        let number = sim.model.commits.len();
        // Rarely, what was read in the generation before is committed too late.
        let generation = self.generation - i32::from(self.generation > 1 && sim.dice.chance(40));
        sim.model.commits.push(Commit {
            request: sim.requests.len(),
            group: GROUP.to_owned(),
            generation,
            topic: topic.clone(),
            partition,
            offset,
            producer_id: None,
            seen: None,
        });
        sim.model.groups.entry(GROUP.to_owned()).or_default();
        let committed = OffsetCommitRequestPartition {
            partition_index: partition,
            committed_offset: offset,
            committed_metadata: Some(number.to_string()),
            ..Default::default()
        };
        let request = offset_commit::Request {
            group_id: GROUP.to_owned(),
            generation_id_or_member_epoch: generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            topics: vec![OffsetCommitRequestTopic { name: topic, partitions: vec![committed], ..Default::default() }],
            ..Default::default()
        };
        let version = sim.version(self.low(7).max(2), 9);
        self.asked = Some(sim.send(&mut self.coordinator, version, request, Note::Commits(vec![number])));
    }

    fn leave(&mut self, sim: &mut Sim) {
        let identity = leave_group::MemberIdentity {
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            ..Default::default()
        };
        let request =
            leave_group::Request { group_id: GROUP.to_owned(), member_id: self.id.clone(), members: vec![identity] };
        let version = sim.version(self.low(3), 5);
        self.ask(sim, version, request);
        self.forget();
    }

    fn find_positions(&mut self, sim: &mut Sim) {
        let mut by_topic = BTreeMap::<String, Vec<i32>>::new();
        for (topic, index) in &self.owned {
            by_topic.entry(topic.clone()).or_default().push(*index);
        }
        let topics = by_topic.into_iter().map(|(name, partition_indexes)| offset_fetch::OffsetFetchRequestTopics {
            name,
            partition_indexes,
            ..Default::default()
        });
        let group = offset_fetch::OffsetFetchRequestGroup {
            group_id: GROUP.to_owned(),
            topics: Some(topics.collect()),
            ..Default::default()
        };
        let request = offset_fetch::Request { groups: vec![group], ..Default::default() };
        let version = sim.version(8, 9);
        self.ask(sim, version, request);
    }

    /// It is no member any more, and what it had belongs to others.
    fn forget(&mut self) {
        self.id.clear();
        self.outside(true);
    }

    fn outside(&mut self, loses_everything: bool) {
        self.phase = Phase::Outside;
        if loses_everything {
            self.owned.clear();
            self.positions.clear();
        }
    }

    fn fail(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::REBALANCE_IN_PROGRESS => self.outside(!self.cooperative),
            ErrorCode::ILLEGAL_GENERATION => self.outside(true),
            ErrorCode::FENCED_INSTANCE_ID if self.is_ghost => self.dead = true,
            ErrorCode::UNKNOWN_MEMBER_ID if self.is_ghost => self.dead = true,
            _ => self.forget(),
        }
    }

    fn on_answer(&mut self, sim: &Sim, request: RequestId, answer: &Answer) {
        if self.asked != Some(request) {
            return;
        }
        self.asked = None;
        match answer {
            Answer::JoinGroup(answer) => self.on_join(answer),
            Answer::SyncGroup(answer) => match answer.error_code {
                ErrorCode::NONE => {
                    self.phase = Phase::Stable;
                    let given = match answer.assignment.is_empty() {
                        true => Vec::new(),
                        false => subscription::assigned(&answer.assignment),
                    };
                    let lost = self.cooperative && self.owned.iter().any(|owned| !given.contains(owned));
                    let kept: BTreeSet<_> = given.iter().cloned().collect();
                    self.positions.retain(|place, _| kept.contains(place));
                    self.owned = given;
                    if lost {
                        // What was taken is free now: the others get it in the next generation.
                        self.phase = Phase::Outside;
                    }
                }
                error => self.fail(error),
            },
            Answer::Heartbeat(answer) if answer.error_code.is_error() => self.fail(answer.error_code),
            Answer::OffsetCommit(answer) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                let failed = partitions.find(|partition| partition.error_code.is_error());
                match failed.map(|partition| partition.error_code) {
                    None | Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
                    Some(error) => self.fail(error),
                }
            }
            Answer::OffsetFetch(answer) => {
                for topic in answer.groups.iter().flat_map(|group| &group.topics) {
                    for partition in &topic.partitions {
                        let place = (topic.name.clone(), partition.partition_index);
                        if self.owned.contains(&place) && !partition.error_code.is_error() {
                            let start = place_of(sim, &place).and_then(|place| sim.model.partition(place));
                            let start = start.map_or(0, |partition| partition.start);
                            let offset = partition.committed_offset.max(start);
                            self.positions.entry(place).or_insert(offset);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    fn on_join(&mut self, answer: &join_group::Response) {
        match answer.error_code {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.id = answer.member_id.clone();
                self.phase = Phase::Outside;
                return;
            }
            error => return self.fail(error),
        }
        self.id = answer.member_id.clone();
        self.generation = answer.generation_id;
        // Before version 7 only the name says which protocol it is.
        self.cooperative = answer.protocol_name.as_deref() == Some(COOPERATIVE);
        if !self.cooperative {
            self.outside(true);
        }
        let subscribed =
            |member: &JoinGroupResponseMember| (member.member_id.clone(), subscription::owned(&member.metadata));
        self.phase = match answer.skip_assignment {
            true => Phase::Joined(Vec::new()),
            false => Phase::Joined(answer.members.iter().map(subscribed).collect()),
        };
    }

    fn fetch(&mut self, sim: &mut Sim) {
        let mut wanted = BTreeMap::new();
        for (place, offset) in &self.positions {
            wanted.extend(place_of(sim, place).map(|place| (place, *offset)));
        }
        if wanted.is_empty() {
            return;
        }
        let topics = by_topic(sim, wanted.iter().map(|(place, offset)| (*place, *offset, LIMIT)));
        let request =
            fetch::Request { max_wait_ms: 500, min_bytes: 1, session_epoch: -1, topics, ..Default::default() };
        let limit = usize::try_from(LIMIT).expect("positive");
        let note = FetchNote {
            wanted: wanted.iter().map(|(place, offset)| (*place, *offset, limit)).collect(),
            min_bytes: 1,
            max_bytes: usize::try_from(i32::MAX).expect("positive"),
            max_wait_ms: 500,
            committed: false,
        };
        self.fetching = wanted;
        let version = sim.version(13, 17);
        sim.send(&mut self.fetcher, version, request, Note::Fetch(note));
    }

    fn on_fetched(&mut self, sim: &Sim, answer: &fetch::Response) {
        for (place, data) in places(sim, 13, &self.fetching, answer) {
            let Some(name) = sim.model.topic(place.0).map(|topic| topic.name.clone()) else { continue };
            let Some(position) = self.positions.get_mut(&(name, place.1)) else { continue };
            match data.error_code {
                ErrorCode::OFFSET_OUT_OF_RANGE => {
                    *position = sim.model.partition(place).map_or(0, |partition| partition.start);
                }
                _ => *position = end_of(data).unwrap_or(*position),
            }
        }
        self.fetching.clear();
    }

    /// The process ends, and another one takes its place; the old one may go on without knowing.
    fn die(&mut self, sim: &mut Sim) {
        if sim.dice.chance(500) {
            sim.newborn.push(Box::new(Self { is_ghost: true, ..self.clone() }));
        } else {
            sim.hang_up(&mut self.coordinator);
            sim.hang_up(&mut self.fetcher);
        }
        let name = self.coordinator.client_id.clone();
        self.coordinator = channel(sim, name.clone());
        self.fetcher = channel(sim, name);
        self.asked = None;
        self.fetching.clear();
        self.generation = -1;
        self.forget();
    }

    fn receive(&mut self, sim: &mut Sim) {
        loop {
            match sim.receive(&mut self.coordinator) {
                Received::Nothing => break,
                Received::Answer(request, answer) => self.on_answer(sim, request, &answer),
                Received::Sent => {}
                Received::Lost(_) => {
                    self.asked = None;
                    if matches!(self.phase, Phase::Joining | Phase::Syncing) {
                        self.phase = Phase::Outside;
                    }
                }
            }
        }
        loop {
            match sim.receive(&mut self.fetcher) {
                Received::Nothing => break,
                Received::Answer(_, answer) => {
                    if let Answer::Fetch(answer) = &*answer {
                        self.on_fetched(sim, answer);
                    }
                }
                Received::Sent => {}
                Received::Lost(_) => self.fetching.clear(),
            }
        }
    }
}

/// The partition of the topic that has a name now.
fn place_of(sim: &Sim, (name, index): &(String, i32)) -> Option<Place> {
    let topic = sim.model.alive().find(|topic| topic.name == *name)?;
    Some((topic.id, *index)).filter(|place| sim.model.partition(*place).is_some())
}

impl Actor for Member {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        if self.dead {
            return Ok(());
        }
        if self.asleep > 0 {
            self.asleep -= 1;
            return Ok(());
        }
        if sim.dice.chance(sim.plan.hang_ups) {
            sim.hang_up(&mut self.coordinator);
        }
        if sim.dice.chance(sim.plan.deaths) && !self.is_ghost {
            self.die(sim);
        }
        self.receive(sim);
        if sim.dice.chance(20) {
            self.asleep = sim.dice.below(30);
        }
        if self.fetching.is_empty() && self.phase == Phase::Stable {
            self.fetch(sim);
        }
        if self.asked.is_some() {
            return Ok(());
        }
        match (self.phase.clone(), sim.dice.below(20)) {
            (Phase::Outside, _) => self.join(sim),
            (Phase::Joined(others), 0..17) => self.sync(sim, &others),
            (Phase::Joined(_), _) => self.heartbeat(sim),
            (Phase::Stable, 0) if sim.dice.chance(500) => self.leave(sim),
            (Phase::Stable, _) if self.owned.iter().any(|place| !self.positions.contains_key(place)) => {
                self.find_positions(sim);
            }
            (Phase::Stable, 1..10) => self.commit(sim),
            (Phase::Stable, _) => self.heartbeat(sim),
            (Phase::Joining | Phase::Syncing, _) => {}
        }
        Ok(())
    }
}
