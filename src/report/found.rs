//! What a search among the cells has found, and how it is told.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::front::FrontReport;
use super::layout::{counted, wrap};
use crate::event::RunRecord;
use crate::metric::MetricName;
use crate::units::{Scale, Unit, rough_percent};

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Found {
    /// Runs that it knows of.
    pub runs: usize,
    /// Cells that were visited.
    pub visited: usize,
    /// Cells of which it was told by earlier runs.
    #[serde(default)]
    pub earlier: usize,
    /// Cells that there are.
    pub cells: usize,
    /// Those that are recommended.
    pub recommended: Vec<Choice>,
    /// Where none is: the cell that breaks its limits least.
    pub nearest: Option<Nearest>,
    /// Whether it was given up since all runs failed.
    pub is_hopeless: bool,
    /// The grid file.
    pub grid: Option<String>,
    /// What the command line made of it, as its words.
    #[serde(default)]
    pub asked: Vec<String>,
    /// What its model says along each axis, the others as in the first of the recommended cells.
    #[serde(default)]
    pub slices: Vec<Slice>,
}

/// One figure along one axis, by a search's model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The key of the axis.
    pub axis: String,
    /// Whether its levels are numbers.
    pub ordered: bool,
    /// The figure.
    pub metric: MetricName,
    /// By level.
    pub points: Vec<SlicePoint>,
}

/// What is believed of a cell, in base units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlicePoint {
    /// The cell.
    pub cell: String,
    /// Its level of the axis.
    pub level: String,
    /// Where that lies on the axis, from 0 to 1.
    pub at: f64,
    /// The middle of the band.
    pub middle: f64,
    /// Its ends, which hold the mean of the cell's runs with 95%.
    pub low: f64,
    /// The upper one.
    pub high: f64,
}

/// A cell that is recommended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its name.
    pub cell: String,
    /// `batch_size=32` for each axis on which the cells of the grid differ.
    pub axes: Vec<String>,
}

/// A cell that breaks its limits, though none breaks them less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its name.
    pub cell: String,
    /// What it breaks the limit of by most.
    pub metric: MetricName,
    /// The mean over its visits, base unit.
    pub value: f64,
    /// The limit, base unit.
    pub limit: f64,
}

/// Recommended cells that are told before the rest is only counted.
const SHOWN: usize = 5;

impl Found {
    /// Whether a cell is recommended.
    pub(super) fn recommends(&self, cell: &str) -> bool {
        self.recommended.iter().any(|choice| choice.cell == cell)
    }

    /// Whether it is the first of the recommended ones.
    pub(super) fn is_first(&self, cell: &str) -> bool {
        self.recommended.first().is_some_and(|choice| choice.cell == cell)
    }

    /// `searched 30 of 300 cells, knowing 12 from earlier runs`.
    pub(super) fn extent(&self) -> String {
        let told = match self.earlier {
            0 => String::new(),
            cells => format!(", knowing {cells} from earlier runs"),
        };
        format!("searched {} of {}{told}", self.visited, counted(self.cells, "cell"))
    }

    /// What is recommended, each with its figures and the command that measures it alone; or why nothing is.
    pub(super) fn lines(&self, front: Option<&FrontReport>, records: &[RunRecord]) -> Vec<String> {
        if self.recommended.is_empty() {
            return vec![self.nothing()];
        }
        let grid = self.grid.as_deref().unwrap_or("GRID");
        let choice = |choice: &Choice| {
            let figures = front.and_then(|front| front.figures_of(&choice.cell, records));
            let figures = figures.map_or_else(String::new, |figures| format!(": {figures}"));
            let mut line = format!(
                "recommended: {}{figures}; alone: perftune run {}",
                choice.cell,
                quoted(grid)
            );
            for word in &self.asked {
                let _ = write!(line, " {}", quoted(word));
            }
            for axis in &choice.axes {
                let _ = write!(line, " --only {}", quoted(axis));
            }
            // The folder of the search holds what it has found.
            let _ = write!(line, " --out {}", quoted(&format!("results/{}", choice.cell)));
            line
        };
        let mut lines: Vec<String> = self.recommended.iter().take(SHOWN).map(choice).collect();
        let more = self.recommended.len() - lines.len();
        lines.extend((more > 0).then(|| {
            format!("recommended: {more} more, see `recommended` in the rows of --format csv")
        }));
        lines
    }

    /// The same, wrapped to at most `width` characters.
    pub(super) fn text(
        &self,
        front: Option<&FrontReport>,
        records: &[RunRecord],
        width: usize,
    ) -> String {
        self.lines(front, records).iter().map(|line| wrap(line, width, "  ")).collect()
    }

    /// Why nothing is recommended.
    fn nothing(&self) -> String {
        if self.is_hopeless {
            return format!(
                "nothing is recommended: all {} runs failed, so the search stopped",
                self.runs
            );
        }
        let mut line = "nothing is recommended: no measured cell is feasible".to_owned();
        if let Some(near) = &self.nearest {
            let unit = near.metric.def().map_or(Unit::One, |def| def.unit);
            let scale = Scale::of(unit, [near.value, near.limit]);
            let shown =
                |value: f64| format!("{} {}", scale.show(value), scale.name).trim_end().to_owned();
            let by = (near.value / near.limit - 1.0).abs();
            let _ = write!(
                line,
                "; the nearest is {}: {} {}, {} beyond {}",
                near.cell,
                near.metric,
                shown(near.value),
                rough_percent(by),
                shown(near.limit)
            );
        }
        line
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::MetricId;

    fn found(cells: &[&str]) -> Found {
        let choice = |cell: &&str| Choice {
            cell: (*cell).to_owned(),
            axes: vec!["wide=6".to_owned(), format!("kind=it's {cell}")],
        };
        let recommended = cells.iter().map(choice).collect();
        Found { runs: 30, visited: 28, cells: 300, recommended, ..Found::default() }
    }

    #[test]
    fn what_is_recommended_comes_with_its_command_and_nothing_with_its_reason() {
        let near = Nearest {
            cell: "a".to_owned(),
            metric: MetricId::MemoryPeak.into(),
            value: 13.2e6,
            limit: 12e6,
        };
        let none = Found { nearest: Some(near), ..found(&[]) };
        let grid = Some("my grid.toml".to_owned());
        let asked = ["--set", "train.epochs=3"].map(str::to_owned).into();
        for (found, says) in [
            (
                Found { grid, asked, ..found(&["a"]) },
                "recommended: a; alone: perftune run 'my grid.toml' --set train.epochs=3 --only wide=6 --only 'kind=it'\\''s a' --out results/a\n",
            ),
            (found(&[]), "nothing is recommended: no measured cell is feasible\n"),
            (
                none,
                "nothing is recommended: no measured cell is feasible; the nearest is a: memory.peak 12.6 MiB, 10% beyond 11.4 MiB\n",
            ),
            (
                Found { is_hopeless: true, runs: 8, ..found(&[]) },
                "nothing is recommended: all 8 runs failed, so the search stopped\n",
            ),
        ] {
            assert_eq!(found.text(None, &[], 400), says);
        }
        let many = found(&["a", "b", "c", "d", "e", "f", "g"]).text(None, &[], 400);
        assert!(
            many.ends_with("recommended: 2 more, see `recommended` in the rows of --format csv\n"),
            "{many}"
        );
        assert_eq!(found(&[]).extent(), "searched 28 of 300 cells");
        let told = Found { earlier: 12, ..found(&[]) };
        assert_eq!(told.extent(), "searched 28 of 300 cells, knowing 12 from earlier runs");
    }
}
