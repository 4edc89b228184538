//! Whether the two sides were measured on machines, and with settings, whose figures can be compared.
//!
//! A cell of one name that was told something else is other work. Where the sides took turns somebody has set them so, and it
//! is said; of two recordings nobody knows whether it is what is to be tested, so it has to be named.

use std::collections::BTreeSet;

use super::index::SideIndex;
use super::policy::GatePolicy;
use super::reason::GateNote;
use super::unlike::{MachineDoubt, OtherSetting};
use crate::event::axis::DATA;
use crate::event::fingerprint::{Fingerprint, FingerprintDifference};
use crate::event::{Arm, AxisDef, AxisList};

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
    in_turns: bool,
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
    let mut against = unknown;
    against.extend(environment.machines(policy));
    // What the machine is known by is said of the machine.
    let of_machine = |key: &str| {
        let mut prints = of_baseline.iter().chain(&of_candidate).filter_map(|(_, print)| *print);
        prints.any(|print| print.hard.contains_key(key))
    };
    let differ =
        settings(baseline, candidate).into_iter().filter(|found| !of_machine(&found.setting));
    for found in differ {
        if in_turns || policy.subject.contains(&found.setting) {
            environment.notes.push(GateNote::OtherSetting(found));
        } else {
            against.push(MachineDoubt::Setting(found));
        }
    }
    environment.settle(against, policy);
    let told = [baseline, candidate].iter().any(|side| side.tell_settings());
    let axes = told.then(|| axes([baseline, candidate]));
    environment.notes.extend(idle_subject(&of_baseline, &of_candidate, policy, axes.as_ref()));
    environment
}

/// The axes that the sides tell of; of the user's own those that any run was told.
fn axes(sides: [&SideIndex<'_>; 2]) -> AxisList {
    let mut list = AxisList::default();
    let runs = sides.into_iter().flat_map(SideIndex::runs);
    for key in runs.flat_map(|run| run.settings.keys()) {
        if list.setting_keys().all(|known| known != key) {
            list.add(AxisDef::own(key));
        }
    }
    list
}

/// Settings of cells that both sides have, where they are not the same.
fn settings(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> Vec<OtherSetting> {
    let mut found: Vec<OtherSetting> = Vec::new();
    let axes = axes([baseline, candidate]);
    for (cell, new) in &candidate.cells {
        let Some(base) = baseline.cells.get(cell) else { continue };
        for key in axes.setting_keys() {
            // Where an axis of one's own is not told of there was none; which data it was is told since a version alone.
            let own = axes.find(key).filter(|axis| axes.def(*axis).is_own());
            let is_own = own.is_some() && key != DATA;
            let without = is_own.then_some("-");
            let (base, new) = (base.values_of(key, without), new.values_of(key, without));
            if base.is_empty() || new.is_empty() || base == new {
                continue;
            }
            let shown = |values: BTreeSet<&str>| Vec::from_iter(values).join(" | ");
            let (baseline, candidate) = (shown(base), shown(new));
            let same = found.iter_mut().find(|it| {
                (&*it.setting, &it.baseline, &it.candidate) == (key, &baseline, &candidate)
            });
            match same {
                Some(same) => same.cells.push((*cell).to_owned()),
                None => found.push(OtherSetting {
                    setting: key.to_owned(),
                    baseline,
                    candidate,
                    cells: vec![(*cell).to_owned()],
                }),
            }
        }
    }
    found
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
    /// In what the machines differ that is not under test.
    fn machines(&mut self, policy: &GatePolicy) -> Vec<MachineDoubt> {
        let mut against = Vec::new();
        for difference in &self.differences {
            let FingerprintDifference { field, baseline, candidate, hard } = difference.clone();
            if policy.subject.contains(&field) {
                self.notes.push(GateNote::UnderTest { field, baseline, candidate });
            } else if hard {
                against.push(MachineDoubt::Differs { field, baseline, candidate });
            }
        }
        against
    }

    fn settle(&mut self, against: Vec<MachineDoubt>, policy: &GatePolicy) {
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

/// A subject that no fingerprint has, and that is no setting where these are told: most likely a slip of the pen, and nothing
/// is excused by it.
fn idle_subject(
    baseline: &Prints<'_>,
    candidate: &Prints<'_>,
    policy: &GatePolicy,
    told: Option<&AxisList>,
) -> Vec<GateNote> {
    let known: BTreeSet<&String> = baseline
        .iter()
        .chain(candidate)
        .filter_map(|(_, print)| *print)
        .flat_map(|print| print.hard.keys().chain(print.soft.keys()))
        .collect();
    let is_setting =
        |field: &str| told.is_some_and(|axes| axes.setting_keys().any(|key| key == field));
    let idle = policy.subject.iter().filter(|field| !known.contains(field) && !is_setting(field));
    let note = |field: &String| GateNote::IdleSubject { field: field.clone() };
    if known.is_empty() { Vec::new() } else { idle.map(note).collect() }
}
