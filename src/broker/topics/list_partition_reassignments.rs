//! ListPartitionReassignments (46), version 0: which partitions are being moved to other brokers.
//!
//! There is no other broker, so none is. Kafka leaves out partitions that it does not know just as those that stay.

use crate::broker::{Broker, Call};
use crate::wire::messages::list_partition_reassignments::{Request, Response};

pub fn handle(_broker: &mut Broker, _call: &Call, _request: Request) -> Response {
    Response { error_message: None, ..Response::default() }
}
