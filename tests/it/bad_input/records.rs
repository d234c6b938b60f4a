//! Rows about the records of Produce.

use std::time::Duration;

use bytes::Bytes;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::produce;

use super::scene::{Reaction, Scene};
use super::{Expect, Row, row};
use crate::records::{Batch, CONTROL, GZIP, HEADER_BYTES, LZ4, Record, SNAPPY, TRANSACTIONAL, ZSTD};
use crate::requests::{Topic, produce_request};
use crate::socket::Socket;

/// The first version that brings batches of today's format.
const BATCHES_FROM: i16 = 3;
/// Where a batch's length stands.
const LENGTH_AT: std::ops::Range<usize> = 8..12;
/// Where a batch's checksum stands, and what it covers begins.
const CRC_AT: std::ops::Range<usize> = 17..21;

pub fn rows() -> Vec<Row> {
    [wholes(), headers(), contents(), compressed(), settings(), acks(), requests()].into_iter().flatten().collect()
}

fn good() -> Batch {
    Batch::of(&["a", "b", "c"])
}

/// Sends records to a new topic, and looks what is in it then.
fn produce(scene: &mut Scene, records: Bytes, configs: &[(&str, &str)]) -> Reaction {
    let topic = scene.topic_with(1, configs);
    let reaction = scene.send(&produce_request(-1, &[(&topic, 0, records)]));
    with_end(scene, &topic, reaction)
}

fn with_end(scene: &mut Scene, topic: &Topic, reaction: Reaction) -> Reaction {
    let end = scene.end_of(topic, 0).expect("a topic that is there");
    reaction.and(&format!("end offset {end}"))
}

fn brings(input: impl Into<String>, records: Bytes) -> Row {
    row::<produce::Request>(input, move |scene| produce(scene, records.clone(), &[])).since(BATCHES_FROM)
}

fn refused(code: ErrorCode) -> Expect {
    Expect::error(code).with("end offset 0")
}

/// Where Kafka meets an error that it did not expect.
const STUMBLES: &str = "the client is told what is wrong";

fn stumbles() -> Expect {
    refused(ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn invalid(input: impl Into<String>, records: Bytes) -> Row {
    brings(input, records).expect(refused(ErrorCode::INVALID_RECORD))
}

fn corrupt(input: impl Into<String>, records: Bytes) -> Row {
    brings(input, records).expect(refused(ErrorCode::CORRUPT_MESSAGE))
}

fn stored(input: impl Into<String>, records: Bytes, end: &str) -> Row {
    brings(input, records).expect(Expect::accepted().with(end))
}

/// A batch that says it has another length, with the checksum of what it is then.
fn with_length(batch: &Bytes, length: i32) -> Bytes {
    let mut bytes = batch.to_vec();
    bytes[LENGTH_AT].copy_from_slice(&length.to_be_bytes());
    if bytes.len() > CRC_AT.end {
        let crc = crc32c::crc32c(&bytes[CRC_AT.end..]);
        bytes[CRC_AT].copy_from_slice(&crc.to_be_bytes());
    }
    bytes.into()
}

fn wholes() -> Vec<Row> {
    let batch = good().encode();
    let length = batch.len() as i32 - LENGTH_AT.end as i32;
    let bytes = |parts: &[&[u8]]| Bytes::from(parts.concat());
    let mut damaged = batch.to_vec();
    *damaged.last_mut().expect("a batch has bytes") ^= 1;
    vec![
        invalid("no records", Bytes::new()),
        invalid("less than a length", batch.slice(..11)),
        invalid("a batch cut in its header", batch.slice(..40)),
        invalid("a batch cut behind its header", batch.slice(..HEADER_BYTES)),
        invalid("a batch cut before its last byte", batch.slice(..batch.len() - 1)),
        invalid("a batch that says it is a byte longer", with_length(&batch, length + 1)),
        invalid("a batch of the largest length", with_length(&batch, i32::MAX)).departs(stumbles(), STUMBLES),
        corrupt("a batch that says it is a byte shorter", with_length(&batch, length - 1)),
        corrupt("a batch of negative length", with_length(&batch, -1)),
        corrupt("a batch of length 0", with_length(&batch, 0)),
        corrupt("a batch shorter than its header", with_length(&batch.slice(..32), 20)).departs(stumbles(), STUMBLES),
        corrupt("a batch a byte shorter than its header", with_length(&batch.slice(..60), 48)),
        invalid("two batches", bytes(&[&batch, &batch])),
        stored("a batch and a half", bytes(&[&batch, &batch[..70]]), "end offset 3"),
        corrupt("a batch and another of negative length", bytes(&[&batch, &with_length(&batch, -1)])),
        stored("three bytes behind the batch", bytes(&[&batch, &[1, 2, 3]]), "end offset 3"),
        corrupt("a batch with another byte under the old checksum", damaged.into()),
    ]
}

fn headers() -> Vec<Row> {
    let batch = good();
    let mut rows = Vec::new();
    for magic in [0, 1] {
        let old = Batch { magic, ..batch.clone() };
        rows.push(invalid(format!("magic {magic}"), old.encode()));
    }
    for magic in [3, i8::MAX, -1, i8::MIN] {
        let strange = Batch { magic, ..batch.clone() };
        rows.push(corrupt(format!("magic {magic}"), strange.encode()));
    }
    let check = |input: &str, batch: Batch| invalid(input, batch.encode());
    rows.extend([
        check("a base offset of 1", Batch { base_offset: 1, ..batch.clone() }),
        check("a negative base offset", Batch { base_offset: -1, ..batch.clone() }),
        check("a count of 0", Batch { count: 0, ..batch.clone() }),
        check("a count of 0 and no records", Batch { last_offset_delta: 0, ..Batch::of(&[]) }),
        check("a count of 0 and a last offset delta of -1", Batch::of(&[])),
        check("a negative count", Batch { count: -1, ..batch.clone() }),
        check("a count below the offsets", Batch { count: 2, ..batch.clone() }),
        check("a count above the offsets", Batch { count: 4, ..batch.clone() }),
        check("a last offset delta above the count", Batch { last_offset_delta: 5, ..batch.clone() }),
        check("a negative last offset delta", Batch { last_offset_delta: -1, count: 0, ..batch.clone() }),
        check("a record less than is counted", Batch { last_offset_delta: 3, count: 4, ..batch.clone() }),
        check("a record more than is counted", Batch { last_offset_delta: 1, count: 2, ..batch.clone() }),
        check("the largest count", Batch { last_offset_delta: i32::MAX - 1, count: i32::MAX, ..batch.clone() }),
        check("a control batch", Batch { attributes: CONTROL, ..batch.clone() }),
        check("a control batch of a producer", Batch { attributes: CONTROL, ..batch.clone() }.by(0, 0, 0)),
        check("a producer id with a sequence of -1", batch.clone().by(7_000_000, 0, -1)),
        check("a producer id with a sequence of -2", batch.clone().by(7_000_000, 0, -2)),
        brings("a producer id with an epoch of -1", batch.clone().by(7_000_000, -1, 0).encode())
            .expect(refused(ErrorCode::INVALID_PRODUCER_EPOCH))
            .departs(Expect::accepted(), "a producer without an epoch could repeat itself unnoticed"),
        brings("a producer id with an epoch of -2", batch.clone().by(7_000_000, -2, 0).encode())
            .expect(refused(ErrorCode::INVALID_PRODUCER_EPOCH)),
        brings(
            "a transactional batch without a transactional id",
            Batch { attributes: TRANSACTIONAL, ..batch.clone() }.by(7_000_000, 0, 0).encode(),
        )
        .expect(refused(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)),
        stored("a negative producer id", batch.clone().by(-2, 0, 0).encode(), "end offset 3"),
        stored("a leader epoch of the client's", Batch { leader_epoch: 9, ..batch.clone() }.encode(), "end offset 3"),
        stored("attributes that nobody knows", Batch { attributes: 0x4000, ..batch.clone() }.encode(), "end offset 3"),
    ]);
    rows
}

/// Records with one of their bytes changed, or whose bytes end too early or too late.
fn contents() -> Vec<Row> {
    let record = Record { key: Some(b"k".to_vec()), value: Some(b"v".to_vec()), ..Record::default() };
    let record = Record { headers: vec![("h".to_owned(), Some(b"1".to_vec()))], ..record };
    let bytes = record.encode();
    let of = |records: Vec<u8>| Batch { records, ..Batch::of(&["one"]) }.encode();
    let changed = |at: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[at] = byte;
        of(changed)
    };
    // length, attributes, timestamp, offset, key length, key, value length, value, header count, name length, name, value length
    let mut rows = vec![
        invalid("a record cut off", of(bytes[..bytes.len() - 1].to_vec())),
        invalid("a byte behind the last record", of([&bytes[..], &[0]].concat())),
        invalid("a record longer than the batch", changed(0, bytes[0] + 2)),
        invalid("a record shorter than its fields", changed(0, bytes[0] - 2)),
        invalid("a record of length 0", of(vec![0])),
        invalid("a record of negative length", of(vec![1])),
        invalid("a length that does not end", of(vec![0xff; 12])).departs(stumbles(), STUMBLES),
        invalid("a key longer than its record", changed(4, 0x7e)),
        invalid("a key of length -2", changed(4, 3)),
        invalid("a value longer than its record", changed(6, 0x7e)),
        invalid("a value of length -2", changed(6, 3)),
        invalid("more headers than there are", changed(8, 4)),
        invalid("fewer headers than there are", changed(8, 0)),
        invalid("a negative number of headers", changed(8, 1)),
        invalid("a header's name that is null", changed(9, 1)),
        invalid("a header's name longer than its record", changed(9, 0x7e)),
        invalid("a header's value longer than its record", changed(11, 0x7e)),
        invalid("a header's value of length -2", changed(11, 3)),
    ];
    let deltas = |deltas: [i64; 2]| {
        let record = |offset_delta| Record { offset_delta, ..Record::default() };
        Batch::of_records(&deltas.map(record)).encode()
    };
    rows.extend([
        stored("offset deltas that fall", deltas([1, 0]), "end offset 2"),
        stored("the same offset delta twice", deltas([0, 0]), "end offset 2"),
        stored("an offset delta above the last one", deltas([0, 7]), "end offset 2"),
        stored("a negative offset delta", deltas([-1, 1]), "end offset 2"),
        invalid("an offset delta of more than 32 bits", deltas([0, 1 << 40])),
    ]);
    rows
}

/// Compressed records are stored as they came.
const NOT_UNPACKED: &str =
    "compressed records are stored as they came: a few bytes can unpack to many, and meanwhile nobody else is served";

fn compressed() -> Vec<Row> {
    let mut rows = Vec::new();
    for (codec, name) in [(GZIP, "gzip"), (SNAPPY, "snappy"), (LZ4, "lz4"), (ZSTD, "zstd")] {
        let plain = good();
        let good = plain.clone().compressed(codec);
        let since = if codec == ZSTD { 7 } else { BATCHES_FROM };
        let mut brings = |input: String, batch: Batch, apache: ErrorCode| {
            let row = brings(input, batch.encode()).since(since).expect(Expect::accepted());
            rows.push(if apache.is_error() { row.departs(refused(apache), NOT_UNPACKED) } else { row });
        };
        let (invalid, stumbles) = (ErrorCode::INVALID_RECORD, ErrorCode::UNKNOWN_SERVER_ERROR);
        brings(format!("good {name}"), good.clone(), ErrorCode::NONE);
        let garbage = Batch { records: plain.records.clone(), ..good.clone() };
        brings(format!("what is not {name} in a batch that says so"), garbage, stumbles);
        let nothing = Batch { records: Vec::new(), ..good.clone() };
        brings(format!("nothing in a batch of {name}"), nothing, if codec == ZSTD { invalid } else { stumbles });
        let half = Batch { records: good.records[..good.records.len() / 2].to_vec(), ..good.clone() };
        brings(format!("half of what {name} has made"), half, stumbles);
        let longer = Batch { records: [&good.records[..], b"more"].concat(), ..good.clone() };
        let unread = [GZIP, LZ4].contains(&codec);
        brings(format!("bytes behind what {name} has made"), longer, if unread { ErrorCode::NONE } else { stumbles });
        let more = Batch { last_offset_delta: 3, count: 4, ..good.clone() };
        brings(format!("a record of {name} less than is counted"), more, invalid);
        let fewer = Batch { last_offset_delta: 1, count: 2, ..good };
        brings(format!("a record of {name} more than is counted"), fewer, invalid);
        let lying = Batch { records: vec![0x7e, 0, 0, 0], ..Batch::of(&["one"]) }.compressed(codec);
        brings(format!("a record of {name} longer than the batch"), lying, invalid);
        let record = |offset_delta| Record { offset_delta, ..Record::default() };
        let unordered = Batch::of_records(&[record(1), record(0)]).compressed(codec);
        brings(format!("offset deltas that fall, in {name}"), unordered, stumbles);
    }
    for codec in 5..=7 {
        let batch = Batch { attributes: codec, ..good() };
        rows.push(brings(format!("codec {codec}"), batch.encode()).expect(refused(ErrorCode::UNKNOWN_SERVER_ERROR)));
    }
    let zstd = good().compressed(ZSTD).encode();
    rows.push(
        brings("zstd before it could be", zstd).until(6).expect(refused(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE)),
    );
    rows
}

/// What a topic takes, and what not.
fn settings() -> Vec<Row> {
    let set = |input: &str, configs: &'static [(&str, &str)], records: Bytes| {
        row::<produce::Request>(input, move |scene| produce(scene, records.clone(), configs)).since(BATCHES_FROM)
    };
    let keyless = |codec: i16, keyless: i64| {
        let record = |offset_delta, key: Option<&[u8]>| Record {
            offset_delta,
            key: key.map(<[u8]>::to_vec),
            value: Some(b"v".to_vec()),
            ..Record::default()
        };
        let records: Vec<_> = (0..=keyless).map(|delta| record(delta, (delta == 0).then_some(&b"k"[..]))).collect();
        let batch = Batch::of_records(&records);
        if codec == 0 { batch.encode() } else { batch.compressed(codec).encode() }
    };
    let compacted: &[(&str, &str)] = &[("cleanup.policy", "compact")];
    let small: &[(&str, &str)] = &[("max.message.bytes", "100")];
    let future = Batch::at(&[(i64::MAX, "far away")]).encode();
    vec![
        set("a batch above max.message.bytes", small, Batch::of_size(1000).encode())
            .expect(refused(ErrorCode::MESSAGE_TOO_LARGE)),
        brings("a batch above message.max.bytes", Batch::of_size(1_100_000).encode())
            .expect(refused(ErrorCode::MESSAGE_TOO_LARGE)),
        set("a record without a key in a compacted topic", compacted, keyless(0, 1))
            .until(7)
            .expect(refused(ErrorCode::INVALID_RECORD)),
        set("a record without a key in a compacted topic", compacted, keyless(0, 1))
            .since(8)
            .expect(refused(ErrorCode::INVALID_RECORD).with("batch_index: 1")),
        set("five records without a key in a compacted topic", compacted, keyless(0, 5))
            .since(8)
            .expect(refused(ErrorCode::INVALID_RECORD).with("batch_index: 1").with("batch_index: 5")),
        set("compressed records without a key in a compacted topic", compacted, keyless(GZIP, 2)).since(8).expect(
            // Who cannot unpack them cannot see it.
            match cfg!(feature = "compression") {
                true => refused(ErrorCode::INVALID_RECORD).with("batch_index: 1").with("batch_index: 2"),
                false => Expect::accepted(),
            },
        ),
        row::<produce::Request>("a timestamp of the far future", move |scene| {
            // The answer tells the time of the broker.
            produce(scene, future.clone(), &[]).errors_only()
        })
        .since(BATCHES_FROM)
        .error(ErrorCode::INVALID_TIMESTAMP),
    ]
}

fn acks() -> Vec<Row> {
    let acks = |input: &str, acks: i16| {
        row::<produce::Request>(input, move |scene| {
            let topic = scene.topic();
            let reaction = scene.send(&produce_request(acks, &[(&topic, 0, good().encode())]));
            with_end(scene, &topic, reaction)
        })
        .since(BATCHES_FROM)
        .expect(refused(ErrorCode::INVALID_REQUIRED_ACKS))
    };
    let silent = |input: &str, partition: i32, records: Bytes| {
        row::<produce::Request>(input, move |scene| {
            let topic = scene.topic();
            scene.send_silently(&produce_request(0, &[(&topic, partition, records.clone())]))
        })
        .since(BATCHES_FROM)
    };
    let corrupt = with_length(&good().encode(), -1);
    vec![
        acks("acks of 2", 2),
        acks("acks of -2", -2),
        acks("the largest acks", i16::MAX),
        acks("the smallest acks", i16::MIN),
        silent("acks of 0 that succeeds", 0, good().encode()).expect(Expect::Silent),
        silent("acks of 0 to a partition that does not exist", 1, good().encode()),
        silent("acks of 0 with no records", 0, Bytes::new()),
        silent("acks of 0 with a corrupt batch", 0, corrupt),
        silent("acks of 0 with a count that lies", 0, Batch { count: 9, ..good() }.encode()),
        silent("acks of 0 with a batch too large", 0, Batch::of_size(1_100_000).encode()),
    ]
}

fn requests() -> Vec<Row> {
    vec![
        row::<produce::Request>("records that are null", |scene| {
            let topic = scene.topic();
            let mut request = produce_request(-1, &[(&topic, 0, Bytes::new())]);
            request.topic_data[0].partition_data[0].records = None;
            let frame = Socket::frame(scene.version, 1, &request);
            scene.send_within::<produce::Request>(&frame, Duration::from_secs(2))
        })
        .since(BATCHES_FROM)
        .error(ErrorCode::INVALID_RECORD)
        .departs(Expect::Waits, "a request wants an answer"),
        row::<produce::Request>("the same partition twice", |scene| {
            let topic = scene.topic();
            let piece = (&topic, 0, good().encode());
            let reaction = scene.send(&produce_request(-1, &[piece.clone(), piece]));
            with_end(scene, &topic, reaction)
        })
        .since(BATCHES_FROM)
        .expect(Expect::accepted().with("end offset 6"))
        .departs(Expect::accepted().with("end offset 3"), "no batch is passed over without a word"),
        row::<produce::Request>("a bad batch beside a good one", |scene| {
            let topic = scene.topic_with(2, &[]);
            let pieces = [(&topic, 0, good().encode()), (&topic, 1, Bytes::new())];
            let reaction = scene.send(&produce_request(-1, &pieces));
            with_end(scene, &topic, reaction)
        })
        .since(BATCHES_FROM)
        .expect(Expect::error(ErrorCode::INVALID_RECORD).with("end offset 3")),
        row::<produce::Request>("a version that could only bring older formats", |scene| {
            let topic = scene.topic();
            scene.send(&produce_request(-1, &[(&topic, 0, good().encode())]))
        })
        .until(2)
        .error(ErrorCode::UNSUPPORTED_VERSION)
        .departs(Expect::Closed, "an answer tells more than a closed connection"),
    ]
}
