//! Rows become the comparison: a few numbers a row are kept, whatever its series' length.
//!
//! How it is shown is left to `report`. Invariant: each benchmark weighs the same, however many series it has.

use crate::app::distinct::distinct;
use crate::report::replay::{ReplayRow, ReplaySummary};
use crate::stats::weighted_quantile;

/// What a rule did on the series of one benchmark.
#[derive(Debug, Default)]
struct Group {
    benchmark: String,
    rule: String,
    errors: Vec<f64>,
    series: u64,
    used: f64,
    never: u64,
    intervals: u64,
    covered: u64,
}

/// Everything so far, in the order of appearance.
#[derive(Debug, Default)]
pub struct Totals {
    groups: Vec<Group>,
}

impl Totals {
    /// Counts a row.
    pub fn add(&mut self, row: &ReplayRow) {
        let same = |group: &Group| group.benchmark == row.benchmark && group.rule == row.rule;
        let at = self.groups.iter().position(same).unwrap_or_else(|| {
            self.groups.push(Group {
                benchmark: row.benchmark.clone(),
                rule: row.rule.clone(),
                ..Group::default()
            });
            self.groups.len() - 1
        });
        let group = &mut self.groups[at];
        group.series += 1;
        group.used += row.used_fraction;
        group.never += u64::from(row.stop_t_s.is_none());
        // Who never stops has used the whole: there is no error of stopping, and no claim at a stop.
        let stopped = row.stop_t_s.is_some();
        let error = row.relative_error.map(f64::abs);
        group.errors.extend(error.map(|error| if stopped { error } else { 0.0 }));
        if let Some(covered) = row.covered.filter(|_| stopped) {
            group.intervals += 1;
            group.covered += u64::from(covered);
        }
    }

    /// Each benchmark, its rules together, and where there are several, all of them.
    pub fn summaries(&self) -> Vec<ReplaySummary> {
        let benchmarks = distinct(self.groups.iter().map(|group| group.benchmark.as_str()));
        let rules = distinct(self.groups.iter().map(|group| group.rule.as_str()));
        let mut summaries = Vec::new();
        let of = |benchmark: &str, rule: &str| {
            let found = |group: &&Group| group.benchmark == benchmark && group.rule == rule;
            self.groups.iter().find(found)
        };
        for benchmark in &benchmarks {
            for rule in &rules {
                let group = of(benchmark, rule);
                let name = Some((*benchmark).to_owned());
                summaries.extend(group.map(|group| summary(name, rule, &[group])));
            }
        }
        if benchmarks.len() > 1 {
            for rule in &rules {
                let groups: Vec<_> = benchmarks.iter().filter_map(|name| of(name, rule)).collect();
                summaries.push(summary(None, rule, &groups));
            }
        }
        summaries
    }
}

/// Over groups that weigh the same, however many series each has.
fn summary(benchmark: Option<String>, rule: &str, groups: &[&Group]) -> ReplaySummary {
    let mut errors: Vec<(f64, f64)> = Vec::new();
    for group in groups {
        let weight = 1.0 / group.errors.len().max(1) as f64;
        errors.extend(group.errors.iter().map(|error| (*error, weight)));
    }
    let mean = |share: &dyn Fn(&Group) -> Option<f64>| {
        let shares: Vec<f64> = groups.iter().filter_map(|group| share(group)).collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    };
    let covered = |group: &Group| {
        (group.intervals > 0).then(|| group.covered as f64 / group.intervals as f64)
    };
    ReplaySummary {
        benchmark,
        rule: rule.to_owned(),
        series: groups.iter().map(|group| group.series).sum(),
        median_error: weighted_quantile(&mut errors, 0.5),
        p95_error: weighted_quantile(&mut errors, 0.95),
        mean_used: mean(&|group| Some(group.used / group.series as f64)).unwrap_or(0.0),
        coverage: mean(&covered),
        never_stopped: mean(&|group| Some(group.never as f64 / group.series as f64)).unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(benchmark: &str, error: Option<f64>, stop_t_s: Option<f64>) -> ReplayRow {
        ReplayRow {
            series: "s".into(),
            benchmark: benchmark.into(),
            metric: String::new(),
            rule: "r".into(),
            stop_t_s,
            used_fraction: if stop_t_s.is_some() { 0.2 } else { 1.0 },
            estimate: None,
            low: None,
            high: None,
            full_estimate: None,
            relative_error: error,
            covered: error.map(|error| error < 0.05),
            reason: String::new(),
        }
    }

    #[test]
    fn each_benchmark_weighs_the_same() {
        let mut totals = Totals::default();
        for _ in 0..9 {
            totals.add(&row("big", Some(-0.01), Some(1.0)));
        }
        totals.add(&row("small", Some(0.1), None));
        let found = totals.summaries();
        assert_eq!(found.len(), 3);
        let all = &found[2];
        assert_eq!((all.benchmark.clone(), all.series), (None, 10));
        assert!((all.mean_used - 0.6).abs() < 1e-12, "{all:?}");
        assert!((all.never_stopped - 0.5).abs() < 1e-12, "{all:?}");
        // Who uses everything is not wrong, and claims nothing at a stop.
        assert_eq!((all.coverage, found[1].coverage), (Some(1.0), None));
        assert_eq!((found[0].median_error, found[1].p95_error), (Some(0.01), Some(0.0)));
        // Half of the weight lies at each: the median is where they meet.
        assert!(all.median_error.unwrap() < 0.01, "{all:?}");
        assert!(Totals::default().summaries().is_empty());
    }

    #[test]
    fn one_benchmark_needs_no_sum() {
        let mut totals = Totals::default();
        totals.add(&row("", None, None));
        let found = totals.summaries();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].median_error, found[0].coverage), (None, None));
    }
}
