//! Contests: who takes part does the same work in turn, round after round, and what comes out is a ratio of medians.
//!
//! A machine has slow and fast minutes. Since the contenders take turns (A B A B …), both see the same ones, and a ratio says more
//! than either number. The least and the largest ratio of a single round are told with it.

use crate::Outcome;

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// The figure is only shown.
    None,
}

impl Goal {
    /// How far a figure is from its goal: 1 is just good enough, 2 is twice as bad, 0.5 twice as good.
    pub fn distance(self, value: f64) -> f64 {
        match self {
            Self::AtMost(_) if value <= 0.0 => 0.0,
            Self::AtMost(most) => value / most,
            Self::AtLeast(least) => least / value,
            Self::None => 0.0,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Figure {
    pub row: &'static str,
    /// What is done, and what of it is measured.
    pub work: String,
    pub goal: Goal,
    pub value: f64,
    pub min: f64,
    pub max: f64,
    pub unit: Unit,
    /// The medians that a ratio was made of, the broker's first.
    pub medians: Vec<f64>,
}

/// What the numbers of a figure count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of times what it is compared with.
    Times,
    Bytes,
    Milliseconds,
    /// A share of one core.
    Share,
    /// Cases that should not be.
    Cases,
}

impl Figure {
    /// The quotient of two series: the first is the broker's.
    pub fn ratio(row: &'static str, work: impl Into<String>, goal: Goal, ours: &[f64], theirs: &[f64]) -> Self {
        let rounds: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let medians = vec![median(ours), median(theirs)];
        let value = medians[0] / medians[1];
        Self { value, medians, ..Self::absolute(row, work, goal, Unit::Times, &rounds) }
    }

    /// A number that needs no comparison.
    pub fn absolute(row: &'static str, work: impl Into<String>, goal: Goal, unit: Unit, series: &[f64]) -> Self {
        let min = series.iter().copied().fold(f64::INFINITY, f64::min);
        let max = series.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { row, work: work.into(), goal, value: median(series), min, max, unit, medians: Vec::new() }
    }

    pub fn is_met(&self) -> bool {
        self.goal.distance(self.value) <= 1.0
    }
}

pub fn median(series: &[f64]) -> f64 {
    quantile(series, 0.5)
}

/// The number that such a share of the series lies below.
pub fn quantile(series: &[f64], share: f64) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// What one contender does in a round; it gives as many numbers as the contest is about.
pub type Contender<'a, const M: usize> = &'a mut dyn FnMut() -> Outcome<[f64; M]>;

/// Lets the contenders work in turn. Gives, for each of them, a series for each of the `M` numbers.
pub fn contest<const N: usize, const M: usize>(
    rounds: usize,
    mut contenders: [Contender<'_, M>; N],
) -> Outcome<[[Vec<f64>; M]; N]> {
    let mut series: [[Vec<f64>; M]; N] = std::array::from_fn(|_| std::array::from_fn(|_| Vec::new()));
    for _ in 0..rounds {
        for (work, series) in contenders.iter_mut().zip(&mut series) {
            for (number, series) in work()?.into_iter().zip(series) {
                series.push(number);
            }
        }
    }
    Ok(series)
}
