//! `[metrics]`: metrics of the user's own.

use std::rc::Rc;

use super::key::Kind::{Own, Word};
use super::key::{Context, KeyDef, Kind, put_table};
use super::metrics;
use super::read::{self, Read};
use super::template::CommandModel;
use crate::document::problems::{Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::{AxisList, COLUMNS, DeclaredMetric};
use crate::metric::{
    self, Better, MOST_OWN_METRICS, MetricDef, MetricId, OwnKind, OwnMetric, is_label, unit_of,
    why_no_name,
};
use crate::units::Unit;

/// What the columns beside that of a figure end in.
const BESIDE: [&str; 3] = ["_plus_minus", "_low", "_high"];

const fn key(path: &'static str, kind: Kind<OwnMetric>) -> KeyDef<OwnMetric> {
    KeyDef::new(path, kind)
}

/// The keys of a table of `[metrics]`.
pub(super) static KEYS: &[KeyDef<OwnMetric>] = &[
    key(
        "metrics.NAME.unit",
        Own(
            "a unit, such as ms; empty: a plain number",
            r#"{ "type": "string" }"#,
            |said, entry, _, _| {
                said.unit = unit(&entry.node)?;
                Ok(())
            },
        ),
    )
    .about("the unit that its values are said in"),
    key(
        "metrics.NAME.better",
        Word(&["lower", "higher"], |said, word, _| {
            said.better = Some(if word == "lower" { Better::Lower } else { Better::Higher });
        }),
    )
    .about("which values are better; needed to compare cells by it, and for the gate to judge it"),
    key(
        "metrics.NAME.kind",
        Word(OwnKind::WORDS, |said, word, _| said.kind = OwnKind::named(word).unwrap_or_default()),
    )
    .about("what its values are: the last one counts (scalar)"),
    key(
        "metrics.NAME.label",
        Own("a text", r#"{ "type": "string", "minLength": 1 }"#, |said, entry, _, _| {
            said.label = Some(label(&entry.node)?);
            Ok(())
        }),
    )
    .about("its heading in tables"),
];

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
    let mut found: Vec<MetricId> = Vec::new();
    for entry in &table.entries {
        let Some(id) = one(entry, context, problems) else { continue };
        if let Some(why) = taken(id.def(), &found, context.axes) {
            problems.error_with(entry.key_place, cannot(&entry.key), why);
        } else if found.len() == MOST_OWN_METRICS {
            let message = format!("a grid has at most {MOST_OWN_METRICS} metrics of its own");
            problems.error(entry.key_place, message);
            break;
        } else {
            found.push(id);
        }
    }
    found.into_iter().map(|id| DeclaredMetric { metric: id.into() }).collect()
}

fn cannot(name: &str) -> String {
    format!("`{}` cannot be a metric of one's own", shown(name))
}

fn one(entry: &Entry, context: &Context<'_>, problems: &mut Problems) -> Option<MetricId> {
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
    let mut said = OwnMetric { name: name.clone(), ..OwnMetric::default() };
    put_table(KEYS, &mut said, inner, context, problems);
    match metric::declare(said) {
        Ok(id) => Some(id),
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
        return Some("it is a metric of perftune's, or a group of them".to_owned());
    }
    if let Some(axis) = axes.defs().find(|axis| is(&axis.key)) {
        return Some(format!("`{}` is an axis: give the metric another name", axis.key));
    }
    let of_other = |other: &MetricDef| is(&other.column());
    let taken = COLUMNS.iter().any(|other| is(other)) || metric::all(before).any(of_other);
    taken.then(|| "the reports have a column of this name: give the metric another one".to_owned())
}

/// Warns of metrics that nobody can report; `recorded`: the figures of recorded tables.
pub(super) fn check(
    root: &Table,
    declared: &[DeclaredMetric],
    commands: &[Rc<CommandModel>],
    recorded: &[&str],
    problems: &mut Problems,
) {
    let unsaid = |metric: &&DeclaredMetric| !recorded.contains(&metric.metric.as_str());
    for metric in declared.iter().filter(unsaid).filter(|_| commands.is_empty()) {
        if let Some(entry) = root.table("metrics").and_then(|table| table.get(&metric.metric)) {
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
