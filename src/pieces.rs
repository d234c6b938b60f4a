//! Memory for logs, which is used again.
//!
//! Memory that a process has never written to costs more than everything else that the broker does with a record: the system
//! clears it, page after page. So [`Pieces`] keeps what logs have let go of for the next log that needs a piece of the same
//! size, and asks the system for large pieces in huge pages, which takes a quarter of the time. What waits is no more than
//! [`Pieces::keep`] said last: never more than there is room for. And what nobody has needed from one [`Pieces::rest`] to the
//! next goes back to the system, so a broker whose topics are deleted becomes small again. It does not at once, because retention
//! deletes now and then, and more than half of a log may go at a time that is as large again soon.
//!
//! ```text
//!            take                  give
//! waiting ─────────► lent to a log ─────────► waiting ─────► given back to the system, if it is too much
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// A huge page. Pieces of so many bytes, or of a multiple of it, lie in such pages where the system has them.
const PAGE_BYTES: usize = 2 << 20;
/// How many sizes of pieces there are from one power of two up to the next.
const SIZES_PER_DOUBLING: usize = 8;

/// A piece of memory that fills up.
#[derive(Debug)]
pub struct Piece {
    memory: Memory,
    length: usize,
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<u8>),
    Pages(MmapMut),
}

impl Default for Piece {
    fn default() -> Self {
        Self { memory: Memory::Heap(Vec::new()), length: 0 }
    }
}

impl Piece {
    fn new(capacity: usize) -> Self {
        let pages = if capacity > 0 && capacity.is_multiple_of(PAGE_BYTES) { map(capacity) } else { None };
        let memory = pages.map_or_else(|| Memory::Heap(Vec::with_capacity(capacity)), Memory::Pages);
        Self { memory, length: 0 }
    }

    pub fn capacity(&self) -> usize {
        match &self.memory {
            Memory::Heap(bytes) => bytes.capacity(),
            Memory::Pages(bytes) => bytes.len(),
        }
    }

    /// Appends bytes, for which there must be room.
    pub fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match &mut self.memory {
            Memory::Heap(memory) => {
                assert!(end <= memory.capacity(), "a piece never moves");
                memory.extend_from_slice(bytes);
            }
            Memory::Pages(memory) => memory[self.length..end].copy_from_slice(bytes),
        }
        self.length = end;
    }

    /// Gives back to the system what lies behind the last byte.
    pub fn shrink(&mut self) {
        match &mut self.memory {
            Memory::Heap(memory) => memory.shrink_to_fit(),
            Memory::Pages(memory) => self.memory = Memory::Heap(memory[..self.length].to_vec()),
        }
    }

    fn clear(&mut self) {
        if let Memory::Heap(memory) = &mut self.memory {
            memory.clear();
        }
        self.length = 0;
    }
}

/// Memory that the system gives when it is written to.
fn map(bytes: usize) -> Option<MmapMut> {
    let memory = MmapMut::map_anon(bytes).ok()?;
    // Where there are no huge pages, it is memory as any other.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    Some(memory)
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.memory {
            Memory::Heap(memory) => memory,
            Memory::Pages(memory) => &memory[..self.length],
        }
    }
}

impl DerefMut for Piece {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Memory::Heap(memory) => memory,
            Memory::Pages(memory) => &mut memory[..self.length],
        }
    }
}

/// The size of piece to ask for when so many bytes are needed: at most an eighth more. Pieces of all other sizes are of use to
/// nobody once they come free.
pub fn size_for(bytes: usize) -> usize {
    bytes.next_multiple_of((bytes.next_power_of_two() / SIZES_PER_DOUBLING / 2).max(1))
}

/// The pieces that wait to be used again.
#[derive(Debug, Default)]
pub struct Pieces {
    /// By their capacity.
    waiting: RefCell<BTreeMap<usize, Vec<Piece>>>,
    waiting_bytes: Cell<usize>,
    /// The least that has waited since the last rest.
    least_waiting_bytes: Cell<usize>,
}

impl Pieces {
    /// An empty piece of so many bytes: the one that was used last, since it may still be in the processor's cache.
    pub fn take(&self, capacity: usize) -> Piece {
        let Some(mut piece) = self.waiting.borrow_mut().get_mut(&capacity).and_then(Vec::pop) else {
            return Piece::new(capacity);
        };
        self.waits_less(capacity);
        piece.clear();
        piece
    }

    /// Takes a piece back that nobody looks at any more. One of an odd size, which nobody is likely to ask for, goes back to
    /// the system.
    pub fn give(&self, piece: Piece) {
        let capacity = piece.capacity();
        if capacity > 0 && capacity == size_for(capacity) {
            self.waiting.borrow_mut().entry(capacity).or_default().push(piece);
            self.waiting_bytes.set(self.waiting_bytes.get() + capacity);
        }
    }

    /// Gives back to the system what waits beyond so many bytes, the largest pieces first.
    pub fn keep(&self, bytes: usize) {
        while self.waiting_bytes.get() > bytes {
            let mut waiting = self.waiting.borrow_mut();
            let Some(mut largest) = waiting.last_entry() else { return };
            match largest.get_mut().pop() {
                Some(piece) => self.waits_less(piece.capacity()),
                None => mem::drop(largest.remove()),
            }
        }
    }

    fn waits_less(&self, bytes: usize) {
        self.waiting_bytes.set(self.waiting_bytes.get() - bytes);
        self.least_waiting_bytes.set(self.least_waiting_bytes.get().min(self.waiting_bytes.get()));
    }

    /// Gives back to the system as much as has waited in vain since this was last done.
    pub fn rest(&self) {
        self.keep(self.waiting_bytes.get() - self.least_waiting_bytes.get());
        self.least_waiting_bytes.set(self.waiting_bytes.get());
    }

    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 3] = [16 << 10, PAGE_BYTES, 2 * PAGE_BYTES];

    #[test]
    fn a_piece_is_used_again() {
        for size in SIZES {
            let pieces = Pieces::default();
            let mut piece = pieces.take(size);
            piece.push(b"abc");
            piece[0] = b'x';
            let place = piece.as_ptr();
            assert_eq!((&piece[..], piece.capacity()), (&b"xbc"[..], size));
            pieces.give(piece);
            assert_eq!(pieces.waiting_bytes(), size);
            let again = pieces.take(size);
            assert_eq!((again.as_ptr(), again.len(), pieces.waiting_bytes()), (place, 0, 0));
        }
    }

    #[test]
    fn sizes_are_few_and_none_is_much_too_large() {
        let few =
            [(1, 1), (16 << 10, 16 << 10), ((16 << 10) + 1, 18 << 10), (986_000, 1 << 20), ((1 << 20) + 12, 9 << 17)];
        for (bytes, size) in few {
            assert_eq!(size_for(bytes), size, "{bytes}");
        }
        for bytes in (1..=4096).chain((1..64).map(|part| part * 98_765)) {
            let size = size_for(bytes);
            assert!(bytes <= size && size <= bytes + bytes.div_ceil(SIZES_PER_DOUBLING), "{bytes} in {size}");
            assert_eq!(size_for(size), size, "a size is its own");
        }
    }

    #[test]
    fn an_odd_size_does_not_wait() {
        let pieces = Pieces::default();
        [0, 1001].into_iter().for_each(|size| pieces.give(Piece::new(size)));
        assert_eq!(pieces.waiting_bytes(), 0);
    }

    #[test]
    fn what_waits_is_no_more_than_may_be_kept() {
        let pieces = Pieces::default();
        for size in SIZES.into_iter().chain(SIZES) {
            pieces.give(Piece::new(size));
        }
        assert_eq!(pieces.waiting_bytes(), 2 * SIZES.iter().sum::<usize>());
        pieces.keep(3 * PAGE_BYTES);
        assert_eq!(pieces.waiting_bytes(), 2 * (PAGE_BYTES + SIZES[0]));
        pieces.keep(0);
        assert_eq!(pieces.waiting_bytes(), 0);
    }

    #[test]
    fn what_nobody_has_needed_goes_back() {
        let (pieces, size) = (Pieces::default(), SIZES[0]);
        (0..5).for_each(|_| pieces.give(Piece::new(size)));
        pieces.rest();
        assert_eq!(pieces.waiting_bytes(), 5 * size, "it has not waited long");
        let lent = [pieces.take(size), pieces.take(size)];
        lent.into_iter().for_each(|piece| pieces.give(piece));
        pieces.rest();
        assert_eq!(pieces.waiting_bytes(), 2 * size, "three have waited all the time");
        pieces.rest();
        assert_eq!(pieces.waiting_bytes(), 0);
    }

    #[test]
    fn a_piece_is_made_as_small_as_what_is_in_it() {
        for size in SIZES {
            let mut piece = Piece::new(size);
            piece.push(b"abc");
            piece.shrink();
            assert_eq!((&piece[..], piece.capacity()), (&b"abc"[..], 3));
        }
    }

    #[test]
    #[should_panic(expected = "a piece never moves")]
    fn a_full_piece_takes_no_more() {
        Piece::new(2).push(b"abc");
    }
}
