//! Clients that do as they please, out of a seed: whatever they do, a group keeps its promises.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const STEPS: usize = 2_000;

/// The same for the same seed (xorshift).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What a client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Joining,
    Joined,
    Syncing,
    Stable,
}

#[derive(Debug)]
struct Actor {
    client: Client,
    phase: Phase,
    /// Who is in the generation, if this is its leader.
    led: Vec<String>,
    /// What it owns in its generation.
    owned: Option<Bytes>,
}

/// What all generations were, as the clients saw them.
#[derive(Debug, Default)]
struct History {
    newest: i32,
    leaders: BTreeMap<i32, String>,
    protocols: BTreeMap<i32, Option<String>>,
    /// Which assignment each member was given in a generation. Members that a static one has replaced share it.
    owners: BTreeMap<(i32, Bytes), BTreeSet<String>>,
}

#[derive(Debug)]
struct World {
    driver: Driver,
    dice: Dice,
    actors: Vec<Actor>,
    history: History,
}

impl World {
    fn new(seed: u64) -> Self {
        let delay_ms = if seed.is_multiple_of(2) { "0" } else { "3000" };
        let properties = [
            ("group.initial.rebalance.delay.ms", delay_ms),
            ("group.max.size", "5"),
            // A group that was removed because it was empty begins to count again.
            ("offsets.retention.check.interval.ms", "1000000000"),
        ];
        let mut driver = Driver::with(&properties);
        let actors = (0..6)
            .map(|number| {
                let mut client = match number {
                    0 | 1 => Client::new_static(&mut driver, &format!("instance-{number}")),
                    _ => Client::new(&mut driver),
                };
                client.protocols.push(("sticky", Bytes::from_static(b"sticky")));
                Actor { client, phase: Phase::Idle, led: Vec::new(), owned: None }
            })
            .collect();
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { driver, dice, actors, history: History::default() }
    }

    fn step(&mut self) {
        if self.dice.below(4) == 0 {
            let ms = [1, 100, 2_000, 9_999][self.dice.below(4) as usize];
            self.driver.advance_ms(ms);
        }
        let index = self.dice.below(self.actors.len() as u64) as usize;
        match (self.actors[index].phase, self.dice.below(20)) {
            (_, 0) => self.die(index),
            (Phase::Joining | Phase::Syncing, _) => {}
            (Phase::Idle, 1..) => self.join(index),
            (_, 1) => self.leave(index),
            (_, 2) => self.join(index),
            (_, 3) => {
                self.actors[index].client.protocols.reverse();
                self.join(index);
            }
            (Phase::Joined, 4..16) => self.sync(index),
            (_, _) => self.heartbeat(index),
        }
        (0..self.actors.len()).for_each(|index| self.receive(index));
    }

    fn join(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        actor.owned = None;
        actor.phase = Phase::Joining;
        let version =
            [3, 4, 9][self.dice.below(3) as usize].max(if actor.client.instance_id.is_some() { 5 } else { 0 });
        self.driver.send(actor.client.connection, version, &actor.client.join());
    }

    fn sync(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        actor.phase = Phase::Syncing;
        let mut request = actor.client.sync(&[]);
        // Each member is assigned its own name, so that an owner can be told from every other.
        let part = |id: &String| sync_group::SyncGroupRequestAssignment {
            member_id: id.clone(),
            assignment: id.clone().into(),
        };
        request.assignments = actor.led.iter().map(part).collect();
        self.driver.send(actor.client.connection, 4, &request);
    }

    fn heartbeat(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        let known = [
            ErrorCode::NONE,
            ErrorCode::REBALANCE_IN_PROGRESS,
            ErrorCode::UNKNOWN_MEMBER_ID,
            ErrorCode::ILLEGAL_GENERATION,
            ErrorCode::FENCED_INSTANCE_ID,
        ];
        let error = actor.client.heartbeat(&mut self.driver);
        assert!(known.contains(&error), "{error}");
        self.fail(index, error);
    }

    fn leave(&mut self, index: usize) {
        self.actors[index].client.leave(&mut self.driver);
        self.forget(index);
    }

    /// The client's process ends, and another one starts. Half of the dynamic ones remember their ids, as if only the
    /// connection had been lost.
    fn die(&mut self, index: usize) {
        let remembers = self.dice.below(2) == 0;
        let actor = &mut self.actors[index];
        self.driver.disconnect(actor.client.connection);
        actor.client.connection = self.driver.connect();
        if remembers {
            actor.phase = Phase::Idle;
            actor.owned = None;
        } else {
            self.forget(index);
        }
    }

    fn forget(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        actor.client.id.clear();
        actor.client.generation = -1;
        actor.led.clear();
        actor.owned = None;
        actor.phase = Phase::Idle;
    }

    /// Behaves as clients do after an error.
    fn fail(&mut self, index: usize, error: ErrorCode) {
        match error {
            ErrorCode::NONE => {}
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::ILLEGAL_GENERATION => self.actors[index].phase = Phase::Idle,
            _ => self.forget(index),
        }
    }

    fn receive(&mut self, index: usize) {
        match self.actors[index].phase {
            Phase::Joining => {
                let connection = self.actors[index].client.connection;
                if let Some(response) = self.driver.answer::<join_group::Request>(connection) {
                    self.joined(index, response);
                }
            }
            Phase::Syncing => {
                let connection = self.actors[index].client.connection;
                if let Some(response) = self.driver.answer::<sync_group::Request>(connection) {
                    self.synced(index, response);
                }
            }
            Phase::Idle | Phase::Joined | Phase::Stable => {}
        }
    }

    fn joined(&mut self, index: usize, response: join_group::Response) {
        let actor = &mut self.actors[index];
        if response.error_code == ErrorCode::MEMBER_ID_REQUIRED {
            actor.client.id = response.member_id;
            actor.phase = Phase::Idle;
            return;
        }
        if response.error_code.is_error() {
            return self.fail(index, response.error_code);
        }
        let generation = response.generation_id;
        assert!(generation >= actor.client.generation, "a generation only rises");
        self.history.newest = self.history.newest.max(generation);
        let protocol = self.history.protocols.entry(generation).or_insert_with(|| response.protocol_name.clone());
        assert_eq!(*protocol, response.protocol_name, "everybody sees the same protocol");
        actor.led = response.members.iter().map(|member| member.member_id.clone()).collect();
        if !actor.led.is_empty() {
            assert_eq!(response.leader, response.member_id, "only the leader sees the members");
            assert!(actor.led.contains(&response.member_id));
            assert!(actor.led.len() <= 5, "no more members than group.max.size");
            if actor.client.instance_id.is_none() {
                let leader = self.history.leaders.entry(generation).or_insert_with(|| response.leader.clone());
                assert_eq!(*leader, response.leader, "a generation has one leader");
            }
        }
        actor.client.id = response.member_id;
        actor.client.generation = generation;
        actor.phase = Phase::Joined;
    }

    fn synced(&mut self, index: usize, response: sync_group::Response) {
        if response.error_code.is_error() {
            return self.fail(index, response.error_code);
        }
        let actor = &mut self.actors[index];
        actor.phase = Phase::Stable;
        if response.assignment.is_empty() {
            return;
        }
        let owners = self.history.owners.entry((actor.client.generation, response.assignment.clone())).or_default();
        owners.insert(actor.client.id.clone());
        let own = response.assignment == actor.client.id.as_bytes();
        assert!(own || actor.client.instance_id.is_some(), "{:?} got {:?}", actor.client.id, response.assignment);
        actor.owned = Some(response.assignment);
    }

    /// What holds after every step, whoever has done what.
    fn check(&mut self) {
        let group = describe(&mut self.driver);
        let ids: BTreeSet<_> = group.members.iter().map(|member| member.member_id.as_str()).collect();
        assert_eq!(ids.len(), group.members.len());
        match group.group_state.as_str() {
            "Empty" | "Dead" => assert!(ids.is_empty()),
            "PreparingRebalance" => {}
            "CompletingRebalance" | "Stable" => assert!(!ids.is_empty()),
            other => panic!("there is no state {other}"),
        }
        let mut owned = BTreeSet::new();
        for actor in &self.actors {
            let current = actor.client.generation == self.history.newest && ids.contains(actor.client.id.as_str());
            if let Some(assignment) = actor.owned.as_ref().filter(|_| current) {
                assert!(owned.insert(assignment.clone()), "two own {assignment:?}");
            }
        }
    }

    /// In the end everybody behaves, and there is peace.
    fn settle(&mut self) {
        for _ in 0..400 {
            for index in 0..self.actors.len() {
                match self.actors[index].phase {
                    Phase::Idle => self.join(index),
                    Phase::Joined => self.sync(index),
                    Phase::Stable => self.heartbeat(index),
                    Phase::Joining | Phase::Syncing => {}
                }
                (0..self.actors.len()).for_each(|index| self.receive(index));
                self.check();
            }
            self.driver.advance_ms(500);
        }
        let stable = self.actors.iter().filter(|actor| actor.phase == Phase::Stable).count();
        let (state, members) = state(&mut self.driver);
        assert_eq!((state.as_str(), members.len(), stable), ("Stable", 5, 5), "the sixth does not fit in");
    }
}

#[test]
fn whatever_clients_do() {
    for seed in 1..=8 {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            world.check();
        }
        world.settle();
        assert!(world.history.newest > 20, "seed {seed}: the simulation does something");
    }
}
