//! The transactions of one partition: which are open, and which were aborted.
//!
//! Records of a transaction lie in the log among all others, and only the marker behind them says what became of them. Two
//! things follow for who reads committed records. Nothing from the first record of an open transaction on may be shown yet:
//! where that begins is the last stable offset. And with the records goes a list of the transactions that were aborted, so
//! that the client can leave their records out.
//!
//! ```text
//! log:   a1  b1  a2  c1  B  a3  …             a, b, c: records of three producers; B: b's transaction was aborted
//!        ^ a is open: the last stable offset
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};

/// A transaction whose records count for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    pub producer_id: i64,
    /// The offset of its first record.
    pub first_offset: i64,
    /// The offset of the marker that ended it.
    pub last_offset: i64,
    /// Where the transactions begin that were still open then: none that ends later has records in front of it.
    stable_offset: i64,
}

/// The transactions of one partition.
#[derive(Debug, Default)]
pub struct Transactions {
    /// The first offset of each open transaction, by its producer.
    open: HashMap<i64, i64>,
    /// The same, the oldest first.
    open_in_order: BTreeSet<(i64, i64)>,
    /// In the order of their markers.
    aborted: VecDeque<Aborted>,
}

impl Transactions {
    /// The first offset of a producer's open transaction.
    pub fn first_offset(&self, producer_id: i64) -> Option<i64> {
        self.open.get(&producer_id).copied()
    }

    /// The first offset that belongs to a transaction of which nobody knows yet how it ends.
    pub fn first_open_offset(&self) -> Option<i64> {
        self.open_in_order.first().map(|(offset, _)| *offset)
    }

    /// A producer has written at this offset inside a transaction.
    pub fn wrote(&mut self, producer_id: i64, offset: i64) {
        if self.open.contains_key(&producer_id) {
            return;
        }
        self.open.insert(producer_id, offset);
        self.open_in_order.insert((offset, producer_id));
    }

    /// A marker has been written at this offset, which ends the producer's transaction if there was one.
    pub fn ended(&mut self, producer_id: i64, committed: bool, offset: i64) {
        let Some(first_offset) = self.open.remove(&producer_id) else { return };
        self.open_in_order.remove(&(first_offset, producer_id));
        if !committed {
            let stable_offset = self.first_open_offset().unwrap_or(offset + 1);
            self.aborted.push_back(Aborted { producer_id, first_offset, last_offset: offset, stable_offset });
        }
    }

    /// The aborted transactions that have something at the offsets from `from` up to but without `to`.
    pub fn aborted_between(&self, from: i64, to: i64) -> impl Iterator<Item = &Aborted> {
        let first = self.aborted.partition_point(|aborted| aborted.last_offset < from);
        let mut reached = false;
        self.aborted
            .range(first..)
            .take_while(move |aborted| !std::mem::replace(&mut reached, aborted.stable_offset >= to))
            .filter(move |aborted| aborted.first_offset < to)
    }

    /// Whether a producer's record belongs to an aborted transaction.
    pub fn is_aborted(&self, producer_id: i64, offset: i64) -> bool {
        self.aborted_between(offset, offset + 1).any(|aborted| aborted.producer_id == producer_id)
    }

    /// The marker at `offset` is gone, long after the records of its transaction.
    pub fn forget_marker(&mut self, offset: i64) {
        self.aborted.retain(|aborted| aborted.last_offset != offset);
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        assert_eq!(self.open.len(), self.open_in_order.len());
        assert!(self.open.iter().all(|(id, offset)| self.open_in_order.contains(&(*offset, *id))));
        assert!(
            self.aborted.iter().is_sorted_by_key(|aborted| aborted.last_offset),
            "markers come one after the other"
        );
        assert!(self.aborted.iter().all(|aborted| aborted.first_offset < aborted.last_offset));
    }

    /// The records in front of `offset` are gone.
    pub fn forget_before(&mut self, offset: i64) {
        let gone = self.aborted.partition_point(|aborted| aborted.last_offset < offset);
        self.aborted.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Producers 1 to 4 write at offsets 10, 20, 30 and 40. 2 and 3 are aborted at 50 and 60, 1 at 70, 2 commits once more.
    fn interleaved() -> Transactions {
        let mut transactions = Transactions::default();
        for (producer_id, offset) in [(1, 10), (2, 20), (3, 30), (1, 35), (4, 40)] {
            transactions.wrote(producer_id, offset);
        }
        transactions.ended(2, false, 50);
        transactions.ended(3, false, 60);
        transactions.wrote(2, 65);
        transactions.ended(1, false, 70);
        transactions.ended(2, true, 80);
        transactions
    }

    #[test]
    fn the_oldest_open_transaction_is_where_stable_records_end() {
        let mut transactions = interleaved();
        assert_eq!(transactions.first_open_offset(), Some(40));
        assert_eq!(transactions.first_offset(4), Some(40));
        transactions.ended(4, true, 90);
        transactions.ended(4, true, 91);
        assert_eq!(transactions.first_open_offset(), None);
    }

    #[test]
    fn aborted_transactions_of_a_range() {
        let transactions = interleaved();
        let check = |from, to, expect: &[i64]| {
            let found: Vec<_> = transactions.aborted_between(from, to).map(|aborted| aborted.producer_id).collect();
            assert_eq!(found, expect, "{from}..{to}");
        };
        check(0, 10, &[]);
        check(0, 11, &[1]);
        check(0, 25, &[2, 1]);
        check(0, 100, &[2, 3, 1]);
        check(50, 51, &[2, 3, 1]);
        check(51, 52, &[3, 1]);
        check(61, 100, &[1]);
        check(70, 71, &[1]);
        check(71, 100, &[]);
    }

    #[test]
    fn records_of_aborted_transactions() {
        let transactions = interleaved();
        assert!(transactions.is_aborted(2, 20) && transactions.is_aborted(1, 35));
        assert!(!transactions.is_aborted(2, 65) && !transactions.is_aborted(4, 40) && !transactions.is_aborted(3, 29));
    }

    #[test]
    fn what_is_deleted_is_forgotten() {
        let mut transactions = interleaved();
        transactions.forget_before(51);
        assert_eq!(transactions.aborted_between(0, 100).count(), 2);
        transactions.forget_before(1000);
        assert_eq!(transactions.aborted_between(0, 100).count(), 0);
    }
}
