//! A change of a figure, and how it reads.

use serde::Serialize;

use crate::metric::MetricName;
use crate::units::{Unit, change, significant};

/// What stands behind a difference of percentages.
const POINTS: &str = " pp";

/// Which of two changes of a figure is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// A share of what it was: 0.31 is 31% more.
    Ratio,
    /// A difference in the figure's own unit.
    Difference,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RestsOn {
    /// How matched cells differ from round to round.
    Rounds,
    /// How they differ from each other in the one round that there is.
    Sets,
    /// A model of all runs.
    Model,
}

/// A change of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureChange {
    /// The metric.
    pub metric: MetricName,
    /// The stage that it speaks of, as displayed, or `run`.
    pub phase: String,
    /// Base unit.
    pub unit: Unit,
    /// What the numbers are.
    pub measure: Measure,
    /// The change; absent where nothing can be compared.
    pub estimate: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Whether it is more than noise; absent where nobody can say.
    pub matters: Option<bool>,
    /// What the interval rests on; absent without one.
    pub rests_on: Option<RestsOn>,
}

impl FigureChange {
    /// A change of this figure as people read it: `+31.0%`, `-0.012`, `+3.2 pp`.
    pub(super) fn show(&self, value: f64) -> String {
        match (self.measure, self.unit) {
            (Measure::Ratio, _) => change(value),
            (Measure::Difference, Unit::Percent) => signed(value, significant) + POINTS,
            (Measure::Difference, unit) => signed(value, |value| unit.show(value)),
        }
    }

    /// Whether the interval is wider than all that could be.
    fn tells_nothing(&self, low: f64, high: f64) -> bool {
        match (self.measure, self.unit) {
            (Measure::Ratio, _) => high > BEYOND,
            (Measure::Difference, Unit::Ratio) => high - low > 2.0,
            (Measure::Difference, Unit::Percent) => high - low > 10.0 * BEYOND,
            (Measure::Difference, _) => false,
        }
    }

    pub(super) fn shown(&self) -> String {
        match self.estimate {
            None => "-".to_owned(),
            // Not even that it is near to nothing.
            Some(_)
                if self
                    .low
                    .zip(self.high)
                    .is_some_and(|(low, high)| self.tells_nothing(low, high)) =>
            {
                "-".to_owned()
            }
            // The interval beside it says how far it may be from nothing.
            Some(_) if self.matters == Some(false) => "±0".to_owned(),
            Some(value) => self.show(value),
        }
    }

    pub(super) fn ends(&self) -> String {
        let ends = self.low.zip(self.high);
        let Some((low, high)) = ends else { return "-".to_owned() };
        if self.tells_nothing(low, high) {
            return "too few runs to tell".to_owned();
        }
        let (low, high) = (self.show(low), self.show(high));
        // The unit once.
        format!("{} to {high}", low.trim_end_matches(POINTS))
    }
}

/// A factor that no setting is asked about: an interval beyond it is that of next to no evidence.
const BEYOND: f64 = 1000.0;

/// With its sign: of nothing none.
fn signed(value: f64, show: impl Fn(f64) -> String) -> String {
    let sign = if value < 0.0 { "-" } else { "+" };
    let shown = show(value.abs());
    if value == 0.0 { shown } else { format!("{sign}{shown}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_wider_than_all_that_could_be_is_no_change_of_nothing() {
        let shown = |measure, unit, low, high| {
            let change = FigureChange {
                metric: "test_accuracy".into(),
                phase: "run".to_owned(),
                unit,
                measure,
                estimate: Some(0.01),
                low: Some(low),
                high: Some(high),
                matters: Some(false),
                rests_on: None,
            };
            (change.shown(), change.ends())
        };
        let unknown = ("-".to_owned(), "too few runs to tell".to_owned());
        assert_eq!(shown(Measure::Ratio, Unit::One, -1.0, 1e200), unknown);
        assert_eq!(shown(Measure::Difference, Unit::Ratio, -2.5, 2.5), unknown);
        assert_eq!(shown(Measure::Difference, Unit::Percent, -21659.0, 21644.0), unknown);
        assert_eq!(shown(Measure::Ratio, Unit::One, -0.1, 0.3).0, "±0");
    }
}
