//! Results folders: the log of every run, fed to the controller as it was when the run was live.

use std::collections::BTreeMap;
use std::path::Path;

use super::problems::Output;
use super::row::{SeriesName, row};
use crate::app::{Fault, error_text};
use crate::config;
use crate::control::rule::RuleSpec;
use crate::control::{RunContext, RunReplay, StopPolicy};
use crate::event::{JobSpec, Limits, Reason, RunRecord};
use crate::store::{Line, Recordings, StoreError, read_lines, read_record};

/// What is added to the reasons of a run that was not recorded to its end.
const CUT_SHORT: &str = "; the recording was stopped early, so its whole is what it had by then";

/// A run as its log tells it.
struct Run<'a> {
    name: &'a str,
    job: JobSpec,
    replays: Vec<(RuleSpec, RunReplay)>,
    /// The controller had asked it to leave a phase or to stop.
    cut_short: bool,
    whole: bool,
}

/// Replays one folder; whether somebody still reads.
pub(super) fn replay(
    path: &Path,
    rules: &[RuleSpec],
    metrics: &[String],
    output: &mut Output<'_>,
) -> Result<bool, Fault> {
    let recordings = match Recordings::open(path) {
        Ok(recordings) => recordings,
        Err(error) => {
            output.problems.source(error.to_string());
            return Ok(true);
        }
    };
    let metrics = named(metrics)?;
    let cores = recordings.head().machine["usable_cores"].as_f64();
    let (mut cut_short, mut count) = (0, 0);
    for name in &recordings.head().runs {
        let folder = recordings.run_folder(name);
        let problems = &mut output.problems;
        let run = match Run::read(name, &folder, cores, rules, &metrics) {
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
        cut_short += u32::from(run.cut_short);
        if !run.whole {
            problems.note(format!("{name} did not end: what was recorded of it is judged"));
        }
        if !run.print(output)? {
            return Ok(false);
        }
    }
    if cut_short > 0 {
        output.problems.note(format!(
            "{cut_short} of {count} runs of {} were stopped early: their full_estimate is what they had when they ended; \
             run with --full to record whole runs",
            path.display()
        ));
    }
    Ok(true)
}

/// The full names of what `--metrics` chooses; none: those that each run waited for.
fn named(words: &[String]) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for word in words {
        let found = config::metrics_named(word)
            .map_err(|(error, hint)| Fault::new(format!("--metrics: {error}")).hint(hint))?;
        for metric in found {
            if !names.iter().any(|name| name == metric.name) {
                names.push(metric.name.to_owned());
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
        metrics: &[String],
    ) -> Result<Option<Self>, StoreError> {
        // What could not be measured was known before the run, and stands in its record.
        let record = read_record(folder).ok();
        let limits = record.as_ref().map_or_else(Limits::default, |record| record.limits.clone());
        let unsupported = record.as_ref().map(unsupported).unwrap_or_default();
        let mut run: Option<Self> = None;
        for line in read_lines(folder)? {
            match (line?, &mut run) {
                (Line::Started { job, stop, t_ns, .. }, None) => {
                    let Ok(mut policy) = serde_json::from_value::<StopPolicy>(stop) else {
                        return Ok(None);
                    };
                    if !metrics.is_empty() {
                        policy.metrics = metrics.to_vec();
                    }
                    let threads = f64::from(job.threads.max(1));
                    let cores = limits.cores(cores.unwrap_or(threads)).min(threads);
                    let context = RunContext::of_job(&job, cores, unsupported.clone(), t_ns);
                    run = Some(Self::new(name, *job, &policy, rules, &context));
                }
                (Line::Worker(envelope), Some(run)) => {
                    for (_, replay) in &mut run.replays {
                        replay.on_worker(&envelope);
                    }
                }
                (Line::Sample(sample), Some(run)) => {
                    for (_, replay) in &mut run.replays {
                        replay.on_sample(&sample);
                    }
                }
                (Line::Asked { .. }, Some(run)) => run.cut_short = true,
                (Line::Ended(_), Some(run)) => run.whole = true,
                (_, None) => return Ok(None),
                (Line::Started { .. } | Line::Warning { .. }, Some(_)) => {}
            }
        }
        Ok(run)
    }

    fn new(
        name: &'a str,
        job: JobSpec,
        policy: &StopPolicy,
        rules: &[RuleSpec],
        context: &RunContext,
    ) -> Self {
        let own = [RuleSpec::default()];
        let rules = if rules.is_empty() { &own[..] } else { rules };
        let replay = |rule: &RuleSpec| {
            let replay = RunReplay::new(policy, rule, context.clone());
            (rule.clone(), replay)
        };
        Self {
            name,
            job,
            replays: rules.iter().map(replay).collect(),
            cut_short: false,
            whole: false,
        }
    }

    fn print(self, output: &mut Output<'_>) -> Result<bool, Fault> {
        let benchmark = format!("{}-{}", self.job.model.name, self.job.dataset);
        let mut silent = true;
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
                let mut row = row(&name, &rule, found.judgement, found.full_estimate);
                if self.cut_short {
                    row.reason += CUT_SHORT;
                }
                if !(output.rows)(row)? {
                    return Ok(false);
                }
            }
        }
        if silent {
            output.problems.source(format!(
                "{}: nothing to judge: of the metrics asked for it has none that was measured all along (figures that are said \
                 once, such as test_accuracy, are no series)",
                self.name
            ));
        }
        Ok(true)
    }
}

/// What the run could not measure, by metric.
pub(in crate::app) fn unsupported(record: &RunRecord) -> BTreeMap<String, Reason> {
    let rows = record.metrics.iter();
    let found = rows.filter_map(|row| {
        let why = row.note.strip_prefix("unsupported: ")?;
        Some((row.metric.clone(), Reason::unsupported(why)))
    });
    found.collect()
}
