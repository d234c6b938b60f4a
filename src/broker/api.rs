//! The table of APIs: the one place that says what this broker speaks.
//!
//! ApiVersions answers out of it, dispatch looks requests up in it, and the table in PROTOCOL.md is compared with it. To
//! add an API, write its schema in `wire::messages`, a handler beside the state it works on, and a row here.
//!
//! A row that `answers` names a handler which returns the response. A row that `waits` names one which is given the
//! ticket, because it may answer later: Fetch until there is data, JoinGroup and SyncGroup until the other members came.

use super::Broker;
use super::cluster::{api_versions, describe_cluster, find_coordinator};
use super::configs::describe_configs;
use super::dispatch::{Call, read_body};
use super::fetch::{list_offsets, offset_for_leader_epoch};
use super::groups::{
    describe_groups, heartbeat, join_group, leave_group, list_groups, offset_commit, offset_fetch, sync_group,
};
use super::produce::init_producer_id;
use super::topics::{create_topics, delete_topics, metadata};
use super::{fetch, produce};
use crate::wire::{ReadError, Reader};

type Handler = fn(&mut Broker, &Call, &mut Reader) -> Result<(), ReadError>;

/// One API of Kafka's protocol.
#[derive(Debug)]
pub struct Api {
    pub key: i16,
    /// The name in Kafka's protocol guide.
    pub name: &'static str,
    pub min_version: i16,
    pub max_version: i16,
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible_from: i16,
    pub(super) handler: Handler,
}

macro_rules! apis {
    ($( $name:ident = $key:literal, $min:literal ..= $max:literal, flexible $flexible:literal .., $kind:ident $module:ident; )*) => {
        /// Every API, in the order of their keys.
        pub static APIS: &[Api] = &[ $( Api {
            key: $key,
            name: stringify!($name),
            min_version: $min,
            max_version: $max,
            flexible_from: $flexible,
            handler: apis!(@handler $kind $module),
        } ),* ];
    };
    (@handler answers $module:ident) => {
        |broker, call, reader| {
            let request = read_body(reader)?;
            let ticket = call.ticket();
            let response = $module::handle(broker, call, request);
            ticket.answer(&response, &mut broker.outbox);
            Ok(())
        }
    };
    (@handler waits $module:ident) => {
        |broker, call, reader| {
            let request = read_body(reader)?;
            $module::handle(broker, call, request, call.ticket());
            Ok(())
        }
    };
}

apis! {
    Produce              =  0,  0..=13, flexible  9.., waits   produce;
    Fetch                =  1,  4..=18, flexible 12.., waits   fetch;
    ListOffsets          =  2,  1..=11, flexible  6.., answers list_offsets;
    Metadata             =  3,  0..=13, flexible  9.., answers metadata;
    OffsetCommit         =  8,  2..=10, flexible  8.., answers offset_commit;
    OffsetFetch          =  9,  1..=10, flexible  6.., answers offset_fetch;
    FindCoordinator      = 10,  0..=6,  flexible  3.., answers find_coordinator;
    JoinGroup            = 11,  0..=9,  flexible  6.., waits   join_group;
    Heartbeat            = 12,  0..=4,  flexible  4.., answers heartbeat;
    LeaveGroup           = 13,  0..=5,  flexible  4.., answers leave_group;
    SyncGroup            = 14,  0..=5,  flexible  4.., waits   sync_group;
    DescribeGroups       = 15,  0..=6,  flexible  5.., answers describe_groups;
    ListGroups           = 16,  0..=5,  flexible  3.., answers list_groups;
    ApiVersions          = 18,  0..=4,  flexible  3.., answers api_versions;
    CreateTopics         = 19,  2..=7,  flexible  5.., answers create_topics;
    DeleteTopics         = 20,  1..=6,  flexible  4.., answers delete_topics;
    InitProducerId       = 22,  0..=5,  flexible  2.., answers init_producer_id;
    OffsetForLeaderEpoch = 23,  2..=4,  flexible  4.., answers offset_for_leader_epoch;
    DescribeConfigs      = 32,  1..=4,  flexible  4.., answers describe_configs;
    DescribeCluster      = 60,  0..=2,  flexible  0.., answers describe_cluster;
}

/// The row of an API key.
pub fn find(key: i16) -> Option<&'static Api> {
    APIS.binary_search_by_key(&key, |api| api.key).ok().map(|index| &APIS[index])
}

impl Api {
    pub fn supports(&self, version: i16) -> bool {
        (self.min_version..=self.max_version).contains(&version)
    }

    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }

    /// The response to ApiVersions keeps the classic header in every version (KIP-511).
    pub fn response_header_is_flexible(&self, version: i16) -> bool {
        self.is_flexible(version) && self.key != api_versions::KEY
    }

    /// The name as Kafka's enumeration has it, for the log: `LIST_OFFSETS`.
    pub fn upper_case_name(&self) -> String {
        let mut name = String::new();
        for letter in self.name.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_their_keys() {
        assert!(APIS.is_sorted_by_key(|api| api.key));
        assert!(APIS.iter().all(|api| find(api.key).is_some_and(|found| found.name == api.name)));
    }

    #[test]
    fn names_for_the_log() {
        assert_eq!(find(0).map(Api::upper_case_name).as_deref(), Some("PRODUCE"));
        assert_eq!(find(22).map(Api::upper_case_name).as_deref(), Some("INIT_PRODUCER_ID"));
    }
}
