//! What the table says of interference: nothing on a quiet machine.

use super::optional;
use crate::event::{Interference, Note, Num, OmpWait, RunRecord, Work};
use crate::units::rough_percent;

/// Interference that changes a figure by so many times is not the other work alone: the run's own threads keep each other
/// from the cores.
const COLLAPSE: f64 = 3.0;

/// Share of the time with interference above which there is no quiet figure to compare with.
const MOSTLY: f64 = 0.5;

/// Share of the run's time that is marked, in percent; empty where nothing is known.
pub(super) fn marked(record: &RunRecord) -> String {
    let share = record.interference.as_ref().and_then(Interference::share);
    optional(share.map(|share| share * 100.0))
}

/// `interference in 2 of 9 runs, most in mlp-digits: 8% of the time the machine was busy with other work (others 6%, steal 2%)`.
pub(super) fn interference(records: &[RunRecord]) -> Option<String> {
    let found = records.iter().filter_map(|record| {
        let sum = record.interference.as_ref()?;
        Some((record, sum.share()?, sum.sentence()?))
    });
    let found: Vec<_> = found.collect();
    // Of equals the first.
    let most = found.iter().rev().max_by(|(_, one, _), (_, other, _)| one.total_cmp(other))?;
    let (record, share, sentence) = most;
    if records.len() == 1 {
        return Some(format!("interference: {sentence}"));
    }
    let shown = rough_percent(*share);
    let alike = found.iter().filter(|(_, share, _)| rough_percent(*share) == shown).count() - 1;
    let alike = if alike > 0 { format!(" and as much in {alike} more") } else { String::new() };
    let count = found.len();
    Some(format!(
        "interference in {count} of {} runs, most in {}{alike}: {sentence}",
        records.len(),
        record.run
    ))
}

/// Whether a run shows the signs of threads that spin beside other work.
fn spins(record: &RunRecord) -> bool {
    let job = &record.job;
    if job.work != Work::Native || job.threads < 2 || job.omp_wait != OmpWait::Active {
        return false;
    }
    let mostly = record.interference.as_ref().and_then(Interference::share);
    let collapses = |estimate: f64, note: &Note| match note {
        Note::Disturbed { without: Some(Num(quiet)), .. } => {
            (estimate / quiet).max(quiet / estimate) >= COLLAPSE
        }
        _ => false,
    };
    let mut rows = record.metrics.iter();
    mostly.is_some_and(|share| share > MOSTLY)
        || rows.any(|row| {
            row.estimate.is_some_and(|value| row.notes.iter().any(|note| collapses(value, note)))
        })
}

/// What to do where threads may have kept each other from the cores; nothing on a quiet machine.
pub(super) fn spinning(records: &[RunRecord]) -> Option<String> {
    let count = records.iter().filter(|record| spins(record)).count();
    (count > 0).then(|| {
        format!(
            "{count} of {} runs may be slowed by their own threads, which spin while they wait \
             for each other (`omp_wait = \"active\"`) and so keep the cores from each other \
             beside other work: compare with `omp_wait = \"passive\"`, or use fewer threads",
            records.len()
        )
    })
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
        let said = "of the time the machine was busy with other work";
        for (records, says) in [
            (vec![], None),
            (vec![completed()], None),
            (vec![run("a", 0.0), run("b", 0.05)], None),
            (vec![run("a", 0.8)], Some(format!("interference: 8% {said} (others 8%)"))),
            (
                vec![run("a", 0.2), run("b", 0.0), run("c", 5.0)],
                Some(format!("interference in 2 of 3 runs, most in c: 50% {said} (others 50%)")),
            ),
            (
                vec![run("a", 0.2), run("b", 10.0), run("c", 9.99), run("d", 10.0)],
                Some(format!(
                    "interference in 4 of 4 runs, most in b and as much in 1 more: 100% {said} (others 100%)"
                )),
            ),
        ] {
            assert_eq!(interference(&records), says);
        }
    }

    #[test]
    fn threads_that_spin_are_named_where_others_are_at_work() {
        use crate::metric::MetricId::TrainStepLatencyMean;
        let disturbed = |quiet| Note::Disturbed {
            share: Num(0.2),
            without: Some(Num(quiet)),
            mostly: false,
            decides: false,
        };
        let slow = |quiet: f64, edit: &dyn Fn(&mut RunRecord)| {
            let mut record = run("a", 2.0);
            record.job.threads = 2;
            let row = record.metrics.iter_mut().find(|row| row.metric == TrainStepLatencyMean);
            let row = row.unwrap();
            row.estimate = Some(0.1);
            row.notes = vec![disturbed(quiet)];
            edit(&mut record);
            record
        };
        for (record, says) in [
            (slow(0.005, &|_| {}), true),
            (slow(0.05, &|_| {}), false),
            (slow(0.005, &|record| record.job.threads = 1), false),
            (slow(0.005, &|record| record.job.omp_wait = OmpWait::Brief), false),
            (slow(0.05, &|record| record.interference = run("a", 6.0).interference), true),
        ] {
            assert_eq!(spinning(&[record]).is_some(), says);
        }
    }
}
