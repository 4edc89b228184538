//! Results folders: the log of every run, fed to the controller as it was when the run was live.
//!
//! What a stop would have saved is left to [`shadow`](crate::app::shadow). Invariant: a log is read in a stream, and what
//! a controller sees is what it saw when the run was live.

use std::path::Path;

use super::problems::{Halt, Output};
use super::recording::{Beginning, feed};
use super::request::ReplayRequest;
use super::row::{SeriesName, row};
use crate::app::distinct::distinct;
use crate::app::{Fault, error_text};
use crate::config;
use crate::control::RunReplay;
use crate::control::rule::RuleSpec;
use crate::event::{DeclaredMetric, JobSpec, Stage};
use crate::metric::{MetricId, MetricName};
use crate::store::{Recordings, StoreError, read_record};

/// What is added to the reasons in a phase that was not recorded to its end.
const CUT_SHORT: &str = "; the stage ended early, so its whole is what it had by then";

/// A run as its log tells it.
struct Run<'a> {
    name: &'a str,
    job: JobSpec,
    replays: Vec<(RuleSpec, RunReplay)>,
    /// The stages that the controller had asked it to leave.
    cut: Vec<Stage>,
    whole: bool,
}

/// Replays one folder.
pub(super) fn replay(
    path: &Path,
    request: &ReplayRequest,
    output: &mut Output<'_>,
) -> Result<(), Halt> {
    let recordings = match Recordings::open(path) {
        Ok(recordings) => recordings,
        Err(error) => {
            output.problems.source(error.to_string());
            return Ok(());
        }
    };
    let metrics = named(&request.metrics, &own(&recordings))?;
    let cores = recordings.head().machine["usable_cores"].as_f64();
    let (mut cut_short, mut count) = (0, 0);
    for name in &recordings.head().runs {
        let folder = recordings.run_folder(name);
        let problems = &mut output.problems;
        let run = match Run::read(name, &folder, cores, &request.rules, &metrics) {
            Ok(Some(run)) => run,
            Ok(None) => {
                problems.source(format!("{}: its log does not begin as one", folder.display()));
                continue;
            }
            Err(error) => {
                problems.source(format!("{name}: {}", error_text(&error)));
                continue;
            }
        };
        count += 1;
        if !run.whole {
            problems.note(format!("{name} did not end: what was recorded of it is judged"));
        }
        cut_short += u32::from(run.print(output)?);
    }
    if cut_short > 0 {
        output.problems.note(format!(
            "{cut_short} of {count} runs of {} ended a stage early: its full_estimate is what there was by then; run with \
             --full to record whole runs",
            path.display()
        ));
    }
    Ok(())
}

/// The metrics of the user's own that the runs declare.
fn own(recordings: &Recordings) -> Vec<MetricId> {
    let jobs = recordings.head().specs.values().map(|spec| spec.tree()["job"]["metrics"].take());
    let declared = jobs.filter_map(|metrics| serde_json::from_value(metrics).ok());
    let ids = declared.flat_map(|metrics: Vec<DeclaredMetric>| metrics).filter_map(|it| it.id());
    distinct(ids)
}

/// The metrics that `--metrics` chooses; none: those that each run waited for.
fn named(words: &[String], own: &[MetricId]) -> Result<Vec<MetricName>, Fault> {
    let mut names = Vec::new();
    for word in words {
        let found = config::metrics_named(word, own)
            .map_err(|(error, hint)| Fault::new(format!("--metrics: {error}")).hint(hint))?;
        for metric in found {
            if !names.iter().any(|name| *name == metric.id) {
                names.push(metric.id.into());
            }
        }
    }
    Ok(names)
}

impl<'a> Run<'a> {
    /// Reads the log of a run through; `None` where it does not say how the run began.
    fn read(
        name: &'a str,
        folder: &Path,
        cores: Option<f64>,
        rules: &[RuleSpec],
        metrics: &[MetricName],
    ) -> Result<Option<Self>, StoreError> {
        let record = read_record(folder).ok();
        let Some(mut begun) = Beginning::read(folder, record.as_ref(), cores)? else {
            return Ok(None);
        };
        if !metrics.is_empty() {
            begun.policy.metrics = metrics.to_vec();
        }
        let Beginning { job, policy, context } = begun;
        let replay = |rule: &RuleSpec| RunReplay::new(&policy, rule, context.clone());
        let mut replays: Vec<_> = rules.iter().map(replay).collect();
        let said = feed(folder, &mut replays, RunReplay::on_worker, RunReplay::on_sample)?;
        let replays = rules.iter().cloned().zip(replays).collect();
        Ok(Some(Self { name, job, replays, cut: said.cut, whole: said.ended }))
    }

    /// Whether a stage with rows was left before its own end.
    fn print(self, output: &mut Output<'_>) -> Result<bool, Halt> {
        let benchmark = format!("{}-{}", self.job.model.name, self.job.dataset);
        let (mut silent, mut cut_short) = (true, false);
        for (at, (rule, replay)) in self.replays.into_iter().enumerate() {
            for found in replay.finish() {
                if at == 0 {
                    output.problems.judged += 1;
                }
                silent = false;
                let name = SeriesName {
                    series: format!("{}/{}", self.name, found.stage),
                    benchmark: benchmark.clone(),
                    metric: found.metric.name.to_owned(),
                };
                let mut row = row(&name, &rule, &found.judgement, found.full_estimate);
                if self.cut.contains(&found.stage) {
                    cut_short = true;
                    row.reason += CUT_SHORT;
                }
                (output.rows)(row)?;
            }
        }
        if silent {
            output.problems.source(format!(
                "{}: nothing to judge: none of the chosen metrics has a series (figures that are reported once, such as \
                 test_accuracy, have none)",
                self.name
            ));
        }
        Ok(cut_short)
    }
}
