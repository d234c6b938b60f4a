//! When logs are relieved of old records.
//!
//! Every `log.retention.check.interval.ms`, each topic that deletes loses the segments that it need not keep. Every
//! `log.cleaner.backoff.ms`, the log with the largest dirty share among those that are due for it is compacted, a few
//! chunks in each turn of the loop, then the next one, until none is due.

use std::time::Duration;

use log::{debug, warn};

use super::compaction::{Cleanable, Cleaning};
use crate::broker::topics::{Partition, Topic};
use crate::broker::{self, Broker, Now};
use crate::wire::Uuid;

/// A turn of a compaction ends with the batch that makes it so many bytes, as they are and decompressed: of short records, two
/// milliseconds' work.
const BYTES_PER_TURN: usize = 256 << 10;
/// A step over less counts as so many: finding its chunk takes its time too.
const BYTES_PER_STEP_MIN: usize = 32 << 10;
/// Between two turns of a compaction there is room for others.
const PAUSE_MS: i64 = 1;

/// How long logs are not searched again when that has just been done because memory was used up.
const RELIEF_PAUSE: Duration = Duration::from_millis(100);

/// What becomes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// To look for segments that need not be kept.
    CheckRetention,
    /// To compact, or to go on with it.
    Compact,
}

/// The log that is being compacted.
#[derive(Debug)]
pub struct Compacting {
    topic_id: Uuid,
    partition: i32,
    cleaning: Cleaning,
}

impl Compacting {
    /// The memory that the compaction takes.
    pub fn held_bytes(&self) -> usize {
        self.cleaning.held_bytes()
    }
}

/// Plans the first of each at the start.
pub fn schedule(broker: &mut Broker, now: Now) {
    let delay_ms = broker.config.log_initial_task_delay_ms;
    schedule_one(broker, now, delay_ms, Deadline::CheckRetention);
    if broker.config.log_cleaner_enable {
        let backoff_ms = broker.config.log_cleaner_backoff_ms;
        schedule_one(broker, now, backoff_ms, Deadline::Compact);
    }
}

fn schedule_one(broker: &mut Broker, now: Now, in_ms: i64, deadline: Deadline) {
    // Never at once: a deadline that comes again in the same turn would never let it end.
    broker.deadlines.schedule(now.after_ms(in_ms.max(PAUSE_MS)), broker::Deadline::Log(deadline));
}

pub fn on_deadline(broker: &mut Broker, deadline: Deadline, now: Now) {
    let next_in_ms = match deadline {
        Deadline::CheckRetention => {
            delete_old_segments(broker, false, now);
            broker.config.log_retention_check_interval_ms
        }
        Deadline::Compact => {
            if broker.compacting.is_none() {
                broker.compacting = filthiest(broker, now);
            }
            let is_busy = broker.compacting.is_some();
            compact(broker);
            if broker.compacting.is_none() {
                delete_old_segments(broker, true, now);
            }
            if is_busy {
                PAUSE_MS
            } else {
                // Seldom enough for memory to be missed that is needed again and again.
                broker.budget.pieces().rest();
                broker.config.log_cleaner_backoff_ms
            }
        }
    };
    schedule_one(broker, now, next_in_ms, deadline);
}

/// Memory is used up: deletes at once what topics need not keep, instead of at the next check. Searching all logs takes its
/// time, so that is not done for every batch that comes.
pub fn relieve(broker: &mut Broker, now: Now) {
    if broker.relieved_at.is_some_and(|at| now.instant < at + RELIEF_PAUSE) {
        return;
    }
    broker.relieved_at = Some(now.instant);
    let before = broker.budget.held();
    delete_old_segments(broker, false, now);
    delete_old_segments(broker, true, now);
    let freed = before - broker.budget.held();
    warn!("There is no memory for more records (memory.max.bytes): deleted {freed} bytes that topics need not keep");
}

/// Deletes what topics need not keep: those that are compacted as well, or those that are not.
fn delete_old_segments(broker: &mut Broker, compacted: bool, now: Now) {
    for topic in broker.topics.sorted_mut() {
        if !topic.settings.delete || topic.settings.compact != compacted {
            continue;
        }
        for (partition, index) in topic.partitions.iter_mut().zip(0..) {
            if partition.log.delete_old_segments(&topic.settings, now.unix_ms) {
                debug!("Deleted the records of {}-{index} in front of {}", topic.name, partition.log.start_offset());
                broker.parking.touch(topic.id, index);
            }
        }
    }
}

/// The log that is due to be compacted and has the largest dirty share; the first by name and index of several.
fn filthiest(broker: &Broker, now: Now) -> Option<Compacting> {
    let mut filthiest: Option<(Cleanable, Compacting)> = None;
    for topic in broker.topics.sorted() {
        if !topic.settings.compact {
            continue;
        }
        for (partition, index) in topic.partitions.iter().zip(0..) {
            let cleanable = partition.log.cleanable(&topic.settings, now.unix_ms).filter(|cleanable| cleanable.is_due);
            let Some(cleanable) = cleanable else { continue };
            if filthiest.as_ref().is_none_or(|(other, _)| cleanable.dirty_ratio > other.dirty_ratio) {
                let cleaning = Cleaning::new(&cleanable, &topic.settings, &broker.budget, now.unix_ms);
                filthiest = Some((cleanable, Compacting { topic_id: topic.id, partition: index, cleaning }));
            }
        }
    }
    filthiest.map(|(_, compacting)| compacting)
}

/// Goes on with the compaction for as long as one turn allows.
fn compact(broker: &mut Broker) {
    let Some(mut compacting) = broker.compacting.take() else { return };
    let Some(topic) = broker.topics.by_id_mut(compacting.topic_id).filter(|topic| topic.settings.compact) else {
        // It was deleted, or is to be compacted no longer.
        return;
    };
    let Topic { name, partitions, settings, .. } = topic;
    let partition = usize::try_from(compacting.partition).ok().and_then(|index| partitions.get_mut(index));
    let Some(Partition { log, .. }) = partition else { return };
    let mut bytes = 0;
    while bytes < BYTES_PER_TURN {
        if log.clean(&mut compacting.cleaning, settings, BYTES_PER_TURN - bytes) {
            debug!("Compacted {name}-{}: {} bytes are left", compacting.partition, log.bytes());
            return;
        }
        bytes += compacting.cleaning.step_bytes().max(BYTES_PER_STEP_MIN);
    }
    broker.compacting = Some(compacting);
}
