//! The figures as a picture: how far each is from its goal.
//!
//! ```text
//!   produce, 1 MB requests …   1.15   ≤ 1.2     ────●──┊
//!   fetch, 1 MiB answers …     2.40   ≤ 1.2            ┊  ──●──
//!                                          ½ of it    goal    2 times it
//! ```
//!
//! Each dot is a figure as a part of its goal, with a line from the best to the worst round. What is left of the goal is better
//! than it. The scale is logarithmic: half and twice are equally far from the goal.

use std::fmt::{self, Write};

use crate::measure::{Figure, Goal};
use crate::report;

const WIDTH: f64 = 1100.0;
const ROW_HEIGHT: f64 = 22.0;
const TOP: f64 = 64.0;
const MARGIN: f64 = 16.0;
/// Where the columns of numbers end, and where the scale begins and ends.
const FIGURE_END: f64 = 640.0;
const GOAL_END: f64 = 730.0;
const SCALE: (f64, f64) = (760.0, WIDTH - MARGIN);
/// The parts of the goal at the two ends of the scale.
const ENDS: (f64, f64) = (0.125, 8.0);
const TICKS: [(f64, &str); 7] =
    [(0.125, "⅛"), (0.25, "¼"), (0.5, "½"), (1.0, "goal"), (2.0, "2×"), (4.0, "4×"), (8.0, "8×")];

/// Where a part of the goal stands; what is beyond an end stands at it.
fn x(distance: f64) -> f64 {
    let share = (distance.clamp(ENDS.0, ENDS.1) / ENDS.0).ln() / (ENDS.1 / ENDS.0).ln();
    SCALE.0 + share * (SCALE.1 - SCALE.0)
}

pub fn draw(figures: &[Figure], origin: &str) -> Result<String, fmt::Error> {
    let figures: Vec<_> = figures.iter().filter(|figure| figure.goal != Goal::None).collect();
    let bottom = TOP + figures.len() as f64 * ROW_HEIGHT;
    let height = bottom + 28.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    text(
        &mut svg,
        MARGIN,
        24.0,
        "start",
        "#111",
        "What the broker takes, as a part of what was aimed at (left is better)",
    )?;
    for (distance, name) in TICKS {
        let (at, stroke) = (x(distance), if distance == 1.0 { "#333" } else { "#ddd" });
        writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{bottom:.1}\" stroke=\"{stroke}\"/>",
            TOP - 8.0
        )?;
        text(&mut svg, at, TOP - 14.0, "middle", "#555", name)?;
    }
    for (figure, nth) in figures.into_iter().zip(0..) {
        row(&mut svg, figure, TOP + f64::from(nth) * ROW_HEIGHT + ROW_HEIGHT / 2.0)?;
    }
    text(&mut svg, MARGIN, bottom + 18.0, "start", "#555", origin)?;
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// One figure: words, numbers, and where it stands.
fn row(svg: &mut String, figure: &Figure, y: f64) -> fmt::Result {
    let baseline = y + 4.0;
    text(svg, MARGIN, baseline, "start", "#111", &figure.work)?;
    text(svg, FIGURE_END, baseline, "end", "#111", &report::shown(figure.value, figure.unit))?;
    text(svg, GOAL_END, baseline, "end", "#555", &report::goal(figure))?;
    let [from, to, at] = [figure.min, figure.max, figure.value].map(|value| x(figure.goal.distance(value)));
    let color = if figure.is_met() { "#1a7f37" } else { "#cf222e" };
    writeln!(
        svg,
        "<line x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{to:.1}\" y2=\"{y:.1}\" stroke=\"{color}\" stroke-width=\"2\"/>"
    )?;
    writeln!(svg, "<circle cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{color}\"/>")
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, color: &str, words: &str) -> fmt::Result {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{color}\">{words}</text>")
}
