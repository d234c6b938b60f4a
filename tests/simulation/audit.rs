//! What is looked at after every turn: the logs, the groups' offsets, and each answer as it is written.

use std::collections::BTreeMap;

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::{
    alter_client_quotas, create_topics, fetch, join_group, list_offsets, metadata, offset_fetch, produce, sync_group,
};
use kafka_rs::wire::record_batch::BatchHeader;

use crate::exchange::{Answer, Ask};
use crate::model::{Broken, Place, RequestId, Retention, Topic, Witness, ensure};
use crate::plan::{Plan, TopicPlan};
use crate::sim::{FetchNote, Note, Sight, Sim, note, records};
use crate::subscription;

const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
/// A committed read is compared with the model once in so many turns.
const COMMITTED_READ_TURNS: u64 = 8;
pub const READ_COMMITTED: i8 = 1;
/// The first version of Fetch that names topics by their ids.
pub const FETCH_BY_ID_FROM: i16 = 13;
/// How a resource of AlterConfigs that is a topic is marked.
pub const TOPIC_RESOURCE: i8 = 2;

macro_rules! sight {
    ($sim:expr) => {
        Sight {
            net: &$sim.net,
            requests: &$sim.requests,
            turn: $sim.turn,
            latest_ms: $sim.latest(),
            now_ms: $sim.now.unix_ms,
        }
    };
}

impl Sim {
    /// The topics that there are before the first client comes.
    pub fn create_topics(&mut self) {
        let topics = self.plan.topics.clone();
        let topic = |(index, (partitions, configs)): (usize, &TopicPlan)| {
            let config = |(name, value): &(&'static str, String)| create_topics::CreatableTopicConfig {
                name: (*name).to_owned(),
                value: Some(value.clone()),
            };
            create_topics::CreatableTopic {
                name: format!("topic-{index}"),
                num_partitions: i32::try_from(*partitions).expect("a few"),
                replication_factor: 1,
                configs: configs.iter().map(config).collect(),
                ..Default::default()
            }
        };
        let request =
            create_topics::Request { topics: topics.iter().enumerate().map(topic).collect(), ..Default::default() };
        let Answer::CreateTopics(response) = self.ask(7, request) else { unreachable!("it is what was asked") };
        for (result, (partitions, configs)) in response.topics.into_iter().zip(&topics) {
            assert_eq!(result.error_code, ErrorCode::NONE, "{:?}", result.error_message);
            let mut topic = Topic {
                id: result.topic_id,
                name: result.name,
                partitions: Vec::new(),
                since: 0,
                until: None,
                retention: Plan::retention(configs),
                compacted: Plan::is_compacted(configs),
            };
            topic.grow(*partitions);
            self.model.topics.push(topic);
        }
    }

    /// A quota for the producers that are called slow.
    pub fn limit_slow_producers(&mut self, bytes_per_second: f64) {
        let entity = alter_client_quotas::EntityData {
            entity_type: "client-id".to_owned(),
            entity_name: Some("slow".to_owned()),
        };
        let op = alter_client_quotas::OpData {
            key: "producer_byte_rate".to_owned(),
            value: bytes_per_second,
            remove: false,
        };
        let entry = alter_client_quotas::EntryData { entity: vec![entity], ops: vec![op] };
        let request = alter_client_quotas::Request { entries: vec![entry], validate_only: false };
        let Answer::AlterClientQuotas(response) = self.ask(1, request) else { unreachable!("it is what was asked") };
        assert!(response.entries.iter().all(|entry| !entry.error_code.is_error()), "{response:?}");
    }

    /// Tells the model what a request may do, before it is sent.
    pub fn before_send(&mut self, id: RequestId, ask: &Ask) {
        let model = &mut self.model;
        let mut begins = |producer_id| {
            let steady_ms = model.steady_ms;
            model.begun.entry(producer_id).or_insert(steady_ms);
        };
        match ask {
            Ask::CreateTopics(_) | Ask::DeleteTopics(_) | Ask::CreatePartitions(_) => self.topic_changes.push(id),
            Ask::DeleteRecords(request) => {
                for topic in &request.topics {
                    let deletion = |partition: &kafka_rs::wire::messages::delete_records::DeleteRecordsPartition| {
                        (id, topic.name.clone(), partition.partition_index, partition.offset)
                    };
                    model.deletions.extend(topic.partitions.iter().map(deletion));
                }
            }
            Ask::IncrementalAlterConfigs(request) => {
                for resource in request.resources.iter().filter(|resource| resource.resource_type == TOPIC_RESOURCE) {
                    for config in &resource.configs {
                        let value = config.value.as_deref().and_then(|value| value.parse().ok()).unwrap_or(-1);
                        let of = |name| if config.name == name { value } else { -1 };
                        let retention = Retention { ms: of("retention.ms"), bytes: of("retention.bytes") };
                        model.alterations.push((id, resource.resource_name.clone(), retention));
                        if config.name == "internal.segment.bytes" {
                            model.resized.insert(resource.resource_name.clone());
                        }
                    }
                }
            }
            Ask::EndTxn(request) => model.ends.push(crate::model::EndRequest {
                request: id,
                producer_id: request.producer_id,
                epoch: request.producer_epoch,
                committed: request.committed,
            }),
            Ask::InitProducerId(request) => {
                model.inits.extend(request.transactional_id.clone().map(|transactional_id| (id, transactional_id)));
            }
            Ask::AddPartitionsToTxn(request) => begins(request.v3_and_below_producer_id),
            Ask::AddOffsetsToTxn(request) => begins(request.producer_id),
            Ask::TxnOffsetCommit(request) => begins(request.producer_id),
            Ask::SyncGroup(request) => {
                for part in &request.assignments {
                    let member = model.instances.get(&part.member_id).unwrap_or(&part.member_id).clone();
                    let group = model.groups.entry(request.group_id.clone()).or_default();
                    let all = group.assigned.entry((request.generation_id, member)).or_default();
                    all.insert(part.assignment.clone());
                }
            }
            Ask::JoinGroup(request) => {
                if let Some(instance_id) = request.group_instance_id.clone()
                    && !request.member_id.is_empty()
                {
                    model.instances.insert(request.member_id.clone(), instance_id);
                }
            }
            _ => {}
        }
    }

    /// Compares everything that the broker shows with the model.
    pub fn audit(&mut self) -> Result<(), Broken> {
        self.audit_topics()?;
        self.audit_logs()?;
        if !self.model.commits.is_empty() && self.may_have_changed(moves_offsets) {
            self.audit_offsets()?;
        }
        if self.turn.is_multiple_of(COMMITTED_READ_TURNS) { self.audit_committed_read() } else { Ok(()) }
    }

    /// Topics come and go only when somebody has asked for it.
    fn audit_topics(&mut self) -> Result<(), Broken> {
        let sight = sight!(self);
        let changes: Vec<_> = self.topic_changes.iter().copied().filter(|id| sight.has_arrived(*id)).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let request = metadata::Request { topics: None, allow_auto_topic_creation: false, ..Default::default() };
        let Answer::Metadata(response) = self.ask(12, request) else { unreachable!("it is what was asked") };
        for index in 0..self.model.topics.len() {
            let topic = &self.model.topics[index];
            let shown = response.topics.iter().find(|shown| shown.topic_id == topic.id);
            let asks = changes.iter().map(|id| &self.requests[*id].ask);
            match shown {
                _ if topic.until.is_some() => ensure!(shown.is_none(), "{} is back", topic.name),
                None => {
                    let mut asks = asks;
                    let named = asks.any(|ask| matches!(ask, Ask::DeleteTopics(request) if deletes(request, topic)));
                    ensure!(named, "{} is gone, and nobody has deleted it", topic.name);
                    note!(*self, "{} {:?} is gone", topic.name, topic.id);
                    self.model.topics[index].until = Some(self.turn);
                }
                Some(shown) => {
                    let (before, after) = (topic.partitions.len(), shown.partitions.len());
                    ensure!(after >= before, "{} has lost partitions", topic.name);
                    let mut asks = asks;
                    let grows = |ask: &Ask| match ask {
                        Ask::CreatePartitions(request) => request
                            .topics
                            .iter()
                            .any(|wanted| wanted.name == topic.name && usize::try_from(wanted.count) == Ok(after)),
                        _ => false,
                    };
                    ensure!(after == before || asks.any(grows), "{} has {after} partitions", topic.name);
                    self.model.topics[index].grow(after);
                }
            }
        }
        for shown in &response.topics {
            if self.model.topic(shown.topic_id).is_none() {
                self.add_topic(shown, &changes)?;
            }
        }
        let net = self.net.borrow();
        let requests = &self.requests;
        self.topic_changes.retain(|id| requests[*id].answered.is_none() && !net.is_gone(requests[*id].link));
        Ok(())
    }

    fn add_topic(&mut self, shown: &metadata::MetadataResponseTopic, changes: &[RequestId]) -> Result<(), Broken> {
        let name = shown.name.clone().unwrap_or_default();
        let wanted = changes.iter().find_map(|id| match &self.requests[*id].ask {
            Ask::CreateTopics(request) => request.topics.iter().find(|wanted| wanted.name == name),
            _ => None,
        });
        let wanted = wanted.ok_or(format!("{name} is there, and nobody has created it"))?;
        let find = |key: &str| wanted.configs.iter().find(|config| config.name == key);
        let number =
            |key, default| find(key).and_then(|config| config.value.as_deref()?.parse().ok()).unwrap_or(default);
        let retention = Retention { ms: number("retention.ms", 604_800_000), bytes: number("retention.bytes", -1) };
        note!(*self, "{name} {:?} is there", shown.topic_id);
        let (partitions, since) = (Vec::new(), self.turn);
        let mut topic = Topic { id: shown.topic_id, name, partitions, since, until: None, retention, compacted: false };
        topic.grow(shown.partitions.len());
        self.model.topics.push(topic);
        Ok(())
    }

    /// Reads what is new in every log, and its bounds.
    fn audit_logs(&mut self) -> Result<(), Broken> {
        let before = self.ends();
        let topic = |topic: &Topic| fetch::FetchTopic {
            topic_id: topic.id,
            partitions: (topic.partitions.iter().zip(0..))
                .map(|(partition, index)| wanted(index, partition.end))
                .collect(),
            ..Default::default()
        };
        let request = fetch::Request { topics: self.model.alive().map(topic).collect(), ..Default::default() };
        let Answer::Fetch(response) = self.ask(FETCH_BY_ID_FROM, request) else { unreachable!("it is what was asked") };
        let mut markers = Vec::new();
        for topic in response.responses {
            for data in topic.partitions {
                let place = (topic.topic_id, data.partition_index);
                markers.extend(self.look(place, data)?);
            }
        }
        self.model.judge_markers(&markers, &before)
    }

    fn look(&mut self, place: Place, data: fetch::PartitionData) -> Result<Vec<crate::model::Marker>, Broken> {
        let data = match data.error_code {
            ErrorCode::NONE => data,
            ErrorCode::OFFSET_OUT_OF_RANGE => self.look_behind_gap(place)?,
            error => return Err(format!("{place:?} cannot be read: {error}")),
        };
        let bounds = (data.log_start_offset, data.last_stable_offset, data.high_watermark);
        let bytes = records(&data);
        let sight = sight!(self);
        let before = self.model.partition(place).map(|partition| partition.start);
        let markers = self.model.look(place, bounds, &bytes, &sight)?;
        self.counts.deleted += u64::from(before.is_some_and(|before| before < bounds.0));
        self.counts.batches += u64::from(!bytes.is_empty());
        Ok(markers)
    }

    /// The log begins behind what was known of it.
    fn look_behind_gap(&mut self, place: Place) -> Result<fetch::PartitionData, Broken> {
        let name = self.model.topic(place.0).expect("it was asked for").name.clone();
        let mut offset = |timestamp| {
            let wanted =
                list_offsets::ListOffsetsPartition { partition_index: place.1, timestamp, ..Default::default() };
            let topic = list_offsets::ListOffsetsTopic { name: name.clone(), partitions: vec![wanted] };
            let request = list_offsets::Request { replica_id: -1, topics: vec![topic], ..Default::default() };
            let Answer::ListOffsets(response) = self.ask(8, request) else { unreachable!("it is what was asked") };
            response.topics[0].partitions[0].offset
        };
        let (start, end) = (offset(EARLIEST), offset(LATEST));
        let known = self.model.partition(place).expect("it was asked for").end;
        ensure!(start > known, "{name}-{} goes from {start} to {end}, but {known} was there", place.1);
        let topic =
            fetch::FetchTopic { topic_id: place.0, partitions: vec![wanted(place.1, start)], ..Default::default() };
        let request = fetch::Request { topics: vec![topic], ..Default::default() };
        let Answer::Fetch(mut response) = self.ask(FETCH_BY_ID_FROM, request) else {
            unreachable!("it is what was asked")
        };
        Ok(response.responses.remove(0).partitions.remove(0))
    }

    /// What who reads committed records gets, from anywhere on.
    fn audit_committed_read(&mut self) -> Result<(), Broken> {
        let places: Vec<Place> = self.ends().into_keys().collect();
        if places.is_empty() {
            return Ok(());
        }
        let place = self.dice.pick(&places);
        let limit = self.dice.pick(&[1, 300, 2_000, i32::MAX]);
        let partition = self.model.partition(place).expect("it is one of them");
        let (start, end) = (partition.start, partition.end);
        let offset = start + self.dice.below(usize::try_from(end - start + 1).expect("a short log")) as i64;
        let partitions = vec![fetch::FetchPartition { partition_max_bytes: limit, ..wanted(place.1, offset) }];
        let topic = fetch::FetchTopic { topic_id: place.0, partitions, ..Default::default() };
        let request = fetch::Request { isolation_level: READ_COMMITTED, topics: vec![topic], ..Default::default() };
        let Answer::Fetch(response) = self.ask(FETCH_BY_ID_FROM, request) else { unreachable!("it is what was asked") };
        let data = &response.responses[0].partitions[0];
        self.judge_data(place, offset, (true, u64::MAX), data)?;
        let partition = self.model.partition(place).expect("it is one of them");
        let available = partition.readable(offset, partition.stable, u64::MAX);
        ensure!(
            available == 0 || partition.compacted || !records(data).is_empty(),
            "nothing comes of {place:?} from {offset} on"
        );
        Ok(())
    }

    /// The offsets that groups have committed.
    fn audit_offsets(&mut self) -> Result<(), Broken> {
        let group = |id: &String| offset_fetch::OffsetFetchRequestGroup {
            group_id: id.clone(),
            topics: None,
            ..Default::default()
        };
        let request =
            offset_fetch::Request { groups: self.model.groups.keys().map(group).collect(), ..Default::default() };
        let Answer::OffsetFetch(response) = self.ask(8, request) else { unreachable!("it is what was asked") };
        for group in response.groups {
            let mut shown = BTreeMap::new();
            for topic in group.topics {
                for partition in topic.partitions {
                    let metadata = partition.metadata.unwrap_or_default();
                    let commit: usize = metadata.parse().map_err(|_| format!("nobody has committed {metadata:?}"))?;
                    let place = (topic.name.clone(), partition.partition_index);
                    self.judge_offset(&group.group_id, &place, commit, partition.committed_offset)?;
                    shown.insert(place, commit);
                }
            }
            let known = self.model.groups.entry(group.group_id.clone()).or_default();
            let before = std::mem::replace(&mut known.offsets, shown);
            for place in before.keys().filter(|place| !known.offsets.contains_key(*place)) {
                let deleted = self.model.topics.iter().any(|topic| topic.name == place.0 && topic.until.is_some());
                ensure!(deleted, "{}: the offset of {place:?} is gone", group.group_id);
            }
        }
        Ok(())
    }

    /// Whether an offset may be the one that counts.
    fn judge_offset(&mut self, id: &str, place: &(String, i32), number: usize, offset: i64) -> Result<(), Broken> {
        let group = self.model.groups.entry(id.to_owned()).or_default();
        if group.offsets.get(place) == Some(&number) {
            return Ok(());
        }
        let (generation, generation_turn) = (group.generation, group.generation_turn);
        let commit = self.model.commits.get(number).ok_or(format!("there is no commit {number}"))?.clone();
        let sight = sight!(self);
        let is_meant = commit.group == id && (&commit.topic, commit.partition) == (&place.0, place.1);
        ensure!(is_meant && commit.offset == offset, "commit {number} is {commit:?}, not {offset} for {place:?}");
        ensure!(commit.seen.is_none(), "commit {number} has come back");
        ensure!(sight.has_arrived(commit.request), "commit {number} is there before it has arrived");
        match commit.producer_id {
            Some(producer_id) => {
                let ended = self
                    .model
                    .ends
                    .iter()
                    .any(|end| end.producer_id == producer_id && end.committed && sight.has_arrived(end.request));
                ensure!(ended, "commit {number} counts, but its transaction was not committed");
            }
            None => {
                let outdated = commit.generation >= 0 && generation > commit.generation && generation_turn < self.turn;
                ensure!(!outdated, "commit {number} of generation {} counts in {generation}", commit.generation);
            }
        }
        self.model.commits[number].seen = Some(self.turn);
        Ok(())
    }

    /// Compares an answer with the model. `arrived` is the turn in which the request could be served first.
    pub fn judge_answer(&mut self, id: RequestId, arrived: u64) -> Result<(), Broken> {
        let request = &self.requests[id];
        let Some(answer) = request.answer.clone() else { return Ok(()) };
        match (&request.ask, &*answer, &request.note) {
            (Ask::Produce(_), Answer::Produce(answer), Note::Batches(batches)) => {
                let all = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
                let refused = all.filter(|partition| partition.error_code == ErrorCode::KAFKA_STORAGE_ERROR);
                self.counts.refused += refused.count() as u64;
                let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
                for (partition, batch) in partitions.zip(batches) {
                    self.judge_produced(partition, *batch)?;
                }
                Ok(())
            }
            (Ask::Fetch(_), Answer::Fetch(answer), Note::Fetch(note)) => {
                let empty = self.judge_fetched((request.version, arrived), note, answer)?;
                let told = answer.error_code.is_error() || answer.throttle_time_ms > 0;
                // Where the last stable offset was is known for now alone.
                let missing = empty && !told && !note.committed && self.is_enough(note, arrived);
                ensure!(!missing, "nothing comes although there is something");
                Ok(())
            }
            (Ask::JoinGroup(ask), Answer::JoinGroup(answer), _) => {
                let (group_id, instance_id) = (ask.group_id.clone(), ask.group_instance_id.clone());
                self.judge_joined(&group_id, instance_id, answer)
            }
            (Ask::SyncGroup(ask), Answer::SyncGroup(answer), _) => {
                let (group_id, member_id) = (ask.group_id.clone(), ask.member_id.clone());
                self.judge_synced(&group_id, ask.generation_id, &member_id, answer)
            }
            (Ask::Heartbeat(ask), Answer::Heartbeat(answer), _) if !answer.error_code.is_error() => {
                self.judge_generation(&ask.group_id, ask.generation_id, arrived)
            }
            (Ask::OffsetCommit(ask), Answer::OffsetCommit(answer), Note::Commits(commits)) => {
                let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                let accepted = partitions.zip(commits).filter(|(partition, _)| !partition.error_code.is_error());
                let accepted: Vec<_> = accepted.map(|(_, commit)| *commit).collect();
                if !accepted.is_empty() {
                    self.judge_generation(&ask.group_id, ask.generation_id_or_member_epoch, arrived)?;
                }
                self.judge_committed(&accepted, arrived)
            }
            (Ask::TxnOffsetCommit(ask), Answer::TxnOffsetCommit(answer), _) => {
                let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
                match partitions.any(|partition| !partition.error_code.is_error()) {
                    true => self.judge_generation(&ask.group_id, ask.generation_id, arrived),
                    false => Ok(()),
                }
            }
            (Ask::InitProducerId(ask), Answer::InitProducerId(answer), _) if !answer.error_code.is_error() => {
                let producer = (answer.producer_id, answer.producer_epoch);
                let transactional_id = ask.transactional_id.clone();
                let is_new = self.model.granted.insert(producer);
                ensure!(is_new || ask.producer_id != -1, "{producer:?} was given away before");
                self.learn_epoch(producer);
                self.model.transactional.extend(transactional_id.map(|id| (producer.0, id)));
                Ok(())
            }
            (Ask::EndTxn(_), Answer::EndTxn(answer), _) if !answer.error_code.is_error() && answer.producer_id >= 0 => {
                self.learn_epoch((answer.producer_id, answer.producer_epoch));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn learn_epoch(&mut self, (id, epoch): (i64, i16)) {
        let known = self.model.epochs.entry(id).or_insert((epoch, self.turn));
        if epoch > known.0 {
            *known = (epoch, self.turn);
        }
    }

    fn judge_produced(&self, answer: &produce::PartitionProduceResponse, batch: usize) -> Result<(), Broken> {
        match answer.error_code {
            ErrorCode::NONE => self.model.judge_acknowledged(batch, answer.base_offset),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => {
                let name = &self.model.batches[batch].topic;
                let changed = self
                    .model
                    .topics
                    .iter()
                    .any(|topic| topic.name == *name && (topic.until.is_some() || topic.since > 0));
                ensure!(changed, "{name} was never unknown");
                Ok(())
            }
            ErrorCode::KAFKA_STORAGE_ERROR => {
                ensure!(self.plan.is_short_of_memory(), "there is memory enough");
                Ok(())
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::INVALID_TXN_STATE
            | ErrorCode::INVALID_TIMESTAMP
            | ErrorCode::RECORD_LIST_TOO_LARGE
            | ErrorCode::TRANSACTION_ABORTABLE => Ok(()),
            error => Err(format!("a Produce comes to {error}")),
        }
    }

    /// Says whether nothing has come at all.
    fn judge_fetched(
        &self,
        (version, arrived): (i16, u64),
        note: &FetchNote,
        answer: &fetch::Response,
    ) -> Result<bool, Broken> {
        let (mut bytes, mut batches, mut told) = (0, 0, false);
        for topic in &answer.responses {
            for data in &topic.partitions {
                let is_meant = |(place, _, _): &&(Place, i64, usize)| {
                    let by_name = || self.model.topic(place.0).is_some_and(|known| known.name == topic.topic);
                    let same = if version >= FETCH_BY_ID_FROM { place.0 == topic.topic_id } else { by_name() };
                    same && place.1 == data.partition_index
                };
                let meant = note.wanted.iter().find(is_meant).ok_or("a partition that nobody has asked for")?;
                told |= data.error_code.is_error();
                if self.may_be_another(version, meant.0) {
                    told = true;
                    continue;
                }
                let read = self.judge_data(meant.0, meant.1, (note.committed, arrived), data)?;
                let length = records(data).len();
                let is_first = bytes == 0 && read == 1;
                ensure!(length <= meant.2 || is_first, "{length} bytes of {:?}, limit {}", meant.0, meant.2);
                bytes += length;
                batches += read;
            }
        }
        ensure!(bytes <= note.max_bytes || batches == 1, "{bytes} bytes, limit {}", note.max_bytes);
        Ok(bytes == 0 && !told)
    }

    /// Whether the name of a topic may have meant another one when the fetch was served.
    fn may_be_another(&self, version: i16, place: Place) -> bool {
        let Some(topic) = self.model.topic(place.0) else { return true };
        let named = self.model.topics.iter().filter(|other| other.name == topic.name).count();
        version < FETCH_BY_ID_FROM && named > 1 || topic.until.is_some()
    }

    /// Compares the answer for one partition with what is stored; gives the number of batches. The request was there in front
    /// of the turn `arrived`.
    pub fn judge_data(
        &self,
        place: Place,
        offset: i64,
        (committed, arrived): (bool, u64),
        data: &fetch::PartitionData,
    ) -> Result<usize, Broken> {
        let partition = self.model.partition(place).ok_or("there is no such partition")?;
        match data.error_code {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => {
                let inside = (partition.start..=partition.end_before(arrived)).contains(&offset);
                ensure!(!inside, "{offset} of {place:?} is out of range");
                return Ok(0);
            }
            error => return Err(format!("a Fetch of {place:?} comes to {error}")),
        }
        ensure!(data.high_watermark <= partition.end, "a high watermark of {}", data.high_watermark);
        ensure!(data.last_stable_offset <= data.high_watermark, "a stable offset of {}", data.last_stable_offset);
        let bytes = records(data);
        if partition.has_gaps() {
            return Ok(batches(&bytes));
        }
        if partition.compacted {
            let left = partition.judge_compacted(offset, &bytes, false);
            return left.map(|left| left.batches).map_err(|broken| format!("{place:?}: {broken}"));
        }
        let (next, batches) = partition.judge_read(offset, &bytes)?;
        if !committed {
            return Ok(batches);
        }
        ensure!(next <= data.last_stable_offset.max(offset), "{next} is beyond the last stable offset");
        if batches > 0 {
            let list = data.aborted_transactions.as_deref().unwrap_or_default();
            let mut shown: Vec<_> = list.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)).collect();
            shown.sort_unstable();
            let expect = partition.aborted_between(offset, next);
            ensure!(shown == expect, "aborted in {place:?} from {offset} to {next}: {shown:?}, not {expect:?}");
        }
        Ok(batches)
    }

    fn judge_joined(
        &mut self,
        group_id: &str,
        instance_id: Option<String>,
        answer: &join_group::Response,
    ) -> Result<(), Broken> {
        if answer.error_code.is_error() {
            return Ok(());
        }
        let turn = self.turn;
        self.model.instances.extend(instance_id.map(|instance_id| (answer.member_id.clone(), instance_id)));
        let group = self.model.groups.entry(group_id.to_owned()).or_default();
        let generation = answer.generation_id;
        if generation > group.generation {
            (group.generation, group.generation_turn) = (generation, turn);
        }
        let protocol = group.protocols.entry(generation).or_insert_with(|| answer.protocol_name.clone());
        ensure!(*protocol == answer.protocol_name, "generation {generation} has two protocols");
        let leads = answer.leader == answer.member_id;
        ensure!(leads || answer.members.is_empty(), "who does not lead sees the members");
        let listed = answer.members.iter().any(|member| member.member_id == answer.member_id);
        ensure!(answer.members.is_empty() || listed, "the leader is no member");
        Ok(())
    }

    fn judge_synced(
        &mut self,
        group_id: &str,
        generation: i32,
        member_id: &str,
        answer: &sync_group::Response,
    ) -> Result<(), Broken> {
        if answer.error_code.is_error() || answer.assignment.is_empty() {
            return Ok(());
        }
        let member = self.model.instances.get(member_id).map_or(member_id, String::as_str).to_owned();
        let group = self.model.groups.entry(group_id.to_owned()).or_default();
        // A static member may have had an id, of which only the leader has heard.
        let of_member =
            |(key, _): &(&(i32, String), _)| key.0 == generation && (key.1 == member || member != member_id);
        let mut assigned = group.assigned.iter().filter(of_member);
        let is_assigned = assigned.any(|(_, assigned)| assigned.contains(&answer.assignment));
        ensure!(is_assigned, "{member} gets what nobody has assigned to it in generation {generation}");
        for (topic, partition) in subscription::assigned(&answer.assignment) {
            let owner = group.owners.entry((generation, topic.clone(), partition)).or_insert_with(|| member.clone());
            ensure!(*owner == member, "{topic}-{partition} belongs to {owner} and {member} in generation {generation}");
        }
        Ok(())
    }

    /// What is accepted of a generation must not come when a later one was known before.
    fn judge_generation(&self, group_id: &str, generation: i32, arrived: u64) -> Result<(), Broken> {
        let Some(group) = self.model.groups.get(group_id) else { return Ok(()) };
        let outdated = generation >= 0 && generation < group.generation && group.generation_turn < arrived;
        ensure!(!outdated, "accepted in generation {generation}, but {group_id} is in {}", group.generation);
        Ok(())
    }

    /// An accepted commit counted at least once, unless another one has come in the same moment.
    fn judge_committed(&self, accepted: &[usize], arrived: u64) -> Result<(), Broken> {
        for number in accepted {
            let commit = &self.model.commits[*number];
            let replaced = self.model.commits.iter().any(|other| {
                (&other.group, &other.topic, other.partition) == (&commit.group, &commit.topic, commit.partition)
                    && other.seen.is_some_and(|seen| seen >= arrived)
            });
            let deleted = self.model.topics.iter().any(|topic| topic.name == commit.topic && topic.until.is_some());
            ensure!(commit.seen.is_some() || replaced || deleted, "commit {number} is accepted and does not count");
        }
        Ok(())
    }
}

/// Whether a request can change the offsets that groups have committed.
fn moves_offsets(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::OffsetCommit(_) | Ask::TxnOffsetCommit(_) | Ask::EndTxn(_) | Ask::InitProducerId(_) | Ask::DeleteTopics(_)
    )
}

/// How many batches there are in what was read.
fn batches(bytes: &[u8]) -> usize {
    let header = BatchHeader::parse(bytes);
    let length = header.and_then(|header| header.total_bytes());
    length.and_then(|length| bytes.get(length..)).map_or(0, |rest| 1 + batches(rest))
}

pub fn wanted(partition: i32, fetch_offset: i64) -> fetch::FetchPartition {
    fetch::FetchPartition { partition, fetch_offset, partition_max_bytes: i32::MAX, ..Default::default() }
}

fn deletes(request: &kafka_rs::wire::messages::delete_topics::Request, topic: &Topic) -> bool {
    request.topic_names.contains(&topic.name)
        || request.topics.iter().any(|wanted| wanted.topic_id == topic.id || wanted.name.as_ref() == Some(&topic.name))
}
