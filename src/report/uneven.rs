//! What the tables say of rates that are far below what a usual step makes: they stand beside medians of the same steps.

use super::words::step;
use crate::event::{MetricRow, Note, RunRecord};
use crate::units::significant;

/// How many times slower than its median step a rate is, and whether such a step is a request.
fn times(row: &MetricRow) -> Option<(f64, bool)> {
    let (usual, requests) = row.notes.iter().find_map(|note| match note {
        Note::FarFromMedian { usual, requests } => Some((usual.0, *requests)),
        _ => None,
    })?;
    Some((usual / row.estimate.filter(|rate| *rate > 0.0)?, requests))
}

/// `serve.throughput in serve[1] of mlp-r2 is 58 times below the rate of its median request`, and why that may be.
pub(super) fn uneven(records: &[RunRecord]) -> Option<String> {
    let rows =
        records.iter().flat_map(|record| record.metrics.iter().map(move |row| (record, row)));
    let found: Vec<_> = rows.filter_map(|(record, row)| Some((record, row, times(row)?))).collect();
    let most =
        found.iter().rev().max_by(|(.., (one, _)), (.., (other, _))| one.total_cmp(other))?;
    let (record, row, (times, requests)) = most;
    let step = step(*requests);
    let more = found.len() - 1;
    let more = match more {
        0 => String::new(),
        1 => " (1 more figure like it)".to_owned(),
        more => format!(" ({more} more figures like it)"),
    };
    Some(format!(
        "{} in {} of {} is {} times below the rate of its median {step}{more}: a throughput is a mean over all the time, most \
         of it in slow {step}s; p50 is the usual {step}",
        row.metric,
        row.phase,
        record.run,
        significant(*times)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Num;
    use crate::report::fixtures::completed;

    #[test]
    fn the_rate_that_is_farthest_from_its_median_is_named() {
        let far = |name: &str, factors: &[f64]| {
            let mut record = RunRecord { run: name.to_owned(), ..completed() };
            let rates = record.metrics.iter_mut().filter(|row| row.metric.ends_with(".throughput"));
            for (row, factor) in rates.zip(factors) {
                let usual = Num(row.estimate.unwrap() * factor);
                let requests = row.metric.starts_with("serve.");
                row.notes.push(Note::FarFromMedian { usual, requests });
            }
            record
        };
        assert_eq!(uneven(&[completed()]), None);
        let one = uneven(&[completed(), far("a", &[58.3])]).unwrap();
        assert!(one.starts_with("serve.throughput in serve[1] of a is 58.3 times below"), "{one}");
        assert!(one.contains("of its median request: a throughput"), "{one}");
        assert!(!one.contains("more figures like it"), "{one}");
        let two = uneven(&[far("a", &[2.5]), far("b", &[3.0, 58.0])]).unwrap();
        assert!(
            two.contains(" of b is 58.0 times below the rate of its median request (2 more"),
            "{two}"
        );
    }
}
