//! What a seed makes of a run: how the broker is configured, who its clients are, and how often what goes wrong.

use kafka_rs::config::Config;

use crate::dice::Dice;
use crate::model::Retention;
use crate::network::Faults;

/// What every connection may have waiting in any case: a small request.
pub const SMALL_REQUEST_BYTES: usize = 64 << 10;
/// More than any answer in a run takes.
const ANSWER_BYTES: usize = 64 << 10;

/// How many there are of each kind of client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crowd {
    pub plain: usize,
    pub idempotent: usize,
    pub transactional: usize,
    pub consumers: usize,
    pub members: usize,
    pub admins: usize,
    pub rude: usize,
    pub slow: usize,
}

/// A topic that there is from the beginning: its partitions, and what is set for it.
pub type TopicPlan = (usize, Vec<(&'static str, String)>);

#[derive(Debug, Clone)]
pub struct Plan {
    pub faults: Faults,
    pub steps: usize,
    pub crowd: Crowd,
    pub topics: Vec<TopicPlan>,
    pub memory_bytes: usize,
    /// What those may write who are called slow.
    pub slow_bytes_per_second: Option<f64>,
    /// The longest pause between two steps in which nothing happens.
    pace_ms: u64,
    /// How often the wall clock is set, and by how much at most.
    skips: usize,
    skip_ms_max: i64,
    pub transaction_ms: i32,
    pub stop_step: Option<usize>,
    /// How often a client hangs up, or dies.
    pub hang_ups: usize,
    pub deaths: usize,
    /// How often records are compressed; how many bytes they have at most.
    pub value_bytes: usize,
    properties: Vec<(&'static str, String)>,
    queued_bytes: usize,
}

/// None, or a rate of its own, so that seeds differ in what they are about.
fn rate(dice: &mut Dice, rates: &[usize]) -> usize {
    if dice.chance(400) { 0 } else { dice.pick(rates) }
}

impl Plan {
    pub fn new(dice: &mut Dice) -> Self {
        let faults = Faults {
            split: rate(dice, &[100, 500, 900]),
            delay: rate(dice, &[50, 300, 700]),
            late: rate(dice, &[50, 300, 800]),
            spurious: rate(dice, &[20, 200]),
            interrupted: rate(dice, &[10, 100]),
            accept_aborted: rate(dice, &[10, 100]),
            no_descriptor: rate(dice, &[50, 300]),
            watch_fails: rate(dice, &[2, 20]),
            broken: rate(dice, &[1, 5, 20]),
            room: dice.pick(&[50, 300, 4_000, 1 << 20, 1 << 20]),
        };
        let mut properties = vec![
            ("log.initial.task.delay.ms", "100".to_owned()),
            ("group.min.session.timeout.ms", "100".to_owned()),
            // A group that was removed because it was empty begins to count again.
            ("offsets.retention.check.interval.ms", "1000000000".to_owned()),
            ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "200".to_owned()),
        ];
        let mut choose = |name, values: &[&str]| {
            let value = dice.pick(values).to_owned();
            if !value.is_empty() {
                properties.push((name, value));
            }
        };
        choose("turn.max.requests", &["", "", "1", "2"]);
        choose("turn.max.accepts", &["", "", "1"]);
        choose("turn.max.bytes", &["", "", "100", "5000"]);
        choose("max.connections", &["", "", "", "5"]);
        choose("max.connections.per.ip", &["", "", "", "3"]);
        choose("connections.max.idle.ms", &["", "", "3000"]);
        choose("socket.request.max.ms", &["", "", "2000"]);
        choose("shutdown.max.ms", &["", "0", "300"]);
        choose("group.initial.rebalance.delay.ms", &["", "", "500"]);
        choose("group.max.size", &["", "", "", "2"]);
        choose("log.retention.check.interval.ms", &["", "500", "3000"]);
        choose("log.cleaner.backoff.ms", &["", "50", "1000"]);
        choose("producer.id.expiration.ms", &["", "", "", "2000"]);
        choose("producer.id.expiration.check.interval.ms", &["", "1000"]);
        choose("max.incremental.fetch.session.cache.slots", &["", "", "1"]);
        let queued_bytes = dice.pick(&[1, 300, 20_000, 1 << 20]);
        properties.push(("socket.response.queued.max.bytes", queued_bytes.to_string()));
        let memory_bytes = if dice.chance(200) { dice.pick(&[40_000, 150_000, 400_000]) } else { 1 << 30 };
        let steps = dice.between(150, 450);
        let slow_bytes_per_second = dice.chance(150).then(|| dice.pick(&[20.0, 1_000.0, 20_000.0]));
        let is_short = memory_bytes < 1 << 30;
        let slow = if slow_bytes_per_second.is_some() { dice.between(1, 2) } else { 0 };
        Self {
            faults,
            steps,
            crowd: Crowd { slow, ..Self::crowd(dice, is_short) },
            topics: (0..dice.between(1, 3)).map(|_| Self::topic(dice)).collect(),
            memory_bytes,
            slow_bytes_per_second,
            pace_ms: dice.pick(&[1, 10, 100, 1_000]),
            skips: rate(dice, &[5, 50]),
            skip_ms_max: dice.pick(&[1_000, 100_000, 3_000_000]),
            transaction_ms: dice.pick(&[400, 5_000, 60_000]),
            stop_step: dice.chance(200).then(|| dice.between(steps / 4, steps - 1)),
            hang_ups: rate(dice, &[5, 20, 60]),
            deaths: rate(dice, &[5, 20]),
            value_bytes: if is_short { 5_000 } else { dice.pick(&[10, 200, 3_000]) },
            properties,
            queued_bytes,
        }
    }

    /// Where memory is short, there is somebody who takes it.
    fn crowd(dice: &mut Dice, is_short: bool) -> Crowd {
        let takers = usize::from(is_short);
        let mut crowd = Crowd { consumers: dice.below(3), rude: takers, plain: takers, ..Crowd::default() };
        for _ in 0..dice.between(1, 6) {
            match dice.below(12) {
                0 | 1 => crowd.plain += 1,
                2 | 3 => crowd.idempotent += 1,
                4 | 5 => crowd.transactional += 1,
                6 => crowd.consumers += 1,
                7..=9 => crowd.members += dice.between(1, 2),
                10 => crowd.admins = 1,
                _ => crowd.rude += 1,
            }
        }
        if crowd.plain + crowd.idempotent + crowd.transactional == 0 {
            crowd.plain = 1;
        }
        crowd
    }

    /// A topic's partitions and what is set for it.
    fn topic(dice: &mut Dice) -> TopicPlan {
        let mut configs = Vec::new();
        let mut choose = |name, values: &[&str]| {
            let value = dice.pick(values);
            if !value.is_empty() {
                configs.push((name, value.to_owned()));
            }
        };
        choose("internal.segment.bytes", &["", "200", "1000", "8000"]);
        choose("retention.ms", &["", "", "", "1000"]);
        choose("retention.bytes", &["", "", "", "1500"]);
        choose("message.timestamp.type", &["", "", "", "LogAppendTime"]);
        if dice.chance(300) {
            configs.push(("cleanup.policy", dice.pick(&["compact", "compact", "compact,delete"]).to_owned()));
            configs.push(("min.cleanable.dirty.ratio", dice.pick(&["0.01", "0.5"]).to_owned()));
            configs.push(("delete.retention.ms", dice.pick(&["0", "1000", "86400000"]).to_owned()));
            configs.retain(|(name, _)| *name != "internal.segment.bytes");
            configs.push(("internal.segment.bytes", dice.pick(&["200", "1000", "4000"]).to_owned()));
        }
        (dice.between(1, 3), configs)
    }

    pub fn config(&self) -> Config {
        let mut config = Config::default();
        for (name, value) in &self.properties {
            config.set(name, value).expect("a property of the table");
        }
        config.check().expect("properties that go together");
        config
    }

    pub fn pause_ms(&self, dice: &mut Dice) -> u64 {
        match dice.below(20) {
            0..10 => 0,
            10..19 => dice.below(usize::try_from(self.pace_ms).expect("a short time") + 1) as u64,
            _ => self.pace_ms * dice.below(20) as u64,
        }
    }

    pub fn skip_ms(&self, dice: &mut Dice) -> i64 {
        if !dice.chance(self.skips) {
            return 0;
        }
        let by = dice.below(usize::try_from(self.skip_ms_max).expect("forwards")) as i64;
        if dice.chance(500) { by } else { -by }
    }

    pub fn is_short_of_memory(&self) -> bool {
        self.memory_bytes < 1 << 30
    }

    /// What a connection may hold beyond the budget.
    pub fn connection_bytes(&self) -> usize {
        SMALL_REQUEST_BYTES + self.queued_bytes + ANSWER_BYTES
    }

    /// Markers are written however little room there is.
    pub fn marker_bytes(&self) -> usize {
        100 * self.steps
    }

    pub fn is_compacted(configs: &[(&'static str, String)]) -> bool {
        configs.iter().any(|(name, value)| *name == "cleanup.policy" && value.starts_with("compact"))
    }

    pub fn retention(configs: &[(&'static str, String)]) -> Retention {
        let find =
            |name| configs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.parse().expect("a number"));
        Retention { ms: find("retention.ms").unwrap_or(604_800_000), bytes: find("retention.bytes").unwrap_or(-1) }
    }

    pub fn calm_down(&mut self) {
        self.faults = Faults { room: 1 << 20, ..Faults::default() };
        self.skips = 0;
        self.hang_ups = 0;
        self.deaths = 0;
    }
}
