//! Stored sessions as the side of a comparison.
//!
//! Keeping and promoting them is left to `app::baseline`. Invariant: nothing is compared with itself, and which sessions
//! were used is said.

use std::path::Path;

use super::side::RecordedSide;
use crate::app::Fault;
use crate::app::baseline::outlier;
use crate::app::distinct::distinct;
use crate::event::Note;
use crate::event::fingerprint::Fingerprint;
use crate::gate::{Figure, GatePolicy, GateRun, SessionInfo, Side};
use crate::report::layout::counted;
use crate::report::words;
use crate::store::baseline::{
    self, MachineBaseline, StoredFigure, StoredRun, StoredSession, WINDOW,
};

/// The sessions of a folder of baselines that were measured where the candidate was; where there are none, the latest one of
/// another machine, which the comparison then refuses by the field in which they differ. What the gate has as its subject
/// may differ. The candidate's own session is left out: nothing is compared with itself. `pinned`: instead of the last eight
/// the epoch that was pinned by the last promotion, which slow drift cannot move.
pub(super) fn read(
    root: &Path,
    candidate: &Side,
    policy: &GatePolicy,
    pinned: bool,
) -> Result<RecordedSide, Fault> {
    let shelves = baseline::read(root)?;
    let here = candidate.sessions.last();
    let here = here.and_then(|session| session.fingerprint.as_ref());
    let (matching, others): (Vec<&MachineBaseline>, Vec<&MachineBaseline>) =
        shelves.iter().partition(|shelf| comparable(shelf, here, policy));
    let is_own =
        |session: &StoredSession| candidate.sessions.iter().any(|info| own(session, &info.id));
    let mut left_out = Vec::new();
    let (mut sessions, mut epoch) = (Vec::new(), None);
    if pinned {
        let (all, name) = self::pinned(root, &matching)?;
        (sessions, epoch) = (all, Some(name));
    } else {
        for shelf in &matching {
            let (usable, outlying) = outlier::usable(shelf);
            sessions.extend(usable);
            left_out.extend(outlying);
        }
    }
    left_out.retain(|session| !is_own(session));
    sessions.retain(|session| !is_own(session));
    if sessions.is_empty() {
        // It says in which field that machine differs.
        let others = others.iter().flat_map(|shelf| &shelf.sessions);
        let others = others.filter(|session| !is_own(session));
        sessions = others.max_by_key(|session| session.time()).into_iter().collect();
    }
    let lost = baseline::lost(root)?;
    if let Some(first) = lost.first().filter(|_| sessions.is_empty()) {
        let gone = counted(lost.len(), "stored session");
        return Err(Fault::new(format!(
            "{} holds no session to compare with, and lacks {gone} that it held, {} first",
            root.display(),
            first.display()
        ))
        .hint("restore what is gone: sessions are never removed"));
    }
    if sessions.is_empty() {
        let what = if shelves.is_empty() {
            "no session yet"
        } else {
            "no session but the candidate's own"
        };
        return Err(Fault::new(format!("{} holds {what}", root.display()))
            .hint("`perftune baseline add DIR` keeps the sessions to compare with"));
    }
    sessions.sort_by_key(|session| session.time());
    let there = sessions.len();
    let sessions = &sessions[there.saturating_sub(WINDOW)..];
    let used = counted(sessions.len(), "stored session");
    let note = match epoch {
        Some(epoch) => format!("compared with the {used} of {epoch}"),
        None if sessions.len() < there => {
            format!("compared with the last {used} of {there} of this machine")
        }
        None => format!("compared with {used} of this machine"),
    };
    let notes = vec![note + &outlying(&left_out)];
    let lost = lost.iter().map(|path| path.display().to_string()).collect();
    Ok(RecordedSide { side: side(root, sessions), notes, lost, in_turn: false, gate: None })
}

/// Which sessions are not compared with, and what to do if they are the new normal.
fn outlying(left_out: &[&StoredSession]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = left_out.iter().map(|one| one.session.as_str()).collect();
    format!(
        "; without {}, whose figures lie outside those before (`perftune baseline promote --force-outlier` makes one the new reference)",
        names.join(", ")
    )
}

/// The sessions of the last promotion among these machines, and what that was.
fn pinned<'a>(
    root: &Path,
    shelves: &[&'a MachineBaseline],
) -> Result<(Vec<&'a StoredSession>, String), Fault> {
    let promoted = shelves.iter().filter_map(|shelf| Some((*shelf, shelf.pinned()?)));
    let Some((shelf, promotion)) = promoted.max_by_key(|(_, promotion)| promotion.time()) else {
        return Err(Fault::new(format!(
            "{} has no promoted session of this machine",
            root.display()
        ))
        .hint("`perftune baseline promote SESSION --reason TEXT` pins one"));
    };
    let find = |name: &String| {
        let found = shelf.sessions.iter().find(|session| session.session == *name);
        found.ok_or_else(|| {
            Fault::new(format!(
                "{} lacks the session {name} of its epoch",
                root.join(&shelf.key).display()
            ))
            .hint("sessions are never removed: restore the file, or promote another session")
        })
    };
    let sessions: Vec<_> = promotion.sessions.iter().map(find).collect::<Result<_, _>>()?;
    Ok((sessions, format!("the epoch up to {} ({})", promotion.session, promotion.reason)))
}

/// Whether a session is the candidate's: an arm has the id of its comparison and its own name behind it.
fn own(session: &StoredSession, id: &str) -> bool {
    let rest = session.session.strip_prefix(id);
    rest.is_some_and(|rest| matches!(rest, "" | "-candidate" | "-baseline"))
}

fn comparable(shelf: &MachineBaseline, here: Option<&Fingerprint>, policy: &GatePolicy) -> bool {
    let there = shelf.sessions.first().map(|session| &session.fingerprint);
    let (Some(here), Some(there)) = (here, there) else {
        return policy.any_machine;
    };
    let differ = there.differences(here);
    policy.any_machine
        || !differ.iter().any(|field| field.hard && !policy.subject.contains(&field.field))
}

fn side(root: &Path, sessions: &[&StoredSession]) -> Side {
    let cells = distinct(sessions.iter().flat_map(|session| &session.cells).cloned());
    let info = |session: &&StoredSession| SessionInfo {
        id: session.session.clone(),
        created: session.created.clone(),
        fingerprint: Some(session.fingerprint.clone()),
    };
    let runs = sessions
        .iter()
        .flat_map(|session| session.runs.iter().map(|run| gate_run(&session.session, run)));
    Side {
        name: root.display().to_string(),
        sessions: sessions.iter().map(info).collect(),
        cells,
        runs: runs.collect(),
    }
}

fn gate_run(session: &str, run: &StoredRun) -> GateRun {
    let figure = |figure: &StoredFigure| Figure {
        phase: figure.phase.clone(),
        metric: figure.metric.clone(),
        unit: figure.unit.to_string(),
        value: figure.value,
        samples: Some(figure.samples),
        note: words::notes(&figure.notes, figure.unit),
        of_worker: figure.notes.contains(&Note::SaidByWorker),
        unsaid: figure.metric.is_said() && figure.notes.iter().any(Note::is_silence),
    };
    GateRun {
        run: run.run.clone(),
        cell: run.cell.clone(),
        repeat: run.repeat,
        session: session.to_owned(),
        pairing: None,
        status: Some(run.status),
        why: String::new(),
        settings: run.settings.clone(),
        figures: run.figures.iter().map(figure).collect(),
    }
}
