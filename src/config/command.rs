//! `perftune exec`: the plan of one command, from the command line alone.

use std::sync::Arc;

use super::header;
use super::key::Context;
use super::plan::{Plan, WorkerProgram};
use super::read::{self, LONGEST_S};
use super::schema;
use super::set;
use super::world::{Bases, MachineFacts};
use crate::document::ConfigError;
use crate::document::problems::{Place, Problems};
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::{AxisList, CommandSpec, Work, axis};
use crate::metric::MetricId;
use crate::schedule::Repeats;

/// The longest name that is made of a command, in bytes.
const LONGEST_NAME: usize = 64;

/// What a column of data sets says of a command.
const NO_DATA: &str = "-";

/// Tables of a grid that `--set` may change for a command; the others it has no use for, or its own flags say.
const SET: [&str; 6] = ["constraints", "energy", "limits", "sampler", "stop", "train"];

/// A command and what the command line says about it.
pub struct CommandRequest<'a> {
    /// `--name`.
    pub name: Option<&'a str>,
    /// The program and its arguments; the program is there.
    pub words: &'a [String],
    /// Each `--set`.
    pub set: &'a [String],
    /// Each `--constraint`: `METRIC <= LIMIT`.
    pub constraints: &'a [String],
    /// `--stop-on`: metrics and groups with commas between them.
    pub stop_on: Option<&'a str>,
    /// `--timeout`.
    pub timeout: Option<&'a str>,
    /// `--repeat`.
    pub repeat: Option<Repeats>,
    /// The machine.
    pub machine: MachineFacts,
}

/// The checked plan of a command, or everything that is wrong with what was asked.
pub fn command(asked: &CommandRequest<'_>) -> Result<Plan, ConfigError> {
    let spec = CommandSpec { words: asked.words.to_vec(), steps: true, epochs: false, bare: true };
    let mut problems = Problems::default();
    problems.add_argument(spec.shown());
    let root = said(asked, &mut problems);
    problems.check(Some(()))?;
    let (bases, axes) = (Bases::new(".".as_ref()), AxisList::default());
    let mut settings = schema::settings(&root, Context::of(&bases, &axes), &mut problems);
    let repeat = asked.repeat.unwrap_or(Repeats::Fixed(1));
    header::put_arguments(&mut settings, Some(repeat), None, &mut problems);
    let resolved = settings.resolve(&asked.machine, &mut problems);
    problems.check(Some(()))?;
    if let [program, args @ ..] = asked.words {
        settings.worker.program =
            WorkerProgram::Command { program: program.into(), args: args.to_vec() };
    }
    let name = settings.name.clone().unwrap_or_else(|| name_of(asked.words));
    let mut job = resolved.job();
    job.model.name.clone_from(&name);
    NO_DATA.clone_into(&mut job.dataset);
    // Whatever accelerator its processes are seen on.
    "auto".clone_into(&mut job.device);
    job.seed = settings.seed.0;
    (job.train.epochs, job.serve) = (0, None);
    job.work = Work::Command { spec: spec.clone() };
    let mut first = resolved.planned(name.clone(), job);
    // Unless somebody has said when it is known well enough, it goes on to its end.
    let stop = Arc::make_mut(&mut first.stop);
    if !first.chosen {
        stop.limits_only = true;
        // What rounds go on for, where nobody has said what for.
        let rounds = matches!(settings.repeats, Repeats::Auto { .. });
        stop.metrics = rounds.then(|| MetricId::CommandTime.into()).into_iter().collect();
    }
    let runs = (1..=settings.repeats.planned()).map(|repeat| first.visit(repeat)).collect();
    let warnings = problems.take_warnings();
    Ok(Plan { warnings, ..settings.plan(name.clone(), Vec::new(), runs) })
}

/// What the flags say, as the keys of a grid file that they stand for.
fn said(asked: &CommandRequest<'_>, problems: &mut Problems) -> Table {
    let mut root = Table::default();
    if let Some(name) = asked.name {
        put(&mut root, "name", argument("--name", name, problems));
    }
    refuse(asked.set, problems);
    set::apply(&mut root, asked.set, problems);
    if let Some(timeout) = asked.timeout {
        let node = argument("--timeout", timeout, problems);
        // What is wrong with it is said of the flag: nobody wrote the key.
        if problems.ok(read::duration("--timeout", &node, 0.001..=LONGEST_S)).is_some() {
            put_into(&mut root, "stop", "max_run_time", node);
        }
    }
    if let Some(metrics) = asked.stop_on {
        let node = stop_on(metrics, problems);
        put_into(&mut root, "stop", "metrics", node);
    }
    for constraint in asked.constraints {
        limit(&mut root, constraint, problems);
    }
    root
}

/// The name of a command's program, as a name of results.
fn name_of(words: &[String]) -> String {
    let program = words.first().map_or("command", String::as_str);
    let file = program.rsplit('/').next().unwrap_or(program);
    let name = axis::safe_name(file);
    if name.is_empty() {
        return "command".to_owned();
    }
    name[..name.len().min(LONGEST_NAME)].to_owned()
}

fn text(text: &str, place: Place) -> Node {
    Node { value: Value::Text(text.to_owned()), place }
}

fn put(table: &mut Table, key: &str, node: Node) {
    table.entries.retain(|entry| entry.key != key);
    table.entries.push(Entry { key: key.to_owned(), key_place: node.place, node });
}

/// Puts a value into the table of this key, which is made where it is not there.
fn put_into(root: &mut Table, key: &str, inner: &str, node: Node) {
    if root.table(key).is_none() {
        put(root, key, Node { value: Value::Table(Table::default()), place: node.place });
    }
    if let Some(table) = root.table_mut(key) {
        put(table, inner, node);
    }
}

/// The value of a flag, which knows its place.
fn argument(flag: &str, value: &str, problems: &mut Problems) -> Node {
    let body = format!("{flag} {value}");
    let place =
        Place { span: Some((flag.len() + 1, body.len())), text: problems.add_argument(body) };
    text(value, place)
}

fn refuse(set: &[String], problems: &mut Problems) {
    for argument in set {
        let key = argument.split('=').next().unwrap_or_default().trim();
        let first = key.split('.').next().unwrap_or_default();
        let may = SET.contains(&first) || key == "worker.grace";
        // What is no key at all is told of as in a grid.
        if !may && schema::top().contains(&first) {
            let body = format!("--set {argument}");
            let span = Some((6, 6 + key.len()));
            let text = problems.add_argument(body);
            problems.error_with(
                Place { text, span },
                format!("a command has no `{key}`"),
                "stop, constraints, limits, sampler, train.target_accuracy and worker.grace can be set",
            );
        }
    }
}

fn stop_on(metrics: &str, problems: &mut Problems) -> Node {
    let all = argument("--stop-on", metrics, problems);
    let (offset, place) = ("--stop-on ".len(), all.place);
    let mut at = offset;
    let mut items = Vec::new();
    for part in metrics.split(',') {
        let lead = part.len() - part.trim_start().len();
        let name = part.trim();
        let span = Some((at + lead, at + lead + name.len()));
        if !name.is_empty() {
            items.push(text(name, Place { span, ..place }));
        }
        at += part.len() + 1;
    }
    Node { value: Value::List(items), place }
}

/// Adds `METRIC <= LIMIT` to the constraints; several of one metric mean all of them.
fn limit(root: &mut Table, written: &str, problems: &mut Problems) {
    let whole = argument("--constraint", written, problems).place;
    let offset = "--constraint ".len();
    let Some(at) = written.find(['<', '>', '=']) else {
        problems.error_with(
            whole,
            "a constraint is a metric, a comparison and a limit",
            format!("for example --constraint '{} <= 1GiB'", MetricId::MemoryPeak),
        );
        return;
    };
    let (name, rest) = written.split_at(at);
    let lead = name.len() - name.trim_start().len();
    let name = name.trim();
    let key_place =
        Place { span: Some((offset + lead, offset + lead + name.len().max(1))), ..whole };
    let place = Place { span: Some((offset + at, offset + written.len())), ..whole };
    let mut node = text(rest, place);
    // What is asked already of the same metric holds too.
    if let Some(before) = root.table("constraints").and_then(|table| table.get(name)) {
        let mut items = before.node.items().to_vec();
        items.push(node);
        node = Node { value: Value::List(items), place: whole };
    }
    put_into(root, "constraints", name, node);
    let table = root.table_mut("constraints");
    if let Some(entry) = table.and_then(|table| table.get_mut(name)) {
        entry.key_place = key_place;
    }
}
