//! `perftune check`: is the candidate worse than the baseline?
//!
//! Comparing and judging are left to `app` and the gate. Invariant: the exit code is that of the verdict that was
//! printed.

use std::fmt::Write;
use std::path::Path;

use super::args::CheckArgs;
use super::delivery::Delivery;
use super::exit::ExitStatus;
use super::options::{OnInconclusive, ProgressMode, Verbosity};
use super::output::{self, Screen};
use super::progress;
use crate::app::Fault;
use crate::app::compare::self_test::{self, Proof};
use crate::app::compare::{self, CheckRequest};
use crate::report::gate::GateReport;

/// Compares what the arguments name, prints and writes what came of it.
pub fn check(args: &CheckArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let Some(baseline) = &args.baseline else {
        return self_test(args, screen);
    };
    let candidate = args.candidate.as_deref();
    let inputs: Vec<&Path> = [Some(baseline.as_path()), candidate].into_iter().flatten().collect();
    let delivery = Delivery::new(args.format, &args.write, &inputs)?;
    let judgement = compare::check(&CheckRequest {
        baseline,
        candidate,
        gate: args.gate.as_deref(),
        any_machine: args.any_machine,
        pinned: args.pinned,
    })?;
    let inconclusive_fails = args.on_inconclusive == OnInconclusive::Fail;
    let report = GateReport { judgement: &judgement, inconclusive_fails };
    delivery.deliver(&report)?;
    Ok(ExitStatus::Judged(report.exit_code()))
}

/// `--self-test`: the exit code is 0 only if the gate did what it should in both comparisons.
fn self_test(args: &CheckArgs, screen: Screen) -> Result<ExitStatus, Fault> {
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
    output::print(text(&proofs).as_bytes())?;
    let good = proofs.iter().all(|proof| proof.good);
    Ok(if good { ExitStatus::Ok } else { ExitStatus::SelfTestFailed })
}

fn text(proofs: &[Proof]) -> String {
    let mut out = String::new();
    for proof in proofs {
        let word = ["FAILED", "ok"][usize::from(proof.good)];
        let _ = writeln!(out, "{word:<6} {}", proof.said);
        for row in &proof.rows {
            let _ = writeln!(out, "         {row}");
        }
    }
    out += if proofs.iter().all(|proof| proof.good) {
        "passed: this gate fires where it should, and only there"
    } else {
        "FAILED: do not trust this gate"
    };
    out + " (scripted worker; its durations are the script's and not this machine's)\n"
}
