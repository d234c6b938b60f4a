//! Memory that arriving bytes are read into and stay in.
//!
//! ```text
//! slab: [ frames that are kept … | the frame that arrives … | free … ]
//!                                ^ start                    ^ end
//! ```
//!
//! A frame lies in one piece. When the slab has no room for it, what has come of it moves to the front of the next one.

use super::{LENGTH_BYTES, READ_BYTES, announced};
use crate::machine;

/// How much memory is taken at once: as much as the broker keeps of what is written to it steadily.
const SLAB_BYTES: usize = 64 << 20;
/// Enough for the longest frame, so little that most of it stays in the processor's cache.
const READING_BYTES: usize = 2 << 20;

/// What becomes of a full slab, and what the next one is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is written over.
    Recycled,
    /// It is kept; the next one is memory that the system has not given yet.
    Plain,
    /// It is kept; the next one is such memory too, in huge pages.
    Huge,
}

impl Kind {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "recycled" => Some(Self::Recycled),
            "plain" => Some(Self::Plain),
            "huge" => Some(Self::Huge),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub struct Store {
    kind: Kind,
    slab_bytes: usize,
    slab: Vec<u8>,
    start: usize,
    end: usize,
    kept: Vec<Vec<u8>>,
}

impl Store {
    pub fn new(kind: Kind) -> Self {
        Self::of(kind, SLAB_BYTES)
    }

    /// Memory that is no more than is needed to read into.
    pub fn for_reading() -> Self {
        Self::of(Kind::Recycled, READING_BYTES)
    }

    fn of(kind: Kind, slab_bytes: usize) -> Self {
        Self { kind, slab_bytes, slab: Vec::new(), start: 0, end: 0, kept: Vec::new() }
    }

    /// Copies bytes that came another way behind the others.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.end + bytes.len() > self.slab.len() {
            self.turn_over();
        }
        self.slab[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
        self.start = self.end;
    }

    /// Where the next bytes go.
    pub fn room(&mut self) -> &mut [u8] {
        let needed = announced(&self.slab[self.start..self.end]).map_or(READ_BYTES, |length| LENGTH_BYTES + length);
        if self.start + needed > self.slab.len() {
            self.turn_over();
        }
        let room = &mut self.slab[self.end..];
        let most = room.len().min(READ_BYTES);
        &mut room[..most]
    }

    fn turn_over(&mut self) {
        let left = self.start..self.end;
        if self.kind == Kind::Recycled && !self.slab.is_empty() {
            self.slab.copy_within(left, 0);
        } else {
            let mut next = match self.kind {
                Kind::Huge => machine::huge_memory(self.slab_bytes),
                Kind::Plain | Kind::Recycled => vec![0; self.slab_bytes],
            };
            next[..left.len()].copy_from_slice(&self.slab[left]);
            self.kept.push(std::mem::replace(&mut self.slab, next));
        }
        (self.start, self.end) = (0, self.end - self.start);
    }

    /// So many bytes have come; `look` sees the frames that are complete now.
    pub fn arrived(&mut self, count: usize, look: impl FnMut(&[u8])) {
        self.end += count;
        self.start += super::for_each_frame(&self.slab[self.start..self.end], look);
    }
}
