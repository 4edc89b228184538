//! How the units of a folder stand.
//!
//! The cluster is asked once for all of them. Invariant: what is published is looked for after the cluster was asked, so that a
//! task that ends in between is done and not lost.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::kept::{KeptPlan, UnitPlan};
use crate::app::Fault;
use crate::engine::answer::{Kind, Row, Word};
use crate::engine::state::{Facts, UnitState};
use crate::engine::{Slurm, SlurmError};
use crate::store::{Attempt, AttemptEnd, Spread, Submission};

/// Some cells that one task runs, and how they stand.
#[derive(Debug, Clone)]
pub struct Unit {
    /// A hash of its cells.
    pub id: String,
    /// Its cells; of a search the run that it asked for.
    pub cells: Vec<String>,
    /// How it stands.
    pub state: UnitState,
    /// How often it was tried; of a unit that is done nobody asks.
    pub attempts: usize,
    /// How many of these ended with runs that failed.
    pub failures: usize,
    /// What its last task has said.
    pub log: Option<PathBuf>,
}

/// How a folder stands.
#[derive(Debug)]
pub struct Standing {
    /// The name of the grid.
    pub name: String,
    /// Its units, in the order of the grid.
    pub units: Vec<Unit>,
    /// Its job arrays, with the number that Slurm gave each.
    pub jobs: Vec<(String, Option<u64>)>,
    /// Why the cluster could not be asked.
    pub trouble: Option<String>,
}

impl Standing {
    /// How many units are in such a state.
    pub fn count(&self, is: impl Fn(&UnitState) -> bool) -> usize {
        self.units.iter().filter(|unit| is(&unit.state)).count()
    }

    /// The ids of those that may be submitted, of which the rest of the unit says yes.
    pub(super) fn open(&self, also: impl Fn(&Unit) -> bool) -> Vec<String> {
        let open = self.units.iter().filter(|unit| unit.state.is_open() && also(unit));
        open.map(|unit| unit.id.clone()).collect()
    }
}

/// How the folder stands now.
pub fn standing(folder: &Path) -> Result<Standing, Fault> {
    let spread = Spread::at(folder)?;
    look(&spread, &KeptPlan::of(&spread)?)
}

/// The same of a plan that was read.
pub(super) fn look(spread: &Spread, kept: &KeptPlan) -> Result<Standing, Fault> {
    let slurm = Slurm::new(kept.patience_s);
    let submissions = spread.submissions()?;
    let before = spread.published()?;
    let asked =
        submissions.iter().filter(|one| one.units.iter().any(|unit| !before.contains(unit)));
    let names: Vec<&str> = asked.map(|submission| &*submission.job_name).collect();
    let (rows, trouble) = match slurm.queue(&names) {
        Ok(rows) => (rows, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let published = if names.is_empty() { before } else { spread.published()? };
    let mut tasks: HashMap<&str, Vec<(&Submission, usize)>> = HashMap::new();
    for submission in &submissions {
        for (task, unit) in submission.units.iter().enumerate() {
            tasks.entry(unit).or_default().push((submission, task));
        }
    }
    let view = View { spread, tasks, rows: by_task(&rows), published, trouble };
    let mut units =
        kept.units.iter().map(|unit| view.unit(unit, None)).collect::<Result<Vec<_>, _>>()?;
    let lost: Vec<usize> =
        (0..units.len()).filter(|at| units[*at].state == UnitState::Lost).collect();
    if !lost.is_empty() {
        // Where there are no accounts, nobody knows more.
        let jobs: Vec<u64> = submissions.iter().filter_map(|submission| submission.job).collect();
        let accounts = slurm.accounts(&jobs).unwrap_or_default();
        let accounts: HashMap<(u64, usize), Word> =
            accounts.into_iter().map(|(job, task, word)| ((job, task), word)).collect();
        for at in lost {
            units[at] = view.unit(&kept.units[at], Some(&accounts))?;
        }
    }
    let jobs = submissions.iter().map(|one| (one.job_name.clone(), one.job)).collect();
    let trouble = view.trouble.map(|error| error.to_string());
    Ok(Standing { name: kept.name.clone(), units, jobs, trouble })
}

/// The tasks of the queue, by the name of their job and their number.
fn by_task(rows: &[Row]) -> HashMap<(&str, usize), &Row> {
    rows.iter().map(|row| ((&*row.job_name, row.task), row)).collect()
}

/// What was read of all units at once.
struct View<'a> {
    spread: &'a Spread,
    /// The tasks of each unit, the newest last.
    tasks: HashMap<&'a str, Vec<(&'a Submission, usize)>>,
    rows: HashMap<(&'a str, usize), &'a Row>,
    published: HashSet<String>,
    trouble: Option<SlurmError>,
}

impl View<'_> {
    fn unit(
        &self,
        plan: &UnitPlan,
        accounts: Option<&HashMap<(u64, usize), Word>>,
    ) -> Result<Unit, Fault> {
        let published = self.published.contains(&plan.id);
        let attempts = if published { Vec::new() } else { self.spread.attempts(&plan.id)? };
        let tasks = self.tasks.get(&*plan.id).map_or(&[][..], |tasks| tasks);
        let newest = tasks.last().copied();
        let rows = || {
            tasks
                .iter()
                .rev()
                .filter_map(|(of, task)| self.rows.get(&(&*of.job_name, *task)).copied())
        };
        let live = rows().find(|row| row.word.kind() != Kind::Over);
        let own = newest.and_then(|(of, task)| self.rows.get(&(&*of.job_name, task)).copied());
        let of_newest =
            |attempt: &&Attempt| newest.is_some_and(|(of, _)| of.number == attempt.head.submission);
        let last = attempts.iter().rfind(of_newest);
        let facts = Facts {
            published,
            submitted: newest.is_some(),
            cancelled: newest.is_some_and(|(of, _)| of.cancelled),
            row: live.or(own),
            end: last.and_then(|attempt| attempt.end.as_ref()),
            account: newest.and_then(|(of, task)| accounts?.get(&(of.job?, task))),
            queue_known: self.trouble.is_none(),
        };
        let log = newest.map(|(of, task)| {
            self.spread.submission_folder(of.number).join(format!("task-{task}.log"))
        });
        let failed = |attempt: &&Attempt| matches!(attempt.end, Some(AttemptEnd::Failed { .. }));
        Ok(Unit {
            id: plan.id.clone(),
            cells: plan.shown(),
            state: UnitState::of(facts),
            attempts: attempts.len(),
            failures: attempts.iter().filter(failed).count(),
            log: log.filter(|log| log.exists()),
        })
    }
}
