//! Shadow mode in the JSON document.

use serde_json::{Value, json};

use super::{ShadowReport, ShadowRow, ShadowRunRow, ShadowTotal};
use crate::event::Num;

impl ShadowReport {
    /// The member `shadow` of the document.
    pub(in crate::report) fn json(&self) -> Value {
        json!({
            "figures": self.rows.iter().map(json_row).collect::<Vec<_>>(),
            "runs": self.runs.iter().map(json_run).collect::<Vec<_>>(),
            "rules": self.totals.iter().map(json_total).collect::<Vec<_>>(),
        })
    }
}

fn json_row(row: &ShadowRow) -> Value {
    json!({
        "run": row.run,
        "model": row.model,
        "dataset": row.dataset,
        "phase": row.phase,
        "metric": row.metric,
        "unit": row.unit,
        "rule": row.rule,
        "known": row.known,
        "stop_t_s": row.stop_t_s,
        "estimate": row.estimate.map(Num),
        "low": row.low.map(Num),
        "high": row.high.map(Num),
        "full_estimate": row.full_estimate.map(Num),
        "relative_error": row.relative_error.map(Num),
        "within_asked": row.within_asked,
        "covered": row.covered,
    })
}

fn json_run(run: &ShadowRunRow) -> Value {
    json!({
        "run": run.run,
        "rule": run.rule,
        "stop": run.stop,
        "full_s": run.full_s,
        "early_s": run.early_s,
        "used_fraction": Num(run.used()),
        "worst_relative_error": run.worst_error.map(Num),
        "worst_metric": run.worst_metric,
    })
}

fn json_total(total: &ShadowTotal) -> Value {
    let rankings = total.rankings.iter().map(|ranking| {
        json!({
            "metric": ranking.metric,
            "pairs": ranking.pairs,
            "swapped": ranking.swapped,
            "swapped_and_disjoint": ranking.disjoint,
        })
    });
    let feasible = total.feasible.as_ref().map(|feasible| {
        json!({
            "full": feasible.full,
            "at_stop": feasible.at_stop,
            "changed": feasible.changed,
        })
    });
    json!({
        "rule": total.rule,
        "runs": total.runs,
        "figures": total.figures,
        "missing": total.missing,
        "known": total.known,
        "within_asked": total.within,
        "early_figures": total.early,
        "early_within_asked": total.early_within,
        "within_asked_or_spread": total.within_or_spread,
        "intervals": total.intervals,
        "covered": total.covered,
        "long_runs": total.long_runs,
        "median_used_fraction": total.median_used,
        "rankings": rankings.collect::<Vec<_>>(),
        "feasible_cells": feasible,
    })
}
