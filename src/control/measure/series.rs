//! The series of one stage: its steps, and what the ticks say of it. Whether a stretch was disturbed is known a moment later.

use std::collections::{BTreeMap, VecDeque};

use super::assessment::{Beginning, Cut, settle};
use super::disturbance::{Mark, Marks};
use super::figure::{Doubt, Figure};
use super::own::OwnSeries;
use super::sampled::Sampled;
use super::times::{self, CAPACITY, CLEAR, ELAPSED, ITEMS, LATENCY, Queue, STEPS, TIME, Times};
use crate::event::{Note, Num, Pattern, StepBatch};
use crate::stats::batches::total;
use crate::stats::{FEWEST_WINDOWS, QuantileSeries, RateWindows};

/// Steps that wait for their mark; more come only where nothing is marked for seconds, and count as unmarked.
const WAITING: usize = 32_768;

/// How many times above the mean rate that of the median step is to be worth a word: slow ones took half of the time then.
const FAR_FROM_MEDIAN: f64 = 2.0;

/// A confidence, where only the value is asked for.
const MEDIAN_AT: f64 = 0.95;

/// Steps of one message that are not known to be disturbed or not.
#[derive(Debug, Clone)]
struct Waiting {
    /// The first one's place in the series.
    first: u64,
    batch: StepBatch,
}

/// What came in one stage.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// When the stage was entered, in nanoseconds.
    pub(crate) entered_ns: u64,
    /// Samples of all steps.
    pub(crate) samples: f64,
    /// The times of the steps.
    pub(crate) times: Times,
    /// Their latencies.
    pub(crate) quantiles: QuantileSeries,
    /// Their rates, over windows of what [`times::ELAPSED`] adds up.
    pub(crate) windows: RateWindows,
    /// Of requests that queue: the latencies without the load generator's own time.
    pub(crate) ideal: Option<QuantileSeries>,
    /// Such requests came without a word of their waits: the worker does not play the pattern.
    pub(crate) unplayed: bool,
    /// Steps came without a word of how long they waited for their data.
    pub(crate) unfetched: bool,
    pub(crate) queue: Queue,
    /// How the series of steps begins, since the last look: five metrics ask.
    beginning: Option<Beginning>,
    /// The steps that were not clear.
    not_clear: QuantileSeries,
    waiting: VecDeque<Waiting>,
    waiting_steps: usize,
    pub(crate) sampled: Sampled,
    /// The values of metrics of the user's own, by their names.
    pub(crate) own: BTreeMap<&'static str, OwnSeries>,
}

impl Series {
    /// Of a stage that is entered now.
    pub(crate) fn new(entered_ns: u64) -> Self {
        Self {
            entered_ns,
            samples: 0.0,
            times: Times::new(CAPACITY),
            quantiles: QuantileSeries::default(),
            windows: RateWindows::default(),
            ideal: None,
            unplayed: false,
            unfetched: false,
            queue: Queue::default(),
            beginning: None,
            not_clear: QuantileSeries::default(),
            waiting: VecDeque::new(),
            waiting_steps: 0,
            sampled: Sampled::default(),
            own: BTreeMap::new(),
        }
    }

    /// Where requests come by this pattern.
    pub(crate) fn under(mut self, pattern: Pattern) -> Self {
        self.queue = Queue::new(pattern);
        self.ideal = pattern.queues().then(QuantileSeries::default);
        self
    }

    /// The rate of the median step, where the mean over all the time is far below it. Of requests that wait for each other the
    /// latency says nothing of the rate.
    pub(crate) fn far_from_median(&self, rate: f64) -> Option<f64> {
        let all =
            total(&self.times.parts(ITEMS, STEPS)).ratio().filter(|_| self.ideal.is_none())?;
        let median = self.quantiles.estimate(0.5, self.steps_cut(), MEDIAN_AT)?.value;
        let usual = all / median;
        (usual.is_finite() && usual >= FAR_FROM_MEDIAN * rate).then_some(usual)
    }

    /// Adds timed steps.
    pub(crate) fn steps(&mut self, batch: &StepBatch) {
        let items = f64::from(batch.items);
        let first = self.times.observations();
        self.samples += items * batch.dur_ns.len() as f64;
        self.beginning = None;
        self.unplayed |= self.ideal.is_some() && batch.wait_ns.is_empty();
        self.unfetched |= batch.fetch_ns.is_empty();
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
    pub(crate) fn resolve(&mut self, marks: &Marks) {
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
                self.beginning = None;
            }
            if mark != Mark::Clear {
                self.not_clear.push(request.latency_ns());
            }
        }
    }

    /// The quantile of the clear steps after the first `skip`; `None` where there is none.
    pub(crate) fn clear_quantile(&self, level: f64, skip: u64) -> Option<f64> {
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
    pub(crate) fn waiting(&self) -> usize {
        self.waiting_steps
    }

    /// How the series of steps begins.
    pub(crate) fn beginning(&self) -> Beginning {
        let found = || {
            let elapsed = total(&self.times.parts(ELAPSED, STEPS)).amount;
            let found = settle(&self.times.parts(LATENCY, STEPS), elapsed);
            found.beside(&self.times, TIME)
        };
        self.beginning.unwrap_or_else(found)
    }

    /// Keeps how the steps begin until more come.
    pub(crate) fn keep_beginning(&mut self) {
        self.beginning = Some(self.beginning());
    }

    /// Steps cut as warm-up.
    pub(crate) fn steps_cut(&self) -> u64 {
        self.times.in_first(self.beginning().cut)
    }

    /// Steps that bounds leave out.
    pub(crate) fn steps_cut_for_bounds(&self) -> u64 {
        self.times.in_first(self.beginning().cut_for_bounds)
    }

    /// The beginning that figures of steps leave out.
    pub(crate) fn cut(&self) -> Cut {
        let elapsed = self.times.parts(ELAPSED, STEPS);
        let counts = (self.steps_cut(), self.times.observations());
        Cut::of(&elapsed, self.beginning(), counts, |part| part.amount)
    }

    /// The quantile at `level` of the rates over windows of time, without those of the warm-up.
    pub(crate) fn windowed(&self, level: f64) -> Figure {
        let elapsed = self.times.parts(ELAPSED, STEPS);
        let cut = self.beginning().cut.min(elapsed.len());
        let skip = self.windows.warm_up(total(&elapsed[..cut]).amount);
        let (windows, width_s) = (self.windows.len(), Num(self.windows.width_s()));
        match self.windows.quantile(level, skip) {
            Some(found) => Figure {
                notes: vec![Note::Windows { windows: windows - skip, width_s, warm_up: skip }],
                doubts: vec![Doubt::NoInterval],
                ..Figure::exact(found.value, found.samples)
            },
            None if self.times.observations() == 0 => Figure::missing(Note::NoStep),
            // Too few is not none: whoever compares runs has to tell a short one from one without the metric.
            None => Figure {
                samples: windows.saturating_sub(skip) as u64,
                ..Figure::missing(Note::FewWindows { windows, width_s, needed: FEWEST_WINDOWS })
            },
        }
    }
}
