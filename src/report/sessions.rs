//! Sessions that are kept as baselines: what was added, what is there, what was promoted.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::ReportError;
use super::layout::{Column, counted, render};
use crate::event::fingerprint::Fingerprint;
use crate::store::baseline::WINDOW;

/// What is shown of a machine when a person reads it, most telling first.
const TOLD: &[&str] =
    &["cpu.model", "cpu.cores", "cpu.quota", "memory.class", "gpu", "tpu", "libtorch"];

/// What is said of sessions that are enough by their number only.
const TOO_NARROW: &str =
    "since sessions of less than two days vary less than the next one may; add some of other days";

/// What the sessions of a machine are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// So many, and full verdicts need more.
    TooFew(usize),
    /// So many, of too short a time.
    TooNarrow(usize),
    /// Enough for full verdicts.
    Enough,
}

impl Evidence {
    fn text(self) -> String {
        match self {
            Self::TooFew(ref count) => {
                format!(
                    "full verdicts need {WINDOW} sessions of this machine over two days or more, and {count} {}",
                    if *count == 1 { "counts" } else { "count" }
                )
            }
            Self::TooNarrow(count) => {
                format!("{count} sessions give no full verdicts yet, {TOO_NARROW}")
            }
            Self::Enough => "enough for full verdicts".to_owned(),
        }
    }
}

/// A session that was added.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedSession {
    /// Its name.
    pub session: String,
    /// How many cells it has.
    pub cells: usize,
    /// How many runs.
    pub runs: usize,
    /// What its machine's sessions are good for now.
    pub evidence: Evidence,
    /// Its file.
    pub path: PathBuf,
    /// In what it differs from the others, if it does.
    pub outlying: Option<Outlying>,
}

/// In what a session lies outside of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlying {
    /// Of how many others.
    pub others: usize,
    /// In which figures, for people.
    pub figures: String,
    /// Whether checks leave it out.
    pub left_out: bool,
}

impl AddedSession {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "added {}: {}, {}, in {}; {}\n",
            self.session,
            counted(self.cells, "cell"),
            counted(self.runs, "run"),
            self.path.display(),
            self.evidence.text()
        );
        if let Some(Outlying { others, figures, left_out }) = &self.outlying {
            let checks = if *left_out {
                "checks leave it out"
            } else {
                "checks take it all the same, since others are left out already and the machine may have changed"
            };
            let _ = writeln!(
                text,
                "its figures lie outside those of the {others} others: {figures}; it stays on record, {checks}, and `promote` \
                 refuses it, unless sessions that are added later show it to be like them"
            );
        }
        text
    }
}

/// A session that was promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotedSession {
    /// Its name.
    pub session: String,
    /// Sessions of the epoch that is pinned with it.
    pub epoch: usize,
    /// What they are good for.
    pub evidence: Evidence,
    /// Whether there were others enough to tell whether it is outlying.
    pub judged: bool,
    /// Where the promotion is recorded.
    pub path: PathBuf,
}

impl PromotedSession {
    /// For people.
    pub fn text(&self) -> String {
        let judged =
            if self.judged { "" } else { "; too few others to tell whether it is outlying" };
        format!(
            "promoted {}: the epoch is {}, {}{judged}; recorded in {}\n",
            self.session,
            counted(self.epoch, "session"),
            self.evidence.text(),
            self.path.display()
        )
    }
}

/// The sessions of a folder of baselines.
#[derive(Debug, Serialize)]
pub struct SessionList {
    /// Its path.
    pub store: String,
    /// Sessions that a full verdict rests on.
    pub needed: usize,
    /// Files that were written and are gone.
    pub lost: Vec<PathBuf>,
    /// One for each fingerprint.
    pub machines: Vec<SessionsOfMachine>,
}

/// The sessions of a machine.
#[derive(Debug, Serialize)]
pub struct SessionsOfMachine {
    /// A short hash of its fingerprint.
    pub key: String,
    /// What it is.
    pub fingerprint: Fingerprint,
    /// Whether its last sessions are enough for full verdicts.
    pub enough: bool,
    /// From the first to the last of the sessions that a check compares with.
    pub days: f64,
    /// Oldest first.
    pub sessions: Vec<KeptSession>,
}

/// A session that is kept.
#[derive(Debug, Serialize)]
pub struct KeptSession {
    /// Its name.
    pub session: String,
    /// When it was measured.
    pub created: String,
    /// Of what was measured.
    pub commit: Option<String>,
    /// The name of the grid.
    pub grid: String,
    /// By which version.
    pub perftune: String,
    /// How many.
    pub cells: usize,
    /// How many.
    pub runs: usize,
    /// Whether a check compares with it.
    pub rolling: bool,
    /// Whether it is part of the pinned epoch.
    pub pinned: bool,
    /// In which figures it lies outside of the sessions that checks compare with.
    pub outlying: Option<String>,
    /// Each time that it was.
    pub promoted: Vec<Promoted>,
}

/// A promotion of it.
#[derive(Debug, Serialize)]
pub struct Promoted {
    /// When.
    pub at: String,
    /// Why.
    pub reason: String,
    /// In which figures it lay outside of the others.
    pub outlying: Option<String>,
}

impl SessionList {
    /// For programs.
    pub fn json(&self) -> Result<String, ReportError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// For people, in lines of at most `width` characters.
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        for machine in &self.machines {
            let told = TOLD.iter().filter_map(|field| {
                let value = machine.fingerprint.get(field)?;
                Some(match *field {
                    "cpu.cores" => format!("{value} cores"),
                    "memory.class" => format!("memory class {value}"),
                    _ => value.to_owned(),
                })
            });
            let told: Vec<String> = told.filter(|value| value != "none").collect();
            let _ = writeln!(text, "machine {}: {}", machine.key, told.join(", "));
            text += &render(columns(&machine.sessions), width);
            let _ = writeln!(text, "{}\n", judged(machine));
        }
        for path in &self.lost {
            let _ = writeln!(text, "{} is gone: no check passes without it", path.display());
        }
        if self.machines.is_empty() {
            let yet = if self.lost.is_empty() { "yet" } else { "any more" };
            let _ = writeln!(text, "{} holds no session {yet}", self.store);
        }
        text.trim_end().to_owned() + "\n"
    }
}

/// What the sessions of a machine are good for.
fn judged(machine: &SessionsOfMachine) -> String {
    let used = machine.sessions.iter().filter(|session| session.rolling).count();
    let over = if machine.days < 2.0 {
        format!("{:.1} hours", machine.days * 24.0)
    } else {
        format!("{:.1} days", machine.days)
    };
    if used < WINDOW {
        let sessions = counted(used, "session");
        return format!(
            "{sessions} over {over}: suspect at most; full verdicts take {} more and 2 days",
            WINDOW - used
        );
    }
    if machine.enough {
        format!("the last {used} over {over}: enough for full verdicts")
    } else {
        format!("the last {used} over {over}: suspect at most, {TOO_NARROW}")
    }
}

/// What people are shown of the sessions.
fn columns(sessions: &[KeptSession]) -> Vec<Column> {
    let commit = |session: &KeptSession| -> String {
        session.commit.as_deref().unwrap_or("-").chars().take(10).collect()
    };
    let used = |session: &KeptSession| match (session.rolling, session.pinned) {
        (true, true) => "both",
        (true, false) => "rolling",
        (false, true) => "pinned",
        (false, false) if session.outlying.is_some() => "left out",
        (false, false) => "-",
    };
    let promoted = |promoted: &Promoted| {
        let day = promoted.at.split('T').next().unwrap_or_default();
        format!("{day} {}", promoted.reason)
    };
    vec![
        Column::words("session", sessions, |session| session.session.clone()),
        Column::words("commit", sessions, commit),
        Column::figures("cells", sessions, |session| session.cells.to_string()),
        Column::figures("runs", sessions, |session| session.runs.to_string()),
        Column::words("used", sessions, |session| used(session).to_owned()),
        Column::words("promoted", sessions, |session| {
            session.promoted.last().map(promoted).unwrap_or_default()
        }),
    ]
}
