//! The batches of an idempotent producer that are under way: at most five requests at once, and after a lost connection or an
//! error all of them again, in the same order and with the same sequences.

use std::collections::{BTreeMap, VecDeque};

use kafka_rs::wire::ErrorCode;
use kafka_rs::wire::messages::produce;

use super::{any_place, new_batch, note_sent, produce_request};
use crate::model::{BatchId, Broken, Place, RequestId, ensure};
use crate::sim::{Channel, Note, Sim};

const IN_FLIGHT_MAX: usize = 5;

/// One request, sent or to be sent.
#[derive(Debug, Clone)]
struct Flight {
    pieces: Vec<(Place, BatchId)>,
    request: Option<RequestId>,
}

#[derive(Debug, Clone, Default)]
pub struct Flights {
    list: VecDeque<Flight>,
    sequences: BTreeMap<Place, i32>,
    /// The batches that were acknowledged.
    pub acknowledged: Vec<BatchId>,
}

/// What the answer to a request means for its producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    Good,
    /// The producer cannot go on as it is.
    Failed(ErrorCode),
}

impl Flights {
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A new epoch counts anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Only the sequences go on.
    pub fn next_transaction(&mut self, keeps_sequences: bool) {
        self.acknowledged.clear();
        if !keeps_sequences {
            self.sequences.clear();
        }
    }

    /// Sends what has to be sent again, or something new to one of the places that `admits`.
    pub fn depart(
        &mut self,
        sim: &mut Sim,
        channel: &mut Channel,
        (id, epoch): (i64, i16),
        (version, transactional_id): (i16, Option<String>),
        admits: impl Fn(Place) -> bool,
    ) {
        let index = if self.list.iter().any(|flight| flight.request.is_none()) {
            let Some(index) = self.next_in_order() else { return };
            index
        } else if self.list.len() < IN_FLIGHT_MAX {
            let Some(pieces) = self.load(sim, (id, epoch), transactional_id.is_some(), admits) else { return };
            self.list.push_back(Flight { pieces, request: None });
            self.list.len() - 1
        } else {
            return;
        };
        let pieces = self.list[index].pieces.clone();
        let request = produce_request(sim, -1, transactional_id, &pieces);
        let batches = pieces.iter().map(|(_, batch)| *batch).collect();
        let request = sim.send(channel, version, request, Note::Batches(batches));
        note_sent(sim, request, &pieces);
        self.list[index].request = Some(request);
    }

    /// The first that is not sent, unless others behind it are under way: it would come after them.
    fn next_in_order(&self) -> Option<usize> {
        let first = self.list.iter().position(|flight| flight.request.is_none())?;
        self.list.iter().skip(first).all(|flight| flight.request.is_none()).then_some(first)
    }

    fn load(
        &mut self,
        sim: &mut Sim,
        (id, epoch): (i64, i16),
        transactional: bool,
        admits: impl Fn(Place) -> bool,
    ) -> Option<Vec<(Place, BatchId)>> {
        let mut places = BTreeMap::new();
        for _ in 0..sim.dice.between(1, 3) {
            places.extend(any_place(sim).filter(|(place, _)| admits(*place)));
        }
        let mut pieces = Vec::new();
        for (place, name) in places {
            let sequence = self.sequences.entry(place).or_default();
            let batch = new_batch(sim, &name, place.1, Some((id, epoch, *sequence)), transactional);
            *sequence += sim.model.batches[batch].header.count;
            pieces.push((place, batch));
        }
        (!pieces.is_empty()).then_some(pieces)
    }

    /// The connection was lost: nobody knows what has arrived.
    pub fn lost(&mut self) {
        self.list.iter_mut().for_each(|flight| flight.request = None);
    }

    /// An answer has come.
    pub fn land(
        &mut self,
        sim: &Sim,
        id: i64,
        request: RequestId,
        answer: &produce::Response,
    ) -> Result<Landing, Broken> {
        let Some(index) = self.list.iter().position(|flight| flight.request == Some(request)) else {
            return Ok(Landing::Good);
        };
        let outcomes: Vec<_> = (answer.responses.iter())
            .flat_map(|topic| &topic.partition_responses)
            .map(|partition| partition.error_code)
            .collect();
        let mut flight = self.list.remove(index).expect("it was found");
        ensure!(outcomes.len() == flight.pieces.len(), "{} outcomes for {:?}", outcomes.len(), flight.pieces);
        let mut left = Vec::new();
        for ((place, batch), error) in flight.pieces.drain(..).zip(outcomes) {
            match error {
                ErrorCode::NONE => self.acknowledged.push(batch),
                ErrorCode::KAFKA_STORAGE_ERROR => left.push((place, batch)),
                ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER => {
                    let latest_ms = sim.latest();
                    let topic = &sim.model.batches[batch].topic;
                    let replaced = sim.model.topics.iter().filter(|other| other.name == *topic).count() > 1;
                    let forgotten = sim.model.may_have_forgotten(id, place, latest_ms);
                    // A batch that was refused at first, in an answer that was lost, may have been overtaken by the next one.
                    let was_too_large = sim.model.resized.contains(topic);
                    let was_refused = sim.plan.is_short_of_memory() || sim.was_from_the_future(batch) || was_too_large;
                    let excused = was_refused || replaced || forgotten;
                    ensure!(excused, "batch {batch} is out of order, but it was sent in order");
                    return Ok(Landing::Failed(error));
                }
                error => return Ok(Landing::Failed(error)),
            }
        }
        if !left.is_empty() {
            self.list.insert(index, Flight { pieces: left, request: None });
        }
        Ok(Landing::Good)
    }
}
