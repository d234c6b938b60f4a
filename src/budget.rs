//! One count of all the memory that is held for clients: logs, what has arrived, what waits to be written, what waits for an
//! answer.
//!
//! Whoever holds memory has a [`Share`] and says how much it is. The count is right by construction: a share that goes away
//! takes its bytes out of it. [`Budget`] is what all shares belong to, and what is asked before more is taken:
//!
//! ```text
//! 0                                   room for logs ends here ┐                 ┌ memory.max.bytes
//! ├──────────── logs, requests, answers ──────────────────────┼──── reserve ────┤
//!                                                             │                 └ nothing more is read from who has
//!                 old records go, then Produce is refused  ◄──┘                   much here already
//! ```
//!
//! The reserve keeps the broker alive when the logs are full: what reads, deletes or describes records is still served.
//!
//! Memory that logs have let go of waits here for the next log that needs some: see [`Pieces`].

use std::cell::Cell;
use std::rc::Rc;

use crate::pieces::Pieces;

/// The part of the budget that logs leave alone: one of so many.
const RESERVED_PART: usize = 8;

/// All memory that is held, and how much it may become. Clones belong to the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    ledger: Rc<Ledger>,
}

/// What a budget and its shares have in common.
#[derive(Debug)]
struct Ledger {
    held: Cell<usize>,
    limit: usize,
    pieces: Pieces,
}

impl Ledger {
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.held.get())
    }
}

impl Budget {
    /// `limit` is in bytes.
    pub fn new(limit: usize) -> Self {
        Self { ledger: Rc::new(Ledger { held: Cell::new(0), limit, pieces: Pieces::default() }) }
    }

    /// The bytes of all shares.
    pub fn held(&self) -> usize {
        self.ledger.held.get()
    }

    /// How many bytes more may be held.
    pub fn room(&self) -> usize {
        self.ledger.room()
    }

    /// How many bytes more may be held by logs.
    pub fn room_for_logs(&self) -> usize {
        self.room().saturating_sub(self.ledger.limit / RESERVED_PART)
    }

    /// A part of the budget that is empty yet.
    pub fn share(&self) -> Share {
        Share { ledger: Rc::clone(&self.ledger), bytes: 0 }
    }

    /// Where logs get their memory from. What waits there is no client's and is not counted as held; it never takes more than
    /// the budget has left.
    pub fn pieces(&self) -> &Pieces {
        &self.ledger.pieces
    }
}

impl Default for Budget {
    /// Without a limit.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

/// What one holder has of a [`Budget`]. It is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    ledger: Rc<Ledger>,
    bytes: usize,
}

impl Share {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The pieces of the budget that this is a share of.
    pub fn pieces(&self) -> &Pieces {
        &self.ledger.pieces
    }

    /// From now on the holder has so many bytes.
    pub fn set(&mut self, bytes: usize) {
        self.ledger.held.set(self.ledger.held.get() - self.bytes + bytes);
        self.bytes = bytes;
        self.ledger.pieces.keep(self.ledger.room());
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_sum_of_the_shares() {
        let budget = Budget::new(1000);
        let (mut one, mut two) = (budget.share(), budget.clone().share());
        one.set(300);
        two.set(500);
        one.set(200);
        assert_eq!((budget.held(), budget.room(), budget.room_for_logs()), (700, 300, 175));
        drop(one);
        assert_eq!((budget.held(), two.bytes()), (500, 500));
        two.set(2000);
        assert_eq!((budget.room(), budget.room_for_logs()), (0, 0));
        drop(two);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn memory_waits_while_nobody_else_needs_it() {
        const PIECE: usize = 1 << 10;
        let budget = Budget::new(10 * PIECE);
        let mut share = budget.share();
        let waiting_with = |held| {
            (0..10).for_each(|_| budget.pieces().give(Pieces::default().take(PIECE)));
            share.set(held);
            budget.pieces().waiting_bytes()
        };
        let waiting = [0, 2, 5, 8, 10, 12, 6, 3, 1].map(|pieces| pieces * PIECE).map(waiting_with);
        assert_eq!(waiting, [10, 8, 5, 2, 0, 0, 4, 7, 9].map(|pieces| pieces * PIECE));
    }
}
