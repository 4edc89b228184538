//! What the clients of Slurm print, as it was seen of Slurm 22.05.
//!
//! The forms for people are read and not `--json`: that says SUCCESS of failed tasks in 22.05, and changed its types since.
//! Invariant: what is not understood is not taken for anything.

use std::fmt;

/// The job that sbatch has made: the last line that `--parsable` prints is `ID` or `ID;CLUSTER`, and a site may print a banner
/// before it.
pub fn job(printed: &str) -> Option<u64> {
    let last = printed.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let (id, cluster) = last.split_once(';').unwrap_or((last, ""));
    let is_name = cluster.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    id.parse().ok().filter(|_| is_name)
}

/// A setting of `scontrol show config`.
pub fn setting<'a>(printed: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = printed.lines().filter_map(|line| line.split_once('='));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// What a task is doing, in Slurm's word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// The first word: sacct says `CANCELLED by 0`.
    pub fn new(said: &str) -> Option<Self> {
        let word = said.split_whitespace().next()?.trim_end_matches('+');
        let is_word = word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        (is_word && !word.is_empty()).then(|| Self(word.to_owned()))
    }

    /// Which of three it is. A word that is not known is one of a task that may still come: nothing is submitted twice for it.
    pub fn kind(&self) -> Kind {
        match &*self.0 {
            "COMPLETED" | "CANCELLED" | "FAILED" | "TIMEOUT" | "NODE_FAIL" | "PREEMPTED"
            | "BOOT_FAIL" | "DEADLINE" | "OUT_OF_MEMORY" | "REVOKED" | "LAUNCH_FAILED" => {
                Kind::Over
            }
            "RUNNING" | "COMPLETING" | "SUSPENDED" | "RESIZING" | "SIGNALING" | "STAGE_OUT"
            | "STOPPED" => Kind::Running,
            _ => Kind::Waiting,
        }
    }

    /// Whether somebody has cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.0 == "CANCELLED"
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a task is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It will run.
    Waiting,
    /// It runs.
    Running,
    /// It will not run any more, unless it is submitted once more.
    Over,
}

/// A task as the queue shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of its array.
    pub job_name: String,
    /// The number of its array.
    pub job: u64,
    /// Its own.
    pub task: usize,
    /// What it is doing.
    pub word: Word,
    /// Where, if anywhere.
    pub node: String,
    /// Why it waits.
    pub reason: String,
}

/// What squeue is asked for; a reason may hold anything, and so stands last.
pub const QUEUE_FORMAT: &str = "%j|%i|%T|%N|%r";

/// The tasks in the queue, of the lines that squeue prints; others, such as those of a banner, are left out.
pub fn queue(printed: &str) -> Vec<Row> {
    let row = |line: &str| {
        let mut fields = line.splitn(5, '|');
        let mut next = || fields.next().map(|field| field.trim().to_owned());
        let (job_name, id) = (next()?, next()?);
        let (job, task) = element(&id)?;
        Some(Row {
            job_name,
            job,
            task,
            word: Word::new(&next()?)?,
            node: next()?,
            reason: next()?,
        })
    };
    printed.lines().filter_map(row).collect()
}

/// The numbers of an array and of one of its tasks: `12_3`. Not `12_[4-7]`, which is several, nor `12`, which is an array as
/// a whole.
fn element(id: &str) -> Option<(u64, usize)> {
    let (job, task) = id.split_once('_')?;
    Some((job.parse().ok()?, task.parse().ok()?))
}

/// What sacct is asked for.
pub const ACCOUNT_FORMAT: &str = "JobID,State";

/// How tasks have ended, of the lines that sacct prints. For seconds after the end of an array it has but one row, of the array
/// as a whole, with the state of some task: only rows of single tasks are taken.
pub fn accounts(printed: &str) -> Vec<(u64, usize, Word)> {
    let row = |line: &str| {
        let (id, word) = line.split_once('|')?;
        let (job, task) = element(id.trim())?;
        Some((job, task, Word::new(word)?))
    };
    printed.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_from_what_sbatch_prints() {
        for (printed, expected) in [
            ("4711\n", Some(4711)),
            ("4711;cluster-2\n", Some(4711)),
            ("*** Welcome to the cluster ***\n4 partitions are up\n\n4711\n\n", Some(4711)),
            ("  4711;  \n", Some(4711)),
            ("Submitted batch job 4711\n", None),
            ("", None),
            ("4711\nsbatch: done\n", None),
            ("4711;a b\n", None),
            ("-3\n", None),
        ] {
            assert_eq!(job(printed), expected, "{printed:?}");
        }
    }

    #[test]
    fn a_setting_is_read_from_the_configuration() {
        let printed = "Configuration data as of 2026-11-30T19:45:17\nMaxArraySize            = 1001\n\
                       MaxArraySizeOfOthers    = 7\nSlurmctldHost[0]        = vm(127.0.0.1)\nAuthInfo = socket=/a=b\n\n\
                       Slurmctld(primary) at vm is UP\n";
        for (name, expected) in
            [("MaxArraySize", Some("1001")), ("AuthInfo", Some("socket=/a=b")), ("MaxArray", None)]
        {
            assert_eq!(setting(printed, name), expected);
        }
    }

    /// As recorded of Slurm 22.05, `squeue -h -r -t all`.
    const QUEUE: &str = "slurm_load_jobs: a line of a plug-in\n\
        pt-a-0001|1_0|COMPLETED|n1|None\n\
        pt-a-0001|1_1|RUNNING|n2|None\n\
        pt-a-0001|1_2|PENDING||Resources\n\
        pt-a-0001|1_3|PENDING||ReqNodeNotAvail, UnavailableNodes:n[1-2]|x\n\
        pt-a-0001|1_4|COMPLETING|n1|None\n\
        pt-a-0002|7_0|CANCELLED|n1|None\n\
        pt-a-0002|7_1|NODE_FAIL|n2|None\n\
        pt-a-0002|7_2|OUT_OF_MEMORY|n2|OutOfMemory\n\
        pt-a-0002|7_[3-9%2]|PENDING||JobArrayTaskLimit\n\
        pt-b-0001|9|PENDING||Priority\n";

    #[test]
    fn the_tasks_of_the_queue_are_read() {
        use Kind::{Over, Running, Waiting};
        let rows = queue(QUEUE);
        let found: Vec<_> = rows
            .iter()
            .map(|row| {
                (&*row.job_name, row.job, row.task, row.word.kind(), &*row.node, &*row.reason)
            })
            .collect();
        let reason = "ReqNodeNotAvail, UnavailableNodes:n[1-2]|x";
        assert_eq!(
            found,
            [
                ("pt-a-0001", 1, 0, Over, "n1", "None"),
                ("pt-a-0001", 1, 1, Running, "n2", "None"),
                ("pt-a-0001", 1, 2, Waiting, "", "Resources"),
                ("pt-a-0001", 1, 3, Waiting, "", reason),
                ("pt-a-0001", 1, 4, Running, "n1", "None"),
                ("pt-a-0002", 7, 0, Over, "n1", "None"),
                ("pt-a-0002", 7, 1, Over, "n2", "None"),
                ("pt-a-0002", 7, 2, Over, "n2", "OutOfMemory"),
            ]
        );
    }

    #[test]
    fn a_word_of_a_later_version_is_one_of_a_task_that_may_come() {
        for (said, kind) in [
            ("REQUEUE_HOLD", Some(Kind::Waiting)),
            ("EXPEDITING", Some(Kind::Waiting)),
            ("CANCELLED by 0", Some(Kind::Over)),
            ("CANCELLED+", Some(Kind::Over)),
            ("TIMEOUT", Some(Kind::Over)),
            ("", None),
            ("completed", None),
        ] {
            assert_eq!(Word::new(said).map(|word| word.kind()), kind, "{said}");
        }
        assert!(Word::new("CANCELLED by 1000").is_some_and(|word| word.is_cancelled()));
    }

    #[test]
    fn of_accounts_only_single_tasks_count() {
        // As recorded of Slurm 22.05 one second after the end of an array, and three seconds after.
        assert!(accounts("12|FAILED\n").is_empty());
        let printed = "12_0|COMPLETED\n12_1|FAILED\n12_2|CANCELLED by 0\n12_[3-5%1]|PENDING\n12_0.batch|COMPLETED\n";
        let found: Vec<_> = accounts(printed)
            .into_iter()
            .map(|(job, task, word)| (job, task, word.to_string()))
            .collect();
        let row = |task, word: &str| (12, task, word.to_owned());
        assert_eq!(found, [row(0, "COMPLETED"), row(1, "FAILED"), row(2, "CANCELLED")]);
    }
}
