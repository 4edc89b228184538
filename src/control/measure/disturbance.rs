//! What other processes on the machine did to the figures: each with and without the stretches that they took.
//!
//! Steps and ticks are counted when they come; whether a stretch was disturbed is known a moment later
//! ([`crate::interference`]), so each series has columns for what was clear and what was marked that are filled in
//! then; what is not known, or not yet, is in neither. With and without are taken over the same batches, after the same
//! warm-up.

use crate::event::{Interference, Note, Num, ResourceSample, Why};
use crate::interference::{InterferenceWatch, Stretch};
use crate::stats::batches::total;
use crate::stats::{BatchSeries, Estimate, Part};
use std::collections::VecDeque;

/// Stretches that are remembered: 13 s at the usual pace. Steps come in messages of 0.1 s or so, or one by one.
const REMEMBERED: usize = 64;

/// Share of the time above which interference is the rule on this machine: nothing waits for its end then.
const MOSTLY: f64 = 0.5;

/// Share of the time that must have been clear for a figure of its own.
const LEAST_CLEAR: f64 = 0.05;

/// Change that is worth a word where no interval says what the noise is.
const WORTH_A_WORD: f64 = 0.05;

/// Change below which the figure with and the figure without are shown alike.
const SEEN: f64 = 5e-4;

/// What is known of a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Other processes took the machine for some of it.
    Taken,
    /// They did not.
    Clear,
    /// It cannot be told.
    Unknown,
}

/// The newest stretches of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    watch: InterferenceWatch,
    stretches: VecDeque<Stretch>,
    /// The whole run.
    pub(crate) sum: Interference,
}

impl Marks {
    /// Takes a tick.
    pub(crate) fn sample(&mut self, sample: &ResourceSample) {
        let Some(stretch) = self.watch.push(sample) else {
            return;
        };
        stretch.add_to(&mut self.sum);
        self.stretches.push_back(stretch);
        if self.stretches.len() > REMEMBERED {
            self.stretches.pop_front();
        }
    }

    /// The mark of a span; `None`: not yet known.
    pub(crate) fn of(&self, (from_ns, to_ns): (u64, u64)) -> Option<Mark> {
        let newest = self.stretches.back().filter(|last| last.to_ns >= to_ns)?;
        let overlapping = self
            .stretches
            .iter()
            .rev()
            .take_while(|stretch| stretch.to_ns > from_ns)
            .filter(|stretch| stretch.from_ns < to_ns);
        let (mut mark, mut since_ns) = (Mark::Clear, newest.to_ns);
        for stretch in overlapping {
            since_ns = stretch.from_ns;
            match stretch.taken {
                Some(true) => return Some(Mark::Taken),
                Some(false) => {}
                None => mark = Mark::Unknown,
            }
        }
        Some(if since_ns > from_ns { Mark::Unknown } else { mark })
    }

    /// Cores that others used in a span: what its stretches say, each by how much of the span it covers. `None` where some of
    /// it is not known. The machine is not read at every tick, so a span by itself says nothing of it.
    pub(crate) fn others(&self, (from_ns, to_ns): (u64, u64)) -> Option<f64> {
        let (mut seconds, mut covered_ns) = (0.0, 0);
        for stretch in &self.stretches {
            let overlap = stretch.to_ns.min(to_ns).saturating_sub(stretch.from_ns.max(from_ns));
            if overlap > 0 {
                seconds += stretch.others? * overlap as f64;
                covered_ns += overlap;
            }
        }
        (covered_ns > 0 && covered_ns == to_ns - from_ns).then(|| seconds / covered_ns as f64)
    }
}

/// Columns of time: all, clear and marked.
pub(crate) type TimeColumns = (usize, usize, usize);

/// Where a series keeps what: columns of amount and weight while it was clear, and of time: all, clear and marked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) clear: (usize, usize),
    pub(crate) time: TimeColumns,
}

/// Whether the first `cut` batches were clear and others took most of the rest: what differs then is their doing.
pub(crate) fn set_in<const N: usize>(
    series: &BatchSeries<N>,
    cut: usize,
    (time, clear_time, marked_time): TimeColumns,
) -> bool {
    let mostly = |parts: &[Part]| total(parts).ratio().is_some_and(|share| share > MOSTLY);
    mostly(&series.parts(clear_time, time)[..cut])
        && mostly(&series.parts(marked_time, time)[cut..])
}

/// Interference in the window of an estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Disturbance {
    /// Share of the window's time of which it is known, above 0.
    share: f64,
    /// The figure of the rest; `None` where there is none.
    without: Option<f64>,
}

impl Disturbance {
    /// That of a series after its first `cut` batches; `None` where nothing is marked. Where these were `quiet` the figure
    /// without is that of all that was clear.
    pub(crate) fn of<const N: usize>(
        series: &BatchSeries<N>,
        cut: usize,
        quiet: bool,
        columns: Columns,
    ) -> Option<Self> {
        let sum = |from: usize, amount, weight| total(&series.parts(amount, weight)[from..]);
        let (time, clear_time, marked_time) = columns.time;
        // The newest steps are not marked yet: of them nothing is said.
        let (clear, marked) =
            (sum(cut, clear_time, time).amount, sum(cut, marked_time, time).amount);
        let share = Part { amount: marked, weight: clear + marked }.ratio()?;
        if share <= 0.0 {
            return None;
        }
        let from = if quiet { 0 } else { cut };
        let enough = quiet || sum(from, clear_time, time).ratio()? >= LEAST_CLEAR;
        let clear = sum(from, columns.clear.0, columns.clear.1);
        let without = clear.ratio().filter(|_| enough);
        Some(Self { share, without })
    }

    /// The same with what another makes of the figure without, if there is one.
    pub(crate) fn map(self, figure: impl FnOnce(f64) -> Option<f64>) -> Self {
        Self { without: self.without.and_then(figure), ..self }
    }

    /// Why the figure is not known: it would be another one without the marked stretches. A machine that is disturbed
    /// most of the time is measured as it is.
    pub(crate) fn blocks(&self, value: f64, most: f64) -> Option<Why> {
        let change = self.without? - value;
        (self.share <= MOSTLY && change.abs() > most).then(|| Why::Disturbed {
            share: Num(self.share),
            change: Num(change / value.abs().max(f64::MIN_POSITIVE)),
        })
    }

    /// Whether others may have decided the figure though nothing waits for their end: on a machine that is disturbed most of
    /// the time it is another one without the marked stretches, by more than `most`; or there is none without, and the run
    /// waited for a core for more than `within` of the time in which it wanted one (`waited`), or nobody knows.
    pub(crate) fn decides(&self, value: f64, most: f64, waited: Option<f64>, within: f64) -> bool {
        let differs = || match self.without {
            Some(without) => (without - value).abs() > most,
            None => waited.is_none_or(|waited| waited > within),
        };
        self.share > MOSTLY && differs()
    }

    /// What a reader must know; nothing where the marked stretches make no difference beyond the noise. `decides`: whether that
    /// keeps the figure from being known.
    pub(crate) fn note(&self, estimate: &Estimate, decides: bool) -> Option<Note> {
        let differs = |without: &f64| {
            let change = (without - estimate.value).abs();
            let seen = change > SEEN * estimate.value.abs();
            seen && match estimate.interval {
                Some(interval) => !interval.contains(*without),
                None => change > WORTH_A_WORD * estimate.value.abs(),
            }
        };
        let without = self.without.filter(differs).map(Num);
        let (share, mostly) = (Num(self.share), self.share > MOSTLY);
        let told = without.is_some() || mostly;
        told.then_some(Note::Disturbed { share, without, mostly, decides })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::HostReading;
    use crate::stats::Interval;

    /// Readings every 100 ms; in each stretch others used so many milliseconds, or nothing is known.
    fn marks(others: &[Option<u64>]) -> Marks {
        let mut marks = Marks::default();
        let (mut busy, mut seen) = (0, Some(0));
        for i in 0..=others.len() as u64 {
            marks.sample(&ResourceSample {
                t_ns: i * 100_000_000,
                cpu_ns: Some(0),
                host: HostReading {
                    busy_ns: seen,
                    // Something changes at every reading.
                    io_pressure_ns: Some(i),
                    ..HostReading::default()
                },
                ..ResourceSample::default()
            });
            if let Some(next) = others.get(usize::try_from(i).unwrap()) {
                busy += next.unwrap_or(0) * 1_000_000;
                seen = next.map(|_| busy);
            }
        }
        marks
    }

    #[test]
    fn a_span_is_marked_if_any_of_it_was_taken() {
        let marks = marks(&[Some(0), Some(90), Some(0), None, Some(0), Some(0)]);
        for (from, to, mark) in [
            (0, 100, Some(Mark::Clear)),
            (50, 101, Some(Mark::Taken)),
            (199, 250, Some(Mark::Taken)),
            (200, 300, Some(Mark::Clear)),
            // The counters are cumulative: the reading after a gap tells of it.
            (310, 420, Some(Mark::Clear)),
            (510, 590, Some(Mark::Clear)),
            (590, 610, None),
        ] {
            let ns = |ms: u64| ms * 1_000_000;
            assert_eq!(marks.of((ns(from), ns(to))), mark, "{from} to {to}");
        }
    }

    #[test]
    fn what_others_used_is_shared_out_over_the_stretches_that_tell_it() {
        let marks = marks(&[Some(0), Some(90), Some(10), None, Some(0), Some(0)]);
        for (from, to, cores) in [
            (0, 100, Some(0.0)),
            (100, 200, Some(0.9)),
            (150, 250, Some(0.5)),
            (0, 200, Some(0.45)),
            // It is not over yet.
            (500, 610, None),
        ] {
            let ns = |ms: u64| ms * 1_000_000;
            let found = marks.others((ns(from), ns(to)));
            let near = |(found, cores): (f64, f64)| (found - cores).abs() < 1e-9;
            assert_eq!(found.is_some(), cores.is_some(), "{from} to {to}");
            assert!(found.zip(cores).is_none_or(near), "{from} to {to}: {found:?}");
        }
    }

    #[test]
    fn what_is_forgotten_is_unknown_and_memory_is_bounded() {
        let marks = marks(&vec![Some(0); 1000]);
        assert_eq!(marks.stretches.len(), REMEMBERED);
        assert_eq!(marks.of((1, 2)), Some(Mark::Unknown));
        assert_eq!(Marks::default().of((1, 2)), None);
    }

    #[test]
    fn only_a_difference_is_worth_a_word() {
        let estimate = |half| Estimate {
            value: 4000.0,
            interval: Some(Interval::around(4000.0, half)),
            samples: 9,
        };
        let disturbance = |share, without| Disturbance { share, without };
        let disturbed = |share, without: Option<f64>, mostly| {
            let (share, without) = (Num(share), without.map(Num));
            Some(Note::Disturbed { share, without, mostly, decides: false })
        };
        for (found, half, note, blocks) in [
            (disturbance(0.123, Some(4710.0)), 100.0, disturbed(0.123, Some(4710.0), false), true),
            (disturbance(0.123, Some(4710.0)), 800.0, None, true),
            (disturbance(0.002, Some(4050.0)), 100.0, None, false),
            (disturbance(0.002, Some(4150.0)), 100.0, disturbed(0.002, Some(4150.0), false), false),
            (disturbance(0.62, Some(4710.0)), 100.0, disturbed(0.62, Some(4710.0), true), false),
            (disturbance(1.0, None), 100.0, disturbed(1.0, None, true), false),
        ] {
            assert_eq!(found.note(&estimate(half), false), note);
            assert_eq!(found.blocks(4000.0, 200.0).is_some(), blocks, "{found:?}");
        }
    }

    #[test]
    fn others_decide_a_figure_of_which_nothing_says_that_they_do_not() {
        for (share, without, waited, decides) in [
            (0.4, Some(4710.0), Some(0.3), false),
            (0.6, Some(4710.0), Some(0.0), true),
            (0.6, Some(4100.0), Some(0.3), false),
            (1.0, None, Some(0.3), true),
            (1.0, None, Some(0.04), false),
            (1.0, None, None, true),
        ] {
            let found = Disturbance { share, without };
            let decided = found.decides(4000.0, 200.0, waited, 0.05);
            assert_eq!(decided, decides, "{found:?} {waited:?}");
        }
    }
}
