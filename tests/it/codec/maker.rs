//! Makes up messages out of their shapes, the same for the same seed.

use bytes::Bytes;
use kafka_rs::wire::Writer;
use kafka_rs::wire::schema::{FieldShape, Shape};
use kafka_rs::wire::writer::TaggedFields;

use super::{Version, written};

/// Makes up messages.
pub struct Maker {
    pub random: Random,
    /// How many more elements all arrays of the message may have, so that nested ones do not multiply.
    pub elements_left: usize,
    /// Adds tagged fields that nobody knows to every struct.
    pub unknown_tags: bool,
    /// Puts a null into the first place of this field, given by the names of its struct and its own. None when that is
    /// done.
    pub null_in: Option<(&'static str, &'static str)>,
}

/// What a value must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Avoid {
    Nothing,
    Null,
    /// Any of the values that a schema can have as a default: a tagged field that holds it is not written.
    Default,
}

/// Lengths on both sides of what one and two bytes of a varint hold.
const LENGTHS: [usize; 10] = [0, 1, 2, 5, 20, 126, 127, 128, 16_382, 16_383];

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self { random: Random(seed), elements_left: 150, unknown_tags: false, null_in: None }
    }

    pub fn message(mut self, shape: &Shape, version: Version) -> Bytes {
        self.make(shape, version)
    }

    pub fn make(&mut self, shape: &Shape, version: Version) -> Bytes {
        written(version.number, version.flexible, |writer| self.value(writer, shape, Avoid::Nothing))
    }

    fn value(&mut self, writer: &mut Writer, shape: &Shape, avoid: Avoid) {
        match shape {
            Shape::Nullable(inner) => self.nullable(writer, inner, avoid),
            Shape::Array(element) => self.array(writer, element, avoid),
            Shape::Struct { name, fields } => self.fields(writer, name, fields, avoid),
            Shape::String => {
                let string = self.string(avoid);
                writer.string(Some(&string));
            }
            Shape::Bytes | Shape::Records => {
                let bytes = self.string(avoid);
                writer.bytes(Some(bytes.as_bytes()));
            }
            Shape::Uuid => writer.raw(&self.random.bytes::<16>()),
            Shape::Bool => writer.i8((avoid == Avoid::Default || self.random.one_in(2)) as i8),
            Shape::I8 => writer.i8(self.number(avoid) as i8),
            Shape::I16 | Shape::ErrorCode => writer.i16(self.number(avoid) as i16),
            Shape::U16 => writer.u16(self.number(avoid) as u16),
            Shape::I32 => writer.i32(self.number(avoid) as i32),
            Shape::U32 => writer.u32(self.number(avoid) as u32),
            Shape::I64 => writer.i64(self.number(avoid)),
            Shape::F64 => writer.f64(self.number(avoid) as f64),
        }
    }

    fn nullable(&mut self, writer: &mut Writer, shape: &Shape, avoid: Avoid) {
        if avoid == Avoid::Nothing && self.random.one_in(3) {
            return write_null(writer, shape);
        }
        if matches!(shape, Shape::Struct { .. }) && avoid != Avoid::Null {
            writer.i8(1);
        }
        self.value(writer, shape, avoid);
    }

    fn fields(&mut self, writer: &mut Writer, name: &'static str, fields: &[FieldShape], avoid: Avoid) {
        let version = writer.version();
        let mut tagged = TaggedFields::new();
        for field in fields.iter().filter(|field| (field.versions)(version)) {
            match field.tag {
                Some(tag) if writer.flexible() && self.random.one_in(2) => {
                    writer.tagged_field(&mut tagged, tag, |writer| self.value(writer, &field.shape, Avoid::Default));
                }
                Some(_) => {}
                None if self.null_in == Some((name, field.name)) => {
                    write_null(writer, present(&field.shape));
                    self.null_in = None;
                }
                None if avoid == Avoid::Default => self.value(writer, &field.shape, avoid),
                None if (field.null)(version) => self.value(writer, &field.shape, Avoid::Nothing),
                None => self.value(writer, &field.shape, Avoid::Null),
            }
        }
        if writer.flexible() {
            if self.unknown_tags {
                let is_known = |tag: &u32| fields.iter().any(|field| field.tag == Some(*tag));
                let unknown = (0..5).chain([1000]).filter(|tag| !is_known(tag));
                tagged.extend(unknown.map(|tag| (tag, Bytes::from_static(b"from the future"))));
                tagged.sort_by_key(|&(tag, _)| tag);
            }
            writer.tagged_fields(tagged);
        }
    }

    fn array(&mut self, writer: &mut Writer, element: &Shape, avoid: Avoid) {
        let at_least = usize::from(avoid == Avoid::Default);
        let wanted = if self.random.one_in(8) { self.random.pick(&LENGTHS) } else { self.random.below(4) };
        let count = wanted.min(self.elements_left).max(at_least);
        self.elements_left -= count.min(self.elements_left);
        writer.count(Some(count));
        (0..count).for_each(|_| self.value(writer, element, Avoid::Null));
    }

    fn string(&mut self, avoid: Avoid) -> String {
        // The long ones are rare, since they cost much of the test's time.
        let lengths = if self.random.one_in(50) { &LENGTHS[..] } else { &LENGTHS[..8] };
        let length = self.random.pick(lengths).max(usize::from(avoid == Avoid::Default));
        let characters = [self.random.pick(&['a', 'é', '漢']), self.random.pick(&['Z', '_'])];
        let mut string: String = characters.into_iter().cycle().take(length).collect();
        string.truncate(string.floor_char_boundary(length.max(3)));
        string
    }

    /// A number for any of the integer types: those that take less of it take its lowest bits.
    fn number(&mut self, avoid: Avoid) -> i64 {
        match avoid {
            Avoid::Default => 2 + self.random.below(100) as i64,
            _ if self.random.one_in(2) => self.random.next() as i64,
            _ => self.random.pick(&[0, 1, -1, 127, 128, -128, 32767, i64::from(i32::MAX), i64::MAX, i64::MIN]),
        }
    }
}

/// The shape of what is there when it is not null.
pub fn present(shape: &Shape) -> &Shape {
    if let Shape::Nullable(inner) = shape { inner } else { shape }
}

fn write_null(writer: &mut Writer, shape: &Shape) {
    match shape {
        Shape::String => writer.string(None),
        Shape::Bytes | Shape::Records => writer.bytes(None),
        Shape::Array(_) => writer.count(None),
        Shape::Struct { .. } => writer.i8(-1),
        other => unreachable!("{other:?} has no null"),
    }
}

/// The generator SplitMix64: the same seed gives the same messages everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}
