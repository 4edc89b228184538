//! What the early ends of runs that are infeasible or out of reach have spared, as far as it is known.

use super::headline::Place;
use crate::event::{RunRecord, StopReason};
use crate::metric::MetricId;
use crate::units;

/// `6 infeasible runs ended early; at least 4 min 05 s of training were saved`, and the same of those out of reach. Nothing
/// where no such run would have trained on.
pub(super) fn spared(records: &[RunRecord]) -> Option<String> {
    let infeasible =
        spared_by(records, StopReason::Infeasible, |runs| format!("infeasible {runs}"));
    let short = spared_by(records, StopReason::OutOfReach, |runs| format!("{runs} out of reach"));
    let said: Vec<String> = infeasible.into_iter().chain(short).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// What runs that ended for this reason have spared; `called`: as what `run` or `runs` are known then.
fn spared_by(
    records: &[RunRecord],
    reason: StopReason,
    called: impl Fn(&str) -> String,
) -> Option<String> {
    let early = |record: &&RunRecord| {
        let is_of_reason = record.stop.reason == reason;
        // A training that was over had nothing left to spare.
        let left = record.saved_s_at_least.is_none_or(|saved| saved > 0.0);
        // Of a command nobody knows whether it would have trained.
        let trains = record.job.train.epochs > 0 && !record.job.work.is_command();
        is_of_reason && left && trains && !record.trained_to_the_end()
    };
    let ended: Vec<_> = records.iter().filter(early).collect();
    let known: Vec<f64> = ended.iter().filter_map(|r| r.saved_s_at_least).collect();
    let begun = |record: &&&RunRecord| {
        let rate = Place::Train.estimate(record, MetricId::TrainThroughput);
        record.saved_s_at_least.is_none() && rate.is_some()
    };
    let unknown = ended.iter().filter(begun).count();
    let idle = ended.len() - known.len() - unknown;
    let (plural, their) = match ended.len() {
        0 => return None,
        1 => ("run", "its"),
        _ => ("runs", "their"),
    };
    let mut parts = Vec::new();
    if !known.is_empty() {
        let sum = units::elapsed_down(known.iter().sum());
        parts.push(format!("at least {sum} of training were saved"));
    }
    if idle == ended.len() {
        parts.push(format!("{their} training had not begun"));
    } else if idle > 0 {
        parts.push(format!("the training of {idle} had not begun"));
    }
    if unknown > 0 {
        let who = if ended.len() == 1 { "it".to_owned() } else { format!("{unknown} of them") };
        parts.push(format!("how much training time {who} saved is not known"));
    }
    let count = ended.len();
    Some(format!("{count} {} ended early; {}", called(plural), parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CommandSpec, RunStatus, Work};
    use crate::report::fixtures::completed;

    /// Ended as infeasible: with so much spared, in training or before.
    fn ended(saved: Option<f64>, begun: bool) -> RunRecord {
        let mut record = completed();
        (record.status, record.stop.reason) = (RunStatus::Stopped, StopReason::Infeasible);
        (record.epochs, record.saved_s_at_least) = (0, saved);
        if !begun {
            record.metrics.retain(|row| row.phase != "train");
        }
        record
    }

    #[test]
    fn what_is_not_known_is_not_added_up() {
        let (short, long) = (ended(Some(5.25), true), ended(Some(240.9), true));
        let (before, unknown) = (ended(None, false), ended(None, true));
        let mut whole = ended(Some(0.0), true);
        whole.epochs = whole.job.train.epochs;
        let over = ended(Some(0.0), true);
        let mut untaught = before.clone();
        untaught.job.train.epochs = 0;
        let mut reach = long.clone();
        reach.stop.reason = StopReason::OutOfReach;
        let mut command = before.clone();
        let spec = CommandSpec {
            words: vec!["prog".to_owned()],
            steps: true,
            epochs: false,
            bare: false,
            told: Vec::new(),
            ..CommandSpec::default()
        };
        command.job.work = Work::Command { spec };
        for (records, says) in [
            (vec![completed()], None),
            (vec![whole.clone(), over, untaught, command], None),
            (
                vec![short.clone(), long, whole],
                Some("2 infeasible runs ended early; at least 4 min 06 s of training were saved"),
            ),
            (
                vec![short.clone(), reach.clone(), reach],
                Some(
                    "1 infeasible run ended early; at least 5.25 s of training were saved; 2 runs out of reach ended early; at least 8 min 01 s of training were saved",
                ),
            ),
            (
                vec![before.clone()],
                Some("1 infeasible run ended early; its training had not begun"),
            ),
            (
                vec![before.clone(), before.clone()],
                Some("2 infeasible runs ended early; their training had not begun"),
            ),
            (
                vec![short, before.clone(), before],
                Some(
                    "3 infeasible runs ended early; at least 5.25 s of training were saved; the training of 2 had not begun",
                ),
            ),
            (
                vec![unknown],
                Some("1 infeasible run ended early; how much training time it saved is not known"),
            ),
        ] {
            assert_eq!(spared(&records).as_deref(), says);
        }
    }
}
