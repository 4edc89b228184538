//! A constraint in one stage: what each look makes certain of it.

use super::constraint::ruling;
use super::measure::assessment::{ALPHA, Bounded};
use super::measure::load::Load;
use crate::event::{Age, Constraint, Evidence, Num, Ruling, Stage};
use crate::metric::{MetricDef, MetricKind, Scope};
use crate::stats::{Bounds, anytime_ranks};
use crate::units::Unit;

/// Fewest independent requests with which the quantile at this level can be found within an upper limit, none of them
/// over it: the one-sided test, valid at every look.
pub(super) fn fewest_within(level: f64) -> Option<u64> {
    fewest(|n| anytime_ranks(n, level, ALPHA).1.is_some())
}

/// The smallest number for which a test holds that holds from some number on; `None` beyond what any run has.
pub(super) fn fewest(test: impl Fn(u64) -> bool) -> Option<u64> {
    let mut high = (0..40).map(|power| 1 << power).find(|n| test(*n))?;
    let mut low = high / 2;
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        if test(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Confidence of that test.
pub(super) const fn confidence() -> f64 {
    1.0 - ALPHA
}

/// Fewest looks in a row: the bounds hold at all times for what they assume, and this is for where they only nearly do.
const LOOKS: u32 = 3;

/// A constraint in one stage.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) constraint: Constraint,
    pub(super) metric: &'static MetricDef,
    /// What the last look found.
    last: Option<(Ruling, Bounds)>,
    /// What the load makes of it.
    load: Load,
    /// Looks in a row that found it.
    streak: u32,
    /// Observations at the last look.
    seen: u64,
}

impl Limit {
    /// One for each constraint whose metric is judged by looks in this stage.
    pub(super) fn all(constraints: &[Constraint], stage: Stage) -> Vec<Self> {
        let limit = |constraint: &Constraint| {
            let metric = constraint.metric.def()?;
            watched(metric, stage).then(|| Self {
                constraint: constraint.clone(),
                metric,
                last: None,
                load: Load::Bearable,
                streak: 0,
                seen: 0,
            })
        };
        constraints.iter().filter_map(limit).collect()
    }

    /// `ideal`: the bounds without the load generator's time.
    pub(super) fn look(&mut self, found: Bounded, ideal: Bounds, load: Load) {
        let Bounded { bounds, seen } = found;
        let bounds = self.under(load, bounds, ideal);
        let ruling = ruling(&self.constraint, bounds);
        self.load = load;
        let same = self.last.is_some_and(|(before, _)| before == ruling);
        if !same {
            self.streak = 0;
        }
        if !same || seen > self.seen {
            self.streak = self.streak.saturating_add(1);
        }
        self.seen = seen;
        self.last = Some((ruling, bounds));
    }

    /// The bounds as far as they are the model's: in a queue that grows without end no latency is kept, and where the
    /// load generator itself is too slow, a latency is at least what it would be without that, and a rate may be higher.
    fn under(&self, load: Load, bounds: Bounds, ideal: Bounds) -> Bounds {
        let (low, high) = (bounds.low, bounds.high);
        match load {
            Load::Overloaded { .. } if is_latency(self.metric) => {
                Bounds { low: Some(f64::INFINITY), high: None }
            }
            Load::Unplayed if self.metric.scope == Scope::Serve => Bounds::default(),
            Load::Generator { .. } if is_latency(self.metric) => Bounds { low: ideal.low, high },
            Load::Generator { .. } if self.metric.kind == MetricKind::Rate => {
                Bounds { low, high: None }
            }
            _ => bounds,
        }
    }

    /// What the last look found; `None` before the first.
    pub(super) fn evidence(&self, ruling: Ruling, age: Age) -> Option<Evidence> {
        let (_, bounds) = self.last?;
        let (low, high) = (bounds.low.map(|low| low.max(0.0)), bounds.high);
        let upper = self.constraint.op.is_upper();
        // The end that decides, if one does.
        let (low, high) = match ruling {
            Ruling::Open => (low, high),
            Ruling::Met if upper => (None, high),
            Ruling::Met => (low, None),
            Ruling::Broken if upper => (low, None),
            Ruling::Broken => (None, high),
        };
        let told = match self.load {
            Load::Overloaded { .. } => is_latency(self.metric),
            Load::Generator { .. } => ruling != Ruling::Met,
            Load::Bearable | Load::Unplayed => true,
        };
        Some(Evidence::Bounds {
            low: low.map(Num),
            high: high.map(Num),
            confidence: Num(1.0 - ALPHA),
            load: self.load.note().filter(|_| told),
            age,
        })
    }

    /// What is certain. In a stage that is over the last look is all there will be.
    pub(super) fn ruling(&self, looks: u32, over: bool) -> Ruling {
        match self.last {
            Some((ruling, _)) if over || self.streak >= looks.max(LOOKS) => ruling,
            _ => Ruling::Open,
        }
    }
}

fn is_latency(metric: &MetricDef) -> bool {
    metric.scope == Scope::Serve && metric.unit == Unit::Seconds
}

/// Whether looks at this stage judge the metric.
pub(super) fn watched(metric: &MetricDef, stage: Stage) -> bool {
    let kind = metric.kind != MetricKind::Peak && !metric.kind.is_said_once();
    kind && match metric.scope {
        Scope::Train => stage == Stage::Train,
        Scope::Serve => matches!(stage, Stage::Serve(_) | Stage::Confirm(_)),
        Scope::Served => matches!(stage, Stage::Serve(_)),
        Scope::Stages => matches!(stage, Stage::Run | Stage::Train | Stage::Serve(_)),
        Scope::Run => false,
    }
}
