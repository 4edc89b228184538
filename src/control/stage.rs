//! One stage of a run: its series, and how many good looks in a row each chosen metric has had.

use std::collections::VecDeque;

use super::assess::{Ask, Assessment, Beginning, Why, assess, settle};
use super::disturbance::{Mark, Marks};
use super::limit::Limit;
use super::looks::{Looks, Streak};
use super::measure::sampled::Sampled;
use super::times::{self, CLEAR, ELAPSED, LATENCY, Queue, STEPS, Times};
use crate::event::{OpenMetric, Pattern, Reason, Stage, StepBatch};
use crate::metric::MetricDef;
use crate::stats::batches::total;
use crate::stats::{QuantileSeries, RateWindows};

/// Batches of the step series.
pub(super) const CAPACITY: usize = 256;

/// Steps that wait for their mark; more come only where nothing is marked for seconds, and count as unmarked.
const WAITING: usize = 32_768;

/// Steps of one message that are not known to be disturbed or not.
#[derive(Debug, Clone)]
struct Waiting {
    /// The first one's place in the series.
    first: u64,
    batch: StepBatch,
}

/// How a stage was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every chosen metric is known.
    Known,
    /// Its time for measuring is used up.
    TimeUp,
}

/// A chosen metric in a stage.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) metric: &'static MetricDef,
    streak: Streak,
    /// What the last look found; `None` before the first.
    pub(super) last: Option<Assessment>,
    /// Left out, because it turned out that it cannot be read, and why.
    pub(super) left_out: Option<Reason>,
}

/// One stage: training, or requests of one size.
#[derive(Debug, Clone)]
pub(super) struct StageState {
    pub(super) stage: Stage,
    pub(super) entered_ns: u64,
    pub(super) left_ns: Option<u64>,
    /// Samples of all steps.
    pub(super) samples: f64,
    /// The times of the steps.
    pub(super) times: Times,
    /// Their latencies.
    pub(super) quantiles: QuantileSeries,
    /// Their rates, over windows of what [`times::ELAPSED`] adds up.
    pub(super) windows: RateWindows,
    /// Of requests that queue: the latencies without the load generator's own time.
    pub(super) ideal: Option<QuantileSeries>,
    /// Such requests came without a word of their waits: the worker does not play the pattern.
    pub(super) unplayed: bool,
    pub(super) queue: Queue,
    /// How the series of steps begins, since the last look: five metrics ask.
    beginning: Option<Beginning>,
    /// The steps that were not clear.
    not_clear: QuantileSeries,
    waiting: VecDeque<Waiting>,
    waiting_steps: usize,
    pub(super) sampled: Sampled,
    pub(super) chosen: Vec<Chosen>,
    /// Constraints that are judged by looks here.
    pub(super) limits: Vec<Limit>,
    pub(super) outcome: Option<Outcome>,
    pub(super) looks: Looks,
}

impl StageState {
    /// Begins now; the first look is `min_time_ns` later.
    pub(super) fn new(
        stage: Stage,
        chosen: impl IntoIterator<Item = &'static MetricDef>,
        (now_ns, min_time_ns): (u64, u64),
    ) -> Self {
        let chosen = chosen.into_iter().map(|metric| Chosen {
            metric,
            streak: Streak::default(),
            last: None,
            left_out: None,
        });
        Self {
            stage,
            entered_ns: now_ns,
            left_ns: None,
            samples: 0.0,
            times: Times::new(CAPACITY),
            quantiles: QuantileSeries::default(),
            windows: RateWindows::default(),
            ideal: None,
            unplayed: false,
            queue: Queue::default(),
            beginning: None,
            not_clear: QuantileSeries::default(),
            waiting: VecDeque::new(),
            waiting_steps: 0,
            sampled: Sampled::default(),
            chosen: chosen.collect(),
            limits: Vec::new(),
            outcome: None,
            looks: Looks::new(now_ns, min_time_ns),
        }
    }

    /// Where requests come by this pattern.
    pub(super) fn under(mut self, pattern: Pattern) -> Self {
        self.queue = Queue::new(pattern);
        self.ideal = pattern.queues().then(QuantileSeries::default);
        self
    }

    /// Adds timed steps.
    pub(super) fn steps(&mut self, batch: &StepBatch) {
        let items = f64::from(batch.items);
        let first = self.times.observations();
        self.samples += items * batch.dur_ns.len() as f64;
        self.beginning = None;
        self.unplayed |= self.ideal.is_some() && batch.wait_ns.is_empty();
        for request in batch.requests() {
            let ideal_ns = self.queue.ideal_ns(request);
            self.times.push(times::row(items, request, ideal_ns));
            self.quantiles.push(request.latency_ns());
            self.windows.push(items, request.elapsed_ns());
            if let Some(ideal) = &mut self.ideal {
                ideal.push(ideal_ns);
            }
        }
        self.waiting_steps += batch.dur_ns.len();
        let batch = batch.clone();
        self.waiting.push_back(Waiting { first, batch });
        while self.waiting_steps > WAITING
            && let Some(old) = self.waiting.pop_front()
        {
            self.waiting_steps -= old.batch.dur_ns.len();
            self.mark(&old, |_| Mark::Unknown);
        }
    }

    /// Marks what has become known.
    pub(super) fn resolve(&mut self, marks: &Marks) {
        self.sampled.resolve(marks);
        while let Some(next) = self.waiting.front()
            && let Some(mark) = marks.of((next.batch.start_ns, next.batch.end_ns()))
        {
            let Some(steps) = self.waiting.pop_front() else {
                return;
            };
            self.waiting_steps -= steps.batch.dur_ns.len();
            match mark {
                Mark::Clear => self.mark(&steps, |_| Mark::Clear),
                _ => self.mark(&steps, |span| marks.of(span).unwrap_or(Mark::Unknown)),
            }
        }
    }

    fn mark(&mut self, steps: &Waiting, mark: impl Fn((u64, u64)) -> Mark) {
        let items = f64::from(steps.batch.items);
        for (place, request) in (steps.first..).zip(steps.batch.requests()) {
            let from_ns = request.start_ns.saturating_sub(request.gap_ns);
            let mark = mark((from_ns, request.end_ns()));
            if mark != Mark::Unknown {
                let more = times::marked(items, request, mark == Mark::Clear);
                self.times.amend(place, more);
            }
            if mark != Mark::Clear {
                self.not_clear.push(request.latency_ns());
            }
        }
    }

    /// The quantile of the clear steps after the first `skip`; `None` where there is none.
    pub(super) fn clear_quantile(&self, level: f64, skip: u64) -> Option<f64> {
        let mut others = self.not_clear.clone();
        for steps in &self.waiting {
            let requests = steps.batch.requests();
            requests.for_each(|request| others.push(request.latency_ns()));
        }
        let batches = usize::try_from(skip / self.times.per_batch()).unwrap_or(usize::MAX);
        let skipped = self.times.parts(STEPS + CLEAR, STEPS).into_iter().take(batches);
        let not_clear: f64 = skipped.map(|part| part.weight - part.amount).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of steps"
        )]
        let skips = (skip, not_clear as u64);
        self.quantiles.value_without(&others, level, skips)
    }

    /// Steps that wait for their mark.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting_steps
    }

    /// Age at this time, in nanoseconds.
    pub(super) fn age_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.entered_ns)
    }

    /// Whether it is time for a look.
    pub(super) fn due(&self, now_ns: u64) -> bool {
        self.looks.due(now_ns)
    }

    /// How the series of steps begins.
    pub(super) fn beginning(&self) -> Beginning {
        let found = || {
            let elapsed = total(&self.times.parts(ELAPSED, STEPS)).amount;
            settle(&self.times.parts(LATENCY, STEPS), elapsed)
        };
        self.beginning.unwrap_or_else(found)
    }

    /// Judges every chosen metric and counts good looks.
    pub(super) fn look(&mut self, ask: Ask<'_>) {
        self.looks.taken(ask.now_ns);
        self.beginning = Some(self.beginning());
        let judged: Vec<Option<Assessment>> =
            self.chosen.iter().map(|chosen| assess(chosen.metric, self, ask)).collect();
        for (chosen, assessment) in self.chosen.iter_mut().zip(judged) {
            chosen.left_out = ask.totals.given_up(chosen.metric);
            let Some(assessment) = assessment else {
                continue;
            };
            chosen.streak.look(&assessment);
            chosen.last = Some(assessment);
        }
        self.look_at_limits(ask);
    }

    /// A serve phase that the worker left before anything was decided had all the time it gets: what is not known then
    /// stays unknown. A training that ends so has used its budget, which is an end of its own.
    pub(super) fn settle_serving(&mut self, looks: u32) {
        let serves = matches!(self.stage, Stage::Serve(_) | Stage::Confirm(_));
        if self.outcome.is_none() && serves {
            self.outcome =
                Some(if self.settled(looks, true) { Outcome::Known } else { Outcome::TimeUp });
        }
    }

    /// Whether all is known that is asked of it: the chosen metrics and, unless its time is up, the limits; of what serves
    /// once more the limits alone.
    pub(super) fn settled(&self, looks: u32, time_up: bool) -> bool {
        match self.stage {
            Stage::Confirm(_) => self.limits_decided(looks),
            _ => self.known(looks) && (time_up || self.limits_decided(looks)),
        }
    }

    /// Chosen metrics that count.
    pub(super) fn counted(&self) -> impl Iterator<Item = &Chosen> {
        let chosen = self.chosen.iter();
        chosen.filter(|chosen| chosen.left_out.is_none())
    }

    /// Whether every chosen metric that counts is known. Not when all that were chosen had to be left out: then
    /// nothing is known.
    pub(super) fn known(&self, looks: u32) -> bool {
        let mut counted = self.counted().peekable();
        if counted.peek().is_none() && !self.chosen.is_empty() {
            return false;
        }
        counted.all(|chosen| chosen.known(looks))
    }

    /// Chosen metrics that are not known, with what they have reached.
    pub(super) fn open(&self, looks: u32, wanted: f64) -> Vec<OpenMetric> {
        let confirms = matches!(self.stage, Stage::Confirm(_));
        let is_open = |chosen: &&Chosen| {
            if confirms { self.is_limit_open(chosen.metric, looks) } else { !chosen.known(looks) }
        };
        let open = self.counted().filter(is_open);
        let describe = |chosen: &Chosen| OpenMetric {
            name: chosen.metric.name.to_owned(),
            reached: chosen.last.as_ref().and_then(Assessment::reached).filter(|_| !confirms),
            wanted,
            why: match &chosen.last {
                _ if confirms => "undecided".to_owned(),
                None => Why::WarmingUp.to_string(),
                Some(Assessment { open: Some(why), .. }) => why.to_string(),
                Some(_) => "confirming".to_owned(),
            },
        };
        open.map(describe).collect()
    }
}

impl Chosen {
    /// Whether it has had enough good looks in a row; what is said once is always known.
    pub(super) fn known(&self, looks: u32) -> bool {
        self.metric.kind.is_said_once() || self.streak.reaches(looks)
    }
}
