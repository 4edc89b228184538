//! What of sbatch a grid may say: options with a key of their own, free ones, and those that perftune sets itself.
//!
//! Invariant: no free option can undo what perftune relies on.

/// An option of sbatch that has a key of its own in `[engine]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SbatchOption {
    /// The key; the option is called the same, with `-` for `_`.
    pub key: &'static str,
    /// What it means.
    pub about: &'static str,
}

const fn option(key: &'static str, about: &'static str) -> SbatchOption {
    SbatchOption { key, about }
}

/// Every such option whose value is a text or a number.
pub const OPTIONS: &[SbatchOption] = &[
    option("partition", "the partition, or several with commas; none: the cluster's default"),
    option("account", "the account that is charged"),
    option("qos", "the quality of service"),
    option("cpus_per_task", "cores of a task"),
    option("mem", "memory of a task on its node, such as \"16G\""),
    option("mem_per_cpu", "memory for each core"),
    option("mem_per_gpu", "memory for each GPU"),
    option("gpus", "GPUs of a task, such as 1 or \"a100:2\""),
    option("gres", "generic resources of a task, such as \"gpu:1\""),
    option("constraint", "features that the node must have"),
    option("nodelist", "the node that a task runs on; of several it gets all"),
    option("exclude", "nodes that may not be used"),
    option("reservation", "the reservation"),
    option("licenses", "licences that a task holds"),
    option("begin", "when tasks may begin at the earliest"),
    option("dependency", "jobs that must have ended before"),
    option("nice", "how much the priority is lowered"),
    option("comment", "a comment on the job"),
    option("mail_type", "on which events a mail is sent"),
    option("mail_user", "to whom"),
];

impl SbatchOption {
    /// As sbatch calls it: `--cpus-per-task`.
    pub fn flag(&self) -> String {
        format!("--{}", self.key.replace('_', "-"))
    }
}

/// Options that are not the user's to give, by their long and their short name, and why.
const OWNED: &[(&str, Option<char>, &str)] = &[
    (
        "array",
        Some('a'),
        "perftune numbers the tasks; `array_parallelism` says how many run at once",
    ),
    ("output", Some('o'), "each task has a log in the results folder"),
    ("error", Some('e'), "each task has a log in the results folder"),
    ("open-mode", None, "a task that is started again goes on in its log"),
    ("job-name", Some('J'), "perftune finds its jobs again by their name"),
    ("parsable", None, "perftune reads what sbatch prints"),
    ("quiet", Some('Q'), "perftune reads what sbatch prints"),
    ("test-only", None, "`--dry-run` shows the job script"),
    ("wait", Some('W'), "`--wait` of perftune waits"),
    ("wrap", None, "the task is perftune itself"),
    ("requeue", None, "`max_restarts` says how often a task is started again"),
    ("no-requeue", None, "`max_restarts = 0` says that no task is started again"),
    ("signal", None, "`warning` says how long before its end a task is told"),
    ("chdir", Some('D'), "tasks run where perftune was called"),
    ("time", Some('t'), "it has a key of its own: `time`"),
    ("clusters", Some('M'), "perftune asks one cluster, and would not find its jobs on another"),
];

/// Why this free argument of sbatch is refused; `None`: it is not.
pub fn refused(argument: &str) -> Option<String> {
    let is_line = argument.chars().all(|c| !c.is_control());
    if !argument.starts_with('-') || argument.len() < 2 || !is_line {
        return Some(
            "write it as one word that begins with -, such as \"--hint=nomultithread\"".to_owned(),
        );
    }
    let owned = match argument.strip_prefix("--") {
        Some("") => return Some("`--` is no option".to_owned()),
        Some(long) => {
            let name = long.split('=').next().unwrap_or(long);
            // sbatch takes any beginning of a name that leaves no doubt.
            let means = |full: &str| full == name || (name.len() > 2 && full.starts_with(name));
            OWNED.iter().find(|(full, _, _)| means(full))
        }
        None => {
            let short = argument.chars().nth(1);
            OWNED.iter().find(|(_, own, _)| own.is_some() && *own == short)
        }
    };
    owned.map(|(name, _, why)| format!("--{name} is perftune's own: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_perftune_relies_on_is_refused() {
        for (argument, says) in [
            ("--array=0-3", Some("--array is perftune's own")),
            ("-a0-3", Some("--array is")),
            ("--output=x", Some("each task has a log")),
            ("-ox", Some("each task has a log")),
            ("--err=x", Some("--error is")),
            ("--no-requeue", Some("max_restarts = 0")),
            ("--signal=USR1@5", Some("`warning` says")),
            ("-Mother", Some("asks one cluster")),
            ("--time=5", Some("key of its own")),
            ("main", Some("one word that begins with -")),
            ("-", Some("one word that begins with -")),
            ("--", Some("is no option")),
            ("--hint=a\n#SBATCH --array=1", Some("one word that begins with -")),
            ("--hint=nomultithread", None),
            ("-N1", None),
            ("--gpus-per-node=1", None),
            ("--exclusive=user", None),
        ] {
            let found = refused(argument);
            match says {
                Some(says) => {
                    assert!(found.as_deref().unwrap_or("").contains(says), "{argument}: {found:?}");
                }
                None => assert_eq!(found, None, "{argument}"),
            }
        }
    }

    #[test]
    fn an_option_is_called_as_its_key() {
        let flags: Vec<String> = OPTIONS.iter().map(SbatchOption::flag).collect();
        assert!(flags.contains(&"--cpus-per-task".to_owned()), "{flags:?}");
        assert!(flags.iter().all(|flag| refused(flag).is_none()));
    }
}
