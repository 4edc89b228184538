//! `perftune check`: is the candidate worse than the baseline?
//!
//! Comparing and judging are left to `app` and the gate. Invariant: the exit code is that of the verdict that was
//! printed.

use std::path::Path;

use super::args::CheckArgs;
use super::delivery::Delivery;
use super::exit::ExitStatus;
use super::options::OnInconclusive;
use super::output::Screen;
use super::self_test::self_test;
use crate::app::Fault;
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
