//! What consumers of a group tell each other, in the form that their protocol has for it: which topics they want and what they
//! own, and what they are given.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_rs::wire::{Field, ReadError, Reader, Writer};

/// The version that tells what a member owns.
const OWNED_FROM: i16 = 1;
const LENGTH_BYTES: usize = 4;

type Partitions = Vec<(String, i32)>;

fn finish(writer: Writer) -> Bytes {
    writer.finish().to_bytes().slice(LENGTH_BYTES..)
}

fn write_partitions(writer: &mut Writer, partitions: &Partitions) {
    let mut by_topic = BTreeMap::<&str, Vec<i32>>::new();
    partitions.iter().for_each(|(topic, index)| by_topic.entry(topic).or_default().push(*index));
    writer.count(Some(by_topic.len()));
    for (topic, indexes) in by_topic {
        writer.string(Some(topic));
        indexes.write(writer);
    }
}

fn read_partitions(reader: &mut Reader) -> Result<Partitions, ReadError> {
    let mut partitions = Vec::new();
    for _ in 0..reader.i32()? {
        let topic = String::read(reader)?;
        partitions.extend(Vec::<i32>::read(reader)?.into_iter().map(|index| (topic.clone(), index)));
    }
    Ok(partitions)
}

pub fn subscription(topics: &[String], owned: &Partitions) -> Bytes {
    let mut writer = Writer::new(0, false);
    writer.i16(OWNED_FROM);
    topics.to_vec().write(&mut writer);
    writer.bytes(None);
    write_partitions(&mut writer, owned);
    finish(writer)
}

/// What a member says that it owns.
pub fn owned(subscription: &Bytes) -> Partitions {
    let read = || -> Result<Partitions, ReadError> {
        let mut reader = Reader::new(subscription.clone(), 0, false);
        reader.i16()?;
        Vec::<String>::read(&mut reader)?;
        reader.bytes()?;
        read_partitions(&mut reader)
    };
    read().expect("a subscription of this simulator")
}

pub fn assignment(partitions: &Partitions) -> Bytes {
    let mut writer = Writer::new(0, false);
    writer.i16(0);
    write_partitions(&mut writer, partitions);
    writer.bytes(None);
    finish(writer)
}

/// What a member is given.
pub fn assigned(assignment: &Bytes) -> Partitions {
    let read = || -> Result<Partitions, ReadError> {
        let mut reader = Reader::new(assignment.clone(), 0, false);
        reader.i16()?;
        read_partitions(&mut reader)
    };
    read().expect("an assignment of this simulator")
}
