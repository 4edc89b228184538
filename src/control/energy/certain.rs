//! On which side of a limit a figure of energy is certain.

use super::figures::{Asked, Figure};
use crate::control::run::Run;
use crate::event::{Constraint, Evidence, MetricRow, Num, Phase};
use crate::metric::{MetricDef, Scope, Source};

impl Run {
    /// Why a figure of energy on this side of a limit is not certain to be there, if it is not: one that lacks a part may be
    /// more, and one that has others' in it may be less.
    pub(in crate::control) fn energy_open(
        &self,
        constraint: &Constraint,
        metric: &MetricDef,
        row: &MetricRow,
        holds: bool,
    ) -> Option<Evidence> {
        let Source::Energy(whose) = metric.source else {
            return None;
        };
        let energy = self.whole_energy();
        let asked = if metric.scope == Scope::Run {
            Asked::Run { until_ns: self.now_ns }
        } else {
            let phase: Phase = row.phase.parse().ok()?;
            Asked::Stage(energy.place(phase.stage())?)
        };
        let Figure { lacks, others, .. } = self.energy_of(whose, &energy, asked).ok()?;
        let lower = holds == constraint.op.is_upper();
        if !(if lower { lacks } else { others }) {
            return None;
        }
        let value = Num(row.estimate?);
        Some(Evidence::Bound { value, lower, notes: row.notes.clone() })
    }
}
