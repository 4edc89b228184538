//! From which machine each run of the whole is.
//!
//! Machines are told apart by what keeps figures from being compared (`event::fingerprint`): nodes that are alike are one
//! machine. Invariant: a run is of one machine.

use std::collections::HashMap;

use super::choice::Taken;
use super::grids::Part;
use crate::app::environment::is_same_machine;
use crate::event::Fingerprint;
use crate::event::fingerprint::digest;
use crate::store::MachineHead;

/// The hard field that tells a mixture of machines from another one in which they measured other cells.
const MACHINES: &str = "machines";

/// The machines of the runs that are taken, each with its runs.
pub(super) fn machines(parts: &[Part], taken: &[Taken]) -> Vec<MachineHead> {
    let mut all: Vec<MachineHead> = Vec::new();
    // Of each part: whose a run is, by the place of the machine in `all`.
    let owners: Vec<HashMap<String, usize>> =
        parts.iter().map(|part| owners(part, &mut all)).collect();
    for taken in taken {
        let machine = taken.from.as_ref().and_then(|held| owners[held.part].get(&taken.run));
        if let Some(machine) = machine {
            all[*machine].runs.push(taken.run.clone());
        }
    }
    all.retain(|machine| !machine.runs.is_empty());
    all
}

/// The machine of each run of a part; those that are new are added.
fn owners(part: &Part, all: &mut Vec<MachineHead>) -> HashMap<String, usize> {
    let mut owners = HashMap::new();
    for MachineHead { machine, fingerprint, runs } in part.recordings.head().each_machine() {
        let same =
            |known: &MachineHead| is_same_machine(known.fingerprint.as_ref(), fingerprint.as_ref());
        let place = all.iter().position(same).unwrap_or_else(|| {
            all.push(MachineHead { machine, fingerprint: fingerprint.clone(), runs: Vec::new() });
            all.len() - 1
        });
        let known = &mut all[place].fingerprint;
        *known = known.as_ref().zip(fingerprint.as_ref()).map(|(a, b)| a.joined(b));
        owners.extend(runs.into_iter().map(|run| (run, place)));
    }
    owners
}

/// The fingerprint of the whole; `None` where a machine has none.
pub(super) fn joined(
    machines: &[MachineHead],
    cell_of: impl Fn(&str) -> String,
) -> Option<Fingerprint> {
    let mut prints = machines.iter().map(|machine| machine.fingerprint.as_ref());
    let first = prints.next()??.clone();
    let mut print = prints.try_fold(first, |all, print| Some(all.joined(print?)))?;
    if machines.len() > 1 {
        let cells = machines.iter().map(|machine| {
            let mut cells: Vec<String> = machine.runs.iter().map(|run| cell_of(run)).collect();
            cells.sort_unstable();
            cells.dedup();
            cells.join("\u{1f}")
        });
        let who = cells.collect::<Vec<_>>().join("\u{1e}");
        let who = format!("{} ({:016x})", machines.len(), digest(who.as_bytes()));
        print.hard.insert(MACHINES.to_owned(), who);
    }
    Some(print)
}
