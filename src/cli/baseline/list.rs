//! `perftune baseline list`.

use std::fmt::Write;

use serde::Serialize;

use super::args::ListArgs;
use super::{TOO_NARROW, counted, outlier, span};
use crate::cli::args::DoctorFormat;
use crate::cli::diagnostic::Fault;
use crate::cli::output;
use crate::event::fingerprint::Fingerprint;
use crate::gate::SPAN_S;
use crate::report::listing::Listing;
use crate::store::baseline::{self, Shelf, StoredSession, WINDOW};

/// What is shown of a machine when a person reads it, most telling first.
const TOLD: &[&str] =
    &["cpu.model", "cpu.cores", "cpu.quota", "memory.class", "gpu", "tpu", "libtorch"];

#[derive(Serialize)]
struct Document {
    store: String,
    /// Sessions that a full verdict rests on.
    needed: usize,
    machines: Vec<Machine>,
}

#[derive(Serialize)]
struct Machine {
    key: String,
    fingerprint: Fingerprint,
    /// Whether its last sessions are enough for full verdicts.
    enough: bool,
    /// From the first to the last of the sessions that a check compares with.
    days: f64,
    sessions: Vec<Kept>,
}

#[derive(Serialize)]
struct Kept {
    session: String,
    created: String,
    commit: Option<String>,
    grid: String,
    perftune: String,
    cells: usize,
    runs: usize,
    /// Whether a check compares with it.
    rolling: bool,
    /// Whether it is part of the pinned epoch.
    pinned: bool,
    promoted: Vec<Promoted>,
}

#[derive(Serialize)]
struct Promoted {
    at: String,
    reason: String,
    outlying: Option<String>,
}

/// What people are shown of a session.
#[derive(Serialize)]
struct Row {
    session: String,
    commit: String,
    cells: usize,
    runs: usize,
    used: &'static str,
    promoted: String,
}

pub(super) fn render(args: &ListArgs) -> Result<String, Fault> {
    let shelves = baseline::read(&args.store)?;
    let document = Document {
        store: args.store.display().to_string(),
        needed: WINDOW,
        machines: shelves.iter().map(machine).collect(),
    };
    match args.format {
        DoctorFormat::Json => Ok(serde_json::to_string_pretty(&document)? + "\n"),
        DoctorFormat::Text => text(&document, output::stdout_width()),
    }
}

fn machine(shelf: &Shelf) -> Machine {
    let (rolling, _) = outlier::usable(shelf);
    let rolling = outlier::last(&rolling);
    let span = span(rolling.iter().copied());
    let fingerprint = rolling.first().map(|session| session.fingerprint.clone());
    Machine {
        key: shelf.key.clone(),
        fingerprint: fingerprint.unwrap_or_default(),
        enough: rolling.len() >= WINDOW && span.as_secs() >= SPAN_S,
        days: span.as_secs_f64() / 86_400.0,
        sessions: shelf.sessions.iter().map(|session| row((shelf, rolling), session)).collect(),
    }
}

fn row((shelf, rolling): (&Shelf, &[&StoredSession]), session: &StoredSession) -> Kept {
    let name = &session.session;
    let promoted = shelf.promotions.iter().filter(|promotion| promotion.session == *name);
    let promoted = promoted.map(|promotion| Promoted {
        at: promotion.promoted.clone(),
        reason: promotion.reason.clone(),
        outlying: promotion.outlying.clone(),
    });
    Kept {
        session: name.clone(),
        created: session.created.clone(),
        commit: session.commit.clone(),
        grid: session.grid.clone(),
        perftune: session.perftune.clone(),
        cells: session.cells.len(),
        runs: session.runs.len(),
        rolling: rolling.iter().any(|other| other.session == *name),
        pinned: shelf.pinned().is_some_and(|promotion| promotion.sessions.contains(name)),
        promoted: promoted.collect(),
    }
}

fn text(document: &Document, width: usize) -> Result<String, Fault> {
    let mut text = String::new();
    for machine in &document.machines {
        let told = TOLD.iter().filter_map(|field| {
            let value = machine.fingerprint.get(field)?;
            Some(if *field == "cpu.cores" { format!("{value} cores") } else { value.to_owned() })
        });
        let told: Vec<String> = told.filter(|value| value != "none").collect();
        let _ = writeln!(text, "machine {}: {}", machine.key, told.join(", "));
        let rows: Vec<Row> = machine.sessions.iter().map(short).collect();
        text += &Listing::new(&rows)?.table(width);
        let _ = writeln!(text, "{}\n", judged(machine));
    }
    if document.machines.is_empty() {
        let _ = writeln!(text, "{} holds no session yet", document.store);
    }
    Ok(text.trim_end().to_owned() + "\n")
}

/// What the sessions of a machine are good for.
fn judged(machine: &Machine) -> String {
    let used = machine.sessions.iter().filter(|session| session.rolling).count();
    let over = if machine.days < 2.0 {
        format!("{:.1} hours", machine.days * 24.0)
    } else {
        format!("{:.1} days", machine.days)
    };
    if used < WINDOW {
        let sessions = counted(used, "session");
        return format!(
            "{sessions} over {over}: suspect at most, {} more give full verdicts",
            WINDOW - used
        );
    }
    if machine.enough {
        format!("the last {used} over {over}: enough for full verdicts")
    } else {
        format!("the last {used} over {over}: suspect at most, {TOO_NARROW}")
    }
}

fn short(session: &Kept) -> Row {
    let promoted = session.promoted.last().map(|promoted| {
        let day = promoted.at.split('T').next().unwrap_or_default();
        format!("{day} {}", promoted.reason)
    });
    Row {
        session: session.session.clone(),
        commit: session.commit.as_deref().unwrap_or("-").chars().take(10).collect(),
        cells: session.cells,
        runs: session.runs,
        used: match (session.rolling, session.pinned) {
            (true, true) => "both",
            (true, false) => "rolling",
            (false, true) => "pinned",
            (false, false) => "-",
        },
        promoted: promoted.unwrap_or_default(),
    }
}
