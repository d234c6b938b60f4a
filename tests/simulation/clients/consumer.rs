//! Consumers that read what they like: with and without fetch sessions, all records or the committed ones, with any limits.

use std::collections::BTreeMap;

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{api_versions, fetch};
use kafka_rs::wire::record_batch::BatchHeader;

use super::{Actor, channel};
use crate::exchange::Answer;
use crate::model::{Broken, Place, RequestId};
use crate::sim::{Channel, FetchNote, Note, Received, Sim, records};

/// The first version with fetch sessions, and the first that names topics by their ids.
const SESSIONS_FROM: i16 = 7;
const BY_ID_FROM: i16 = 13;

pub struct Consumer {
    channel: Channel,
    version: i16,
    committed: bool,
    uses_sessions: bool,
    session: (i32, i32),
    positions: BTreeMap<Place, i64>,
    /// What the session believes of each partition: offset and limit.
    known: BTreeMap<Place, (i64, i32)>,
    asked: Option<RequestId>,
    /// How much it reads at once, of a partition and of all.
    limit: i32,
    max_bytes: i32,
    min_bytes: i32,
    max_wait_ms: i32,
}

impl Consumer {
    pub fn new(sim: &mut Sim, index: usize) -> Self {
        let version = sim.version(4, 18);
        Self {
            channel: channel(sim, format!("consumer-{index}")),
            version,
            committed: sim.dice.chance(500),
            uses_sessions: version >= SESSIONS_FROM && sim.dice.chance(700),
            session: (0, 0),
            positions: BTreeMap::new(),
            known: BTreeMap::new(),
            asked: None,
            limit: sim.dice.pick(&[1, 500, 5_000, i32::MAX]),
            max_bytes: sim.dice.pick(&[1, 500, 5_000, i32::MAX]),
            min_bytes: sim.dice.pick(&[1, 1, 1, 800]),
            max_wait_ms: sim.dice.pick(&[0, 50, 500, 5_000]),
        }
    }

    fn fetch(&mut self, sim: &mut Sim) {
        let ends = sim.ends();
        self.positions.retain(|place, _| ends.contains_key(place));
        for place in ends.keys() {
            let start = sim.model.partition(*place).map_or(0, |partition| partition.start);
            self.positions.entry(*place).or_insert(start);
        }
        if sim.dice.chance(30) {
            // It reads something once more.
            let places: Vec<_> = self.positions.keys().copied().collect();
            if !places.is_empty() {
                let place = sim.dice.pick(&places);
                let start = sim.model.partition(place).map_or(0, |partition| partition.start);
                self.positions.insert(place, start);
            }
        }
        let in_session = self.session.0 != 0;
        let wanted: BTreeMap<Place, (i64, i32)> =
            self.positions.iter().map(|(place, offset)| (*place, (*offset, self.limit))).collect();
        let news = wanted.iter().filter(|(place, now)| !in_session || self.known.get(place) != Some(now));
        let topics = by_topic(sim, news.map(|(place, (offset, limit))| (*place, *offset, *limit)));
        let name = |place: &Place| sim.model.topic(place.0).map(|topic| topic.name.as_str());
        // Who goes by names must not forget a topic that has come to be another one.
        let meant = |place: &Place| {
            let again = |other: &Place| name(other) == name(place) && other.1 == place.1;
            wanted.contains_key(place) || self.version < BY_ID_FROM && wanted.keys().any(again)
        };
        let gone = self.known.keys().filter(|place| in_session && !meant(place));
        let forgotten = gone.map(|place| fetch::ForgottenTopic {
            topic: sim.model.topic(place.0).map(|topic| topic.name.clone()).unwrap_or_default(),
            topic_id: if self.version >= BY_ID_FROM { place.0 } else { Default::default() },
            partitions: vec![place.1],
        });
        let request = fetch::Request {
            max_wait_ms: self.max_wait_ms,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            isolation_level: i8::from(self.committed),
            session_id: self.session.0,
            session_epoch: if self.uses_sessions { self.session.1 } else { -1 },
            forgotten_topics_data: forgotten.collect(),
            topics,
            ..Default::default()
        };
        let size = |bytes: i32| usize::try_from(bytes).expect("positive");
        let note = FetchNote {
            wanted: wanted.iter().map(|(place, (offset, limit))| (*place, *offset, size(*limit))).collect(),
            min_bytes: size(self.min_bytes.min(self.max_bytes)),
            max_bytes: size(self.max_bytes),
            max_wait_ms: u64::try_from(self.max_wait_ms).expect("positive"),
            committed: self.committed,
        };
        self.known = wanted;
        self.asked = Some(sim.send(&mut self.channel, self.version, request, Note::Fetch(note)));
    }

    fn on_answer(&mut self, sim: &Sim, answer: &fetch::Response) {
        self.asked = None;
        if answer.error_code.is_error() {
            self.session = (0, 0);
            self.known.clear();
            return;
        }
        if self.uses_sessions {
            let epoch = if answer.session_id == 0 { 0 } else { self.session.1 + 1 };
            self.session = (answer.session_id, epoch);
        }
        for (place, data) in places(sim, self.version, &self.known, answer) {
            let Some(position) = self.positions.get_mut(&place) else { continue };
            match data.error_code {
                ErrorCode::NONE => *position = end_of(data).unwrap_or(*position),
                ErrorCode::OFFSET_OUT_OF_RANGE => {
                    *position = sim.model.partition(place).map_or(0, |partition| partition.start);
                }
                _ => {
                    self.session = (0, 0);
                    self.known.clear();
                    return;
                }
            }
        }
    }
}

/// The partitions of a fetch, under their topics.
pub fn by_topic(sim: &Sim, wanted: impl Iterator<Item = (Place, i64, i32)>) -> Vec<fetch::FetchTopic> {
    let mut topics: Vec<fetch::FetchTopic> = Vec::new();
    for (place, fetch_offset, partition_max_bytes) in wanted {
        let partition =
            fetch::FetchPartition { partition: place.1, fetch_offset, partition_max_bytes, ..Default::default() };
        match topics.last_mut().filter(|last| last.topic_id == place.0) {
            Some(last) => last.partitions.push(partition),
            None => {
                let topic = sim.model.topic(place.0).map(|topic| topic.name.clone()).unwrap_or_default();
                topics.push(fetch::FetchTopic { topic, topic_id: place.0, partitions: vec![partition] });
            }
        }
    }
    topics
}

/// The partitions of an answer, of those that were asked for.
pub fn places<'a, V>(
    sim: &Sim,
    version: i16,
    known: &BTreeMap<Place, V>,
    answer: &'a fetch::Response,
) -> Vec<(Place, &'a fetch::PartitionData)> {
    let mut all = Vec::new();
    for topic in &answer.responses {
        for data in &topic.partitions {
            let is_meant = |place: &&Place| {
                let named = || sim.model.topic(place.0).is_some_and(|known| known.name == topic.topic);
                let same = if version >= BY_ID_FROM { place.0 == topic.topic_id } else { named() };
                same && place.1 == data.partition_index
            };
            all.extend(known.keys().find(is_meant).map(|place| (*place, data)));
        }
    }
    all
}

/// The offset behind the last batch of what was read.
pub fn end_of(data: &fetch::PartitionData) -> Option<i64> {
    let bytes = records(data);
    let mut rest = &bytes[..];
    let mut end = None;
    while let Some(header) = BatchHeader::parse(rest) {
        end = Some(header.last_offset() + 1);
        rest = &rest[header.total_bytes()?..];
    }
    end
}

impl Actor for Consumer {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        if sim.dice.chance(sim.plan.hang_ups) {
            sim.hang_up(&mut self.channel);
        }
        loop {
            match sim.receive(&mut self.channel) {
                Received::Nothing => break,
                Received::Answer(_, answer) => {
                    if let Answer::Fetch(answer) = &*answer {
                        self.on_answer(sim, answer);
                    }
                }
                Received::Sent => {}
                Received::Lost(_) => {
                    self.asked = None;
                    self.session = (0, 0);
                    self.known.clear();
                }
            }
        }
        if self.asked.is_none() {
            self.fetch(sim);
        } else if sim.dice.chance(20) {
            // What stands behind a fetch has to wait for it.
            let version = sim.version(0, 2);
            sim.send(&mut self.channel, version, api_versions::Request::default(), Note::Nothing);
        }
        Ok(())
    }
}
