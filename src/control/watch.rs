//! A rule of another tool at work on one metric of a recorded stage. It sees windows: for what the sampler reads, each interval
//! between two ticks (of a peak, the largest value so far); for steps, groups of at least [`WINDOW_NS`] of them, with the
//! rate, the mean or the quantile within each.

use super::measure::gauge::factor;
use super::measure::peak::Peaks;
use super::measure::tick::Interval;
use super::measure::times::seconds;
use super::rule::{AtWork, Observation, Opinion, RuleSpec, Standing};
use crate::event::StepBatch;
use crate::metric::{MetricDef, MetricKind, Source};
use crate::stats::Sample;

/// Shortest time of the steps in one window, in nanoseconds.
const WINDOW_NS: u64 = 100_000_000;

/// One rule on one metric.
#[derive(Debug)]
pub(super) struct Watch {
    rule: AtWork,
    began_ns: u64,
    /// Latencies of the steps of the open window, in nanoseconds, and their samples.
    steps: Vec<u64>,
    items: f64,
    /// Time of the answers in it, and time that passed.
    busy_ns: u64,
    elapsed_ns: u64,
}

impl Watch {
    /// `None` for our own rule, which the looks judge, and for one that needs the future.
    pub(super) fn new(spec: &RuleSpec, began_ns: u64) -> Option<Self> {
        let rule = spec.build().ok().filter(|_| !spec.is_ours())?;
        Some(Self {
            rule: AtWork::new(rule),
            began_ns,
            steps: Vec::new(),
            items: 0.0,
            busy_ns: 0,
            elapsed_ns: 0,
        })
    }

    /// Where it stands; that it is no longer open is final.
    pub(super) fn standing(&self) -> Standing {
        self.rule.ended().map_or(Standing::Open, |(_, standing)| standing)
    }

    /// What it said when it ended, or says now.
    pub(super) fn opinion(&self) -> Opinion {
        self.rule.opinion()
    }

    /// Takes timed steps; how they are cut into messages changes nothing.
    pub(super) fn steps(&mut self, metric: &MetricDef, batch: &StepBatch) {
        let by_step = metric.source == Source::Busy
            || matches!(metric.kind, MetricKind::Rate | MetricKind::Mean | MetricKind::Quantile(_));
        if !by_step || self.rule.ended().is_some() {
            return;
        }
        for request in batch.requests() {
            self.steps.push(request.latency_ns());
            self.items += f64::from(batch.items);
            self.busy_ns = self.busy_ns.saturating_add(request.dur_ns);
            self.elapsed_ns = self.elapsed_ns.saturating_add(request.elapsed_ns());
            if self.elapsed_ns < WINDOW_NS {
                continue;
            }
            let width_s = seconds(self.elapsed_ns);
            let value = match metric.kind {
                MetricKind::Rate => self.items / width_s,
                MetricKind::Quantile(level) => quantile(&self.steps, level),
                MetricKind::Gauge => 100.0 * seconds(self.busy_ns) / width_s,
                _ => self.steps.iter().copied().map(seconds).sum::<f64>() / self.steps.len() as f64,
            };
            self.steps.clear();
            (self.items, self.busy_ns, self.elapsed_ns) = (0.0, 0, 0);
            self.observe(request.end_ns(), width_s, value);
        }
    }

    /// Takes an interval between two ticks; nothing where the metric has a gap in it.
    pub(super) fn interval(
        &mut self,
        metric: &MetricDef,
        interval: &Interval<'_>,
        usable_cores: f64,
        peaks: &Peaks,
    ) {
        let value = match metric.kind {
            MetricKind::Peak => peaks.largest(metric.id),
            MetricKind::Gauge => {
                let observed = interval.observe(metric.source, interval.span_ns().0);
                let factor = factor(metric, usable_cores);
                observed.zip(factor).map(|(o, factor)| o.amount / o.seconds * factor)
            }
            _ => None,
        };
        if let Some(value) = value {
            self.observe(interval.span_ns().1, interval.seconds, value);
        }
    }

    fn observe(&mut self, end_ns: u64, width_s: f64, value: f64) {
        self.rule.push(Observation {
            end_s: end_ns.saturating_sub(self.began_ns) as f64 * 1e-9,
            width_s,
            value,
        });
    }
}

/// Quantile of the durations of a window, in seconds.
fn quantile(steps: &[u64], level: f64) -> f64 {
    let seconds: Vec<f64> = steps.iter().map(|ns| *ns as f64 * 1e-9).collect();
    match (Sample::new(&seconds), seconds.first()) {
        (Ok(sample), _) => sample.quantile(level),
        (Err(_), Some(only)) => *only,
        (Err(_), None) => f64::NAN,
    }
}
