//! `perftune baseline`: sessions that later ones are compared with.

pub mod args;
mod list;
mod outlier;
mod side;

use std::fmt::Write;
use std::path::Path;

use jiff::SignedDuration;

use self::args::{AddArgs, BaselineArgs, BaselineCommand, PromoteArgs};
use super::diagnostic::Fault;
use super::exit::ExitStatus;
use super::output;
use crate::gate::SPAN_S;
use crate::store::baseline::{self, Promotion, Shelf, StoredSession, WINDOW};
use crate::store::{FORMAT, Recordings};

pub use self::side::{Reference, StoredSide, side_of_store};

/// Does what is asked.
pub fn baseline(args: &BaselineArgs) -> Result<ExitStatus, Fault> {
    let said = match &args.command {
        BaselineCommand::Add(args) => add(args)?,
        BaselineCommand::List(args) => list::render(args)?,
        BaselineCommand::Promote(args) => promote(args)?,
    };
    output::print(said.as_bytes())?;
    Ok(ExitStatus::Ok)
}

fn add(args: &AddArgs) -> Result<String, Fault> {
    let results = open(&args.dir)?;
    let commit = args.commit.as_deref().map(str::trim);
    if commit == Some("") {
        return Err(Fault::new("--commit is empty"));
    }
    let session = StoredSession::of(&results, commit.map(str::to_owned))?;
    // All that is there is read, so that a damaged file is found now and not by the check that needs it.
    let before =
        if baseline::is_baseline(&args.store) { baseline::read(&args.store)? } else { Vec::new() };
    if let Some(other) = other_arm(&before, &session.session) {
        return Err(Fault::new(format!(
            "{} is the other side of a comparison whose {other} is there",
            session.session
        ))
        .hint(
            "both ran in the same minutes, so that they are one session: one of them is enough",
        ));
    }
    let shelf = before.iter().find(|shelf| shelf.key == session.fingerprint.key());
    let there = shelf.map_or(&[][..], |shelf| &shelf.sessions);
    refuse_copy(&args.dir, &session, there)?;
    let path = baseline::add(&args.store, &session)?;
    // What a check will make of the store, this session included.
    let after = baseline::read(&args.store)?;
    let shelf = after.iter().find(|shelf| shelf.key == session.fingerprint.key());
    let (usable, left_out) = shelf.map(outlier::usable).unwrap_or_default();
    let mut said = format!(
        "added {}: {}, {}, {} in {}\n",
        session.session,
        counted(session.cells.len(), "cell"),
        counted(session.runs.len(), "run"),
        enough(outlier::last(&usable)),
        path.display()
    );
    let own = |one: &&&StoredSession| one.session == session.session;
    let mut others = usable.clone();
    others.retain(|one| one.session != session.session);
    let others = outlier::last(&others);
    if let Some(found) = outlier::outlying(&session, others) {
        let checks = match left_out.iter().find(own) {
            Some(_) => ", checks leave it out",
            None => "",
        };
        let _ = writeln!(
            said,
            "its figures lie outside of those of the {} others: {found}; it stays on record{checks}, and `promote` refuses it",
            others.len()
        );
    }
    Ok(said)
}

/// The session in the store that is the other arm of the same comparison.
fn other_arm<'a>(shelves: &'a [Shelf], session: &str) -> Option<&'a str> {
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
    let arms = ["baseline", "candidate"].map(|arm| dir.join(arm));
    let both = arms.iter().all(|arm| arm.join("manifest.json").is_file());
    Recordings::open(dir).map_err(|error| {
        let fault = Fault::from(error);
        if !both {
            return fault;
        }
        let [baseline, candidate] = arms.each_ref().map(|arm| arm.display());
        fault.hint(format!(
            "it holds the two arms of a comparison, each a session of its own: name {baseline} or {candidate}"
        ))
    })
}

fn promote(args: &PromoteArgs) -> Result<String, Fault> {
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Fault::new("--reason is empty")
            .hint("say why later sessions are to be compared with this one"));
    }
    let shelves = baseline::read(&args.store)?;
    let (shelf, at) = find(&shelves, &args.session)?;
    let session = &shelf.sessions[at];
    let (usable, _) = outlier::usable(shelf);
    let others: Vec<&StoredSession> =
        usable.iter().copied().filter(|other| other.session != session.session).collect();
    let others = outlier::last(&others);
    let outlying = outlier::outlying(session, others);
    if let Some(found) = outlying.as_ref().filter(|_| !args.force_outlier) {
        return Err(Fault::new(format!(
            "the figures of {} lie outside of those of the {} others: {found}",
            session.session,
            others.len()
        ))
        .hint("promote another session, or this one all the same with --force-outlier; it stays on record either way"));
    }
    let before = &shelf.sessions[..=at];
    let mut epoch: Vec<&StoredSession> = usable;
    epoch.retain(|one| before.contains(one) && one.session != session.session);
    if outlying.is_some() {
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
        outlying,
    };
    let path = baseline::promote(&args.store, &shelf.key, &promotion)?;
    let judged = match others.len() {
        0 | 1 => "; too few others to tell whether it is outlying",
        _ => "",
    };
    Ok(format!(
        "promoted {}: the epoch is {}, {}{judged}; recorded in {}\n",
        session.session,
        counted(epoch.len(), "session"),
        enough(epoch),
        path.display()
    ))
}

/// The machine and the place of the session that a name, or the beginning of one, means.
fn find<'a>(shelves: &'a [Shelf], name: &str) -> Result<(&'a Shelf, usize), Fault> {
    let all = shelves.iter().flat_map(|shelf| (0..shelf.sessions.len()).map(move |at| (shelf, at)));
    let called = |(shelf, at): &(&'a Shelf, usize)| shelf.sessions[*at].session.as_str();
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

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What is said of sessions that are enough by their number only.
const TOO_NARROW: &str =
    "since sessions of less than two days vary less than the next one may; add some of other days";

/// From the first to the last of these sessions.
fn span<'a>(sessions: impl Iterator<Item = &'a StoredSession> + Clone) -> SignedDuration {
    let times = sessions.map(StoredSession::time);
    match (times.clone().min(), times.max()) {
        (Some(first), Some(last)) => last.duration_since(first),
        _ => SignedDuration::ZERO,
    }
}

/// What these sessions are good for.
fn enough(sessions: &[&StoredSession]) -> String {
    let count = sessions.len();
    if count < WINDOW {
        format!("{count} of the {WINDOW} sessions of this machine that full verdicts need")
    } else if span(sessions.iter().copied()).as_secs() < SPAN_S {
        format!("{count} sessions give no full verdicts yet, {TOO_NARROW}")
    } else {
        "enough for full verdicts".to_owned()
    }
}

/// Refuses a session whose every figure is that of another one: a copy under another name would count as evidence.
fn refuse_copy(dir: &Path, session: &StoredSession, there: &[StoredSession]) -> Result<(), Fault> {
    let twin =
        there.iter().find(|other| other.session != session.session && other.measured_as(session));
    twin.map_or(Ok(()), |twin| {
        Err(Fault::new(format!(
            "{} has the figures of the session {} to the last bit: it is a copy, and says nothing new",
            dir.display(),
            twin.session
        ))
        .hint("run the grid again, and add what that measures"))
    })
}
