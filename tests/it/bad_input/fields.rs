//! Rows about every field of every API: lengths and counts that lie, nulls where there must be none, tags that do not end.
//!
//! Out of an API's schema comes a request that has one element in each array and something in each field. The request is damaged
//! in one place at a time. None of the damaged ones can be read, so none has an effect.

use bytes::{BufMut, Bytes};
use kafka_rs::broker::api::{APIS, Api};
use kafka_rs::wire::annotate::{Annotator, Note};
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::messages::find_coordinator;
use kafka_rs::wire::schema::{FieldShape, Shape};
use kafka_rs::wire::{ReadError, Writer};

use super::frames::framed;
use super::scene::Reaction;
use super::{Row, row_of};
use crate::driver::request_shape;

/// The bytes that take the place of what a note is about, if that can be damaged so; with the note before it.
type Damage = fn(&Note, &Note) -> Option<Vec<u8>>;

const DAMAGES: &[(&str, Damage)] = &[
    ("a length or a count above what is left, in each field", beyond),
    ("null in each field that must not be null", null),
    ("a varint without an end, in each place of one", endless),
    ("tags longer than what is left, behind each struct", long_tag),
];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for api in APIS {
        for (what, damage) in DAMAGES {
            let versions: Vec<_> = [api.min_version, api.max_version]
                .into_iter()
                .filter(|version| !damaged(api, *version, *damage).is_empty())
                .collect();
            let (Some(lowest), Some(highest)) = (versions.first(), versions.last()) else { continue };
            let row = row_of(api, *what, move |scene| {
                let damaged = damaged(api, scene.version, *damage);
                Reaction::of_all(damaged.into_iter().map(|(place, frame)| {
                    scene.reconnect();
                    // The answer is not to come, so it does not matter how it would be read.
                    (place, scene.send_bytes::<find_coordinator::Request>(&frame))
                }))
            });
            rows.push(row.since(*lowest).until(*highest));
        }
    }
    rows
}

/// The request with each kind of damage that fits, and where that is.
fn damaged(api: &Api, version: i16, damage: Damage) -> Vec<(String, Bytes)> {
    let (frame, notes) = sample(api, version);
    let damage = |pair: &[Note]| {
        let note = &pair[1];
        let bytes = [&frame[4..note.start], &damage(&pair[0], note)?, &frame[note.end..]].concat();
        Some((format!("{} at {}", note.name, note.start), framed(&bytes)))
    };
    notes.windows(2).filter_map(damage).collect()
}

/// A request with something in each field, and what its bytes mean.
fn sample(api: &Api, version: i16) -> (Bytes, Vec<Note>) {
    let shape = request_shape(api.key).unwrap_or_else(|| panic!("the driver does not know {}", api.name));
    let flexible = api.is_flexible(version);
    let mut writer = Writer::new(version, flexible);
    let start = RequestStart { api_key: api.key, api_version: version, correlation_id: 1 };
    header::write_request(&mut writer, start, Some("test"));
    write(&mut writer, &shape, true);
    let frame = writer.finish().to_bytes();
    let notes = explain(&frame, &shape, version, flexible).expect("a request that can be read");
    (frame, notes)
}

fn explain(frame: &Bytes, shape: &Shape, version: i16, flexible: bool) -> Result<Vec<Note>, ReadError> {
    let mut walk = Annotator::new(frame.clone());
    walk.length()?;
    walk.request_header(flexible)?;
    walk.body(shape, version, flexible)?;
    walk.finish()
}

/// Writes a value of a shape: one element, a letter, a zero.
fn write(writer: &mut Writer, shape: &Shape, present: bool) {
    match shape {
        Shape::Nullable(inner) => {
            if matches!(inner, Shape::Struct { .. }) && present {
                writer.i8(1);
            }
            write(writer, inner, true);
        }
        Shape::Array(element) => {
            writer.count(Some(1));
            write(writer, element, true);
        }
        Shape::Struct { fields, .. } => write_fields(writer, fields),
        Shape::String => writer.string(Some("x")),
        Shape::Bytes | Shape::Records => writer.bytes(Some(b"x")),
        Shape::Uuid => writer.raw(&[9; 16]),
        Shape::Bool | Shape::I8 => writer.i8(0),
        Shape::I16 | Shape::U16 | Shape::ErrorCode => writer.i16(0),
        Shape::I32 | Shape::U32 => writer.i32(0),
        Shape::I64 | Shape::F64 => writer.i64(0),
    }
}

fn write_fields(writer: &mut Writer, fields: &[FieldShape]) {
    let version = writer.version();
    for field in fields.iter().filter(|field| field.tag.is_none() && (field.versions)(version)) {
        write(writer, &field.shape, (field.null)(version));
    }
    if writer.flexible() {
        writer.tagged_fields(Vec::new());
    }
}

fn is_compact(note: &Note) -> bool {
    note.type_text.contains("compact") || note.type_text.starts_with("uvarint")
}

fn has_length(note: &Note) -> bool {
    note.value.is_some() && ["string", "bytes", "records"].iter().any(|name| note.type_text.ends_with(name))
}

/// Whether a note is of the count of an array, which the note before it is of.
fn is_count(before: &Note, note: &Note) -> bool {
    note.name == "count" && before.value.is_none() && before.type_text.contains("array of")
}

/// A length that lies in place of a field, whose own bytes go with it.
fn beyond(before: &Note, note: &Note) -> Option<Vec<u8>> {
    match (has_length(note), is_count(before, note), is_compact(note)) {
        (true, _, true) => Some(vec![0x80, 0x80, 0x01]),
        (true, _, false) if note.type_text.ends_with("string") => Some(vec![0x7f, 0xff]),
        (true, _, false) => Some(vec![0x7f, 0xff, 0xff, 0xff]),
        (_, true, true) => Some(vec![0xff, 0xff, 0xff, 0xff, 0x07]),
        (_, true, false) => Some(vec![0x7f, 0xff, 0xff, 0xff]),
        _ => None,
    }
}

/// The null of a field that has none. Whether an array can be null stands in front of its count.
fn null(before: &Note, note: &Note) -> Option<Vec<u8>> {
    let whole = if is_count(before, note) { before } else { note };
    if whole.type_text.starts_with("nullable") || !(is_count(before, note) || has_length(note)) {
        return None;
    }
    let mut bytes = Vec::new();
    match is_compact(note) {
        true => bytes.put_u8(0),
        false if note.type_text.ends_with("string") => bytes.put_i16(-1),
        false => bytes.put_i32(-1),
    }
    Some(bytes)
}

fn endless(before: &Note, note: &Note) -> Option<Vec<u8>> {
    let is_varint = is_compact(note) && (has_length(note) || is_count(before, note) || note.name == "tagged fields");
    is_varint.then(|| vec![0x80; 6])
}

fn long_tag(_: &Note, note: &Note) -> Option<Vec<u8>> {
    (note.name == "tagged fields").then(|| vec![1, 99, 0xff, 0x7f])
}
