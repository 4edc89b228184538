//! The rounds: which cells are visited next.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::known::{CONFIDENCE, CellFigure};
use crate::event::record::FAILURES;
use crate::event::{Feasibility, RunRecord, RunStatus};
use crate::stats::{Basis, Draw, REPEATS};

/// How often each cell is visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// So often.
    Fixed(u32),
    /// Until its chosen figures are known between visits, or no further visit would help; at most so often.
    Auto {
        /// The most visits of a cell.
        most: u32,
    },
}

impl Repeats {
    /// As often as it takes, within reason.
    pub const AUTO: Self = Self::Auto { most: 5 };

    /// Visits of each cell that are planned before anything is known.
    pub const fn planned(self) -> u32 {
        match self {
            Self::Fixed(visits) => visits,
            Self::Auto { .. } => 1,
        }
    }

    /// The most visits of a cell.
    pub const fn most(self) -> u32 {
        match self {
            Self::Fixed(visits) | Self::Auto { most: visits } => visits,
        }
    }
}

impl FromStr for Repeats {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "auto" => Ok(Self::AUTO),
            Ok(times) if times > 0 => Ok(Self::Fixed(times)),
            _ => Err("write a number of runs, or auto".to_owned()),
        }
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(times) => write!(f, "{times}"),
            Self::Auto { .. } => f.write_str("auto"),
        }
    }
}

/// One visit to one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// The cell, by its place in the plan.
    pub cell: usize,
    /// Which visit of it, from 1.
    pub repeat: u32,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A chosen figure is not known, and further visits may help.
    Open,
    /// All chosen figures are known, or there are none.
    Known,
    /// What is not known would take more visits than it may have.
    Futile,
    /// Its figures decide nothing any more: it breaks a limit, or another cell dominates it, for certain.
    Settled,
    /// Its visits fail.
    Failed,
}

/// What is known of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellState {
    /// The numbers of its visits that have been made, sorted.
    pub made: Vec<u32>,
    /// Where it stands.
    pub standing: Standing,
}

impl CellState {
    /// Another cell dominates it by what is known so far. Of one visit nobody knows how the next one would differ.
    pub fn settle_dominated(&mut self) {
        if self.standing == Standing::Open && self.made.len() > 1 {
            self.standing = Standing::Settled;
        }
    }

    /// There are no other visits than so many: what is not known stays so.
    pub fn settle_exhausted(&mut self, visits: u32) {
        if self.standing == Standing::Open && self.made.len() >= visits as usize {
            self.standing = Standing::Futile;
        }
    }

    /// The number of its first visit that has not been made.
    pub(crate) fn next(&self) -> u32 {
        (1..u32::MAX).find(|repeat| self.made.binary_search(repeat).is_err()).unwrap_or(u32::MAX)
    }
}

/// Decides which visits come next.
pub trait Policy {
    /// The next visits in their order; none: nothing more is to be done.
    fn next(&self, cells: &[CellState]) -> Vec<Visit>;
}

/// Rounds over all cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// How often each cell is visited.
    pub repeats: Repeats,
    /// Of the order within a round.
    pub seed: u64,
}

impl Rounds {
    /// The cells in the order of this round, from 1; the same whatever was visited before.
    fn order(&self, cells: usize, round: u32) -> Vec<usize> {
        Draw::new(self.seed.rotate_left(32) ^ u64::from(round)).order(cells)
    }

    fn round(&self, cells: &[CellState], round: u32) -> Vec<Visit> {
        let missing = |cell: &usize| cells[*cell].made.binary_search(&round).is_err();
        let order = self.order(cells.len(), round).into_iter().filter(missing);
        order.map(|cell| Visit { cell, repeat: round }).collect()
    }
}

impl Policy for Rounds {
    fn next(&self, cells: &[CellState]) -> Vec<Visit> {
        let most = match self.repeats {
            Repeats::Fixed(visits) => {
                return (1..=visits).flat_map(|round| self.round(cells, round)).collect();
            }
            Repeats::Auto { most } => most,
        };
        let open = |cell: &&CellState| cell.standing == Standing::Open && cell.next() <= most;
        // Those that are behind come first: a round is over before the next one begins.
        let Some(round) = cells.iter().filter(open).map(CellState::next).min() else {
            return Vec::new();
        };
        let mut visits = self.round(cells, round);
        visits.retain(|visit| open(&&cells[visit.cell]));
        visits
    }
}

/// The states of these cells, by the records of their visits and the figures that these say together; at most `most` visits are
/// made of each, and `within` is what counts as known.
pub fn states(
    cells: &[&str],
    records: &[RunRecord],
    figures: &[CellFigure<'_>],
    within: impl Fn(&RunRecord) -> f64,
    most: u32,
) -> Vec<CellState> {
    let mut runs: HashMap<&str, Vec<&RunRecord>> = HashMap::new();
    let made = records.iter().filter(|record| record.status != RunStatus::Cancelled);
    for record in made {
        runs.entry(&record.cell).or_default().push(record);
    }
    let mut known: HashMap<&str, Vec<&CellFigure<'_>>> = HashMap::new();
    for figure in figures.iter().filter(|figure| figure.known.is_some()) {
        known.entry(figure.cell).or_default().push(figure);
    }
    let state = |cell: &&str| {
        let runs = runs.get(cell).map_or(&[][..], Vec::as_slice);
        let known = known.get(cell).map_or(&[][..], Vec::as_slice);
        let mut made: Vec<u32> = runs.iter().map(|run| run.repeat).collect();
        made.sort_unstable();
        CellState { made, standing: standing(runs, known, &within, most) }
    };
    cells.iter().map(state).collect()
}

fn standing(
    runs: &[&RunRecord],
    chosen: &[&CellFigure<'_>],
    within: &impl Fn(&RunRecord) -> f64,
    most: u32,
) -> Standing {
    let failed = runs.iter().filter(|run| run.status == RunStatus::Failed).count();
    if failed >= FAILURES {
        return Standing::Failed;
    }
    let verdicts = runs.iter().filter_map(|run| run.verdict.as_ref());
    if verdicts.map(|verdict| verdict.verdict).any(|of| of == Feasibility::Infeasible) {
        return Standing::Settled;
    }
    let whole = runs.len() - failed;
    if whole == 0 || (whole == 1 && !chosen.is_empty()) {
        return Standing::Open;
    }
    // Of one visit nobody knows how the next one would differ.
    let open = chosen.iter().filter(|figure| figure.known == Some(false));
    let open: Vec<_> = open.filter(|figure| !is_lower_end(figure, within)).collect();
    if open.is_empty() {
        let all = chosen.iter().all(|figure| figure.known != Some(false));
        return if all { Standing::Known } else { Standing::Futile };
    }
    let helps = open.iter().any(|figure| may_be_known(figure, within, most));
    if (whole as u64) < REPEATS || helps { Standing::Open } else { Standing::Futile }
}

/// Whether it is a peak that the visits agree on and none has seen to its end: as many more would see no more of it.
fn is_lower_end(figure: &CellFigure<'_>, within: &impl Fn(&RunRecord) -> f64) -> bool {
    let asked = figure.visits.first().map(|run| within(run));
    let agreed = figure.reached().zip(asked).is_some_and(|(half, asked)| half <= asked);
    figure.basis == Some(Basis::Between) && agreed
}

/// Whether further visits may make it known. What the deviation seems to be may be bad luck: only where it would take too many
/// visits even at three quarters of it, is it given up (with six degrees of freedom 15% of the deviations are off by more).
fn may_be_known(figure: &CellFigure<'_>, within: &impl Fn(&RunRecord) -> f64, most: u32) -> bool {
    const LUCK: f64 = 0.75;
    let Some(asked) = figure.visits.first().map(|run| within(run)) else {
        return false;
    };
    match (&figure.between, figure.basis) {
        (Some(between), _) => between.needed(asked, CONFIDENCE, LUCK, most).is_some(),
        // Too few visits have it as yet.
        (None, Some(Basis::Within)) => true,
        (None, _) => false,
    }
}
