//! How a search stands while it goes on, in one line.

use super::front::FrontFigure;
use super::layout::counted;
use crate::units::{Scale, rough_percent};

/// What a search has found so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SoFar {
    /// The cells that it would recommend now.
    pub recommended: Vec<String>,
    /// What the first of them is compared by.
    pub figures: Vec<FrontFigure>,
    /// Runs that came to an end of their own, a failure among them.
    pub runs: usize,
    /// Those of them that keep all limits; absent where there are none.
    pub feasible: Option<usize>,
}

/// `command.time 2.05 s ±3.4%`.
fn shown(figure: &FrontFigure) -> String {
    let estimate = figure.estimate;
    let scale = Scale::of(figure.unit, [estimate]);
    let mut text = format!("{} {} {}", figure.metric, scale.show(estimate), scale.name);
    text.truncate(text.trim_end().len());
    let half = figure.low.zip(figure.high).map(|(low, high)| (high - estimate).max(estimate - low));
    let half = half.map(|half| half / estimate.abs()).filter(|half| half.is_finite());
    text + &half.map_or_else(String::new, |half| format!(" ±{}", rough_percent(half)))
}

impl SoFar {
    /// `best so far: command.time 2.05 s ±3.4%; 82% of 11 runs feasible; wide_6-deep_4`: the name last, since it may be cut.
    pub fn line(&self) -> String {
        let figures = || self.figures.iter().map(shown).collect::<Vec<_>>().join(", ");
        let mut parts = vec![match &self.recommended[..] {
            [] => "nothing to recommend so far".to_owned(),
            [_] if self.figures.is_empty() => "one cell to recommend so far".to_owned(),
            [_] => format!("best so far: {}", figures()),
            several => format!("{} to recommend so far", counted(several.len(), "cell")),
        }];
        parts.extend(self.feasible.filter(|_| self.runs > 0).map(|feasible| {
            let share = rough_percent(feasible as f64 / self.runs as f64);
            format!("{share} of {} feasible", counted(self.runs, "run"))
        }));
        if let [one] = &self.recommended[..] {
            parts.push(one.clone());
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::MetricId;
    use crate::units::Unit;

    #[test]
    fn a_search_says_how_it_stands() {
        let figure = |ends: Option<(f64, f64)>| FrontFigure {
            metric: MetricId::CommandTime.into(),
            phase: "run".to_owned(),
            unit: Unit::Seconds,
            estimate: 2.0,
            low: ends.map(|ends| ends.0),
            high: ends.map(|ends| ends.1),
            interval: String::new(),
        };
        let one = |ends| SoFar {
            recommended: vec!["a-b".to_owned()],
            figures: vec![figure(ends)],
            runs: 11,
            feasible: Some(9),
        };
        let several = ["a", "b", "c"].map(str::to_owned).to_vec();
        for (so_far, says) in [
            (SoFar::default(), "nothing to recommend so far"),
            (
                SoFar { feasible: Some(0), runs: 1, ..SoFar::default() },
                "nothing to recommend so far; 0% of 1 run feasible",
            ),
            (
                one(Some((1.9, 2.06))),
                "best so far: command.time 2.00 s ±5%; 82% of 11 runs feasible; a-b",
            ),
            (one(None), "best so far: command.time 2.00 s; 82% of 11 runs feasible; a-b"),
            (
                SoFar { recommended: several, runs: 11, ..SoFar::default() },
                "3 cells to recommend so far",
            ),
        ] {
            assert_eq!(so_far.line(), says);
        }
    }
}
