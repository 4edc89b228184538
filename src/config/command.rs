//! `perftune exec`: the plan of commands and their axes, from the command line alone. It is the plan of the grid file that the flags
//! stand for, of which nobody has set anything else.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::header;
use super::plan::{Plan, PlannedRun, WorkerProgram};
use super::read::{self, LONGEST_S};
use super::schema;
use super::set;
use super::sweep;
use super::world::{Bases, DatasetCatalogue, DatasetFacts, GridSource, MachineFacts, Request};
use super::{Told, planned};
use crate::dataset::DataError;
use crate::document::ConfigError;
use crate::document::problems::{GRID, Place, Problems};
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::{AxisDef, AxisList, CommandSpec, Hooks};
use crate::metric::{MetricId, MetricName};
use crate::schedule::Repeats;
use crate::units::Span;

/// What stands between two commands.
const BETWEEN: &str = "---";

/// The axis that says where the work is done.
const DEVICE: &str = "device";

/// The longest name of the results of several commands, in bytes.
const LONGEST_NAME: usize = 100;

/// The most runs that are planned before anything is known.
const MOST_RUNS: u64 = 100_000;

/// Tables of a grid that `--set` may change for a command; the others it has no use for, or its own flags say.
const SET: [&str; 9] = [
    "constraints",
    "cost",
    "energy",
    "limits",
    "metrics",
    "objectives",
    "sampler",
    "stop",
    "train",
];

/// Commands and what the command line says about them.
pub struct CommandRequest<'a> {
    /// Each `--name`.
    pub names: &'a [String],
    /// The programs and their arguments, `---` between two commands.
    pub words: &'a [String],
    /// Each `--parameter-list`: an axis and its values, as `NAME=VALUES` or as two texts.
    pub axes: &'a [String],
    /// `--setup`, `--prepare` and `--cleanup`.
    pub hooks: Hooks<&'a str>,
    /// Each `--set`.
    pub set: &'a [String],
    /// Each `--metric`: `NAME=PATTERN`.
    pub metrics: &'a [String],
    /// Each `--constraint`: `METRIC <= LIMIT`.
    pub constraints: &'a [String],
    /// `--stop-on`: metrics and groups with commas between them.
    pub stop_on: Option<&'a str>,
    /// `--timeout`.
    pub timeout: Option<&'a str>,
    /// `--repeat`; absent: one cell is run once, several are run until their figures are known.
    pub repeat: Option<Repeats>,
    /// `--budget`.
    pub budget: Option<Span>,
    /// The machine.
    pub machine: MachineFacts,
}

/// Commands have data of their own.
struct NoData;

impl DatasetCatalogue for NoData {
    fn resolve(&self, name_or_path: &str) -> Result<DatasetFacts, DataError> {
        Err(DataError::NoManifest { path: name_or_path.into() })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The checked plan of the commands, or everything that is wrong with what was asked.
pub fn command(asked: &CommandRequest<'_>) -> Result<Plan, ConfigError> {
    let mut problems = Problems::default();
    // The text that all mistakes are of which have no other place.
    let shown = CommandSpec { words: asked.words.to_vec(), ..CommandSpec::default() }.shown();
    problems.add_argument(shown);
    let words: Vec<&[String]> = asked.words.split(|word| word == BETWEEN).collect();
    let mut root = said(asked, &mut problems);
    let names = names(asked.names, &words, &mut problems);
    let axes = sweep::axes(asked.axes, &mut problems);
    let mut texts = vec![GRID];
    let hooks = hooks(&asked.hooks, &mut texts, &mut problems);
    problems.check(Some(()))?;
    let made = names.iter().zip(&words).filter_map(|(name, words)| {
        let name = read::text("name", name, "a text").ok()?;
        Some(Rc::new(sweep::command(name, words, &hooks, &axes)))
    });
    let commands: Vec<_> = made.collect();
    sweep::check(&axes, &commands, &texts, &mut problems);
    let repeats = asked.repeat.map_or(1, Repeats::planned);
    check_size(&axes, words.len(), repeats, &mut problems);
    problems.check(Some(()))?;
    let (grid, whens) = sweep::tables(&names, &commands, &axes);
    let whole = Place::whole(GRID);
    put(&mut root, "grid", Node { value: Value::Table(grid), place: whole });
    if !whens.is_empty() {
        put(&mut root, "when", Node { value: Value::List(whens), place: whole });
    }
    let name = commands.iter().map(|command| &*command.name).collect::<Vec<_>>().join("-vs-");
    put(&mut root, "name", text(sweep::cut(&name, LONGEST_NAME), whole));
    let mut list = AxisList::default();
    let keys: Vec<String> = axes.into_iter().map(|axis| axis.key).collect();
    for key in &keys {
        list.add(AxisDef::own(key));
    }
    let bases = Bases::new(".".as_ref());
    let (commands_of, recorded) = (&commands[..], &[]);
    let told = Told {
        root: &root,
        bases: &bases,
        axes: &list,
        commands: commands_of,
        recorded,
        swept: &keys,
    };
    let one = commands.len() == 1 && keys.is_empty();
    let mut plan = planned(&told, &request(asked, one), &mut problems)?;
    // What has to be known, where nobody has said what: the objectives, and what rounds go on for.
    let mut goals: Vec<MetricName> =
        plan.objectives.iter().map(|objective| objective.metric.clone()).collect();
    if matches!(plan.repeats, Repeats::Auto { .. })
        && goals.iter().all(|goal| *goal != MetricId::CommandTime)
    {
        goals.push(MetricId::CommandTime.into());
    }
    plan.runs.iter_mut().for_each(|run| unset(run, &goals));
    if let (true, [program, args @ ..]) = (one, asked.words) {
        plan.worker.program =
            WorkerProgram::Command { program: program.into(), args: args.to_vec() };
    }
    Ok(plan)
}

/// What the command line says besides the tables; `one`: there is one cell.
fn request<'a>(asked: &CommandRequest<'a>, one: bool) -> Request<'a> {
    Request {
        source: GridSource::Stdin(Vec::new()),
        set: &[],
        set_by: None,
        profile: None,
        only: &[],
        seed: None,
        repeat: asked.repeat.or(one.then_some(Repeats::Fixed(1))),
        budget: asked.budget,
        jobs: None,
        // Commands are run one after the other.
        lanes: |_| Ok(Vec::new()),
        full: false,
        keeps_names: true,
        max_cells: MOST_RUNS,
        machine: asked.machine.clone(),
        catalogue: &NoData,
        base_dir: PathBuf::from("."),
    }
}

/// The name of each command, with the place where it was said.
fn names(given: &[String], commands: &[&[String]], problems: &mut Problems) -> Vec<Node> {
    let nodes: Vec<Node> = given.iter().map(|name| argument("--name", name, problems)).collect();
    for node in &nodes {
        problems.ok(header::name(node));
    }
    if let Some(empty) = commands.iter().position(|words| words.is_empty()) {
        let message = format!("command {} has no words", empty + 1);
        problems.error_with(Place::whole(GRID), message, "write `---` between two commands");
    }
    match nodes.last() {
        None => {
            let made = sweep::names(commands);
            made.iter().map(|name| text(name, Place::whole(GRID))).collect()
        }
        Some(last) if nodes.len() != commands.len() => {
            let (names, commands) = (nodes.len(), commands.len());
            let times = if names == 1 { "once".to_owned() } else { format!("{names} times") };
            let message =
                format!("--name is given {times}, and the number of commands is {commands}");
            problems.error_with(
                last.place,
                message,
                "give one for each command, in their order, or none",
            );
            nodes
        }
        Some(_) => nodes,
    }
}

/// What is run around the commands; its texts are added to those that hold commands.
fn hooks(asked: &Hooks<&str>, texts: &mut Vec<usize>, problems: &mut Problems) -> Hooks<String> {
    let mut read = |flag: &str, written: &[&str]| {
        let Some(written) = written.first() else { return Vec::new() };
        let text = problems.add_argument(format!("{flag} {written}"));
        texts.push(text);
        sweep::words(flag, written, text, problems)
    };
    Hooks {
        setup: read("--setup", &asked.setup),
        prepare: read("--prepare", &asked.prepare),
        cleanup: read("--cleanup", &asked.cleanup),
    }
}

/// Reports more runs than anybody means.
fn check_size(axes: &[Entry], commands: usize, repeats: u32, problems: &mut Problems) {
    let values = axes.iter().map(|axis| axis.node.items().len() as u64);
    let cells = values.fold(commands as u64, u64::saturating_mul);
    let runs = cells.saturating_mul(repeats.into());
    if runs > MOST_RUNS {
        let message = format!("{cells} cells are {runs} runs; the most are {MOST_RUNS}");
        problems.error_with(Place::whole(GRID), message, "give fewer values, or repeat less often");
    }
}

/// Takes out of a run what nobody has set, and lets it go on to its end unless somebody has said when it is known well enough.
fn unset(run: &mut PlannedRun, goals: &[MetricName]) {
    let job = Arc::make_mut(&mut run.job);
    job.dataset_dir = PathBuf::new();
    let names_device = run.command.as_ref().is_some_and(|command| command.names(DEVICE));
    if !names_device {
        // Whatever accelerator its processes are seen on.
        "auto".clone_into(&mut job.device);
    }
    job.train.epochs = 0;
    if !run.chosen {
        let stop = Arc::make_mut(&mut run.stop);
        stop.limits_only = true;
        stop.metrics = goals.to_vec();
    }
}

/// What the flags say, as the keys of a grid file that they stand for.
fn said(asked: &CommandRequest<'_>, problems: &mut Problems) -> Table {
    let mut root = Table::default();
    refuse(asked.set, problems);
    set::apply(&mut root, set::all(asked.set, None), problems);
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
    for metric in asked.metrics {
        figure(&mut root, metric, problems);
    }
    for constraint in asked.constraints {
        limit(&mut root, constraint, problems);
    }
    root
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
    if let Some(table) = root.table_or_new(key, node.place) {
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
                format!("{} and worker.grace can be set", SET.join(", ")),
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

/// Adds `NAME=PATTERN` to the metrics: of what the command prints.
fn figure(root: &mut Table, written: &str, problems: &mut Problems) {
    let whole = argument("--metric", written, problems).place;
    let Some((name, pattern)) = written.split_once('=') else {
        problems.error_with(
            whole,
            "a metric is a name and a regular expression",
            "for example --metric 'f1=f1: ([0-9.]+)'",
        );
        return;
    };
    let offset = "--metric ".len();
    let key_place = Place { span: Some((offset, offset + name.len().max(1))), ..whole };
    let from = offset + name.len() + 1;
    let place = Place { span: Some((from, (from + pattern.len()).max(from + 1))), ..whole };
    if root.table("metrics").is_none() {
        put(root, "metrics", Node { value: Value::Table(Table::default()), place: whole });
    }
    let Some(metrics) = root.table_mut("metrics") else { return };
    if metrics.table(name).is_some_and(|said| said.get("pattern").is_some()) {
        problems.error_with(
            key_place,
            format!("`{name}` is named twice"),
            "give one pattern to each",
        );
        return;
    }
    put_into(metrics, name, "from", text("output", place));
    put_into(metrics, name, "pattern", text(pattern, place));
    if let Some(entry) = metrics.get_mut(name) {
        entry.key_place = key_place;
    }
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
