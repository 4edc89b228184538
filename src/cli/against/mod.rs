//! `perftune run GRID --against BASELINE`: both sides in turns on this machine, then the verdict of the gate.

pub mod args;
mod arms;
mod order;
mod record;
pub mod self_test;
mod session;

use std::path::{Path, PathBuf};

use self::arms::Sides;
use self::record::{Duel, Recorded, VERDICT, part, record};
pub use self::session::Rules;
use self::session::Session;
use super::args::{OnInconclusive, RunArgs};
use super::check;
use super::check::output::{CheckFormat, Delivery};
use super::diagnostic::Fault;
use super::engine::Order;
use super::exit::{ExitStatus, check_exit};
use super::output::Screen;
use super::progress::line::Talk;
use super::progress::{Progress, Sink};
use super::report_format::ReportFormat;
use super::run::{self, Derived};
use crate::clock::MonotonicClock;
use crate::config::{self, Source};
use crate::event::Arm;
use crate::gate::blocks::{look, needed};
use crate::gate::{Judgement, Outcome, RowVerdict};
use crate::report::gate::GateReport;
use crate::runner::Streams;
use crate::store::atomic;

/// Runs the grid and what it is compared with.
pub fn run(args: &RunArgs, against: &Path, screen: Screen) -> Result<ExitStatus, Fault> {
    let sides = arms::sides(args, against)?;
    let talk = run::talk(args);
    let compare = &args.compare;
    let rules = rules(compare.gate.as_deref(), &sides[Arm::Candidate.place()])?;
    let policy = &rules.policy;
    reachable(compare.blocks, policy.alpha)?;
    let sides = Sides::meet(sides, policy)?;
    if talk != Talk::Quiet {
        say_warnings(&sides, screen);
    }
    if args.dry_run {
        order::show(args, &sides, policy)?;
        return Ok(ExitStatus::Ok);
    }
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("results").join(&sides.of(Arm::Candidate).plan.name));
    let delivery = Delivery::new(form(args.format)?, &compare.write, &[&folder])?;
    if talk != Talk::Quiet {
        screen.say(&order::headline(&sides, compare.blocks));
    }
    let mut progress = Progress::new(args.progress, talk, screen, MonotonicClock);
    let comparison = Comparison {
        sides: &sides,
        rules: &rules,
        folder: &folder,
        blocks: compare.blocks,
        all_blocks: compare.all_blocks,
        seed: args.seed,
        resume: args.resume,
        fresh: args.fresh,
    };
    let recorded = comparison.measure(&mut progress);
    progress.finish();
    let recorded = recorded?;
    for side in &recorded.sides {
        Derived::new(&side.results, &side.records, None)?.write(
            &side.results,
            &side.records,
            None,
        )?;
    }
    if recorded.sides.iter().any(|side| side.interrupted) {
        let shown = folder.display();
        screen.say(&format!(
            "interrupted: there is no verdict; what was finished is in {shown}, --resume runs the rest\n"
        ));
        return Ok(ExitStatus::Interrupted);
    }
    let judgement = comparison.judge(&recorded)?;
    let report = GateReport {
        judgement: &judgement,
        inconclusive_fails: compare.on_inconclusive == OnInconclusive::Fail,
    };
    atomic::write(&folder.join(VERDICT), &report.json()?)?;
    delivery.deliver(&report)?;
    Ok(check_exit(&judgement, report.inconclusive_fails))
}

/// How the verdict is printed.
fn form(format: ReportFormat) -> Result<CheckFormat, Fault> {
    match format {
        ReportFormat::Table => Ok(CheckFormat::Text),
        ReportFormat::Json => Ok(CheckFormat::Json),
        ReportFormat::Markdown => Ok(CheckFormat::Markdown),
        ReportFormat::Csv | ReportFormat::Html => Err(Fault::new("a verdict has no such format")
            .hint("choose table, json or markdown, or --write junit=FILE; the folder of each side has a report.csv and a report.html")),
    }
}

/// The rules of the gate: those of the file, or of the candidate's grid.
fn rules(file: Option<&Path>, candidate: &arms::Side) -> Result<Rules, Fault> {
    let read = file.map(|file| config::gate(&Source::Path(file.to_owned())));
    Ok(Rules {
        policy: read.transpose()?.unwrap_or_else(|| candidate.plan.gate.clone()),
        of_file: file.is_some(),
    })
}

/// By which rules the comparison in this folder was judged, where there is one.
pub fn rules_of(folder: &Path) -> Result<Option<Rules>, Fault> {
    Ok(Session::read(folder)?.map(|session| session.gate))
}

/// So few blocks that nothing can ever be significant are refused before anything is run.
fn reachable(blocks: u32, alpha: f64) -> Result<(), Fault> {
    let needed = needed(alpha);
    if blocks >= needed {
        return Ok(());
    }
    let p_min = 0.5_f64.powi(i32::try_from(blocks).unwrap_or(i32::MAX));
    Err(Fault::new(format!(
        "{blocks} blocks can never find a regression: their smallest possible p is {p_min:.4}, and alpha is {alpha}"
    ))
    .hint(format!("use --blocks {needed} or more")))
}

fn say_warnings(sides: &Sides, screen: Screen) {
    let mut said: Vec<&String> = Vec::new();
    let plans = sides.both.iter().flat_map(|side| &side.plan.warnings);
    for warning in plans.chain(&sides.warnings) {
        if !said.contains(&warning) {
            said.push(warning);
            screen.say(&format!("warning: {warning}\n"));
        }
    }
}

/// A comparison that can be made.
struct Comparison<'a> {
    sides: &'a Sides,
    rules: &'a Rules,
    folder: &'a Path,
    /// Blocks of each cell.
    blocks: u32,
    /// Whether all of them are made, whatever the first ones say.
    all_blocks: bool,
    /// Of the order.
    seed: Option<u64>,
    /// Keep what is whole.
    resume: bool,
    /// Delete what is there.
    fresh: bool,
}

impl Comparison<'_> {
    /// Makes the runs that are missing.
    fn measure(&self, sink: &mut dyn Sink) -> Result<Recorded, Fault> {
        let folders: [PathBuf; 2] = Arm::BOTH.map(|arm| part(self.folder, arm));
        let orders = Arm::BOTH.map(|arm| {
            let side = self.sides.of(arm);
            Order {
                plan: &side.plan,
                runs: &side.runs,
                folder: &folders[arm.place()],
                resume: self.resume,
                fresh: self.fresh,
                program: side.program.as_deref(),
                title: Some(arm.name()),
                streams: Streams::Logged,
            }
        });
        let duel = Duel {
            orders,
            folder: self.folder,
            cells: &self.sides.cells,
            blocks: self.blocks,
            look: look(self.blocks, self.rules.policy.alpha).filter(|_| !self.all_blocks),
            seed: self.seed,
            gate: self.rules,
        };
        record(&duel, sink, &mut || self.passes())
    }

    /// Whether every row of the gate passes, and nothing else is open. An improvement is no pass: it is claimed only once
    /// all blocks are there.
    fn passes(&self) -> Result<bool, Fault> {
        let judgement = check::folder(self.folder, self.rules)?;
        let open = |verdict| verdict != RowVerdict::Pass && verdict != RowVerdict::Info;
        Ok(judgement.outcome == Outcome::Ok && !judgement.rows.iter().any(|row| open(row.verdict)))
    }

    /// Whether a build is compared with itself: a path that was mistyped gives a gate that is green for ever.
    fn is_one_build(&self) -> Result<bool, Fault> {
        let session = Session::read(self.folder)?;
        let [baseline, candidate] = Arm::BOTH.map(|arm| &self.sides.of(arm).runs);
        let same = baseline.iter().zip(candidate).all(|(one, other)| {
            (&one.job, &one.stop, &one.limits) == (&other.job, &other.stop, &other.limits)
        });
        Ok(same && session.is_some_and(|session| session.one_program()))
    }

    /// The verdict on everything that is in the folder: what `perftune check` says of it, too.
    fn judge(&self, recorded: &Recorded) -> Result<Judgement, Fault> {
        let mut judgement = check::folder(self.folder, self.rules)?;
        if self.is_one_build()? {
            judgement.notes.push(
                "both sides are the same program with the same settings: only noise can differ"
                    .to_owned(),
            );
        }
        if let Some((made, asked)) = recorded.ended_after {
            judgement
                .notes
                .push(format!("ended after {made} of {asked} blocks: every row passes by then"));
        }
        Ok(judgement)
    }
}
