//! `[gate]`: by which rules results are compared with those of a baseline.

use std::collections::BTreeMap;

use super::constraints;
use super::keys::{self, Scope};
use super::metrics;
use super::plan::PlannedRun;
use super::problems::{Place, Problems};
use super::read::{self, Allowed, Section};
use super::suggest;
use super::tree::{Node, Table, Value};
use crate::event::{CATALOGUE, MetricDef, metric};
use crate::gate::{Direction, GatePolicy, MetricRule, Role, default_rule};

pub(super) const TABLE: &str = "gate";

const ALPHA: Allowed = Allowed {
    test: |alpha| alpha > 0.0 && alpha <= 0.2,
    says: "above 0 and at most 0.2",
};
const ALPHA_SHARE: Allowed = Allowed {
    test: |alpha| alpha > 0.0 && alpha <= 0.2,
    says: "above \"0%\" and at most \"20%\"",
};
const FLOOR: Allowed = Allowed {
    test: |floor| (0.001..=1.0).contains(&floor),
    says: "from \"0.1%\" to \"100%\"",
};
/// Every field of a fingerprint.
const FIELDS: &[&str] = &[
    "arch",
    "cpu.cores",
    "cpu.governor",
    "cpu.microcode",
    "cpu.model",
    "cpu.quota",
    "cpu.signature",
    "cpu.usable",
    "cpu.vendor",
    "distribution",
    "gpu",
    "gpu.driver",
    "gpu.power_limit",
    "kernel",
    "libtorch",
    "libtorch.cpu_capability",
    "memory.class",
    "memory.huge_pages",
    "memory.limit",
    "perftune",
    "statistics",
    "system",
    "threads",
    "threads.environment",
    "virtualisation",
];
/// Beyond this a check takes minutes, and its p values gain nothing.
const MOST_DRAWS: u32 = 1_000_000;

/// `[gate]`, and where the retired cells are named.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) policy: GatePolicy,
    retired: Vec<(String, Place)>,
}

impl Gate {
    /// Warns of cells that are said to be gone and are among the runs.
    pub(super) fn check_retired(&self, runs: &[PlannedRun], problems: &mut Problems) {
        for (cell, place) in &self.retired {
            if runs.iter().any(|run| run.cell == *cell) {
                let message = format!(
                    "{} is retired, and still one of the cells",
                    keys::shown(cell)
                );
                problems.warn(*place, message);
            }
        }
    }
}

/// The gate of a grid file; the defaults where it has no `[gate]`.
pub(super) fn read(root: &Table, problems: &mut Problems) -> Gate {
    let mut gate = Gate::default();
    let Some((table, _)) = read::table(root, TABLE, problems) else {
        return gate;
    };
    let mut section = Section::new(Scope::Gate, table, problems);
    let policy = &mut gate.policy;
    put(&mut policy.alpha, alpha(&mut section));
    put(&mut policy.floor, section.share("floor", &FLOOR));
    put(&mut policy.any_machine, section.flag("any_machine"));
    put(&mut policy.draws, section.count("draws", 1..=MOST_DRAWS));
    put(&mut policy.seed, seed(&mut section));
    check_draws(policy, &mut section);
    if let Some(node) = section.get("subject") {
        policy.subject = subject(node, section.problems).into_iter().collect();
    }
    if let Some((table, _)) = read::table(table, "metrics", problems) {
        let mut asked = BTreeMap::new();
        walk(table, "", &mut asked, problems);
        policy.metrics = rules(&asked, problems);
        let wanted = asked
            .iter()
            .filter(|(_, asked)| asked.role == Some(Role::Gate));
        policy.wanted = wanted.map(|(name, _)| name.clone()).collect();
    }
    if let Some((table, _)) = read::table(table, "retired", problems) {
        for entry in &table.entries {
            if let Some(why) = retired(&entry.key, &entry.node, problems) {
                policy.retired.insert(entry.key.clone(), why);
                gate.retired.push((entry.key.clone(), entry.key_place));
            }
        }
    }
    gate
}

fn put<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

/// A plain number is usual here, as for a confidence.
fn alpha(section: &mut Section<'_, '_>) -> Option<f64> {
    match section.get("alpha")?.value {
        Value::Text(_) => section.share("alpha", &ALPHA_SHARE),
        _ => section.number("alpha", &ALPHA),
    }
}

fn seed(section: &mut Section<'_, '_>) -> Option<u64> {
    let node = section.get("seed")?;
    let seed = match node.value {
        Value::Integer(value) => u64::try_from(value).ok(),
        _ => None,
    };
    if seed.is_none() {
        let expected = "a whole number from 0 to 2^63 - 1";
        read::wrong("seed", expected, node, section.problems);
    }
    seed
}

/// With too few draws no p value could ever be small enough: such a gate would always be green.
fn check_draws(policy: &GatePolicy, section: &mut Section<'_, '_>) {
    let smallest = 1.0 / (f64::from(policy.draws) + 1.0);
    let place = ["draws", "alpha"]
        .into_iter()
        .find_map(|key| section.get(key));
    if let Some(node) = place.filter(|_| smallest > policy.alpha) {
        let (draws, alpha) = (policy.draws, policy.alpha);
        let needed = (1.0 / alpha).ceil() - 1.0;
        section.problems.error_with(
            node.place,
            format!("with {draws} draws no p value can be as small as alpha = {alpha}: nothing could ever fail"),
            format!("write draws = {needed} or more, or leave it out"),
        );
    }
}

/// The fields of the fingerprint that may differ, since they are what is tested.
fn subject(node: &Node, problems: &mut Problems) -> Vec<String> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Text(_) => std::slice::from_ref(node),
        _ => {
            let expected = "a list of fields of the fingerprint, such as [\"libtorch\"]";
            read::wrong("subject", expected, node, problems);
            &[]
        }
    };
    let mut found = Vec::new();
    for item in items {
        let expected = "a field of the fingerprint in quotes";
        let Some(name) = read::text("subject", item, expected, problems) else {
            continue;
        };
        if FIELDS.contains(&name) {
            found.push(name.to_owned());
        } else {
            problems.error_with(
                item.place,
                format!("unknown field {} in `subject`", item.value.shown()),
                suggest::hint(name, FIELDS, "the fields are"),
            );
        }
    }
    found
}

/// What is said of one metric, each with its place.
#[derive(Debug, Clone)]
struct Asked {
    /// Where it is named.
    place: Place,
    direction: Option<Direction>,
    role: Option<Role>,
    floor: Option<(f64, Place)>,
    at_least: Option<(f64, Place)>,
    fallback: Option<(String, Place)>,
}

/// The metrics of `[gate.metrics]`. `"memory.peak" = { ... }`, `memory.peak = { ... }` and `[gate.metrics.memory.peak]` say the same.
fn walk(table: &Table, prefix: &str, found: &mut BTreeMap<String, Asked>, problems: &mut Problems) {
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
    let begins = |def: &MetricDef| {
        def.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    };
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
        keys.into_iter()
            .find_map(|(key, place)| Some((key, place?)))
    }
}

fn rule(name: &str, table: &Table, place: Place, problems: &mut Problems) -> Asked {
    const DIRECTIONS: [(&str, Direction); 2] =
        [("lower", Direction::Lower), ("higher", Direction::Higher)];
    const ROLES: [(&str, Role); 2] = [("gate", Role::Gate), ("info", Role::Info)];
    let mut section = Section::new(Scope::GateMetric, table, problems);
    let at = |section: &Section<'_, '_>, key| section.get(key).map(|node| node.place);
    let direction = section
        .get("direction")
        .and_then(|node| read::word("direction", node, &DIRECTIONS, section.problems));
    let role = section
        .get("role")
        .and_then(|node| read::word("role", node, &ROLES, section.problems));
    let floor = section.share("floor", &FLOOR);
    let floor = floor.zip(at(&section, "floor"));
    let at_least = section
        .get("at_least")
        .and_then(|node| Some((at_least(name, node, section.problems)?, node.place)));
    let fallback = section.text("fallback").map(str::to_owned);
    let fallback = fallback.zip(at(&section, "fallback"));
    Asked {
        place,
        direction,
        role,
        floor,
        at_least,
        fallback,
    }
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
        (Some(def), Value::Text(text)) => match constraints::quantity_of(def.unit, text) {
            Ok(value) => value,
            Err(why) => {
                let hint = format!("for example \"{}\"", constraints::quantity(def.unit));
                problems.error_with(node.place, format!("`at_least` of `{name}`: {why}"), hint);
                return None;
            }
        },
        (Some(def), _) if plain.is_some() && !constraints::is_plain(def.unit) => {
            let (number, example) = (node.value.shown(), constraints::quantity(def.unit));
            problems.error_with(
                node.place,
                format!(
                    "`at_least` of `{name}` is in {}, and {number} has no unit",
                    def.unit
                ),
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
    let example = def.map_or("1000", |def| constraints::quantity(def.unit));
    let expected = format!("a change above 0, such as \"{example}\"");
    read::wrong("at_least", &expected, node, problems);
    None
}

/// The rules of all metrics that are named, each with what it does not say from the rule that it would have otherwise.
fn rules(asked: &BTreeMap<String, Asked>, problems: &mut Problems) -> BTreeMap<String, MetricRule> {
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
    let usual = if def.is_some() {
        Role::Info
    } else {
        Role::Gate
    };
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

/// When and why a cell is gone: both must be said, so that none is lost without anybody's knowing.
fn retired(cell: &str, node: &Node, problems: &mut Problems) -> Option<String> {
    let hint =
        "write \"cell\" = \"YYYY-MM-DD why it is gone\"; a name with a dot in it needs quotes";
    let said = match &node.value {
        Value::Text(text) => dated(text),
        _ => Err("a date and a reason in quotes".to_owned()),
    };
    match said {
        Ok(text) => Some(text),
        Err(expected) => {
            let (cell, got) = (keys::shown(cell), node.value.shown());
            let message = format!("the retired cell `{cell}` needs {expected}, not {got}");
            problems.error_with(node.place, message, hint);
            None
        }
    }
}

/// Date and reason with one space between them, or what is missing.
fn dated(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (date, reason) = text.split_at_checked(10).unwrap_or((text, ""));
    let shape = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !shape || date.parse::<jiff::civil::Date>().is_err() {
        return Err("the date of its end first, as YYYY-MM-DD".to_owned());
    }
    let reason = reason.trim_start_matches([' ', ':', ',', ';', '-']);
    if !reason.chars().any(char::is_alphabetic) {
        return Err("a reason after its date".to_owned());
    }
    Ok(format!("{date} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(body: &str) -> Result<GatePolicy, String> {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), body.to_owned());
        let root = super::super::tree::parse_document(text, &mut problems).unwrap();
        let found = read(&root, &mut problems).policy;
        problems.check(Some(found)).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        for body in ["", "[gate]", "[gate]\n[gate.metrics]\n[gate.retired]\n"] {
            assert_eq!(gate(body), Ok(GatePolicy::default()), "{body}");
        }
    }

    #[test]
    fn every_key_is_read_in_base_units() {
        let body = "[gate]\nalpha = '5%'\nfloor = '3%'\nany_machine = true\ndraws = 999\nseed = 7\nsubject = 'libtorch'\n\
                    [gate.metrics]\n'memory.peak' = { floor = '1%', at_least = '2MiB' }\n\
                    tokens_per_second = { direction = 'higher', at_least = 2.5 }\nflavour = { role = 'info' }\n\
                    [gate.retired]\nmlp-digits = '2026-01-31: no longer shipped'\n";
        let policy = gate(body).unwrap();
        assert_eq!(
            (policy.alpha, policy.floor, policy.draws),
            (0.05, 0.03, 999)
        );
        assert!(policy.any_machine && policy.seed == 7);
        assert!(policy.subject.contains("libtorch"));
        assert_eq!(policy.retired["mlp-digits"], "2026-01-31 no longer shipped");
        let peak = &policy.metrics["memory.peak"];
        assert_eq!((peak.floor, peak.at_least), (Some(0.01), Some(2_097_152.0)));
        assert_eq!(
            (peak.direction, peak.role),
            (Some(Direction::Lower), Role::Gate)
        );
        let foreign = &policy.metrics["tokens_per_second"];
        assert_eq!(foreign.direction, Some(Direction::Higher));
        assert_eq!((foreign.role, foreign.at_least), (Role::Gate, Some(2.5)));
        assert_eq!(policy.metrics["flavour"].role, Role::Info);
    }

    #[test]
    fn a_metric_may_be_written_in_three_ways() {
        let expected = gate("[gate.metrics]\n\"memory.peak\" = { floor = '1%' }\n").unwrap();
        for body in [
            "[gate.metrics]\nmemory.peak = { floor = '1%' }\n",
            "[gate.metrics.memory.peak]\nfloor = '1%'\n",
            "[gate]\nmetrics.memory.peak.floor = '1%'\n",
        ] {
            assert_eq!(gate(body).as_ref(), Ok(&expected), "{body}");
        }
    }

    #[test]
    fn what_is_declared_stays_beside_what_is_changed() {
        let policy = gate("[gate.metrics]\ntrain_loss = { role = 'gate', direction = 'lower' }\n");
        let rule = &policy.unwrap().metrics["train_loss"];
        assert_eq!(
            (rule.role, rule.direction),
            (Role::Gate, Some(Direction::Lower))
        );
        let policy = gate("[gate.metrics]\n'memory.peak' = { role = 'info' }\n").unwrap();
        assert_eq!(policy.metrics["memory.peak"].role, Role::Info);
    }

    #[test]
    fn a_metric_is_wanted_where_its_role_is_written() {
        for (body, wanted) in [
            (
                "'gpu.memory_peak' = { role = 'gate' }",
                &["gpu.memory_peak"][..],
            ),
            ("'gpu.memory_peak' = { floor = '3%' }", &[]),
            ("'memory.peak' = { role = 'info' }", &[]),
        ] {
            let policy = gate(&format!("[gate.metrics]\n{body}\n")).unwrap();
            assert!(policy.wanted.iter().eq(wanted), "{body}: {policy:?}");
        }
    }

    #[test]
    fn a_date_is_one_and_a_reason_is_one() {
        for (text, says) in [
            ("2026-01-31 gone", Ok("2026-01-31 gone")),
            ("  2026-01-31 - gone ", Ok("2026-01-31 gone")),
            ("2026-02-30 gone", Err("YYYY-MM-DD")),
            ("2026-1-31 gone", Err("YYYY-MM-DD")),
            ("20260131 gone", Err("YYYY-MM-DD")),
            ("gone", Err("YYYY-MM-DD")),
            ("", Err("YYYY-MM-DD")),
            ("äöüäöüäöü", Err("YYYY-MM-DD")),
            ("2026-01-31", Err("a reason")),
            ("2026-01-31 -- 3", Err("a reason")),
        ] {
            match (dated(text), says) {
                (Ok(found), Ok(says)) => assert_eq!(found, says),
                (Err(why), Err(says)) => assert!(why.contains(says), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_meant_says_why() {
        for (body, says) in [
            ("alpha = 0.0", "above 0 and at most 0.2"),
            ("alpha = '30%'", "at most \"20%\""),
            ("alpha = 1e-9", "no p value can be as small"),
            ("floor = 0.05", "write \"5%\""),
            ("floor = '0%'", "from \"0.1%\""),
            ("draws = 50", "write draws = 99 or more"),
            ("draws = 0", "a whole number from 1"),
            ("seed = -1", "from 0 to 2^63 - 1"),
            ("any_machine = 'yes'", "true or false"),
            ("subject = ['libtorhc']", "did you mean `libtorch`?"),
            ("subject = 3", "a list of fields"),
            ("subject = [3]", "in quotes, not 3"),
            ("metrics = 3", "must be a table"),
            ("metrics.memory.peak = 3", "a table such as"),
            (
                "metrics.memory.peek.floor = '1%'",
                "did you mean `memory.peak`?",
            ),
            ("metrics.foreign = {}", "unknown metric `foreign`"),
            ("metrics.memory.peak.flor = '1%'", "did you mean `floor`?"),
            ("metrics.memory.peak.alpha = 1", "`alpha` belongs in [gate]"),
            ("metrics.memory.peak.at_least = 5", "has no unit"),
            ("metrics.memory.peak.at_least = '5ms'", "not a unit of size"),
            ("metrics.memory.peak.at_least = '0MiB'", "a change above 0"),
            ("metrics.memory.peak.at_least = true", "a change above 0"),
            (
                "metrics.memory.peak.direction = 'up'",
                "one of lower, higher",
            ),
            ("metrics.memory.peak.role = 'gated'", "did you mean `gate`?"),
            ("metrics.memory.peak.fallback = 'memory.peak'", "itself"),
            (
                "metrics.memory.peak.fallback = 'cpu.time'",
                "cannot stand in",
            ),
            ("metrics.memory.peak.fallback = 'cpu.tme'", "`cpu.time`?"),
            (
                "metrics.cpu.utilisation.role = 'gate'",
                "direction = \"lower\" or",
            ),
            ("metrics.cpu.time.floor = '1%'", "would decide nothing"),
            ("retired.a = 'gone'", "YYYY-MM-DD"),
            ("retired.a = 2026-01-31", "in quotes, not the date"),
            ("retired.a.b = '2026-01-31 x'", "needs quotes"),
            (
                "metrics = { memory.peak.floor = '1%', 'memory.peak' = { floor = '2%' } }",
                "named twice",
            ),
        ] {
            let error = gate(&format!("[gate]\n{body}\n")).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
            assert_eq!(error.matches("error: ").count(), 1, "{error}");
        }
    }
}
