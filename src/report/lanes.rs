//! What is said of runs that were made beside others: whose figures are not those of a quiet machine.

use std::collections::BTreeSet;

use crate::event::RunRecord;

/// That some of these runs were made side by side, and how to see what that changes; nothing where each had the machine to itself.
pub(super) fn lanes(records: &[RunRecord]) -> Option<String> {
    let lanes = records.iter().filter_map(|record| record.lane.as_ref());
    let of: BTreeSet<u32> = lanes.map(|lane| lane.of).filter(|of| *of > 1).collect();
    let most = of.last()?;
    let numbers: Vec<String> = of.iter().map(u32::to_string).collect();
    Some(format!(
        "run on {} lanes at a time: figures of cells beside each other are not those of a quiet machine, since they share caches, memory \
         and clocks; `perftune doctor --lanes {most}` says by how much they move here",
        numbers.join(" and ")
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
        assert!(said.starts_with("run on 2 and 4 lanes at a time: "), "{said}");
        assert!(said.contains("`perftune doctor --lanes 4`"), "{said}");
    }
}
