//! `[search]`: some cells instead of all, chosen by what is known of those that were measured.

use super::objectives::{self, Aimed};
use crate::document::problems::{Place, Problems};
use crate::document::tree::Table;
use crate::search::{Method, SearchPolicy};

/// The word that leaves the method to perftune.
pub(super) const AUTO: &str = "auto";
const GRID: &str = "grid";
const RANDOM: &str = "random";
const HALVING: &str = "halving";

/// The words of `method`.
pub(super) const METHODS: &[&str] = &[AUTO, GRID, RANDOM, HALVING, "bayes"];

/// Runs where nobody says how many, nor how long.
pub(super) const TRIALS: u32 = 40;

/// The most objectives that a search weighs against each other.
const MOST_OBJECTIVES: usize = 3;

/// What `[search]` says; absent where it does not.
#[derive(Debug, Clone, Default)]
pub(super) struct SearchAsked {
    pub(super) method: Option<(&'static str, Place)>,
    pub(super) trials: Option<(u32, Place)>,
    pub(super) budget: Option<(f64, Place)>,
    pub(super) prune: Option<bool>,
    pub(super) seed: Option<(u32, Place)>,
}

impl SearchAsked {
    /// Where a search is asked for.
    fn place(&self) -> Option<Place> {
        if self.method.is_some_and(|(word, _)| word == GRID) {
            return None;
        }
        let of_method = self.method.map(|(_, place)| place);
        let of_trials = self.trials.map(|(_, place)| place);
        of_method.or(of_trials).or(self.budget.map(|(_, place)| place))
    }

    /// The search, in a grid of this seed and budget; none where each cell is to be run.
    pub(super) fn policy(&self, seed: u64, budget_s: Option<f64>) -> Option<SearchPolicy> {
        self.place()?;
        let method = match self.method.map_or(AUTO, |(word, _)| word) {
            RANDOM => Method::Random,
            HALVING => Method::Halving,
            _ => Method::Bayes,
        };
        // Halving shares out beforehand what there is.
        let by_time_alone = budget_s.is_some() && method != Method::Halving;
        let trials = self.trials.map(|(trials, _)| trials);
        Some(SearchPolicy {
            method,
            trials: trials.or((!by_time_alone).then_some(TRIALS)),
            is_timed: budget_s.is_some(),
            prunes: self.prune.unwrap_or(true),
            seed: self.seed.map_or(seed, |(seed, _)| seed.into()),
        })
    }
}

/// Reports a search that does not know what to look for, or has two budgets.
pub(super) fn check(
    asked: &SearchAsked,
    aimed: &[Aimed],
    budget_s: Option<f64>,
    root: &Table,
    problems: &mut Problems,
) {
    if let Some((_, place)) = asked.budget.filter(|_| budget_s.is_some()) {
        let message = "[search] budget and [run] budget both limit the time of the whole grid";
        problems.error_with(place, message, "drop one");
    }
    let Some(place) = asked.place() else { return };
    if aimed.is_empty() && root.get("objectives").is_none() {
        let hint = format!("write [objectives] with {}", objectives::example(" or "));
        problems.error_with(place, "a search needs [objectives]: what to optimize", hint);
    }
    if let Some(fourth) = aimed.get(MOST_OBJECTIVES) {
        let message = format!("a search takes at most {MOST_OBJECTIVES} objectives");
        let hint = "drop one, or turn one into a limit in [constraints]";
        problems.error_with(fourth.place, message, hint);
    }
}
