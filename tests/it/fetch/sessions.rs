//! Fetch sessions (KIP-227): who names a partition once is told what is new about it, and nothing else.

use kafka_rs::wire::messages::fetch::{FetchPartition, Request, Response};

use super::*;
use crate::driver::Connection;
use crate::requests::delete_topic;

/// A client with a session.
struct Session {
    connection: Connection,
    version: i16,
    id: i32,
    epoch: i32,
}

impl Session {
    /// Begins a session; the answer tells of every partition.
    fn begin(driver: &mut Driver, version: i16, wanted: Vec<(Topic, FetchPartition)>) -> Self {
        let count = wanted.len();
        let connection = driver.connect();
        let response = Fetch { session_epoch: 0, ..Fetch::of(wanted) }.ask(driver, connection, version);
        assert_eq!((response.error_code, partitions(&response).len()), (ErrorCode::NONE, count));
        assert!(response.session_id > 0, "{}", response.session_id);
        Self { connection, version, id: response.session_id, epoch: 1 }
    }

    /// The next request of the session, with what it changes.
    fn fetch(&mut self, wanted: Vec<(Topic, FetchPartition)>, forgotten: Vec<(Topic, i32)>) -> Fetch {
        let session_epoch = self.epoch;
        self.epoch += 1;
        Fetch { session_id: self.id, session_epoch, forgotten, ..Fetch::of(wanted) }
    }

    /// Sends a fetch of this session, checks that the answer belongs to it, and gives what it tells.
    fn told(&self, driver: &mut Driver, fetch: Fetch) -> Vec<(i32, ErrorCode, Bytes)> {
        let response = fetch.ask(driver, self.connection, self.version);
        assert_eq!((response.error_code, response.session_id), (ErrorCode::NONE, self.id));
        partitions(&response)
    }

    /// What an incremental fetch tells that changes the offsets of these partitions.
    fn advance(&mut self, driver: &mut Driver, wanted: Vec<(Topic, FetchPartition)>) -> Vec<(i32, ErrorCode, Bytes)> {
        let fetch = self.fetch(wanted, vec![]);
        self.told(driver, fetch)
    }

    fn send(&self, driver: &mut Driver, fetch: &Fetch) -> Response {
        fetch.ask(driver, self.connection, self.version)
    }
}

fn three(topic: &Topic) -> Vec<(Topic, FetchPartition)> {
    (0..3).map(|partition| want(topic, partition, 0)).collect()
}

#[test]
fn only_what_is_new_is_told() {
    for version in 7..=18 {
        let driver = &mut Driver::default();
        let topic = create_topic(driver, "orders", 3);
        let mut session = Session::begin(driver, version, three(&topic));
        assert_eq!(session.advance(driver, vec![]), [], "v{version}: nothing is new");
        let stored = fill(driver, &topic, 1, &[2]).remove(0);
        assert_eq!(session.advance(driver, vec![]), [(1, ErrorCode::NONE, stored.clone())]);
        assert_eq!(session.advance(driver, vec![]), [(1, ErrorCode::NONE, stored)], "the client has not gone on");
        assert_eq!(session.advance(driver, vec![want(&topic, 1, 2)]), []);
        let stored = fill(driver, &topic, 1, &[1]).remove(0);
        assert_eq!(session.advance(driver, vec![]), [(1, ErrorCode::NONE, stored)]);
    }
}

#[test]
fn the_first_answer_tells_of_all_partitions_with_their_data() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let stored = fill(driver, &topic, 2, &[1]).remove(0);
    let connection = driver.connect();
    let response = Fetch { session_epoch: 0, ..Fetch::of(three(&topic)) }.ask(driver, connection, 12);
    let empty = |partition| (partition, ErrorCode::NONE, Bytes::new());
    assert_eq!(partitions(&response), [empty(0), empty(1), (2, ErrorCode::NONE, stored)]);
}

#[test]
fn partitions_are_added_and_forgotten() {
    for version in [7, 12, 13, 18] {
        let driver = &mut Driver::default();
        let (orders, bills) = (create_topic(driver, "orders", 3), create_topic(driver, "bills", 1));
        let mut session = Session::begin(driver, version, vec![want(&orders, 0, 0)]);

        // One that is new in the session is told of, also when it is empty.
        let told = session.advance(driver, vec![want(&bills, 0, 0), want(&orders, 2, 0)]);
        assert_eq!(told, [(0, ErrorCode::NONE, Bytes::new()), (2, ErrorCode::NONE, Bytes::new())]);
        assert_eq!(session.advance(driver, vec![]), []);

        let of_bills = fill(driver, &bills, 0, &[1]).remove(0);
        let of_orders = fill(driver, &orders, 0, &[2]).remove(0);
        let fetch = session.fetch(vec![], vec![(bills.clone(), 0), (orders.clone(), 1)]);
        let told = session.told(driver, fetch);
        assert_eq!(
            told,
            [(0, ErrorCode::NONE, of_orders)],
            "v{version}: bills are forgotten, and {of_bills:?} with them"
        );

        let fetch = session.fetch(vec![want(&bills, 0, 0)], vec![(orders.clone(), 0)]);
        assert_eq!(session.told(driver, fetch), [(0, ErrorCode::NONE, of_bills)], "v{version}: bills are back");
    }
}

#[test]
fn a_session_without_partitions_ends() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let mut session = Session::begin(driver, 12, three(&topic));
    let fetch = session.fetch(vec![], (0..3).map(|partition| (topic.clone(), partition)).collect());
    let response = session.send(driver, &fetch);
    assert_eq!((response.error_code, response.session_id, response.responses.len()), (ErrorCode::NONE, 0, 0));
    let fetch = session.fetch(vec![], vec![]);
    assert_eq!(session.send(driver, &fetch).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn a_changed_limit_holds_from_then_on() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let stored = fill(driver, &topic, 0, &[1; 3]);
    let mut session = Session::begin(driver, 12, vec![want(&topic, 0, 0)]);
    let told = session.advance(driver, vec![want_bytes(&topic, 0, 0, 1)]);
    assert_eq!(told, [(0, ErrorCode::NONE, stored[0].clone())]);
    assert_eq!(session.advance(driver, vec![]), [(0, ErrorCode::NONE, stored[0].clone())]);
    assert_eq!(session.advance(driver, vec![want(&topic, 0, 1)]), [(0, ErrorCode::NONE, stored[1..].concat().into())]);
}

#[test]
fn an_epoch_out_of_turn_is_refused_and_changes_nothing() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let mut session = Session::begin(driver, 12, three(&topic));
    assert_eq!(session.advance(driver, vec![]), []);
    for session_epoch in [1, 3, -2, i32::MAX] {
        // Epoch 2 is expected.
        let fetch = Fetch { session_id: session.id, session_epoch, ..Fetch::of(vec![want(&topic, 0, 9)]) };
        let response = session.send(driver, &fetch);
        assert_eq!(response.error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH, "epoch {session_epoch}");
        assert_eq!((response.session_id, response.responses.len()), (0, 0));
    }
    let stored = fill(driver, &topic, 0, &[1]).remove(0);
    assert_eq!(session.advance(driver, vec![]), [(0, ErrorCode::NONE, stored)]);
}

#[test]
fn a_session_that_does_not_exist_is_not_found() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let session = Session::begin(driver, 12, three(&topic));
    for session_id in [session.id.wrapping_add(1), -5, 0] {
        let fetch = Fetch { session_id, session_epoch: 1, ..Fetch::default() };
        let response = session.send(driver, &fetch);
        assert_eq!(response.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND, "{session_id}");
        assert_eq!((response.session_id, response.responses.len()), (0, 0));
    }
}

#[test]
fn names_and_ids_do_not_mix_in_a_session() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    for (first, second) in [(12, 13), (13, 12), (18, 7)] {
        let mut session = Session::begin(driver, first, three(&topic));
        let fetch = session.fetch(vec![], vec![]);
        let response = fetch.ask(driver, session.connection, second);
        assert_eq!(response.error_code, ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, "v{first}, then v{second}");
        assert_eq!(response.session_id, 0);
    }
}

#[test]
fn a_session_ends_when_its_client_wants_none() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    for session_epoch in [-1, 0] {
        let session = Session::begin(driver, 12, three(&topic));
        let fetch = Fetch { session_id: session.id, session_epoch, ..Fetch::of(three(&topic)) };
        let response = session.send(driver, &fetch);
        assert_eq!((response.error_code, partitions(&response).len()), (ErrorCode::NONE, 3));
        assert_eq!(response.session_id > 0, session_epoch == 0, "epoch 0 asks for a new one");
        assert_ne!(response.session_id, session.id);
        let old = Fetch { session_id: session.id, session_epoch: 1, ..Fetch::default() };
        assert_eq!(session.send(driver, &old).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }
}

#[test]
fn a_session_outlives_its_connection() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let mut session = Session::begin(driver, 12, three(&topic));
    driver.disconnect(session.connection);
    session.connection = driver.connect();
    assert_eq!(session.advance(driver, vec![]), []);
}

#[test]
fn an_incremental_fetch_waits_like_any_other() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let mut session = Session::begin(driver, 12, three(&topic));
    let fetch = session.fetch(vec![], vec![]).waiting(500, 1);
    driver.send(session.connection, 12, &fetch.request());
    driver.advance_ms(499);
    assert!(driver.is_waiting(session.connection));
    driver.advance_ms(1);
    let response = driver.answer::<Request>(session.connection).expect("an answer at the deadline");
    assert_eq!((response.session_id, response.responses.len()), (session.id, 0));

    let fetch = session.fetch(vec![], vec![]).waiting(500, 1);
    driver.send(session.connection, 12, &fetch.request());
    let stored = fill(driver, &topic, 2, &[1]).remove(0);
    let response = driver.answer::<Request>(session.connection).expect("an answer to the append");
    assert_eq!(partitions(&response), [(2, ErrorCode::NONE, stored)]);
}

#[test]
fn a_high_watermark_is_news_without_records() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let mut session = Session::begin(driver, 12, vec![want(&topic, 0, 0), want(&topic, 1, 0)]);
    let first = fill(driver, &topic, 0, &[1]).remove(0);
    let second = fill(driver, &topic, 1, &[1]).remove(0);
    let fetch = Fetch { max_bytes: 1, ..session.fetch(vec![], vec![]) };
    let response = session.send(driver, &fetch);
    let marks: Vec<_> = response.responses[0].partitions.iter().map(|data| data.high_watermark).collect();
    assert_eq!(marks, [1, 1]);
    assert_eq!(partitions(&response), [(0, ErrorCode::NONE, first), (1, ErrorCode::NONE, Bytes::new())]);
    // Now the mark is known, and only the records are news.
    let fetch = Fetch { max_bytes: 1, ..session.fetch(vec![], vec![]) };
    assert_eq!(session.told(driver, fetch), [(1, ErrorCode::NONE, second)]);
}

#[test]
fn with_a_small_limit_everyone_gets_a_turn() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 3);
    let stored: Vec<_> = (0..3).map(|partition| fill(driver, &topic, partition, &[1, 1]).remove(0)).collect();
    let mut session = Session::begin(driver, 12, three(&topic));
    // The first answer had room for all, and left them in their order.
    for round in 0..7 {
        let fetch = Fetch { max_bytes: 1, ..session.fetch(vec![], vec![]) };
        let partition = round % 3;
        let expect = [(partition as i32, ErrorCode::NONE, stored[partition].clone())];
        assert_eq!(session.told(driver, fetch), expect, "round {round}");
    }
}

#[test]
fn an_error_is_told_each_time_and_its_end_once() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let mut session = Session::begin(driver, 12, vec![want(&topic, 0, 1), want(&topic, 1, 0)]);
    let error = [(0, ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new())];
    assert_eq!(session.advance(driver, vec![]), error);
    assert_eq!(session.advance(driver, vec![]), error);
    fill(driver, &topic, 0, &[1]);
    assert_eq!(session.advance(driver, vec![]), [(0, ErrorCode::NONE, Bytes::new())], "there is no error any more");
    assert_eq!(session.advance(driver, vec![]), []);
}

#[test]
fn a_topic_that_ends_is_an_error_of_its_partitions() {
    let expect = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    for version in [12, 13] {
        let driver = &mut Driver::default();
        let (doomed, other) = (create_topic(driver, "doomed", 1), create_topic(driver, "other", 1));
        let mut session = Session::begin(driver, version, vec![want(&doomed, 0, 0), want(&other, 0, 0)]);
        let fetch = session.fetch(vec![], vec![]).waiting(500, 1);
        driver.send(session.connection, version, &fetch.request());
        delete_topic(driver, "doomed");
        let response = driver.answer::<Request>(session.connection).expect("an answer to the deletion");
        assert_eq!(partitions(&response), [(0, expect, Bytes::new())], "v{version}");
        assert_eq!(session.advance(driver, vec![]), [(0, expect, Bytes::new())], "v{version}");
        let fetch = session.fetch(vec![], vec![(doomed, 0)]);
        assert_eq!(session.told(driver, fetch), [], "v{version}");
    }
}

/// Asks for a session of that many partitions and gives its id, 0 for none.
fn ask_for_session(driver: &mut Driver, topic: &Topic, count: i32) -> i32 {
    let wanted = (0..count).map(|partition| want(topic, partition, 0)).collect();
    let connection = driver.connect();
    let response = Fetch { session_epoch: 0, ..Fetch::of(wanted) }.ask(driver, connection, 12);
    assert_eq!((response.error_code, partitions(&response).len()), (ErrorCode::NONE, count as usize));
    response.session_id
}

/// Whether a session whose first request is this one still exists.
fn is_alive(driver: &mut Driver, session_id: i32, session_epoch: i32) -> bool {
    let connection = driver.connect();
    let response = Fetch { session_id, session_epoch, ..Fetch::default() }.ask(driver, connection, 12);
    match response.error_code {
        ErrorCode::NONE => true,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND => false,
        other => panic!("{other}"),
    }
}

const TWO_MINUTES_MS: u64 = 120_000;

#[test]
fn without_room_a_fetch_is_answered_and_has_no_session() {
    let driver = &mut Driver::with(&[("max.incremental.fetch.session.cache.slots", "2")]);
    let topic = create_topic(driver, "orders", 5);
    let (first, second) = (ask_for_session(driver, &topic, 2), ask_for_session(driver, &topic, 2));
    assert!(first > 0 && second > 0 && first != second);
    assert_eq!(ask_for_session(driver, &topic, 5), 0);
    assert!(is_alive(driver, first, 1) && is_alive(driver, second, 1));

    let driver = &mut Driver::with(&[("max.incremental.fetch.session.cache.slots", "0")]);
    let topic = create_topic(driver, "orders", 1);
    assert_eq!(ask_for_session(driver, &topic, 1), 0);
}

#[test]
fn a_session_that_nobody_used_makes_room() {
    let driver = &mut Driver::with(&[("max.incremental.fetch.session.cache.slots", "2")]);
    let topic = create_topic(driver, "orders", 5);
    let (unused, used) = (ask_for_session(driver, &topic, 5), ask_for_session(driver, &topic, 5));
    driver.advance_ms(TWO_MINUTES_MS);
    assert!(is_alive(driver, used, 1));
    assert_eq!(ask_for_session(driver, &topic, 1), 0, "not yet");
    driver.advance_ms(1);
    assert!(ask_for_session(driver, &topic, 1) > 0);
    assert!(!is_alive(driver, unused, 1) && is_alive(driver, used, 2));
}

#[test]
fn an_old_session_makes_room_for_a_larger_one() {
    let driver = &mut Driver::with(&[("max.incremental.fetch.session.cache.slots", "2")]);
    let topic = create_topic(driver, "orders", 5);
    let (small, large) = (ask_for_session(driver, &topic, 2), ask_for_session(driver, &topic, 4));
    driver.advance_ms(TWO_MINUTES_MS + 1);
    assert!(is_alive(driver, small, 1) && is_alive(driver, large, 1));
    assert_eq!(ask_for_session(driver, &topic, 2), 0, "as large is not larger");
    assert!(ask_for_session(driver, &topic, 3) > 0);
    assert!(!is_alive(driver, small, 2) && is_alive(driver, large, 2));
}
