//! The keys of `[engine]`.

use super::key::Kind::{Count, Duration, Flag, Own, Word};
use super::key::{KeyDef, Kind};
use super::read::{self, LONGEST_S, Read, wrong};
use super::settings::Settings;
use crate::document::problems::Problem;
use crate::document::tree::{Entry, Node, Value};
use crate::engine::options::{self, OPTIONS};
use crate::engine::{EngineName, EnginePolicy};

/// The most of what is counted.
const MANY: u32 = 100_000;
/// The shortest time limit that Slurm keeps, in seconds.
const SHORTEST_S: f64 = 60.0;

const TEXT: &str = r#"{ "type": ["string", "integer"] }"#;
const TEXTS: &str =
    r#"{ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }"#;

const fn key(path: &'static str, kind: Kind<Settings>) -> KeyDef<Settings> {
    KeyDef::new(path, kind)
}

/// The key of an option of sbatch.
macro_rules! of_sbatch {
    ($key:literal) => {
        key(
            concat!("engine.", $key),
            Own("a text or a number", TEXT, |s, entry, _, _| {
                put(&mut s.engine.policy, $key, entry)
            }),
        )
        .about(about($key))
    };
}

/// What an option means.
const fn about(key: &str) -> &'static str {
    let mut at = 0;
    while at < OPTIONS.len() {
        if is_same(OPTIONS[at].key, key) {
            return OPTIONS[at].about;
        }
        at += 1;
    }
    panic!("no such option");
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

pub(super) static KEYS: &[KeyDef<Settings>] = &[
    key(
        "engine.name",
        Word(EngineName::WORDS, |s, word, _| {
            s.engine.policy.name = EngineName::named(word).unwrap_or_default();
        }),
    )
    .about("who runs the cells: this process, or tasks of a cluster; --engine says otherwise")
    .never(|plan, _| plan.engine.name.word().into()),
    key("engine.cells_per_task", Count(1, MANY, |s, v, _| s.engine.policy.cells_per_task = v))
        .about("cells that one task runs, in rounds")
        .never(|plan, _| plan.engine.cells_per_task.into()),
    key("engine.array_size", Count(1, MANY, |s, v, _| s.engine.policy.array_size = Some(v)))
        .about("the most tasks of a job array; none: what the cluster allows"),
    key(
        "engine.array_parallelism",
        Count(1, MANY, |s, v, _| s.engine.policy.array_parallelism = Some(v)),
    )
    .about("the most tasks of an array that run at once, and of a search those that are asked for at once (4)"),
    key(
        "engine.time",
        Duration(SHORTEST_S, LONGEST_S, |s, v, at| {
            (s.engine.policy.time_s, s.engine.time) = (Some(v.as_secs()), Some(at));
        }),
    )
    .about("the time limit of a task; none: that of the partition"),
    key(
        "engine.warning",
        Duration(0.0, LONGEST_S, |s, v, _| s.engine.policy.warning_s = v.as_secs()),
    )
    .about("how long before its time limit a task ends its run and keeps what it has; 0s: not")
    .never(|plan, _| plan.engine.warning_s.into()),
    key("engine.exclusive", Flag(|s, v, _| s.engine.policy.exclusive = v))
        .about("whether a task has its node to itself: tasks beside each other measure each other")
        .never(|plan, _| plan.engine.exclusive.into()),
    of_sbatch!("partition"),
    of_sbatch!("account"),
    of_sbatch!("qos"),
    of_sbatch!("cpus_per_task"),
    of_sbatch!("mem"),
    of_sbatch!("mem_per_cpu"),
    of_sbatch!("mem_per_gpu"),
    of_sbatch!("gpus"),
    of_sbatch!("gres"),
    of_sbatch!("constraint"),
    of_sbatch!("nodelist"),
    of_sbatch!("exclude"),
    of_sbatch!("reservation"),
    of_sbatch!("licenses"),
    of_sbatch!("begin"),
    of_sbatch!("dependency"),
    of_sbatch!("nice"),
    of_sbatch!("comment"),
    of_sbatch!("mail_type"),
    of_sbatch!("mail_user"),
    key(
        "engine.sbatch_args",
        Own("a list of options of sbatch", TEXTS, |s, entry, _, problems| {
            let args = lines("sbatch_args", &entry.node, "options of sbatch")?;
            for (argument, node) in args.iter().zip(entry.node.items()) {
                if let Some(why) = options::refused(argument) {
                    let what = format!("`sbatch_args` cannot hold `{argument}`");
                    problems.push(Problem::new(node.place, what).hint(why));
                }
            }
            s.engine.policy.sbatch_args = args;
            Ok(())
        }),
    )
    .about("other options of sbatch, one word each, such as \"--hint=nomultithread\""),
    key(
        "engine.setup",
        Own("a list of lines of a shell", TEXTS, |s, entry, _, _| {
            s.engine.policy.setup = lines("setup", &entry.node, "lines of a shell")?;
            Ok(())
        }),
    )
    .about("what the job script does before the task, such as \"module load cuda\""),
    key("engine.max_restarts", Count(0, MANY, |s, v, _| s.engine.policy.max_restarts = v))
        .about("how often a task is started again after a preemption or the loss of its node")
        .never(|plan, _| plan.engine.max_restarts.into()),
    key("engine.max_timeouts", Count(0, MANY, |s, v, _| s.engine.policy.max_timeouts = v))
        .about("how often a task that was out of time is started again")
        .never(|plan, _| plan.engine.max_timeouts.into()),
    key("engine.retries", Count(0, MANY, |s, v, _| s.engine.policy.retries = v))
        .about("how often --wait submits a task again whose runs have failed")
        .never(|plan, _| plan.engine.retries.into()),
    key("engine.poll", Duration(0.1, LONGEST_S, |s, v, _| s.engine.policy.poll_s = v.as_secs()))
        .about("time between two looks of --wait at the cluster")
        .never(|plan, _| plan.engine.poll_s.into()),
    key(
        "engine.patience",
        Duration(0.1, LONGEST_S, |s, v, _| s.engine.policy.patience_s = v.as_secs()),
    )
    .about("the longest wait for an answer of sbatch, squeue, scancel or scontrol")
    .never(|plan, _| plan.engine.patience_s.into()),
];

/// Sets an option of sbatch.
fn put(policy: &mut EnginePolicy, key: &'static str, entry: &Entry) -> Read<()> {
    let value = match &entry.node.value {
        Value::Text(text) if is_line(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        _ => return Err(wrong(key, "a text on one line, or a whole number", &entry.node)),
    };
    policy.options.push((key, value));
    Ok(())
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// Texts of one line each.
fn lines(key: &str, node: &Node, what: &str) -> Read<Vec<String>> {
    let expected = format!("a list of {what}");
    let line = |node: &Node| match &node.value {
        Value::Text(text) if is_line(text) => Ok(text.clone()),
        _ => Err(wrong(key, &format!("{expected}, each a text on one line"), node)),
    };
    read::texts(key, node, &expected)?.iter().map(line).collect()
}
