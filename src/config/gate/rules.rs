//! `[gate.metrics]`: how one metric is judged.

use std::collections::BTreeMap;

use super::FLOOR;
use crate::config::keys::{self, Scope};
use crate::config::metrics;
use crate::config::problems::{Place, Problems};
use crate::config::read::{self, Section};
use crate::config::tree::{Node, Table, Value};
use crate::gate::{MetricRule, Role, default_rule};
use crate::metric::{self, Better, CATALOGUE, MetricDef};

/// What is said of one metric, each with its place.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Where it is named.
    place: Place,
    direction: Option<Better>,
    pub(super) role: Option<Role>,
    floor: Option<(f64, Place)>,
    at_least: Option<(f64, Place)>,
    fallback: Option<(String, Place)>,
}

/// The metrics of `[gate.metrics]`. `"memory.peak" = { ... }`, `memory.peak = { ... }` and `[gate.metrics.memory.peak]` say the same.
pub(super) fn walk(
    table: &Table,
    prefix: &str,
    found: &mut BTreeMap<String, Asked>,
    problems: &mut Problems,
) {
    for entry in &table.entries {
        let name = format!("{prefix}{}", entry.key);
        let Value::Table(inner) = &entry.node.value else {
            let expected = "a table such as { direction = \"lower\", floor = \"3%\" }";
            read::wrong(&keys::shown(&name), expected, &entry.node, problems);
            continue;
        };
        if is_prefix(&name, inner) {
            walk(inner, &format!("{name}."), found, problems);
            continue;
        }
        let asked = rule(&name, inner, entry.key_place, problems);
        match found.get_mut(&name) {
            // The command line speaks last; within a file nobody knows which of the two is meant.
            Some(before) if before.place.text == asked.place.text => {
                let message = format!("`{}` is named twice in [gate.metrics]", keys::shown(&name));
                problems.error_with(asked.place, message, "write one table with all of its keys");
            }
            Some(before) => before.put(asked),
            None => drop(found.insert(name, asked)),
        }
    }
}

/// Whether a table holds metrics whose names begin with `name`, and is not the rule of one.
fn is_prefix(name: &str, table: &Table) -> bool {
    let mut entries = table.entries.iter();
    let tables = !table.entries.is_empty()
        && entries.all(|entry| matches!(entry.node.value, Value::Table(_)));
    let mut keys = table.entries.iter().map(|entry| entry.key.as_str());
    let says_a_rule = keys.any(|key| Scope::GateMetric.keys().contains(&key));
    let begins =
        |def: &MetricDef| def.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    metric::find(name).is_none() && (tables || (!says_a_rule && CATALOGUE.iter().any(begins)))
}

impl Asked {
    fn put(&mut self, later: Self) {
        self.direction = later.direction.or(self.direction);
        self.role = later.role.or(self.role);
        self.floor = later.floor.or(self.floor);
        self.at_least = later.at_least.or(self.at_least);
        self.fallback = later.fallback.or_else(|| self.fallback.take());
    }

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

fn rule(name: &str, table: &Table, place: Place, problems: &mut Problems) -> Asked {
    const DIRECTIONS: [(&str, Better); 2] = [("lower", Better::Lower), ("higher", Better::Higher)];
    const ROLES: [(&str, Role); 2] = [("gate", Role::Gate), ("info", Role::Info)];
    let mut section = Section::new(Scope::GateMetric, table, problems);
    let at = |section: &Section<'_, '_>, key| section.get(key).map(|node| node.place);
    let direction = section
        .get("direction")
        .and_then(|node| read::word("direction", node, &DIRECTIONS, section.problems));
    let role =
        section.get("role").and_then(|node| read::word("role", node, &ROLES, section.problems));
    let floor = section.share("floor", &FLOOR);
    let floor = floor.zip(at(&section, "floor"));
    let at_least = section
        .get("at_least")
        .and_then(|node| Some((at_least(name, node, section.problems)?, node.place)));
    let fallback = section.text("fallback").map(str::to_owned);
    let fallback = fallback.zip(at(&section, "fallback"));
    Asked { place, direction, role, floor, at_least, fallback }
}

/// The smallest change that counts, in the base unit of the metric.
fn at_least(name: &str, node: &Node, problems: &mut Problems) -> Option<f64> {
    let def = metric::find(name);
    let plain = match node.value {
        Value::Integer(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        _ => None,
    };
    let value = match (def, &node.value) {
        (Some(def), Value::Text(text)) => match def.unit.read(text) {
            Ok(value) => value,
            Err(why) => {
                let hint = format!("for example \"{}\"", def.unit.example());
                problems.error_with(node.place, format!("`at_least` of `{name}`: {why}"), hint);
                return None;
            }
        },
        (Some(def), _) if plain.is_some() && !def.unit.is_plain() => {
            let (number, example) = (node.value.shown(), def.unit.example());
            problems.error_with(
                node.place,
                format!("`at_least` of `{name}` is in {}, and {number} has no unit", def.unit),
                format!("for example \"{example}\""),
            );
            return None;
        }
        // Nobody knows the unit of a metric of another program: it is a plain number in that.
        _ => plain.unwrap_or(f64::NAN),
    };
    if value.is_finite() && value > 0.0 {
        return Some(value);
    }
    let example = def.map_or("1000", |def| def.unit.example());
    let expected = format!("a change above 0, such as \"{example}\"");
    read::wrong("at_least", &expected, node, problems);
    None
}

/// The rules of all metrics that are named, each with what it does not say from the rule that it would have otherwise.
pub(super) fn rules(
    asked: &BTreeMap<String, Asked>,
    problems: &mut Problems,
) -> BTreeMap<String, MetricRule> {
    let mut rules = BTreeMap::new();
    for (name, asked_here) in asked {
        let Some(rule) = whole(name, asked_here, problems) else {
            continue;
        };
        check_fallback(name, asked_here, asked, problems);
        rules.insert(name.clone(), rule);
    }
    rules
}

fn whole(name: &str, asked: &Asked, problems: &mut Problems) -> Option<MetricRule> {
    let def = metric::find(name);
    // A metric of another program can only be known by what is declared here; a slip of the pen must not look like one.
    let declared = asked.direction.is_some() || asked.role == Some(Role::Info);
    if def.is_none() && (!declared || metrics::resembles(name)) {
        let message = format!("unknown metric `{}` in [gate.metrics]", keys::shown(name));
        let mut hint = metrics::full_name_hint(name);
        if !metrics::resembles(name) {
            hint += "; one of your own needs a direction, or role = \"info\"";
        }
        problems.error_with(asked.place, message, hint);
        return None;
    }
    let usual = if def.is_some() { Role::Info } else { Role::Gate };
    let mut rule = default_rule(name).unwrap_or(MetricRule {
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
    let fallback = asked.fallback.as_ref().map(|(name, _)| name.clone());
    rule.fallback = fallback.or(rule.fallback);
    if rule.role == Role::Gate && rule.direction.is_none() {
        problems.error_with(
            asked.place,
            format!("`{name}` is neither better when it is lower nor when it is higher, unless the gate says so"),
            "write direction = \"lower\" or direction = \"higher\"",
        );
    }
    if let Some((key, place)) = asked.idle().filter(|_| rule.role == Role::Info) {
        problems.error_with(
            place,
            format!("`{key}` would decide nothing: `{name}` is for information only"),
            "write role = \"gate\" to judge it",
        );
    }
    Some(rule)
}

fn check_fallback(
    name: &str,
    asked: &Asked,
    others: &BTreeMap<String, Asked>,
    problems: &mut Problems,
) {
    let Some((fallback, place)) = &asked.fallback else {
        return;
    };
    let (def, other) = (metric::find(name), metric::find(fallback));
    let unit = |def: Option<&'static MetricDef>| def.map(|def| def.unit);
    if fallback == name {
        problems.error(*place, format!("`{name}` cannot stand in for itself"));
    } else if other.is_none() && !others.contains_key(fallback) {
        let message = format!("unknown metric `{}` in `fallback`", keys::shown(fallback));
        problems.error_with(*place, message, metrics::full_name_hint(fallback));
    } else if let Some((unit, theirs)) = unit(def).zip(unit(other)).filter(|(a, b)| a != b) {
        problems.error(
            *place,
            format!(
                "`{fallback}` is in {theirs} and cannot stand in for `{name}`, which is in {unit}"
            ),
        );
    }
}
