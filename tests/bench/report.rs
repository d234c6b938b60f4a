//! The figures: as a table, and for machines.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::Outcome;
use crate::lab::{Extent, Lab};
use crate::machine;
use crate::measure::{Figure, Goal, Unit};
use crate::picture;

/// When and where the figures were made.
pub fn origin() -> String {
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().map(|output| output.stdout).unwrap_or_default();
    format!("{}, {}", String::from_utf8_lossy(&date).trim(), machine::description())
}

/// Shows the table and writes `target/bench/results.json`, and the picture too if it is asked for.
pub fn write(lab: &Lab, draw: bool) -> Outcome<()> {
    let origin = origin();
    println!("\n{}", table(&lab.figures));
    lab.skipped.iter().for_each(|skipped| println!("skipped: {skipped}"));
    lab.failed.iter().for_each(|failed| println!("failed: {failed}"));
    println!("{origin}");
    fs::write(folder()?.join("results.json"), json(lab, &origin)?)?;
    if draw {
        let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/results.svg");
        fs::write(picture, picture::draw(&lab.figures, &origin)?)?;
    }
    Ok(())
}

/// Where files go that are made anew each time.
pub fn folder() -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The figures under the names of their columns.
fn table(figures: &[Figure]) -> String {
    let head = ["work", "goal", "figure", "min", "max", "verdict"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(figures.iter().map(columns)).collect();
    let widths: Vec<_> = (0..6).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Words stand at the left of their column, numbers at the right.
            text += &if at == 0 || at == 5 { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
        }
        text = text.trim_end().to_owned() + "\n";
    }
    text
}

/// One figure in a line.
pub fn line(figure: &Figure) -> String {
    let [work, goal, value, min, max, verdict] = columns(figure);
    let medians: Vec<_> = figure.medians.iter().map(|median| format!("{median:.4e}")).collect();
    let of = if medians.is_empty() { String::new() } else { format!("  = {}", medians.join(" / ")) };
    format!("{work}: {value} ({min} to {max}), goal {goal}: {verdict}{of}")
}

fn columns(figure: &Figure) -> [String; 6] {
    let number = |value| shown(value, figure.unit);
    let verdict = match figure.goal {
        Goal::None => "",
        _ if figure.is_met() => "met",
        _ => "missed",
    };
    [
        figure.work.clone(),
        goal(figure),
        number(figure.value),
        number(figure.min),
        number(figure.max),
        verdict.to_owned(),
    ]
}

/// What the figure should be.
pub fn goal(figure: &Figure) -> String {
    match figure.goal {
        Goal::AtMost(most) => format!("≤ {}", shown(most, figure.unit)),
        Goal::AtLeast(least) => format!("≥ {}", shown(least, figure.unit)),
        Goal::None => String::new(),
    }
}

/// A number with its unit.
pub fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Times => format!("{value:.2}"),
        Unit::Bytes if value >= 1e5 => format!("{:.2} MB", value / 1e6),
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Milliseconds => format!("{value:.1} ms"),
        Unit::Share => format!("{:.3} %", value * 100.0),
        Unit::Cases => format!("{value:.0}"),
    }
}

/// The same for machines. Texts here have no character that JSON would want written otherwise.
fn json(lab: &Lab, origin: &str) -> Outcome<String> {
    let short = lab.extent == Extent::Short;
    let mut text = format!("{{\n  \"origin\": {origin:?},\n  \"short\": {short},\n  \"figures\": [");
    let mut separator = "";
    for figure in &lab.figures {
        let Figure { row, work, value, min, max, unit, medians, .. } = figure;
        let goal = match figure.goal {
            Goal::AtMost(most) => format!("{{\"at_most\": {most}}}"),
            Goal::AtLeast(least) => format!("{{\"at_least\": {least}}}"),
            Goal::None => "null".to_owned(),
        };
        write!(
            text,
            "{separator}\n    {{\"row\": {row:?}, \"work\": {work:?}, \"goal\": {goal}, \"figure\": {value}, "
        )?;
        write!(text, "\"min\": {min}, \"max\": {max}, \"unit\": \"{unit:?}\", \"medians\": {medians:?}, ")?;
        write!(text, "\"met\": {}}}", figure.is_met())?;
        separator = ",";
    }
    writeln!(text, "\n  ],\n  \"skipped\": {:?},\n  \"failed\": {:?}\n}}", lab.skipped, lab.failed)?;
    Ok(text)
}
