//! Whether the two sides were measured on machines whose figures can be compared.

use std::collections::BTreeSet;

use super::index::SideIndex;
use super::policy::GatePolicy;
use super::reason::{GateNote, MachineDoubt};
use crate::event::Arm;
use crate::event::fingerprint::{Fingerprint, FingerprintDifference};

/// What a fingerprint must say for its machine to be known: of each line one. Some processors have no name, and a signature instead.
const ESSENTIAL: [&[&str]; 3] = [&["arch"], &["cpu.model", "cpu.signature"], &["cpu.cores"]];

/// What is known of the machines.
pub(super) struct Environment {
    /// In what they differ, hard fields first.
    pub(super) differences: Vec<FingerprintDifference>,
    /// Why the two sides are not compared.
    pub(super) refused: Option<GateNote>,
    /// They are compared although they differ or are not known.
    pub(super) doubt: bool,
    pub(super) notes: Vec<GateNote>,
}

/// Compares every session of the one side with every one of the other.
pub(super) fn compare(
    baseline: &SideIndex<'_>,
    candidate: &SideIndex<'_>,
    policy: &GatePolicy,
) -> Environment {
    let (of_baseline, of_candidate) = (prints(baseline), prints(candidate));
    let sides = [(&of_baseline, Arm::Baseline), (&of_candidate, Arm::Candidate)];
    let unknown = sides.into_iter().filter_map(|(prints, side)| {
        let sessions = prints.iter().filter(|(_, print)| !is_known(*print)).count();
        let of = prints.len();
        (sessions > 0).then_some(MachineDoubt::Unknown { side, sessions, of })
    });
    let unknown: Vec<MachineDoubt> = unknown.collect();
    let mut differences: Vec<FingerprintDifference> = Vec::new();
    for base in of_baseline.iter().filter_map(|(_, print)| *print) {
        for new in of_candidate.iter().filter_map(|(_, print)| *print) {
            for difference in base.differences(new) {
                if !differences.contains(&difference) {
                    differences.push(difference);
                }
            }
        }
    }
    differences.sort_by(|a, b| {
        let key = |d: &FingerprintDifference| {
            (!d.hard, d.field.clone(), d.baseline.clone(), d.candidate.clone())
        };
        key(a).cmp(&key(b))
    });
    let mut environment =
        Environment { differences, refused: None, doubt: false, notes: Vec::new() };
    environment.settle(unknown, policy);
    environment.notes.extend(idle_subject(&of_baseline, &of_candidate, policy));
    environment
}

/// Whether a fingerprint says which machine it is of: one that is empty equals any other that is.
fn is_known(print: Option<&Fingerprint>) -> bool {
    let says = |print: &Fingerprint, field: &str| {
        let value = print.hard.get(field);
        value.is_some_and(|value| !value.trim().is_empty())
    };
    print
        .is_some_and(|print| ESSENTIAL.iter().all(|one| one.iter().any(|field| says(print, field))))
}

type Prints<'i> = Vec<(&'i str, Option<&'i Fingerprint>)>;

/// The fingerprint of every session that has a run.
fn prints<'i>(side: &SideIndex<'i>) -> Prints<'i> {
    let print = |id: &'i str| {
        let session = side.side.sessions.iter().find(|session| session.id == id);
        (id, session.and_then(|session| session.fingerprint.as_ref()))
    };
    side.sessions.iter().map(|id| print(id)).collect()
}

impl Environment {
    fn settle(&mut self, mut against: Vec<MachineDoubt>, policy: &GatePolicy) {
        for difference in &self.differences {
            let FingerprintDifference { field, baseline, candidate, hard } = difference.clone();
            if policy.subject.contains(&field) {
                self.notes.push(GateNote::UnderTest { field, baseline, candidate });
            } else if hard {
                against.push(MachineDoubt::Differs { field, baseline, candidate });
            }
        }
        if against.is_empty() {
            return;
        }
        if policy.any_machine {
            self.doubt = true;
            self.notes.push(GateNote::OtherMachine { against });
        } else {
            self.refused = Some(GateNote::NotCompared { against });
        }
    }
}

/// A subject that no fingerprint has: most likely a slip of the pen, and nothing is excused by it.
fn idle_subject(
    baseline: &Prints<'_>,
    candidate: &Prints<'_>,
    policy: &GatePolicy,
) -> Vec<GateNote> {
    let known: BTreeSet<&String> = baseline
        .iter()
        .chain(candidate)
        .filter_map(|(_, print)| *print)
        .flat_map(|print| print.hard.keys().chain(print.soft.keys()))
        .collect();
    let idle = policy.subject.iter().filter(|field| !known.contains(field));
    let note = |field: &String| GateNote::IdleSubject { field: field.clone() };
    if known.is_empty() { Vec::new() } else { idle.map(note).collect() }
}
