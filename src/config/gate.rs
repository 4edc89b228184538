//! `[gate]`: how results are compared with a baseline.

mod retired;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::retired::retired;
pub(super) use self::rules::{FLOOR, KEYS, read as rules, tables};
use super::plan::PlannedRun;
use super::read::{self, Read};
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::{Node, Table};
use crate::event::AxisList;
use crate::gate::GatePolicy;

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

/// Warns of cells that are said to be gone and are among the runs.
pub(super) fn check_retired(
    retired: &BTreeMap<String, Place>,
    runs: &[PlannedRun],
    problems: &mut Problems,
) {
    for (cell, place) in retired {
        if runs.iter().any(|run| run.cell == *cell) {
            problems
                .warn(*place, format!("{} is retired, and still one of the cells", shown(cell)));
        }
    }
}

/// With too few draws no p value could ever be small enough: such a gate would always be green.
pub(super) fn check_draws(policy: &GatePolicy, root: &Table, problems: &mut Problems) {
    let Some(table) = root.table("gate") else {
        return;
    };
    let smallest = 1.0 / (f64::from(policy.draws) + 1.0);
    let entry = ["draws", "alpha"].into_iter().find_map(|key| table.get(key));
    if let Some(entry) = entry.filter(|_| smallest > policy.alpha) {
        let (draws, alpha) = (policy.draws, policy.alpha);
        let needed = (1.0 / alpha).ceil() - 1.0;
        problems.error_with(
            entry.node.place,
            format!(
                "with {draws} draws no p value reaches alpha = {alpha}, so nothing could ever fail"
            ),
            format!("write draws = {needed} or more, or leave it out"),
        );
    }
}

/// What may be named as under test.
fn subjects(axes: &AxisList) -> Vec<&str> {
    let settings = axes.setting_keys().filter(|key| !FIELDS.contains(key));
    FIELDS.iter().copied().chain(settings).collect()
}

/// Whether a name is one of these, or most likely meant for one.
pub(super) fn is_like_a_subject(name: &str, axes: &AxisList) -> bool {
    suggest::nearest(name, subjects(axes)).is_some()
}

/// The fields of the fingerprint and the settings of cells that may differ, since they are what is tested.
pub(super) fn subject(
    node: &Node,
    axes: &AxisList,
    problems: &mut Problems,
) -> Read<BTreeSet<String>> {
    let expected = "a list of fields of the fingerprint, such as [\"libtorch\"]";
    let fields = subjects(axes);
    let field = |item: &Node| {
        let name = read::text("subject", item, "a field of the fingerprint in quotes")?;
        if fields.contains(&name) {
            return Ok(name.to_owned());
        }
        let message = format!("unknown field {} in `subject`", item.value.shown());
        let hint = suggest::hint(name, &fields, "the fields are");
        Err(Problem::new(item.place, message).hint(hint))
    };
    let items = read::texts("subject", node, expected)?.iter();
    Ok(items.filter_map(|item| problems.ok(field(item))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Role;
    use crate::metric::Better;

    fn gate(body: &str) -> Result<GatePolicy, String> {
        let mut problems = Problems::default();
        let found = super::super::schema::settings_of(body, &mut problems).gate;
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
            ("alpha = 1e-9", "no p value reaches alpha"),
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
            ("metrics.cpu.time.floor = '1%'", "has no effect"),
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
