//! One seed from its beginning to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kafka_rs::wire::messages::describe_groups;

use crate::clients::{self, Crew};
use crate::exchange::Answer;
use crate::model::{Broken, ensure};
use crate::sim::{Counts, Sim, note};

/// How many steps it takes at most until nothing moves any more.
const CALM_STEPS_MAX: usize = 100_000;
/// In so many hops of so many milliseconds everything that waits comes to its end.
const HOPS: usize = 30;
const HOP_MS: u64 = 60_000;

/// Runs a seed; the error says what went against the rules.
pub fn run(seed: u64, tracing: bool) -> Result<Counts, Broken> {
    let outcome = catch_unwind(AssertUnwindSafe(|| play(seed, tracing)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned())
    })
}

fn play(seed: u64, tracing: bool) -> Result<Counts, Broken> {
    let mut sim = Sim::new(seed, tracing);
    let mut crew: Crew = clients::crew(&mut sim);
    for step in 0..sim.plan.steps {
        for _ in 0..sim.dice.between(1, 3) {
            let index = sim.dice.below(crew.len());
            crew[index].act(&mut sim)?;
            crew.append(&mut sim.newborn);
        }
        sim.step()?;
        if sim.plan.stop_step == Some(step) {
            stop(&mut sim)?;
            return Ok(sim.counts);
        }
    }
    settle(&mut sim)?;
    stop(&mut sim)?;
    Ok(sim.counts)
}

/// Nothing goes wrong any more and nobody asks for anything new: whatever waits comes to an end.
fn settle(sim: &mut Sim) -> Result<(), Broken> {
    note!(*sim, "from now on nothing goes wrong");
    sim.calm_down();
    rest(sim)?;
    for _ in 0..HOPS {
        sim.pass(HOP_MS);
        sim.step()?;
    }
    rest(sim)?;
    let left = sim.unanswered();
    ensure!(left.is_empty(), "never answered: {left:?}");
    ensure!(sim.is_open(), "somebody knocks, there is room, and nobody opens");
    check_groups(sim)?;
    sim.audit_everything()?;
    sim.audit_relief()
}

/// Goes on until nothing moves.
fn rest(sim: &mut Sim) -> Result<(), Broken> {
    let mut steps = 0;
    while !sim.is_at_rest() {
        sim.step()?;
        steps += 1;
        ensure!(steps < CALM_STEPS_MAX, "there is no rest: {:?}", sim.unanswered());
    }
    Ok(())
}

/// All members have been silent for so long that none is left.
fn check_groups(sim: &mut Sim) -> Result<(), Broken> {
    let groups: Vec<_> = sim.model.groups.keys().cloned().collect();
    let request = describe_groups::Request { groups, ..Default::default() };
    let Answer::DescribeGroups(response) = sim.ask(5, request) else { unreachable!("it is what was asked") };
    for group in response.groups {
        let members = &group.members;
        ensure!(members.is_empty(), "{} is {} with {members:?}", group.group_id, group.group_state);
    }
    Ok(())
}

/// The broker is told to stop: within its time it has let go of everybody.
fn stop(sim: &mut Sim) -> Result<(), Broken> {
    sim.stop()?;
    let limit = Duration::from_millis(sim.shutdown_ms());
    while !sim.is_done() {
        sim.step()?;
        let elapsed = sim.stopping_for();
        if elapsed >= limit {
            sim.run_turn()?;
            ensure!(sim.is_done(), "it has not stopped after {elapsed:?}");
        }
        sim.pass(1);
    }
    Ok(())
}
