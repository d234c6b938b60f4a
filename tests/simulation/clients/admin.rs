//! An administrator, who creates, grows, empties and deletes topics, and changes what is set for them.

use kafka_rs::wire::messages::{
    alter_client_quotas, create_partitions, create_topics, delete_records, delete_topics, describe_groups,
    describe_producers, incremental_alter_configs, list_offsets, metadata,
};

use super::{Actor, any_place, channel};
use crate::exchange::Ask;
use crate::model::Broken;
use crate::sim::{Channel, Note, Received, Sim};

pub struct Admin {
    channel: Channel,
    waits: bool,
}

impl Admin {
    pub fn new(sim: &mut Sim) -> Self {
        Self { channel: channel(sim, "admin"), waits: false }
    }

    fn ask(sim: &mut Sim) -> Option<(i16, Ask)> {
        let (place, name) = any_place(sim)?;
        Some(match sim.dice.below(10) {
            0 => (sim.version(2, 7), Self::create(sim)),
            1 => {
                let by_name = sim.dice.chance(500);
                let (id, known) = if by_name { (Default::default(), Some(name.clone())) } else { (place.0, None) };
                let topics = vec![delete_topics::DeleteTopicState { name: known, topic_id: id }];
                let version = sim.version(if by_name { 1 } else { 6 }, 6);
                let topic_names = if version < 6 { vec![name] } else { vec![] };
                (version, delete_topics::Request { topics, topic_names, timeout_ms: 1000 }.into())
            }
            2 => {
                let count = 1 + sim.model.topic(place.0)?.partitions.len();
                let count = i32::try_from(count).expect("a few");
                let topic = create_partitions::CreatePartitionsTopic { name, count, assignments: None };
                let request = create_partitions::Request { topics: vec![topic], ..Default::default() };
                (sim.version(0, 3), request.into())
            }
            3 | 4 => {
                let end = sim.model.partition(place)?.end;
                let offset = sim.dice.pick(&[-1, end, end / 2, end / 2, end + 3]);
                let partition = delete_records::DeleteRecordsPartition { partition_index: place.1, offset };
                let topic = delete_records::DeleteRecordsTopic { name, partitions: vec![partition] };
                let request = delete_records::Request { topics: vec![topic], ..Default::default() };
                (sim.version(0, 2), request.into())
            }
            5 => (sim.version(0, 1), Self::alter(sim, name)),
            6 => (sim.version(0, 1), Self::limit(sim)),
            7 => {
                let wanted = list_offsets::ListOffsetsPartition {
                    partition_index: place.1,
                    timestamp: sim.dice.pick(&[-1, -2, -3, 1_700_000_000_000]),
                    ..Default::default()
                };
                let topic = list_offsets::ListOffsetsTopic { name, partitions: vec![wanted] };
                let request = list_offsets::Request { replica_id: -1, topics: vec![topic], ..Default::default() };
                (sim.version(7, 11), request.into())
            }
            8 => {
                let topic = describe_producers::TopicRequest { name, partition_indexes: vec![place.1] };
                (0, describe_producers::Request { topics: vec![topic] }.into())
            }
            _ if sim.dice.chance(500) => {
                let groups = vec!["shared".to_owned()];
                (sim.version(0, 6), describe_groups::Request { groups, ..Default::default() }.into())
            }
            _ => {
                let request =
                    metadata::Request { topics: None, allow_auto_topic_creation: false, ..Default::default() };
                (sim.version(1, 13), request.into())
            }
        })
    }

    fn create(sim: &mut Sim) -> Ask {
        let mut configs = Vec::new();
        for (name, values) in [("internal.segment.bytes", ["300", "3000"]), ("retention.bytes", ["700", "-1"])] {
            if sim.dice.chance(400) {
                let value = Some(sim.dice.pick(&values).to_owned());
                configs.push(create_topics::CreatableTopicConfig { name: name.to_owned(), value });
            }
        }
        // Sometimes there is one of that name already.
        let topic = create_topics::CreatableTopic {
            name: format!("topic-{}", sim.dice.below(5)),
            num_partitions: i32::try_from(sim.dice.between(1, 3)).expect("a few"),
            replication_factor: 1,
            configs,
            ..Default::default()
        };
        create_topics::Request { topics: vec![topic], ..Default::default() }.into()
    }

    fn alter(sim: &mut Sim, name: String) -> Ask {
        let (key, values) = sim.dice.pick(&[
            ("retention.ms", ["500", "604800000"]),
            ("retention.bytes", ["1000", "-1"]),
            ("internal.segment.bytes", ["250", "5000"]),
            ("message.timestamp.type", ["LogAppendTime", "CreateTime"]),
        ]);
        let config = incremental_alter_configs::AlterableConfig {
            name: key.to_owned(),
            config_operation: 0,
            value: Some(sim.dice.pick(&values).to_owned()),
        };
        let resource = incremental_alter_configs::AlterConfigsResource {
            resource_type: 2,
            resource_name: name,
            configs: vec![config],
        };
        incremental_alter_configs::Request { resources: vec![resource], validate_only: false }.into()
    }

    /// A quota for those who are called slow.
    fn limit(sim: &mut Sim) -> Ask {
        let key = sim.dice.pick(&["producer_byte_rate", "consumer_byte_rate", "request_percentage"]);
        let (value, remove) = (sim.dice.pick(&[10.0, 1000.0]), sim.dice.chance(300));
        let entity = alter_client_quotas::EntityData {
            entity_type: "client-id".to_owned(),
            entity_name: Some("slow".to_owned()),
        };
        let op = alter_client_quotas::OpData { key: key.to_owned(), value, remove };
        let entry = alter_client_quotas::EntryData { entity: vec![entity], ops: vec![op] };
        alter_client_quotas::Request { entries: vec![entry], validate_only: false }.into()
    }
}

impl Actor for Admin {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        if sim.dice.chance(sim.plan.hang_ups) {
            sim.hang_up(&mut self.channel);
        }
        loop {
            match sim.receive(&mut self.channel) {
                Received::Nothing => break,
                Received::Answer(..) | Received::Sent | Received::Lost(_) => self.waits = false,
            }
        }
        if !self.waits && sim.dice.chance(300) {
            match Self::ask(sim) {
                Some((version, ask)) => {
                    sim.send(&mut self.channel, version, ask, Note::Nothing);
                }
                None => {
                    let ask = Self::create(sim);
                    sim.send(&mut self.channel, 7, ask, Note::Nothing);
                }
            }
            self.waits = true;
        }
        Ok(())
    }
}
