//! Many partitions, many groups, and a group of many members.

use std::net::SocketAddr;

use bytes::Bytes;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{heartbeat, join_group, sync_group};

use super::Row;
use crate::Outcome;
use crate::frames::{Answerer, Commits, Produce};
use crate::lab::{Bench, Lab};
use crate::load::Requests;
use crate::measure::{Figure, Goal, Unit, contest};
use crate::shape::Shape;
use crate::socket::Socket;

const TOPIC: &str = "many";
const PARTITIONS: usize = 10_000;
const GROUPS: usize = 1_000;
const MEMBERS: usize = 500;
const IN_FLIGHT: usize = 5;

pub static MANY_PARTITIONS: Row = Row {
    name: "partitions",
    about: "one record of 100 bytes a request, to 10,000 partitions in turn, against one partition",
    is_short: true,
    run: |lab| {
        let produce = |lab: &Lab, partitions: usize| -> Outcome<_> {
            let broker = lab.broker_with_topic(TOPIC, i32::try_from(partitions)?)?;
            Ok(Bench::new(broker, Produce::spread(Answerer::Kafka, TOPIC, 0..partitions, Shape::One))?)
        };
        let work = "10,000 partitions: CPU per request, against one partition";
        // At first a batch for each partition, so that all have memory.
        compare(lab, &MANY_PARTITIONS, work, PARTITIONS, [produce(lab, PARTITIONS)?, produce(lab, 1)?])
    },
};

pub static MANY_GROUPS: Row = Row {
    name: "groups",
    about: "offset commits of 1,000 groups in turn, against those of one group",
    is_short: true,
    run: |lab| {
        let commits = |lab: &Lab, groups| -> Outcome<_> {
            Ok(Bench::new(lab.broker_with_topic(TOPIC, 1)?, Commits::new(TOPIC, groups))?)
        };
        let work = "1,000 groups: CPU per commit, against one group";
        compare(lab, &MANY_GROUPS, work, GROUPS, [commits(lab, GROUPS)?, commits(lab, 1)?])
    },
};

/// What a request costs with many of something, against one of it.
fn compare<R: Requests>(lab: &mut Lab, row: &Row, work: &str, warm_up: usize, benches: [Bench<R>; 2]) -> Outcome<()> {
    let [mut many, mut one] = benches;
    let count = lab.work(50_000);
    many.send(warm_up, IN_FLIGHT)?;
    one.send(warm_up, IN_FLIGHT)?;
    let per_request = |bench: &mut Bench<R>| Ok([bench.send(count, IN_FLIGHT)?.0 / count as f64]);
    let mut many = || per_request(&mut many);
    let mut one = || per_request(&mut one);
    let [[many], [one]] = contest(lab.short_rounds(), [&mut many, &mut one])?;
    lab.figures.push(Figure::ratio(row.name, work, Goal::AtMost(1.1), &many, &one));
    Ok(())
}

pub static REBALANCE: Row = Row {
    name: "rebalance",
    about: "a group of 500 members that rebalances",
    is_short: false,
    run: |lab| {
        // The first rebalance waits so long for all members to come.
        let broker = lab.broker(&[("group.initial.rebalance.delay.ms", "1000")])?;
        let mut group = Group::of(MEMBERS, broker.address);
        group.rebalance();
        let mut series = Vec::new();
        for _ in 0..lab.rounds() {
            let cpu = broker.cpu()?;
            group.rebalance();
            series.push((broker.cpu()? - cpu).as_secs_f64() * 1e3);
        }
        let work = "a group of 500 members: CPU of a rebalance";
        lab.figures.push(Figure::absolute(REBALANCE.name, work, Goal::AtMost(100.0), Unit::Milliseconds, &series));
        Ok(())
    },
};

/// A version of each of the three APIs that all clients speak.
const VERSION: i16 = 3;

/// A group's members, each with a connection of its own.
struct Group {
    members: Vec<Member>,
    generation_id: i32,
}

struct Member {
    socket: Socket,
    id: String,
}

impl Group {
    fn of(size: usize, address: SocketAddr) -> Self {
        let member = |_| Member { socket: Socket::connect(address), id: String::new() };
        Self { members: (0..size).map(member).collect(), generation_id: -1 }
    }

    /// All members join and get their assignments, as they do when one of them has something new to say: the others hear of it
    /// by their heartbeats.
    fn rebalance(&mut self) {
        let (first, others) = self.members.split_first_mut().expect("a group has members");
        first.join();
        if self.generation_id >= 0 {
            others.iter_mut().for_each(|member| member.hear_of_a_rebalance(self.generation_id));
        }
        others.iter_mut().for_each(Member::join);
        let joined: Vec<_> = self.members.iter_mut().map(Member::joined).collect();
        let leader = joined.iter().find(|joined| !joined.members.is_empty()).expect("a group has a leader");
        assert_eq!(leader.members.len(), self.members.len());
        self.generation_id = leader.generation_id;
        let assignment = |member: &join_group::JoinGroupResponseMember| sync_group::SyncGroupRequestAssignment {
            member_id: member.member_id.clone(),
            assignment: Bytes::from_static(&[1; 40]),
        };
        let assignments: Vec<_> = leader.members.iter().map(assignment).collect();
        for member in &mut self.members {
            let is_leader = member.id == leader.leader;
            member.sync(self.generation_id, if is_leader { assignments.clone() } else { Vec::new() });
        }
        self.members.iter_mut().for_each(Member::synced);
    }
}

impl Member {
    fn join(&mut self) {
        let metadata = Bytes::from_static(&[1; 60]);
        let protocol = join_group::JoinGroupRequestProtocol { name: "range".to_owned(), metadata };
        let request = join_group::Request {
            group_id: TOPIC.to_owned(),
            session_timeout_ms: 60_000,
            rebalance_timeout_ms: 60_000,
            member_id: self.id.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            ..Default::default()
        };
        self.socket.send(VERSION, &request);
    }

    fn joined(&mut self) -> join_group::Response {
        let joined = self.socket.receive::<join_group::Request>(VERSION);
        assert_eq!(joined.error_code, ErrorCode::NONE);
        self.id.clone_from(&joined.member_id);
        joined
    }

    fn hear_of_a_rebalance(&mut self, generation_id: i32) {
        let (group_id, member_id) = (TOPIC.to_owned(), self.id.clone());
        let request = heartbeat::Request { group_id, generation_id, member_id, ..Default::default() };
        assert_eq!(self.socket.ask(VERSION, &request).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    }

    fn sync(&mut self, generation_id: i32, assignments: Vec<sync_group::SyncGroupRequestAssignment>) {
        let (group_id, member_id) = (TOPIC.to_owned(), self.id.clone());
        self.socket.send(
            VERSION,
            &sync_group::Request { group_id, generation_id, member_id, assignments, ..Default::default() },
        );
    }

    fn synced(&mut self) {
        let synced = self.socket.receive::<sync_group::Request>(VERSION);
        assert_eq!((synced.error_code, synced.assignment.len()), (ErrorCode::NONE, 40));
    }
}
