//! The units of a grid become job arrays.
//!
//! Invariant: the name of an array and its units are on disk before sbatch is started; where the cluster does not say what is in
//! its queue, nothing is submitted.

use std::path::{Path, PathBuf};

use super::asking;
use super::kept::{KeptPlan, UnitPlan};
use super::standing::{Unit, look};
use crate::app::environment::new_session;
use crate::app::grid::GridFile;
use crate::app::{Fault, datasets};
use crate::config::plan::Plan;
use crate::engine::arrays::{most, smaller, split};
use crate::engine::script::Script;
use crate::engine::{EnginePolicy, Slurm, SlurmError};
use crate::event::fingerprint::digest;
use crate::store::{Existing, Spread, Submission};

/// What is to be submitted.
#[derive(Clone, Copy)]
pub struct SubmitRequest<'a> {
    /// The whole plan.
    pub plan: &'a Plan,
    /// What it was made of.
    pub grid: &'a GridFile<'a>,
    /// The results folder.
    pub folder: &'a Path,
    /// What becomes of what is there.
    pub existing: Existing,
}

/// What was submitted.
#[derive(Debug, Default)]
pub struct Submitted {
    /// The number of each job, and how many tasks it has.
    pub jobs: Vec<(u64, usize)>,
    /// Units of the whole grid.
    pub units: usize,
    /// Units that were done or under way before.
    pub before: usize,
    /// Units that the cluster did not take, and why.
    pub left: Option<(usize, String)>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Refuses what no task can do.
fn check(plan: &Plan) -> Result<(), Fault> {
    if plan.search.is_some() && plan.engine.cells_per_task > 1 {
        let what = "cells_per_task packs cells that are all run, and a search makes one visit at a time of each";
        return Err(Fault::new(what).hint(
            "--set engine.cells_per_task=1; engine.array_parallelism says how many visits are made at once",
        ));
    }
    if plan.budget_s.is_some() {
        let hint = match plan.search {
            Some(_) => {
                "limit the runs instead, and each task: --set search.trials=40 --set engine.time=2h"
            }
            None => "limit each task instead: --set engine.time=2h",
        };
        return Err(Fault::new(
            "a budget is the time of the whole grid, and its tasks do not run at one time",
        )
        .hint(hint));
    }
    if plan.runs.is_empty() {
        return Err(Fault::new("the grid has no cell to run"));
    }
    datasets::check(&plan.runs)
}

/// The script of the first job array; nothing is submitted and nothing written.
pub fn script(request: &SubmitRequest<'_>) -> Result<String, Fault> {
    check(request.plan)?;
    let kept = KeptPlan::new(request.plan, request.grid)?;
    let folder = std::path::absolute(request.folder)?;
    let units = ids(&begun(request.plan, &kept));
    let policy = &request.plan.engine;
    let first = split(&units, most(None, policy.array_size)).next().unwrap_or_default();
    let submission = Submission::new(1, "RUN", "NONCE".to_owned(), first.to_vec());
    let logs = folder.join("submissions").join("0001");
    text(&submission, policy, &Places { folder: &folder, logs: &logs, work: &kept.work })
}

struct Places<'a> {
    folder: &'a Path,
    logs: &'a Path,
    work: &'a Path,
}

fn text(submission: &Submission, policy: &EnginePolicy, at: &Places<'_>) -> Result<String, Fault> {
    let program = std::env::current_exe()?;
    let script = Script {
        policy,
        job_name: &submission.job_name,
        tasks: submission.units.len(),
        folder: at.folder,
        logs: at.logs,
        number: submission.number,
        nonce: &submission.nonce,
        work: at.work,
        program: &program,
    };
    script.text().map_err(|error| Fault::from(error).hint("choose another folder"))
}

/// Submits the units that are not done and that no task will bring.
pub fn submit(request: &SubmitRequest<'_>) -> Result<Submitted, Fault> {
    let SubmitRequest { plan, grid, folder, existing } = *request;
    check(plan)?;
    let slurm = Slurm::new(plan.engine.patience_s);
    let largest = slurm.largest_array().map_err(no_cluster)?;
    let folder = std::path::absolute(folder)?;
    if existing == Existing::Resume && Spread::is_at(&folder) {
        return resume(plan, &folder, &slurm, largest);
    }
    if existing == Existing::Replace && Spread::is_at(&folder) {
        gone(&folder)?;
    }
    if existing == Existing::Resume && folder.join("manifest.json").exists() {
        let what =
            format!("the runs of {} were made on this machine, and not by tasks", folder.display());
        return Err(Fault::new(what).hint("go on without --engine slurm, or choose another --out"));
    }
    let existing = if existing == Existing::Replace { existing } else { Existing::Refuse };
    let kept = KeptPlan::new(plan, grid)?;
    let units = begun(plan, &kept);
    let spread = Spread::begin(&folder, existing)?;
    if plan.search.is_some() {
        spread.ask(units.clone())?;
    }
    // Only now it is a folder that is gone on with.
    spread.write_plan(&kept)?;
    let units = ids(&units);
    let arrays =
        Arrays { spread: &spread, kept: &kept, policy: &plan.engine, slurm: &slurm, largest };
    let done = arrays.submit(&units);
    if done.jobs.is_empty() && done.forgotten {
        // Nothing has come of it.
        spread.abandon()?;
    }
    let units = units.len();
    submitted(done, Submitted { units, notes: notes(plan), ..Submitted::default() })
}

/// What is submitted first.
fn begun(plan: &Plan, kept: &KeptPlan) -> Vec<UnitPlan> {
    if plan.search.is_some() { asking::first(plan, kept) } else { kept.units.clone() }
}

fn ids(units: &[UnitPlan]) -> Vec<String> {
    units.iter().map(|unit| unit.id.clone()).collect()
}

/// Submits what is missing of a folder that is there.
fn resume(
    plan: &Plan,
    folder: &Path,
    slurm: &Slurm,
    largest: Option<u32>,
) -> Result<Submitted, Fault> {
    let mut spread = Spread::open(folder)?;
    let mut kept = KeptPlan::of(&spread)?;
    if let Some(found) = kept.unlike(plan) {
        let what = format!("{} was submitted with another grid: {found}", folder.display());
        return Err(Fault::new(what).hint("--fresh replaces what is there, --out writes elsewhere"));
    }
    if std::env::current_dir()? != kept.work {
        let what = format!(
            "the grid was submitted in {}, and its paths are relative to that",
            kept.work.display()
        );
        return Err(Fault::new(what).hint("go on there"));
    }
    let now = look(&spread, &kept)?;
    if let Some(trouble) = now.trouble {
        let what = format!("nobody knows which tasks are still to come: {trouble}");
        return Err(
            Fault::new(what).hint("nothing was submitted; try again when the cluster answers")
        );
    }
    let is_open = |unit: &Unit| plan.search.is_none() || !asking::is_told(&unit.state);
    let mut open = now.open(is_open);
    if open.is_empty() && plan.search.is_some() {
        asking::more(plan, spread, &kept, &now)?;
        // Who waits may have submitted it meanwhile.
        spread = Spread::open(folder)?;
        kept = KeptPlan::of(&spread)?;
        open = look(&spread, &kept)?.open(is_open);
    }
    let arrays = Arrays { spread: &spread, kept: &kept, policy: &plan.engine, slurm, largest };
    let (units, before) = (kept.units.len(), kept.units.len() - open.len());
    submitted(arrays.submit(&open), Submitted { units, before, ..Submitted::default() })
}

fn submitted(done: Done, said: Submitted) -> Result<Submitted, Fault> {
    match done.trouble {
        Some(fault) if done.jobs.is_empty() => Err(fault),
        trouble => {
            let left = trouble.map(|fault| (done.left, fault.error.to_string()));
            Ok(Submitted { jobs: done.jobs, left, ..said })
        }
    }
}

fn refused(error: SlurmError) -> Fault {
    let hint = match &error {
        SlurmError::Silent { .. } | SlurmError::Unread { .. } => {
            "whether there is a job now is not known: `perftune status` finds it by its name, and --resume submits only what is in no queue"
        }
        SlurmError::Missing { .. } | SlurmError::Refused { .. } => {
            "nothing was submitted; --dry-run prints the job script, whose options are those of [engine]"
        }
    };
    Fault::from(error).hint(hint)
}

fn no_cluster(error: SlurmError) -> Fault {
    let hint = match &error {
        SlurmError::Missing { .. } => {
            "run this where the cluster's jobs are submitted; without --engine slurm the grid is run here"
        }
        _ => "the cluster does not answer; nothing was submitted",
    };
    Fault::from(error).hint(hint)
}

/// Refuses to replace what tasks still write.
fn gone(folder: &Path) -> Result<(), Fault> {
    let spread = Spread::at(folder)?;
    // What cannot be read has no tasks that could be found.
    let Ok(kept) = spread.plan::<KeptPlan>() else { return Ok(()) };
    let now = look(&spread, &kept)?;
    if now.units.iter().any(|unit| unit.state.is_live()) {
        let what = format!("tasks of {} may still run", folder.display());
        let hint = format!("`perftune cancel {}` ends them", folder.display());
        return Err(Fault::new(what).hint(hint));
    }
    Ok(())
}

fn notes(plan: &Plan) -> Vec<String> {
    let (policy, mut notes) = (&plan.engine, Vec::new());
    if plan.search.is_some() {
        notes.push("a search goes on while somebody waits for it: --wait does, and each --resume asks for more when what was asked for is done".to_owned());
    }
    if !policy.exclusive {
        notes.push("tasks that share a node measure each other: exclusive = true in [engine] gives each a node to itself".to_owned());
    }
    if policy.time_s.is_none() {
        notes.push(
            "the tasks have the time limit of their partition, since [engine] sets no `time`"
                .to_owned(),
        );
    }
    notes
}

/// Submits arrays to a folder.
pub(super) struct Arrays<'a> {
    pub(super) spread: &'a Spread,
    pub(super) kept: &'a KeptPlan,
    pub(super) policy: &'a EnginePolicy,
    pub(super) slurm: &'a Slurm,
    /// The largest that the cluster takes, where it says so.
    pub(super) largest: Option<u32>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) jobs: Vec<(u64, usize)>,
    /// Units that were not taken.
    pub(super) left: usize,
    /// Why.
    pub(super) trouble: Option<Fault>,
    /// What was not taken has left nothing behind.
    forgotten: bool,
}

impl Arrays<'_> {
    /// Submits these units, in smaller arrays where the cluster takes no larger ones.
    pub(super) fn submit(&self, units: &[String]) -> Done {
        let mut done = Done { forgotten: true, ..Done::default() };
        let mut rest = units;
        let mut size =
            split(units, most(self.largest, self.policy.array_size)).next().map_or(0, <[_]>::len);
        while !rest.is_empty() {
            let (array, after) = rest.split_at(size.min(rest.len()));
            match self.array(array) {
                Ok(job) => {
                    done.jobs.push((job, array.len()));
                    rest = after;
                }
                // A limit on the tasks of a user counts each task of an array.
                Err(Refusal { by_cluster: true, .. }) if array.len() > 1 => {
                    size = smaller(array.len()).unwrap_or(1);
                }
                Err(Refusal { fault, forgotten, .. }) => {
                    (done.left, done.trouble, done.forgotten) =
                        (rest.len(), Some(fault), forgotten);
                    break;
                }
            }
        }
        done
    }

    fn array(&self, units: &[String]) -> Result<u64, Refusal> {
        let (submission, path) = self.begin(units).map_err(|fault| Refusal {
            fault,
            by_cluster: false,
            forgotten: true,
        })?;
        let keep = |job: u64| {
            // Without it the job is found by its name.
            let _ = self.spread.submitted(submission.number, job);
            Ok(job)
        };
        match self.slurm.submit(&path) {
            Ok(job) => keep(job),
            Err(error @ (SlurmError::Refused { .. } | SlurmError::Missing { .. })) => {
                let forgotten = self.spread.forget_submission(submission.number).is_ok();
                let by_cluster = forgotten && matches!(error, SlurmError::Refused { .. });
                Err(Refusal { fault: refused(error), by_cluster, forgotten })
            }
            // The job may have been made all the same.
            Err(error) => {
                match self.slurm.queue(&[&submission.job_name]).unwrap_or_default().first() {
                    Some(row) => keep(row.job),
                    None => {
                        Err(Refusal { fault: refused(error), by_cluster: false, forgotten: false })
                    }
                }
            }
        }
    }

    /// Writes what a submission is.
    fn begin(&self, units: &[String]) -> Result<(Submission, PathBuf), Fault> {
        let number = self.spread.next_number()?;
        let nonce = format!("{:016x}", digest(new_session().as_bytes()));
        let mut submission = Submission::new(number, &self.kept.run, nonce, units.to_vec());
        submission.max_restarts = self.policy.max_restarts;
        submission.max_timeouts = self.policy.max_timeouts;
        let (folder, logs) = (self.spread.path(), self.spread.submission_folder(number));
        let text =
            text(&submission, self.policy, &Places { folder, logs: &logs, work: &self.kept.work })?;
        let path = self.spread.begin_submission(&submission, &text)?;
        Ok((submission, path))
    }
}

/// Why an array was not taken.
struct Refusal {
    fault: Fault,
    /// The cluster has said no: it may say yes to less.
    by_cluster: bool,
    /// Nothing of it is left on disk.
    forgotten: bool,
}
