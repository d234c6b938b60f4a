//! Producers without transactions: those that do not care what becomes of their batches, and idempotent ones, which do.

use kafka_rs::wire::messages::init_producer_id;

use super::flights::{Flights, Landing};
use super::{Actor, any_place, channel, new_batch, note_sent, produce_request};
use crate::exchange::{Answer, Ask};
use crate::model::{BatchId, Broken, RequestId};
use crate::sim::{Channel, Note, Received, Sim};

/// How many requests of its own a producer may have under way that does not care.
const PIPELINED_MAX: usize = 6;
/// How many there may be where memory is short, so that they do not fit into it.
const GREEDY_MAX: usize = 30;

/// Sends batches and forgets them, or sends them again when it has no answer: then they may be there twice.
pub struct Plain {
    channel: Channel,
    acks: i16,
    under_way: usize,
    retries: bool,
    /// What was lost, to be sent again as new batches: nobody can tell them apart.
    lost: usize,
}

impl Plain {
    pub fn new(sim: &mut Sim, index: usize) -> Self {
        let acks = sim.dice.pick(&[0, 1, -1, -1]);
        let channel = channel(sim, format!("plain-{index}"));
        Self { channel, acks, under_way: 0, retries: sim.dice.chance(500), lost: 0 }
    }

    fn produce(&mut self, sim: &mut Sim) {
        let mut pieces: Vec<(_, BatchId)> = Vec::new();
        for _ in 0..sim.dice.between(1, 3) {
            let Some((place, name)) = any_place(sim) else { return };
            if pieces.iter().all(|(other, _)| *other != place) {
                pieces.push((place, new_batch(sim, &name, place.1, None, false)));
            }
        }
        pieces.sort_unstable();
        let version = sim.version(3, 13);
        let request = produce_request(sim, self.acks, None, &pieces);
        let batches = pieces.iter().map(|(_, batch)| *batch).collect();
        let request = sim.send(&mut self.channel, version, request, Note::Batches(batches));
        note_sent(sim, request, &pieces);
        self.under_way += 1;
    }
}

impl Actor for Plain {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        if sim.dice.chance(sim.plan.hang_ups) {
            sim.hang_up(&mut self.channel);
        }
        loop {
            match sim.receive(&mut self.channel) {
                Received::Nothing => break,
                Received::Answer(..) | Received::Sent => self.under_way -= 1,
                Received::Lost(requests) => {
                    self.under_way -= requests.len();
                    self.lost += if self.retries { requests.len() } else { 0 };
                }
            }
        }
        let (most, at_once) =
            if sim.plan.is_short_of_memory() { (GREEDY_MAX, sim.dice.between(1, 4)) } else { (PIPELINED_MAX, 1) };
        for _ in 0..at_once {
            if self.under_way < most {
                self.lost = self.lost.saturating_sub(1);
                self.produce(sim);
            }
        }
        Ok(())
    }
}

/// An idempotent producer.
pub struct Idempotent {
    channel: Channel,
    producer: Option<(i64, i16)>,
    asked: Option<RequestId>,
    version: i16,
    flights: Flights,
}

impl Idempotent {
    pub fn new(sim: &mut Sim, index: usize) -> Self {
        let channel = channel(sim, format!("idempotent-{index}"));
        let version = sim.version(3, 13);
        Self { channel, producer: None, asked: None, version, flights: Flights::default() }
    }

    fn on_answer(&mut self, sim: &mut Sim, request: RequestId, answer: &Answer) -> Result<(), Broken> {
        match (&sim.requests[request].ask, answer) {
            (Ask::InitProducerId(_), Answer::InitProducerId(answer)) if self.asked == Some(request) => {
                self.asked = None;
                self.producer = (!answer.error_code.is_error()).then_some((answer.producer_id, answer.producer_epoch));
            }
            (Ask::Produce(_), Answer::Produce(answer)) => {
                let Some((id, _)) = self.producer else { return Ok(()) };
                if self.flights.land(sim, id, request, answer)? != Landing::Good {
                    // Nobody knows any more what has arrived: it goes on as another producer.
                    self.producer = None;
                    self.flights.reset();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Actor for Idempotent {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        if sim.dice.chance(sim.plan.hang_ups) {
            sim.hang_up(&mut self.channel);
        }
        loop {
            match sim.receive(&mut self.channel) {
                Received::Nothing => break,
                Received::Answer(request, answer) => self.on_answer(sim, request, &answer)?,
                Received::Sent => {}
                Received::Lost(_) => {
                    self.asked = None;
                    self.flights.lost();
                }
            }
        }
        match self.producer {
            Some(producer) => {
                self.flights.depart(sim, &mut self.channel, producer, (self.version, None), |_| true);
            }
            None if self.asked.is_none() => {
                let request = init_producer_id::Request { transactional_id: None, ..Default::default() };
                let version = sim.version(0, 5);
                self.asked = Some(sim.send(&mut self.channel, version, request, Note::Nothing));
            }
            None => {}
        }
        Ok(())
    }
}
