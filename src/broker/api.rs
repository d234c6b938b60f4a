//! The table of APIs: the one place that says what this broker speaks.
//!
//! ApiVersions answers out of it, dispatch looks requests up in it, and the table in PROTOCOL.md is compared with it. To
//! add an API, write its schema in `wire::messages`, a handler beside the state it works on, and a row here.
//!
//! A row that `answers` names a handler which returns the response. A row that `waits` names one which is given the
//! ticket, because it may answer later: Fetch until there is data, JoinGroup and SyncGroup until the other members came.

use super::Broker;
use super::cluster::voters::{add_raft_voter, remove_raft_voter};
use super::cluster::{
    api_versions, describe_cluster, describe_quorum, find_coordinator, unregister_broker, update_features,
};
use super::configs::{alter_configs, describe_configs, incremental_alter_configs, list_config_resources};
use super::dispatch::{Call, read_body};
use super::fetch::{list_offsets, offset_for_leader_epoch};
use super::groups::{
    delete_groups, describe_groups, heartbeat, join_group, leave_group, list_groups, offset_commit, offset_delete,
    offset_fetch, sync_group, txn_offset_commit,
};
use super::produce::describe_producers;
use super::quotas::{alter_client_quotas, describe_client_quotas};
use super::security::acls::{create_acls, delete_acls, describe_acls};
use super::security::delegation_tokens::{
    create_delegation_token, describe_delegation_token, expire_delegation_token, renew_delegation_token,
};
use super::security::sasl::{sasl_authenticate, sasl_handshake};
use super::security::scram::{alter_user_scram_credentials, describe_user_scram_credentials};
use super::telemetry::{get_telemetry_subscriptions, push_telemetry};
use super::topics::{
    alter_partition_reassignments, alter_replica_log_dirs, create_partitions, create_topics, delete_records,
    delete_topics, describe_log_dirs, describe_topic_partitions, elect_leaders, list_partition_reassignments, metadata,
};
use super::transactions::{
    add_offsets_to_txn, add_partitions_to_txn, describe_transactions, end_txn, init_producer_id, list_transactions,
    write_txn_markers,
};
use super::{fetch, produce};
use crate::wire::{Field, ReadError, Reader};

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
            let mut ticket = call.ticket();
            let mut response = $module::handle(broker, call, request);
            ticket.throttle(response.throttle_time_ms().map_or(0, |ms| *ms));
            ticket.answer(response, &mut broker.outbox);
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
    Produce                      =  0, 0..=13, flexible  9.., waits   produce;
    Fetch                        =  1, 4..=18, flexible 12.., waits   fetch;
    ListOffsets                  =  2, 1..=11, flexible  6.., answers list_offsets;
    Metadata                     =  3, 0..=13, flexible  9.., answers metadata;
    OffsetCommit                 =  8, 2..=10, flexible  8.., answers offset_commit;
    OffsetFetch                  =  9, 1..=10, flexible  6.., answers offset_fetch;
    FindCoordinator              = 10, 0..=6,  flexible  3.., answers find_coordinator;
    JoinGroup                    = 11, 0..=9,  flexible  6.., waits   join_group;
    Heartbeat                    = 12, 0..=4,  flexible  4.., answers heartbeat;
    LeaveGroup                   = 13, 0..=5,  flexible  4.., answers leave_group;
    SyncGroup                    = 14, 0..=5,  flexible  4.., waits   sync_group;
    DescribeGroups               = 15, 0..=6,  flexible  5.., answers describe_groups;
    ListGroups                   = 16, 0..=5,  flexible  3.., answers list_groups;
    SaslHandshake                = 17, 0..=1,  flexible  2.., answers sasl_handshake;
    ApiVersions                  = 18, 0..=4,  flexible  3.., answers api_versions;
    CreateTopics                 = 19, 2..=7,  flexible  5.., answers create_topics;
    DeleteTopics                 = 20, 1..=6,  flexible  4.., answers delete_topics;
    DeleteRecords                = 21, 0..=2,  flexible  2.., answers delete_records;
    InitProducerId               = 22, 0..=5,  flexible  2.., answers init_producer_id;
    OffsetForLeaderEpoch         = 23, 2..=4,  flexible  4.., answers offset_for_leader_epoch;
    AddPartitionsToTxn           = 24, 0..=5,  flexible  3.., answers add_partitions_to_txn;
    AddOffsetsToTxn              = 25, 0..=4,  flexible  3.., answers add_offsets_to_txn;
    EndTxn                       = 26, 0..=5,  flexible  3.., answers end_txn;
    WriteTxnMarkers              = 27, 1..=2,  flexible  1.., answers write_txn_markers;
    TxnOffsetCommit              = 28, 0..=5,  flexible  3.., answers txn_offset_commit;
    DescribeAcls                 = 29, 1..=3,  flexible  2.., waits   describe_acls;
    CreateAcls                   = 30, 1..=3,  flexible  2.., waits   create_acls;
    DeleteAcls                   = 31, 1..=3,  flexible  2.., waits   delete_acls;
    DescribeConfigs              = 32, 1..=4,  flexible  4.., answers describe_configs;
    AlterConfigs                 = 33, 0..=2,  flexible  2.., answers alter_configs;
    AlterReplicaLogDirs          = 34, 1..=2,  flexible  2.., answers alter_replica_log_dirs;
    DescribeLogDirs              = 35, 1..=4,  flexible  2.., answers describe_log_dirs;
    SaslAuthenticate             = 36, 0..=2,  flexible  2.., answers sasl_authenticate;
    CreatePartitions             = 37, 0..=3,  flexible  2.., answers create_partitions;
    CreateDelegationToken        = 38, 1..=3,  flexible  2.., answers create_delegation_token;
    RenewDelegationToken         = 39, 1..=2,  flexible  2.., answers renew_delegation_token;
    ExpireDelegationToken        = 40, 1..=2,  flexible  2.., answers expire_delegation_token;
    DescribeDelegationToken      = 41, 1..=3,  flexible  2.., answers describe_delegation_token;
    DeleteGroups                 = 42, 0..=2,  flexible  2.., answers delete_groups;
    ElectLeaders                 = 43, 0..=2,  flexible  2.., answers elect_leaders;
    IncrementalAlterConfigs      = 44, 0..=1,  flexible  1.., answers incremental_alter_configs;
    AlterPartitionReassignments  = 45, 0..=1,  flexible  0.., answers alter_partition_reassignments;
    ListPartitionReassignments   = 46, 0..=0,  flexible  0.., answers list_partition_reassignments;
    OffsetDelete                 = 47, 0..=0,  flexible  1.., answers offset_delete;
    DescribeClientQuotas         = 48, 0..=1,  flexible  1.., answers describe_client_quotas;
    AlterClientQuotas            = 49, 0..=1,  flexible  1.., answers alter_client_quotas;
    DescribeUserScramCredentials = 50, 0..=0,  flexible  0.., answers describe_user_scram_credentials;
    AlterUserScramCredentials    = 51, 0..=0,  flexible  0.., answers alter_user_scram_credentials;
    DescribeQuorum               = 55, 0..=2,  flexible  0.., answers describe_quorum;
    UpdateFeatures               = 57, 0..=2,  flexible  0.., answers update_features;
    DescribeCluster              = 60, 0..=2,  flexible  0.., answers describe_cluster;
    DescribeProducers            = 61, 0..=0,  flexible  0.., answers describe_producers;
    UnregisterBroker             = 64, 0..=0,  flexible  0.., answers unregister_broker;
    DescribeTransactions         = 65, 0..=0,  flexible  0.., answers describe_transactions;
    ListTransactions             = 66, 0..=2,  flexible  0.., answers list_transactions;
    GetTelemetrySubscriptions    = 71, 0..=0,  flexible  0.., answers get_telemetry_subscriptions;
    PushTelemetry                = 72, 0..=0,  flexible  0.., answers push_telemetry;
    ListConfigResources          = 74, 0..=1,  flexible  0.., answers list_config_resources;
    DescribeTopicPartitions      = 75, 0..=0,  flexible  0.., answers describe_topic_partitions;
    AddRaftVoter                 = 80, 0..=1,  flexible  0.., answers add_raft_voter;
    RemoveRaftVoter              = 81, 0..=0,  flexible  0.., answers remove_raft_voter;
}

/// The row of an API key.
pub fn find(key: i16) -> Option<&'static Api> {
    APIS.binary_search_by_key(&key, |api| api.key).ok().map(|index| &APIS[index])
}

impl Api {
    pub fn supports(&self, version: i16) -> bool {
        (self.min_version..=self.max_version).contains(&version)
    }

    /// Whether ApiVersions lists it. Telemetry is served but not listed, as by a Kafka in which nobody receives it.
    pub fn is_listed(&self) -> bool {
        ![get_telemetry_subscriptions::KEY, push_telemetry::KEY].contains(&self.key)
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
