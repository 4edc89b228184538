//! One stage of a run: its series, and how many good looks in a row each chosen metric has had.

use super::limit::Limit;
use super::looks::{Looks, Streak};
use super::measure::assessment::{Assessment, Bounded, Cut, Takes};
use super::measure::figure::Figure;
use super::measure::load::Load;
use super::measure::series::Series;
use super::measure::{Ask, assess, measure};
use super::policy::StopPolicy;
use super::totals::Totals;
use crate::event::{Note, Num, OpenMetric, Ruling, Stage, Why};
use crate::metric::{Field, MetricDef, Source};
use crate::stats::Bounds;

/// Share of a phase without a reading of a mean that is worth a word: its readings begin within the phase and end a little
/// before it.
const UNCOVERED: f64 = 0.1;

/// How a stage was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every chosen metric is known.
    Known,
    /// What is not known is not going to be in the time that is left.
    Futile,
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
    pub(super) left_out: Option<Note>,
}

/// One stage: training, or requests of one size.
#[derive(Debug, Clone)]
pub(super) struct StageState {
    pub(super) stage: Stage,
    pub(super) left_ns: Option<u64>,
    /// What came in it.
    pub(super) series: Series,
    pub(super) chosen: Vec<Chosen>,
    /// Constraints that are judged by looks here.
    pub(super) limits: Vec<Limit>,
    pub(super) outcome: Option<Outcome>,
    /// Whether the last look found that waiting is futile.
    pub(super) futile: bool,
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
            left_ns: None,
            series: Series::new(now_ns),
            chosen: chosen.collect(),
            limits: Vec::new(),
            outcome: None,
            futile: false,
            looks: Looks::new(now_ns, min_time_ns),
        }
    }

    /// Age at this time, in nanoseconds.
    pub(super) fn age_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.series.entered_ns)
    }

    /// What noise is likely to take, in seconds; `None` where the stage had more and was left all the same.
    pub(super) fn likely_s(&self, takes: Takes) -> Option<Num> {
        let had_ns = self.left_ns.map_or(0, |left_ns| self.age_ns(left_ns));
        Some(Num(takes.likely_s)).filter(|likely| likely.0 > had_ns as f64 * 1e-9)
    }

    /// Whether it is time for a look.
    pub(super) fn due(&self, now_ns: u64) -> bool {
        self.looks.due(now_ns)
    }

    /// Judges every chosen metric and counts good looks.
    pub(super) fn look(&mut self, ask: Ask<'_>, totals: &Totals) {
        self.looks.taken(ask.now_ns);
        self.series.keep_beginning();
        let judged: Vec<Option<Assessment>> =
            self.chosen.iter().map(|chosen| assess(chosen.metric, &self.series, ask)).collect();
        for (chosen, assessment) in self.chosen.iter_mut().zip(judged) {
            chosen.left_out = totals.given_up(chosen.metric);
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

    /// Whether nothing comes of waiting for so many seconds more: each chosen metric is known, or drowns in noise for longer.
    pub(super) fn is_futile(&self, looks: u32, left_s: f64) -> bool {
        let hopeless = |chosen: &Chosen| {
            let takes = chosen.last.as_ref().and_then(|last| last.takes);
            takes.is_some_and(|takes| takes.least_more_s > left_s)
        };
        let settled = |chosen: &Chosen| chosen.known(looks) || hopeless(chosen);
        let noisy = !matches!(self.stage, Stage::Confirm(_)) && self.counted().any(hopeless);
        noisy && self.counted().all(settled) && self.limits_decided(looks)
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
                _ if confirms => Why::Undecided,
                None => Why::WarmingUp,
                Some(Assessment { open: Some(why), .. }) => why.clone(),
                Some(_) => Why::Confirming,
            },
        };
        open.map(describe).collect()
    }

    /// Whether it is looked at for this metric.
    pub(super) fn judges(&self, metric: &MetricDef) -> bool {
        self.chosen.iter().any(|chosen| chosen.metric.id == metric.id)
    }

    /// What the last look would say of a metric, if it is taken now and finds this.
    pub(super) fn figure(
        &self,
        metric: &MetricDef,
        found: &Assessment,
        policy: &StopPolicy,
    ) -> Figure {
        let asked = self.chosen.iter().find(|chosen| chosen.metric.id == metric.id);
        let asked = asked.filter(|_| !matches!(self.stage, Stage::Confirm(_)));
        let was_known = asked.map(|it| it.left_out.is_none() && it.known(policy.looks));
        let (reached, asked) = (found.reached().map(Num), Num(policy.within));
        let at_end = match (&found.open, was_known) {
            (Some(open), Some(true)) => Some(Note::Moved {
                reached: reached.filter(|_| *open == Why::Wide),
                asked,
                recent: *open == Why::Recent,
            }),
            (_, Some(false)) if matches!(self.outcome, Some(Outcome::TimeUp | Outcome::Futile)) => {
                Some(match (found.takes, reached) {
                    (Some(takes), Some(reached)) => {
                        Note::NoiseLimited { reached, asked, takes_s: self.likely_s(takes) }
                    }
                    _ => Note::Unstable { reached, asked },
                })
            }
            _ => None,
        };
        let cut = found.cut.filter(Cut::is_much).map(|cut| cut.note());
        // The figures are of the end, so what is said of them must hold then.
        let good = was_known == Some(true) && found.open.is_none();
        let of_others = good && self.is_of_others(metric, found, policy);
        let disturbed = found.disturbed.zip(found.estimate);
        let disturbed = disturbed.and_then(|(found, estimate)| found.note(&estimate, of_others));
        let open = match &found.open {
            Some(Why::NoReading { note }) => Some((**note).clone()),
            // How wide it is stands beside it.
            Some(Why::Wide | Why::Recent | Why::Growing { .. } | Why::Disturbed { .. }) | None => {
                None
            }
            Some(why) => Some(Note::Open { why: why.clone() }),
        };
        let notes = [at_end, cut, self.load_note(metric), disturbed, open];
        let interval = found.estimate.and_then(|estimate| estimate.interval);
        Figure {
            estimate: found.estimate.map(|estimate| estimate.value),
            samples: found.estimate.map_or(0, |estimate| estimate.samples),
            // Most of what is measured here cannot be below 0; Student's interval does not know.
            low: interval.map(|interval| {
                if metric.may_be_negative() { interval.low } else { interval.low.max(0.0) }
            }),
            high: interval.map(|interval| interval.high),
            confidence: interval.map(|_| policy.confidence),
            known: good && !of_others,
            notes: notes.into_iter().flatten().collect(),
            doubts: Vec::new(),
        }
    }

    /// Whether others may have decided the figure. What a process holds in memory does not depend on who has the cores.
    fn is_of_others(&self, metric: &MetricDef, found: &Assessment, policy: &StopPolicy) -> bool {
        if metric.source == Source::Tick(Field::Resident) {
            return false;
        }
        let waited = self.series.sampled.share(Source::RunDelay).ratio();
        found.disturbed.zip(found.estimate).is_some_and(|(disturbed, estimate)| {
            let most = policy.within * found.scale;
            disturbed.decides(estimate.value, most, waited, policy.within)
        })
    }

    /// What the load does to a figure, for its note.
    pub(super) fn load_note(&self, metric: &MetricDef) -> Option<Note> {
        let serves = matches!(self.stage, Stage::Serve(_) | Stage::Confirm(_));
        (serves && metric.source == Source::Steps).then(|| self.series.load())?.note()
    }

    /// Share of the phase that a mean of devices speaks of, where they were not read for a good part of it.
    pub(super) fn covers_part(&self, metric: &MetricDef) -> Option<f64> {
        metric.device()?;
        let sampled = &self.series.sampled;
        let read = sampled.gauge(metric.source)?.read_s() / sampled.seconds;
        (read < 1.0 - UNCOVERED).then_some(read)
    }

    /// Looks at every limit.
    fn look_at_limits(&mut self, ask: Ask<'_>) {
        if self.limits.is_empty() {
            return;
        }
        let load = self.series.load();
        for limit in &mut self.limits {
            if let Some(measure) = measure(limit.metric, &self.series, ask) {
                let same = |chosen: &&Chosen| chosen.metric.id == limit.metric.id;
                let judged = self.chosen.iter().find(same).and_then(|chosen| chosen.last.as_ref());
                let interval = judged.and_then(|judged| judged.estimate?.interval);
                let ideal = match load {
                    Load::Generator { .. } => measure.ideal(),
                    _ => Bounds::default(),
                };
                let found = measure.bounds_by(limit.constraint.limit);
                let bounds = interval.map_or(found.bounds, |of| found.bounds.around(of));
                limit.look(Bounded { bounds, ..found }, ideal, load);
            }
        }
    }

    /// Whether no limit that can be read is open.
    fn limits_decided(&self, looks: u32) -> bool {
        let unread = |limit: &Limit| {
            let mut counted = self.counted();
            counted.all(|chosen| chosen.metric.id != limit.metric.id)
        };
        self.limits.iter().all(|limit| unread(limit) || limit.ruling(looks, false) != Ruling::Open)
    }

    /// Whether a limit on this metric is open.
    fn is_limit_open(&self, metric: &MetricDef, looks: u32) -> bool {
        let of_metric = |limit: &&Limit| limit.metric.id == metric.id;
        let mut limits = self.limits.iter().filter(of_metric);
        limits.any(|limit| limit.ruling(looks, false) == Ruling::Open)
    }
}

impl Chosen {
    /// Whether it has had enough good looks in a row; what is said once is always known.
    pub(super) fn known(&self, looks: u32) -> bool {
        self.metric.kind.is_said_once() || self.streak.reaches(looks)
    }
}
