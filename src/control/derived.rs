//! Figures that follow from others: what a run costs, what its passes come to, and the CPU time of a sample.

use super::measure::figure::Figure;
use super::run::Run;
use super::stage::StageState;
use crate::event::{Note, Num, Stage, StopRecord};
use crate::metric::{CostOf, Field, MetricDef, MetricId, Source};

/// Forward passes that a step of training counts as: the backward pass has two products for each of the forward one, the
/// gradients of the inputs and of the weights.
const PASSES: f64 = 3.0;

const HOUR_S: f64 = 3600.0;
const MILLION: f64 = 1e6;

/// A figure that follows from another one: its estimate, its ends, and what is noted in its unit.
fn mapped(of: &Figure, map: impl Fn(f64) -> f64, inverse: bool) -> Figure {
    let (low, high) = if inverse { (of.high, of.low) } else { (of.low, of.high) };
    let notes = of.notes.iter().cloned();
    Figure {
        estimate: of.estimate.map(&map),
        low: low.map(&map),
        high: high.map(&map),
        notes: notes.filter_map(|note| note.of_what_follows(&map)).collect(),
        doubts: Vec::new(),
        ..of.clone()
    }
}

impl Run {
    /// What a worker said of a metric of the catalogue.
    pub(super) fn said(&self, metric: &MetricDef) -> Figure {
        let said = self.totals.own.get(metric.name).and_then(|(value, _)| value.finite());
        let none = || {
            let command = self.context.work.is_command();
            Figure::missing(if command { Note::NotReportedByCommand } else { Note::NotReported })
        };
        said.map_or_else(none, |value| Figure::exact(value, 1))
    }

    /// Operations a second of the training.
    pub(super) fn flops(&self, of: Stage, ended: Option<&StopRecord>) -> Figure {
        let Some(flops) = self.said(MetricId::ModelFlops.def()).estimate else {
            return Figure::missing(Note::NoFlops);
        };
        let rate = self.figure(MetricId::TrainThroughput.def(), of, ended);
        if rate.estimate.is_none() {
            return rate;
        }
        let note = Note::Passes { flops: Num(flops) };
        mapped(&rate, |rate| PASSES * flops * rate, false).noted([note])
    }

    /// The CPU time of a sample: the mean use of the cores while the sampler looked, over all of the stage.
    pub(super) fn cpu_per_sample(&self, state: &StageState) -> Figure {
        let series = &state.series;
        if series.samples <= 0.0 {
            return Figure::missing(Note::NoStep);
        }
        let used =
            series.sampled.gauge(Source::Tick(Field::Cpu)).and_then(|gauge| gauge.sum().ratio());
        let Some(cores) = used else {
            return Figure::missing(Note::NoInterval);
        };
        let wall_s = state.age_ns(state.left_ns.unwrap_or(self.now_ns)) as f64 * 1e-9;
        let cpu_s = cores * wall_s;
        let samples = Num(series.samples);
        Figure::exact(cpu_s / series.samples, self.totals.ticks)
            .noted([Note::CpuOver { cpu_s: Num(cpu_s), samples }])
    }

    /// What it costs at the price of an hour.
    pub(super) fn cost(&self, what: CostOf, of: Stage, ended: Option<&StopRecord>) -> Figure {
        let Some(price) = &self.context.price else {
            return Figure::missing(Note::NoPrice);
        };
        let per_s = price.per_hour / HOUR_S;
        let note = Note::Price { per_hour: Num(price.per_hour), currency: price.currency.clone() };
        match what {
            CostOf::Run => {
                let end_ns = self.totals.exited_ns.unwrap_or(self.now_ns);
                let wall_s = end_ns.saturating_sub(self.context.started_ns) as f64 * 1e-9;
                Figure::exact(per_s * wall_s, 1).noted([note])
            }
            CostOf::Samples => {
                let rate = match of {
                    Stage::Train => MetricId::TrainThroughput,
                    _ => MetricId::ServeThroughput,
                };
                let rate = self.figure(rate.def(), of, ended);
                if rate.estimate.is_none() {
                    return rate;
                }
                mapped(&rate, |rate| MILLION * per_s / rate, true).noted([note])
            }
        }
    }
}
