//! The memory of the run and of what serves: largest values, over how long, whose they are, and how they may be wrong.

use super::measure::assessment::Assessment;
use super::measure::figure::{Doubt, Figure};
use super::measure::served::Members;
use super::totals::Totals;
use crate::event::{Note, Num, PeakGrowth, Why};
use crate::metric::{DeviceKind, Field, MetricDef, Source, UsageField};

/// Share of the time of a peak below which its growth was watched for in a part of it.
const PART: f64 = 0.9;

impl Totals {
    /// A peak of the run; `judged`: what a look at a stage found of it.
    pub(super) fn peak(&self, metric: &MetricDef, judged: Option<Figure>) -> Figure {
        let said = self.said_peak(metric);
        let sampled = self.peaks.largest(metric.id);
        let mut figure = judged.unwrap_or_default();
        figure.estimate = sampled.into_iter().chain(said).reduce(f64::max);
        figure.samples = self.peaks.get(metric.id).map_or(0, |peak| peak.tracker.readings());
        figure.doubts = self.doubts(metric);
        figure
    }

    /// The largest memory of what serves.
    pub(super) fn served_peak(&self, metric: &MetricDef, now_ns: u64) -> Figure {
        let served = &self.served;
        let Some(peak) = served.peak else {
            let late = served.trained && served.serving_ns > 0;
            let why = if late { Note::ServedAfterTraining } else { Note::NoServing };
            return Figure::missing(why);
        };
        let took_ns = served.serving_ns + served.since_ns.map_or(0, |since| now_ns - since);
        let serving_s = Num(took_ns as f64 * 1e-9);
        let lean = if served.is_lean { Note::NoTrainingData } else { Note::MayHoldMore };
        let shared = served.members.share(Some(peak)).then(|| self.shared_pages());
        let unfinished = (!served.is_over).then_some(Doubt::Unfinished);
        let figure = Figure {
            known: served.is_over,
            notes: vec![Note::UntilServed { serving_s }, lean],
            doubts: unfinished.into_iter().chain(self.doubts(metric)).collect(),
            ..Figure::exact(peak, served.ticks)
        };
        figure.noted(shared).noted(self.at_least(metric))
    }

    /// Of a peak of the tree's memory: the processes that it is of.
    pub(super) fn members(&self, metric: &MetricDef) -> Option<Members> {
        match metric.source {
            Source::Tick(Field::Peak) => Some(self.members),
            Source::ServedPeak => Some(self.served.members),
            _ => None,
        }
    }

    /// As the kernel told the worker at its end, in bytes: of its own memory, each page counted once.
    pub(super) fn said_peak(&self, metric: &MetricDef) -> Option<f64> {
        let usage = self.finished.as_ref()?.usage;
        let said = usage.vm_hwm_bytes.filter(|_| metric.usage == Some(UsageField::Peak))?;
        Some(said as f64)
    }

    /// What a process of a command may have had that ended before it was looked at, in bytes, where that is more than the
    /// peak: the kernel tells no more of one that is smaller than perftune.
    fn hidden(&self, metric: &MetricDef) -> Option<f64> {
        let most = self.finished.as_ref()?.usage.hwm_at_most_bytes? as f64;
        (self.largest(metric)? < most).then_some(most)
    }

    /// The largest memory of the tree that was seen, in bytes, of a metric that is one.
    pub(super) fn largest(&self, metric: &MetricDef) -> Option<f64> {
        match metric.source {
            Source::Tick(Field::Peak) => self.peaks.largest(metric.id),
            Source::ServedPeak => self.served.peak,
            _ => None,
        }
    }

    fn at_least(&self, metric: &MetricDef) -> Option<Note> {
        // One that was ended is spoken of until then, and then it was looked at.
        let own_end = self.finished.as_ref().is_some_and(|finished| !finished.stopped);
        let hidden = self.hidden(metric).filter(|_| own_end);
        hidden.map(|most| Note::AtLeast { bytes: Num(most) })
    }

    /// Share of the time in which a device was not read, where that is worth a word.
    fn blind(&self, metric: &MetricDef) -> Option<f64> {
        self.peaks.get(metric.id)?.coverage.blind()
    }

    fn doubts(&self, metric: &MetricDef) -> Vec<Doubt> {
        let others = match self.members(metric) {
            Some(members) => members.share(self.largest(metric)).then(|| self.said_peak(metric)),
            None => self.is_shared(metric).then_some(None),
        };
        let others = others.map(|own| Doubt::Others { own });
        let hidden = self.hidden(metric).map(|most| Doubt::Hidden { most });
        let blind = self.blind(metric).map(|share| Doubt::Blind { share });
        others.into_iter().chain(hidden).chain(blind).collect()
    }

    /// Whose memory is in a peak of the run beside its own, and for how much of the time nobody knows.
    pub(super) fn whose_peak(&self, metric: &MetricDef) -> Vec<Note> {
        let shared = self.is_shared(metric);
        let (whose, which) = match metric.device() {
            None => {
                let shared = self.members.share(self.largest(metric));
                (shared.then(|| self.shared_pages()), None)
            }
            Some(DeviceKind::Gpu) => {
                let which = self.devices.note(true).filter(|note| *note != Note::OnlyDevice);
                (shared.then_some(Note::SharedDevice), which)
            }
            Some(DeviceKind::Tpu) => (shared.then_some(Note::AllChips), None),
        };
        let blind = self.blind(metric).map(|share| Note::NotReadFor { share: Num(share) });
        self.at_least(metric).into_iter().chain(whose).chain(which).chain(blind).collect()
    }

    /// How long a peak was watched, and the growth that it may still have: no peak is promised beyond that.
    /// Growth is watched for in one stage, for `watched_s`.
    pub(super) fn watched(&self, found: &Assessment, watched_s: f64) -> Note {
        let watched = self.span_ns.zip(self.resident_ns);
        let watched = watched.map_or(0, |((first, _), last)| last.saturating_sub(first));
        let over_s = watched as f64 * 1e-9;
        let loose = |below: f64| found.estimate.is_none_or(|peak| below * 60.0 > peak.value);
        let growth = match (&found.open, found.growth_below) {
            (Some(Why::Growing { per_s }), _) => PeakGrowth::Growing { per_s: *per_s },
            (_, Some(below)) if loose(below) => PeakGrowth::Loose,
            (_, Some(below)) => PeakGrowth::Below { per_s: Num(below) },
            (_, None) => PeakGrowth::Unknown {
                watched_s: Some(Num(watched_s)).filter(|_| watched_s < PART * over_s),
            },
        };
        Note::PeakOver { over_s: Num(over_s), growth }
    }

    /// Why the sampled peak says nothing of a run that began at `started_ns`: most of it came after the last look at its
    /// memory. Runs that are shorter than two ticks or so are like that.
    pub(super) fn unwatched(&self, started_ns: u64) -> Option<Note> {
        let (_, end) = self.span_ns?;
        let since = |t_ns: u64| t_ns.saturating_sub(started_ns);
        let (seen, whole) = (since(self.resident_ns?), since(end));
        (seen < whole / 2).then(|| {
            let seconds = |ns: u64| Num(ns as f64 * 1e-9);
            Note::LastSeen { at_s: seconds(seen), of_s: seconds(whole) }
        })
    }
}
