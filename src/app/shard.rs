//! The part of a grid that this process is to run: which one a scheduler says, and which runs are in it.
//!
//! Whose a cell is, is decided by `schedule`. Invariant: an environment that tells two things, or half of one, is an error,
//! since each part of a grid would else be run twice or not at all.

use std::borrow::Cow;

use super::Fault;
use crate::config::plan::{Plan, PlannedRun};
use crate::schedule::Shard;

/// Where the number of parts is told by nobody else.
const COUNT: &str = "PERFTUNE_SHARDS";

/// A scheduler that tells each of its tasks which one it is.
struct Scheduler {
    name: &'static str,
    /// The variable with the number of the task.
    index: &'static str,
    /// The number of the first task.
    first: First,
    /// The variable that says how many there are.
    count: &'static str,
}

/// From where tasks are counted.
enum First {
    /// From this number, one by one.
    At(usize),
    /// From a number that a variable says, in steps that another one says, to one that a third one says.
    Told { min: &'static str, max: &'static str, step: &'static str },
}

/// Every scheduler that is known; docs/clusters.md has the same table.
const SCHEDULERS: &[Scheduler] = &[
    Scheduler {
        name: "a Slurm job array",
        index: "SLURM_ARRAY_TASK_ID",
        first: First::Told {
            min: "SLURM_ARRAY_TASK_MIN",
            max: "SLURM_ARRAY_TASK_MAX",
            step: "SLURM_ARRAY_TASK_STEP",
        },
        count: "SLURM_ARRAY_TASK_COUNT",
    },
    Scheduler {
        name: "a Kubernetes Indexed Job",
        index: "JOB_COMPLETION_INDEX",
        first: First::At(0),
        count: COUNT,
    },
    Scheduler {
        name: "SkyPilot",
        index: "SKYPILOT_NODE_RANK",
        first: First::At(0),
        count: "SKYPILOT_NUM_NODES",
    },
    Scheduler { name: "GNU parallel", index: "PARALLEL_SEQ", first: First::At(1), count: COUNT },
    Scheduler {
        name: "GitLab CI",
        index: "CI_NODE_INDEX",
        first: First::At(1),
        count: "CI_NODE_TOTAL",
    },
];

/// A part of a grid, and who says so.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub shard: Shard,
    /// `SLURM_ARRAY_TASK_ID=1, SLURM_ARRAY_TASK_COUNT=4`.
    pub by: String,
}

/// What schedulers have told this process.
pub fn from_environment() -> Result<Told, Fault> {
    told(&|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
}

/// The same of an environment: the value of a variable, where it is set.
fn told(environment: &dyn Fn(&str) -> Option<String>) -> Result<Told, Fault> {
    let there = SCHEDULERS.iter().filter(|scheduler| environment(scheduler.index).is_some());
    let all = there.map(|scheduler| scheduler.told(environment)).collect::<Result<Vec<_>, _>>()?;
    let Some(other) = all.iter().find(|one| one.shard != all[0].shard) else {
        return all.into_iter().next().ok_or_else(unknown);
    };
    let what = format!(
        "--shard auto: the environment names two parts: {} by {}, and {} by {}",
        all[0].shard, all[0].by, other.shard, other.by
    );
    Err(Fault::new(what).hint("write --shard I/N"))
}

/// Nobody has told anything.
fn unknown() -> Fault {
    let each = SCHEDULERS.iter().map(|known| format!("{} ({})", known.index, known.name));
    let each = each.collect::<Vec<_>>().join(", ");
    Fault::new(format!("--shard auto: no scheduler says which part this is: none of {each} is set"))
        .hint("write --shard I/N")
}

impl Scheduler {
    fn told(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Told, Fault> {
        let number = |name: &str| {
            let Some(text) = environment(name) else {
                let what = format!("--shard auto: {} is set, and {name} is not", self.index);
                return Err(Fault::new(what).hint(match name {
                    COUNT => format!("set {COUNT} to the number of parts, or write --shard I/N"),
                    _ => format!("{} sets both; or write --shard I/N", self.name),
                }));
            };
            text.parse::<usize>().map_err(|_| {
                let what = format!("--shard auto: {name} is `{text}`, and not a whole number");
                Fault::new(what).hint("write --shard I/N")
            })
        };
        let (index, count) = (number(self.index)?, number(self.count)?);
        let by = format!("{}={index}, {}={count}", self.index, self.count);
        let place = match self.first {
            First::At(first) => index.checked_sub(first),
            First::Told { min, max, step } => {
                let one_by_one = environment(step).is_none();
                let step = if one_by_one { 1 } else { number(step)?.max(1) };
                let (first, last) = (number(min)?, number(max)?);
                if first > 1 || last.checked_sub(first).map(|span| span / step + 1) != Some(count) {
                    return Err(self.partial(&format!("{by}, {min}={first}, {max}={last}")));
                }
                index.checked_sub(first).filter(|at| at % step == 0).map(|at| at / step)
            }
        };
        let shard = place.and_then(|place| Shard::new(place.checked_add(1)?, count));
        shard.map(|shard| Told { shard, by: by.clone() }).ok_or_else(|| {
            Fault::new(format!("--shard auto: there is no such part of a grid: {by}"))
                .hint("write --shard I/N, with I from 1 to N")
        })
    }

    /// The tasks of an array that was submitted in part do not know how many parts there are.
    fn partial(&self, by: &str) -> Fault {
        let what = format!(
            "--shard auto: the tasks of {} must be all parts, numbered from 0 or from 1: {by}",
            self.name
        );
        Fault::new(what).hint("submit --array=0-N, or write --shard I/N for some of the parts")
    }
}

/// The runs of a plan that belong to a part of its grid.
pub fn runs(plan: &Plan, shard: Option<Shard>) -> Cow<'_, [PlannedRun]> {
    let Some(shard) = shard else {
        return Cow::Borrowed(&plan.runs);
    };
    let cells = shard.cells(&plan.cells);
    let part = plan.runs.iter().filter(|run| cells.contains(&*run.cell));
    Cow::Owned(part.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an environment of these variables tells: the part, or what is said.
    fn says(variables: &[(&str, &str)]) -> Result<String, String> {
        let environment = |name: &str| {
            let found = variables.iter().find(|(of, _)| *of == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let told = told(&environment).map(|told| told.shard.to_string());
        told.map_err(|fault| fault.error.to_string())
    }

    #[test]
    fn the_page_has_the_same_table() {
        let page = include_str!("../../docs/clusters.md");
        for scheduler in SCHEDULERS {
            let row =
                page.lines().find(|line| line.starts_with(&format!("| {} |", scheduler.name)));
            let row = row.unwrap_or_else(|| panic!("{}", scheduler.name));
            let first = match scheduler.first {
                First::At(first) => format!("| {first} |"),
                First::Told { min, step, .. } => format!("| `{min}`, in steps of `{step}` |"),
            };
            for part in [scheduler.index, scheduler.count, &first] {
                assert!(row.contains(part), "{row}: {part}");
            }
        }
    }

    #[test]
    fn each_scheduler_counts_its_own_way() {
        let slurm = |id, min, max, count, step| {
            vec![
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_COUNT", count),
                ("SLURM_ARRAY_TASK_STEP", step),
            ]
        };
        for (variables, part) in [
            (slurm("0", "0", "3", "4", "1"), "1/4"),
            (slurm("3", "0", "3", "4", "1"), "4/4"),
            (slurm("4", "1", "4", "4", "1"), "4/4"),
            (slurm("5", "1", "7", "4", "2"), "3/4"),
            (slurm("0", "0", "0", "1", "1"), "1/1"),
            (vec![("JOB_COMPLETION_INDEX", "3"), ("PERFTUNE_SHARDS", "4")], "4/4"),
            (vec![("SKYPILOT_NODE_RANK", "0"), ("SKYPILOT_NUM_NODES", "2")], "1/2"),
            (vec![("PARALLEL_SEQ", "2"), ("PERFTUNE_SHARDS", "2")], "2/2"),
            (vec![("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "5")], "1/5"),
            // GitLab sets this for every job.
            (vec![("CI_NODE_TOTAL", "1"), ("PARALLEL_SEQ", "1"), ("PERFTUNE_SHARDS", "2")], "1/2"),
            (
                vec![
                    ("PARALLEL_SEQ", "2"),
                    ("PERFTUNE_SHARDS", "4"),
                    ("JOB_COMPLETION_INDEX", "1"),
                ],
                "2/4",
            ),
        ] {
            assert_eq!(says(&variables).as_deref(), Ok(part), "{variables:?}");
        }
    }

    #[test]
    fn what_is_not_told_wholly_is_told_of() {
        let slurm = |id, min, max, count| {
            vec![
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        for (variables, part) in [
            (vec![], "none of SLURM_ARRAY_TASK_ID (a Slurm job array), JOB_COMPLETION_INDEX"),
            (vec![("CI_NODE_TOTAL", "4")], "no scheduler says"),
            (vec![("JOB_COMPLETION_INDEX", "0")], "PERFTUNE_SHARDS is not"),
            (vec![("SLURM_ARRAY_TASK_ID", "0")], "SLURM_ARRAY_TASK_COUNT is not"),
            (
                vec![("SKYPILOT_NODE_RANK", "-1"), ("SKYPILOT_NUM_NODES", "2")],
                "SKYPILOT_NODE_RANK is `-1`, and not a whole number",
            ),
            (
                vec![("SKYPILOT_NODE_RANK", ""), ("SKYPILOT_NUM_NODES", "2")],
                "SKYPILOT_NODE_RANK is ``",
            ),
            (
                vec![("SKYPILOT_NODE_RANK", "2"), ("SKYPILOT_NUM_NODES", "2")],
                "no such part of a grid: SKYPILOT_NODE_RANK=2, SKYPILOT_NUM_NODES=2",
            ),
            (vec![("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "5")], "no such part"),
            (vec![("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "0")], "no such part"),
            // A task that is submitted once more, some of them, and a list.
            (slurm("3", "3", "3", "1"), "must be all parts, numbered from 0 or from 1"),
            (slurm("2", "2", "3", "2"), "must be all parts"),
            (slurm("0", "0", "7", "3"), "must be all parts"),
            (slurm("1", "1", "0", "1"), "must be all parts"),
            (
                vec![
                    ("PARALLEL_SEQ", "2"),
                    ("PERFTUNE_SHARDS", "4"),
                    ("CI_NODE_INDEX", "1"),
                    ("CI_NODE_TOTAL", "4"),
                ],
                "two parts: 2/4 by PARALLEL_SEQ=2, PERFTUNE_SHARDS=4, and 1/4 by CI_NODE_INDEX=1",
            ),
            // Parts of a part are not guessed at.
            (
                vec![("PARALLEL_SEQ", "2"), ("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "4")],
                "PARALLEL_SEQ is set, and PERFTUNE_SHARDS is not",
            ),
        ] {
            let says = says(&variables).unwrap_err();
            assert!(says.contains(part), "{says}");
        }
    }
}
