//! `perftune check --self-test`: what was proven of the gate, and whether it can be trusted.
//!
//! Both comparisons are made and judged by `app`. Invariant: the exit code is 0 only if the gate did what it should in both.

use std::fmt::Write;

use super::args::CheckArgs;
use super::exit::ExitStatus;
use super::options::{ProgressMode, Verbosity};
use super::output::{self, Screen};
use super::progress;
use crate::app::Fault;
use crate::app::compare;
use crate::app::compare::self_test::{self, Proof, SLOWED};
use crate::gate::Row;
use crate::report::layout::wrap;
use crate::units;

/// Rows of evidence of a comparison.
const SHOWN: usize = 4;

/// Makes both comparisons and says what came of them.
pub fn self_test(args: &CheckArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let policy = compare::rules(args.gate.as_deref(), None, args.any_machine)?.policy;
    // Elsewhere than on a terminal a hundred lines of progress would hide what was found.
    let mode = if screen.live { ProgressMode::Auto } else { ProgressMode::None };
    let proofs = self_test::self_test(policy, args.slowdown, |comparison| {
        let watched = progress::watch(mode, Verbosity::Normal, screen, |progress| {
            comparison.measure(progress)
        });
        watched.map(|(measured, _)| measured)
    })?;
    let Some(proofs) = proofs else {
        return Ok(ExitStatus::Interrupted);
    };
    output::print(text(&proofs, output::stdout_width()).as_bytes())?;
    let good = proofs.iter().all(Proof::is_good);
    Ok(if good { ExitStatus::Ok } else { ExitStatus::SelfTestFailed })
}

fn text(proofs: &[Proof], width: usize) -> String {
    let mut out = String::new();
    for proof in proofs {
        let word = ["FAILED", "ok"][usize::from(proof.is_good())];
        let indent = " ".repeat(7);
        let said = wrap(&said(proof), width.saturating_sub(7), "");
        for (at, line) in said.lines().enumerate() {
            let head = if at == 0 { format!("{word:<6} ") } else { indent.clone() };
            let _ = writeln!(out, "{head}{line}");
        }
        let rows: Vec<_> = proof.evidence().collect();
        for row in rows.iter().take(SHOWN) {
            for line in wrap(&line(row), width.saturating_sub(2), "  ").lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
        if rows.len() > SHOWN {
            let _ = writeln!(out, "  and {} rows more", rows.len() - SHOWN);
        }
    }
    let verdict = if proofs.iter().all(Proof::is_good) {
        "passed: this gate fires where it should, and only there"
    } else {
        "FAILED: do not trust this gate"
    };
    let durations = "(scripted worker; its durations are the script's and not this machine's)";
    out + &wrap(&format!("{verdict} {durations}"), width, "")
}

/// What the gate did.
fn said(proof: &Proof) -> String {
    let (blocks, code) = (proof.blocks, proof.judgement.exit_code(false));
    let Some(slowdown) = proof.slowdown else {
        let red = ["red", "not red"][usize::from(code == 0)];
        let coverage = proof.judgement.coverage;
        return format!("identical sides, {blocks} blocks: {red} (exit code {code}); {coverage}");
    };
    let seen = match (code, proof.red()) {
        (1, [true, false]) => "red, and it names that cell".to_owned(),
        (1, [false, _]) => "red, but it names another cell".to_owned(),
        (1, [true, true]) => "red, but it names another cell too".to_owned(),
        _ => format!("not red (exit code {code})"),
    };
    let percent = (slowdown.0 * 1e6).round() / 1e4;
    format!("candidate slower by {percent}% in {SLOWED}, {blocks} blocks: {seen}")
}

fn line(row: &Row) -> String {
    let mut line = format!("{} {} {} {}", row.verdict, row.cell, row.phase, row.metric);
    if let Some(change) = row.change {
        let _ = write!(line, " {}", units::change(change));
    }
    if let Some(p) = row.p {
        let _ = write!(line, ", p {p:.4}");
    }
    line
}
