//! Static members (KIP-345): clients that come back under a name of their own.

use super::*;

/// A stable group whose first member, the leader, is `leader` and whose second one is `follower`; both are static.
fn static_group(driver: &mut Driver) -> [Client; 2] {
    let mut leader = Client::new_static(driver, "leader");
    leader.send_join(driver);
    assert_eq!(leader.joined(driver).error_code, ErrorCode::NONE, "a static member needs no id to come with");
    let mut follower = Client::new_static(driver, "follower");
    follower.send_join(driver);
    join_again(driver, &mut leader, &mut follower);
    assert!(leader.id.starts_with("leader-") && follower.id.starts_with("follower-"));
    [leader, follower]
}

/// The leader joins, and with the follower, which waits already, the generation begins.
fn join_again(driver: &mut Driver, leader: &mut Client, follower: &mut Client) {
    leader.send_join(driver);
    assert_eq!(leader.joined(driver).members.len(), 2);
    follower.joined(driver);
    follower.send_sync(driver, &[]);
    leader.send_sync(driver, &[(leader, "0"), (follower, "1")]);
    assert_eq!((leader.synced(driver), follower.synced(driver)), (Ok("0".into()), Ok("1".into())));
}

#[test]
fn a_follower_comes_back_to_what_it_had() {
    let driver = &mut Driver::default();
    let [leader, former] = static_group(driver);
    let mut follower = Client::new_static(driver, "follower");
    follower.send_join(driver);
    let joined = follower.joined(driver);
    assert_eq!((joined.generation_id, &joined.leader), (2, &leader.id));
    assert_eq!((joined.skip_assignment, joined.members.len()), (false, 0));
    assert_ne!(follower.id, former.id);
    follower.send_sync(driver, &[]);
    assert_eq!(follower.synced(driver), Ok("1".into()));
    assert_eq!(leader.heartbeat(driver), ErrorCode::NONE, "nobody else notices");
    assert_eq!(state(driver), ("Stable".to_owned(), vec![leader.id.clone(), follower.id.clone()]));

    // The one before is fenced wherever it shows up.
    let fenced = ErrorCode::FENCED_INSTANCE_ID;
    create_topic(driver, "topic", 1);
    assert_eq!(former.heartbeat(driver), fenced);
    assert_eq!(former.leave(driver), fenced);
    assert_eq!(former.commit(driver, "topic", 1), fenced);
    former.send_sync(driver, &[]);
    assert_eq!(former.synced(driver), Err(fenced));
    former.send_join(driver);
    let refused = former.clone().joined(driver);
    assert_eq!((refused.error_code, &refused.member_id), (fenced, &former.id));
    let nameless = Client { instance_id: None, ..former };
    assert_eq!(nameless.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(follower.heartbeat(driver), ErrorCode::NONE);
}

#[test]
fn a_leader_comes_back_and_need_not_assign() {
    let driver = &mut Driver::default();
    let [_, follower] = static_group(driver);
    let mut leader = Client::new_static(driver, "leader");
    leader.send_join(driver);
    let joined = leader.joined(driver);
    assert_eq!((joined.generation_id, &joined.leader), (2, &leader.id));
    assert!(joined.skip_assignment);
    let listed: Vec<_> = joined.members.iter().map(|member| &member.member_id).collect();
    assert_eq!(listed, [&leader.id, &follower.id]);
    assert_eq!(joined.members[1].group_instance_id.as_deref(), Some("follower"));
    leader.send_sync(driver, &[]);
    assert_eq!(leader.synced(driver), Ok("0".into()));
    assert_eq!(follower.heartbeat(driver), ErrorCode::NONE);
}

#[test]
fn before_v9_a_leader_comes_back_as_a_follower() {
    let driver = &mut Driver::default();
    let [former, follower] = static_group(driver);
    let mut leader = Client::new_static(driver, "leader");
    driver.send(leader.connection, 8, &leader.join());
    let joined = leader.joined(driver);
    assert_eq!((joined.generation_id, &joined.leader, joined.members.len()), (2, &former.id, 0));
    leader.send_sync(driver, &[]);
    assert_eq!(leader.synced(driver), Ok("0".into()));
    assert_eq!(follower.heartbeat(driver), ErrorCode::NONE);

    // It leads all the same: when it asks again, there is a rebalance.
    leader.send_join(driver);
    assert!(driver.is_waiting(leader.connection));
    let mut follower = follower;
    follower.send_join(driver);
    assert_eq!(leader.joined(driver).leader, leader.id);
    follower.joined(driver);
}

#[test]
fn another_protocol_needs_a_rebalance() {
    let driver = &mut Driver::default();
    let mut client = Client::new_static(driver, "alone");
    client.protocols.push(("sticky", Bytes::new()));
    client.send_join(driver);
    client.joined(driver);
    client.send_sync(driver, &[(&client, "0")]);
    assert_eq!(client.synced(driver), Ok("0".into()));

    let mut again = Client::new_static(driver, "alone");
    again.protocols = vec![("sticky", Bytes::new())];
    again.send_join(driver);
    let joined = again.joined(driver);
    assert_eq!((joined.generation_id, joined.protocol_name.as_deref()), (2, Some("sticky")));
    assert_eq!((&joined.leader, joined.skip_assignment), (&again.id, false));
}

#[test]
fn a_member_that_waits_is_fenced_by_its_successor() {
    let driver = &mut Driver::default();
    let [mut leader, follower] = static_group(driver);
    leader.send_join(driver);
    assert!(driver.is_waiting(leader.connection));
    let mut successor = Client::new_static(driver, "leader");
    successor.send_join(driver);
    assert!(driver.is_waiting(successor.connection));
    let fenced = leader.joined(driver);
    assert_eq!((fenced.error_code, &fenced.member_id), (ErrorCode::FENCED_INSTANCE_ID, &leader.id));
    let mut follower = follower;
    follower.send_join(driver);
    assert_eq!(successor.joined(driver).leader, successor.id);
    follower.joined(driver);

    // While the assignment is being computed, a successor needs a rebalance, because the leader knows the former id.
    follower.send_sync(driver, &[]);
    let second_follower = Client::new_static(driver, "follower");
    second_follower.send_join(driver);
    assert_eq!(follower.synced(driver), Err(ErrorCode::FENCED_INSTANCE_ID));
    assert!(driver.is_waiting(second_follower.connection));
    assert_eq!(successor.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn an_absent_static_member_keeps_its_place_until_its_session_ends() {
    let driver = &mut Driver::default();
    let mut stays = Client::new_static(driver, "stays");
    stays.send_join(driver);
    stays.joined(driver);
    let mut away = Client::new_static(driver, "away");
    driver.send(away.connection, 9, &join_group::Request { session_timeout_ms: 120_000, ..away.join() });
    join_again(driver, &mut stays, &mut away);

    // The other one does not join in time. It is not removed, but it does not hold the generation up any longer.
    stays.send_join(driver);
    driver.advance_ms(REBALANCE_MS);
    let joined = stays.joined(driver);
    assert_eq!((joined.generation_id, joined.members.len()), (3, 2));
    assert_eq!(joined.members[1].group_instance_id.as_deref(), Some("away"));
    stays.send_sync(driver, &[]);
    stays.synced(driver).expect("an assignment");

    // Nor does it ask for its assignment.
    for _ in 0..REBALANCE_MS / 5_000 {
        assert_eq!(stays.heartbeat(driver), ErrorCode::NONE);
        driver.advance_ms(5_000);
    }
    assert_eq!(stays.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(state(driver).1, [stays.id.clone()]);
}

#[test]
fn an_absent_leader_gives_way_to_somebody_who_is_there() {
    let driver = &mut Driver::default();
    let mut leader = Client::new_static(driver, "leader");
    driver.send(leader.connection, 9, &join_group::Request { session_timeout_ms: 120_000, ..leader.join() });
    leader.joined(driver);
    let mut follower = Client::new_static(driver, "follower");
    follower.send_join(driver);
    driver.advance_ms(REBALANCE_MS);
    let joined = follower.joined(driver);
    assert_eq!((&joined.leader, joined.members.len()), (&follower.id, 2));
}

#[test]
fn a_group_waits_for_static_members_of_which_nobody_joins() {
    let driver = &mut Driver::default();
    let mut absent = Client::new_static(driver, "absent");
    let hasty = join_group::Request { session_timeout_ms: 120_000, rebalance_timeout_ms: 1, ..absent.join() };
    driver.send(absent.connection, 9, &hasty);
    absent.joined(driver);
    absent.send_sync(driver, &[]);
    absent.synced(driver).expect("an assignment");

    let other = Client::with_id(driver);
    driver.send(other.connection, 9, &join_group::Request { rebalance_timeout_ms: 1, ..other.join() });
    let connection = driver.connect();
    leave(driver, connection, &[(&other.id, None)]);
    assert_eq!(other.clone().joined(driver).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    driver.advance_ms(119_999);
    assert_eq!(state(driver), ("PreparingRebalance".to_owned(), vec![absent.id.clone()]));
    driver.advance_ms(1);
    assert_eq!(state(driver), ("Empty".to_owned(), vec![]));
}

#[test]
fn an_administrator_removes_a_static_member_by_name() {
    let driver = &mut Driver::default();
    let [leader, follower] = static_group(driver);
    let connection = driver.connect();
    let response = leave(driver, connection, &[("", Some("follower")), ("", Some("nobody"))]);
    let results: Vec<_> = response.members.iter().map(|member| member.error_code).collect();
    assert_eq!(results, [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID]);
    let named = (&response.members[0].member_id[..], response.members[0].group_instance_id.as_deref());
    assert_eq!(named, ("", Some("follower")));
    assert_eq!(follower.heartbeat(driver), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(leader.heartbeat(driver), ErrorCode::REBALANCE_IN_PROGRESS);
}
