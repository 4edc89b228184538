//! What the table says of interference: nothing on a quiet machine.

use super::optional;
use crate::event::{Interference, RunRecord};

/// Share of the run's time that is marked, in percent; empty where nothing is known.
pub(super) fn marked(record: &RunRecord) -> String {
    let share = record.interference.as_ref().and_then(Interference::share);
    optional(share.map(|share| share * 100.0))
}

/// `interference in 2 of 9 runs, most in mlp-digits: 8% of the time the machine was busy with something else (others 6%, steal 2%)`.
pub(super) fn interference(records: &[RunRecord]) -> Option<String> {
    let found = records.iter().filter_map(|record| {
        let sum = record.interference.as_ref()?;
        Some((record, sum.share()?, sum.sentence()?))
    });
    let found: Vec<_> = found.collect();
    let most = found.iter().max_by(|(_, one, _), (_, other, _)| one.total_cmp(other))?;
    let (record, _, sentence) = most;
    if records.len() == 1 {
        return Some(format!("interference: {sentence}"));
    }
    let count = found.len();
    Some(format!(
        "interference in {count} of {} runs, most in {}: {sentence}",
        records.len(),
        record.run
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::completed;

    fn run(name: &str, others_s: f64) -> RunRecord {
        RunRecord {
            run: name.to_owned(),
            interference: Some(Interference {
                known_s: 10.0,
                marked_s: others_s,
                by_cause_s: [others_s, 0.0, 0.0, 0.0, 0.0],
            }),
            ..completed()
        }
    }

    #[test]
    fn the_worst_run_is_named_and_a_quiet_machine_is_not_talked_about() {
        let said = "of the time the machine was busy with something else";
        for (records, says) in [
            (vec![], None),
            (vec![completed()], None),
            (vec![run("a", 0.0), run("b", 0.05)], None),
            (vec![run("a", 0.8)], Some(format!("interference: 8% {said} (others 8%)"))),
            (
                vec![run("a", 0.2), run("b", 0.0), run("c", 5.0)],
                Some(format!("interference in 2 of 3 runs, most in c: 50% {said} (others 50%)")),
            ),
        ] {
            assert_eq!(interference(&records), says);
        }
    }
}
