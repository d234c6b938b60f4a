//! Clients that behave badly. Nobody else may notice.

use kafka_rs::wire::messages::{api_versions, metadata};

use super::{Actor, any_place, channel, new_batch, note_sent, produce_request};
use crate::model::Broken;
use crate::sim::{Channel, Note, Received, Sim};

/// What one of them does.
#[derive(Debug, Clone, Copy)]
enum Habit {
    /// It connects again and again, and says nothing.
    Knocks,
    /// It begins requests and does not end them.
    Hesitates,
    /// It begins large ones, for which memory is taken.
    Hoards,
    /// It sends what is no request.
    Babbles,
    /// It asks and asks, and does not read the answers.
    Floods,
    /// It writes more than its quota allows.
    Overdraws,
}

pub struct Rude {
    channel: Channel,
    habit: Habit,
}

/// What no broker takes for a request: lengths that cannot be, an API that does not exist, a body that ends too early.
const NOISE: [&[u8]; 6] = [
    &[0xff, 0xff, 0xff, 0xff],
    &[0, 0, 0, 0],
    &[0x7f, 0xff, 0xff, 0xff, 1],
    &[0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
    &[0, 0, 0, 12, 0, 0, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0, 0],
    &[0, 0, 0, 2, 0, 1],
];

/// How a request of a million bytes begins, and how much of it comes at most.
const LENGTH: [u8; 4] = [0, 0x0f, 0x42, 0x40];
const HOARD_BYTES: usize = 60_000;

impl Rude {
    pub fn new(sim: &mut Sim, index: usize) -> Self {
        let habit = sim.dice.pick(&[Habit::Knocks, Habit::Hesitates, Habit::Hoards, Habit::Babbles, Habit::Floods]);
        Self { channel: channel(sim, format!("rude-{index}")), habit }
    }

    /// One of those for whom there is a quota.
    pub fn slow(sim: &mut Sim) -> Self {
        Self { channel: channel(sim, "slow"), habit: Habit::Overdraws }
    }
}

impl Actor for Rude {
    fn act(&mut self, sim: &mut Sim) -> Result<(), Broken> {
        while !matches!(sim.receive(&mut self.channel), Received::Nothing) {}
        match self.habit {
            Habit::Knocks => {
                if sim.dice.chance(300) {
                    sim.hang_up(&mut self.channel);
                }
                sim.connect(&mut self.channel);
            }
            Habit::Hesitates => {
                let count = sim.dice.between(1, 7);
                sim.send_raw(&mut self.channel, &[0, 0, 0x10, 0, 0, 0, 0][..count]);
                if sim.dice.chance(200) {
                    sim.hang_up(&mut self.channel);
                }
            }
            Habit::Hoards => {
                if self.channel.link.is_none() {
                    let mut bytes = vec![0; sim.dice.between(1_000, HOARD_BYTES)];
                    bytes[..LENGTH.len()].copy_from_slice(&LENGTH);
                    sim.send_raw(&mut self.channel, &bytes);
                }
                if sim.dice.chance(50) {
                    sim.hang_up(&mut self.channel);
                }
            }
            Habit::Babbles => {
                let version = sim.version(0, 2);
                sim.send(&mut self.channel, version, api_versions::Request::default(), Note::Nothing);
                if sim.dice.chance(300) {
                    let noise = sim.dice.pick(&NOISE);
                    sim.send_raw(&mut self.channel, noise);
                    // Whatever comes behind it is not read as a request any more.
                    self.channel.link = None;
                }
            }
            Habit::Floods => {
                let version = sim.version(1, 13);
                for _ in 0..sim.dice.between(1, 8) {
                    let request = metadata::Request { topics: None, ..Default::default() };
                    let request = metadata::Request { allow_auto_topic_creation: false, ..request };
                    sim.send(&mut self.channel, version, request, Note::Nothing);
                }
                let link = sim.connect(&mut self.channel);
                let steps = sim.dice.below(60);
                sim.net.borrow_mut().stall(link, u32::try_from(steps).expect("a few"));
            }
            Habit::Overdraws => {
                let Some((place, name)) = any_place(sim) else { return Ok(()) };
                let pieces = [(place, new_batch(sim, &name, place.1, None, false))];
                let version = sim.version(3, 13);
                let request = produce_request(sim, 1, None, &pieces);
                let batches = vec![pieces[0].1];
                let request = sim.send(&mut self.channel, version, request, Note::Batches(batches));
                note_sent(sim, request, &pieces);
            }
        }
        Ok(())
    }
}
