//! `NVBench`'s default criterion, `stdrel` (`nvbench/detail/stdrel_criterion.cxx`).

use super::mean::Running;
use super::observe::{Observation, Opinion, SeriesRule, Standing, estimate};
use super::spec::{ParamKind, RuleDef, RuleSpec, count, param, share, time};
use crate::units::percent;
use crate::units::seconds;
use std::collections::VecDeque;

/// Fewest samples that `NVBench` takes a standard deviation of; with fewer it is infinite.
const FEWEST: u64 = 5;
/// The noise itself is looked at once there are more readings of it than this,
const NOISE_READINGS: usize = 64;
/// at every so many samples,
const NOISE_EVERY: u64 = 16;
/// over the last so many readings,
const NOISE_KEPT: usize = 512;
/// and is stable below this relative deviation.
const NOISE_STABLE: f64 = 0.05;

/// Its declaration.
pub(super) const NVBENCH_STDREL: RuleDef = RuleDef {
    name: "nvbench-stdrel",
    about: "NVBench stdrel: relative deviation of all intervals small, or stable",
    params: &[
        share("max-noise", 0.005, "relative standard deviation"),
        time("min-time", 0.5, "before that it does not stop"),
        count("min-samples", 3, 10.0, "fewest intervals"),
        param(
            "timeout",
            ParamKind::SecondsOrOff,
            f64::INFINITY,
            "after that it stops; 15s in NVBench",
        ),
    ],
    build: Some(|spec| Box::new(NvbenchStdrel::new(spec))),
    takes_precision: true,
};

/// Stops when the relative standard deviation of *all* samples is below `max-noise`, or when that noise itself has
/// become stable, after `min-time` and `min-samples`; at `timeout` it stops with what it has. The result is the mean.
/// Since the deviation of all samples does not shrink with their number, noisier series wait for the second clause. An
/// interval counts with its width as the measured time.
#[derive(Debug, Clone)]
pub(super) struct NvbenchStdrel {
    max_noise: f64,
    min_time_s: f64,
    min_samples: u64,
    timeout_s: f64,
    time_s: f64,
    all: Running,
    noise: VecDeque<f64>,
    why: &'static str,
}

impl NvbenchStdrel {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self {
            max_noise: spec.value("max-noise"),
            min_time_s: spec.value("min-time"),
            min_samples: spec.count("min-samples") as u64,
            timeout_s: spec.value("timeout"),
            time_s: 0.0,
            all: Running::default(),
            noise: VecDeque::new(),
            why: "",
        }
    }

    /// Relative deviation of all samples; that of a constant is 0 whatever its mean.
    fn relative(&self) -> f64 {
        if self.all.count < FEWEST {
            return f64::INFINITY;
        }
        match self.all.deviation() {
            none if none <= 0.0 => 0.0,
            deviation => deviation / self.all.mean.abs(),
        }
    }

    /// Whether the noise has become stable, about its newest reading as `NVBench` takes it.
    fn noise_is_stable(&self) -> bool {
        let Some(now) = self.noise.back().copied() else {
            return false;
        };
        let squares: f64 = self.noise.iter().map(|noise| (noise - now).powi(2)).sum();
        let deviation = (squares / (self.noise.len() - 1) as f64).sqrt();
        deviation < NOISE_STABLE * now
    }
}

impl SeriesRule for NvbenchStdrel {
    fn push(&mut self, observation: Observation) -> Standing {
        self.time_s += observation.width_s;
        self.all.push(observation.value);
        let relative = self.relative();
        if relative.is_finite() {
            if self.noise.len() == NOISE_KEPT {
                self.noise.pop_front();
            }
            self.noise.push_back(relative);
        }
        if self.all.count >= self.min_samples && self.time_s > self.min_time_s {
            if relative < self.max_noise {
                self.why = "small enough";
                return Standing::Known;
            }
            let looks =
                self.noise.len() > NOISE_READINGS && self.all.count.is_multiple_of(NOISE_EVERY);
            if looks && self.noise_is_stable() {
                self.why = "large but stable";
                return Standing::Known;
            }
        }
        if self.time_s > self.timeout_s {
            self.why = "too large at the timeout";
            return Standing::Known;
        }
        Standing::Open
    }

    fn opinion(&self) -> Opinion {
        let Running { count, mean, .. } = self.all;
        let relative = self.relative();
        let noise = if relative.is_finite() {
            format!("noise {}", percent(relative))
        } else {
            "noise unknown".to_owned()
        };
        let why = if self.why.is_empty() { "too large" } else { self.why };
        Opinion {
            estimate: estimate(mean, None, count),
            reason: format!("{noise}, {why}, over {count} intervals, {}", seconds(self.time_s))
                .into(),
        }
    }
}
