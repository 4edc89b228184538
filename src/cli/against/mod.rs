//! `perftune run GRID --against BASELINE`: both sides in turns on this machine, then the verdict of the gate.
//!
//! Running and judging are left to `app` and the gate. Invariant: an interrupted comparison has no verdict.

mod order;

use std::path::Path;

use super::args::RunArgs;
use super::delivery::Delivery;
use super::exit::ExitStatus;
use super::export;
use super::options::{CheckFormat, OnInconclusive, ReportFormat, Verbosity};
use super::output::Screen;
use super::progress;
use crate::app::Fault;
use crate::app::compare::{
    ComparedSides, Comparison, SidesRequest, VERDICT, reachable, rules_of_side,
};
use crate::app::derived::Derived;
use crate::event::Arm;
use crate::report::gate::GateReport;
use crate::store::atomic;

/// Runs the grid and what it is compared with.
pub fn run(args: &RunArgs, against: &Path, screen: Screen) -> Result<ExitStatus, Fault> {
    let (compare, written) = (&args.compare, export::of_verdict(&args.write)?);
    let sides = request(args, against).load_both()?;
    let rules = rules_of_side(compare.gate.as_deref(), &sides[Arm::Candidate.place()])?;
    reachable(compare.blocks, rules.policy.alpha)?;
    let sides = ComparedSides::meet(sides, &rules.policy)?;
    let talks = args.verbosity() != Verbosity::Quiet;
    if talks {
        screen.warn(&sides.warnings());
    }
    if args.dry_run {
        order::print(args, &sides, rules.policy.alpha)?;
        return Ok(ExitStatus::Ok);
    }
    let folder = args.out.clone();
    let folder =
        folder.unwrap_or_else(|| Path::new("results").join(&sides.of(Arm::Candidate).plan.name));
    let delivery = Delivery::new(format(args.format)?, &written, &[&folder])?;
    if talks {
        screen.say(&order::headline(&sides, compare.blocks));
    }
    let comparison = Comparison {
        sides: &sides,
        rules: &rules,
        folder: &folder,
        blocks: compare.blocks,
        all_blocks: compare.all_blocks,
        seed: args.seed,
        existing: args.existing(),
    };
    let (measured, _) = progress::watch(args.progress, args.verbosity(), screen, |progress| {
        comparison.measure(progress)
    })?;
    for side in &measured.sides {
        Derived::new(&side.results, &side.records, None)?.write(
            &side.results,
            &side.records,
            None,
        )?;
    }
    if measured.interrupted() {
        let shown = folder.display();
        screen.say(&format!(
            "interrupted: there is no verdict; finished runs are in {shown}, --resume runs the rest\n"
        ));
        return Ok(ExitStatus::Interrupted);
    }
    let judgement = comparison.judge(&measured)?;
    let inconclusive_fails = compare.on_inconclusive == OnInconclusive::Fail;
    let report = GateReport { judgement: &judgement, inconclusive_fails };
    atomic::write(&folder.join(VERDICT), &report.json()?)?;
    delivery.deliver(&report)?;
    Ok(ExitStatus::Judged(report.exit_code()))
}

/// What is to be compared.
fn request<'a>(args: &'a RunArgs, against: &'a Path) -> SidesRequest<'a> {
    let compare = &args.compare;
    SidesRequest {
        grid: args.grid(),
        against,
        blocks: compare.blocks,
        set_a: &compare.set_a,
        set_b: &compare.set_b,
        worker_a: compare.worker_a.as_deref(),
        worker_b: compare.worker_b.as_deref(),
    }
}

/// How the verdict is printed.
fn format(asked: ReportFormat) -> Result<CheckFormat, Fault> {
    asked.of_verdicts().ok_or_else(|| {
        Fault::new("a verdict has no such format").hint("choose table, json or markdown, or --write junit=FILE; the folder of each side has a report.csv and a report.html")
    })
}
