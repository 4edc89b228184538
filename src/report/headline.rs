//! Which figure a headline column speaks of: a metric of a cell has one figure wherever only one is shown.
//!
//! Requests that were served once more, on the trained model, take the place of those from before the training: the verdict
//! rests on them, and they are what a deployment would see. Where a limit was broken before the training, the verdict rests
//! on those figures, and so do the columns.

use crate::event::{MetricRow, Phase, RunRecord, Stage};
use crate::metric::{MetricDef, MetricId, MetricName, Scope};
use crate::units::{Scale, Unit};

/// The unit that the figures of a metric are shown in, in every table of these runs.
pub(super) fn scale_of(metric: &MetricDef, records: &[RunRecord]) -> Scale {
    let place = Place::of(metric);
    let shown: Vec<f64> =
        records.iter().filter_map(|record| place.estimate(record, metric.id)).collect();
    if !shown.is_empty() {
        return Scale::of(metric.unit, shown);
    }
    // Of another part of the run.
    let rows = records.iter().flat_map(|record| &record.metrics);
    let rows = rows.filter(|row| row.metric == metric.id);
    Scale::of(metric.unit, rows.filter_map(|row| row.estimate))
}

/// The part of a run that a headline column speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Training.
    Train,
    /// The first listed serve size: the smallest request in most grids, so it speaks of latency.
    FirstServe,
    /// The last listed serve size: the largest request in most grids, so it speaks of throughput.
    LastServe,
    /// The run as a whole.
    Run,
}

impl Place {
    /// Where a metric of several stages is looked for when only one figure of it can be shown.
    pub fn of(metric: &MetricDef) -> Self {
        match metric.scope {
            Scope::Train | Scope::Stages => Self::Train,
            // The highest rate is one of latency too.
            Scope::Serve | Scope::Served => match metric.unit {
                Unit::Seconds | Unit::RequestsPerSecond => Self::FirstServe,
                _ => Self::LastServe,
            },
            Scope::Run => Self::Run,
        }
    }

    /// The name of the phase in the record, the first of several that serve the same requests; absent where nothing is served.
    pub fn phase(self, record: &RunRecord) -> Option<String> {
        match self {
            Self::Train if record.job.work.is_command() => Some(of_command(record).to_owned()),
            Self::Train if record.job.work.recorded().is_some() => {
                let trained = record.metrics.iter().any(|row| row.phase == "train");
                Some(if trained { "train" } else { of_command(record) }.to_owned())
            }
            Self::Train => Some("train".to_owned()),
            Self::FirstServe | Self::LastServe => {
                self.request_size(record).map(|size| format!("serve[{size}]"))
            }
            Self::Run => Some("run".to_owned()),
        }
    }

    /// Samples a request of its serve phase.
    pub fn request_size(self, record: &RunRecord) -> Option<u32> {
        let sizes = request_sizes(record);
        match self {
            Self::FirstServe => sizes.first().copied(),
            Self::LastServe => sizes.last().copied(),
            Self::Train | Self::Run => None,
        }
    }

    /// The figure of this metric, if the record has one.
    pub fn row<M>(self, record: &RunRecord, metric: M) -> Option<&MetricRow>
    where
        M: Copy,
        MetricName: PartialEq<M>,
    {
        let again = self.served_again(record);
        // The highest rate is searched for once, before the training.
        again
            .and_then(|phase| record.metric(&phase.to_string(), metric))
            .or_else(|| record.metric(&self.phase(record)?, metric))
    }

    /// The phase that its latencies and rates are taken from.
    pub fn served(self, record: &RunRecord) -> Option<Phase> {
        let size = self.request_size(record)?;
        Some(self.served_again(record).unwrap_or(Phase::Serve(size)))
    }

    /// The phase in which its requests were served once more, if the verdict rests on that.
    fn served_again(self, record: &RunRecord) -> Option<Phase> {
        let size = self.request_size(record)?;
        let again = Phase::Confirm(size);
        let name = again.to_string();
        let mut rows = record.metrics.iter();
        let measured = rows.any(|row| row.phase == name && row.estimate.is_some());
        let mut findings = record.verdict.iter().flat_map(|verdict| &verdict.findings);
        let before = Some(Stage::Serve(size));
        let broken = findings.any(|found| found.stage == before && found.broken().is_some());
        (measured && !broken).then_some(again)
    }

    /// The estimate of this metric, if it was measured.
    pub fn estimate<M>(self, record: &RunRecord, metric: M) -> Option<f64>
    where
        M: Copy,
        MetricName: PartialEq<M>,
    {
        self.row(record, metric)?.estimate
    }
}

/// The stage that the headline figures of a command speak of: its training, or what it has instead.
fn of_command(record: &RunRecord) -> &str {
    let has = |phase: &str| {
        let mut rows = record.metrics.iter();
        rows.any(|row| row.phase == phase && row.metric == MetricId::CpuUtilisation)
    };
    let begun = ["train", "run"].into_iter().find(|phase| has(phase));
    let other = record.metrics.iter();
    let mut other = other.filter(|row| row.metric == MetricId::CpuUtilisation);
    begun.or_else(|| Some(&*other.next()?.phase)).unwrap_or("run")
}

/// The sizes of requests that a run serves, or that a command or a recorded run has served.
fn request_sizes(record: &RunRecord) -> Vec<u32> {
    if !record.job.work.is_command() && record.job.work.recorded().is_none() {
        return record
            .job
            .serve
            .as_ref()
            .map(|serve| serve.batch_sizes.clone())
            .unwrap_or_default();
    }
    let rows = record.metrics.iter().filter(|row| row.metric == MetricId::ServeThroughput);
    let size = |row: &MetricRow| match row.phase.parse() {
        Ok(Phase::Serve(size)) => Some(size),
        _ => None,
    };
    rows.filter_map(size).collect()
}

/// Whether the test accuracy is that of a model which was trained to the end: it used its epochs, or its validation
/// metric had stopped improving. Absent where there is no test accuracy.
pub fn accuracy_is_final(record: &RunRecord) -> Option<bool> {
    Place::Run.estimate(record, MetricId::TestAccuracy)?;
    Some(record.trained_to_the_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Evidence, Feasibility, Ruling, RunStatus, StopReason};
    use crate::metric::find;
    use crate::report::fixtures::{completed, failed, judged, limited, record};

    #[test]
    fn an_accuracy_is_final_only_when_training_was() {
        for (status, reason, epochs, says) in [
            (RunStatus::Completed, StopReason::Completed, 10, true),
            (RunStatus::Stopped, StopReason::Trained, 4, true),
            (RunStatus::Stopped, StopReason::Known, 4, false),
            (RunStatus::Stopped, StopReason::Budget, 4, false),
            (RunStatus::Stopped, StopReason::Unstable, 4, false),
            (RunStatus::Stopped, StopReason::Diverged, 10, false),
            (RunStatus::Cancelled, StopReason::Cancelled, 10, false),
            (RunStatus::Completed, StopReason::Completed, 0, false),
        ] {
            let mut record = record("mlp", "digits");
            (record.status, record.stop.reason, record.epochs) = (status, reason, epochs);
            assert_eq!(accuracy_is_final(&record), Some(says), "{status} {reason} {epochs}");
        }
        let mut untrained = record("mlp", "digits");
        (untrained.epochs, untrained.job.train.epochs) = (0, 0);
        assert_eq!(accuracy_is_final(&untrained), Some(false));
        assert_eq!(accuracy_is_final(&failed()), None);
    }

    #[test]
    fn latency_speaks_of_the_first_size_and_throughput_of_the_last() {
        let record = completed();
        assert_eq!(Place::FirstServe.phase(&record).unwrap(), "serve[1]");
        assert_eq!(Place::LastServe.phase(&record).unwrap(), "serve[32]");
        let mut unserved = record;
        unserved.job.serve = None;
        assert_eq!(Place::FirstServe.phase(&unserved), None);
        assert!(Place::LastServe.row(&unserved, "serve.throughput").is_none());
    }

    #[test]
    fn what_was_served_again_takes_the_place_of_what_was_before() {
        let mut record = completed();
        for metric in [MetricId::ServeLatencyP50, MetricId::ServeLatencyP99] {
            let mut again = record.metric("serve[1]", metric).unwrap().clone();
            "confirm[1]".clone_into(&mut again.phase);
            again.estimate = again.estimate.filter(|_| metric == MetricId::ServeLatencyP99);
            record.metrics.push(again);
        }
        let of = |record: &RunRecord, metric: MetricId| {
            Place::FirstServe.row(record, metric).map(|row| row.phase.clone())
        };
        let place = Place::FirstServe;
        assert_eq!(of(&record, MetricId::ServeLatencyP99).unwrap(), "confirm[1]");
        // No column mixes stages: what was not measured again is not there.
        assert_eq!(place.estimate(&record, MetricId::ServeLatencyP50), None);
        assert_eq!(of(&record, MetricId::ServeLatencyP95).unwrap(), "serve[1]");
        assert_eq!(place.served(&record), Some(Phase::Confirm(1)));
        assert_eq!(Place::LastServe.served(&record), Some(Phase::Serve(32)));
        assert_eq!(place.phase(&record).unwrap(), "serve[1]");
        // A limit that was broken before the training stays broken by what broke it.
        let finding = limited("serve.latency_p99", 1e-4, Ruling::Broken, Evidence::NoLook);
        let findings = vec![finding.within(Stage::Serve(1))];
        let broken = judged(record.clone(), Feasibility::Infeasible, findings);
        assert_eq!(of(&broken, MetricId::ServeLatencyP99).unwrap(), "serve[1]");
        // A stage that the run did not come to says nothing.
        for row in &mut record.metrics {
            row.estimate = row.estimate.filter(|_| row.phase != "confirm[1]");
        }
        assert_eq!(place.served(&record), Some(Phase::Serve(1)));
        assert_eq!(of(&record, MetricId::ServeLatencyP99).unwrap(), "serve[1]");
    }

    #[test]
    fn a_metric_has_one_place_that_speaks_of_the_run() {
        for (metric, says) in [
            ("serve.latency_p50", Place::FirstServe),
            ("serve.throughput", Place::LastServe),
            ("cpu.utilisation", Place::Train),
            ("memory.rss_mean", Place::Train),
            ("train.throughput", Place::Train),
            ("memory.peak", Place::Run),
            ("test_accuracy", Place::Run),
        ] {
            assert_eq!(Place::of(find(metric).unwrap()), says, "{metric}");
        }
    }
}
