//! Folders of baselines: sessions of a machine that later ones are compared with.
//!
//! A folder is append-only: sessions are added and promoted, never changed. Which of them a candidate is compared with is
//! decided here; how it is compared is the gate's.

pub(in crate::app) mod outlier;

use std::path::Path;

use jiff::SignedDuration;

use super::Fault;
use super::compare::source::holds_both;
use crate::event::Arm;
use crate::gate::SPAN_S;
use crate::report::sessions::{
    AddedSession, Evidence, KeptSession, Outlying, Promoted, PromotedSession, SessionList,
    SessionsOfMachine,
};
use crate::store::baseline::{self, MachineBaseline, Promotion, StoredSession, WINDOW};
use crate::store::{FORMAT, Recordings};

/// Keeps what a results folder measured as a session.
pub fn add(store: &Path, dir: &Path, commit: Option<&str>) -> Result<AddedSession, Fault> {
    let results = open(dir)?;
    let commit = commit.map(str::trim);
    if commit == Some("") {
        return Err(Fault::new("--commit is empty"));
    }
    let session = StoredSession::of(&results, commit.map(str::to_owned))?;
    // All that is there is read, so that a damaged file is found now and not by the check that needs it.
    let before = if baseline::is_baseline(store) { baseline::read(store)? } else { Vec::new() };
    if let Some(other) = other_arm(&before, &session.session) {
        return Err(Fault::new(format!(
            "{} is the other side of a comparison whose {other} is there",
            session.session
        ))
        .hint("both ran at the same time, so they are one session: one of them is enough"));
    }
    let shelf = before.iter().find(|shelf| shelf.key == session.fingerprint.key());
    let there = shelf.map_or(&[][..], |shelf| &shelf.sessions);
    refuse_copy(dir, &session, there)?;
    let path = baseline::add(store, &session)?;
    // What a check will make of the store, this session included.
    let after = baseline::read(store)?;
    let shelf = after.iter().find(|shelf| shelf.key == session.fingerprint.key());
    let (usable, left_out) = shelf.map(outlier::usable).unwrap_or_default();
    let standing = outlier::standing(&session, &usable);
    let outlying = standing.outlying.map(|figures| Outlying {
        others: standing.others,
        figures,
        left_out: left_out.iter().any(|one| one.session == session.session),
    });
    Ok(AddedSession {
        cells: session.cells.len(),
        runs: session.runs.len(),
        evidence: evidence(outlier::last(&usable)),
        path,
        outlying,
        session: session.session,
    })
}

/// The session in the store that is the other arm of the same comparison.
fn other_arm<'a>(shelves: &'a [MachineBaseline], session: &str) -> Option<&'a str> {
    let arms = ["-baseline", "-candidate"];
    let comparison = |name: &'a str| arms.iter().find_map(|arm| name.strip_suffix(arm));
    let own = arms.iter().find_map(|arm| session.strip_suffix(arm))?;
    let stored = shelves.iter().flat_map(|shelf| &shelf.sessions);
    stored
        .map(|stored| stored.session.as_str())
        .find(|name| *name != session && comparison(name) == Some(own))
}

/// The results folder; for one of two arms a word on which to name.
fn open(dir: &Path) -> Result<Recordings, Fault> {
    Recordings::open(dir).map_err(|error| {
        let fault = Fault::from(error);
        if !holds_both(dir) {
            return fault;
        }
        let [baseline, candidate] = Arm::BOTH.map(|arm| dir.join(arm.name()));
        fault.hint(format!(
            "it holds the two sides of a comparison, each a session of its own: name {} or {}",
            baseline.display(),
            candidate.display()
        ))
    })
}

/// Makes a session the reference, `named` by as much of its beginning as only it has; with `force` one that lies outside of
/// the others, too.
pub fn promote(
    store: &Path,
    named: &str,
    reason: &str,
    force: bool,
) -> Result<PromotedSession, Fault> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Fault::new("--reason is empty")
            .hint("say why later sessions are to be compared with this one"));
    }
    let shelves = baseline::read(store)?;
    if let Some(path) = baseline::lost(store)?.first() {
        return Err(Fault::new(format!(
            "{} is gone, which may belong to the epoch",
            path.display()
        ))
        .hint("restore it first: sessions are never removed"));
    }
    let (shelf, at) = find(&shelves, named)?;
    let session = &shelf.sessions[at];
    let (usable, _) = outlier::usable(shelf);
    let standing = outlier::standing(session, &usable);
    let judged = standing.is_judged();
    if let Some(found) = standing.outlying.as_ref().filter(|_| !force) {
        return Err(Fault::new(format!(
            "the figures of {} lie outside those of the {} others: {found}",
            session.session, standing.others
        ))
        .hint("promote another session, or this one anyway with --force-outlier; it stays on record either way"));
    }
    let before = &shelf.sessions[..=at];
    let mut epoch: Vec<&StoredSession> = usable;
    epoch.retain(|one| before.contains(one) && one.session != session.session);
    if standing.outlying.is_some() {
        // What was normal before it is not what it stands for.
        epoch.clear();
    }
    epoch.push(session);
    let epoch = outlier::last(&epoch);
    let promotion = Promotion {
        format: FORMAT,
        session: session.session.clone(),
        promoted: jiff::Timestamp::now().to_string(),
        reason: reason.to_owned(),
        sessions: epoch.iter().map(|session| session.session.clone()).collect(),
        outlying: standing.outlying,
    };
    let path = baseline::promote(store, &shelf.key, &promotion)?;
    Ok(PromotedSession {
        session: session.session.clone(),
        epoch: epoch.len(),
        evidence: evidence(epoch),
        judged,
        path,
    })
}

/// The sessions of each machine.
pub fn list(store: &Path) -> Result<SessionList, Fault> {
    let shelves = baseline::read(store)?;
    Ok(SessionList {
        store: store.display().to_string(),
        needed: WINDOW,
        lost: baseline::lost(store)?,
        machines: shelves.iter().map(machine).collect(),
    })
}

fn machine(shelf: &MachineBaseline) -> SessionsOfMachine {
    let (usable, _) = outlier::usable(shelf);
    let rolling = outlier::last(&usable);
    let fingerprint = rolling.first().map(|session| session.fingerprint.clone());
    SessionsOfMachine {
        key: shelf.key.clone(),
        fingerprint: fingerprint.unwrap_or_default(),
        enough: evidence(rolling) == Evidence::Enough,
        days: span(rolling).as_secs_f64() / 86_400.0,
        sessions: shelf.sessions.iter().map(|session| kept(shelf, &usable, session)).collect(),
    }
}

fn kept(
    shelf: &MachineBaseline,
    usable: &[&StoredSession],
    session: &StoredSession,
) -> KeptSession {
    let name = &session.session;
    let rolling = outlier::last(usable);
    let promoted = shelf.promotions.iter().filter(|promotion| promotion.session == *name);
    let promoted = promoted.map(|promotion| Promoted {
        at: promotion.promoted.clone(),
        reason: promotion.reason.clone(),
        outlying: promotion.outlying.clone(),
    });
    KeptSession {
        session: name.clone(),
        created: session.created.clone(),
        commit: session.commit.clone(),
        grid: session.grid.clone(),
        perftune: session.perftune.clone(),
        cells: session.cells.len(),
        runs: session.runs.len(),
        rolling: rolling.iter().any(|other| other.session == *name),
        pinned: shelf.pinned().is_some_and(|promotion| promotion.sessions.contains(name)),
        outlying: outlier::standing(session, usable).outlying,
        promoted: promoted.collect(),
    }
}

/// The machine and the place of the session that a name, or the beginning of one, means.
fn find<'a>(
    shelves: &'a [MachineBaseline],
    name: &str,
) -> Result<(&'a MachineBaseline, usize), Fault> {
    let all = shelves.iter().flat_map(|shelf| (0..shelf.sessions.len()).map(move |at| (shelf, at)));
    let called = |(shelf, at): &(&'a MachineBaseline, usize)| shelf.sessions[*at].session.as_str();
    let all: Vec<_> = all.collect();
    if let Some(found) = all.iter().find(|found| called(found) == name) {
        return Ok(*found);
    }
    let begun: Vec<_> =
        all.iter().filter(|found| !name.is_empty() && called(found).starts_with(name)).collect();
    match begun.as_slice() {
        [one] => Ok(**one),
        [] => Err(Fault::new(format!("there is no session {name:?}"))
            .hint("`perftune baseline list` shows them")),
        several => {
            let names: Vec<_> = several.iter().map(|found| called(found)).collect();
            Err(Fault::new(format!(
                "{name:?} is the beginning of several sessions: {}",
                names.join(", ")
            )))
        }
    }
}

/// From the first to the last of these sessions.
fn span(sessions: &[&StoredSession]) -> SignedDuration {
    let times = sessions.iter().map(|session| session.time());
    match (times.clone().min(), times.max()) {
        (Some(first), Some(last)) => last.duration_since(first),
        _ => SignedDuration::ZERO,
    }
}

/// What these sessions are good for.
fn evidence(sessions: &[&StoredSession]) -> Evidence {
    match sessions.len() {
        count if count < WINDOW => Evidence::TooFew(count),
        count if span(sessions).as_secs() < SPAN_S => Evidence::TooNarrow(count),
        _ => Evidence::Enough,
    }
}

/// Refuses a session whose every figure is that of another one: a copy under another name would count as evidence.
fn refuse_copy(dir: &Path, session: &StoredSession, there: &[StoredSession]) -> Result<(), Fault> {
    let twin =
        there.iter().find(|other| other.session != session.session && other.measured_as(session));
    twin.map_or(Ok(()), |twin| {
        Err(Fault::new(format!(
            "{} has exactly the figures of the session {}: it is a copy and adds nothing",
            dir.display(),
            twin.session
        ))
        .hint("run the grid again, and add those results"))
    })
}
