//! Starting: how long until the first answer, and how much memory the broker needs for nothing.

use std::fs;
use std::process::Command;
use std::time::Instant;

use kafka_rs::wire::messages::api_versions;

use super::Row;
use crate::Outcome;
use crate::lab::Lab;
use crate::load::Client;
use crate::measure::{Figure, Goal, Unit, contest};
use crate::process::{self, Server};
use crate::socket::Socket;

/// How often each of the two is started: that is soon done, but takes very different times.
const STARTS: usize = 25;

pub static START: Row = Row {
    name: "start",
    about: "from exec to the first ApiVersions answer, against a bare program; memory and size of the program",
    is_short: false,
    run: |lab| {
        let mut bare = process::bare_command()?;
        let mut ours = || started(lab, &mut process::broker_command());
        let mut bare = || started(lab, &mut bare);
        let [[ours, ours_resident], [bare, bare_resident]] = contest(STARTS, [&mut ours, &mut bare])?;
        let work = "start: exec to the first ApiVersions answer, against a bare mio program";
        let figure = Figure::ratio(START.name, work, Goal::AtMost(1.5), &ours, &bare);
        lab.figures.push(figure);
        let above: Vec<_> = ours_resident.iter().zip(&bare_resident).map(|(ours, bare)| ours - bare).collect();
        let work = "idle: resident memory above that of a bare mio program";
        lab.figures.push(Figure::absolute(START.name, work, Goal::AtMost(1.5e6), Unit::Bytes, &above));
        let size = fs::metadata(process::broker_command().get_program())?.len() as f64;
        let work = "the stripped program";
        lab.figures.push(Figure::absolute(START.name, work, Goal::AtMost(3e6), Unit::Bytes, &[size]));
        Ok(())
    },
};

/// How many seconds a server takes to its first answer, and how many bytes it has then.
fn started(lab: &Lab, command: &mut Command) -> Outcome<[f64; 2]> {
    let started = Instant::now();
    let server = Server::start(lab.cores, command)?;
    let mut client = Client::connect(server.address)?;
    client.write(&Socket::frame(0, 0, &api_versions::Request::default()))?;
    client.answer()?;
    let took = started.elapsed();
    Ok([took.as_secs_f64(), server.memory()?.resident as f64])
}
