//! An input, taken apart from its beginning. Where it ends, there are zeros.

/// The first byte of a length of two bytes; below stand lengths of one.
const LONG: u8 = 0xf0;

pub struct Input<'a> {
    left: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.left.split_off_first().copied().unwrap_or_default()
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number of eight bytes.
    pub fn long(&mut self) -> i64 {
        i64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// One of some values.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// So many bytes, or as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, left) = self.left.split_at(count.min(self.left.len()));
        self.left = left;
        taken
    }

    /// Bytes with their length in front.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = match self.byte() {
            first @ LONG.. => usize::from(first - LONG) << 8 | usize::from(self.byte()),
            length => usize::from(length),
        };
        self.bytes(length)
    }
}
