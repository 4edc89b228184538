//! `[constraints]`: a metric of the catalogue, a comparison, and a limit in the metric's unit.

use super::metrics;
use super::read::{self, Read};
use crate::control::{Constraint, Op};
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::tree::{Node, Table, Value};
use crate::metric::{Better, Field, MetricDef, MetricId, MetricKind, Source, find_among};
use crate::units::Unit;

/// A constraint and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Limited {
    pub(super) constraint: Constraint,
    pub(super) def: &'static MetricDef,
    pub(super) place: Place,
}

/// Longer comparisons first, since the shorter ones begin them.
const OPS: [(&str, Op); 4] =
    [("<=", Op::AtMost), (">=", Op::AtLeast), ("<", Op::Below), (">", Op::Above)];

/// The constraints of a table. `"serve.latency_p99" = "<= 10ms"` and `serve.latency_p99 = "<= 10ms"` say the same.
pub(super) fn read(table: &Table, own: &[MetricId], problems: &mut Problems) -> Vec<Limited> {
    let mut found = Vec::new();
    walk(table, "", own, &mut found, problems);
    found
}

fn walk(
    table: &Table,
    prefix: &str,
    own: &[MetricId],
    found: &mut Vec<Limited>,
    problems: &mut Problems,
) {
    for entry in &table.entries {
        let name = format!("{prefix}{}", entry.key);
        if let Value::Table(inner) = &entry.node.value {
            walk(inner, &format!("{name}."), own, found, problems);
            continue;
        }
        let Some(def) = find_among(&name, own) else {
            let message = format!("unknown metric `{}` in [constraints]", shown(&name));
            problems.error_with(entry.key_place, message, metrics::full_name_hint(&name, own));
            continue;
        };
        if let MetricKind::Windows(_) = def.kind {
            let message =
                format!("`{name}` has no interval, so a limit on it could not be decided");
            let whole = def.name.trim_end_matches("_p75");
            problems.error_with(entry.key_place, message, format!("constrain `{whole}`"));
            continue;
        }
        let same = found.iter().find(|limited| limited.def.name == def.name);
        let text = same.map(|limited| limited.place.text);
        // Within a file nobody knows which of the two is meant.
        if text == Some(entry.node.place.text) {
            problems.error_with(
                entry.key_place,
                format!("`{name}` is constrained twice"),
                format!("write one list: \"{name}\" = [\">= ...\", \"<= ...\"]"),
            );
            continue;
        }
        let new = limits(def, &entry.node, problems);
        // The command line, whose texts come after that of the file, has the last word wherever its key was put.
        if text.is_none_or(|text| text < entry.node.place.text) {
            found.retain(|limited| limited.def.name != def.name);
            found.extend(new);
        }
    }
}

fn limits(def: &'static MetricDef, node: &Node, problems: &mut Problems) -> Vec<Limited> {
    let items = node.items();
    if items.is_empty() {
        problems.push(wrong(def, node));
    }
    let limited: Vec<Limited> =
        items.iter().filter_map(|item| problems.ok(limit(def, item))).collect();
    let ends = |upper: bool| {
        let of_side = limited.iter().map(|limited| &limited.constraint);
        of_side.filter(move |constraint| constraint.op.is_upper() == upper)
    };
    let contradict = ends(false).any(|low| {
        ends(true).any(|high| {
            let open = low.op == Op::Above || high.op == Op::Below;
            low.limit > high.limit || (open && low.limit >= high.limit)
        })
    });
    if contradict {
        let message = format!("no `{}` satisfies all of these limits", def.name);
        problems.error(node.place, message);
    }
    limited
}

fn wrong(def: &MetricDef, node: &Node) -> Problem {
    let expected = format!("a comparison and a limit in quotes, such as \"{}\"", example(def));
    read::wrong(def.name, &expected, node)
}

/// A limit on a metric, as it is written.
fn example(def: &MetricDef) -> String {
    let sign = if def.better == Some(Better::Higher) { ">=" } else { "<=" };
    format!("{sign} {}", def.unit.example())
}

fn limit(def: &'static MetricDef, node: &Node) -> Read<Limited> {
    let text = match &node.value {
        Value::Text(text) => text.trim(),
        _ => "",
    };
    let split = OPS.iter().find_map(|(sign, op)| Some((*op, text.strip_prefix(sign)?.trim())));
    let Some((op, quantity)) = split.filter(|(_, rest)| !rest.starts_with(['=', '<', '>'])) else {
        return Err(wrong(def, node));
    };
    let (what, read) = (format!("`{}`", def.name), def.unit.read(quantity));
    let limit = read::parsed(&what, node, read, Some(&example(def)))?;
    if let Some(why) = nonsense(def, op, limit) {
        return Err(Problem::new(node.place, format!("{what} {op} {quantity}: {why}")));
    }
    Ok(Limited {
        constraint: Constraint { metric: def.id.into(), op, limit },
        def,
        place: node.place,
    })
}

/// Why a limit decides nothing, if so.
fn nonsense(def: &MetricDef, op: Op, limit: f64) -> Option<&'static str> {
    if def.may_be_negative() {
        return None;
    }
    if def.unit == Unit::Ratio && limit > 1.0 {
        return Some("it is a share from 0 to 1; write a percentage with its sign");
    }
    // Nobody works in no time or in no memory, while there may well be no faults.
    let positive = matches!(
        def.unit,
        Unit::Seconds | Unit::SamplesPerSecond | Unit::RequestsPerSecond | Unit::Joules
    ) || matches!(def.source, Source::Tick(Field::Resident | Field::Peak));
    match op {
        Op::Below if limit <= 0.0 => Some("nothing is below 0"),
        Op::AtMost if limit < 0.0 || (positive && limit <= 0.0) => Some("no value satisfies that"),
        Op::AtLeast if limit <= 0.0 => Some("every value satisfies that"),
        Op::Above if limit < 0.0 => Some("every value satisfies that"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(body: &str) -> Result<Vec<String>, String> {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), body.to_owned());
        let root = crate::document::tree::parse_document(text, &mut problems).unwrap();
        let found = read(&root, &[], &mut problems);
        let found = problems.check(Some(found)).map_err(|error| error.to_string())?;
        let limits = found.iter().map(|limited| {
            let Constraint { metric, op, limit } = &limited.constraint;
            format!("{metric} {op} {limit}")
        });
        Ok(limits.collect())
    }

    #[test]
    fn limits_are_read_in_base_units() {
        for (body, says) in [
            ("\"serve.latency_p99\" = \"<= 10ms\"", "serve.latency_p99 <= 0.01"),
            ("serve.latency_p99 = \"<10 ms\"", "serve.latency_p99 < 0.01"),
            ("\"memory.peak\" = \"<= 512MiB\"", "memory.peak <= 536870912"),
            ("\"train.throughput\" = \">= 5000/s\"", "train.throughput >= 5000"),
            ("train.throughput = \"> 5 k/s\"", "train.throughput > 5000"),
            ("test_accuracy = \">= 0.88\"", "test_accuracy >= 0.88"),
            ("test_accuracy = \">= 88%\"", "test_accuracy >= 0.88"),
            ("\"cpu.utilisation\" = \"<= 150%\"", "cpu.utilisation <= 150"),
            ("gpu.power = \"<= 70W\"", "gpu.power <= 70"),
            ("faults.major = \"<= 0\"", "faults.major <= 0"),
            ("train_loss = \"<= -1.5\"", "train_loss <= -1.5"),
        ] {
            assert_eq!(limited(body), Ok(vec![says.to_owned()]), "{body}");
        }
        let both = limited("cpu.utilisation = [\">= 50%\", \"<= 180%\"]").unwrap();
        assert_eq!(both, ["cpu.utilisation >= 50", "cpu.utilisation <= 180"]);
    }

    /// `--set` reaches into the table of the nested keys, which may stand before or after the quoted one.
    #[test]
    fn the_command_line_wins_whatever_the_order_of_the_file() {
        let quoted = "\"serve.latency_p99\" = \"<= 10ms\"\n";
        let nested = "serve.latency_p50 = \"<= 5ms\"\n";
        for body in [quoted.to_owned(), format!("{nested}{quoted}"), format!("{quoted}{nested}")] {
            let mut problems = Problems::default();
            let text = problems.add_file("f".into(), format!("[constraints]\n{body}"));
            let mut root = crate::document::tree::parse_document(text, &mut problems).unwrap();
            let set = "constraints.serve.latency_p99=<= 7ms".to_owned();
            super::super::set::apply(
                &mut root,
                super::super::set::all(&[set], None),
                &mut problems,
            );
            let table = read::table(&root, "constraints", &mut problems).unwrap().0;
            let found = read(table, &[], &mut problems);
            let found = problems.check(Some(found)).unwrap();
            let p99: Vec<f64> = found
                .iter()
                .filter(|limited| limited.def.name == "serve.latency_p99")
                .map(|limited| limited.constraint.limit)
                .collect();
            assert_eq!(p99, [0.007], "{body}");
        }
    }

    #[test]
    fn limits_that_cannot_be_meant_say_why() {
        for (body, says) in [
            ("test_accuracy = \">= 88\"", "a share from 0 to 1"),
            ("test_accuracy = 0.88", "in quotes, such as \">= 0.88\""),
            ("memory.peak = \"512MiB\"", "a comparison and a limit"),
            ("memory.peak = \"== 512MiB\"", "a comparison and a limit"),
            ("memory.peak = \"<== 512MiB\"", "a comparison and a limit"),
            ("memory.peak = \"<= 512\"", "has no unit"),
            ("memory.peak = \"<= 10ms\"", "is not a unit of size"),
            ("memory.peak = \"<= 0B\"", "no value satisfies that"),
            ("memory.peak = \">= 0B\"", "every value satisfies that"),
            ("memory.peak = \"< -1B\"", "is not a size"),
            ("memory.peak = []", "a comparison and a limit"),
            ("train_loss = \"<= nan\"", "is not a plain number"),
            ("cpu.utilisation = [\">= 90%\", \"<= 80%\"]", "satisfies all of these"),
            ("cpu.utilisation = [\"> 90%\", \"<= 90%\"]", "satisfies all of these"),
            ("memory.peek = \"<= 1GiB\"", "did you mean `memory.peak`?"),
            ("\"memory\" = \"<= 1GiB\"", "memory.rss_mean, memory.peak"),
            ("memory.peak = \"<= 1B\"\n\"memory.peak\" = \"<= 2B\"", "constrained twice"),
        ] {
            let error = limited(body).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
        }
    }
}
