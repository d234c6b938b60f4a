//! The transactional id: who gets it, who loses it, and what is known of it.

use kafka_rs::wire::messages::add_partitions_to_txn::{self, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_rs::wire::messages::{add_offsets_to_txn, init_producer_id, list_transactions};

use super::*;
use crate::requests::create_topic;

#[test]
fn a_new_instance_gets_the_next_epoch() {
    let driver = &mut Driver::default();
    let first = Producer::init(driver, "a");
    let second = Producer::init(driver, "a");
    let other = Producer::init(driver, "b");
    assert_eq!((first.epoch, second), (0, Producer { epoch: 1, ..first }));
    assert!(other.id != first.id && other.epoch == 0);
}

#[test]
fn a_producer_goes_on_with_the_next_epoch() {
    let driver = &mut Driver::default();
    let producer = Producer::init(driver, "a");
    let next = Producer::init_with(driver, "a", 60_000, Some(producer));
    assert_eq!(next, Ok(Producer { epoch: 1, ..producer }));
    // The answer was lost, and the request comes again.
    assert_eq!(Producer::init_with(driver, "a", 60_000, Some(producer)), next);
    let mut check = |expected: Producer, expect| {
        assert_eq!(Producer::init_with(driver, "a", 60_000, Some(expected)), Err(expect), "{expected:?}");
    };
    check(Producer { epoch: 2, ..producer }, ErrorCode::PRODUCER_FENCED);
    check(Producer { id: producer.id + 1, ..producer }, ErrorCode::PRODUCER_FENCED);
    check(Producer { epoch: -1, ..producer }, ErrorCode::INVALID_REQUEST);
    check(Producer { id: -1, ..producer }, ErrorCode::INVALID_REQUEST);
    // Somebody else takes over: now it is too late for the producer.
    let newer = Producer::init(driver, "a");
    let fenced = Producer { epoch: 1, ..producer };
    assert_eq!(Producer::init_with(driver, "a", 60_000, Some(fenced)), Err(ErrorCode::PRODUCER_FENCED));
    let connection = driver.connect();
    let response = driver.ask(connection, 3, &init_request("a", 60_000, Some(fenced)));
    assert_eq!(response.error_code, ErrorCode::INVALID_PRODUCER_EPOCH, "before v4 there is no other error");
    assert_eq!(newer.epoch, 2);
}

#[test]
fn timeouts_have_bounds() {
    let driver = &mut Driver::with(&[("transaction.max.timeout.ms", "5000")]);
    for (timeout_ms, expect) in [(5000, true), (1, true), (5001, false), (0, false), (-1, false), (i32::MIN, false)] {
        let outcome = Producer::init_with(driver, "a", timeout_ms, None);
        assert_eq!(
            outcome.map(|_| ()).err(),
            (!expect).then_some(ErrorCode::INVALID_TRANSACTION_TIMEOUT),
            "{timeout_ms}"
        );
    }
    assert_eq!(Producer::init_with(driver, "", 1, None), Err(ErrorCode::INVALID_REQUEST));
    let connection = driver.connect();
    let idempotent = init_producer_id::Request { transactional_id: None, ..init_request("", -1, None) };
    assert_eq!(driver.ask(connection, 5, &idempotent).error_code, ErrorCode::NONE);
}

#[test]
fn a_transaction_that_was_left_open_is_aborted_first() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let old = Producer::init(driver, "a");
    old.write(driver, (&topic, 0), 0, &["lost"]);
    assert_eq!(Producer::init_with(driver, "a", 1000, None), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    assert_eq!(state(driver, "a"), "CompleteAbort");
    let new = Producer::init_with(driver, "a", 1000, None).expect("nothing is open any more");
    assert_eq!((new.id, new.epoch), (old.id, 2), "an epoch to fence the old one, and one for the new one");
    assert!(committed(driver, (&topic, 0)).is_empty());
    assert_eq!(old.try_write(driver, PRODUCE, (&topic, 0), 1, &["late"]), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(old.try_end(driver, END, true), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(old.add(driver, (&topic, 0)), ErrorCode::PRODUCER_FENCED);
    new.write(driver, (&topic, 0), 0, &["kept"]);
    new.try_end(driver, END, true).expect("its own transaction");
    assert_eq!(committed(driver, (&topic, 0)), ["kept"]);
}

#[test]
fn a_producer_that_aborts_by_starting_anew_keeps_its_place() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init(driver, "a");
    producer.write(driver, (&topic, 0), 0, &["lost"]);
    let again = |driver: &mut Driver| Producer::init_with(driver, "a", 1000, Some(producer));
    assert_eq!(again(driver), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    assert_eq!(again(driver), Ok(Producer { epoch: 1, ..producer }));
}

#[test]
fn fenced_producers_are_told_as_their_version_knows_it() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let old = Producer::init(driver, "a");
    Producer::init(driver, "a");
    let fenced =
        |version, from| if version >= from { ErrorCode::PRODUCER_FENCED } else { ErrorCode::INVALID_PRODUCER_EPOCH };
    for version in 0..=3 {
        assert_eq!(old.add_in(driver, version, (&topic, 0)), fenced(version, 2), "v{version}");
    }
    for version in 0..=5 {
        assert_eq!(old.try_end(driver, version, true), Err(fenced(version, 2)), "v{version}");
    }
    for version in 0..=4 {
        let request = add_offsets_to_txn::Request {
            transactional_id: "a".to_owned(),
            producer_id: old.id,
            producer_epoch: old.epoch,
            group_id: "g".to_owned(),
        };
        let connection = driver.connect();
        assert_eq!(driver.ask(connection, version, &request).error_code, fenced(version, 2), "v{version}");
    }
    for version in [9, 11, 12, 13] {
        let outcome = old.try_write(driver, version, (&topic, 0), 0, &["x"]);
        assert_eq!(outcome, Err(ErrorCode::INVALID_PRODUCER_EPOCH), "v{version}");
    }
}

#[test]
fn who_is_not_the_producer_cannot_add() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 2);
    let producer = Producer::init(driver, "a");
    let mut check = |producer: Producer, expect| assert_eq!(producer.add(driver, (&topic, 0)), expect, "{producer:?}");
    check(Producer { transactional_id: "", ..producer }, ErrorCode::INVALID_REQUEST);
    check(Producer { transactional_id: "b", ..producer }, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    check(Producer { id: producer.id + 1, ..producer }, ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    check(Producer { epoch: 1, ..producer }, ErrorCode::PRODUCER_FENCED);
    assert_eq!(state(driver, "a"), "Empty");
    assert_eq!(producer.add(driver, (&topic, 1)), ErrorCode::NONE);
    assert_eq!(producer.add(driver, (&topic, 1)), ErrorCode::NONE);
    let described = describe(driver, "a");
    assert_eq!((described.transaction_state.as_str(), described.transaction_timeout_ms), ("Ongoing", 60_000));
    assert_eq!(described.transaction_start_time_ms, driver.now.unix_ms);
    assert_eq!(described.topics[0].partitions, [1]);
}

fn add_batched(
    driver: &mut Driver,
    version: i16,
    verify_only: bool,
    producer: Producer,
    topics: &[(&str, &[i32])],
) -> Vec<ErrorCode> {
    let topics = topics.iter().map(|(name, partitions)| AddPartitionsToTxnTopic {
        name: (*name).to_owned(),
        partitions: partitions.to_vec(),
    });
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: producer.transactional_id.to_owned(),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        verify_only,
        topics: topics.collect(),
    };
    let request = add_partitions_to_txn::Request { transactions: vec![transaction], ..Default::default() };
    let connection = driver.connect();
    let response = driver.ask(connection, version, &request);
    let topics = response.results_by_transaction.into_iter().flat_map(|result| result.topic_results);
    topics.flat_map(|topic| topic.results_by_partition).map(|result| result.partition_error_code).collect()
}

#[test]
fn all_partitions_are_added_or_none() {
    let driver = &mut Driver::default();
    create_topic(driver, "orders", 2);
    let producer = Producer::init(driver, "a");
    let (unknown, not) = (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::OPERATION_NOT_ATTEMPTED);
    let orders: (&str, &[i32]) = ("orders", &[0, 5, 1]);
    assert_eq!(add_batched(driver, 5, false, producer, &[orders, ("none", &[0])]), [not, unknown, not, unknown]);
    let internal = add_batched(driver, 5, false, producer, &[("__consumer_offsets", &[0])]);
    assert_eq!(internal, [ErrorCode::TOPIC_AUTHORIZATION_FAILED]);
    assert_eq!(state(driver, "a"), "Empty");

    let abortable = ErrorCode::TRANSACTION_ABORTABLE;
    for version in [4, 5] {
        assert_eq!(add_batched(driver, version, true, producer, &[("orders", &[0, 1])]), [abortable, abortable]);
    }
    assert_eq!(add_batched(driver, 4, false, producer, &[("orders", &[1])]), [ErrorCode::NONE]);
    assert_eq!(add_batched(driver, 5, true, producer, &[("orders", &[0, 1])]), [abortable, ErrorCode::NONE]);
    let fenced = Producer { epoch: 7, ..producer };
    assert_eq!(add_batched(driver, 5, true, fenced, &[("orders", &[1])]), [ErrorCode::PRODUCER_FENCED]);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    let driver = &mut Driver::with(&[("transaction.abort.timed.out.transaction.cleanup.interval.ms", "100")]);
    let topic = create_topic(driver, "orders", 1);
    let producer = Producer::init_with(driver, "a", 1000, None).expect("a producer");
    let slow = Producer::init_with(driver, "b", 5000, None).expect("a producer");
    driver.advance_ms(5000);
    assert_eq!(state(driver, "a"), "Empty", "what has not begun takes no time");
    producer.write(driver, (&topic, 0), 0, &["late"]);
    driver.advance_ms(900);
    slow.write(driver, (&topic, 0), 0, &["in time"]);
    assert_eq!(state(driver, "a"), "Ongoing");
    driver.advance_ms(300);
    assert_eq!((state(driver, "a").as_str(), state(driver, "b").as_str()), ("CompleteAbort", "Ongoing"));
    assert_eq!(describe(driver, "a").producer_epoch, 1);
    assert_eq!(producer.try_write(driver, PRODUCE, (&topic, 0), 1, &["x"]), Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(producer.try_end(driver, OLD_END, false), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(producer.try_end(driver, END, true), Err(ErrorCode::INVALID_TXN_STATE), "it was not committed");
    assert_eq!(
        producer.try_end(driver, END, false),
        Ok(Producer { epoch: 1, ..producer }),
        "it was aborted, as wanted"
    );
    slow.try_end(driver, END, true).expect("in time");
    assert_eq!(committed(driver, (&topic, 0)), ["in time"]);
    assert_eq!(Producer::init_with(driver, "a", 1000, Some(producer)), Ok(Producer { epoch: 1, ..producer }));
}

#[test]
fn transactional_ids_that_nobody_uses_are_forgotten() {
    let check_every = "transaction.remove.expired.transaction.cleanup.interval.ms";
    let driver = &mut Driver::with(&[("transactional.id.expiration.ms", "10000"), (check_every, "1000")]);
    let topic = create_topic(driver, "orders", 1);
    let [idle, busy] = ["idle", "busy"].map(|id| Producer::init(driver, id));
    busy.write(driver, (&topic, 0), 0, &["x"]);
    driver.advance_ms(11_000);
    let gone = describe(driver, "idle");
    assert_eq!(gone.error_code, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND);
    assert_eq!(state(driver, "busy"), "Ongoing", "an open transaction is in use");
    assert_eq!(idle.add(driver, (&topic, 0)), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    let again = Producer::init_with(driver, "idle", 1000, Some(idle)).expect("as if it were new");
    assert!(again.id != idle.id && again.epoch == 0);
}

#[test]
fn epochs_are_used_up_and_a_new_id_follows() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    let first = producer;
    let last = Producer { epoch: i16::MAX - 1, ..first };
    while producer != last {
        producer = Producer::init_with(driver, "a", 60_000, Some(producer)).expect("the next epoch");
    }
    producer.write(driver, (&topic, 0), 0, &["x"]);
    let ended = producer.try_end(driver, END, true).expect("a transaction");
    assert!(ended.id != first.id && ended.epoch == 0);
    assert_eq!(producer.try_end(driver, END, true), Ok(ended), "the answer was lost");
    assert_eq!(producer.try_end(driver, END, false), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(Producer::init_with(driver, "a", 60_000, Some(producer)), Ok(ended), "it may ask so too");
    let marked: Vec<_> = describe_producers(driver, (&topic, 0)).iter().map(|state| state.producer_epoch).collect();
    assert_eq!(marked, [i32::from(i16::MAX)]);
    ended.write(driver, (&topic, 0), 0, &["y"]);
    ended.try_end(driver, END, true).expect("a transaction of the new id");
    assert_eq!(committed(driver, (&topic, 0)), ["x", "y"]);
}

#[test]
fn after_the_last_epoch_a_producer_goes_on_with_a_new_id() {
    let driver = &mut Driver::default();
    let mut producer = Producer::init(driver, "a");
    while producer.epoch < i16::MAX - 1 {
        producer = Producer::init_with(driver, "a", 60_000, Some(producer)).expect("the next epoch");
    }
    let next = Producer::init_with(driver, "a", 60_000, Some(producer)).expect("a new id");
    assert!(next.id != producer.id && next.epoch == 0);
    assert_eq!(Producer::init_with(driver, "a", 60_000, Some(producer)), Ok(next), "the answer was lost");
    let older = Producer { epoch: producer.epoch - 1, ..producer };
    assert_eq!(Producer::init_with(driver, "a", 60_000, Some(older)), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn a_producer_is_fenced_in_its_last_epoch() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let mut producer = Producer::init(driver, "a");
    while producer.epoch < i16::MAX - 1 {
        producer = Producer::init_with(driver, "a", 60_000, Some(producer)).expect("the next epoch");
    }
    producer.write(driver, (&topic, 0), 0, &["x"]);
    assert_eq!(Producer::init_with(driver, "a", 60_000, None), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    assert_eq!(describe(driver, "a").producer_epoch, i16::MAX);
    let next = Producer::init_with(driver, "a", 60_000, Some(producer)).expect("the producer goes on");
    assert!(next.id != producer.id && next.epoch == 0);
    assert_eq!(producer.try_end(driver, END, true), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
}

#[test]
fn lists_are_filtered() {
    let driver = &mut Driver::default();
    let topic = create_topic(driver, "orders", 1);
    let [first, second, _third] = ["one", "two", "three"].map(|id| Producer::init(driver, id));
    first.write(driver, (&topic, 0), 0, &["x"]);
    driver.advance_ms(500);
    second.write(driver, (&topic, 0), 0, &["x"]);
    let all = || list_transactions::Request::default();
    let mut check = |version, request: list_transactions::Request, expect: &[&str]| {
        let connection = driver.connect();
        let response = driver.ask(connection, version, &request);
        assert_eq!(response.error_code, ErrorCode::NONE);
        let ids: Vec<_> = response.transaction_states.iter().map(|state| state.transactional_id.as_str()).collect();
        assert_eq!(ids, expect, "{request:?}");
        response
    };
    check(0, all(), &["one", "three", "two"]);
    let states = |states: &[&str]| states.iter().map(|state| (*state).to_owned()).collect();
    check(0, list_transactions::Request { state_filters: states(&["Ongoing", "Dead"]), ..all() }, &["one", "two"]);
    let response = check(0, list_transactions::Request { state_filters: states(&["Bogus"]), ..all() }, &[]);
    assert_eq!(response.unknown_state_filters, ["Bogus"]);
    check(0, list_transactions::Request { producer_id_filters: vec![second.id, 77], ..all() }, &["two"]);
    check(1, list_transactions::Request { duration_filter: 400, ..all() }, &["one", "three"]);
    check(1, list_transactions::Request { duration_filter: 0, ..all() }, &["one", "three"]);
    let pattern =
        |pattern: &str| list_transactions::Request { transactional_id_pattern: Some(pattern.to_owned()), ..all() };
    check(2, pattern("t.*"), &["three", "two"]);
    check(2, pattern("t"), &[]);
    check(2, pattern("one|tw"), &["one"]);
    check(2, pattern(""), &["one", "three", "two"]);
    let connection = driver.connect();
    for bad in ["(", "a{5000000}{5000000}"] {
        let response = driver.ask(connection, 2, &pattern(bad));
        assert_eq!(response.error_code, ErrorCode::INVALID_REGULAR_EXPRESSION, "{bad}");
    }
}

#[test]
fn unknown_transactional_ids_are_errors() {
    let driver = &mut Driver::default();
    assert_eq!(describe(driver, "none").error_code, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND);
    assert_eq!(describe(driver, "").error_code, ErrorCode::INVALID_REQUEST);
}
