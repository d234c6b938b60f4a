//! CreatePartitions (37): adds partitions to topics, or checks whether they could be added (KIP-195).
//!
//! - v2: flexible.
//! - v3: THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).

use crate::wire::ErrorCode;
use crate::wire::schema::message;

message! {
    pub struct Request {
        topics: Vec<CreatePartitionsTopic>,
        /// How long the broker may wait until the partitions are there.
        timeout_ms: i32,
        /// Checks everything and creates nothing.
        validate_only: bool,
    }

    pub struct CreatePartitionsTopic {
        name: String,
        /// How many partitions the topic shall have then, with those that it has.
        count: i32,
        /// The brokers of each new partition; null to let the broker choose.
        assignments: Option<Vec<CreatePartitionsAssignment>> = Some(Vec::new()),
    }

    pub struct CreatePartitionsAssignment {
        broker_ids: Vec<i32>,
    }

    pub struct Response {
        /// How long the request was held back because of a quota, in milliseconds; 0 for not at all.
        throttle_time_ms: i32,
        results: Vec<CreatePartitionsTopicResult>,
    }

    pub struct CreatePartitionsTopicResult {
        name: String,
        error_code: ErrorCode,
        error_message: Option<String>,
    }
}
