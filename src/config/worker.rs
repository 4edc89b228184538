//! `[worker]`, `[sampler]` and `[energy]`: who does the work, how often it is looked at, and what its energy means.

use std::ops::Bound;

use super::keys::Scope;
use super::models;
use super::plan::{WorkerProgram, WorkerSettings};
use super::problems::Problems;
use super::read::{self, Section};
use super::suggest;
use super::tree::{Node, Table, Value};
use super::world::Bases;
use crate::event::Range;
use crate::sampler::policy::SamplerPolicy;
use crate::units::Span;

const SHORTEST_INTERVAL_S: f64 = 0.010;
const LONGEST_INTERVAL_S: f64 = 60.0;

/// `[sampler]`, or its defaults, and the intensity of `[energy]`.
pub(super) fn sampler(root: &Table, problems: &mut Problems) -> (SamplerPolicy, Option<f64>) {
    let policy = policy(root, problems);
    (policy, intensity(root, problems))
}

fn policy(root: &Table, problems: &mut Problems) -> SamplerPolicy {
    let mut policy = SamplerPolicy::default();
    let Some((table, _)) = read::table(root, "sampler", problems) else {
        return policy;
    };
    let mut section = Section::new(Scope::Sampler, table, problems);
    if let Some(gpu) = section.flag("gpu") {
        policy.gpu = gpu;
    }
    if let Some(energy) = section.flag("energy") {
        policy.energy = energy;
    }
    if let Some(tpu) = section.flag("tpu") {
        policy.tpu = tpu;
    }
    if let Some(interval) = section.duration("interval", 0.0) {
        policy.interval_ns = interval.as_ns();
        if !(SHORTEST_INTERVAL_S..=LONGEST_INTERVAL_S).contains(&interval.as_secs())
            && let Some(node) = section.get("interval")
        {
            let expected = "from \"10ms\" to \"60s\"";
            read::wrong("interval", expected, node, section.problems);
        }
    }
    policy
}

/// No electricity of the world is beyond this: the dirtiest lignite is at about 1,300 g/kWh.
const INTENSITY: Range =
    Range { such_as: Some("350"), ..Range::new(Bound::Included(0.0), Bound::Included(5000.0)) };

/// The intensity of `[energy]`, if it is given.
fn intensity(root: &Table, problems: &mut Problems) -> Option<f64> {
    let (table, _) = read::table(root, "energy", problems)?;
    Section::new(Scope::Energy, table, problems).number("grams_per_kwh", &INTENSITY)
}

/// `[worker]` and its `options`, or the native worker.
pub(super) fn worker(
    root: &Table,
    bases: &Bases,
    problems: &mut Problems,
) -> (WorkerSettings, serde_json::Value) {
    let mut settings = WorkerSettings {
        program: WorkerProgram::Native,
        hang_timeout_ns: 120_000_000_000,
        grace_ns: 5_000_000_000,
    };
    let mut options = serde_json::Value::Null;
    let Some((table, _)) = read::table(root, "worker", problems) else {
        return (settings, options);
    };
    let mut section = Section::new(Scope::Worker, table, problems);
    if let Some(program) = program(&mut section, bases) {
        settings.program = program;
    } else if section.get("program").or(section.get("command")).is_some() {
        // The plan fails, but the models and data sets must not be judged as if the native worker had been meant.
        settings.program = WorkerProgram::Scripted;
    }
    if let Some(span) = section.duration("hang_timeout", 0.001) {
        settings.hang_timeout_ns = span.as_ns();
    }
    if let Some(span) = section.duration("grace", 0.0) {
        settings.grace_ns = Span::as_ns(span);
    }
    if let Some((_, place)) = read::table(table, "options", section.problems)
        && let Some(node) = section.get("options")
    {
        if settings.program == WorkerProgram::Native {
            section.problems.error_with(
                place,
                "`options` are for a foreign worker; the native one takes none",
                "set `command` or `program` in [worker], or leave `options` out",
            );
        }
        options = json(node, section.problems);
    }
    (settings, options)
}

fn program(section: &mut Section<'_, '_>, bases: &Bases) -> Option<WorkerProgram> {
    if let Some(node) = section.get("command") {
        if let Some(place) = section.key_place("program") {
            section.problems.error_with(
                place,
                "[worker] has both `program` and `command`",
                "`command` alone names a foreign worker",
            );
            return None;
        }
        return command(node, bases, section.problems);
    }
    let name = section.text("program")?;
    match name {
        "native" => Some(WorkerProgram::Native),
        "scripted" => Some(WorkerProgram::Scripted),
        other => {
            let near = suggest::nearest(other, ["native", "scripted"]);
            let hint = match near {
                Some(found) => format!("did you mean `{found}`?"),
                None => "a program of your own is named by command = [\"program\", \"argument\"]"
                    .to_owned(),
            };
            let node = section.get("program")?;
            let got = node.value.shown();
            section.problems.error_with(
                node.place,
                format!("`program` must be native or scripted, not {got}"),
                hint,
            );
            None
        }
    }
}

fn command(node: &Node, bases: &Bases, problems: &mut Problems) -> Option<WorkerProgram> {
    let words = models::words(node, problems)?;
    let ((program, _), args) = words.split_first()?;
    let base = bases.of(node);
    let args = args.iter();
    Some(WorkerProgram::Command {
        program: models::program(program, base).into(),
        args: args.map(|(arg, _)| models::argument(arg, base)).collect(),
    })
}

fn json(node: &Node, problems: &mut Problems) -> serde_json::Value {
    match &node.value {
        Value::Text(text) | Value::Date(text) => text.clone().into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => {
            if !value.is_finite() {
                problems.error(node.place, "`options` must hold finite numbers");
            }
            serde_json::Number::from_f64(*value)
                .map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::Flag(value) => (*value).into(),
        Value::List(items) => items.iter().map(|item| json(item, problems)).collect(),
        Value::Table(table) => {
            let fields =
                table.entries.iter().map(|entry| (entry.key.clone(), json(&entry.node, problems)));
            serde_json::Value::Object(fields.collect())
        }
    }
}
