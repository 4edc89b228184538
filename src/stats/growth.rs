//! Whether a gauge grows: a plateau against a slow leak.
//!
//! # The bound
//!
//! A [`LineFit`] is fitted to the newer half of the stage, with 2.5 standard errors added to the correlation of its
//! residuals: over the first seconds correlation cannot be told from a slope. A gauge that moves in steps may have growth
//! that no step has shown yet, so the bound is never below three steps in the time watched (the rule of three).
//!
//! # Repeated looks
//!
//! A bound that is looked at whenever somebody likes must hold at all looks at once. Its level is spent over the octaves
//! of the age: the `j`-th doubling gets a share of `1 / (j (j + 1))`, which adds up to 1 however long the stage (the
//! union bound with a spending function, as in Lan and `DeMets` 1983); half of it pays for the looks within an octave,
//! which share most of their data. Growth itself is tested at *checks*, each an eighth later than the one before it,
//! whoever looks in between.
//!
//! # What is no leak
//!
//! Memory is no line with noise. A check looks at the newest three quarters of the stage and says *growing* if beside
//! the significant slope
//! - neither one nor two sudden steps explain the groups better than the line, by Schwarz's criterion (BIC): a jump that
//!   happened once, or a second one, is no growth that goes on. A leak by steps is seen when the window holds three;
//! - the groups never fall by more than half of the line's rise: what a collector takes away again is no leak;
//! - the newer half of the window still rises at least half as fast: the start of a stage that fills its caches is over;
//! - before 300 readings, the line rises by more than a record (1%): wobble that lasts a second looks like
//!   a line over a few seconds.
//!
//! # Figures
//!
//! 1,000 series of each kind, a reading every 0.1 s, noise of 0.2% that is white, AR(1) 0.5 and AR(1) 0.9, looked at every
//! 0.1 s or 5% of the age (`cargo test figures -- --ignored`). The constants were chosen on other seeds of the same kinds:
//! - growth of 1% a minute is reported within two minutes in 100%, 100% and 97% of them, and the newest check at the end
//!   of these says so in 100%, 99.5% and 85%; as a staircase with a step every 5 or 12 s alike;
//! - flat over ten minutes is ever called growing in 0, 0 and 0.4%;
//! - the bound is below the truth at any look of ten minutes in 1.5, 3 and 4.8%; it was in 16, 39 and 62% of those other
//!   seeds where the correlation is taken as it was found;
//! - a sawtooth of 10% every 3 or 11 s is called growing until the stage is a tooth old, not at the end; a jump in at most
//!   0.1%; a ramp and a filling cache while they rise, and not at the end of two minutes.
//!
//! What it cannot see: growth that begins later, or that comes in steps rarer than a third of the window.

use super::batches::BatchSeries;
use super::line::{LineFit, grouped, least_squares, residuals};
use super::ratio::MIN_GROUPS;

/// A value this much above the last record, as a share, is a new record: allocators wobble by less.
pub(super) const RECORD: f64 = 0.01;

/// Batches of a watched gauge.
const CAPACITY: usize = 256;

/// Readings before the first check, and where the first octave of looks begins.
const FIRST: u64 = 20;

/// Readings from which on a significant slope is enough.
const SURE: u64 = 300;

/// Checks before that; each gets an equal share of their half of [`FALSE_ALARM`].
const EARLY: f64 = 24.0;

/// Share of the stage that a check looks at.
const CHECKED: f64 = 0.75;

/// Share of the stage that the bound rests on.
const BOUNDED: f64 = 0.5;

/// Nominal chance that a flat gauge is ever called growing.
const FALSE_ALARM: f64 = 0.008;

/// Standard errors that are added to the correlation for the bound.
const CAUTION: f64 = 2.5;

/// The same for a check, which has more to see and guards of its own; chosen together with [`SURE`] so that AR(1) 0.9
/// stays below 1% of false alarms.
const CHECK_CAUTION: f64 = 0.5;

/// Steps in a counter's quanta that may come by chance when none was seen, at 95% (the rule of three, Hanley and
/// Lippman-Hand 1983: `-ln 0.05`).
const UNSEEN: f64 = 3.0;

/// Whether the groups look like growth that goes on; see the head of this module.
fn goes_on(points: &[(f64, f64)], slope: f64) -> bool {
    let groups = grouped(points, MIN_GROUPS);
    let [first, .., last] = &groups[..] else {
        return false;
    };
    let rise = slope * (last.0 - first.0);
    let newer = least_squares(&groups[groups.len() / 2..]);
    !falls_by(&groups, rise / 2.0)
        && newer.is_some_and(|(newer, _)| newer >= slope / 2.0)
        && !is_stepped(&groups, slope)
}

/// Whether a group lies this far below an older one.
fn falls_by(groups: &[(f64, f64)], much: f64) -> bool {
    let mut highest = f64::NEG_INFINITY;
    groups.iter().any(|group| {
        highest = highest.max(group.1);
        highest - group.1 > much
    })
}

/// Whether one or two steps explain the groups better than the line, by Schwarz's criterion: a level costs one
/// parameter, and so does the place of a step.
fn is_stepped(groups: &[(f64, f64)], slope: f64) -> bool {
    let m = groups.len() as f64;
    let line: f64 = residuals(groups, slope).iter().map(|e| e * e).sum();
    // A hair of rounding in what fits exactly.
    let hair = groups.iter().map(|g| g.1 * g.1).sum::<f64>() * 1e-20;
    let criterion = |squares: f64, parameters: f64| m * (squares + hair).ln() + parameters * m.ln();
    let values: Vec<f64> = groups.iter().map(|group| group.1).collect();
    let spread = |from: usize, to: usize| {
        let part = &values[from..to];
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        part.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>()
    };
    let all = values.len();
    let (mut one, mut two) = (f64::INFINITY, f64::INFINITY);
    for i in 1..all {
        let before = spread(0, i);
        one = one.min(before + spread(i, all));
        for j in i + 1..all {
            two = two.min(before + spread(i, j) + spread(j, all));
        }
    }
    criterion(one, 3.0).min(criterion(two, 5.0)) < criterion(line, 2.0)
}

/// Follows a gauge through one stage, in bounded memory.
#[derive(Debug, Clone)]
pub struct GrowthWatch {
    /// Value-seconds, seconds, time-seconds since the first reading.
    series: BatchSeries<3>,
    began_s: Option<f64>,
    largest: f64,
    /// Readings at which the next check is due.
    next: u64,
    growing: Option<f64>,
}

impl Default for GrowthWatch {
    fn default() -> Self {
        Self {
            series: BatchSeries::new(CAPACITY),
            began_s: None,
            largest: 0.0,
            next: FIRST,
            growing: None,
        }
    }
}

impl GrowthWatch {
    /// Adds the mean over an interval, with the interval's middle and length in seconds.
    pub fn push(&mut self, (at_s, length_s): (f64, f64), mean: f64) {
        let began = *self.began_s.get_or_insert(at_s);
        self.largest = self.largest.max(mean);
        let row = [mean * length_s, length_s, (at_s - began) * length_s];
        self.series.push(row);
        if self.series.observations() >= self.next {
            self.check();
        }
    }

    /// Readings so far.
    pub fn readings(&self) -> u64 {
        self.series.observations()
    }

    /// Change per second, if the newest check found that it grows.
    pub fn growing(&self) -> Option<f64> {
        self.growing
    }

    /// Upper end of the slope's two-sided interval, per second: for this one look, as the intervals of all metrics are.
    /// `None` where there is too little to tell.
    pub fn nominal(&self, confidence: f64) -> Option<f64> {
        let line = LineFit::fit(&self.newest(BOUNDED), 0.0)?;
        Some(line.end((1.0 - confidence) / 2.0, 1.0))
    }

    /// Change per second that is not exceeded, at this confidence for all looks together, whoever looks when.
    /// `quantum`: the steps in which the gauge moves; what moves less often than it was watched has not been seen.
    /// `None` where there is too little to tell.
    pub fn bound(&self, confidence: f64, quantum: f64) -> Option<f64> {
        let points = self.newest(BOUNDED);
        let line = LineFit::fit(&points, CAUTION)?;
        let octave = octave(self.series.observations(), FIRST);
        let high = line.end(spent((1.0 - confidence) / 2.0, octave), 1.0);
        Some(high.max(UNSEEN * quantum / watched(&points)))
    }

    fn check(&mut self) {
        let readings = self.series.observations();
        self.next = self.next.saturating_add((self.next / 8).max(1));
        let (level, least) = if readings < SURE {
            (FALSE_ALARM / 2.0 / EARLY, RECORD * self.largest)
        } else {
            (spent(FALSE_ALARM / 2.0, octave(readings, SURE)), 0.0)
        };
        let points = self.newest(CHECKED);
        let found = LineFit::fit(&points, CHECK_CAUTION).filter(|line| {
            line.slope * watched(&points) > least
                && line.end(level, -1.0) > 0.0
                && goes_on(&points, line.slope)
        });
        self.growing = found.map(|line| line.slope);
    }

    /// Time and value of each batch of the newest share of the time.
    fn newest(&self, share: f64) -> Vec<(f64, f64)> {
        let (values, times) = (self.series.parts(0, 1), self.series.parts(2, 1));
        let wanted = values.iter().map(|part| part.weight).sum::<f64>() * share;
        let mut weight = 0.0;
        let from = values.iter().rposition(|part| {
            weight += part.weight;
            weight > wanted * (1.0 + 1e-9)
        });
        let from = from.map_or(0, |at| at + 1);
        let points = times[from..].iter().zip(&values[from..]);
        points.filter_map(|(time, value)| Some((time.ratio()?, value.ratio()?))).collect()
    }
}

/// Seconds from the first to the last point.
fn watched(points: &[(f64, f64)]) -> f64 {
    match points {
        [first, .., last] => last.0 - first.0,
        _ => 0.0,
    }
}

/// How often the number of readings has doubled since the first, from 1.
fn octave(readings: u64, first: u64) -> u32 {
    (readings / first).max(1).ilog2() + 1
}

/// The part of a level of error that the `j`-th of endlessly many octaves may use.
fn spent(level: f64, j: u32) -> f64 {
    let j = f64::from(j);
    level / (j * (j + 1.0))
}

#[cfg(test)]
mod tests;
