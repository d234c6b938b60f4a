//! Members come, go and fail, and generations begin.

use super::*;

#[test]
fn the_first_member_becomes_the_leader() {
    let driver = &mut Driver::default();
    let mut client = Client::with_id(driver);
    assert!(client.id.starts_with("test-"), "{}", client.id);
    assert_eq!(state(driver), ("Empty".to_owned(), vec![]));

    client.send_join(driver);
    let joined = client.joined(driver);
    assert_eq!(joined.error_code, ErrorCode::NONE);
    assert_eq!((joined.generation_id, &joined.leader, &joined.member_id), (1, &client.id, &client.id));
    assert_eq!((joined.protocol_type.as_deref(), joined.protocol_name.as_deref()), (Some("consumer"), Some("range")));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].member_id, client.id);
    assert_eq!(joined.members[0].metadata, subscription(&["topic"]));
    assert!(!joined.skip_assignment);
    assert_eq!(state(driver).0, "CompletingRebalance");
    assert_eq!(client.heartbeat(driver), ErrorCode::NONE);

    client.send_sync(driver, &[(&client, "all")]);
    assert_eq!(client.synced(driver), Ok(Bytes::from_static(b"all")));
    assert_eq!(client.heartbeat(driver), ErrorCode::NONE);

    let group = describe(driver);
    assert_eq!((group.group_state.as_str(), group.protocol_data.as_str()), ("Stable", "range"));
    assert_eq!(group.protocol_type, "consumer");
    assert_eq!(group.authorized_operations, i32::MIN);
    let member = &group.members[0];
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("test", "/127.0.0.1"));
    assert_eq!(
        (&member.member_metadata[..], &member.member_assignment[..]),
        (&subscription(&["topic"])[..], &b"all"[..])
    );
}

#[test]
fn before_v4_a_new_member_joins_at_once() {
    let driver = &mut Driver::default();
    let client = Client::new(driver);
    for version in 0..4 {
        let request = join_group::Request { group_id: format!("group-{version}"), ..client.join() };
        let response = driver.ask(client.connection, version, &request);
        assert_eq!((response.error_code, response.generation_id), (ErrorCode::NONE, 1));
        assert_eq!(response.protocol_name.as_deref(), Some("range"));
    }
}

#[test]
fn a_second_member_makes_the_first_one_join_again() {
    let driver = &mut Driver::default();
    let [mut first] = stable_group(driver);
    let mut second = Client::with_id(driver);
    assert_eq!(first.heartbeat(driver), ErrorCode::NONE, "an id alone is no member");

    second.send_join(driver);
    assert!(driver.is_waiting(second.connection));
    assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(state(driver).0, "PreparingRebalance");

    first.send_join(driver);
    let (joined_first, joined_second) = (first.joined(driver), second.joined(driver));
    assert_eq!((joined_first.generation_id, joined_second.generation_id), (2, 2));
    assert_eq!((&joined_first.leader, &joined_second.leader), (&first.id, &first.id));
    let listed: Vec<_> = joined_first.members.iter().map(|member| &member.member_id).collect();
    assert_eq!(listed, [&first.id, &second.id]);
    assert_eq!(joined_second.members, []);

    second.send_sync(driver, &[]);
    assert!(driver.is_waiting(second.connection));
    first.send_sync(driver, &[(&second, "two"), (&first, "one")]);
    assert_eq!(first.synced(driver), Ok("one".into()));
    assert_eq!(second.synced(driver), Ok("two".into()));
    assert_eq!(state(driver), ("Stable".to_owned(), vec![first.id.clone(), second.id.clone()]));
}

#[test]
fn members_that_come_in_one_turn_share_a_generation() {
    let driver = &mut Driver::default();
    let mut clients: [Client; 3] = std::array::from_fn(|_| Client::with_id(driver));
    join_all(driver, &mut clients.each_mut());
    assert!(clients.iter().all(|client| client.generation == 1));
}

#[test]
fn who_leaves_is_gone_at_once() {
    let driver = &mut Driver::default();
    let [mut first, second, mut third] = stable_group(driver);
    assert_eq!(second.leave(driver), ErrorCode::NONE);
    assert_eq!(second.leave(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(second.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    join_all(driver, &mut [&mut first, &mut third]);
    assert_eq!(first.generation, 2);

    // The leader leaves: the one who has been there for longest takes over.
    assert_eq!(first.leave(driver), ErrorCode::NONE);
    third.send_join(driver);
    assert_eq!(third.joined(driver).leader, third.id);

    assert_eq!(third.leave(driver), ErrorCode::NONE);
    assert_eq!(state(driver), ("Empty".to_owned(), vec![]));
    assert_eq!(third.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);

    // The generation goes on where it was.
    let mut fourth = Client::with_id(driver);
    fourth.send_join(driver);
    assert_eq!(fourth.joined(driver).generation_id, 5);
}

#[test]
fn several_leave_with_one_request() {
    let driver = &mut Driver::default();
    let [first, second, third] = stable_group(driver);
    let pending = Client::with_id(driver);
    let connection = driver.connect();
    let members =
        [(&*first.id, None), ("nobody", None), (&*pending.id, None), (&*second.id, Some("no-instance")), ("", None)];
    let response = leave(driver, connection, &members);
    let results: Vec<_> = response.members.iter().map(|member| member.error_code).collect();
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(results, [ErrorCode::NONE, unknown, ErrorCode::NONE, unknown, unknown]);
    assert_eq!(response.members[0].member_id, first.id);
    assert_eq!(state(driver), ("PreparingRebalance".to_owned(), vec![second.id, third.id]));
}

#[test]
fn leaving_before_v3_has_one_result() {
    let driver = &mut Driver::default();
    let [client] = stable_group(driver);
    let request = |member_id: &str| leave_group::Request {
        group_id: GROUP.to_owned(),
        member_id: member_id.to_owned(),
        ..Default::default()
    };
    for version in 0..3 {
        let response = driver.ask(client.connection, version, &request("nobody"));
        assert_eq!(response.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    }
    assert_eq!(driver.ask(client.connection, 2, &request(&client.id)).error_code, ErrorCode::NONE);
    assert_eq!(state(driver).0, "Empty");
}

#[test]
fn a_silent_member_is_removed_when_its_session_ends() {
    let driver = &mut Driver::default();
    let [mut first, second] = stable_group(driver);
    for _ in 0..3 {
        driver.advance_ms(SESSION_MS / 2);
        assert_eq!(second.heartbeat(driver), ErrorCode::NONE);
        assert_eq!(first.heartbeat(driver), ErrorCode::NONE);
    }
    driver.advance_ms(SESSION_MS - 1);
    assert_eq!(first.heartbeat(driver), ErrorCode::NONE);
    driver.advance_ms(1);
    assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(second.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    join_all(driver, &mut [&mut first]);
    assert_eq!(first.generation, 2);

    driver.advance_ms(SESSION_MS);
    assert_eq!(state(driver), ("Empty".to_owned(), vec![]));
}

#[test]
fn who_does_not_join_again_in_time_is_removed() {
    let driver = &mut Driver::default();
    let [mut first, second] = stable_group(driver);
    first.send_join(driver);
    // The other one is alive, but is busy with its records.
    for _ in 0..REBALANCE_MS / 5000 {
        assert!(driver.is_waiting(first.connection));
        assert_eq!(second.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
        driver.advance_ms(5000);
    }
    let joined = first.joined(driver);
    assert_eq!((joined.generation_id, joined.members.len()), (2, 1));
    assert_eq!(second.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn the_longest_rebalance_timeout_counts() {
    let driver = &mut Driver::default();
    let [first, mut second] = stable_group(driver);
    let patient = join_group::Request { rebalance_timeout_ms: 90_000, ..second.join() };
    driver.send(second.connection, 9, &patient);
    // Nothing new from a follower: it stays in its generation, and its timeout as it was.
    assert_eq!(second.joined(driver).generation_id, 1);
    second.protocols[0].1 = subscription(&["other"]);
    let patient = join_group::Request { rebalance_timeout_ms: 90_000, ..second.join() };
    driver.send(second.connection, 9, &patient);
    for _ in 0..17 {
        driver.advance_ms(5_000);
        assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    }
    assert!(driver.is_waiting(second.connection));
    driver.advance_ms(5_000);
    assert_eq!(second.joined(driver).leader, second.id);
}

#[test]
fn in_v0_the_session_timeout_is_the_rebalance_timeout() {
    let driver = &mut Driver::default();
    let mut clients: [Client; 2] = std::array::from_fn(|_| Client::new(driver));
    driver.send(clients[0].connection, 0, &clients[0].join());
    clients[0].joined(driver);
    driver.send(clients[1].connection, 0, &clients[1].join());
    driver.advance_ms(SESSION_MS / 2);
    assert_eq!(clients[0].heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    driver.advance_ms(SESSION_MS / 2);
    assert_eq!(clients[1].joined(driver).generation_id, 2);
    assert_eq!(clients[0].heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_does_not_ask_for_its_assignment_in_time_is_removed() {
    let driver = &mut Driver::default();
    let [mut first, mut second] = stable_group(driver);
    first.send_join(driver);
    second.send_join(driver);
    first.joined(driver);
    second.joined(driver);
    first.send_sync(driver, &[]);
    assert_eq!(first.synced(driver), Ok(Bytes::new()), "a member that the leader forgets has an empty assignment");
    for _ in 0..REBALANCE_MS / 5000 {
        assert_eq!(first.heartbeat(driver), ErrorCode::NONE);
        assert_eq!(second.heartbeat(driver), ErrorCode::NONE);
        driver.advance_ms(5000);
    }
    assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(second.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leader_that_brings_no_assignment_is_replaced() {
    let driver = &mut Driver::default();
    let [mut first, mut second] = stable_group(driver);
    first.send_join(driver);
    second.send_join(driver);
    first.joined(driver);
    second.joined(driver);
    second.send_sync(driver, &[]);
    driver.advance_ms(SESSION_MS - 1);
    assert!(driver.is_waiting(second.connection));
    driver.advance_ms(1);
    assert_eq!(second.synced(driver), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    join_all(driver, &mut [&mut second]);
    assert_eq!(second.generation, 3);
}

#[test]
fn a_rebalance_interrupts_the_assignment() {
    let driver = &mut Driver::default();
    let [mut first, mut second] = stable_group(driver);
    let third = Client::with_id(driver);
    first.send_join(driver);
    second.send_join(driver);
    assert!(driver.is_waiting(first.connection), "an id that was given out is waited for");
    third.leave(driver);
    first.joined(driver);
    second.joined(driver);
    second.send_sync(driver, &[]);

    let mut third = Client::with_id(driver);
    third.send_join(driver);
    assert_eq!(second.synced(driver), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    first.send_sync(driver, &[(&first, "late")]);
    assert_eq!(first.synced(driver), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    first.send_join(driver);
    second.send_join(driver);
    assert_eq!(first.joined(driver).members.len(), 3);
    assert_eq!(third.joined(driver).generation_id, 3);
}

#[test]
fn the_leader_can_call_for_a_rebalance_and_a_follower_needs_a_reason() {
    let driver = &mut Driver::default();
    let [mut first, mut second] = stable_group(driver);

    second.send_join(driver);
    let again = second.joined(driver);
    assert_eq!((again.generation_id, again.members.len()), (1, 0));
    second.send_sync(driver, &[]);
    assert_eq!(second.synced(driver), Ok("1".into()));
    assert_eq!(first.heartbeat(driver), ErrorCode::NONE);

    first.send_join(driver);
    assert!(driver.is_waiting(first.connection));
    second.send_join(driver);
    assert_eq!((first.joined(driver).generation_id, second.joined(driver).generation_id), (2, 2));

    // The answer got lost: the leader joins again and sees the same generation.
    first.send_join(driver);
    let again = first.joined(driver);
    assert_eq!((again.generation_id, again.members.len()), (2, 2));

    second.protocols = vec![("range", subscription(&["topic", "another"]))];
    second.send_join(driver);
    assert!(driver.is_waiting(second.connection));
    assert_eq!(first.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn the_protocol_that_most_members_prefer_is_chosen() {
    let check = |preferences: &[&[&'static str]], expect: &str| {
        let driver = &mut Driver::default();
        let mut clients: Vec<_> = preferences
            .iter()
            .map(|names| {
                let mut client = Client::with_id(driver);
                client.protocols = names.iter().map(|name| (*name, Bytes::from_static(name.as_bytes()))).collect();
                client
            })
            .collect();
        clients.iter().for_each(|client| driver.submit(client.connection, 9, &client.join()));
        driver.end_turn();
        let joined = clients[0].joined(driver);
        assert_eq!(joined.protocol_name.as_deref(), Some(expect), "{preferences:?}");
        assert!(joined.members.iter().all(|member| member.metadata == expect.as_bytes()));
    };
    check(&[&["a"]], "a");
    check(&[&["a", "b"], &["b", "a"], &["b", "a"]], "b");
    check(&[&["a", "b"], &["c", "b"], &["a", "c", "b"]], "b");
    check(&[&["a", "b"], &["b", "a"]], "a");
}

#[test]
fn an_empty_group_gathers_its_members_for_a_while() {
    let driver = &mut Driver::with(&[("group.initial.rebalance.delay.ms", "3000")]);
    let mut first = Client::with_id(driver);
    first.send_join(driver);
    driver.advance_ms(2900);
    assert!(driver.is_waiting(first.connection));

    // Somebody came: the group waits once more.
    let mut second = Client::with_id(driver);
    second.send_join(driver);
    driver.advance_ms(3000);
    assert!(driver.is_waiting(first.connection) && driver.is_waiting(second.connection));
    driver.advance_ms(100);
    assert_eq!(first.joined(driver).members.len(), 2);
    assert_eq!(second.joined(driver).generation_id, 1);

    // Later rebalances begin as soon as everybody is there.
    first.send_join(driver);
    second.send_join(driver);
    assert_eq!(first.joined(driver).generation_id, 1, "the generation has not changed");
    second.joined(driver);
}

#[test]
fn gathering_ends_with_the_rebalance_timeout() {
    let driver = &mut Driver::with(&[("group.initial.rebalance.delay.ms", "3000")]);
    let mut clients = Vec::new();
    for _ in 0..4 {
        let client = Client::with_id(driver);
        driver.send(client.connection, 9, &join_group::Request { rebalance_timeout_ms: 7_000, ..client.join() });
        clients.push(client);
        assert!(clients.iter().all(|client| driver.is_waiting(client.connection)), "{} wait", clients.len());
        driver.advance_ms(1_750);
    }
    assert_eq!(clients[0].joined(driver).members.len(), 4);
}
