//! Requests of a group's member that knows what the broker has told it: its id, its generation, and who else is there. No input
//! would guess an id.

use bytes::Bytes;
use kafka_rs::broker::api::{self, Api};
use kafka_rs::wire::messages::{heartbeat, join_group, leave_group, offset_commit, sync_group};
use kafka_rs::wire::{Field, Reader, Writer};

use super::input::Input;
use crate::driver::Exchange;

const GROUP: &str = "g";
const SESSION_TIMEOUT_MS: i32 = 10_000;

/// What a member knows of its group; one that is new knows nothing.
#[derive(Debug, Default)]
pub struct Member {
    id: String,
    generation_id: i32,
    /// All members, if this one leads them.
    others: Vec<String>,
}

/// A request, and what it is one of.
pub struct Request {
    pub key: i16,
    pub version: i16,
    pub body: Bytes,
}

impl Member {
    /// What an answer has told a member, if it is one that does.
    pub fn from_answer(api: &Api, version: i16, body: Bytes) -> Option<Self> {
        let mut reader = Reader::new(body, version, api.is_flexible(version));
        let answer = (api.key == join_group::Request::KEY).then(|| join_group::Response::read(&mut reader))?.ok()?;
        let others = answer.members.into_iter().map(|member| member.member_id).collect();
        Some(Self { id: answer.member_id, generation_id: answer.generation_id, others })
    }

    /// The member's next request, as the input wants it.
    pub fn request(self, input: &mut Input) -> Request {
        let (what, version) = (input.byte() % 5, input.byte());
        let group_id = GROUP.to_owned();
        let group_instance_id = (version & 0x80 != 0).then(|| "i".to_owned());
        let Self { id: member_id, generation_id, others } = self;
        match what {
            0 => make(
                version,
                &join_group::Request {
                    group_id,
                    session_timeout_ms: SESSION_TIMEOUT_MS,
                    rebalance_timeout_ms: SESSION_TIMEOUT_MS,
                    member_id,
                    group_instance_id,
                    protocol_type: "consumer".to_owned(),
                    protocols: protocols(input),
                    reason: None,
                },
            ),
            1 => make(
                version,
                &sync_group::Request {
                    group_id,
                    generation_id,
                    member_id,
                    group_instance_id,
                    protocol_type: None,
                    protocol_name: None,
                    assignments: others.into_iter().map(|member_id| assignment(member_id, input)).collect(),
                },
            ),
            2 => make(version, &heartbeat::Request { group_id, generation_id, member_id, group_instance_id }),
            3 => {
                let topics = vec![commit(input)];
                let generation_id_or_member_epoch = generation_id;
                let retention_time_ms = -1;
                make(
                    version,
                    &offset_commit::Request {
                        group_id,
                        generation_id_or_member_epoch,
                        member_id,
                        group_instance_id,
                        retention_time_ms,
                        topics,
                    },
                )
            }
            _ => {
                let member =
                    leave_group::MemberIdentity { member_id: member_id.clone(), group_instance_id, reason: None };
                make(version, &leave_group::Request { group_id, member_id, members: vec![member] })
            }
        }
    }
}

/// Two strategies, with the input's bytes as what the leader shall know.
fn protocols(input: &mut Input) -> Vec<join_group::JoinGroupRequestProtocol> {
    let protocol = |name: &str| join_group::JoinGroupRequestProtocol {
        name: name.to_owned(),
        metadata: Bytes::copy_from_slice(input.piece()),
    };
    ["range", "sticky"].map(protocol).into()
}

fn assignment(member_id: String, input: &mut Input) -> sync_group::SyncGroupRequestAssignment {
    sync_group::SyncGroupRequestAssignment { member_id, assignment: Bytes::copy_from_slice(input.piece()) }
}

fn commit(input: &mut Input) -> offset_commit::OffsetCommitRequestTopic {
    let note = String::from_utf8_lossy(input.piece()).into_owned();
    let partition = offset_commit::OffsetCommitRequestPartition {
        committed_offset: i64::from(input.byte()),
        committed_metadata: Some(note),
        ..Default::default()
    };
    offset_commit::OffsetCommitRequestTopic { name: "t".to_owned(), partitions: vec![partition], ..Default::default() }
}

/// A request in one of its API's versions.
fn make<Q: Exchange>(choice: u8, request: &Q) -> Request {
    let api = api::find(Q::KEY).expect("an API of the table");
    let version = api.min_version + i16::from(choice & 0x7f) % (api.max_version - api.min_version + 1);
    let mut writer = Writer::new(version, api.is_flexible(version));
    request.write(&mut writer);
    Request { key: api.key, version, body: writer.finish().to_bytes().slice(4..) }
}
