//! Every key of a grid file, by table, and what to say to one that is not among them.

use super::problems::Problems;
use super::suggest;
use super::tree::{Entry, Table};
use crate::event::Axis;

const TOP: &[&str] = &[
    "name",
    "seed",
    "repeat",
    "grid",
    "train",
    "serve",
    "stop",
    "constraints",
    "limits",
    "models",
    "objectives",
    "gate",
    "sampler",
    "energy",
    "worker",
    "exclude",
    "include",
    "override",
];
const TRAIN: &[&str] = &[
    "epochs",
    "batch_size",
    "learning_rate",
    "optimizer",
    "weight_decay",
    "validation_share",
    "warmup_steps",
    "target_accuracy",
];
const SERVE: &[&str] = &[
    "enabled",
    "pattern",
    "batch_size",
    "rate",
    "clients",
    "find_max_rate",
    "latency_limit",
    "warmup_requests",
    "max_requests",
    "max_time",
];
const STOP: &[&str] = &[
    "enabled",
    "metrics",
    "within",
    "confidence",
    "looks",
    "min_time",
    "max_time",
    "max_run_time",
    "patience",
    "min_delta",
];
const LIMITS: &[&str] = &["cpus", "cpu_quota", "memory"];
const OBJECTIVES: &[&str] = &["maximize", "minimize"];
const GATE: &[&str] =
    &["alpha", "floor", "any_machine", "draws", "seed", "subject", "metrics", "retired"];
const GATE_METRIC: &[&str] = &["direction", "role", "floor", "at_least", "fallback"];
const SAMPLER: &[&str] = &["interval", "gpu", "tpu", "energy"];
const ENERGY: &[&str] = &["grams_per_kwh"];
const WORKER: &[&str] = &["program", "command", "hang_timeout", "grace", "options"];
const COMMAND_MODEL: &[&str] = &["command", "steps"];
const OVERRIDE: &[&str] = &["match", "train", "serve", "stop", "constraints", "limits"];

/// A table of the grid file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Top,
    Grid,
    Train,
    Serve,
    Stop,
    Limits,
    Objectives,
    Gate,
    GateMetric,
    Sampler,
    Energy,
    Worker,
    CommandModel,
    Exclude,
    Include,
    Match,
    Override,
}

impl Scope {
    const TABLES: [Self; 9] = [
        Self::Grid,
        Self::Train,
        Self::Serve,
        Self::Stop,
        Self::Limits,
        Self::Objectives,
        Self::Sampler,
        Self::Energy,
        Self::Worker,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Top => "the top level",
            Self::Grid => "[grid]",
            Self::Train => "[train]",
            Self::Serve => "[serve]",
            Self::Stop => "[stop]",
            Self::Limits => "[limits]",
            Self::Objectives => "[objectives]",
            Self::Gate => "[gate]",
            Self::GateMetric => "[gate.metrics]",
            Self::Sampler => "[sampler]",
            Self::Energy => "[energy]",
            Self::Worker => "[worker]",
            Self::CommandModel => "[models.NAME]",
            Self::Exclude => "[[exclude]]",
            Self::Include => "[[include]]",
            Self::Match => "match",
            Self::Override => "[[override]]",
        }
    }

    fn within(self) -> String {
        match self {
            Self::Top => "at the top level".to_owned(),
            _ => format!("in {}", self.name()),
        }
    }

    pub(super) fn keys(self) -> Vec<&'static str> {
        let keys = match self {
            Self::Top => TOP,
            Self::Grid | Self::Exclude | Self::Include | Self::Match => return Axis::keys(),
            Self::Train => TRAIN,
            Self::Serve => SERVE,
            Self::Stop => STOP,
            Self::Limits => LIMITS,
            Self::Objectives => OBJECTIVES,
            Self::Gate => GATE,
            Self::GateMetric => GATE_METRIC,
            Self::Sampler => SAMPLER,
            Self::Energy => ENERGY,
            Self::Worker => WORKER,
            Self::CommandModel => COMMAND_MODEL,
            Self::Override => OVERRIDE,
        };
        keys.to_vec()
    }

    /// Reports every key of `table` that does not belong.
    pub(super) fn check(self, table: &Table, problems: &mut Problems) {
        for entry in &table.entries {
            if !self.keys().contains(&entry.key.as_str()) {
                self.report_unknown(entry, problems);
            }
        }
    }

    fn report_unknown(self, entry: &Entry, problems: &mut Problems) {
        let key = shown(&entry.key);
        if self == Self::Override && Axis::find(&entry.key).is_some() {
            problems.error_with(
                entry.key_place,
                format!(
                    "an [[override]] cannot change `{key}`: it is an axis, and the cells are named by their axes"
                ),
                "use [[exclude]] and [[include]] to change which cells there are",
            );
        } else {
            problems.error_with(
                entry.key_place,
                format!("unknown key `{key}` {}", self.within()),
                self.hint(&entry.key),
            );
        }
    }

    fn hint(self, key: &str) -> String {
        if self == Self::Override
            && matches!(key, "sampler" | "energy" | "worker" | "models" | "objectives" | "gate")
        {
            return format!("[{key}] is the same for the whole grid");
        }
        let elsewhere: Vec<&str> = Self::TABLES
            .into_iter()
            .filter(|table| *table != self && table.keys().contains(&key))
            .map(Self::name)
            .collect();
        // Asked last: `seed`, `metrics` and `floor` are keys of other places too.
        if elsewhere.is_empty() && self != Self::Gate && GATE.contains(&key) {
            format!("`{key}` belongs in {}", Self::Gate.name())
        } else if elsewhere.is_empty() {
            suggest::hint(key, &self.keys(), "the keys are")
        } else {
            format!("`{key}` belongs in {}", elsewhere.join(" or "))
        }
    }
}

/// A key as a message quotes it.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(60).collect()
}
