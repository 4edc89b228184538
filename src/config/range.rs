//! `{ from = 16, to = 512, scale = "log", steps = 6 }`: numbers that nobody has to write out.

use super::read::{self, Read};
use crate::document::problems::{Place, Problem, shown};
use crate::document::suggest;
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::Range;

/// What a range may say.
pub(super) const KEYS: [&str; 4] = ["from", "to", "scale", "steps"];

/// The most values of a range.
pub(super) const MOST_STEPS: u32 = 10_000;

/// How the values lie between the ends.
pub(super) const SCALES: &[&str] = &["linear", "log", LOG2];

/// Each value is twice the one before, so that their number follows.
const LOG2: &str = "log2";

/// Any number.
pub(super) const ANY: Range = Range::new(std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);

/// The numbers of a range, each at its place; `whole`: rounded to whole ones.
pub(super) fn numbers(key: &str, table: &Table, place: Place, whole: bool) -> Read<Vec<Node>> {
    if let Some(entry) = table.entries.iter().find(|entry| !KEYS.contains(&&*entry.key)) {
        let message = format!("a range has no `{}`", shown(&entry.key));
        let hint = suggest::hint(&entry.key, &KEYS, "the keys are");
        return Err(Problem::new(entry.key_place, message).hint(hint));
    }
    let said = |name: &str| {
        table.get(name).ok_or_else(|| {
            let message = format!("the range of `{key}` does not say `{name}`");
            let example = "{ from = 16, to = 512, scale = \"log\", steps = 6 }";
            Problem::new(place, message).hint(format!("for example {key} = {example}"))
        })
    };
    let ends = [said("from")?, said("to")?];
    let scale = table.get("scale").map(|entry| read::word("scale", &entry.node, SCALES));
    let scale = scale.transpose()?.unwrap_or(SCALES[0]);
    let (from, to) = (end(ends[0])?, end(ends[1])?);
    if from >= to {
        let (from, to) = (&ends[0].node.value, &ends[1].node.value);
        let message =
            format!("the range of `{key}` from {} to {} is empty", from.shown(), to.shown());
        return Err(Problem::new(ends[1].node.place, message).hint("`to` must be more than `from`"));
    }
    if scale != SCALES[0] && from <= 0.0 {
        let message = format!("a logarithmic range cannot begin at {}", ends[0].node.value.shown());
        let hint = "begin above 0, or leave the scale out";
        return Err(Problem::new(ends[0].node.place, message).hint(hint));
    }
    if scale == LOG2 {
        if let Some(entry) = table.get("steps") {
            let message = "a range with scale = \"log2\" doubles its values, so it has no `steps`";
            return Err(Problem::new(entry.key_place, message).hint("drop it, or use \"log\""));
        }
        let doubled = std::iter::successors(Some(from), |value| Some(value * 2.0));
        let values = doubled.take_while(|value| *value <= to);
        return Ok(values.map(|value| Node { value: number(value), place }).collect());
    }
    let steps = read::count("steps", &said("steps")?.node, 2..=MOST_STEPS)?;
    let is_log = scale != SCALES[0];
    let at = |step| value(from, to, f64::from(step) / f64::from(steps - 1), is_log);
    let mut values: Vec<f64> = (0..steps).map(at).collect();
    if whole {
        values = values.into_iter().map(f64::round).collect();
    }
    if values.windows(2).any(|pair| pair[0] >= pair[1]) {
        let kind = if whole { "whole numbers" } else { "numbers" };
        let message = format!("the range of `{key}` has fewer {kind} than {steps} steps need");
        return Err(Problem::new(said("steps")?.node.place, message).hint("give fewer steps"));
    }
    Ok(values.into_iter().map(|value| Node { value: number(value), place }).collect())
}

fn end(entry: &Entry) -> Read<f64> {
    read::number(&entry.key, &entry.node, &ANY)
}

/// The number at this share of the way, without the digits that nobody meant: names of cells hold it.
fn value(from: f64, to: f64, share: f64, is_log: bool) -> f64 {
    let rounded = |value: f64, digits: usize| format!("{value:.digits$e}").parse().unwrap_or(value);
    match share {
        0.0 => from,
        1.0 => to,
        _ if is_log => rounded(from * (to / from).powf(share), 3),
        _ => rounded(from + (to - from) * share, 9),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and small enough to be exact")]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Value::Integer(value as i64)
    } else {
        Value::Float(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::problems::Problems;
    use crate::document::tree;

    fn values(range: &str, whole: bool) -> Result<Vec<String>, String> {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), format!("x = {range}"));
        let root = tree::parse_document(text, &mut problems).unwrap();
        let entry = root.get("x").unwrap();
        let read = numbers("x", entry.node.table().unwrap(), entry.node.place, whole);
        let read = problems.ok(read);
        let found = problems.check(read).map_err(|error| error.to_string())?;
        Ok(found.iter().map(|node| node.value.shown()).collect())
    }

    #[test]
    fn ends_are_as_written_and_what_lies_between_has_few_digits() {
        for (range, whole, expected) in [
            ("{ from = 16, to = 512, scale = 'log', steps = 6 }", true, "16 32 64 128 256 512"),
            ("{ from = 0, to = 0.5, steps = 6 }", false, "0 0.1 0.2 0.3 0.4 0.5"),
            ("{ from = -1, to = 1, steps = 3, scale = 'linear' }", false, "-1 0 1"),
            (
                "{ from = 1e-4, to = 1e-1, scale = 'log', steps = 4 }",
                false,
                "0.0001 0.001 0.01 0.1",
            ),
            ("{ from = 1, to = 100, scale = 'log', steps = 4 }", false, "1 4.642 21.54 100"),
            ("{ from = 1, to = 100, scale = 'log', steps = 4 }", true, "1 5 22 100"),
            ("{ from = 1, to = 20, scale = 'log2' }", true, "1 2 4 8 16"),
            ("{ from = 0.5, to = 2, scale = 'log2' }", false, "0.5 1 2"),
        ] {
            assert_eq!(values(range, whole).unwrap().join(" "), expected, "{range}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (range, says) in [
            ("{ from = 1, to = 2 }", "does not say `steps`"),
            ("{ from = 1, to = 2, steps = 1 }", "`steps` must be a whole number from 2"),
            ("{ from = 2, to = 1, steps = 2 }", "from 2 to 1 is empty"),
            ("{ from = 2, to = 2, steps = 2 }", "from 2 to 2 is empty"),
            ("{ from = 0, to = 2, scale = 'log', steps = 2 }", "cannot begin at 0"),
            ("{ from = 1, to = 2, scale = 'lag', steps = 2 }", "did you mean `log`?"),
            ("{ from = 0, to = 2, scale = 'log2' }", "cannot begin at 0"),
            ("{ from = 1, to = 8, scale = 'log2', steps = 4 }", "so it has no `steps`"),
            ("{ from = 1, to = inf, steps = 2 }", "`to` must be a number that is finite"),
            ("{ from = '1', to = 2, steps = 2 }", "`from` must be a number"),
            ("{ from = 1, to = 3, steps = 4 }", "fewer whole numbers than 4 steps need"),
            ("{ from = 1, to = 3, step = 4 }", "did you mean `steps`?"),
        ] {
            let error = values(range, true).unwrap_err();
            assert!(error.contains(says) && error.contains("--> f:1:"), "{range}: {error}");
        }
    }
}
