//! How much the broker takes of the machine, against the least that any server can take, and against other brokers.
//!
//! - `cargo bench` runs everything, in about eight minutes.
//! - `cargo bench -- NAME…` runs the rows with these names.
//! - `cargo bench -- --short` runs the shorter ones with less work, in less than a minute, and fails when a figure is twice as
//!   bad as its goal, twice in a row.
//! - `cargo bench -- --list` tells the names.
//!
//! Everything is started here, on the loopback address: the broker as the program that its users run, the limit
//! ([`limit`]), and the peers where they can be had. Servers run on one core and the client on another. What a server takes
//! is read from the system for its process alone, which is why this runs on Linux only. Each figure is a ratio of medians
//! ([`measure`]): a machine of another speed gives other times, but the same ratios.
//!
//! The client ([`load`], [`frames`]) sends requests that were built before, and checks what is answered. [`rows`] has the works.
//! The figures go to the screen as a table, to `target/bench/results.json`, and, of a whole run, into the picture
//! `tests/bench/results.svg` ([`report`], [`picture`]).

mod frames;
mod lab;
mod limit;
mod load;
mod machine;
mod measure;
mod peers;
mod picture;
mod process;
mod report;
mod rows;
mod shape;

// The tests' client and their way to make records and requests. Of these, a benchmark needs a part.
#[allow(dead_code)]
#[path = "../it/driver.rs"]
mod driver;
#[allow(dead_code)]
#[path = "../it/records.rs"]
mod records;
#[allow(dead_code)]
#[path = "../it/requests.rs"]
mod requests;
#[allow(dead_code)]
#[path = "../it/socket.rs"]
mod socket;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use crate::lab::{Extent, Lab};
use crate::measure::Figure;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a figure may miss its goal by in a short run, which is much less exact than a whole one.
const SHORT_MARGIN: f64 = 2.0;

fn main() -> ExitCode {
    // Cargo tells a benchmark that it is one.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let outcome = match arguments.split_first() {
        Some((first, role)) if first == limit::ROLE => limit::play(role).map(|()| true),
        _ => run(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the rows that the arguments name. Says whether all is well.
fn run(arguments: &[String]) -> Outcome<bool> {
    let (options, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.starts_with("--"));
    let mut extent = Extent::Whole;
    for option in options {
        match option.as_str() {
            "--short" => extent = Extent::Short,
            "--list" => {
                rows::ALL.iter().for_each(|row| println!("{:<20} {}", row.name, row.about));
                return Ok(true);
            }
            other => return Err(format!("there is no option {other}; --short and --list are all").into()),
        }
    }
    if let Some(unknown) = names.iter().find(|name| rows::ALL.iter().all(|row| row.name != name.as_str())) {
        return Err(format!("there is no row {unknown}; --list tells those that there are").into());
    }
    let mut lab = Lab::new(extent)?;
    for row in rows::ALL {
        let is_named = names.iter().any(|name| row.name == name.as_str());
        if is_named || names.is_empty() && lab.wants(row) {
            lab.run(row);
            // A machine has bad moments; what has become slow is slow in the next one too.
            if extent == Extent::Short && lab.figures.iter().any(|figure| figure.row == row.name && is_too_bad(figure))
            {
                lab.figures.retain(|figure| figure.row != row.name);
                lab.run(row);
            }
        }
    }
    report::write(&lab, names.is_empty() && extent == Extent::Whole)?;
    let bad = lab.figures.iter().filter(|figure| is_too_bad(figure));
    let is_bad =
        extent == Extent::Short && bad.inspect(|figure| eprintln!("too bad: {}", report::line(figure))).count() > 0;
    Ok(lab.failed.is_empty() && !is_bad)
}

fn is_too_bad(figure: &Figure) -> bool {
    figure.goal.distance(figure.value) > SHORT_MARGIN
}
