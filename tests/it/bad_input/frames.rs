//! Rows about frames, headers and the form of bodies, whatever they mean.

use bytes::{BufMut, Bytes};
use kafka_rs::broker::api::APIS;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{api_versions, describe_groups, fetch, find_coordinator, metadata};

use super::scene::{Reaction, Scene};
use super::{Expect, Row, row, row_of};
use crate::driver::Exchange;
use crate::requests::{Fetch, want};
use crate::socket::Socket;

/// The first flexible version of Metadata.
const FLEXIBLE: i16 = 9;
/// `socket.request.max.bytes` of the brokers.
const FRAME_LIMIT: i32 = 90_000_000;

pub fn rows() -> Vec<Row> {
    [sizes(), cuts(), headers(), unknown_requests(), api_versions(), bodies(), tags(), texts()]
        .into_iter()
        .flatten()
        .collect()
}

/// A frame of these bytes.
pub fn framed(bytes: &[u8]) -> Bytes {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat().into()
}

/// The start of a request, with a client id.
fn start(key: i16, version: i16) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_i16(key);
    bytes.put_i16(version);
    bytes.put_i32(1);
    bytes.put_slice(&[0, 4]);
    bytes.put_slice(b"test");
    bytes
}

/// A request whose body is these bytes; the header has no tags.
pub fn raw(key: i16, version: i16, flexible: bool, body: &[u8]) -> Bytes {
    let mut bytes = start(key, version);
    if flexible {
        bytes.put_u8(0);
    }
    bytes.put_slice(body);
    framed(&bytes)
}

/// A Metadata request in the row's version, with this body.
fn metadata_frame(scene: &Scene, body: &[u8]) -> Bytes {
    raw(3, scene.version, scene.version >= FLEXIBLE, body)
}

fn good(scene: &Scene) -> Bytes {
    Socket::frame(scene.version, 1, &find_coordinator_request())
}

fn find_coordinator_request() -> find_coordinator::Request {
    let key = "group".to_owned();
    find_coordinator::Request { coordinator_keys: vec![key.clone()], key, ..Default::default() }
}

type Ask = find_coordinator::Request;

fn with_size(frame: &Bytes, size: i32) -> Bytes {
    [&size.to_be_bytes(), &frame[4..]].concat().into()
}

fn sizes() -> Vec<Row> {
    let sized = |input: &str, size: i32| {
        row::<Ask>(input, move |scene| {
            let frame = with_size(&good(scene), size);
            // Whatever is behind it, it must not be taken for a request.
            let behind = good(scene);
            scene.send_bytes::<Ask>(&[frame, behind].concat())
        })
    };
    let announced = |input: &str, size: i32| {
        row::<Ask>(input, move |scene| {
            let frame = with_size(&good(scene), size);
            scene.send_part::<Ask>(&frame)
        })
    };
    vec![
        sized("a size of -1", -1),
        sized("the smallest size", i32::MIN),
        sized("a size of 0", 0),
        sized("a size above the limit", FRAME_LIMIT + 1),
        sized("the largest size", i32::MAX),
        announced("a size at the limit, and little behind it", FRAME_LIMIT).expect(Expect::Waits),
        row::<Ask>("a size of -1 behind a good request", |scene| {
            let frame = good(scene);
            scene.send_before_closing::<Ask>(&[&frame[..], &[0xff; 4]].concat())
        })
        .expect(Expect::accepted().with("; closed")),
        row::<Ask>("a size of -1 behind a good request, and much behind it", |scene| {
            let frame = good(scene);
            scene.send_before_closing::<Ask>(&[&frame[..], &[0xff; 500_000]].concat())
        })
        .expect(Expect::accepted().with("; closed")),
        row::<Ask>("another protocol", |scene| scene.send_bytes::<Ask>(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        row::<Ask>("TLS", |scene| scene.send_bytes::<Ask>(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")),
    ]
}

fn cuts() -> Vec<Row> {
    vec![
        row::<Ask>("a frame cut at any byte, and the end", |scene| {
            let frame = good(scene);
            Reaction::of_all((0..frame.len()).map(|end| {
                scene.reconnect();
                (format!("at {end}"), scene.send_and_end::<Ask>(&frame[..end]))
            }))
        }),
        row::<Ask>("a frame cut in its size, its header and its body, and silence", |scene| {
            let frame = good(scene);
            Reaction::of_all([0, 1, 3, 4, 11, frame.len() - 1].map(|end| {
                scene.reconnect();
                (format!("at {end}"), scene.send_part::<Ask>(&frame[..end]))
            }))
        })
        .expect(Expect::Waits),
        row::<Ask>("a byte at a time", |scene| {
            let frame = good(scene);
            let (last, others) = frame.split_last().expect("a frame has bytes");
            for byte in others {
                scene.write(&[*byte]);
            }
            scene.send_bytes::<Ask>(&[*last])
        })
        .expect(Expect::accepted()),
        row::<Ask>("a frame in two pieces, wherever it is cut", |scene| {
            let frame = good(scene);
            Reaction::of_all((1..frame.len()).map(|at| {
                scene.write(&frame[..at]);
                (format!("at {at}"), scene.send_bytes::<Ask>(&frame[at..]))
            }))
        })
        .expect(Expect::accepted()),
    ]
}

fn headers() -> Vec<Row> {
    let headed = |input: &str, client_id: &'static [u8]| {
        row::<Ask>(input, move |scene| {
            let frame = good(scene);
            let body = &frame[4 + start(0, 0).len()..];
            scene.send_bytes::<Ask>(&framed(&[&frame[4..12], client_id, body].concat()))
        })
    };
    vec![
        row::<Ask>("a header cut at any byte", |scene| {
            let frame = good(scene);
            let header = start(0, 0).len();
            Reaction::of_all((1..header).map(|end| {
                scene.reconnect();
                (format!("at {end}"), scene.send_bytes::<Ask>(&framed(&frame[4..4 + end])))
            }))
        }),
        headed("a client id longer than the frame", &[0x7f, 0xff]),
        headed("no client id", &[0xff, 0xff]).expect(Expect::accepted()),
        headed("a client id of negative length", &[0xff, 0xfe]).expect(Expect::accepted()),
        headed("a client id of the smallest length", &[0x80, 0x00]).expect(Expect::accepted()),
        headed("a client id that is not UTF-8", &[0, 2, 0xc3, 0x28]).expect(Expect::accepted()),
    ]
}

fn unknown_requests() -> Vec<Row> {
    let mut rows = Vec::new();
    for key in [999, -1, i16::MIN, i16::MAX] {
        rows.push(row::<Ask>(format!("an API with the key {key}"), move |scene| {
            scene.send_bytes::<Ask>(&raw(key, scene.version, false, &[0; 30]))
        }));
    }
    for (key, name) in [(4, "LeaderAndIsr"), (6, "UpdateMetadata"), (7, "ControlledShutdown"), (52, "Vote")] {
        rows.push(row::<Ask>(format!("{name}, which only brokers and controllers send or sent"), move |scene| {
            scene.send_bytes::<Ask>(&raw(key, scene.version, false, &[0; 30]))
        }));
    }
    for api in APIS {
        let row = row_of(api, "a header and nothing behind it", |scene| {
            scene.send_bytes::<Ask>(&raw(api.key, scene.version, api.is_flexible(scene.version), &[]))
        });
        // Nothing but tags is behind the headers of ApiVersions and ListGroups, and only since version 3.
        rows.push(if [16, 18].contains(&api.key) { row.since(3) } else { row });
    }
    // ApiVersions has rows of its own for these.
    for api in APIS.iter().filter(|api| api.key != 18) {
        rows.push(row_of(api, "versions that do not exist", |scene| {
            let versions = [api.min_version - 1, -1, i16::MIN, api.max_version + 1, i16::MAX];
            Reaction::of_all(versions.map(|version| {
                scene.reconnect();
                (format!("v{version}"), scene.send_bytes::<Ask>(&raw(api.key, version, false, &[0; 60])))
            }))
        }));
    }
    rows
}

fn software(name: &str, version: &str) -> api_versions::Request {
    api_versions::Request { client_software_name: name.to_owned(), client_software_version: version.to_owned() }
}

fn api_versions() -> Vec<Row> {
    let future = |input: &str, version: i16, rest: &'static [u8]| {
        row::<api_versions::Request>(input, move |scene| {
            let frame = framed(&[&18i16.to_be_bytes()[..], &version.to_be_bytes(), &1i32.to_be_bytes(), rest].concat());
            scene.send_for::<api_versions::Request>(0, &frame)
        })
        .since(4)
        .expect(
            Expect::error(ErrorCode::UNSUPPORTED_VERSION)
                .with("api_keys [0] api_key: 18 min_version: 0 max_version: 4"),
        )
    };
    let named = |name: &'static str, version: &'static str| {
        let input = format!("a client that calls itself {name:?}, version {version:?}");
        row::<api_versions::Request>(input, move |scene| scene.send(&software(name, version)))
            .since(3)
            .error(ErrorCode::INVALID_REQUEST)
    };
    vec![
        future("a version above the highest", 5, b"\xff\xff\0anything"),
        future("a version far above the highest", i16::MAX, b"\0\x04test\0anything"),
        future("a version below the lowest", -1, b"\xff\xff"),
        future("a version above the highest, cut behind the correlation id", 5, b"")
            .departs(Expect::Closed, "what a header of the future has behind the correlation id cannot be known"),
        named("", "1"),
        named(" ", "1"),
        named("two words", "1"),
        named("-x", "1"),
        named("x.", "1"),
        named("x\n", "1"),
        named("ä", "1"),
        named("x", ""),
        named("x", "1 "),
    ]
}

/// Bodies of Metadata: an array of topics' names, which can be null from v1 on; from v4 on a bool behind it, v8 to v10 two, v11
/// and up two.
fn bodies() -> Vec<Row> {
    let body = |input: &str, bytes: &'static [u8]| {
        row::<metadata::Request>(input, move |scene| {
            let frame = metadata_frame(scene, bytes);
            scene.send_bytes::<metadata::Request>(&frame)
        })
    };
    let classic = |input: &str, bytes| body(input, bytes).until(FLEXIBLE - 1);
    let flexible = |input: &str, bytes| body(input, bytes).since(FLEXIBLE);
    vec![
        classic("an array of more elements than there are bytes", &[0x7f, 0xff, 0xff, 0xff]),
        classic("an array of one element more than there are bytes", &[0, 0, 0, 3, 0, 0]),
        classic("a name longer than the frame", &[0, 0, 0, 1, 0x7f, 0xff, b'x']),
        classic("a name that is null", &[0, 0, 0, 1, 0xff, 0xff, 0, 0, 0]),
        body("an array of names that is null before it can be", &[0xff, 0xff, 0xff, 0xff]).until(0),
        flexible("an array of more elements than there are bytes", &[0xff, 0xff, 0xff, 0xff, 0x07]),
        flexible("a count whose fifth byte continues", &[0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 0, 0, 0]),
        flexible("a name longer than the frame", &[2, 0x7f, b'x', 0, 0, 0, 0]).until(FLEXIBLE),
        flexible("a name whose length's fifth byte continues", &[2, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).until(FLEXIBLE),
        flexible("a name of 32768 bytes", &[2, 0x81, 0x80, 0x02]).until(FLEXIBLE),
        row::<metadata::Request>("an array of negative length where it can be null", |scene| {
            let rest: &[u8] = if scene.version >= 8 { &[0, 0, 0] } else { &[0] };
            let topics = (-2i32).to_be_bytes();
            let frame = metadata_frame(scene, &[&topics[..], if scene.version < 4 { &[] } else { rest }].concat());
            scene.send_bytes::<metadata::Request>(&frame).errors_only()
        })
        .since(1)
        .until(FLEXIBLE - 1)
        .expect(Expect::accepted()),
        row::<describe_groups::Request>("an array of negative length where it cannot be null", |scene| {
            let frame = raw(15, scene.version, false, &[0xff, 0xff, 0xff, 0xfe, 0]);
            scene.send_bytes::<describe_groups::Request>(&frame)
        })
        .until(4),
        left_over(metadata::Request { topics: Some(Vec::new()), ..Default::default() }).since(1),
        left_over(find_coordinator_request()),
        left_over(software("test", "1")),
    ]
}

/// Some versions of librdkafka leave three bytes behind a request for the metadata of all topics.
fn left_over<Q: Exchange + 'static>(request: Q) -> Row {
    row::<Q>("bytes left over after the body", move |scene| {
        let frame = Socket::frame(scene.version, 1, &request);
        let reaction = scene.send_bytes::<Q>(&framed(&[&frame[4..], &[1, 2, 3]].concat()));
        // The answer to ApiVersions tells what the two brokers are.
        if Q::KEY == 18 { reaction.errors_only() } else { reaction }
    })
    .expect(Expect::accepted())
}

fn tags() -> Vec<Row> {
    // A request for no topics at all: an empty array, the bools of the version, and the tags of the body.
    let tagged = |input: &str, header: &'static [u8], body: &'static [u8]| {
        row::<metadata::Request>(input, move |scene| {
            let bools: &[u8] = if scene.version <= 10 { &[0, 0, 0] } else { &[0, 0] };
            let frame = framed(&[&start(3, scene.version)[..], header, &[1], bools, body].concat());
            scene.send_bytes::<metadata::Request>(&frame)
        })
        .since(FLEXIBLE)
    };
    let accepted = |row: Row| row.expect(Expect::accepted());
    vec![
        accepted(tagged("unknown tags behind the header", &[2, 77, 2, 1, 2, 78, 0], &[0])),
        accepted(tagged("unknown tags behind the body", &[0], &[2, 77, 2, 1, 2, 78, 0])),
        accepted(tagged("an unknown tag of five bytes", &[0], &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 9])),
        accepted(tagged("the same unknown tag twice", &[0], &[2, 77, 1, 1, 77, 1, 2])),
        accepted(tagged("unknown tags in falling order", &[0], &[2, 78, 1, 1, 77, 1, 2])),
        tagged("a tag longer than what is left, behind the header", &[1, 7, 100, 1], &[0]),
        tagged("a tag longer than what is left, behind the body", &[0], &[1, 7, 100, 1]),
        tagged("a tag of the largest size", &[0], &[1, 7, 0xff, 0xff, 0xff, 0xff, 0x07, 1]),
        tagged("more tags than there are bytes", &[0], &[0x7f, 7, 0]),
        tagged("a count of tags whose fifth byte continues", &[0], &[0x80, 0x80, 0x80, 0x80, 0x80, 1]),
        tagged("a tag whose fifth byte continues", &[0], &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0]),
        tagged("a size of a tag whose fifth byte continues", &[0], &[1, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 1]),
        tagged("a count of tags above 2147483647", &[0], &[0xff, 0xff, 0xff, 0xff, 0x0f])
            .departs(Expect::accepted(), "a number of tags is not negative"),
        tagged("a tag of a size above 2147483647", &[0], &[1, 7, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        row::<metadata::Request>("an unknown tag inside of the body", |scene| {
            let id: &[u8] = if scene.version >= 10 { &[0; 16] } else { &[] };
            let bools: &[u8] = if scene.version <= 10 { &[0, 0, 0] } else { &[0, 0] };
            let topic = [id, &[3, b'a', 0xff, 1, 5, 1, 0]].concat();
            let frame = metadata_frame(scene, &[&[2][..], &topic, bools, &[0]].concat());
            scene.send_bytes::<metadata::Request>(&frame)
        })
        .since(FLEXIBLE)
        .expect(Expect::error(ErrorCode::INVALID_TOPIC_EXCEPTION).with("name: \"a\u{fffd}\"")),
        known_tag("a known tag that says it is longer than the frame", 9, &[]),
        known_tag("a known tag that says it is longer than it is", 9, &[1, 2]),
        known_tag("a known tag that says it is shorter than it is", 3, &[]),
    ]
}

/// A Fetch request whose cluster id (tag 0: a compact string) has seven bytes, whatever its size says, and some behind it.
fn known_tag(input: &str, size: u8, behind: &'static [u8]) -> Row {
    row::<fetch::Request>(input, move |scene| {
        let topic = scene.topic();
        let request = Fetch::of(vec![want(&topic, 0, 0)]).request();
        let frame = Socket::frame(scene.version, 1, &request);
        let without_tags = &frame[4..frame.len() - 1];
        let tag = [&[1, 0, size, 7][..], b"client", behind].concat();
        scene.send_bytes::<fetch::Request>(&framed(&[without_tags, &tag].concat()))
    })
    .since(12)
    .departs(Expect::accepted(), "two sides that disagree about where a field ends must not guess")
}

/// Names of groups that are not UTF-8 come back in the answer.
fn texts() -> Vec<Row> {
    let text = |input: &str, bytes: &'static [u8], expect: &str| {
        row::<describe_groups::Request>(input, move |scene| {
            let flexible = scene.version >= 5;
            let mut body = Vec::new();
            if flexible {
                body.extend([2, bytes.len() as u8 + 1]);
            } else {
                body.extend([0, 0, 0, 1, 0, bytes.len() as u8]);
            }
            body.extend(bytes);
            body.extend([0, 0]);
            scene.send_bytes::<describe_groups::Request>(&raw(15, scene.version, flexible, &body))
        })
        .until(5)
        .expect(Expect::accepted().with(expect))
    };
    vec![
        text("a byte that UTF-8 never has", b"a\xffb", "group_id: \"a\u{fffd}b\""),
        text("a character cut off", b"a\xe6\xbc", "group_id: \"a\u{fffd}\""),
        text("a character that goes on wrongly", b"a\xc3(", "group_id: \"a\u{fffd}(\""),
        text("a character that is too long", b"a\xc0\x80", "group_id: \"a\u{fffd}\u{fffd}\""),
        text("a surrogate", b"a\xed\xa0\x80", "group_id: \"a\u{fffd}\u{fffd}\u{fffd}\"").departs(
            Expect::accepted().with("group_id: \"a\u{fffd}\""),
            "Unicode recommends a replacement for each byte of it; Java makes one",
        ),
        text("a character above the highest", b"a\xf5\x80\x80\x80", "group_id: \"a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\""),
    ]
}
