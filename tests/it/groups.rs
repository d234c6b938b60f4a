//! Consumer groups: the whole classic protocol, driven through real frames with a clock of the test's own.

mod commits;
mod membership;
mod rebalances;
mod simulation;
mod statics;

use bytes::Bytes;
use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{
    create_topics, describe_groups, heartbeat, join_group, leave_group, list_groups, offset_commit, offset_fetch,
    sync_group,
};

use crate::driver::{Connection, Driver};

const GROUP: &str = "group";
const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 60_000;

/// One client with its connection, and what it knows of its group.
#[derive(Debug, Clone)]
struct Client {
    connection: Connection,
    id: String,
    instance_id: Option<String>,
    generation: i32,
    /// The protocols that it joins with, the preferred one first.
    protocols: Vec<(&'static str, Bytes)>,
}

impl Client {
    fn new(driver: &mut Driver) -> Self {
        let protocols = vec![("range", subscription(&["topic"]))];
        Self { connection: driver.connect(), id: String::new(), instance_id: None, generation: -1, protocols }
    }

    fn new_static(driver: &mut Driver, instance_id: &str) -> Self {
        Self { instance_id: Some(instance_id.to_owned()), ..Self::new(driver) }
    }

    /// A new client that has been told its id.
    fn with_id(driver: &mut Driver) -> Self {
        let mut client = Self::new(driver);
        let response = driver.ask(client.connection, 9, &client.join());
        assert_eq!(response.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        client.id = response.member_id;
        client
    }

    fn join(&self) -> join_group::Request {
        let protocol = |(name, metadata): &(&str, Bytes)| join_group::JoinGroupRequestProtocol {
            name: (*name).to_owned(),
            metadata: metadata.clone(),
        };
        join_group::Request {
            group_id: GROUP.to_owned(),
            session_timeout_ms: SESSION_MS as i32,
            rebalance_timeout_ms: REBALANCE_MS as i32,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: self.protocols.iter().map(protocol).collect(),
            ..join_group::Request::default()
        }
    }

    /// Sends a JoinGroup, whose answer may take its time.
    fn send_join(&self, driver: &mut Driver) {
        driver.send(self.connection, 9, &self.join());
    }

    /// The answer to JoinGroup that has come; a good one is remembered.
    fn joined(&mut self, driver: &mut Driver) -> join_group::Response {
        let response = driver.answer::<join_group::Request>(self.connection).expect("an answer to JoinGroup");
        if !response.error_code.is_error() {
            self.id = response.member_id.clone();
            self.generation = response.generation_id;
        }
        response
    }

    fn sync(&self, assignments: &[(&Client, &'static str)]) -> sync_group::Request {
        let part = |(client, assignment): &(&Client, &'static str)| sync_group::SyncGroupRequestAssignment {
            member_id: client.id.clone(),
            assignment: Bytes::from_static(assignment.as_bytes()),
        };
        sync_group::Request {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            assignments: assignments.iter().map(part).collect(),
        }
    }

    fn send_sync(&self, driver: &mut Driver, assignments: &[(&Client, &'static str)]) {
        driver.send(self.connection, 5, &self.sync(assignments));
    }

    /// The assignment that has come.
    fn synced(&self, driver: &mut Driver) -> Result<Bytes, ErrorCode> {
        let response = driver.answer::<sync_group::Request>(self.connection).expect("an answer to SyncGroup");
        if response.error_code.is_error() { Err(response.error_code) } else { Ok(response.assignment) }
    }

    fn heartbeat(&self, driver: &mut Driver) -> ErrorCode {
        let request = heartbeat::Request {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
        };
        driver.ask(self.connection, 4, &request).error_code
    }

    fn leave(&self, driver: &mut Driver) -> ErrorCode {
        let response = leave(driver, self.connection, &[(&self.id, self.instance_id.as_deref())]);
        assert_eq!(response.error_code, ErrorCode::NONE);
        response.members[0].error_code
    }

    fn commit(&self, driver: &mut Driver, topic: &str, offset: i64) -> ErrorCode {
        let request = offset_commit::Request {
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            ..commit_of(topic, &[(0, offset)])
        };
        driver.ask(self.connection, 9, &request).topics[0].partitions[0].error_code
    }
}

/// A consumer's metadata.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 1];
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        bytes.extend((topic.len() as i16).to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.extend((-1i32).to_be_bytes());
    bytes.extend(0i32.to_be_bytes());
    bytes.into()
}

fn leave(driver: &mut Driver, connection: Connection, members: &[(&str, Option<&str>)]) -> leave_group::Response {
    let identity = |(id, instance_id): &(&str, Option<&str>)| leave_group::MemberIdentity {
        member_id: (*id).to_owned(),
        group_instance_id: instance_id.map(str::to_owned),
        reason: None,
    };
    let members = members.iter().map(identity).collect();
    driver.ask(connection, 5, &leave_group::Request { group_id: GROUP.to_owned(), members, ..Default::default() })
}

/// A commit of somebody who is no member.
fn commit_of(topic: &str, partitions: &[(i32, i64)]) -> offset_commit::Request {
    let partition = |(partition_index, committed_offset): &(i32, i64)| offset_commit::OffsetCommitRequestPartition {
        partition_index: *partition_index,
        committed_offset: *committed_offset,
        ..Default::default()
    };
    let partitions = partitions.iter().map(partition).collect();
    let topic = offset_commit::OffsetCommitRequestTopic { name: topic.to_owned(), partitions, ..Default::default() };
    offset_commit::Request { group_id: GROUP.to_owned(), topics: vec![topic], ..Default::default() }
}

/// What the group has committed: topic, partition, offset.
fn committed(driver: &mut Driver) -> Vec<(String, i32, i64)> {
    let connection = driver.connect();
    let group =
        offset_fetch::OffsetFetchRequestGroup { group_id: GROUP.to_owned(), topics: None, ..Default::default() };
    let response = driver.ask(connection, 9, &offset_fetch::Request { groups: vec![group], ..Default::default() });
    let mut all = Vec::new();
    for topic in &response.groups[0].topics {
        for partition in &topic.partitions {
            all.push((topic.name.clone(), partition.partition_index, partition.committed_offset));
        }
    }
    all
}

fn create_topic(driver: &mut Driver, name: &str, partitions: i32) {
    let connection = driver.connect();
    let topic = create_topics::CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let response = driver.ask(connection, 7, &create_topics::Request { topics: vec![topic], ..Default::default() });
    assert_eq!(response.topics[0].error_code, ErrorCode::NONE);
}

fn describe(driver: &mut Driver) -> describe_groups::DescribedGroup {
    let connection = driver.connect();
    let request = describe_groups::Request { groups: vec![GROUP.to_owned()], ..Default::default() };
    let mut response = driver.ask(connection, 5, &request);
    response.groups.remove(0)
}

/// The group's state, and the ids of its members in the order in which the broker shows them.
fn state(driver: &mut Driver) -> (String, Vec<String>) {
    let group = describe(driver);
    (group.group_state, group.members.into_iter().map(|member| member.member_id).collect())
}

fn listed(driver: &mut Driver) -> Vec<String> {
    let connection = driver.connect();
    let response = driver.ask(connection, 5, &list_groups::Request::default());
    response.groups.into_iter().map(|group| group.group_id).collect()
}

/// A stable group of that many clients; the first one leads, and the n-th has the assignment `n`.
fn stable_group<const N: usize>(driver: &mut Driver) -> [Client; N] {
    let mut clients = std::array::from_fn(|_| Client::with_id(driver));
    join_all(driver, &mut clients.each_mut());
    clients
}

/// Takes clients through a whole rebalance; the first one must become the leader, and the n-th gets the assignment `n`.
fn join_all(driver: &mut Driver, clients: &mut [&mut Client]) {
    clients.iter().for_each(|client| driver.submit(client.connection, 9, &client.join()));
    driver.end_turn();
    for client in clients.iter_mut() {
        assert_eq!(client.joined(driver).error_code, ErrorCode::NONE);
    }
    let names = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let assignments: Vec<(&Client, &str)> = clients.iter().map(|client| &**client).zip(names).collect();
    for client in clients.iter().skip(1) {
        client.send_sync(driver, &[]);
    }
    clients[0].send_sync(driver, &assignments);
    for (client, name) in &assignments {
        assert_eq!(client.synced(driver), Ok(Bytes::from_static(name.as_bytes())));
    }
}
