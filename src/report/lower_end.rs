//! Peaks of which a run may not have seen all.

use crate::event::{MetricRow, Note, PeakGrowth};
use crate::metric::MetricDef;

/// Whether it is a peak that was not seen to its end, or a process may have had more before it ended unseen.
pub fn is_lower_end(row: &MetricRow) -> bool {
    use PeakGrowth::{Growing, Unknown};
    let may_have_grown = |note: &Note| match note {
        Note::AtLeast { .. } => true,
        Note::PeakOver { growth: Growing { .. } | Unknown { .. }, .. } => row.known.is_none(),
        _ => false,
    };
    let is_peak = row.metric.def().is_some_and(MetricDef::is_peak);
    is_peak && row.known == Some(false) || row.notes.iter().any(may_have_grown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Num;
    use crate::report::fixtures::completed;

    #[test]
    fn a_peak_is_one_until_its_growth_is_bounded_or_over() {
        use PeakGrowth::{Below, Growing, Over, Unknown};
        let (per_s, watched_s) = (Num(1e3), None);
        for (growth, known, less) in [
            (Growing { per_s }, None, true),
            (Unknown { watched_s }, None, true),
            (Unknown { watched_s }, Some(true), false),
            (Unknown { watched_s }, Some(false), true),
            (Below { per_s }, None, false),
            (Over, None, false),
        ] {
            let rows = completed().metrics;
            let mut peak = rows.into_iter().find(|row| row.metric == "memory.peak").unwrap();
            peak.known = known;
            peak.notes = vec![Note::PeakOver { over_s: Num(1.0), growth }];
            assert_eq!(is_lower_end(&peak), less, "{growth:?} {known:?}");
        }
    }
}
