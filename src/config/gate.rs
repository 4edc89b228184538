//! `[gate]`: by which rules results are compared with those of a baseline.

mod retired;
mod rules;

use std::collections::BTreeMap;
use std::ops::Bound;

use self::retired::retired;
use self::rules::{rules, walk};
use super::keys::{self, Scope};
use super::plan::PlannedRun;
use super::problems::{Place, Problems};
use super::read::{self, Section};
use super::suggest;
use super::tree::{Node, Table, Value};
use crate::event::Range;
use crate::gate::GatePolicy;
use crate::gate::Role;

pub(super) const TABLE: &str = "gate";

const ALPHA: Range = Range::new(Bound::Excluded(0.0), Bound::Included(0.2));
const FLOOR: Range = Range::new(Bound::Included(0.001), Bound::Included(1.0));
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
    "tpu",
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
                let message =
                    format!("{} is retired, and still one of the cells", keys::shown(cell));
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
    put(&mut policy.alpha, section.fraction("alpha", &ALPHA));
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
        let wanted = asked.iter().filter(|(_, asked)| asked.role == Some(Role::Gate));
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
    let place = ["draws", "alpha"].into_iter().find_map(|key| section.get(key));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Role;
    use crate::metric::Better;

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
        assert_eq!((policy.alpha, policy.floor, policy.draws), (0.05, 0.03, 999));
        assert!(policy.any_machine && policy.seed == 7);
        assert!(policy.subject.contains("libtorch"));
        assert_eq!(policy.retired["mlp-digits"], "2026-01-31 no longer shipped");
        let peak = &policy.metrics["memory.peak"];
        assert_eq!((peak.floor, peak.at_least), (Some(0.01), Some(2_097_152.0)));
        assert_eq!((peak.direction, peak.role), (Some(Better::Lower), Role::Gate));
        let foreign = &policy.metrics["tokens_per_second"];
        assert_eq!(foreign.direction, Some(Better::Higher));
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
        assert_eq!((rule.role, rule.direction), (Role::Gate, Some(Better::Lower)));
        let policy = gate("[gate.metrics]\n'memory.peak' = { role = 'info' }\n").unwrap();
        assert_eq!(policy.metrics["memory.peak"].role, Role::Info);
    }

    #[test]
    fn a_metric_is_wanted_where_its_role_is_written() {
        for (body, wanted) in [
            ("'gpu.memory_peak' = { role = 'gate' }", &["gpu.memory_peak"][..]),
            ("'gpu.memory_peak' = { floor = '3%' }", &[]),
            ("'memory.peak' = { role = 'info' }", &[]),
        ] {
            let policy = gate(&format!("[gate.metrics]\n{body}\n")).unwrap();
            assert!(policy.wanted.iter().eq(wanted), "{body}: {policy:?}");
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
            ("metrics.memory.peek.floor = '1%'", "did you mean `memory.peak`?"),
            ("metrics.foreign = {}", "unknown metric `foreign`"),
            ("metrics.memory.peak.flor = '1%'", "did you mean `floor`?"),
            ("metrics.memory.peak.alpha = 1", "`alpha` belongs in [gate]"),
            ("metrics.memory.peak.at_least = 5", "has no unit"),
            ("metrics.memory.peak.at_least = '5ms'", "not a unit of size"),
            ("metrics.memory.peak.at_least = '0MiB'", "a change above 0"),
            ("metrics.memory.peak.at_least = true", "a change above 0"),
            ("metrics.memory.peak.direction = 'up'", "one of lower, higher"),
            ("metrics.memory.peak.role = 'gated'", "did you mean `gate`?"),
            ("metrics.memory.peak.fallback = 'memory.peak'", "itself"),
            ("metrics.memory.peak.fallback = 'cpu.time'", "cannot stand in"),
            ("metrics.memory.peak.fallback = 'cpu.tme'", "`cpu.time`?"),
            ("metrics.cpu.utilisation.role = 'gate'", "direction = \"lower\" or"),
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
