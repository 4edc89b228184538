//! Yardsticks that look at the last few intervals: how far they are apart, or how much they vary.

use super::mean::Running;
use super::observe::{Observation, Opinion, SeriesRule, Standing, estimate};
use super::spec::{RuleDef, RuleSpec, count, share};
use crate::units::percent;
use std::collections::VecDeque;

#[derive(Debug, Clone)]
struct Last {
    size: usize,
    values: VecDeque<f64>,
}

impl Last {
    fn new(size: usize) -> Self {
        Self { size, values: VecDeque::new() }
    }

    /// Whether there are enough of them now.
    fn push(&mut self, value: f64) -> bool {
        if self.values.len() == self.size {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.values.len() == self.size
    }

    fn running(&self) -> Running {
        let mut running = Running::default();
        for value in &self.values {
            running.push(*value);
        }
        running
    }
}

/// Its declaration.
pub(super) const PERF_ANALYZER: RuleDef = RuleDef {
    name: "perf-analyzer",
    about: "Triton perf_analyzer: max/min of the last 3 intervals within 1 + s",
    params: &[
        share("s", 0.10, "how far apart the three may be"),
        count("max-trials", 3, 10.0, "intervals after which it gives up"),
    ],
    build: Some(|spec| Box::new(PerfAnalyzer::new(spec))),
    takes_precision: true,
};

/// Triton's `perf_analyzer`: stable when the largest of the last three windows is at most `1 + s` times the smallest;
/// the result is their mean. After `max-trials` windows it discards what it has. Its windows are 5 s long by default,
/// here each interval is one; that it asks the same of latency and throughput together is left out, since a series is one
/// metric.
#[derive(Debug, Clone)]
pub(super) struct PerfAnalyzer {
    factor: f64,
    trials: u64,
    seen: u64,
    last: Last,
}

impl PerfAnalyzer {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self {
            factor: 1.0 + spec.value("s"),
            trials: spec.count("max-trials") as u64,
            seen: 0,
            last: Last::new(3),
        }
    }

    fn ends(&self) -> (f64, f64) {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        let widen = |(low, high): (f64, f64), value: &f64| (low.min(*value), high.max(*value));
        self.last.values.iter().fold(start, widen)
    }
}

impl SeriesRule for PerfAnalyzer {
    fn push(&mut self, observation: Observation) -> Standing {
        self.seen += 1;
        let full = self.last.push(observation.value);
        let (low, high) = self.ends();
        if full && high <= self.factor * low {
            Standing::Known
        } else if self.seen >= self.trials {
            Standing::GaveUp
        } else {
            Standing::Open
        }
    }

    fn opinion(&self) -> Opinion {
        let running = self.last.running();
        let (low, high) = self.ends();
        let apart = if high <= low {
            "equal".to_owned()
        } else if low > 0.0 {
            format!("{} apart", percent(high / low - 1.0))
        } else {
            "apart, the smallest is 0".to_owned()
        };
        Opinion {
            estimate: estimate(running.mean, None, running.count),
            reason: format!("the last {} of {} windows are {apart}", running.count, self.seen)
                .into(),
        }
    }
}

/// Its declaration.
pub(super) const COV_LAST_K: RuleDef = RuleDef {
    name: "cov-last-k",
    about: "Georges et al. 2007: variation of the last k intervals below a threshold",
    params: &[
        count("k", 3, 10.0, "how many"),
        share("threshold", 0.02, "standard deviation over mean"),
    ],
    build: Some(|spec| Box::new(CovLastK::new(spec))),
    takes_precision: true,
};

/// Georges, Buytaert and Eeckhout 2007: steady when the coefficient of variation of the last `k` iterations is below a
/// threshold; the result is their mean. Their interval is one between several invocations, so there is none here.
#[derive(Debug, Clone)]
pub(super) struct CovLastK {
    threshold: f64,
    seen: u64,
    last: Last,
}

impl CovLastK {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self { threshold: spec.value("threshold"), seen: 0, last: Last::new(spec.count("k")) }
    }
}

impl SeriesRule for CovLastK {
    fn push(&mut self, observation: Observation) -> Standing {
        self.seen += 1;
        if !self.last.push(observation.value) {
            return Standing::Open;
        }
        let running = self.last.running();
        let deviation = running.deviation();
        // A constant has no variation, even where its mean is 0.
        if deviation <= 0.0 || deviation < self.threshold * running.mean.abs() {
            Standing::Known
        } else {
            Standing::Open
        }
    }

    fn opinion(&self) -> Opinion {
        let running = self.last.running();
        let deviation = running.deviation();
        let varies = if deviation <= 0.0 {
            "do not vary".to_owned()
        } else if deviation.is_finite() && running.mean != 0.0 {
            format!("vary by {}", percent(deviation / running.mean.abs()))
        } else {
            "are too few".to_owned()
        };
        Opinion {
            estimate: estimate(running.mean, None, running.count),
            reason: format!("the last {} of {} intervals {varies}", running.count, self.seen)
                .into(),
        }
    }
}
