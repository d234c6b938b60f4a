//! Who may speak for a member, ids that are given out, and requests that are refused.

use super::*;
use kafka_rs::broker::api;

#[test]
fn requests_that_cannot_be_right() {
    let driver = &mut Driver::default();
    let client = Client::new(driver);
    let mut check = |change: &dyn Fn(&mut join_group::Request), expect| {
        let mut request = client.join();
        change(&mut request);
        let response = driver.ask(client.connection, 9, &request);
        assert_eq!(response.error_code, expect, "{request:?}");
        assert_eq!(response.member_id, request.member_id);
        assert_eq!((response.protocol_name, response.protocol_type), (None, None));
        assert_eq!((response.generation_id, response.leader.as_str()), (-1, ""));
    };
    check(&|request| request.group_id.clear(), ErrorCode::INVALID_GROUP_ID);
    check(&|request| request.session_timeout_ms = 5_999, ErrorCode::INVALID_SESSION_TIMEOUT);
    check(&|request| request.session_timeout_ms = 1_800_001, ErrorCode::INVALID_SESSION_TIMEOUT);
    check(&|request| request.protocols.clear(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(&|request| request.protocol_type.clear(), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(&|request| "nobody".clone_into(&mut request.member_id), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = join_group::Request { session_timeout_ms: 1, ..client.join() };
    let response = driver.ask(client.connection, 6, &request);
    assert_eq!(response.protocol_name.as_deref(), Some(""), "before v7 there is no null");
}

#[test]
fn members_have_to_fit_together() {
    let driver = &mut Driver::default();
    let [client] = stable_group(driver);
    let mut stranger = Client::new(driver);
    stranger.protocols = vec![("sticky", Bytes::new())];
    assert_eq!(driver.ask(stranger.connection, 9, &stranger.join()).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let connector = join_group::Request { protocol_type: "connect".to_owned(), ..client.join() };
    let response = driver.ask(client.connection, 9, &connector);
    assert_eq!(response.error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(response.member_id, client.id);
    assert_eq!(client.heartbeat(driver), ErrorCode::NONE);
}

#[test]
fn a_full_group_takes_nobody_in() {
    let driver = &mut Driver::with(&[("group.max.size", "2")]);
    let [first, second] = stable_group(driver);
    let third = Client::new(driver);
    let refused = driver.ask(third.connection, 9, &third.join());
    assert_eq!((refused.error_code, refused.member_id.as_str()), (ErrorCode::GROUP_MAX_SIZE_REACHED, ""));
    assert_eq!(first.heartbeat(driver), ErrorCode::NONE);
    assert_eq!(second.leave(driver), ErrorCode::NONE);
    assert_eq!(driver.ask(third.connection, 9, &third.join()).error_code, ErrorCode::MEMBER_ID_REQUIRED);
}

#[test]
fn of_more_than_fit_the_last_ones_are_turned_away() {
    let driver = &mut Driver::with(&[("group.max.size", "2")]);
    // The group is empty, so an id costs nothing and everybody gets one.
    let mut clients: [Client; 3] = std::array::from_fn(|_| Client::with_id(driver));
    clients.iter().for_each(|client| driver.submit(client.connection, 9, &client.join()));
    driver.end_turn();
    assert_eq!(clients[2].joined(driver).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(clients[0].joined(driver).members.len(), 2);
    assert_eq!(clients[1].joined(driver).generation_id, 1);
}

#[test]
fn an_id_that_nobody_comes_back_with_is_forgotten() {
    let driver = &mut Driver::default();
    let [first] = stable_group(driver);
    let late = Client::with_id(driver);
    first.send_join(driver);
    driver.advance_ms(SESSION_MS - 1);
    assert!(driver.is_waiting(first.connection));
    driver.advance_ms(1);
    assert!(!driver.is_waiting(first.connection));
    late.send_join(driver);
    assert_eq!(late.clone().joined(driver).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn an_id_for_a_dynamic_member_is_none_for_a_static_one() {
    let driver = &mut Driver::default();
    let client = Client { instance_id: Some("instance".to_owned()), ..Client::with_id(driver) };
    let response = driver.ask(client.connection, 9, &client.join());
    assert_eq!((response.error_code, response.member_id.as_str()), (ErrorCode::UNKNOWN_SERVER_ERROR, ""));
}

#[test]
fn who_is_asked_for_twice_is_described_once() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    let request = describe_groups::Request { groups: vec![GROUP.to_owned(), GROUP.to_owned()], ..Default::default() };
    assert_eq!(driver.ask(connection, 6, &request).groups.len(), 1);
}

#[test]
fn requests_of_former_generations_are_told_so() {
    let driver = &mut Driver::default();
    let [mut client] = stable_group(driver);
    client.generation = 7;
    assert_eq!(client.heartbeat(driver), ErrorCode::ILLEGAL_GENERATION);
    client.send_sync(driver, &[]);
    assert_eq!(client.synced(driver), Err(ErrorCode::ILLEGAL_GENERATION));
    client.generation = 1;
    "nobody".clone_into(&mut client.id);
    assert_eq!(client.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    client.send_sync(driver, &[]);
    assert_eq!(client.synced(driver), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn a_sync_names_the_protocol_of_its_group() {
    let driver = &mut Driver::default();
    let [client] = stable_group(driver);
    let mut check = |version, protocol_type: Option<&str>, protocol_name: Option<&str>, expect| {
        let request = sync_group::Request {
            protocol_type: protocol_type.map(str::to_owned),
            protocol_name: protocol_name.map(str::to_owned),
            ..client.sync(&[])
        };
        let response = driver.ask(client.connection, version, &request);
        assert_eq!(response.error_code, expect, "{request:?}");
        if expect == ErrorCode::NONE && version >= 5 {
            assert_eq!(response.protocol_type.as_deref(), Some("consumer"));
            assert_eq!(response.protocol_name.as_deref(), Some("range"));
        }
    };
    check(5, Some("consumer"), Some("range"), ErrorCode::NONE);
    check(5, Some("connect"), Some("range"), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(5, Some("consumer"), Some("sticky"), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(5, None, Some("range"), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(5, Some("consumer"), None, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    check(4, None, None, ErrorCode::NONE);
}

#[test]
fn an_empty_group_id_is_refused_by_all() {
    let driver = &mut Driver::default();
    let connection = driver.connect();
    assert_eq!(driver.ask(connection, 4, &heartbeat::Request::default()).error_code, ErrorCode::INVALID_GROUP_ID);
    assert_eq!(driver.ask(connection, 4, &sync_group::Request::default()).error_code, ErrorCode::INVALID_GROUP_ID);
    assert_eq!(driver.ask(connection, 5, &leave_group::Request::default()).error_code, ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn a_group_that_nobody_knows() {
    let driver = &mut Driver::default();
    let client = Client { id: "somebody".to_owned(), generation: 1, ..Client::new(driver) };
    assert_eq!(client.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(client.leave(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    client.send_sync(driver, &[]);
    assert_eq!(client.synced(driver), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(listed(driver), Vec::<String>::new());

    let request = describe_groups::Request { groups: vec![GROUP.to_owned()], include_authorized_operations: true };
    for version in 3..=6 {
        let group = driver.ask(client.connection, version, &request).groups.remove(0);
        assert_eq!((group.group_state.as_str(), group.group_id.as_str()), ("Dead", GROUP));
        let (error_code, message) = match version {
            6 => (ErrorCode::GROUP_ID_NOT_FOUND, Some("Group group not found.")),
            _ => (ErrorCode::NONE, None),
        };
        assert_eq!((group.error_code, group.error_message.as_deref()), (error_code, message));
    }
}

#[test]
fn a_connection_that_dies_takes_no_member_along() {
    let driver = &mut Driver::default();
    let [mut first, second] = stable_group(driver);
    first.send_join(driver);
    driver.disconnect(first.connection);
    assert_eq!(second.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);

    // The client comes back over another connection, and goes on as the same member.
    first.connection = driver.connect();
    first.send_join(driver);
    let mut second = second;
    second.send_join(driver);
    assert_eq!(first.joined(driver).members.len(), 2);
    assert_eq!(second.joined(driver).generation_id, 2);

    // One that does not come back is removed when the session that began with the generation ends.
    driver.disconnect(second.connection);
    first.send_sync(driver, &[]);
    first.synced(driver).expect("an assignment");
    driver.advance_ms(SESSION_MS - 1);
    assert_eq!(first.heartbeat(driver), ErrorCode::NONE);
    driver.advance_ms(1);
    assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_new_member_that_has_gone_does_not_wait_for_ever() {
    let driver = &mut Driver::default();
    let mut first = Client::with_id(driver);
    let patient = join_group::Request { rebalance_timeout_ms: 1_000_000, ..first.join() };
    driver.send(first.connection, 9, &patient);
    first.joined(driver);

    let gone = Client::with_id(driver);
    gone.send_join(driver);
    driver.disconnect(gone.connection);
    for _ in 0..59 {
        driver.advance_ms(5_000);
        assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(state(driver).1.len(), 2);
    }
    driver.advance_ms(5_000);
    assert_eq!(state(driver).1, [first.id.clone()]);
    first.send_join(driver);
    assert_eq!(first.joined(driver).members.len(), 1);
}

#[test]
fn a_member_that_asks_twice_is_answered_twice() {
    let driver = &mut Driver::default();
    let [mut first, mut second] = stable_group(driver);
    first.send_join(driver);
    let mut again = Client { connection: driver.connect(), ..first.clone() };
    again.send_join(driver);
    assert_eq!(first.joined(driver).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    second.send_join(driver);
    assert_eq!(again.joined(driver).generation_id, 2);
    second.joined(driver);

    second.send_sync(driver, &[]);
    let again = Client { connection: driver.connect(), ..second.clone() };
    again.send_sync(driver, &[]);
    assert_eq!(second.synced(driver), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    // Somebody who has left does not wait for an assignment.
    assert_eq!(second.leave(driver), ErrorCode::NONE);
    assert_eq!(again.synced(driver), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn groups_are_listed_in_order_and_filtered() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let connection = driver.connect();
    for group in ["zebra", "aardvark", "mole"] {
        let request = offset_commit::Request { group_id: group.to_owned(), ..commit_of("topic", &[(0, 1)]) };
        driver.ask(connection, 9, &request);
    }
    let [_member] = stable_group(driver);
    let mut check = |states: &[&str], types: &[&str], expect: &[&str]| {
        let owned = |filter: &[&str]| filter.iter().map(|&value| value.to_owned()).collect();
        let request = list_groups::Request { states_filter: owned(states), types_filter: owned(types) };
        let response = driver.ask(connection, 5, &request);
        let ids: Vec<_> = response.groups.iter().map(|group| group.group_id.as_str()).collect();
        assert_eq!(ids, expect, "{states:?} {types:?}");
        response.groups
    };
    let all = check(&[], &[], &["aardvark", GROUP, "mole", "zebra"]);
    assert_eq!((all[0].protocol_type.as_str(), all[0].group_state.as_str()), ("", "Empty"));
    assert_eq!((all[1].protocol_type.as_str(), all[1].group_state.as_str()), ("consumer", "Stable"));
    assert_eq!(all[1].group_type, "classic");
    check(&["stable"], &[], &[GROUP]);
    check(&["EMPTY", "Dead"], &["Classic"], &["aardvark", "mole", "zebra"]);
    check(&["Stable", "Empty"], &["consumer"], &[]);
    check(&["nonsense"], &[], &[]);
    check(&[" stable "], &[], &[GROUP]);
    check(&[], &[" classic "], &[]);
}

#[test]
fn what_may_be_done_with_a_group() {
    let driver = &mut Driver::default();
    let [client] = stable_group(driver);
    let request = describe_groups::Request {
        groups: vec!["other".to_owned(), GROUP.to_owned()],
        include_authorized_operations: true,
    };
    let groups = driver.ask(client.connection, 6, &request).groups;
    assert_eq!((groups[0].error_code, groups[0].authorized_operations), (ErrorCode::GROUP_ID_NOT_FOUND, i32::MIN));
    assert_eq!((groups[1].error_code, groups[1].authorized_operations), (ErrorCode::NONE, 0b1101_0100_1000));
}

#[test]
fn every_version_is_answered() {
    let driver = &mut Driver::default();
    create_topic(driver, "topic", 1);
    let client = Client::new(driver);
    let versions = |key| {
        let api = api::find(key).expect("an API of the table");
        api.min_version..=api.max_version
    };
    for version in versions(11) {
        let request = join_group::Request { group_id: format!("group-{version}"), ..client.join() };
        driver.ask(client.connection, version, &request);
    }
    for version in versions(12) {
        driver.ask(client.connection, version, &heartbeat::Request::default());
    }
    for version in versions(13) {
        driver.ask(client.connection, version, &leave_group::Request::default());
    }
    for version in versions(14) {
        driver.ask(client.connection, version, &sync_group::Request::default());
    }
    for version in versions(15) {
        driver.ask(client.connection, version, &describe_groups::Request::default());
    }
    for version in versions(16) {
        driver.ask(client.connection, version, &list_groups::Request::default());
    }
}
