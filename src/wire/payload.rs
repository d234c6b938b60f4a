//! Bytes that are sent from where they lie.
//!
//! A partition's log keeps its record batches in buffers that only grow at their end. A Fetch answer is not a copy of them
//! but a [`Slice`]: the buffer and a range of it. The buffer may go on growing, because its bytes are looked at only while
//! the socket takes them: on one thread, an `Rc<RefCell<…>>` is all that this needs.
//!
//! ```text
//! log:    [ batch 0 | batch 1 | batch 2 | …grows → ]
//!                   ^─────────────────^
//! answer: [ header ]   the slice       [ rest of the answer ]
//! ```

use std::cell::{Ref, RefCell};
use std::mem;
use std::ops::{Deref, DerefMut, Range};
use std::rc::Rc;

use bytes::Bytes;

use crate::budget::{Budget, Share};
use crate::pieces::Piece;

/// A buffer of which more than one of so many parts was not needed is made smaller.
const WORTH_SHRINKING: usize = 8;

/// A buffer that is appended to while others still read its older parts.
pub type SharedBuffer = Rc<RefCell<Buffer>>;

/// Memory of a fixed size that fills up. It counts as held, whole, until the last one who reads it has let go of it.
#[derive(Debug)]
pub struct Buffer {
    piece: Piece,
    share: Share,
}

impl Buffer {
    pub fn with_capacity(capacity: usize, budget: &Budget) -> Self {
        let (piece, mut share) = (budget.pieces().take(capacity), budget.share());
        share.set(capacity);
        Self { piece, share }
    }

    pub fn capacity(&self) -> usize {
        self.share.bytes()
    }

    /// Appends bytes, for which there must be room: a buffer never moves.
    pub fn push(&mut self, bytes: &[u8]) {
        self.piece.push(bytes);
    }

    /// Nothing more is appended: gives back the memory behind the last byte, if it is worth it. A little less memory than the
    /// next buffer needs is of use to nobody when it comes free, and such pieces would become more and more.
    pub fn close(&mut self) {
        if self.capacity() - self.len() > self.capacity() / WORTH_SHRINKING {
            self.piece.shrink();
            self.share.set(self.len());
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.share.pieces().give(mem::take(&mut self.piece));
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.piece
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.piece
    }
}

/// A range of bytes somewhere.
#[derive(Debug, Clone)]
pub enum Slice {
    /// Bytes that belong to the frame itself.
    Owned(Bytes),
    /// A range of a buffer that the log owns too.
    Shared { buffer: SharedBuffer, range: Range<usize> },
}

impl Default for Slice {
    fn default() -> Self {
        Self::Owned(Bytes::new())
    }
}

impl From<Bytes> for Slice {
    fn from(bytes: Bytes) -> Self {
        Self::Owned(bytes)
    }
}

impl Slice {
    pub fn length(&self) -> usize {
        match self {
            Self::Owned(bytes) => bytes.len(),
            Self::Shared { range, .. } => range.len(),
        }
    }

    /// How many bytes are the frame's own: those of a log are counted there.
    pub fn owned_bytes(&self) -> usize {
        match self {
            Self::Owned(bytes) => bytes.len(),
            Self::Shared { .. } => 0,
        }
    }

    /// Looks at the bytes where they lie. A shared buffer cannot grow while somebody looks.
    pub fn view(&self) -> View<'_> {
        match self {
            Self::Owned(bytes) => View::Owned(bytes),
            Self::Shared { buffer, range } => View::Shared(Ref::map(buffer.borrow(), |bytes| &bytes[range.clone()])),
        }
    }

    /// The bytes as a value of their own, copied when they are shared.
    pub fn into_owned(self) -> Bytes {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared { .. } => Bytes::copy_from_slice(&self.view()),
        }
    }
}

/// The bytes of a slice, while somebody looks at them.
#[derive(Debug)]
pub enum View<'a> {
    Owned(&'a [u8]),
    Shared(Ref<'a, [u8]>),
}

impl Deref for View<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// The records of one partition in a Fetch answer: any number of slices.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    slices: Vec<Slice>,
}

impl Payload {
    pub fn length(&self) -> usize {
        self.slices.iter().map(Slice::length).sum()
    }

    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    pub fn push(&mut self, slice: Slice) {
        self.slices.push(slice);
    }

    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.length());
        self.slices.iter().for_each(|slice| bytes.extend_from_slice(&slice.view()));
        bytes.into()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self { slices: vec![Slice::Owned(bytes)] }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}
