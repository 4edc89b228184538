//! Whether the two sides were measured on machines whose figures can be compared.

use std::collections::BTreeSet;

use super::index::SideIndex;
use super::policy::GatePolicy;
use crate::event::fingerprint::{Fingerprint, FingerprintDifference};

/// What a fingerprint must say for its machine to be known: of each line one. Some processors have no name, and a signature instead.
const ESSENTIAL: [&[&str]; 3] = [&["arch"], &["cpu.model", "cpu.signature"], &["cpu.cores"]];

/// What is known of the machines.
pub(super) struct Environment {
    /// In what they differ, hard fields first.
    pub(super) differences: Vec<FingerprintDifference>,
    /// Why the two sides are not compared.
    pub(super) refused: Option<String>,
    /// They are compared although they differ or are not known.
    pub(super) doubt: Option<String>,
    pub(super) notes: Vec<String>,
}

/// Compares every session of the one side with every one of the other.
pub(super) fn compare(
    baseline: &SideIndex<'_>,
    candidate: &SideIndex<'_>,
    policy: &GatePolicy,
) -> Environment {
    let (of_baseline, of_candidate) = (prints(baseline), prints(candidate));
    let unknown: Vec<String> = [(&of_baseline, "baseline"), (&of_candidate, "candidate")]
        .into_iter()
        .filter_map(|(prints, side)| {
            let unknown = prints.iter().filter(|(_, print)| !is_known(*print)).count();
            (unknown > 0).then(|| match prints.len() {
                1 => format!("nothing is known of the machine of the {side}"),
                n => format!(
                    "nothing is known of the machine of {unknown} of the {n} sessions of the {side}"
                ),
            })
        })
        .collect();
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
        Environment { differences, refused: None, doubt: None, notes: Vec::new() };
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
    fn settle(&mut self, mut against: Vec<String>, policy: &GatePolicy) {
        for difference in &self.differences {
            let FingerprintDifference { field, baseline, candidate, hard } = difference;
            if policy.subject.contains(field) {
                self.notes.push(format!("under test: {field} is `{baseline}` and `{candidate}`"));
            } else if *hard {
                against.push(format!("{field} is `{baseline}` and `{candidate}`"));
            }
        }
        if against.is_empty() {
            return;
        }
        let against = against.join("; ");
        if policy.any_machine {
            let doubt = "compared although the machines differ or are not known";
            self.doubt = Some(doubt.to_owned());
            self.notes.push(format!("{doubt}: {against}"));
        } else {
            self.refused = Some(against);
        }
    }
}

/// A subject that no fingerprint has: most likely a slip of the pen, and nothing is excused by it.
fn idle_subject(baseline: &Prints<'_>, candidate: &Prints<'_>, policy: &GatePolicy) -> Vec<String> {
    let known: BTreeSet<&String> = baseline
        .iter()
        .chain(candidate)
        .filter_map(|(_, print)| *print)
        .flat_map(|print| print.hard.keys().chain(print.soft.keys()))
        .collect();
    let idle = policy.subject.iter().filter(|field| !known.contains(field));
    let note = |field: &String| format!("subject `{field}` is in neither fingerprint");
    if known.is_empty() { Vec::new() } else { idle.map(note).collect() }
}
