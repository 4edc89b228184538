//! `[search]`: some cells instead of all, chosen by what is known of those that were measured.

use super::objectives::{self, Aimed};
use super::plan::PlannedRun;
use crate::document::problems::{Place, Problems};
use crate::document::tree::Table;
use crate::search::{Method, SearchPolicy};

/// The word that leaves the method to the number of cells.
pub(super) const AUTO: &str = "auto";
const GRID: &str = "grid";
const RANDOM: &str = "random";

/// The words of `method`.
pub(super) const METHODS: &[&str] = &[AUTO, GRID, RANDOM, "bayes"];

/// Runs where nobody says how many.
pub(super) const TRIALS: u32 = 40;

/// The most objectives that a search weighs against each other.
const MOST_OBJECTIVES: usize = 3;

/// What `[search]` says; absent where it does not.
#[derive(Debug, Clone, Default)]
pub(super) struct SearchAsked {
    pub(super) method: Option<(&'static str, Place)>,
    pub(super) trials: Option<(u32, Place)>,
}

impl SearchAsked {
    fn place(&self) -> Option<Place> {
        let of_method = self.method.filter(|(word, _)| *word != GRID).map(|(_, place)| place);
        of_method.or(self.trials.filter(|_| self.method.is_none()).map(|(_, place)| place))
    }

    /// The search among these runs; none where each cell is to be run.
    pub(super) fn policy(&self, runs: &[PlannedRun]) -> Option<SearchPolicy> {
        self.place()?;
        let trials = self.trials.map_or(TRIALS, |(trials, _)| trials);
        let cells = runs.iter().filter(|run| run.repeat == 1).count();
        let method = match self.method.map_or(AUTO, |(word, _)| word) {
            AUTO if cells <= trials as usize => return None,
            RANDOM => Method::Random,
            _ => Method::Bayes,
        };
        Some(SearchPolicy { method, trials })
    }
}

/// Reports a search that does not know what to look for.
pub(super) fn check(asked: &SearchAsked, aimed: &[Aimed], root: &Table, problems: &mut Problems) {
    let Some(place) = asked.place() else { return };
    if aimed.is_empty() && root.get("objectives").is_none() {
        let hint = format!("write [objectives] with {}", objectives::example(" or "));
        problems.error_with(place, "a search needs [objectives]: what makes a cell better", hint);
    }
    if let Some(fourth) = aimed.get(MOST_OBJECTIVES) {
        let message = format!("a search weighs at most {MOST_OBJECTIVES} objectives");
        let hint = "drop one, or make a limit of it in [constraints]";
        problems.error_with(fourth.place, message, hint);
    }
}
