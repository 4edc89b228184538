//! What is said of runs that were made beside others: whose figures are not those of a quiet machine.

use crate::event::RunRecord;

/// How many of these runs were made at a time; nothing where each had the machine to itself.
pub(super) fn most_lanes(records: &[RunRecord]) -> Option<u32> {
    let lanes = records.iter().filter_map(|record| record.lane.as_ref());
    lanes.map(|lane| lane.of).filter(|of| *of > 1).max()
}

/// That some of these runs were made side by side, and how to see what that changes; nothing where none was.
pub(super) fn lanes(records: &[RunRecord]) -> Option<String> {
    let most = most_lanes(records)?;
    Some(format!(
        "cells ran side by side: their figures are not those of a quiet machine, since they share caches, memory and clocks; \
         `perftune doctor --lanes {most}` measures by how much"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Lane;
    use crate::report::fixtures::completed;

    fn on(of: u32) -> RunRecord {
        let lane = Lane { number: 1, of, cpus: vec![0], gpu: None };
        RunRecord { lane: Some(lane), ..completed() }
    }

    #[test]
    fn only_runs_beside_others_are_told_of() {
        assert_eq!(lanes(&[completed(), on(1)]), None);
        let said = lanes(&[completed(), on(4), on(2), on(4)]).unwrap();
        assert!(said.contains("`perftune doctor --lanes 4`"), "{said}");
    }
}
