//! `BenchmarkDotNet`'s warm-up and actual stages (`EngineWarmupStage.cs`, `EngineActualStage.cs`).

use super::mean::{Running, reached};
use super::observe::{Observation, Opinion, SeriesRule, Standing, estimate};
use super::spec::{ParamKind, RuleDef, RuleSpec, confidence, count, param, share};
use crate::stats::{Interval, Sample};
use crate::units::percent;

/// Fewest and most iterations of the warm-up, and the changes of direction that end it in between.
const WARM_UP: (u64, u64) = (6, 50);
const FLUCTUATIONS: u32 = 4;

/// How far beyond the quartiles an outlier lies, in interquartile ranges (Tukey).
const FENCE: f64 = 1.5;

/// Which outliers are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outliers {
    Upper,
    Lower,
    Both,
    None,
}

/// Its declaration.
pub(super) const BENCHMARK_DOTNET: RuleDef = RuleDef {
    name: "benchmark-dotnet",
    about: "BenchmarkDotNet: pilot warm-up, outliers out, 99.9% interval within 2%",
    params: &[
        share("within", 0.02, "half-width of the interval, as a share of the figure"),
        confidence(0.999),
        count("min", 3, 15.0, "fewest intervals after the warm-up"),
        count("max", 3, 100.0, "intervals after the warm-up at which it stops"),
        param(
            "outliers",
            ParamKind::Word(&["upper", "lower", "both", "none"]),
            0.0,
            "which are left out; slow ones are `lower` in a rate",
        ),
    ],
    build: Some(|spec| Box::new(BenchmarkDotnet::new(spec))),
    takes_precision: false,
};

/// Warms up until the measurements have changed direction four times (6 to 50 of them), then measures until half of the
/// 99.9% interval, upper outliers left out, is below 2% of the mean (15 to 100 measurements). At the 100th it stops with
/// what it has, as the original does. The original measures times; of a rate the slow outliers are the lower ones.
#[derive(Debug, Clone)]
pub(super) struct BenchmarkDotnet {
    within: f64,
    confidence: f64,
    least: usize,
    most: usize,
    outliers: Outliers,
    warm_up: u64,
    warming: bool,
    before: f64,
    direction: i8,
    fluctuations: u32,
    values: Vec<f64>,
}

impl BenchmarkDotnet {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self {
            within: spec.value("within"),
            confidence: spec.value("confidence"),
            least: spec.count("min"),
            most: spec.count("max").max(spec.count("min")),
            outliers: match spec.count("outliers") {
                0 => Outliers::Upper,
                1 => Outliers::Lower,
                2 => Outliers::Both,
                _ => Outliers::None,
            },
            warm_up: 0,
            warming: true,
            before: 0.0,
            // The original begins as if the times had been falling.
            direction: -1,
            fluctuations: 0,
            values: Vec::new(),
        }
    }

    fn warm(&mut self, value: f64) {
        self.warm_up += 1;
        if self.warm_up > 1 {
            let direction = match value.total_cmp(&self.before) {
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 1,
            };
            if direction != self.direction || direction == 0 {
                self.direction = direction;
                self.fluctuations += 1;
            }
        }
        self.before = value;
        let (least, most) = WARM_UP;
        let settled = self.warm_up >= least && self.fluctuations >= FLUCTUATIONS;
        self.warming = !(settled || self.warm_up >= most);
    }

    /// What is left without outliers.
    fn kept(&self) -> Running {
        let mut kept = Running::default();
        let fences = Sample::new(&self.values).ok().map(|sample| {
            let (low, high) = (sample.quantile(0.25), sample.quantile(0.75));
            let span = FENCE * (high - low);
            (low - span, high + span)
        });
        let (low, high) = fences.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        let lower = matches!(self.outliers, Outliers::Lower | Outliers::Both);
        let upper = matches!(self.outliers, Outliers::Upper | Outliers::Both);
        for value in &self.values {
            if !((lower && *value < low) || (upper && *value > high)) {
                kept.push(*value);
            }
        }
        kept
    }
}

impl SeriesRule for BenchmarkDotnet {
    fn push(&mut self, observation: Observation) -> Standing {
        if self.warming {
            self.warm(observation.value);
            return Standing::Open;
        }
        self.values.push(observation.value);
        if self.values.len() < self.least {
            return Standing::Open;
        }
        let kept = self.kept();
        let half = kept.half_width(self.confidence);
        // The original asks for less than, which a constant 0 would never reach.
        let narrow = half <= 0.0 || half < self.within * kept.mean.abs();
        if narrow || self.values.len() >= self.most { Standing::Known } else { Standing::Open }
    }

    fn opinion(&self) -> Opinion {
        let kept = self.kept();
        if kept.count == 0 {
            return Opinion {
                estimate: None,
                reason: format!("warming up for {} intervals", self.warm_up).into(),
            };
        }
        let half = kept.half_width(self.confidence);
        let interval = half.is_finite().then(|| Interval::around(kept.mean, half));
        let out = self.values.len() as u64 - kept.count;
        Opinion {
            estimate: estimate(kept.mean, interval, kept.count),
            reason: format!(
                "{} at {} over {} intervals, {out} outliers left out, after {} of warm-up",
                reached(half, kept.mean),
                percent(self.confidence),
                kept.count,
                self.warm_up
            )
            .into(),
        }
    }
}
