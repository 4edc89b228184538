//! What the sampler's ticks say of one stage: its gauges, whether the gauges of peaks grow, and the shares of its time in
//! which it was disturbed. Which there are is what the registry says.

use std::collections::VecDeque;
use std::sync::LazyLock;

use super::disturbance::{Mark, Marks};
use super::figure::Figure;
use super::gauge::Gauge;
use super::tick::Interval;
use crate::event::Note;
use crate::metric::{CATALOGUE, MetricDef, MetricKind, Scope, Source};
use crate::stats::{GrowthWatch, Part};
use crate::units::Unit;

/// Intervals that wait for their mark: those of seconds.
const WAITING: usize = 64;

/// Counters of the machine and of the run are read one after the other and the machine's in ticks of 10 ms: a share of
/// a core this little below 0 is 0, more is no reading.
const HAIR: f64 = 0.05;

/// The sources of the metrics that fit, each once.
fn sources(fits: impl Fn(&MetricDef) -> Option<Source>) -> Vec<Source> {
    let mut found = Vec::new();
    for source in CATALOGUE.iter().filter(|metric| metric.source.is_sampled()).filter_map(fits) {
        if !found.contains(&source) {
            found.push(source);
        }
    }
    found
}

static GAUGES: LazyLock<Vec<Source>> =
    LazyLock::new(|| sources(|metric| (metric.kind == MetricKind::Gauge).then_some(metric.source)));

static GROWTHS: LazyLock<Vec<Source>> = LazyLock::new(|| {
    sources(|metric| (metric.kind == MetricKind::Peak).then(|| metric.source.gauge()))
});

static SHARES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    sources(|metric| {
        let said_once = metric.kind == MetricKind::Scalar && metric.scope == Scope::Stages;
        said_once.then_some(metric.source)
    })
});

/// The series of one stage. Only intervals that lie wholly within the stage get here.
#[derive(Debug, Clone)]
pub(crate) struct Sampled {
    /// Intervals used.
    pub(crate) intervals: u64,
    /// Their length in seconds.
    pub(crate) seconds: f64,
    /// Where the first one began, in nanoseconds.
    began_ns: Option<u64>,
    /// In the order of [`GAUGES`], [`GROWTHS`] and [`SHARES`].
    gauges: Vec<Gauge>,
    growths: Vec<GrowthWatch>,
    shares: Vec<Part>,
    /// Marked seconds, seconds of which it is known.
    pub(crate) marked: Part,
    /// Spans in nanoseconds and seconds that are not known to be disturbed or not.
    waiting: VecDeque<((u64, u64), f64)>,
}

impl Default for Sampled {
    fn default() -> Self {
        Self {
            intervals: 0,
            seconds: 0.0,
            began_ns: None,
            gauges: vec![Gauge::default(); GAUGES.len()],
            growths: vec![GrowthWatch::default(); GROWTHS.len()],
            shares: vec![Part::default(); SHARES.len()],
            marked: Part::default(),
            waiting: VecDeque::new(),
        }
    }
}

impl Sampled {
    /// Adds the interval between two neighbouring ticks.
    pub(crate) fn push(&mut self, interval: &Interval<'_>) {
        let since_ns = *self.began_ns.get_or_insert(interval.span_ns().0);
        self.intervals += 1;
        self.seconds += interval.seconds;
        for (source, gauge) in GAUGES.iter().zip(&mut self.gauges) {
            if let Some(observed) = interval.observe(*source, since_ns) {
                gauge.push(observed);
            }
        }
        for (source, growth) in GROWTHS.iter().zip(&mut self.growths) {
            if let Some(observed) = interval.observe(*source, since_ns) {
                growth.push((observed.middle_s(), observed.seconds), observed.mean);
            }
        }
        for (source, share) in SHARES.iter().zip(&mut self.shares) {
            if let Some(part) = interval.share(*source) {
                add(share, part);
            }
        }
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((interval.span_ns(), interval.seconds));
    }

    /// Marks what has become known.
    pub(crate) fn resolve(&mut self, marks: &Marks) {
        for gauge in &mut self.gauges {
            gauge.resolve(marks);
        }
        while let Some((span_ns, seconds)) = self.waiting.front().copied()
            && let Some(mark) = marks.of(span_ns)
        {
            self.waiting.pop_front();
            let amount = match mark {
                Mark::Unknown => continue,
                Mark::Clear => 0.0,
                Mark::Taken => seconds,
            };
            add(&mut self.marked, Part { amount, weight: seconds });
            if let (Some(at), Some(cores)) = (share_at(Source::Others), marks.others(span_ns)) {
                add(&mut self.shares[at], Part { amount: cores * seconds, weight: seconds });
            }
        }
    }

    /// The gauge of a source.
    pub(crate) fn gauge(&self, source: Source) -> Option<&Gauge> {
        let place = GAUGES.iter().position(|gauge| *gauge == source)?;
        self.gauges.get(place)
    }

    /// Whether the gauge grows of which this source has the largest value.
    pub(crate) fn growth(&self, source: Source) -> Option<&GrowthWatch> {
        let place = GROWTHS.iter().position(|gauge| *gauge == source.gauge())?;
        self.growths.get(place)
    }

    /// The share of the time that a source says.
    pub(crate) fn share(&self, source: Source) -> Part {
        if source == Source::Disturbed {
            return self.marked;
        }
        share_at(source).and_then(|place| self.shares.get(place)).copied().unwrap_or_default()
    }

    /// A metric that is a share of the time.
    pub(crate) fn figure(&self, metric: &MetricDef) -> Figure {
        let factor = if metric.unit == Unit::Percent { 100.0 } else { 1.0 };
        match self.share(metric.source).ratio() {
            Some(ratio) if ratio < -HAIR => Figure::missing(Note::NegativeRest),
            Some(ratio) => Figure::exact((ratio * factor).max(0.0), self.intervals),
            None if self.intervals == 0 => Figure::missing(Note::NoInterval),
            None if metric.source == Source::RunDelay => Figure::missing(Note::NoRunDelay),
            None => Figure::missing(Note::NoMachineCounter),
        }
    }
}

/// The place of a source among [`SHARES`].
fn share_at(source: Source) -> Option<usize> {
    SHARES.iter().position(|share| *share == source)
}

fn add(sum: &mut Part, part: Part) {
    sum.amount += part.amount;
    sum.weight += part.weight;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::devices::Selection;
    use crate::event::{HostReading, ResourceSample};
    use crate::metric::Field;
    use crate::stats::batches::total;

    fn tick(ms: u64, cpu_ms: Option<u64>, rss: Option<u64>) -> ResourceSample {
        ResourceSample {
            t_ns: ms * 1_000_000,
            cpu_ns: cpu_ms.map(|ms| ms * 1_000_000),
            rss_bytes: rss,
            host: HostReading { busy_ns: Some(ms * 1_500_000), ..HostReading::default() },
            ..ResourceSample::default()
        }
    }

    #[test]
    fn a_gap_is_left_out_and_never_a_zero() {
        let ticks = [
            tick(0, Some(0), Some(100)),
            tick(100, Some(50), Some(100)),
            tick(200, None, None),
            tick(300, Some(150), Some(300)),
            tick(500, Some(250), Some(500)),
        ];
        let mut series = Sampled::default();
        let mut marks = Marks::default();
        marks.sample(&ticks[0]);
        for pair in ticks.windows(2) {
            series.push(&Interval::new(&pair[0], &pair[1], &Selection::default()).unwrap());
            marks.sample(&pair[1]);
            series.resolve(&marks);
        }
        let parts = |field| total(&series.gauge(Source::Tick(field)).unwrap().parts());
        let cpu = parts(Field::Cpu);
        assert!((cpu.weight - 0.3).abs() < 1e-9 && (cpu.amount - 0.15).abs() < 1e-9, "{cpu:?}");
        // 100 for 0.1 s and 400 for 0.2 s.
        let rss = parts(Field::Resident).ratio().unwrap();
        assert!((rss - 300.0).abs() < 1e-9, "{rss}");
        let share = |source| series.share(source).ratio();
        assert!((share(Source::Others).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(share(Source::Tick(Field::Steal)), None);
        assert_eq!(series.intervals, 4);
    }
}
