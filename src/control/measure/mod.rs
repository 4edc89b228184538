//! What is measured: one implementation a kind of series, whatever the source. Which metrics and sources there are is what
//! the registry ([`crate::metric`]) says; how a figure is shown, and what follows from it, is decided elsewhere.
//!
//! A [`Measure`] is a metric of one stage as it stands: it says its figure and why that is not good enough yet, and bounds
//! that hold at all looks. Metrics that are said once have none. What a row has of either kind is a [`figure::Figure`].

pub(crate) mod assessment;
pub(crate) mod device;
pub(crate) mod disturbance;
pub(crate) mod figure;
pub(crate) mod gauge;
pub(crate) mod load;
pub(crate) mod own;
pub(crate) mod pace;
pub(crate) mod peak;
pub(crate) mod projection;
pub(crate) mod sampled;
pub(crate) mod search;
pub(crate) mod series;
pub(crate) mod served;
pub(crate) mod sizes;
pub(crate) mod steps;
pub(crate) mod tick;
pub(crate) mod times;

use self::assessment::{Assessment, Measure};
use self::gauge::{GaugeMean, factor, floor};
use self::own::OwnMean;
use self::pace::Budget;
use self::peak::{PeakSoFar, Peaks};
use self::projection::Projected;
use self::series::Series;
use self::steps::{Of, Rank, Ratio};
use super::policy::StopPolicy;
use crate::event::Note;
use crate::metric::{Ceiling, MetricDef, MetricKind, Source};

/// What a measure needs beside the series of its stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) policy: &'a StopPolicy,
    pub(crate) usable_cores: f64,
    /// The peaks of the run.
    pub(crate) peaks: &'a Peaks,
    /// The whole training, as far as its size is known.
    pub(crate) budget: Option<Budget>,
    /// The time of the look; the end of the stage if it is over.
    pub(crate) now_ns: u64,
}

/// A metric that has no series here, and why.
struct Missing(Note);

impl Measure for Missing {
    fn assess(&self, _: &StopPolicy) -> Assessment {
        Assessment::missing(self.0.clone())
    }
}

/// The measure of a metric in a stage; `None` for metrics that are said once: there is nothing to wait for.
pub(crate) fn measure<'a>(
    metric: &MetricDef,
    series: &'a Series,
    ask: Ask<'a>,
) -> Option<Box<dyn Measure + 'a>> {
    Some(match (metric.kind, metric.source) {
        (MetricKind::Rate, _) => Box::new(Ratio { series, of: Of::Rate }),
        (_, Source::Own) if !metric.kind.is_said_once() => {
            Box::new(OwnMean(series.own.get(metric.name)))
        }
        (MetricKind::Mean, _) => Box::new(Ratio { series, of: Of::Mean }),
        (_, Source::Fetch) if series.unfetched => Box::new(Missing(Note::NoFetch)),
        (_, Source::Fetch) => Box::new(Ratio { series, of: Of::Fetch }),
        (MetricKind::Gauge, Source::Busy) => Box::new(Ratio { series, of: Of::Busy }),
        (MetricKind::Quantile(level), _) => Box::new(Rank { series, level }),
        (MetricKind::Projection, _) => Box::new(Projected { series, budget: ask.budget }),
        (MetricKind::Gauge, source) => {
            match (series.sampled.gauge(source), factor(metric, ask.usable_cores)) {
                (Some(gauge), Some(factor)) => {
                    let (floor, most) = (floor(metric), most(metric, ask));
                    Box::new(GaugeMean { gauge, factor, floor, most })
                }
                _ => Box::new(Missing(Note::NoCores)),
            }
        }
        (MetricKind::Peak, source) => {
            match (ask.peaks.get(metric.id), series.sampled.growth(source)) {
                (Some(peak), Some(growth)) => {
                    let (entered_ns, now_ns) = (series.entered_ns, ask.now_ns);
                    Box::new(PeakSoFar { peak, growth, entered_ns, now_ns })
                }
                _ => Box::new(Missing(Note::NoTick)),
            }
        }
        (MetricKind::Scalar | MetricKind::Windows(_), _) => return None,
    })
}

/// Its assessment.
pub(crate) fn assess(metric: &MetricDef, series: &Series, ask: Ask<'_>) -> Option<Assessment> {
    measure(metric, series, ask).map(|measure| measure.assess(ask.policy))
}

/// The most that the metric can be.
fn most(metric: &MetricDef, ask: Ask<'_>) -> f64 {
    let known = match metric.ceiling {
        Ceiling::None => None,
        Ceiling::At(most) => Some(most),
        Ceiling::UsableCores => Some(100.0 * ask.usable_cores).filter(|most| *most > 0.0),
        Ceiling::Metric(peak) => ask.peaks.largest(peak),
    };
    known.unwrap_or(f64::INFINITY)
}
