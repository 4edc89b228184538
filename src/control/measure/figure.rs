//! A figure as a row has it: how much, between which ends, whether it is known, what must be said of it, and why it may not
//! decide a limit.

use crate::event::{Constraint, Evidence, MetricRow, Note, Num, RowFields, Stage};
use crate::metric::{Ceiling, MetricDef};

/// A figure, or why there is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Figure {
    /// In the metric's unit.
    pub(crate) estimate: Option<f64>,
    /// The ends of its interval, which has this nominal confidence.
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) confidence: Option<f64>,
    /// Observations that it rests on.
    pub(crate) samples: u64,
    /// Whether there is nothing to wait for any more.
    pub(crate) known: bool,
    pub(crate) notes: Vec<Note>,
    /// In the order in which they are told.
    pub(crate) doubts: Vec<Doubt>,
}

impl Figure {
    /// One that is said once.
    pub(crate) fn exact(value: f64, samples: u64) -> Self {
        Self { estimate: Some(value), samples, known: true, ..Self::default() }
    }

    /// None, and why.
    pub(crate) fn missing(why: Note) -> Self {
        Self { notes: vec![why], ..Self::default() }
    }

    /// With more to be said.
    pub(crate) fn noted(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// As a row; `waited`: it was waited for.
    pub(crate) fn row(self, metric: &MetricDef, of: Stage, waited: bool) -> MetricRow {
        // Sums of rounded times may come to a hair more than all of the time.
        let most = match metric.ceiling {
            Ceiling::At(most) => most,
            _ => f64::INFINITY,
        };
        let at_most = |value: Option<f64>| value.map(|value| value.min(most));
        let fields = RowFields {
            phase: of.to_string(),
            metric: metric.id.into(),
            unit: metric.unit,
            estimate: at_most(self.estimate),
            low: at_most(self.low),
            high: at_most(self.high),
            confidence: self.confidence,
            samples: self.samples,
            known: waited.then_some(self.known),
            notes: self.notes,
        };
        fields.into()
    }
}

/// Why a figure on one side of a limit is not certain to be there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Doubt {
    /// The model was not trained to the end.
    Untrained,
    /// It may still grow.
    Unfinished,
    /// It has no interval.
    NoInterval,
    /// It lacks a part: it may be more.
    Lacks,
    /// Others have a part in it: it may be less, but not less than `own`.
    Others { own: Option<f64> },
    /// Something that was not seen may have had as much as this.
    Hidden { most: f64 },
    /// It was not read for this share of the time.
    Blind { share: f64 },
}

impl Doubt {
    /// What it makes of a constraint on this figure; `None` where it concerns the other side of the limit.
    pub(crate) fn evidence(self, of: &Constraint, figure: f64, notes: &[Note]) -> Option<Evidence> {
        let holds = |figure: f64| of.op.holds(figure, of.limit);
        let (held, upper, value) = (holds(figure), of.op.is_upper(), Num(figure));
        let notes = || notes.to_vec();
        Some(match self {
            Self::Untrained => Evidence::Untrained { value },
            Self::Unfinished => Evidence::Unfinished { value },
            Self::NoInterval => Evidence::NoInterval { value },
            Self::Lacks if held == upper => Evidence::Bound { value, lower: true, notes: notes() },
            Self::Others { own }
                if held != upper && !own.is_some_and(|own| upper && !holds(own)) =>
            {
                Evidence::Bound { value, lower: false, notes: notes() }
            }
            Self::Hidden { most } if held != holds(most) => {
                Evidence::Hidden { value, notes: notes() }
            }
            Self::Blind { share } if held && upper => Evidence::Blind { value, share: Num(share) },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::MetricId;

    #[test]
    fn no_figure_is_above_what_its_metric_can_be() {
        let whole = 100.000_000_000_000_03;
        for (metric, shown) in
            [(MetricId::ServeUtilisation, 100.0), (MetricId::CpuUtilisation, whole)]
        {
            let figure = Figure { low: Some(99.0), high: Some(101.0), ..Figure::exact(whole, 9) };
            let row = figure.row(metric.def(), Stage::Serve(1), false);
            assert_eq!((row.estimate, row.low), (Some(shown), Some(99.0)), "{metric:?}");
            assert_eq!(row.high, Some(if shown < whole { 100.0 } else { 101.0 }));
        }
    }
}
