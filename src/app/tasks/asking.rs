//! A search goes on: when no task will bring more of what was asked for, more is asked for.
//!
//! Invariant: what is asked for is on disk, whole, before any of it is submitted; it follows from what is on disk.

use super::collect::put_together;
use super::kept::{KeptPlan, UnitPlan};
use super::standing::Standing;
use crate::app::Fault;
use crate::app::session::{Knowledge, ask};
use crate::config::plan::Plan;
use crate::engine::EnginePolicy;
use crate::engine::state::UnitState;
use crate::store::Spread;

/// Visits that are made at the same time where nobody says how many.
const USUAL: u32 = 4;

fn most(policy: &EnginePolicy) -> usize {
    policy.array_parallelism.unwrap_or(USUAL) as usize
}

/// What is asked for first.
pub(super) fn first(plan: &Plan, kept: &KeptPlan) -> Vec<UnitPlan> {
    kept.units_of(ask(plan, Knowledge::default(), most(&plan.engine)))
}

/// Whether it is time to ask for more: nothing more comes of what was asked for by itself, nobody has ended it, and most of it has
/// taught something.
fn is_time<'a>(states: impl Iterator<Item = &'a UnitState>) -> bool {
    let (mut told, mut without) = (0, 0);
    for state in states {
        match state {
            UnitState::Done | UnitState::Failed { .. } => told += 1,
            UnitState::TimedOut
            | UnitState::TooOften { .. }
            | UnitState::Refused { .. }
            | UnitState::Over { .. } => without += 1,
            UnitState::Running { .. }
            | UnitState::Waiting { .. }
            | UnitState::Unknown
            | UnitState::Unsubmitted
            | UnitState::Lost
            | UnitState::Interrupted
            | UnitState::Cancelled => return false,
        }
    }
    told > without
}

/// Whether a visit has taught a search something: one that has failed teaches where not to look, and is not made again.
pub(super) const fn is_told(state: &UnitState) -> bool {
    matches!(state, UnitState::Done | UnitState::Failed { .. })
}

/// Asks for the next visits, where it is time to; whether there are any. `standing`: of what was asked for so far.
pub(super) fn more(
    plan: &Plan,
    spread: Spread,
    kept: &KeptPlan,
    standing: &Standing,
) -> Result<Vec<UnitPlan>, Fault> {
    let states = || standing.units.iter().map(|unit| &unit.state);
    if plan.search.is_none() || !is_time(states()) {
        return Ok(Vec::new());
    }
    let pending = states().zip(&kept.units).filter(|(state, _)| !is_told(state));
    let pending: Vec<String> = pending.flat_map(|(_, unit)| unit.cells.clone()).collect();
    let folder = spread.path().to_owned();
    // The folder is held until what is asked for is kept.
    let (results, merged) = put_together(spread, kept)?;
    let (head, records) = (results.manifest()?, merged.map(|merged| merged.records));
    let records = records.unwrap_or_default();
    let known = Knowledge { records: &records, head: head.as_ref(), pending: &pending };
    let units = kept.units_of(ask(plan, known, most(&plan.engine)));
    if !units.is_empty() {
        Spread::at(&folder)?.ask(units.clone())?;
    }
    drop(results);
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_asked_for_when_nothing_more_comes_and_most_has_taught_something() {
        use UnitState::{Cancelled, Done, Failed, Lost, Over, TimedOut, Unknown, Unsubmitted};
        let failed = || Failed { runs: 1 };
        let over = || Over { word: "OUT_OF_MEMORY".to_owned() };
        for (states, expected) in [
            (vec![Done, Done], true),
            (vec![Done, failed()], true),
            (vec![failed(), failed()], true),
            (vec![Done, Done, over()], true),
            (vec![Done, over()], false),
            (vec![TimedOut, over()], false),
            (vec![Done, Done, Unsubmitted], false),
            (vec![Done, Done, Lost], false),
            (vec![Done, Done, Unknown], false),
            (vec![Done, Done, Cancelled], false),
            (vec![], false),
        ] {
            assert_eq!(is_time(states.iter()), expected, "{states:?}");
        }
    }
}
