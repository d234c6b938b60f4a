//! Ten thousand connections on which nothing happens.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use kafka_rs::wire::messages::api_versions;

use super::Row;
use crate::Outcome;
use crate::measure::{Figure, Goal, Unit, contest};
use crate::process::Server;
use crate::shape::Shape;
use crate::socket::Socket;

const TOPIC: &str = "busy";
const IDLE: usize = 10_000;
/// For how long nothing happens.
const SILENCE: Duration = Duration::from_secs(5);

pub static IDLE_10_000: Row = Row {
    name: "idle",
    about: "10,000 idle connections",
    is_short: false,
    run: |lab| {
        let mut alone = lab.broker_to_fill(TOPIC, Shape::One)?;
        let mut beside = lab.broker_to_fill(TOPIC, Shape::One)?;
        let before = beside.server.memory()?.anonymous;
        let idle: Vec<_> = (0..IDLE).map(|_| quiet_connection(beside.server.address)).collect();
        let each = (beside.server.memory()?.anonymous - before) as f64 / IDLE as f64;
        let work = "10,000 idle connections: memory of each in user space";
        lab.figures.push(Figure::absolute(IDLE_10_000.name, work, Goal::AtMost(1024.0), Unit::Bytes, &[each]));

        let silence: Vec<_> =
            (0..lab.rounds().min(3)).map(|_| share_in_silence(&beside.server)).collect::<Outcome<_>>()?;
        let count = lab.work(8_000);
        alone.round_trips(count / 4)?;
        beside.round_trips(count / 4)?;
        let mut beside = || Ok([beside.round_trips(count)?.0]);
        let mut alone = || Ok([alone.round_trips(count)?.0]);
        let [[beside], [alone]] = contest(lab.rounds(), [&mut beside, &mut alone])?;
        let work = "10,000 idle connections: CPU per request of a busy one beside them, against none";
        lab.figures.push(Figure::ratio(IDLE_10_000.name, work, Goal::AtMost(1.05), &beside, &alone));
        let work = "10,000 idle connections: CPU when nothing happens, as a share of a core";
        lab.figures.push(Figure::absolute(IDLE_10_000.name, work, Goal::AtMost(0.001), Unit::Share, &silence));
        drop(idle);
        Ok(())
    },
};

/// A connection over which one request has gone, as over those of clients that have looked whom they speak to.
fn quiet_connection(address: SocketAddr) -> Socket {
    let mut socket = Socket::connect(address);
    socket.ask(0, &api_versions::Request::default());
    socket
}

fn share_in_silence(server: &Server) -> Outcome<f64> {
    let cpu = server.cpu()?;
    thread::sleep(SILENCE);
    Ok((server.cpu()? - cpu).as_secs_f64() / SILENCE.as_secs_f64())
}
