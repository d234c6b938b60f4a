//! Keeping the last record of each key, and dropping those before it.
//!
//! A log has a clean part, in which each key stands once, and a dirty one behind it. Cleaning goes over the dirty part once
//! to find each key's last offset, then over everything up to there to drop the records that are not the last of their key.
//! The active segment is never cleaned, nor is what belongs to open transactions, nor what is younger than
//! `min.compaction.lag.ms`.
//!
//! ```text
//!   clean          dirty                     not yet cleanable
//! [ a1 b2 c3 ] [ a4 a5 ] [ c6 b7 a8 ] [ d9 a10 ……active…… ]     last offsets: a 8, b 7, c 6
//!   ^ ^  ^       ^  ^ go
//! ```
//!
//! What remains keeps its offset: a batch is made again of the records that stay, with the same first and last offset and
//! the same sequence numbers. A record without a value says that its key is deleted. It goes as well, but later: the first
//! cleaning that finds it notes in its batch from when on it may go, `delete.retention.ms` later, so that who reads the
//! log in the meantime hears of the deletion (KIP-534). The marker of a transaction goes in the same way once no record of
//! the transaction is left, and the records of aborted transactions go at once. Records without a key, which can only be
//! from before the topic was compacted, go too.
//!
//! A batch that cannot be looked into stays as it is: its keys are not known, so none of its records can be dropped, and
//! nothing is dropped because of them. The same happens where there is no memory to look into it, or where the batches of a chunk
//! become much larger when they are decompressed than they have any use to be.
//!
//! Cleaning is done in small steps, some batches at a time, so that clients are served in between. What is left of a chunk is
//! gathered beside it, and takes its place once all of it has been looked at; a reader sees either, and both have every key's
//! last record.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::ControlFlow;

use super::chunk::Chunk;
use super::segment::Segment;
use super::transactions::Transactions;
use super::{CHUNK_BYTES_MAX, Log};
use crate::budget::{Budget, Share};
use crate::config::topic::TopicSettings;
use crate::pieces;
use crate::wire::compression::{Decompressed, Decompressor};
use crate::wire::record_batch::{BatchHeader, HEADER_BYTES, Record, Records, Remade};

/// The memory for the keys of one cleaning. What does not fit is left to the next one.
const KEYS_BYTES_MAX: usize = 64 << 20;
/// What a key needs at most, whatever its length: a hash map has twice as many places as entries just after it has grown.
const KEY_BYTES: usize = 64;

/// What there is to clean in a log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cleanable {
    /// The share of the bytes that are dirty among all that would be looked at.
    pub dirty_ratio: f64,
    /// Whether that is enough, or something has waited for `max.compaction.lag.ms`.
    pub is_due: bool,
    /// The first offset that is not cleaned yet.
    dirty_from: i64,
    /// Up to here, where a segment begins.
    until: i64,
}

/// A log being cleaned.
#[derive(Debug)]
pub struct Cleaning {
    phase: Phase,
    /// Up to here; a chunk begins there.
    until: i64,
    /// The last offset of each key of the dirty part.
    last_offsets: LastOffsets,
    /// The memory of the keys.
    share: Share,
    /// What is left of the chunk that is being cleaned.
    left: Option<Left>,
    /// How many bytes the last step has looked at.
    looked_bytes: usize,
    /// What that step may have decompressed.
    decompressor: Decompressor,
    /// The producers of whose transaction records have been seen, but not the marker yet.
    open: HashSet<i64>,
    /// When the deletions that are found now may go.
    delete_horizon_ms: i64,
    now_ms: i64,
}

/// The last offset of each key. A key is told by two hashes of it, as Kafka tells it by its MD5: with ten million keys, the chance
/// that two of them are taken for one is below 1 in 10^24. So growing need not look at keys again, nor letting go at every one
/// of them, which holds up the loop for fifty milliseconds when they are half a million.
#[derive(Debug, Default)]
struct LastOffsets {
    hashers: [RandomState; 2],
    by_hashes: HashMap<u128, i64, BuildHasherDefault<AsItIs>>,
}

impl LastOffsets {
    fn hashes(&self, key: &[u8]) -> u128 {
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(key)));
        high << 64 | low
    }

    fn get(&self, key: &[u8]) -> Option<i64> {
        self.by_hashes.get(&self.hashes(key)).copied()
    }

    fn note(&mut self, key: &[u8], offset: i64) {
        let last = self.by_hashes.entry(self.hashes(key)).or_insert(offset);
        *last = (*last).max(offset);
    }
}

/// Hashes what is a hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only pairs of hashes are hashed");
    }

    fn write_u128(&mut self, hashes: u128) {
        self.0 = hashes as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// How far a cleaning has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Finding the last offsets; the batch with this offset is next.
    Looking { next: i64 },
    /// Dropping records; the batch with this offset is next.
    Dropping { next: i64 },
}

/// What is left of a chunk, as far as it has been looked at.
#[derive(Debug)]
struct Left {
    /// Where the chunk begins.
    base_offset: i64,
    chunks: Vec<Chunk>,
}

impl Left {
    /// Copies a batch that is kept. If that takes another chunk, it is made as large as what is still to come may need, this batch
    /// included.
    fn keep(&mut self, batch: &[u8], header: &BatchHeader, to_come: usize, budget: &Budget) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.has_room_for(batch.len()) => chunk.keep(batch, header),
            last => {
                last.into_iter().for_each(Chunk::close);
                let bytes = pieces::size_for(to_come.min(CHUNK_BYTES_MAX).max(batch.len()));
                let mut chunk = Chunk::new(header.base_offset, bytes, budget);
                chunk.keep(batch, header);
                self.chunks.push(chunk);
            }
        }
    }
}

impl Log {
    /// What could be cleaned now.
    pub fn cleanable(&self, settings: &TopicSettings, now_ms: i64) -> Option<Cleanable> {
        let active = self.segments.back()?;
        let dirty_from = self.clean_until.max(self.start_offset);
        // The segment that the stable part ends in is left for later as a whole.
        let stable = self.segments.iter().rev().find(|segment| segment.base_offset <= self.last_stable_offset())?;
        let mut until = stable.base_offset.min(active.base_offset);
        let dirty = || self.segments.iter().filter(|segment| segment.base_offset >= dirty_from);
        let youngest_ms = now_ms.saturating_sub(settings.min_compaction_lag_ms);
        if settings.min_compaction_lag_ms > 0 {
            let young = dirty().find(|segment| segment.largest_timestamp() > youngest_ms);
            until = young.map_or(until, |segment| until.min(segment.base_offset));
        }
        let bytes = |from, to| -> usize {
            let chunks = self.segments.iter().flat_map(|segment| &segment.chunks);
            chunks.filter(|chunk| (from..to).contains(&chunk.base_offset())).map(Chunk::length).sum()
        };
        let (clean_bytes, dirty_bytes) = (bytes(i64::MIN, dirty_from), bytes(dirty_from, until));
        if dirty_bytes == 0 {
            return None;
        }
        let oldest_ms = now_ms.saturating_sub(settings.max_compaction_lag_ms);
        let has_waited = dirty()
            .filter(|segment| segment.base_offset < active.base_offset)
            .any(|segment| (1..oldest_ms).contains(&segment.first_timestamp));
        let dirty_ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
        let is_due = has_waited || dirty_ratio > settings.min_cleanable_dirty_ratio;
        Some(Cleanable { dirty_ratio, is_due, dirty_from, until })
    }

    /// Goes on with a cleaning, to the end of a chunk or to the batch that makes it so many bytes, as they are and decompressed.
    /// Says whether it is done.
    pub fn clean(&mut self, cleaning: &mut Cleaning, settings: &TopicSettings, bytes_max: usize) -> bool {
        cleaning.looked_bytes = 0;
        cleaning.decompressor = Decompressor::new(&self.budget);
        match cleaning.phase {
            Phase::Looking { next } => {
                let chunk = self.chunks_from(next).find(|chunk| chunk.position_of(next) < chunk.length());
                let Some(chunk) = chunk.filter(|chunk| chunk.base_offset() < cleaning.until) else {
                    self.regroup(cleaning.until, settings);
                    cleaning.phase = Phase::Dropping { next: self.start_offset.min(self.first_chunk_offset()) };
                    return false;
                };
                let following = self.following(chunk.base_offset());
                let rest = cleaning.look_at(chunk, next, bytes_max, &self.transactions);
                cleaning.phase = Phase::Looking { next: rest.unwrap_or(following) };
                if cleaning.share.bytes() > KEYS_BYTES_MAX || self.budget.room_for_logs() == 0 {
                    cleaning.until = cleaning.until.min(following);
                }
                false
            }
            Phase::Dropping { next } => {
                let Some(next) = self.drop_from_chunk(next, cleaning, bytes_max) else {
                    self.clean_until = self.clean_until.max(cleaning.until);
                    return true;
                };
                cleaning.phase = Phase::Dropping { next };
                false
            }
        }
    }

    /// Where the next chunk begins behind the one that begins at `offset`.
    fn following(&self, offset: i64) -> i64 {
        let next = self.position_at(offset + 1);
        next.map_or(self.end_offset, |(segment, chunk)| self.segments[segment].chunks[chunk].base_offset())
    }

    /// The positions of the first chunk's segment that begins at `offset` or behind it, and of the chunk in it.
    fn position_at(&self, offset: i64) -> Option<(usize, usize)> {
        let before = |segment: &Segment| segment.chunks.last().is_none_or(|last| last.base_offset() < offset);
        let first = self.segments.iter().position(|segment| !before(segment))?;
        let chunk = self.segments[first].chunks.partition_point(|chunk| chunk.base_offset() < offset);
        Some((first, chunk))
    }

    fn first_chunk_offset(&self) -> i64 {
        let first = self.segments.iter().find_map(|segment| segment.chunks.first());
        first.map_or(self.end_offset, Chunk::base_offset)
    }

    /// Puts small segments in front of `until` together, up to the size that a segment may have.
    fn regroup(&mut self, until: i64, settings: &TopicSettings) {
        let bytes_max = usize::try_from(settings.segment_bytes).unwrap_or(0);
        let mut index = 1;
        while self.segments.get(index).is_some_and(|segment| segment.base_offset < until)
            // The segment that is cleaned in part only, and the active one, stay what they are.
            && self.segments.get(index + 1).is_some_and(|next| next.base_offset <= until)
        {
            let (first, second) = (&self.segments[index - 1], &self.segments[index]);
            let span = self.segments[index + 1].base_offset - first.base_offset;
            if first.length + second.length > bytes_max || span > i64::from(i32::MAX) {
                index += 1;
                continue;
            }
            let second = self.segments.remove(index).expect("it was just looked at");
            self.segments[index - 1].absorb(second);
        }
    }

    /// Looks at the batches of a chunk from `next` on, and replaces it by what stays of it once it has looked at all of them. Gives
    /// the offset to go on from, and `None` if there is nothing more to clean.
    fn drop_from_chunk(&mut self, next: i64, cleaning: &mut Cleaning, bytes_max: usize) -> Option<i64> {
        let begun = cleaning.left.take();
        let (segment, index) = self.position_at(begun.as_ref().map_or(next, |left| left.base_offset))?;
        let base_offset = self.segments[segment].chunks[index].base_offset();
        if base_offset >= cleaning.until {
            return None;
        }
        // What was begun is of no use if the chunk has been deleted meanwhile.
        let mut left =
            begun.filter(|left| left.base_offset == base_offset).unwrap_or(Left { base_offset, chunks: Vec::new() });
        let following = self.following(base_offset);
        let segment = &mut self.segments[segment];
        let chunk = &segment.chunks[index];
        let mut to_come = segment.bytes_from(index) - chunk.position_of(next);
        let rest = chunk.look_from(next, |header, batch| {
            let outcome = cleaning.clean_batch(header, batch, &mut self.transactions);
            to_come -= batch.len();
            match outcome {
                Outcome::Kept => left.keep(batch, header, to_come + batch.len(), &self.budget),
                Outcome::Remade(header, made) => left.keep(&made, &header, to_come + made.len(), &self.budget),
                Outcome::Gone => {}
            }
            cleaning.has_looked_at(batch, bytes_max)
        });
        match rest {
            Some(_) => cleaning.left = Some(left),
            None => segment.replace_chunk(index, left.chunks),
        }
        Some(rest.unwrap_or(following))
    }
}

/// What becomes of a batch.
enum Outcome {
    /// It stays, byte for byte.
    Kept,
    Remade(BatchHeader, Vec<u8>),
    Gone,
}

impl Cleaning {
    /// The memory of the keys, and of what is left of a chunk.
    pub fn held_bytes(&self) -> usize {
        let left = self.left.iter().flat_map(|left| &left.chunks);
        self.share.bytes() + left.map(Chunk::capacity).sum::<usize>()
    }

    /// How many bytes the last step has looked at, as they are and decompressed.
    pub fn step_bytes(&self) -> usize {
        self.looked_bytes + self.decompressor.spent()
    }

    fn has_looked_at(&mut self, batch: &[u8], bytes_max: usize) -> ControlFlow<()> {
        self.looked_bytes += batch.len();
        if self.step_bytes() < bytes_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    pub fn new(cleanable: &Cleanable, settings: &TopicSettings, budget: &Budget, now_ms: i64) -> Self {
        let Cleanable { dirty_from, until, .. } = *cleanable;
        Self {
            phase: Phase::Looking { next: dirty_from },
            until,
            last_offsets: LastOffsets::default(),
            share: budget.share(),
            left: None,
            looked_bytes: 0,
            decompressor: Decompressor::new(budget),
            open: HashSet::new(),
            delete_horizon_ms: now_ms.saturating_add(settings.delete_retention_ms),
            now_ms,
        }
    }

    /// Notes where the keys of a chunk stand, from `next` on. Gives the offset to go on from in the same chunk.
    fn look_at(&mut self, chunk: &Chunk, next: i64, bytes_max: usize, transactions: &Transactions) -> Option<i64> {
        chunk.look_from(next, |header, batch| {
            let counts = !header.is_control() && !is_aborted(header, transactions) && header.base_offset < self.until;
            if let Some(records) = counts.then(|| self.records(header, batch)).flatten() {
                for record in Records::new(&records).map_while(Result::ok) {
                    let offset = header.base_offset + i64::from(record.offset_delta);
                    record.key.into_iter().for_each(|key| self.last_offsets.note(key, offset));
                }
            }
            self.share.set(self.last_offsets.by_hashes.len() * KEY_BYTES);
            self.has_looked_at(batch, bytes_max)
        })
    }

    fn clean_batch(&mut self, header: &BatchHeader, batch: &[u8], transactions: &mut Transactions) -> Outcome {
        if header.base_offset >= self.until {
            return Outcome::Kept;
        }
        if header.is_control() {
            return self.clean_marker(header, batch, transactions);
        }
        if header.is_transactional() {
            self.open.insert(header.producer_id);
        }
        if is_aborted(header, transactions) {
            return Outcome::Gone;
        }
        let Some(records) = self.records(header, batch) else { return Outcome::Kept };
        // There can be millions of them, so they are not gathered, but looked at twice.
        let kept = || Records::new(&records).map_while(Result::ok).filter(|record| self.is_kept(header, record));
        let (mut count, mut deletions) = (0, false);
        for record in kept() {
            count += 1;
            deletions |= !record.has_value;
        }
        let horizon = (deletions && header.delete_horizon_ms().is_none()).then_some(self.delete_horizon_ms);
        if count == 0 {
            Outcome::Gone
        } else if count == header.count && horizon.is_none() {
            Outcome::Kept
        } else {
            self.remake(header, &records, kept(), horizon)
        }
    }

    /// Makes a batch again of some of its records, if there is memory for it.
    fn remake<'a>(
        &self,
        header: &BatchHeader,
        records: &[u8],
        kept: impl Iterator<Item = Record<'a>>,
        horizon: Option<i64>,
    ) -> Outcome {
        // Once as they are, once as the codec writes them, and once in the batch.
        let Ok(_copies) = self.decompressor.reserve(3 * records.len()) else { return Outcome::Kept };
        let mut remade = Remade::new(header, horizon);
        kept.for_each(|record| remade.push(header, &record));
        match remade.finish() {
            Some((header, batch)) => Outcome::Remade(header, batch),
            None => Outcome::Kept,
        }
    }

    /// The records of a batch, if they can be looked into and are all there.
    fn records<'a>(&mut self, header: &BatchHeader, batch: &'a [u8]) -> Option<Decompressed<'a>> {
        let records = self.decompressor.decompress(header.codec()?, batch.get(HEADER_BYTES..)?).ok()?;
        let whole = Records::new(&records).try_fold(0, |count, record| record.is_ok().then_some(count + 1));
        (whole == Some(header.count)).then_some(records)
    }

    fn is_kept(&self, header: &BatchHeader, record: &Record) -> bool {
        let Some(key) = record.key else { return false };
        let offset = header.base_offset + i64::from(record.offset_delta);
        let is_last = self.last_offsets.get(key).is_none_or(|last| offset >= last);
        is_last && (record.has_value || header.delete_horizon_ms().is_none_or(|horizon| self.now_ms < horizon))
    }

    /// A marker stays while there is something that it says something of, and for a while after that.
    fn clean_marker(&mut self, header: &BatchHeader, batch: &[u8], transactions: &mut Transactions) -> Outcome {
        if self.open.remove(&header.producer_id) {
            return Outcome::Kept;
        }
        match header.delete_horizon_ms() {
            Some(horizon) if horizon <= self.now_ms => {
                transactions.forget_marker(header.base_offset);
                Outcome::Gone
            }
            Some(_) => Outcome::Kept,
            None => match self.records(header, batch) {
                Some(records) => {
                    let kept = Records::new(&records).map_while(Result::ok);
                    self.remake(header, &records, kept, Some(self.delete_horizon_ms))
                }
                None => Outcome::Kept,
            },
        }
    }
}

fn is_aborted(header: &BatchHeader, transactions: &Transactions) -> bool {
    header.is_transactional() && transactions.is_aborted(header.producer_id, header.base_offset)
}
