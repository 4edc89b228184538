//! One task of a job array: it runs its unit in a folder of its own and publishes what came of it.
//!
//! It may be started several times, on several nodes at once. Invariant: it says in its folder how it ended, and touches nothing
//! that another one writes.

use std::path::Path;

use super::kept::{KeptPlan, VERSION};
use crate::app::derived::Derived;
use crate::app::environment::new_session;
use crate::app::merge::{MergeRequest, merge};
use crate::app::session::{RunRequest, execute};
use crate::app::{Fault, Observer, error_text};
use crate::engine::Slurm;
use crate::event::fingerprint::digest;
use crate::event::{Cut, RunStatus};
use crate::store::{Attempt, AttemptEnd, AttemptHead, Existing, Spread, Submission};

/// Which task this is, as Slurm says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of its array.
    pub job: u64,
    /// Its own.
    pub task: usize,
    /// How often it was started before.
    pub restart: u32,
    /// The node.
    pub node: String,
}

impl Place {
    /// What the environment says.
    pub fn of_environment() -> Result<Self, Fault> {
        Self::of(&|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    fn of(environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let number = |name: &str| {
            let value = environment(name).and_then(|text| text.parse::<u64>().ok());
            value.ok_or_else(|| {
                Fault::new(format!("{name} is no number: this is no task of a Slurm job array"))
                    .hint("`perftune run GRID --engine slurm` submits one")
            })
        };
        // The last task of an array has the number of the array as its own: only both together name a task.
        let (job, task) = (number("SLURM_ARRAY_JOB_ID")?, number("SLURM_ARRAY_TASK_ID")?);
        // Not set the first time.
        let restart = number("SLURM_RESTART_COUNT").unwrap_or(0);
        let node = environment("SLURMD_NODENAME").unwrap_or_else(|| "unknown".to_owned());
        let (task, restart) = (usize::try_from(task)?, u32::try_from(restart)?);
        Ok(Self { job, task, restart, node })
    }
}

/// What the job script says.
#[derive(Debug, Clone, Copy)]
pub struct TaskRequest<'a> {
    /// The results folder.
    pub folder: &'a Path,
    /// The number of the submission.
    pub submission: u32,
    /// What the folder must hold.
    pub nonce: &'a str,
    /// Which task this is.
    pub place: &'a Place,
}

/// Runs a task to its end. `warned`: whether it was told that its time is nearly over. `None`: its unit was done before.
pub fn task(
    request: &TaskRequest<'_>,
    warned: &dyn Fn() -> bool,
    observer: &mut dyn Observer,
) -> Result<Option<AttemptEnd>, Fault> {
    let TaskRequest { folder, place, .. } = *request;
    let (spread, submission) = seen(request)?;
    let kept = KeptPlan::of(&spread)?;
    let unit = submission.units.get(place.task);
    let unit = unit.ok_or_else(|| {
        Fault::new(format!("submission {} has no task {}", submission.number, place.task))
    })?;
    if spread.published()?.contains(unit) {
        return Ok(None);
    }
    let earlier = spread.attempts(unit)?;
    let attempt = spread.begin_attempt(unit, &head(request.submission, place))?;
    let of = Trial { kept: &kept, unit, earlier: &earlier, place, submission: &submission };
    let end = of.run(&attempt, warned, observer).and_then(|end| match end {
        AttemptEnd::Published if !spread.publish(unit, &attempt)? => Ok(AttemptEnd::Beaten),
        end => Ok(end),
    });
    let end = match end {
        Ok(end) => end,
        Err(fault) => {
            let said = [error_text(&*fault.error)].into_iter().chain(fault.hints.iter().cloned());
            let why = said.collect::<Vec<_>>().join("; ");
            // On a disk that is full nothing can be said; the first error is the one to tell.
            let _ = attempt.ended(&AttemptEnd::Refused { why }, &now());
            return Err(fault);
        }
    };
    attempt.ended(&end, &now())?;
    if end == AttemptEnd::TimedOut && timeouts(&earlier) < submission.max_timeouts {
        observer.warn(&format!(
            "out of time: the task is started once more, and goes on where it was, in {}",
            folder.display()
        ));
        Slurm::new(kept.patience_s).requeue(place.job, place.task)?;
    }
    Ok(Some(end))
}

/// The folder, where it is the one that was submitted.
fn seen(request: &TaskRequest<'_>) -> Result<(Spread, Submission), Fault> {
    let TaskRequest { folder, submission, nonce, place } = *request;
    let unseen = |why: String| {
        let what = format!(
            "node {} does not see {} as the machine that submitted: {why}",
            place.node,
            folder.display()
        );
        Fault::new(what).hint("the results folder must be on a file system that all nodes share; choose another --out")
    };
    let spread = Spread::at(folder).map_err(|error| unseen(error.to_string()))?;
    let read = spread.submission(submission).map_err(|error| unseen(error.to_string()))?;
    if read.nonce != nonce {
        return Err(unseen("it holds another submission of this number".to_owned()));
    }
    Ok((spread, read))
}

fn head(submission: u32, place: &Place) -> AttemptHead {
    let id = format!("{:08x}", digest(new_session().as_bytes()) >> 32);
    let Place { job, task, restart, ref node } = *place;
    let mut head = AttemptHead::new(submission, job, task, restart);
    (head.node, head.began, head.id) = (node.clone(), now(), id);
    head
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// How often the unit was out of time.
fn timeouts(attempts: &[Attempt]) -> u32 {
    let timed_out = attempts.iter().filter(|attempt| attempt.end == Some(AttemptEnd::TimedOut));
    u32::try_from(timed_out.count()).unwrap_or(u32::MAX)
}

/// A try of a task to run its unit.
struct Trial<'a> {
    kept: &'a KeptPlan,
    unit: &'a str,
    earlier: &'a [Attempt],
    place: &'a Place,
    submission: &'a Submission,
}

impl Trial<'_> {
    fn run(
        &self,
        attempt: &Attempt,
        warned: &dyn Fn() -> bool,
        observer: &mut dyn Observer,
    ) -> Result<AttemptEnd, Fault> {
        if self.submission.cancelled {
            return Ok(AttemptEnd::Interrupted);
        }
        // A task that was out of time has started itself again; that is counted elsewhere.
        let own = self.earlier.iter().filter(|one| one.head.submission == self.submission.number);
        let restarts =
            self.place.restart.saturating_sub(timeouts(&own.cloned().collect::<Vec<_>>()));
        if restarts > self.submission.max_restarts {
            return Ok(AttemptEnd::TooOften { restarts });
        }
        self.same_here()?;
        let unit = self.kept.unit(self.unit)?;
        let plan = self.kept.of_unit(unit)?;
        if unit.visit.is_none() {
            self.seed(attempt, observer);
        }
        let folder = attempt.results();
        let (existing, only) = (Existing::Resume, unit.visit.as_ref());
        let request = RunRequest { existing, only, ..RunRequest::new(&plan, &plan.runs, &folder) };
        let executed = execute(&request, observer)?;
        let records = &executed.records;
        Derived::new(&executed.results, records, None)?.write(&executed.results, records, None)?;
        let count = |status| records.iter().filter(|record| record.status == status).count();
        if executed.cut == Some(Cut::User) || count(RunStatus::Cancelled) > 0 {
            return Ok(if warned() { AttemptEnd::TimedOut } else { AttemptEnd::Interrupted });
        }
        Ok(match count(RunStatus::Failed) {
            0 => AttemptEnd::Published,
            runs => AttemptEnd::Failed { runs },
        })
    }

    /// Refuses another version of perftune, and another working directory, than those that submitted.
    fn same_here(&self) -> Result<(), Fault> {
        let (KeptPlan { perftune, work, .. }, node) = (self.kept, &self.place.node);
        if perftune != VERSION {
            let what =
                format!("node {node} has perftune {VERSION}, and perftune {perftune} submitted");
            return Err(
                Fault::new(what).hint("install one version on all nodes, and submit with it")
            );
        }
        let here = std::env::current_dir()?;
        if here != *work {
            let what = format!(
                "node {node} does not see {}, where the grid was submitted: this is {}",
                work.display(),
                here.display()
            );
            return Err(Fault::new(what).hint("submit where all nodes can go"));
        }
        Ok(())
    }

    /// What earlier attempts have made need not be made again. Where it cannot be had, it is.
    fn seed(&self, attempt: &Attempt, observer: &mut dyn Observer) {
        let made = |one: &&Attempt| one.results().join("manifest.json").is_file();
        let made: Vec<&Attempt> = self.earlier.iter().filter(made).collect();
        if made.is_empty() {
            return;
        }
        let of = |attempts: &[&Attempt]| {
            let parts: Vec<_> = attempts.iter().map(|one| one.results()).collect();
            let out = attempt.results();
            merge(&MergeRequest { parts: &parts, out: &out, prefer_newest: true })
        };
        // One that has said no end was killed, or still writes on a node that Slurm has lost.
        let ended: Vec<&Attempt> = made.iter().copied().filter(|one| one.end.is_some()).collect();
        let seeded =
            of(&made).or_else(|fault| if ended.is_empty() { Err(fault) } else { of(&ended) });
        if let Err(fault) = seeded {
            let why = error_text(&*fault.error);
            observer.warn(&format!("what earlier attempts have made is made again: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slurm_says_which_task_this_is() {
        let place = |variables: &[(&str, &str)]| {
            let found = |name: &str| {
                variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned())
            };
            Place::of(&found).map_err(|fault| fault.error.to_string())
        };
        let array =
            [("SLURM_ARRAY_JOB_ID", "12"), ("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_JOB_ID", "12")];
        let first = place(&array).unwrap();
        assert_eq!((first.job, first.task, first.restart, &*first.node), (12, 3, 0, "unknown"));
        let more = [("SLURM_RESTART_COUNT", "2"), ("SLURMD_NODENAME", "n1")];
        let again = place(&[&array[..], &more].concat()).unwrap();
        assert_eq!((again.restart, &*again.node), (2, "n1"));
        assert!(place(&[]).unwrap_err().contains("SLURM_ARRAY_JOB_ID is no number"));
    }
}
