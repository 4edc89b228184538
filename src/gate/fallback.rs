//! Figures that rest on too few samples, and what is judged instead.

use super::entry::Entry;
use super::policy::{FEW_SAMPLES, GatePolicy, Role};
use super::reason::RowReason;
use super::verdict::RowVerdict;

/// A quartile that rests on too few samples is told, and its fallback judged instead.
pub(super) fn fall_back(entries: &mut [Entry<'_>], policy: &GatePolicy) {
    for at in 0..entries.len() {
        let entry = &entries[at];
        // A figure that is absent for want of samples tells how many there were.
        let fewest = [&entry.baseline, &entry.candidate]
            .into_iter()
            .flat_map(|column| column.fewest.into_iter().chain(column.too_few))
            .min();
        let few = fewest.filter(|n| *n < FEW_SAMPLES);
        // Nothing but the want of samples has made a row inconclusive so far.
        let open = matches!(entry.settled, None | Some(RowVerdict::Inconclusive));
        let judged = entry.rule.role == Role::Gate && open;
        let (true, Some(name), Some(n)) = (judged, entry.rule.fallback.clone(), few) else {
            continue;
        };
        let phase = entry.phase;
        let instead = entries.iter().position(|other| {
            let testable = matches!(other.settled, None | Some(RowVerdict::Info));
            let both = other.baseline.count() > 0 && other.candidate.count() > 0;
            let directed = other.rule.direction.is_some();
            other.phase == phase && other.metric == name && testable && both && directed
        });
        let entry = &mut entries[at];
        entry.why.clear();
        let Some(instead) = instead.filter(|other| *other != at) else {
            entry.settled = Some(RowVerdict::Inconclusive);
            entry.why.push(RowReason::NoFallback { samples: n, fallback: name });
            continue;
        };
        entry.settled = Some(RowVerdict::Info);
        entry.rule.role = Role::Info;
        entry.why.push(RowReason::JudgedInstead { samples: n, by: name.clone() });
        let metric = entry.metric.clone();
        let other = &mut entries[instead];
        if other.rule.role == Role::Info {
            other.rule.role = Role::Gate;
            other.settled = None;
            other.floor = policy.floor_of(&name, &other.rule);
        }
        other.why.push(RowReason::InPlaceOf { metric });
    }
}
