//! `[metrics]`: metrics of the user's own.

use std::rc::Rc;

use super::braces;
use super::key::Kind::{Own, Word};
use super::key::{Context, KeyDef, Kind, put_table};
use super::metrics;
use super::read::{self, Read};
use super::template::{CommandModel, MetricFile};
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::{
    AxisList, COLUMNS, DeclaredMetric, FigurePattern, LONGEST_PATTERN, Outlet, ReadFrom,
};
use crate::metric::{
    self, Better, MOST_OWN_METRICS, MetricDef, MetricId, OwnKind, OwnMetric, is_label, unit_of,
    why_no_name,
};
use crate::units::Unit;

/// What the columns beside that of a figure end in.
const BESIDE: [&str; 3] = ["_plus_minus", "_low", "_high"];

/// What `[metrics.NAME]` says.
#[derive(Debug, Default)]
pub(super) struct Said {
    metric: OwnMetric,
    from: Option<(String, Place)>,
    pattern: Option<(String, Place)>,
    path: Option<(String, Place)>,
}

const fn key(path: &'static str, kind: Kind<Said>) -> KeyDef<Said> {
    KeyDef::new(path, kind)
}

/// The keys of a table of `[metrics]`.
pub(super) static KEYS: &[KeyDef<Said>] = &[
    key(
        "metrics.NAME.unit",
        Own(
            "a unit, such as ms; empty: a plain number",
            r#"{ "type": "string" }"#,
            |said, entry, _, _| {
                said.metric.unit = unit(&entry.node)?;
                Ok(())
            },
        ),
    )
    .about("the unit of the values"),
    key(
        "metrics.NAME.better",
        Word(&["lower", "higher"], |said, word, _| {
            said.metric.better = Some(if word == "lower" { Better::Lower } else { Better::Higher });
        }),
    )
    .about("which values are better; needed for objectives and for the gate"),
    key(
        "metrics.NAME.kind",
        Word(OwnKind::WORDS, |said, word, _| {
            said.metric.kind = OwnKind::named(word).unwrap_or_default();
        }),
    )
    .about("whether the last value counts (scalar), or each is one of a mean (series)"),
    key(
        "metrics.NAME.label",
        Own("a text", r#"{ "type": "string", "minLength": 1 }"#, |said, entry, _, _| {
            said.metric.label = Some(label(&entry.node)?);
            Ok(())
        }),
    )
    .about("its heading in tables"),
    key(
        "metrics.NAME.from",
        Own("stdout, stderr, output (both), or a JSON file", TEXT, |said, entry, _, _| {
            said.from = Some(some_text(entry, "stdout, stderr, output, or a file", LONGEST_PATH)?);
            Ok(())
        }),
    )
    .about("where the values are read from a command's output or files; a file name may have {run} and axes in braces"),
    key(
        "metrics.NAME.pattern",
        Own("a regular expression with one group", TEXT, |said, entry, _, _| {
            let (text, place) = some_text(entry, "a regular expression", LONGEST_PATTERN)?;
            FigurePattern::new(&text).map_err(|why| {
                let message = format!("`pattern` is not a valid pattern: {why}");
                Problem::new(place, message).hint("for example pattern = 'f1=([0-9.]+)'")
            })?;
            said.pattern = Some((text, place));
            Ok(())
        }),
    )
    .about("what a value looks like in the output; the group holds the number"),
    key(
        "metrics.NAME.path",
        Own("keys with dots between them", TEXT, |said, entry, _, _| {
            said.path = Some(some_text(entry, "keys with dots between them", LONGEST_PATH)?);
            Ok(())
        }),
    )
    .about("where the number stands in the file, such as eval.f1"),
];

/// The longest name of a file, and of a place in it, in bytes.
const LONGEST_PATH: usize = 1000;

const TEXT: &str = r#"{ "type": "string", "minLength": 1 }"#;

/// A text that is there, on one line and not too long.
fn some_text(entry: &Entry, what: &str, most: usize) -> Read<(String, Place)> {
    let expected = format!("{what}, of 1 to {most} bytes without control characters");
    let text = read::text(&entry.key, &entry.node, &expected)?;
    if (1..=most).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok((text.to_owned(), entry.node.place));
    }
    Err(read::wrong(&entry.key, &expected, &entry.node))
}

impl Said {
    /// Where its values are read, if anywhere.
    fn from(&self) -> Read<Option<ReadFrom>> {
        let wrong = |place: &Place, message: &str, hint: &str| {
            Err(Problem::new(*place, message).hint(hint))
        };
        let output = self.from.as_ref().map(|(from, _)| Outlet::named(from));
        match (&self.from, output, &self.pattern, &self.path) {
            (None, _, Some((_, place)), _) => wrong(
                place,
                "`pattern` without `from`: nothing is read",
                "write from = \"stdout\", \"stderr\" or \"output\" (both)",
            ),
            (None, _, None, Some((_, place))) => wrong(
                place,
                "`path` without `from`: there is no file to look in",
                "name the JSON file: from = \"metrics.json\"",
            ),
            (None, ..) => Ok(None),
            (Some(_), Some(Some(_)), _, Some((_, place))) => wrong(
                place,
                "`path` is a place in a file, and `from` is what the command prints",
                "write pattern = 'f1=([0-9.]+)', or name a JSON file in `from`",
            ),
            (Some((_, place)), Some(Some(_)), None, None) => wrong(
                place,
                "there is no `pattern` to look for",
                "for example pattern = 'f1=([0-9.]+)'",
            ),
            (Some(_), Some(Some(output)), Some((pattern, _)), None) => {
                Ok(Some(ReadFrom::Output { output, pattern: pattern.clone() }))
            }
            (Some(_), _, Some((_, place)), _) => wrong(
                place,
                "`pattern` is for what the command prints, and `from` is a file",
                "write from = \"stdout\", or path = \"f1\" for a number in a JSON file",
            ),
            (Some((_, place)), _, None, None) => wrong(
                place,
                "there is no `path` to the number in the file",
                "write path = \"eval.f1\" for {\"eval\": {\"f1\": 0.8}}; what is printed is \"stdout\", \"stderr\" or \"output\"",
            ),
            (Some((file, _)), _, None, Some((path, _))) => {
                Ok(Some(ReadFrom::File { file: file.clone(), path: path.clone() }))
            }
        }
    }
}

fn unit(node: &Node) -> Read<String> {
    let text =
        read::text("unit", node, "a unit in quotes, such as \"ms\", or \"\" for a plain number")?;
    if unit_of(text).is_some() {
        return Ok(text.to_owned());
    }
    let names = Unit::ALL.iter().map(|unit| unit.name());
    let all: Vec<&str> = names.chain(Unit::ALL.iter().flat_map(|unit| unit.symbols())).collect();
    let all: Vec<&str> = all.into_iter().filter(|name| !name.is_empty()).collect();
    let near = suggest::nearest(text, all.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    let hint = format!(
        "{near}the units are {}, their multiples such as ms or MiB, and \"\" for a plain number",
        Unit::ALL.iter().map(|unit| unit.name()).collect::<Vec<_>>().join(", ")
    );
    Err(Problem::new(node.place, format!("unknown unit {}", node.value.shown())).hint(hint))
}

fn label(node: &Node) -> Read<String> {
    let expected = "a text of 1 to 20 characters";
    let text = read::text("label", node, expected)?;
    if is_label(text) { Ok(text.to_owned()) } else { Err(read::wrong("label", expected, node)) }
}

/// All that `[metrics]` declares.
pub(super) fn read(
    root: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<DeclaredMetric> {
    let Some((table, _)) = read::table(root, "metrics", problems) else {
        return Vec::new();
    };
    let (mut found, mut all): (Vec<MetricId>, Vec<DeclaredMetric>) = Default::default();
    for entry in &table.entries {
        let Some((id, from)) = one(entry, context, problems) else { continue };
        if let Some(why) = taken(id.def(), &found, context.axes) {
            problems.error_with(entry.key_place, cannot(&entry.key), why);
        } else if found.len() == MOST_OWN_METRICS {
            let message = format!("a grid has at most {MOST_OWN_METRICS} metrics of its own");
            problems.error(entry.key_place, message);
            break;
        } else {
            found.push(id);
            all.push(DeclaredMetric { metric: id.into(), from });
        }
    }
    all
}

/// The files in which the values of `[metrics]` are read; settings of the cell are in braces, as in a command.
pub(super) fn files(root: &Table, axes: &AxisList, problems: &mut Problems) -> Rc<[MetricFile]> {
    let metrics = root.table("metrics").into_iter().flat_map(|metrics| &metrics.entries);
    let mut files = Vec::new();
    for entry in metrics {
        let from = entry.node.table().and_then(|inner| inner.get("from")).map(|from| &from.node);
        let Some((node, Value::Text(text))) = from.map(|node| (node, &node.value)) else {
            continue;
        };
        if Outlet::named(text).is_none()
            && let Some(name) = problems.ok(braces::parts(text, node, axes, problems))
        {
            files.push(MetricFile { metric: entry.key.clone(), name });
        }
    }
    files.into()
}

/// Reports values of keys of `[metrics]` that cannot be; a part of a grid need not say all of them.
pub(super) fn check_values(root: &Table, context: &Context<'_>, problems: &mut Problems) {
    let metrics = root.table("metrics").into_iter().flat_map(|metrics| &metrics.entries);
    for inner in metrics.filter_map(|entry| entry.node.table()) {
        put_table(KEYS, &mut Said::default(), inner, context, problems);
    }
}

fn cannot(name: &str) -> String {
    format!("`{}` cannot be a metric of your own", shown(name))
}

fn one(
    entry: &Entry,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Option<(MetricId, Option<ReadFrom>)> {
    let name = &entry.key;
    if let Some(why) = why_no_name(name) {
        problems.error_with(entry.key_place, cannot(name), why);
        return None;
    }
    let Value::Table(inner) = &entry.node.value else {
        let expected = "a table, such as { better = \"higher\" }";
        problems.push(read::wrong(name, expected, &entry.node));
        return None;
    };
    let metric = OwnMetric { name: name.clone(), ..OwnMetric::default() };
    let mut said = Said { metric, ..Said::default() };
    put_table(KEYS, &mut said, inner, context, problems);
    let given = [("from", &said.from), ("pattern", &said.pattern), ("path", &said.path)];
    // What cannot be read has been told of.
    let is_read = given.iter().all(|(key, read)| inner.get(key).is_some() == read.is_some());
    let from = is_read.then(|| problems.ok(said.from()).flatten()).flatten();
    match metric::declare(said.metric) {
        Ok(id) => Some((id, from)),
        Err(why) => {
            problems.error_with(entry.key_place, cannot(name), why);
            None
        }
    }
}

/// Why a name is not free, if so: the reports have it, or a list of metrics could mean something else by it.
fn taken(def: &MetricDef, before: &[MetricId], axes: &AxisList) -> Option<String> {
    let figure = |column: &str| {
        let beside = BESIDE.iter().find_map(|end| column.strip_suffix(end));
        beside.unwrap_or(column).to_owned()
    };
    let (name, column) = (def.name, def.column());
    let mine = [figure(name), figure(&column)];
    let is = |other: &str| mine.contains(&figure(other));
    let built_in =
        metrics::named(name, &[]).is_ok() || metric::CATALOGUE.iter().any(|it| it.group == name);
    if built_in {
        return Some("it is a metric of perftune, or a group of them".to_owned());
    }
    if let Some(axis) = axes.defs().find(|axis| is(&axis.key)) {
        return Some(format!("`{}` is an axis: give the metric another name", axis.key));
    }
    let of_other = |other: &MetricDef| is(&other.column());
    let taken = COLUMNS.iter().any(|other| is(other)) || metric::all(before).any(of_other);
    taken.then(|| "the reports have a column of this name: give the metric another one".to_owned())
}

/// Tells of metrics that nobody can report; `recorded`: the figures of recorded tables; `foreign`: what is no command is a worker
/// of the user's.
pub(super) fn check(
    root: &Table,
    declared: &[DeclaredMetric],
    commands: &[Rc<CommandModel>],
    recorded: &[&str],
    foreign: bool,
    problems: &mut Problems,
) {
    let unsaid = |metric: &&DeclaredMetric| !recorded.contains(&metric.metric.as_str());
    for metric in declared.iter().filter(unsaid).filter(|_| commands.is_empty()) {
        let Some(entry) = root.table("metrics").and_then(|table| table.get(&metric.metric)) else {
            continue;
        };
        if metric.from.is_some() {
            let message = "`from` reads the output or files of a command, and no model of this grid is a command";
            let hint = "a worker reports `metric` itself; a command is declared in [models]";
            problems.error_with(entry.key_place, message, hint);
        } else if !foreign {
            let what = format!(
                "nothing reports `{}`: no model of this grid is a command of [models], and the worker is perftune's own",
                metric.metric
            );
            problems.warn(entry.key_place, what);
        }
    }
}

/// The metrics that are declared, as far as anything else asks.
pub(super) fn ids(declared: &[DeclaredMetric]) -> Vec<MetricId> {
    declared.iter().filter_map(DeclaredMetric::id).collect()
}
