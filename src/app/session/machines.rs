//! From which machine each run of a folder is, where the folder goes on on another one than before.
//!
//! Invariant: a run that is kept stays one of the machine that made it.

use std::collections::{HashMap, HashSet};

use crate::app::environment::is_same_machine;
use crate::event::RunRecord;
use crate::store::MachineHead;

/// The machines of a folder.
pub(super) struct Machines {
    /// Each with the runs that are kept of it.
    all: Vec<MachineHead>,
    /// The place of this machine among them.
    own: usize,
}

impl Machines {
    /// Of a folder that goes on here; `all`: its machines before, `kept`: its runs that are not made again, `now`: this machine,
    /// without runs.
    pub(super) fn new(mut all: Vec<MachineHead>, kept: &[RunRecord], now: MachineHead) -> Self {
        let kept: HashSet<&str> = kept.iter().map(|record| &*record.run).collect();
        for machine in &mut all {
            machine.runs.retain(|run| kept.contains(&**run));
        }
        all.retain(|machine| !machine.runs.is_empty());
        let same = |known: &MachineHead| {
            is_same_machine(known.fingerprint.as_ref(), now.fingerprint.as_ref())
        };
        let own = all.iter().position(same).unwrap_or_else(|| {
            all.push(now);
            all.len() - 1
        });
        Self { all, own }
    }

    /// Which one this is, from 1; none where there is no other.
    pub(super) fn own(&self) -> Option<u32> {
        u32::try_from(self.own + 1).ok().filter(|_| self.all.len() > 1)
    }

    /// The machine of each run that is kept, where there are several.
    pub(super) fn of_kept(&self) -> HashMap<&str, u32> {
        let several = (1..).zip(&self.all).filter(|_| self.all.len() > 1);
        let runs =
            several.flat_map(|(number, machine)| machine.runs.iter().map(move |run| (run, number)));
        runs.map(|(run, number)| (&**run, number)).collect()
    }

    /// As the manifest has them: what no other one has made of these runs is made here. Nothing where there is one.
    pub(super) fn listed(&self, runs: &[String]) -> Vec<MachineHead> {
        if self.all.len() < 2 {
            return Vec::new();
        }
        let mut all = self.all.clone();
        let others = self.all.iter().enumerate().filter(|(place, _)| *place != self.own);
        let taken: HashSet<&String> = others.flat_map(|(_, machine)| &machine.runs).collect();
        all[self.own].runs = runs.iter().filter(|run| !taken.contains(run)).cloned().collect();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fingerprint;
    use crate::report::fixtures::completed;

    fn machine(cores: &str, runs: &[&str]) -> MachineHead {
        let hard = [("cpu.cores".to_owned(), cores.to_owned())].into();
        MachineHead {
            machine: serde_json::Value::Null,
            fingerprint: Some(Fingerprint { hard, ..Fingerprint::default() }),
            runs: runs.iter().map(|run| (*run).to_owned()).collect(),
        }
    }

    fn kept(runs: &[&str]) -> Vec<RunRecord> {
        runs.iter().map(|run| RunRecord { run: (*run).to_owned(), ..completed() }).collect()
    }

    #[test]
    fn a_folder_that_goes_on_elsewhere_is_of_two_machines() {
        let order = ["a", "b", "c", "d"].map(str::to_owned);
        let now = || machine("4", &[]);
        let same = Machines::new(vec![machine("4", &["a", "b", "c"])], &kept(&["a"]), now());
        assert_eq!((same.own(), same.listed(&order)), (None, Vec::new()));
        // Nothing is kept of the other one.
        let gone = Machines::new(vec![machine("8", &["a", "b", "c"])], &[], now());
        assert_eq!(gone.own(), None);
        let two = Machines::new(vec![machine("8", &["a", "b", "c"])], &kept(&["b"]), now());
        assert_eq!((two.own(), two.of_kept()), (Some(2), HashMap::from([("b", 1)])));
        let listed = [machine("8", &["b"]), machine("4", &["a", "c", "d"])];
        assert_eq!(two.listed(&order), listed);
        // And back again, where one run of the other machine was lost.
        let back = Machines::new(listed.to_vec(), &kept(&["b", "c", "d"]), machine("8", &[]));
        assert_eq!(back.own(), Some(1));
        assert_eq!(back.listed(&order), [machine("8", &["a", "b"]), machine("4", &["c", "d"])]);
    }
}
