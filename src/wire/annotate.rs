//! Explains a frame byte by byte, out of the shapes of its messages.
//!
//! An [`Annotator`] walks through a frame as a reader does, but follows a [`Shape`] instead of filling a struct, and takes
//! a [`Note`] of all that it meets. Whatever can be decoded can be explained, so the byte dumps of the documentation are
//! never written by hand.
//!
//! ```text
//! a whole   topics: array of Topic      its bytes are those of the notes below it
//! a part      count: i32 = 1            its bytes are its own
//! a whole     [0]: Topic
//! a part        name: string = "t"
//! ```

use bytes::Bytes;

use super::error_code::ErrorCode;
use super::reader::{ReadError, Reader};
use super::schema::{FieldShape, Shape};
use super::uuid::Uuid;

/// What some bytes of a frame mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The field's name in the schema, or the position in its array.
    pub name: String,
    /// How many structs and arrays the bytes lie in.
    pub depth: usize,
    /// Where the bytes begin and end, counted from the start of the frame.
    pub start: usize,
    pub end: usize,
    pub type_text: String,
    /// The value, as a person wants to read it. Absent for a whole, which is explained by the notes that follow it.
    pub value: Option<String>,
}

/// A walk through one frame.
#[derive(Debug)]
pub struct Annotator {
    reader: Reader,
    /// Where the reader's bytes end in the frame.
    end: usize,
    depth: usize,
    notes: Vec<Note>,
}

impl Annotator {
    pub fn new(frame: Bytes) -> Self {
        Self { end: frame.len(), reader: Reader::new(frame, 0, false), depth: 0, notes: Vec::new() }
    }

    /// All notes, when the walk arrived at the frame's end.
    pub fn finish(self) -> Result<Vec<Note>, ReadError> {
        self.reader.finish().map(|()| self.notes)
    }

    /// The length in front of a frame.
    pub fn length(&mut self) -> Result<(), ReadError> {
        self.value("length", &Shape::I32, false)
    }

    /// A request's header. The client id is never in the flexible encoding.
    pub fn request_header(&mut self, flexible: bool) -> Result<(), ReadError> {
        self.value("request_api_key", &Shape::I16, false)?;
        self.value("request_api_version", &Shape::I16, false)?;
        self.value("correlation_id", &Shape::I32, false)?;
        self.value("client_id", &Shape::Nullable(&Shape::String), true)?;
        self.header_end(flexible)
    }

    pub fn response_header(&mut self, flexible: bool) -> Result<(), ReadError> {
        self.value("correlation_id", &Shape::I32, false)?;
        self.header_end(flexible)
    }

    fn header_end(&mut self, flexible: bool) -> Result<(), ReadError> {
        self.reader.becomes(0, flexible);
        if flexible { self.tagged_fields(&[]) } else { Ok(()) }
    }

    /// The body of a request or a response.
    pub fn body(&mut self, shape: &Shape, version: i16, flexible: bool) -> Result<(), ReadError> {
        self.reader.becomes(version, flexible);
        match shape {
            Shape::Struct { fields, .. } => self.fields(fields),
            other => self.value("body", other, false),
        }
    }

    fn position(&self) -> usize {
        self.end - self.reader.left()
    }

    /// One value of any shape; `null` says whether this version lets a nullable one be null.
    fn value(&mut self, name: &str, shape: &Shape, null: bool) -> Result<(), ReadError> {
        let (shape, null) = match shape {
            Shape::Nullable(inner) => (*inner, null),
            shape => (shape, false),
        };
        let type_text = type_text(shape, null, self.reader.flexible());
        match shape {
            Shape::Struct { fields, .. } => self.whole(name, type_text, |walk| walk.presence(fields, null)),
            Shape::Array(element) => self.whole(name, type_text, |walk| walk.elements(element, null)),
            _ => self.part(name, type_text, |reader| value_text(reader, shape, null), String::clone).map(drop),
        }
    }

    /// A struct, behind the byte that says whether it is there if it can be null.
    fn presence(&mut self, fields: &[FieldShape], null: bool) -> Result<(), ReadError> {
        if null && self.part("presence", "i8".to_owned(), Reader::i8, i8::to_string)? < 0 {
            return Ok(());
        }
        self.fields(fields)
    }

    fn fields(&mut self, fields: &[FieldShape]) -> Result<(), ReadError> {
        let version = self.reader.version();
        for field in fields.iter().filter(|field| field.tag.is_none() && (field.versions)(version)) {
            self.value(field.name, &field.shape, (field.null)(version))?;
        }
        if self.reader.flexible() { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn elements(&mut self, element: &Shape, null: bool) -> Result<(), ReadError> {
        // A flexible count is one more than what it counts, so that 0 can be null.
        let type_text = if self.reader.flexible() { "uvarint - 1" } else { "i32" };
        let read = |reader: &mut Reader| not_null(reader.count()?, null);
        let count =
            self.part("count", type_text.to_owned(), read, |count| or_null(*count, |count| count.to_string()))?;
        (0..count.unwrap_or(0)).try_for_each(|index| self.value(&format!("[{index}]"), element, false))
    }

    fn tagged_fields(&mut self, fields: &[FieldShape]) -> Result<(), ReadError> {
        let uvarint = || "uvarint".to_owned();
        let count = self.part("tagged fields", uvarint(), Reader::uvarint, u32::to_string)?;
        for _ in 0..count {
            let tag = self.part("tag", uvarint(), Reader::uvarint, u32::to_string)?;
            let size = self.part("size", uvarint(), Reader::size, usize::to_string)?;
            self.tagged_field(fields, tag, size)?;
        }
        Ok(())
    }

    fn tagged_field(&mut self, fields: &[FieldShape], tag: u32, size: usize) -> Result<(), ReadError> {
        let (version, flexible) = (self.reader.version(), self.reader.flexible());
        let known = fields.iter().find(|field| field.tag == Some(tag) && (field.versions)(version));
        let Some(field) = known else {
            return self.part("unknown", "bytes".to_owned(), |reader| reader.take(size), bytes_text).map(drop);
        };
        // The field is walked through with a reader of its own, so that it ends where its size says.
        let inside = Reader::new(self.reader.take(size)?, version, flexible);
        let outside = (std::mem::replace(&mut self.reader, inside), self.end);
        self.end = outside.1 - outside.0.left();
        self.value(field.name, &field.shape, true)?;
        self.reader.finish()?;
        (self.reader, self.end) = outside;
        Ok(())
    }

    /// Takes a note of one value that is not divided further.
    fn part<T>(
        &mut self,
        name: &str,
        type_text: String,
        read: impl FnOnce(&mut Reader) -> Result<T, ReadError>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, ReadError> {
        let start = self.position();
        let value = read(&mut self.reader)?;
        let (end, text) = (self.position(), Some(show(&value)));
        self.notes.push(Note { name: name.to_owned(), depth: self.depth, start, end, type_text, value: text });
        Ok(value)
    }

    /// Takes a note of a value and then, one level deeper, of what it consists of.
    fn whole(
        &mut self,
        name: &str,
        type_text: String,
        walk: impl FnOnce(&mut Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let (index, start) = (self.notes.len(), self.position());
        self.notes.push(Note { name: name.to_owned(), depth: self.depth, start, end: start, type_text, value: None });
        self.depth += 1;
        walk(self)?;
        self.depth -= 1;
        self.notes[index].end = self.position();
        Ok(())
    }
}

/// Reads a value that is not divided further, as text.
fn value_text(reader: &mut Reader, shape: &Shape, null: bool) -> Result<String, ReadError> {
    Ok(match shape {
        Shape::Bool => (reader.i8()? != 0).to_string(),
        Shape::I8 => reader.i8()?.to_string(),
        Shape::I16 => reader.i16()?.to_string(),
        Shape::U16 => reader.u16()?.to_string(),
        Shape::I32 => reader.i32()?.to_string(),
        Shape::U32 => reader.u32()?.to_string(),
        Shape::I64 => reader.i64()?.to_string(),
        Shape::F64 => reader.f64()?.to_string(),
        Shape::Uuid => Uuid(reader.uuid()?).to_string(),
        Shape::ErrorCode => reader.i16().map(|code| format!("{code}, {}", ErrorCode(code)))?,
        Shape::String => or_null(not_null(reader.string()?, null)?, |string| format!("{string:?}")),
        Shape::Bytes | Shape::Records => or_null(not_null(reader.bytes()?, null)?, |bytes| bytes_text(&bytes)),
        Shape::Array(_) | Shape::Nullable(_) | Shape::Struct { .. } => unreachable!("these are walked through"),
    })
}

fn not_null<T>(value: Option<T>, null: bool) -> Result<Option<T>, ReadError> {
    if value.is_some() || null { Ok(value) } else { Err(ReadError::NullNotAllowed) }
}

fn or_null<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "null".to_owned(), show)
}

fn bytes_text(bytes: &Bytes) -> String {
    format!("{} bytes", bytes.len())
}

/// A type's name. 'compact' stands for a length in the flexible encoding, as in Kafka's protocol guide.
fn type_text(shape: &Shape, null: bool, flexible: bool) -> String {
    let plain = match shape {
        Shape::Nullable(inner) => return type_text(inner, true, flexible),
        Shape::Array(element) => format!("array of {}", type_text(element, false, flexible)),
        Shape::Struct { name, .. } => (*name).to_owned(),
        Shape::ErrorCode => "error code".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    let has_length = matches!(shape, Shape::String | Shape::Bytes | Shape::Records | Shape::Array(_));
    let compact = if has_length && flexible { "compact " } else { "" };
    format!("{}{compact}{plain}", if null { "nullable " } else { "" })
}

/// How many bytes stand in one line of a dump.
const DUMP_WIDTH: usize = 16;

/// The frame as text: on the left the bytes of each part, on the right what they mean.
pub fn dump(frame: &[u8], notes: &[Note]) -> String {
    let mut text = String::new();
    for note in notes {
        let indent = "  ".repeat(note.depth);
        let value = note.value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        let meaning = format!("{indent}{}: {}{value}", note.name, note.type_text);
        let own = if note.value.is_some() { &frame[note.start..note.end] } else { &[] };
        let mut lines = own.chunks(DUMP_WIDTH).map(hex);
        let first = lines.next().unwrap_or_default();
        text += &format!("{first:width$} {meaning}\n", width = 3 * DUMP_WIDTH);
        lines.for_each(|line| text += &format!("{line}\n"));
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::metadata;
    use crate::wire::schema::Field;

    #[test]
    fn a_dump_shows_every_byte_once() {
        let header = b"\0\0\0\x27\0\x03\0\x0c\0\0\0\x07\0\x01c\0";
        let body = b"\x02AAAAAAAAAAAAAAAA\x02t\0\x01\0\x01\x05\x02hi";
        let frame = Bytes::from([&header[..], &body[..]].concat());
        let mut annotator = Annotator::new(frame.clone());
        annotator.length().unwrap();
        annotator.request_header(true).unwrap();
        annotator.body(&metadata::Request::SHAPE, 12, true).unwrap();
        let notes = annotator.finish().unwrap();
        let expect = [
            "00 00 00 27                                      length: i32 = 39",
            "00 03                                            request_api_key: i16 = 3",
            "00 0c                                            request_api_version: i16 = 12",
            "00 00 00 07                                      correlation_id: i32 = 7",
            "00 01 63                                         client_id: nullable string = \"c\"",
            "00                                               tagged fields: uvarint = 0",
            "                                                 topics: nullable compact array of MetadataRequestTopic",
            "02                                                 count: uvarint - 1 = 1",
            "                                                   [0]: MetadataRequestTopic",
            "41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41      topic_id: uuid = QUFBQUFBQUFBQUFBQUFBQQ",
            "02 74                                                name: nullable compact string = \"t\"",
            "00                                                   tagged fields: uvarint = 0",
            "01                                               allow_auto_topic_creation: bool = true",
            "00                                               include_topic_authorized_operations: bool = false",
            "01                                               tagged fields: uvarint = 1",
            "05                                               tag: uvarint = 5",
            "02                                               size: uvarint = 2",
            "68 69                                            unknown: bytes = 2 bytes",
        ];
        assert_eq!(dump(&frame, &notes).lines().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let check = |bytes: &'static [u8], expect| {
            let mut annotator = Annotator::new(Bytes::from_static(bytes));
            let result = annotator.body(&metadata::Request::SHAPE, 0, false).and_then(|()| annotator.finish());
            assert_eq!(result, Err(expect), "{bytes:x?}");
        };
        check(&[0, 0], ReadError::UnexpectedEnd { needed: 4, left: 2 });
        check(&[0xff, 0xff, 0xff, 0xff], ReadError::NullNotAllowed);
        check(&[0, 0, 0, 0, 9], ReadError::BytesLeftOver(1));
    }
}
