//! What runs of earlier grids tell a search before its first run.
//!
//! What the search makes of it is left to `search`. Invariant: only a run of this machine, each setting of whose cell is that of
//! a cell of today, is told; and it stays with the results, so that `--resume` needs no folder but its own.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::settings;
use crate::app::distinct::distinct;
use crate::app::environment::{fingerprint_of_defaults, other_machine, shown};
use crate::app::{Fault, launch};
use crate::config::plan::{Plan, PlannedRun, WorkerProgram};
use crate::event::{
    AxisList, Constraint, Finding, Fingerprint, JobSpec, Ruling, RunRecord, RunStatus, RunVerdict,
    Work,
};
use crate::metric::{MetricId, MetricName};
use crate::report::layout::counted;
use crate::search::Method;
use crate::store::{Difference, FORMAT, Format, Recorded, Recordings};

/// Runs of earlier grids, as they are told to a search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Earlier {
    format: Format,
    /// Where they are from.
    folders: Vec<Source>,
    /// Each under the name of the cell that it is of today.
    runs: Vec<RunRecord>,
}

/// A results folder that runs are from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    folder: PathBuf,
    /// Cells that it has runs of, and how many of them are cells of today.
    cells: usize,
    used: usize,
    /// Metrics that the search asks for and no run of these has.
    lacks: Vec<MetricName>,
}

impl Earlier {
    /// The runs of these folders that are of cells of this plan, for a search whose own results go to `out`; nothing of no folder.
    ///
    /// # Errors
    /// Where the plan has no search that learns, or a folder has nothing to tell it: it holds no results, or those of another machine,
    /// or of none of these cells.
    pub fn read(
        plan: &Plan,
        runs: &[PlannedRun],
        folders: &[PathBuf],
        out: &Path,
    ) -> Result<Option<Self>, Fault> {
        if folders.is_empty() {
            return Ok(None);
        }
        if plan.search.is_none_or(|search| search.method != Method::Bayes) {
            let what = "--warm-start gives a search what was measured before, and this grid has no search that learns";
            return Err(Fault::new(what).hint("write [search] with `method = \"bayes\"`"));
        }
        let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if distinct(folders.iter().map(|folder| place(folder))).len() < folders.len() {
            return Err(Fault::new("a results folder is given twice").hint("name each folder once"));
        }
        if folders.iter().any(|folder| place(folder) == place(out)) {
            let what = format!("{} is where the results of this run go", out.display());
            return Err(Fault::new(what)
                .hint("--resume goes on with what is there, --out writes elsewhere"));
        }
        let mut today = Today::new(plan, runs);
        let mut sources = Vec::new();
        for folder in folders {
            sources.push(today.take(&Recordings::open(folder)?)?);
        }
        Ok(Some(Self { format: FORMAT, folders: sources, runs: today.told }))
    }

    /// What the user should know of what was found.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for Source { folder, cells, used, lacks } in &self.folders {
            let folder = folder.display();
            let of = counted(*cells, "cell");
            notes.push(format!("{folder} gives the search {used} of its {of}"));
            let lacks = lacks.iter().map(|metric| format!("no run of {folder} has {metric}"));
            notes.extend(lacks);
        }
        notes
    }

    /// The runs.
    pub(super) fn into_runs(self) -> Vec<RunRecord> {
        self.runs
    }
}

/// The cells of today, and what was told of them so far.
struct Today<'a> {
    runs: Vec<&'a PlannedRun>,
    axes: AxisList,
    /// The cells that have these values of the axes.
    places: HashMap<String, Vec<usize>>,
    machine: Fingerprint,
    /// The metrics that the search asks for.
    asked: Vec<MetricId>,
    told: Vec<RunRecord>,
    /// The place in `told` of the run of each cell and seed.
    known: HashMap<(usize, u64), usize>,
}

impl<'a> Today<'a> {
    fn new(plan: &Plan, runs: &'a [PlannedRun]) -> Self {
        let runs: Vec<&PlannedRun> = runs.iter().filter(|run| run.repeat == 1).collect();
        let axes = AxisList::of(runs.iter().map(|run| &*run.job));
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, run) in runs.iter().enumerate() {
            places.entry(levels(&axes, &run.job)).or_default().push(place);
        }
        let limits = runs.iter().flat_map(|run| &run.stop.constraints).map(|limit| &limit.metric);
        let named = plan.objectives.iter().map(|objective| &objective.metric).chain(limits);
        let asked = distinct(named.filter_map(MetricName::def).map(|def| def.id));
        let is_native = plan.worker.program == WorkerProgram::Native
            && runs.iter().any(|run| run.job.work == Work::Native);
        let version = is_native.then(launch::native_worker).and_then(Result::ok);
        let version = version.and_then(|path| launch::worker_version(&path).ok());
        let machine = fingerprint_of_defaults(version.as_deref());
        Self { runs, axes, places, machine, asked, told: Vec::new(), known: HashMap::new() }
    }

    /// Takes in the runs of a folder.
    fn take(&mut self, recordings: &Recordings) -> Result<Source, Fault> {
        let (folder, head) = (recordings.path().to_owned(), recordings.head());
        let (mut cells, mut used, mut machines) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut other = None;
        let mut found: Vec<RunRecord> = Vec::new();
        for run in &head.runs {
            let Some(record) = recordings.record(run)? else { continue };
            if record.status == RunStatus::Cancelled {
                continue;
            }
            cells.insert(record.cell.clone());
            match self.cell_of(&record, head.specs.get(run))? {
                Ok(place) => {
                    used.insert(place);
                    machines.insert(record.machine.unwrap_or(1));
                    let (limits, cell) =
                        (&self.runs[place].stop.constraints, &self.runs[place].cell);
                    let record = today(record, cell, limits, &self.asked);
                    found.push(record.clone());
                    self.tell(place, record);
                }
                Err(difference) => other = other.or(difference.map(|of| (run.clone(), of))),
            }
        }
        if used.is_empty() {
            return Err(no_cell(&folder, other));
        }
        let all = head.each_machine();
        let of_used = (1..).zip(&all).filter(|(number, _)| machines.contains(number));
        for (_, machine) in of_used {
            check_machine(&folder, machine.fingerprint.as_ref(), &self.machine)?;
        }
        let rows = || found.iter().flat_map(|run| &run.metrics);
        let has =
            |metric: &MetricId| rows().any(|row| row.metric == *metric && row.estimate.is_some());
        let lacks = self.asked.iter().filter(|metric| !has(metric)).map(|metric| (*metric).into());
        Ok(Source { folder, cells: cells.len(), used: used.len(), lacks: lacks.collect() })
    }

    /// The cell of today that this is a run of; else the first setting in which it is not one.
    fn cell_of(
        &self,
        record: &RunRecord,
        kept: Option<&Recorded>,
    ) -> Result<Result<usize, Option<Difference>>, Fault> {
        let (Some(kept), Some(alike)) = (kept, self.places.get(&levels(&self.axes, &record.job)))
        else {
            return Ok(Err(None));
        };
        let then = of_cell(kept.tree());
        let mut first = None;
        for place in alike {
            let now = self.runs[*place].called(record.run.clone(), record.job.seed);
            match Difference::first(&then, &of_cell(settings(&now)?)) {
                None => return Ok(Ok(*place)),
                difference => first = first.or(difference),
            }
        }
        Ok(Err(first))
    }

    /// Of several runs of a cell with one seed, which may be the same in all, the last one is told.
    fn tell(&mut self, place: usize, record: RunRecord) {
        let next = self.told.len();
        let at = *self.known.entry((place, record.job.seed)).or_insert(next);
        if at < next {
            self.told[at] = record;
        } else {
            self.told.push(record);
        }
    }
}

/// The values of the axes of a job.
fn levels(axes: &AxisList, job: &JobSpec) -> String {
    let levels = axes.defs().map(|def| def.of(job).to_string());
    levels.collect::<Vec<_>>().join("\u{1f}")
}

/// What is kept of a run's settings without what says only when it may stop.
fn of_cell(mut settings: Value) -> Value {
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("stop");
    }
    settings
}

/// A run as one of this cell, with the figures that are asked for: of the limits that it broke those of today count.
fn today(record: RunRecord, cell: &str, limits: &[Constraint], asked: &[MetricId]) -> RunRecord {
    let RunRecord { mut metrics, verdict, .. } = record.clone();
    metrics.retain(|row| asked.iter().any(|metric| row.metric == *metric));
    let findings = verdict.map(|verdict| verdict.findings).unwrap_or_default();
    let counts =
        |finding: &Finding| finding.constraint.as_ref().is_none_or(|of| limits.contains(of));
    let broken =
        findings.into_iter().filter(|finding| finding.ruling == Ruling::Broken && counts(finding));
    let broken: Vec<Finding> = broken.collect();
    let verdict = (!broken.is_empty()).then(|| RunVerdict::of(broken));
    RunRecord { cell: cell.to_owned(), metrics, verdict, ..record }
}

fn check_machine(
    folder: &Path,
    then: Option<&Fingerprint>,
    now: &Fingerprint,
) -> Result<(), Fault> {
    let folder = folder.display();
    let Some(then) = then else {
        let what = format!("{folder} does not say on which machine it was measured");
        return Err(Fault::new(what).hint("leave it out of --warm-start"));
    };
    let differences = other_machine(then, now);
    if differences.is_empty() {
        return Ok(());
    }
    let what =
        format!("{folder} was measured in another environment: {}", shown(differences.iter()));
    Err(Fault::new(what)
        .hint("what is fast there may not be fast here: leave it out of --warm-start"))
}

/// Why no cell of a folder is one of today.
fn no_cell(folder: &Path, other: Option<(String, Difference)>) -> Fault {
    let folder = folder.display();
    let what = format!("no run of {folder} is of a cell of this grid");
    match other {
        Some((run, Difference { key, before, now })) => {
            Fault::new(what).hint(format!("of its run {run} `{key}` is {before}, here it is {now}"))
        }
        None => Fault::new(what).hint("cells are the same where all their settings are"),
    }
}
