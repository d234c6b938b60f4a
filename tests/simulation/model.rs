//! What must have become of all that was sent: a simple model, which sees only what clients could see.
//!
//! It keeps every batch that was ever in a log, and follows the log step by step. What it finds there must have been sent, once,
//! to that place, by somebody who was entitled to; what has gone must have been allowed to go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use kafka_rs::wire::Uuid;
use kafka_rs::wire::record_batch::{BatchHeader, HEADER_BYTES, advance_sequence};

use crate::network::LinkId;

/// Numbers in the order in which things were sent.
pub type RequestId = usize;
pub type BatchId = usize;
pub type CommitId = usize;

/// A partition of one topic that ever was.
pub type Place = (Uuid, i32);

/// Where the part of a batch begins that never changes.
const RECORDS_AT: usize = HEADER_BYTES;
const CRC_START: usize = 21;
const LOG_APPEND_TIME: i16 = 0x08;

/// What went against the rules.
pub type Broken = String;

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;

/// A batch that a client has sent, perhaps in several requests.
#[derive(Debug)]
pub struct SentBatch {
    pub bytes: Bytes,
    pub header: BatchHeader,
    pub topic: String,
    pub partition: i32,
    pub requests: Vec<RequestId>,
    /// Where it is, or was: the topic and the offset.
    pub appended: Vec<(Uuid, i64)>,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Undecided,
    Committed,
    Aborted,
}

/// A batch of a log.
#[derive(Debug)]
pub struct Entry {
    pub base: i64,
    pub last: i64,
    pub bytes: Bytes,
    pub timestamp: i64,
    /// The turn in which it was seen first, and the moment by the steady clock in milliseconds.
    pub turn: u64,
    pub seen_ms: u64,
    pub producer_id: i64,
    pub transactional: bool,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aborted {
    pub producer_id: i64,
    pub first: i64,
    last: i64,
}

#[derive(Debug)]
struct Sequence {
    epoch: i16,
    /// The next one, if one of this epoch has come.
    next: i32,
    last_write_ms: i64,
    /// Once it was silent for so long that the broker may have forgotten it.
    was_silent: bool,
}

/// What a topic need not keep; a negative number is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub ms: i64,
    pub bytes: i64,
}

#[derive(Debug, Default)]
pub struct Partition {
    pub entries: Vec<Entry>,
    pub start: i64,
    pub end: i64,
    pub stable: i64,
    /// Whether only the last record of each key has to be kept.
    pub compacted: bool,
    /// Offsets that came and went before anybody looked.
    gaps: Vec<(i64, i64)>,
    open: BTreeMap<i64, i64>,
    aborted: Vec<Aborted>,
    sequences: HashMap<i64, Sequence>,
    last_of_link: HashMap<LinkId, RequestId>,
}

#[derive(Debug)]
pub struct Topic {
    pub id: Uuid,
    pub name: String,
    pub partitions: Vec<Partition>,
    /// The turn in which it was seen first, and that in which it was gone.
    pub since: u64,
    pub until: Option<u64>,
    /// What it was created with.
    pub retention: Retention,
    pub compacted: bool,
}

impl Topic {
    /// There are so many partitions now.
    pub fn grow(&mut self, count: usize) {
        let compacted = self.compacted;
        self.partitions.resize_with(count, || Partition { compacted, ..Partition::default() });
    }
}

/// Who may have done what is found: by the requests that have arrived.
pub trait Witness {
    /// Whether a request has arrived whole.
    fn has_arrived(&self, request: RequestId) -> bool;
    /// Whether a request has arrived whole and has no answer yet, so that it may be what has happened just now.
    fn is_under_way(&self, request: RequestId) -> bool;
    fn link_of(&self, request: RequestId) -> LinkId;
    fn turn(&self) -> u64;
    /// The latest that the broker's wall clock has ever shown, in milliseconds since 1970.
    fn latest_ms(&self) -> i64;
    /// What it shows now.
    fn now_ms(&self) -> i64;
}

/// What was asked of a transaction: by whom, and how it should end.
#[derive(Debug, Clone, Copy)]
pub struct EndRequest {
    pub request: RequestId,
    pub producer_id: i64,
    pub epoch: i16,
    pub committed: bool,
}

#[derive(Debug, Clone)]
pub struct Commit {
    pub request: RequestId,
    pub group: String,
    pub generation: i32,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// The producer, if it is to count with its transaction.
    pub producer_id: Option<i64>,
    /// The turn in which it was seen.
    pub seen: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Group {
    /// The highest that an answer has told, with the turn.
    pub generation: i32,
    pub generation_turn: u64,
    /// By generation.
    pub protocols: BTreeMap<i32, Option<String>>,
    /// By generation, topic and partition: who was given it.
    pub owners: BTreeMap<(i32, String, i32), String>,
    /// What leaders have handed out: by generation and member. A static member goes by its name.
    pub assigned: BTreeMap<(i32, String), BTreeSet<Bytes>>,
    /// The offsets that count: by topic and partition, with the number of the commit.
    pub offsets: BTreeMap<(String, i32), CommitId>,
}

#[derive(Debug, Default)]
pub struct Model {
    pub topics: Vec<Topic>,
    pub batches: Vec<SentBatch>,
    /// By the checksum of their records.
    by_content: HashMap<u32, Vec<BatchId>>,
    pub ends: Vec<EndRequest>,
    /// By producer id: the transactional id, once it is known.
    pub transactional: BTreeMap<i64, String>,
    /// InitProducerId requests, by transactional id.
    pub inits: Vec<(RequestId, String)>,
    /// The highest epoch of a producer that an answer has told, with the turn.
    pub epochs: BTreeMap<i64, (i16, u64)>,
    /// The shortest time after which the broker may abort a transaction by itself, in milliseconds.
    pub transaction_ms: i64,
    pub commits: Vec<Commit>,
    pub groups: BTreeMap<String, Group>,
    /// After so long a silence the broker forgets a producer's sequences.
    pub producer_ms: i64,
    /// Moments at which transactions of a producer were seen to begin, by the steady clock in milliseconds.
    pub begun: BTreeMap<i64, u64>,
    /// The same clock now.
    pub steady_ms: u64,
    /// DeleteRecords by topic and partition, -1 for the end; changes of a topic's retention.
    pub deletions: Vec<(RequestId, String, i32, i64)>,
    pub alterations: Vec<(RequestId, String, Retention)>,
    /// Topics whose segments may have several sizes.
    pub resized: BTreeSet<String>,
    /// Which static member has an id.
    pub instances: BTreeMap<String, String>,
    /// The ids and epochs that were given to new producers.
    pub granted: BTreeSet<(i64, i16)>,
}

impl Model {
    pub fn new(producer_ms: i32, transaction_ms: i32) -> Self {
        Self { producer_ms: producer_ms.into(), transaction_ms: transaction_ms.into(), ..Self::default() }
    }

    /// A batch is about to be sent, once or again.
    pub fn sent(&mut self, batch: SentBatch) -> BatchId {
        let id = self.batches.len();
        self.by_content.entry(crc32c::crc32c(&batch.bytes[RECORDS_AT..])).or_default().push(id);
        self.batches.push(batch);
        id
    }

    pub fn topic(&self, id: Uuid) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.id == id)
    }

    pub fn topic_mut(&mut self, id: Uuid) -> Option<&mut Topic> {
        self.topics.iter_mut().find(|topic| topic.id == id)
    }

    pub fn partition(&self, (topic, partition): Place) -> Option<&Partition> {
        self.topic(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    pub fn partition_mut(&mut self, (topic, partition): Place) -> Option<&mut Partition> {
        self.topic_mut(topic)?.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    pub fn alive(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter().filter(|topic| topic.until.is_none())
    }

    /// What a batch's transaction has come to, in the topic to which it was written last.
    pub fn fate(&self, batch: BatchId) -> Option<Fate> {
        let batch = &self.batches[batch];
        let (topic, offset) = *batch.appended.last()?;
        self.topic(topic).filter(|topic| topic.until.is_none())?;
        let partition = self.partition((topic, batch.partition)).filter(|partition| partition.gaps.is_empty())?;
        partition.entry_at(offset).map(|entry| entry.fate)
    }

    /// A partition as the broker shows it now: its bounds, and the batches behind those that are known.
    pub fn look(
        &mut self,
        place: Place,
        (start, stable, end): (i64, i64, i64),
        records: &Bytes,
        witness: &dyn Witness,
    ) -> Result<Vec<Marker>, Broken> {
        let name = self.topic(place.0).map(|topic| topic.name.clone()).unwrap_or_default();
        let Some(partition) = self.partition(place) else { return Err(format!("{name} has too many partitions")) };
        let known_end = partition.end;
        ensure!(start >= partition.start, "the start went back from {} to {start}", partition.start);
        ensure!(end >= known_end, "the end went back from {known_end} to {end}");
        ensure!(stable >= partition.stable, "the stable offset went back from {} to {stable}", partition.stable);
        ensure!(start <= stable && stable <= end, "{start} ≤ {stable} ≤ {end}");
        let mut markers = Vec::new();
        if start > known_end {
            // What came and went within one step was seen by nobody.
            let first = BatchHeader::parse(records).map_or(start, |header| header.base_offset.min(start));
            let partition = self.partition_mut(place).expect("it is there");
            partition.gaps.push((known_end, first.max(known_end)));
            partition.end = first.max(known_end);
        }
        let mut rest = records.clone();
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).ok_or("a piece of a batch")?;
            let length = header.total_bytes().filter(|length| *length <= rest.len()).ok_or("a piece of a batch")?;
            let batch = rest.split_to(length);
            markers.extend(self.append(place, &name, &header, batch, witness)?);
        }
        let partition = self.partition_mut(place).expect("it is there");
        ensure!(partition.end == end, "{name}: the log ends at {end}, but its batches at {}", partition.end);
        partition.stable = stable;
        let open = partition.open.values().min().copied();
        if partition.gaps.is_empty() {
            let expect = open.map_or(end, |first| first.max(start));
            ensure!(stable == expect, "{name}-{}: the last stable offset is {stable}, not {expect}", place.1);
        }
        if start > partition.start {
            self.judge_deletion(place, start, witness)?;
        }
        Ok(markers)
    }

    fn append(
        &mut self,
        place: Place,
        name: &str,
        header: &BatchHeader,
        bytes: Bytes,
        witness: &dyn Witness,
    ) -> Result<Option<Marker>, Broken> {
        let at = format!("{name}-{} offset {}", place.1, header.base_offset);
        let partition = self.partition_mut(place).expect("it was looked up");
        let is_remade = !header.is_whole() || header.delete_horizon_ms().is_some();
        if partition.compacted && (header.base_offset > partition.end || is_remade) {
            // It was compacted in the step in which it came.
            let next = if is_remade { header.last_offset() + 1 } else { header.base_offset };
            partition.gaps.push((partition.end, next));
            partition.end = next;
            if is_remade {
                return Ok(None);
            }
        }
        ensure!(header.base_offset == partition.end, "{at}: the log ended at {}", partition.end);
        ensure!(crc32c::crc32c(&bytes[CRC_START..]) == header.crc, "{at}: the checksum is wrong");
        let is_marker = header.is_control();
        let (producer_id, steady_ms, now_ms) = (header.producer_id, self.steady_ms, witness.now_ms());
        // The type of a marker is the second number of its key.
        let committed = is_marker && bytes.get(RECORDS_AT + 8) == Some(&1);
        if is_marker {
            self.judge_marker(header, committed, &at, witness)?;
        } else {
            self.judge_batch(place, header, &bytes, &at, witness)?;
        }
        let partition = self.partition_mut(place).expect("it was looked up");
        let transactional = header.is_transactional() && !is_marker;
        let mut begins = false;
        if transactional && !partition.open.contains_key(&producer_id) {
            partition.open.insert(producer_id, header.base_offset);
            begins = true;
        }
        if is_marker {
            let fate = if committed { Fate::Committed } else { Fate::Aborted };
            if let Some(first) = partition.open.remove(&producer_id) {
                let of_transaction =
                    |entry: &&mut Entry| entry.transactional && entry.producer_id == producer_id && entry.base >= first;
                partition.entries.iter_mut().filter(of_transaction).for_each(|entry| entry.fate = fate);
                if !committed {
                    partition.aborted.push(Aborted { producer_id, first, last: header.base_offset });
                }
            }
            partition.enter_epoch(producer_id, header.producer_epoch, now_ms);
        }
        partition.end = header.last_offset() + 1;
        partition.entries.push(Entry {
            base: header.base_offset,
            last: header.last_offset(),
            timestamp: header.max_timestamp,
            turn: witness.turn(),
            seen_ms: steady_ms,
            producer_id,
            transactional,
            fate: if transactional { Fate::Undecided } else { Fate::Committed },
            bytes,
        });
        if begins {
            self.begun.entry(producer_id).or_insert(steady_ms);
        }
        if is_marker {
            self.begun.remove(&producer_id);
        }
        Ok(is_marker.then_some(Marker { producer_id, committed }))
    }

    /// A marker must be asked for, or be the broker's own because the transaction took too long or has a new producer.
    fn judge_marker(
        &self,
        header: &BatchHeader,
        committed: bool,
        at: &str,
        witness: &dyn Witness,
    ) -> Result<(), Broken> {
        let asked = self.ends.iter().any(|end| {
            end.producer_id == header.producer_id
                && end.committed == committed
                && (end.epoch == header.producer_epoch || end.epoch + 1 == header.producer_epoch)
                && witness.has_arrived(end.request)
        });
        let word = if committed { "committed" } else { "aborted" };
        ensure!(
            asked || !committed && self.may_be_aborted(header.producer_id, witness),
            "{at}: the transaction of {} was {word}, and nobody has asked for it",
            header.producer_id
        );
        Ok(())
    }

    fn may_be_aborted(&self, producer_id: i64, witness: &dyn Witness) -> bool {
        let begun = self.begun.get(&producer_id).copied().unwrap_or(0);
        if self.steady_ms >= begun + u64::try_from(self.transaction_ms).unwrap_or(0) {
            return true;
        }
        let id = self.transactional.get(&producer_id);
        self.inits.iter().any(|(request, of)| id.is_none_or(|id| id == of) && witness.has_arrived(*request))
    }

    /// A batch must have been sent to this place, and arrived, and be the next of its producer.
    fn judge_batch(
        &mut self,
        place: Place,
        header: &BatchHeader,
        bytes: &Bytes,
        at: &str,
        witness: &dyn Witness,
    ) -> Result<(), Broken> {
        let candidates = self.by_content.get(&crc32c::crc32c(&bytes[RECORDS_AT..])).cloned().unwrap_or_default();
        let matches = |id: &BatchId| is_stored(&self.batches[*id], header, bytes);
        let id = candidates.into_iter().find(matches).ok_or(format!("{at}: nobody has sent this: {header:?}"))?;
        let name = self.topic(place.0).map(|topic| topic.name.as_str()).unwrap_or_default();
        let batch = &self.batches[id];
        ensure!(
            batch.topic == name && batch.partition == place.1,
            "{at}: it was sent to {}-{}",
            batch.topic,
            batch.partition
        );
        let arrived: Vec<_> = batch.requests.iter().copied().filter(|request| witness.has_arrived(*request)).collect();
        ensure!(!arrived.is_empty(), "{at}: it is there before it has arrived");
        let once = batch.requests.len() == 1;
        if let Some((epoch, turn)) = self.epochs.get(&header.producer_id).copied() {
            ensure!(
                header.producer_epoch >= epoch || turn >= witness.turn(),
                "{at}: epoch {} of producer {} writes, but it is fenced by {epoch}",
                header.producer_epoch,
                header.producer_id
            );
        }
        let producer_ms = self.producer_ms;
        let partition = self.partition_mut(place).expect("it was looked up");
        if once {
            let before = partition.last_of_link.insert(witness.link_of(arrived[0]), arrived[0]);
            ensure!(before.is_none_or(|before| before < arrived[0]), "{at}: it overtook what was sent before it");
        }
        if header.is_idempotent() {
            partition.judge_sequence(header, at, producer_ms, witness)?;
        }
        self.batches[id].appended.push((place.0, header.base_offset));
        Ok(())
    }

    /// What is gone must be what DeleteRecords named, or what the topic need not keep.
    fn judge_deletion(&mut self, place: Place, start: i64, witness: &dyn Witness) -> Result<(), Broken> {
        let topic = self.topic(place.0).expect("it was looked up");
        let name = topic.name.clone();
        let altered = self.alterations.iter().filter(|(request, of, _)| *of == name && witness.has_arrived(*request));
        let retention: Vec<_> = altered.map(|(_, _, retention)| *retention).chain([topic.retention]).collect();
        let end = topic.partitions[place.1 as usize].end;
        let of_place = |(request, of, index, _): &&(RequestId, String, i32, i64)| {
            *of == name && *index == place.1 && witness.is_under_way(*request)
        };
        let offsets = self.deletions.iter().filter(of_place).map(|(_, _, _, offset)| *offset);
        let asked = offsets.map(|offset| if offset == -1 { end } else { offset }).max().unwrap_or(0);
        let partition = self.partition_mut(place).expect("it was looked up");
        let before = std::mem::replace(&mut partition.start, start);
        if start <= asked || !partition.gaps.is_empty() {
            return Ok(());
        }
        let kept = |entry: &Entry| -> i64 {
            let behind = partition.entries.iter().filter(|other| other.base > entry.base);
            behind.map(|other| other.bytes.len() as i64).sum()
        };
        let gone = partition.entries.iter().filter(|entry| entry.last >= before.max(asked) && entry.last < start);
        let left = if partition.compacted { Some(partition.kept()?) } else { None };
        let was_there =
            |entry: &&Entry| left.as_ref().is_none_or(|left| left.range(entry.base..=entry.last).next().is_some());
        for entry in gone.filter(was_there) {
            let too_old = |retention: &Retention| {
                retention.ms >= 0 && witness.latest_ms().saturating_sub(entry.timestamp) > retention.ms
            };
            let too_much = |retention: &Retention| retention.bytes >= 0 && kept(entry) >= retention.bytes;
            ensure!(
                retention.iter().any(|retention| too_old(retention) || too_much(retention)),
                "{name}-{}: offset {} is gone, but its topic keeps it: {retention:?}, {} bytes behind it",
                place.1,
                entry.base,
                kept(entry)
            );
        }
        Ok(())
    }

    /// Whether the broker may have forgotten what a producer wrote last.
    pub fn may_have_forgotten(&self, producer_id: i64, place: Place, latest_ms: i64) -> bool {
        let sequence = self.partition(place).and_then(|partition| partition.sequences.get(&producer_id));
        let is_silent = |sequence: &Sequence| latest_ms - sequence.last_write_ms >= self.producer_ms;
        sequence.is_none_or(|sequence| sequence.was_silent || is_silent(sequence))
    }

    /// A topic's partitions as they were acknowledged: whether a batch is where the answer says.
    pub fn judge_acknowledged(&self, id: BatchId, base_offset: i64) -> Result<(), Broken> {
        let batch = &self.batches[id];
        let seen = batch.appended.iter().any(|(_, offset)| *offset == base_offset);
        let unseen = self.topics.iter().filter(|topic| topic.name == batch.topic).any(|topic| {
            let partition = usize::try_from(batch.partition).ok().and_then(|index| topic.partitions.get(index));
            partition.is_some_and(|partition| {
                partition.gaps.iter().any(|(from, to)| (*from..*to).contains(&base_offset)) || topic.until.is_some()
            })
        });
        let (topic, partition) = (&batch.topic, batch.partition);
        ensure!(
            seen || unseen,
            "{topic}-{partition}: acknowledged at {base_offset}, but it is at {:?}",
            batch.appended
        );
        Ok(())
    }

    /// The transactions that were begun before `end` and are still open somewhere, though they have been ended elsewhere.
    pub fn judge_markers(&self, markers: &[Marker], ends_before: &BTreeMap<Place, i64>) -> Result<(), Broken> {
        for marker in markers {
            let differs = markers
                .iter()
                .any(|other| other.producer_id == marker.producer_id && other.committed != marker.committed);
            ensure!(!differs, "the transaction of {} was committed here and aborted there", marker.producer_id);
            for topic in self.alive() {
                for (partition, index) in topic.partitions.iter().zip(0..) {
                    let before = ends_before.get(&(topic.id, index)).copied().unwrap_or(0);
                    let open = partition.open.get(&marker.producer_id).is_some_and(|first| *first < before);
                    ensure!(
                        !open || !partition.gaps.is_empty(),
                        "the transaction of {} has ended, but not in {}-{index}",
                        marker.producer_id,
                        topic.name
                    );
                }
            }
        }
        Ok(())
    }
}

/// The end of a transaction in a partition.
#[derive(Debug, Clone, Copy)]
pub struct Marker {
    pub producer_id: i64,
    pub committed: bool,
}

/// Whether a batch of the log is the one that was sent, but for what the broker may set.
fn is_stored(batch: &SentBatch, header: &BatchHeader, bytes: &Bytes) -> bool {
    if header.is_log_append_time() {
        let sent = BatchHeader {
            base_offset: header.base_offset,
            partition_leader_epoch: 0,
            crc: header.crc,
            max_timestamp: header.max_timestamp,
            attributes: batch.header.attributes | LOG_APPEND_TIME,
            ..batch.header
        };
        return sent == *header && batch.bytes[RECORDS_AT..] == bytes[RECORDS_AT..];
    }
    let mut expect = batch.bytes.to_vec();
    expect[..8].copy_from_slice(&header.base_offset.to_be_bytes());
    expect[12..16].fill(0);
    *bytes == expect
}

impl Partition {
    /// The entry that holds an offset, or the first one behind it.
    pub fn position_of(&self, offset: i64) -> usize {
        self.entries.partition_point(|entry| entry.last < offset)
    }

    pub fn entry_at(&self, base: i64) -> Option<&Entry> {
        self.entries.get(self.position_of(base)).filter(|entry| entry.base == base)
    }

    /// Where the log ended in front of a turn.
    pub fn end_before(&self, turn: u64) -> i64 {
        let later = self.entries.iter().rev().take_while(|entry| entry.turn >= turn).last();
        later.map_or(self.end, |entry| entry.base)
    }

    /// The bytes that can be read from an offset on.
    pub fn readable(&self, offset: i64, up_to: i64, appended_before: u64) -> usize {
        let entries = self.entries[self.position_of(offset)..].iter();
        let readable = entries.take_while(|entry| entry.last < up_to && entry.turn < appended_before);
        readable.map(|entry| entry.bytes.len()).sum()
    }

    /// The aborted transactions with something at the offsets from `from` up to but without `to`.
    pub fn aborted_between(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let overlap = self.aborted.iter().filter(|aborted| aborted.last >= from && aborted.first < to);
        let mut all: Vec<_> = overlap.map(|aborted| (aborted.producer_id, aborted.first)).collect();
        all.sort_unstable();
        all
    }

    /// Compares what a fetch has brought with what is stored from the offset on; gives the offset behind it and the number of
    /// batches.
    pub fn judge_read(&self, offset: i64, bytes: &Bytes) -> Result<(i64, usize), Broken> {
        let (mut left, mut next, mut batches) = (&bytes[..], offset, 0);
        for entry in &self.entries[self.position_of(offset)..] {
            if left.is_empty() {
                break;
            }
            left =
                left.strip_prefix(&entry.bytes[..]).ok_or(format!("what is read at {next} is not what is stored"))?;
            next = entry.last + 1;
            batches += 1;
        }
        ensure!(left.is_empty(), "{} bytes more than there are from {offset} on", left.len());
        Ok((next, batches))
    }

    /// Whether nobody has seen a part of the log.
    pub fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Whether it is known what can be read, byte for byte.
    pub fn is_exact(&self) -> bool {
        !self.compacted && !self.has_gaps()
    }

    fn judge_sequence(
        &mut self,
        header: &BatchHeader,
        at: &str,
        producer_ms: i64,
        witness: &dyn Witness,
    ) -> Result<(), Broken> {
        let (epoch, first) = (header.producer_epoch, header.base_sequence);
        let next = advance_sequence(header.last_sequence(), 1);
        let known = self.sequences.get(&header.producer_id);
        let is_silent = known.is_some_and(|known| witness.latest_ms() - known.last_write_ms >= producer_ms);
        let was_silent = is_silent || known.is_some_and(|known| known.was_silent);
        if let Some(known) = known.filter(|_| self.gaps.is_empty() && !is_silent) {
            ensure!(epoch >= known.epoch, "{at}: epoch {epoch} of {} behind {}", header.producer_id, known.epoch);
            let expect = if epoch == known.epoch { known.next } else { 0 };
            ensure!(first == expect, "{at}: sequence {first} of producer {}, not {expect}", header.producer_id);
        }
        let sequence = Sequence { epoch, next, last_write_ms: witness.now_ms(), was_silent };
        self.sequences.insert(header.producer_id, sequence);
        Ok(())
    }

    /// A marker brings its epoch.
    pub fn enter_epoch(&mut self, producer_id: i64, epoch: i16, now_ms: i64) {
        let new = Sequence { epoch, next: 0, last_write_ms: now_ms, was_silent: false };
        let sequence = self.sequences.entry(producer_id).or_insert(new);
        if sequence.epoch != epoch {
            (sequence.epoch, sequence.next) = (epoch, 0);
        }
        sequence.last_write_ms = now_ms;
    }
}
