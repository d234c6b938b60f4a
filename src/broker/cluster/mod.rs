//! The cluster of one: what the broker can do, where it is, and that it coordinates everything itself.

pub mod api_versions;
pub mod describe_cluster;
pub mod describe_quorum;
pub mod features;
pub mod find_coordinator;
pub mod unregister_broker;
pub mod update_features;
pub mod voters;

/// What an administrator may do to a resource, as a set of bits by Kafka's numbers of ACL operations. Without an authorizer
/// everybody may do everything that the resource knows.
const fn operations(numbers: &[u32]) -> i32 {
    let mut bits = 0;
    let mut index = 0;
    while index < numbers.len() {
        bits |= 1 << numbers[index];
        index += 1;
    }
    bits
}

const READ: u32 = 3;
const WRITE: u32 = 4;
const CREATE: u32 = 5;
const DELETE: u32 = 6;
const ALTER: u32 = 7;
const DESCRIBE: u32 = 8;
const CLUSTER_ACTION: u32 = 9;
const DESCRIBE_CONFIGS: u32 = 10;
const ALTER_CONFIGS: u32 = 11;
const IDEMPOTENT_WRITE: u32 = 12;

pub const CLUSTER_OPERATIONS: i32 =
    operations(&[CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE]);
pub const TOPIC_OPERATIONS: i32 =
    operations(&[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
pub const GROUP_OPERATIONS: i32 = operations(&[READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
