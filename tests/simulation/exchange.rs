//! Requests and responses of any API, as values.

use bytes::Bytes;
use kafka_rs::broker::api::{APIS, Api};
use kafka_rs::wire::header::{self, RequestStart};
use kafka_rs::wire::{Field, ReadError, Reader, Writer, messages};

macro_rules! exchanges {
    ($($name:ident $module:ident;)*) => {
        /// A request.
        #[derive(Debug)]
        pub enum Ask { $( $name(messages::$module::Request), )* }

        /// A response.
        #[allow(dead_code, reason = "of some it matters only that they can be read")]
        #[derive(Debug)]
        pub enum Answer { $( $name(messages::$module::Response), )* }

        impl Ask {
            pub fn api(&self) -> &'static Api {
                let name = match self { $( Self::$name(_) => stringify!($name), )* };
                APIS.iter().find(|api| api.name == name).expect("a row of the table")
            }

            fn write(&self, writer: &mut Writer) {
                match self { $( Self::$name(request) => request.write(writer), )* }
            }

            fn read_answer(&self, reader: &mut Reader) -> Result<Answer, ReadError> {
                Ok(match self { $( Self::$name(_) => Answer::$name(Field::read(reader)?), )* })
            }
        }

        $( impl From<messages::$module::Request> for Ask {
            fn from(request: messages::$module::Request) -> Self {
                Self::$name(request)
            }
        } )*
    };
}

exchanges! {
    Produce produce;
    Fetch fetch;
    ListOffsets list_offsets;
    Metadata metadata;
    OffsetCommit offset_commit;
    OffsetFetch offset_fetch;
    FindCoordinator find_coordinator;
    JoinGroup join_group;
    Heartbeat heartbeat;
    LeaveGroup leave_group;
    SyncGroup sync_group;
    DescribeGroups describe_groups;
    ApiVersions api_versions;
    CreateTopics create_topics;
    DeleteTopics delete_topics;
    DeleteRecords delete_records;
    InitProducerId init_producer_id;
    AddPartitionsToTxn add_partitions_to_txn;
    AddOffsetsToTxn add_offsets_to_txn;
    EndTxn end_txn;
    TxnOffsetCommit txn_offset_commit;
    CreatePartitions create_partitions;
    IncrementalAlterConfigs incremental_alter_configs;
    DescribeConfigs describe_configs;
    AlterClientQuotas alter_client_quotas;
    DescribeProducers describe_producers;
    DescribeTransactions describe_transactions;
}

impl Ask {
    /// The request on the wire, with its length in front.
    pub fn encode(&self, version: i16, correlation_id: i32, client_id: &str) -> Bytes {
        let api = self.api();
        assert!(api.supports(version), "{} v{version}", api.name);
        let mut writer = Writer::new(version, api.is_flexible(version));
        let start = RequestStart { api_key: api.key, api_version: version, correlation_id };
        header::write_request(&mut writer, start, Some(client_id));
        self.write(&mut writer);
        writer.finish().to_bytes()
    }

    /// Reads the answer, without the length in front: its correlation id, and the response.
    pub fn decode_answer(&self, version: i16, frame: Bytes) -> Result<(i32, Answer), String> {
        let api = self.api();
        let mut reader = Reader::new(frame, version, false);
        let flexible = api.response_header_is_flexible(version);
        let correlation_id = header::read_response(&mut reader, flexible).map_err(|error| error.to_string())?;
        let mut reader = Reader::new(rest(&mut reader), version, api.is_flexible(version));
        let answer = self.read_answer(&mut reader).map_err(|error| error.to_string())?;
        if reader.left() > 0 {
            return Err(format!("{} bytes are left over", reader.left()));
        }
        Ok((correlation_id, answer))
    }
}

impl Answer {
    /// For how long a producer has to be quiet.
    pub fn throttle_ms(&self) -> i32 {
        match self {
            Self::Produce(response) => response.throttle_time_ms,
            _ => 0,
        }
    }
}

/// What a reader has not read yet.
fn rest(reader: &mut Reader) -> Bytes {
    let left = reader.left();
    reader.take(left).expect("so many are left")
}
