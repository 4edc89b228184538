//! How training goes on: when it began, what an epoch holds, what lies between two epochs, and the accuracy reached.

use super::figure::Figure;
use crate::event::{EpochReport, Note, Num, Phase, StepBatch};
use crate::stats::distribution::student_t;

/// Follows the epochs of a training.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    first_step_ns: Option<u64>,
    /// The end of the last whole epoch.
    last_end_ns: Option<u64>,
    /// Since when the current epoch lasts; `None` outside of training.
    epoch_since_ns: Option<u64>,
    /// Time of the steps of the current epoch, in nanoseconds.
    steps_ns: u64,
    /// Samples of an epoch, as the worker announced them.
    announced: Option<f64>,
    /// The same as the last whole epoch had them.
    counted: Option<u64>,
    between: Option<Between>,
    best: Option<Reached>,
    reached: Option<Reached>,
}

/// An accuracy on the validation data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reached {
    pub(crate) accuracy: f64,
    pub(crate) epoch: u32,
    /// Time in training until then, in seconds.
    pub(crate) after_s: f64,
}

/// The time of an epoch that is not that of its steps: validation, shuffling. By Welford's method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Between {
    epochs: u32,
    mean_s: f64,
    /// Squared distances from the mean.
    squares: f64,
}

impl Between {
    fn push(&mut self, seconds: f64) {
        self.epochs = self.epochs.saturating_add(1);
        let away = seconds - self.mean_s;
        self.mean_s += away / f64::from(self.epochs);
        self.squares += away * (seconds - self.mean_s);
    }

    /// Half-width of the mean's interval, Student's; of a single epoch, and at most, as much as the mean itself, since
    /// there may be none of it and nobody knows better.
    fn half_s(&self, confidence: f64) -> f64 {
        if self.epochs < 2 {
            return self.mean_s;
        }
        let n = f64::from(self.epochs);
        let error = (self.squares / ((n - 1.0) * n)).sqrt();
        if error > 0.0 { (student_t(confidence, n - 1.0) * error).min(self.mean_s) } else { 0.0 }
    }
}

/// The whole training that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Budget {
    pub(crate) epochs: u32,
    /// Samples of one epoch.
    pub(crate) samples: f64,
    between: Option<Between>,
}

impl Budget {
    /// The time of it, in seconds, from that of a sample in the steps and that between two epochs.
    pub(crate) fn whole_s(&self, sample_s: f64, between_s: f64) -> f64 {
        f64::from(self.epochs) * (self.samples * sample_s + between_s)
    }

    /// Epochs whose time between was seen.
    pub(crate) fn seen(&self) -> u32 {
        self.between.map_or(0, |between| between.epochs)
    }

    /// Mean time between two epochs and the half-width of its interval, in seconds; nothing before the first is over.
    pub(crate) fn between_s(&self, confidence: f64) -> Option<(f64, f64)> {
        let between = self.between?;
        Some((between.mean_s, between.half_s(confidence)))
    }

    /// The least and the most that the mean time between two epochs may be, each wrong with a probability of at most
    /// `alpha` over all epochs together: after epoch `k` with `alpha / k (k + 1)`, which add up to `alpha`.
    pub(crate) fn between_at_all_times(&self, alpha: f64) -> Option<(f64, f64)> {
        let k = f64::from(self.seen());
        let (mean, half) = self.between_s(1.0 - 2.0 * alpha / (k * (k + 1.0)))?;
        Some(((mean - half).max(0.0), mean + half))
    }
}

impl Pace {
    /// Takes the beginning of a phase.
    pub(crate) fn phase(&mut self, phase: Phase, t_ns: u64) {
        match phase {
            Phase::Train if self.epoch_since_ns.is_none() => {
                self.epoch_since_ns = Some(t_ns);
                self.steps_ns = 0;
            }
            Phase::Train | Phase::Validate => {}
            _ => self.epoch_since_ns = None,
        }
    }

    /// Takes training steps.
    pub(crate) fn steps(&mut self, batch: &StepBatch) {
        self.first_step_ns.get_or_insert(batch.start_ns);
        let took: u64 = batch.dur_ns.iter().sum();
        self.steps_ns = self.steps_ns.saturating_add(took);
    }

    /// Takes what the worker says of the samples of an epoch.
    pub(crate) fn announced(&mut self, samples: Num) {
        self.announced = samples.finite().filter(|samples| *samples > 0.0);
    }

    /// Takes an epoch that ended at `t_ns`.
    pub(crate) fn epoch(&mut self, report: &EpochReport, t_ns: u64, target: Option<f64>) {
        self.counted = Some(report.samples).filter(|samples| *samples > 0);
        if let Some(since_ns) = self.epoch_since_ns.replace(t_ns) {
            let whole_ns = t_ns.saturating_sub(since_ns);
            let rest_s = whole_ns.saturating_sub(self.steps_ns) as f64 * 1e-9;
            let none = Between { epochs: 0, mean_s: 0.0, squares: 0.0 };
            self.between.get_or_insert(none).push(rest_s);
        }
        self.steps_ns = 0;
        self.last_end_ns = Some(t_ns);
        let Some(accuracy) = report.validation_accuracy.and_then(Num::finite) else {
            return;
        };
        let since_ns = self.first_step_ns.unwrap_or(t_ns);
        let found = Reached {
            accuracy,
            epoch: report.epoch,
            after_s: t_ns.saturating_sub(since_ns) as f64 * 1e-9,
        };
        if self.best.is_none_or(|best| accuracy > best.accuracy) {
            self.best = Some(found);
        }
        if target.is_some_and(|target| accuracy >= target) {
            self.reached.get_or_insert(found);
        }
    }

    /// The start of the first step.
    pub(crate) fn first_step_ns(&self) -> Option<u64> {
        self.first_step_ns
    }

    /// From the first step to the end of the last whole epoch, in seconds.
    pub(crate) fn epochs_s(&self) -> Option<f64> {
        let took_ns = self.last_end_ns?.saturating_sub(self.first_step_ns?);
        Some(took_ns as f64 * 1e-9)
    }

    /// The first accuracy that was the target or above.
    pub(crate) fn reached(&self) -> Option<Reached> {
        self.reached
    }

    /// The time to a target accuracy; `spent_s`: the time in training until now, if it has begun.
    pub(crate) fn to_target(&self, target: Option<f64>, spent_s: Option<f64>) -> Figure {
        let Some(target) = target else {
            return Figure::missing(Note::NoTarget);
        };
        let target = Num(target);
        if let Some(Reached { accuracy, epoch, after_s }) = self.reached {
            let reached = Note::TargetReached { accuracy: Num(accuracy), epoch, target };
            return Figure::exact(after_s, 1).noted([reached]);
        }
        let best = self.best.filter(|_| spent_s.is_some());
        let best = best.map(|best| (Num(best.accuracy), best.epoch));
        Figure::missing(Note::TargetMissed { target, best, spent_s: spent_s.map(Num) })
    }

    /// The whole of so many epochs; `None` while nobody knows how large one is, and without any.
    pub(crate) fn budget(&self, epochs: u32) -> Option<Budget> {
        let counted = self.counted.map(|samples| samples as f64);
        let samples = counted.or(self.announced).filter(|_| epochs > 0)?;
        Some(Budget { epochs, samples, between: self.between })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn steps(start_ms: u64, count: usize, step_ms: u64) -> StepBatch {
        StepBatch {
            phase: Phase::Train,
            items: 64,
            start_ns: start_ms * MS,
            dur_ns: vec![step_ms * MS; count],
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
        }
    }

    fn report(epoch: u32, accuracy: f64) -> EpochReport {
        EpochReport {
            epoch,
            samples: 640,
            train_loss: Num(1.0),
            validation_loss: None,
            validation_accuracy: Some(Num(accuracy)),
        }
    }

    /// Epochs of ten steps of 10 ms; so many milliseconds lie between the last step and the end of each.
    fn pace(between_ms: &[u64], target: Option<f64>) -> Pace {
        let mut pace = Pace::default();
        pace.phase(Phase::Load, 0);
        pace.announced(Num(600.0));
        let mut now = 1000;
        for (epoch, rest) in (1..).zip(between_ms) {
            pace.phase(Phase::Train, now * MS);
            pace.steps(&steps(now, 4, 10));
            pace.steps(&steps(now + 40, 6, 10));
            now += 100;
            pace.phase(Phase::Validate, now * MS);
            now += rest;
            pace.epoch(&report(epoch, 0.2 * f64::from(epoch)), now * MS, target);
        }
        pace
    }

    #[test]
    fn what_lies_between_epochs_is_what_is_no_step() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
        assert_eq!(Pace::default().budget(10), None);
        assert_eq!(pace(&[30], None).budget(0), None);
        let announced = pace(&[], None).budget(10).unwrap();
        assert_eq!((announced.samples, announced.seen()), (600.0, 0));
        assert_eq!(announced.between_s(0.95), None);
        // 10 epochs of 600 samples of 1 ms.
        close(announced.whole_s(1e-3, 0.0), 6.0);

        let one = pace(&[30], None).budget(10).unwrap();
        assert_eq!((one.samples, one.seen()), (640.0, 1), "counted, not announced");
        let (mean, half) = one.between_s(0.95).unwrap();
        close(mean, 0.03);
        close(half, 0.03);
        close(one.whole_s(1e-3, mean), 6.7);

        // t(0.975, 2) = 4.303, s = 2 ms.
        let three = pace(&[28, 30, 32], None).budget(10).unwrap();
        let (mean, half) = three.between_s(0.95).unwrap();
        close(mean, 0.03);
        assert!((half - 4.3027 * 0.002 / 3.0_f64.sqrt()).abs() < 1e-6, "{half}");
        let (low, high) = three.between_at_all_times(0.005).unwrap();
        assert!(low < mean - half && high > mean + half && low >= 0.0 && high < 0.0601);
        let even = pace(&[30, 30], None).budget(10).unwrap();
        close(even.between_s(0.95).unwrap().1, 0.0);
    }

    #[test]
    fn the_target_counts_from_the_first_step_and_once() {
        for (target, reached) in [
            (None, None),
            (Some(0.2), Some((1, 0.13))),
            (Some(0.5), Some((3, 0.39))),
            (Some(0.9), None),
        ] {
            let pace = pace(&[30, 30, 30, 30], target);
            let found = pace.reached().map(|found| (found.epoch, found.after_s));
            match (found, reached) {
                (Some((epoch, after)), Some((at, expected))) => {
                    assert_eq!(epoch, at, "{target:?}");
                    assert!((after - expected).abs() < 1e-9, "{after}");
                }
                (found, reached) => assert_eq!(found, reached, "{target:?}"),
            }
            assert_eq!(pace.best.unwrap().epoch, 4);
        }
    }

    #[test]
    fn sizes_that_are_none_are_not_believed() {
        for samples in [0.0, -5.0, f64::NAN, f64::INFINITY] {
            let mut pace = Pace::default();
            pace.announced(Num(samples));
            assert_eq!(pace.budget(3), None, "{samples}");
        }
    }
}
