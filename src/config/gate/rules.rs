//! `[gate.metrics]`: how one metric is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::config::key::Kind::{Own, Share, Word};
use crate::config::key::{Context, KeyDef, Kind, put_table};
use crate::config::metrics;
use crate::config::read::{self, Read};
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::Range;
use crate::gate::{MetricRule, Role, default_rule};
use crate::metric::{self, Better, CATALOGUE, MetricDef, MetricId, MetricName, find_among};

/// The smallest change that may count.
pub(in crate::config) const FLOOR: Range = Range::new(Bound::Included(0.001), Bound::Included(1.0));

/// What is said of one metric, each with its place.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct RuleAsked {
    /// Where it is named.
    place: Place,
    direction: Option<Better>,
    role: Option<Role>,
    floor: Option<(f64, Place)>,
    at_least: Option<(f64, Place)>,
    fallback: Option<(String, Place)>,
}

const fn key(path: &'static str, kind: Kind<RuleAsked>) -> KeyDef<RuleAsked> {
    KeyDef::new(path, kind)
}

/// The keys of the table of a metric.
pub(in crate::config) static KEYS: &[KeyDef<RuleAsked>] = &[
    key(
        "gate.metrics.METRIC.direction",
        Word(&["lower", "higher"], |asked, word, _| {
            asked.direction = Some(if word == "lower" { Better::Lower } else { Better::Higher });
        }),
    )
    .about("which values are better; needed for a metric of your own"),
    key(
        "gate.metrics.METRIC.role",
        Word(&["gate", "info"], |asked, word, _| {
            asked.role = Some(if word == "gate" { Role::Gate } else { Role::Info });
        }),
    )
    .about("whether it is judged, or only told"),
    key(
        "gate.metrics.METRIC.floor",
        Share(FLOOR, |asked, floor, at| asked.floor = Some((floor, at.value))),
    )
    .about("the smallest change of this metric that counts, as a share"),
    key(
        "gate.metrics.METRIC.at_least",
        Own(
            "a quantity of the metric's unit",
            r#"{ "type": ["string", "number"] }"#,
            |asked, entry, context, _| {
                let least = at_least(context.name, context.metrics, &entry.node)?;
                asked.at_least = Some((least, entry.node.place));
                Ok(())
            },
        ),
    )
    .about("the smallest change that counts besides the floor, in the unit of the metric"),
    key(
        "gate.metrics.METRIC.fallback",
        Own("the name of a metric", r#"{ "type": "string" }"#, |asked, entry, _, _| {
            let name = read::text("fallback", &entry.node, "a text in quotes")?;
            asked.fallback = Some((name.to_owned(), entry.node.place));
            Ok(())
        }),
    )
    .about("the metric to judge instead where a run has too few samples of this one"),
];

/// Calls `found` with the name of each metric and what is said of it. `"memory.peak" = { ... }`,
/// `memory.peak = { ... }` and `[gate.metrics.memory.peak]` say the same.
pub(in crate::config) fn tables<'a>(table: &'a Table, found: &mut dyn FnMut(&str, &'a Entry)) {
    walk(table, "", found);
}

fn walk<'a>(table: &'a Table, prefix: &str, found: &mut dyn FnMut(&str, &'a Entry)) {
    for entry in &table.entries {
        let name = format!("{prefix}{}", entry.key);
        match &entry.node.value {
            Value::Table(inner) if is_prefix(&name, inner) => {
                walk(inner, &format!("{name}."), found);
            }
            _ => found(&name, entry),
        }
    }
}

/// Whether a table holds metrics whose names begin with `name`, and is not the rule of one.
fn is_prefix(name: &str, table: &Table) -> bool {
    let mut entries = table.entries.iter();
    let tables = !table.entries.is_empty()
        && entries.all(|entry| matches!(entry.node.value, Value::Table(_)));
    let is_key = |name: &str| KEYS.iter().any(|key| key.path.ends_with(&format!(".{name}")));
    let says_a_rule = table.entries.iter().any(|entry| is_key(&entry.key));
    let begins =
        |def: &MetricDef| def.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    metric::find(name).is_none() && (tables || (!says_a_rule && CATALOGUE.iter().any(begins)))
}

impl RuleAsked {
    /// What would decide nothing of a metric that is not gating.
    fn idle(&self) -> Option<(&'static str, Place)> {
        let keys = [
            ("floor", self.floor.map(|(_, place)| place)),
            ("at_least", self.at_least.map(|(_, place)| place)),
            ("fallback", self.fallback.as_ref().map(|(_, place)| *place)),
        ];
        keys.into_iter().find_map(|(key, place)| Some((key, place?)))
    }
}

fn asked(
    table: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, RuleAsked> {
    let mut found: BTreeMap<String, RuleAsked> = BTreeMap::new();
    tables(table, &mut |name, entry| {
        let Some(inner) = entry.node.table() else {
            let expected = "a table such as { direction = \"lower\", floor = \"3%\" }";
            return problems.push(read::wrong(&shown(name), expected, &entry.node));
        };
        let place = entry.key_place;
        // The command line speaks last; within a file nobody knows which of the two is meant.
        if found.get(name).is_some_and(|before| before.place.text == place.text) {
            let message = format!("`{}` is named twice in [gate.metrics]", shown(name));
            problems.error_with(place, message, "write one table with all of its keys");
        }
        let new = || RuleAsked { place, ..RuleAsked::default() };
        let asked = found.entry(name.to_owned()).or_insert_with(new);
        put_table(KEYS, asked, inner, &Context { name, ..*context }, problems);
    });
    found
}

/// The rules of all metrics that are named, each with what it does not say from the rule that it would have otherwise; and the
/// metrics that are asked to gate in so many words.
pub(in crate::config) fn read(
    table: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) -> (BTreeMap<MetricName, MetricRule>, BTreeSet<MetricName>) {
    let asked = asked(table, context, problems);
    let mut rules = BTreeMap::new();
    for (name, asked_here) in &asked {
        let Some(rule) = whole(name, asked_here, context.metrics, problems) else {
            continue;
        };
        check_fallback(name, asked_here, &asked, context.metrics, problems);
        rules.insert(MetricName::from(name.as_str()), rule);
    }
    let wanted = asked.into_iter().filter(|(_, asked)| asked.role == Some(Role::Gate));
    (rules, wanted.map(|(name, _)| name.into()).collect())
}

/// The smallest change that counts, in the base unit of the metric.
fn at_least(name: &str, own: &[MetricId], node: &Node) -> Read<f64> {
    let def = find_among(name, own);
    let example = def.map_or("1000", |def| def.unit.example());
    let (what, plain) = (format!("`at_least` of `{name}`"), node.value.number());
    let value = match (def, &node.value) {
        (Some(def), Value::Text(text)) => {
            read::parsed(&what, node, def.unit.read(text), Some(example))?
        }
        (Some(def), _) if plain.is_some() && !def.unit.is_plain() => {
            let number = node.value.shown();
            let message = format!("{what} is in {}, and {number} has no unit", def.unit);
            let hint = format!("for example \"{example}\"");
            return Err(Problem::new(node.place, message).hint(hint));
        }
        // Nobody knows the unit of a metric of another program: it is a plain number in that.
        _ => plain.unwrap_or(f64::NAN),
    };
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    let expected = format!("a change above 0, such as \"{example}\"");
    Err(read::wrong("at_least", &expected, node))
}

fn whole(
    name: &str,
    asked: &RuleAsked,
    own: &[MetricId],
    problems: &mut Problems,
) -> Option<MetricRule> {
    let def = find_among(name, own);
    // A metric of another program can only be known by what is declared here; a slip of the pen must not look like one.
    let declared = asked.direction.is_some() || asked.role == Some(Role::Info);
    if def.is_none() && (!declared || metrics::resembles(name)) {
        let message = format!("unknown metric `{}` in [gate.metrics]", shown(name));
        let hint = if metrics::resembles(name) {
            metrics::full_name_hint(name, own)
        } else {
            "`perftune list metrics` shows every metric; one of your own is declared in [metrics], or has a \
                      direction or role = \"info\" here"
                .to_owned()
        };
        problems.error_with(asked.place, message, hint);
        return None;
    }
    let usual = if def.is_some() { Role::Info } else { Role::Gate };
    let mut rule =
        default_rule(&def.map_or_else(|| name.into(), |def| def.id.into())).unwrap_or(MetricRule {
            direction: None,
            role: usual,
            floor: None,
            at_least: None,
            fallback: None,
        });
    rule.direction = asked.direction.or(rule.direction);
    rule.role = asked.role.unwrap_or(rule.role);
    rule.floor = asked.floor.map(|(floor, _)| floor).or(rule.floor);
    rule.at_least = asked.at_least.map(|(least, _)| least).or(rule.at_least);
    let fallback = asked.fallback.as_ref().map(|(name, _)| MetricName::from(name.as_str()));
    rule.fallback = fallback.or(rule.fallback);
    if rule.role == Role::Gate && rule.direction.is_none() {
        problems.error_with(
            asked.place,
            format!("`{name}` has no direction by default"),
            "write direction = \"lower\" or direction = \"higher\"",
        );
    }
    if let Some((key, place)) = asked.idle().filter(|_| rule.role == Role::Info) {
        problems.error_with(
            place,
            format!("`{key}` has no effect: `{name}` is for information only"),
            "write role = \"gate\" to judge it",
        );
    }
    Some(rule)
}

fn check_fallback(
    name: &str,
    asked: &RuleAsked,
    others: &BTreeMap<String, RuleAsked>,
    own: &[MetricId],
    problems: &mut Problems,
) {
    let Some((fallback, place)) = &asked.fallback else {
        return;
    };
    let (def, other) = (find_among(name, own), find_among(fallback, own));
    let unit = |def: Option<&'static MetricDef>| def.map(|def| def.unit);
    if fallback == name {
        problems.error(*place, format!("`{name}` cannot stand in for itself"));
    } else if other.is_none() && !others.contains_key(fallback) {
        let message = format!("unknown metric `{}` in `fallback`", shown(fallback));
        problems.error_with(*place, message, metrics::full_name_hint(fallback, own));
    } else if let Some((unit, theirs)) = unit(def).zip(unit(other)).filter(|(a, b)| a != b) {
        problems.error(
            *place,
            format!(
                "`{fallback}` is in {theirs} and cannot stand in for `{name}`, which is in {unit}"
            ),
        );
    }
}
