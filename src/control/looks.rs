//! When a stage is looked at, which metrics a look judges, and how many looks in a row were good.

use super::measure::assessment::Assessment;
use crate::event::Stage;
use crate::metric::{MetricDef, Scope};

/// Shortest time between two looks, in nanoseconds.
const LOOK_NS: u64 = 100_000_000;

/// Looks are this share of the stage's age apart, where that is longer: a look costs up to a millisecond, and one that
/// sees 1% more data is no new evidence.
const LOOK_SHARE: u64 = 20;

/// When looks are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    began_ns: u64,
    /// When the next one is due.
    pub(super) next_ns: u64,
}

impl Looks {
    /// The first is `min_time_ns` after the beginning.
    pub(super) fn new(began_ns: u64, min_time_ns: u64) -> Self {
        Self { began_ns, next_ns: began_ns.saturating_add(min_time_ns) }
    }

    /// Whether it is time for a look.
    pub(super) fn due(&self, now_ns: u64) -> bool {
        now_ns >= self.next_ns
    }

    /// Seconds since the beginning.
    pub(super) fn age_s(&self, now_ns: u64) -> f64 {
        now_ns.saturating_sub(self.began_ns) as f64 * 1e-9
    }

    /// One is taken now.
    pub(super) fn taken(&mut self, now_ns: u64) {
        let age_ns = now_ns.saturating_sub(self.began_ns);
        let pause = LOOK_NS.max(age_ns / LOOK_SHARE);
        self.next_ns = now_ns.saturating_add(pause);
    }
}

/// Good looks in a row, each with new data.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Streak {
    good: u32,
    /// Observations at the last look.
    seen: u64,
}

impl Streak {
    /// Counts a look.
    pub(super) fn look(&mut self, assessment: &Assessment) {
        if assessment.open.is_some() {
            self.good = 0;
        } else if assessment.seen > self.seen {
            self.good = self.good.saturating_add(1);
        }
        self.seen = assessment.seen;
    }

    /// Whether there were so many.
    pub(super) fn reaches(self, looks: u32) -> bool {
        self.good >= looks.max(1)
    }
}

/// Whether a metric is judged in this stage. Peaks of the run are judged in training, the last stage that measures; in a
/// run without training, in the last serve phase.
pub(super) fn judged_in(metric: &MetricDef, stage: Stage, last_serve: Option<Stage>) -> bool {
    if metric.kind.is_said_once() {
        return false;
    }
    match (metric.scope, stage) {
        (Scope::Stages | Scope::Run, Stage::Run)
        | (Scope::Train | Scope::Run, Stage::Train)
        | (Scope::Serve, Stage::Serve(_) | Stage::Confirm(_))
        | (Scope::Served, Stage::Serve(_))
        | (Scope::Stages, Stage::Train | Stage::Serve(_)) => true,
        (Scope::Run, Stage::Serve(_)) => last_serve == Some(stage),
        _ => false,
    }
}

/// Whether only a program that reports its steps has the metric.
pub(super) fn is_of_steps(metric: &MetricDef) -> bool {
    matches!(metric.scope, Scope::Train | Scope::Serve | Scope::Served)
}
