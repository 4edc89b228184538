//! Both sides are run in turns, each into a results folder of its own, and judged.
//!
//! Making and recording single runs is left to the session. Invariant: everything that can be known to be wrong is said
//! before anything is written, and no verdict outlives the runs that it speaks of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::judge;
use super::plan::{ComparisonPlan, Program, Rules};
use super::queue::Queue;
use super::sides::ComparedSides;
use crate::app::environment::new_session;
use crate::app::session::{Checked, Executed, OpenFolder, RunRequest, Session, Shared};
use crate::app::{Expected, Fault, Observer};
use crate::event::Arm;
use crate::gate::blocks::{blocks, look, needed};
use crate::gate::{GateNote, Judgement, Outcome, RowVerdict};
use crate::runner::RunSpec;
use crate::sampler::Sampler;
use crate::store::Existing;

/// The verdict, beside the folders of the sides.
pub const VERDICT: &str = "verdict.json";

/// A comparison that can be made.
pub struct Comparison<'a> {
    /// What is compared.
    pub sides: &'a ComparedSides,
    /// By which rules it is judged.
    pub rules: &'a Rules,
    /// The folder of both sides.
    pub folder: &'a Path,
    /// Blocks of each cell.
    pub blocks: u32,
    /// Whether all of them are made, whatever the first ones say.
    pub all_blocks: bool,
    /// Of the order of the turns; `None`: the session's own.
    pub seed: Option<u64>,
    /// What becomes of what is there.
    pub existing: Existing,
}

/// What became of it.
pub struct Measured {
    /// The baseline and the candidate.
    pub sides: [Executed; 2],
    /// Blocks that were made, where the look has ended it.
    pub ended_after: Option<u32>,
}

impl Measured {
    /// Whether the user has ended it.
    pub fn interrupted(&self) -> bool {
        self.sides.iter().any(|side| side.cut.is_some())
    }
}

/// So few blocks that nothing can ever be significant are refused before anything is run.
pub fn reachable(blocks: u32, alpha: f64) -> Result<(), Fault> {
    let needed = needed(alpha);
    if blocks >= needed {
        return Ok(());
    }
    let p_min = 0.5_f64.powi(i32::try_from(blocks).unwrap_or(i32::MAX));
    Err(Fault::new(format!(
        "{blocks} blocks can never find a regression: their smallest possible p value is {p_min:.4}, above alpha {alpha}"
    ))
    .hint(format!("use --blocks {needed} or more")))
}

impl Comparison<'_> {
    /// Makes the runs that are missing. Everything that can be known to be wrong is said before anything is written.
    pub fn measure(&self, observer: &mut dyn Observer) -> Result<Measured, Fault> {
        let folders: [PathBuf; 2] = Arm::BOTH.map(|arm| self.folder.join(arm.name()));
        let requests = Arm::BOTH.map(|arm| self.request(arm, &folders[arm.place()]));
        refuse_plain_results(self.folder)?;
        let [baseline, candidate] = &requests;
        let checked = [Checked::new(baseline)?, Checked::new(candidate)?];
        let warnings: BTreeSet<&String> = checked.iter().flat_map(|side| &side.warnings).collect();
        for warning in warnings {
            observer.warn(warning);
        }
        let programs = checked.each_ref().map(|side| Program::of(&side.launch));
        let [first, second] = checked;
        let mut folders =
            [OpenFolder::open(baseline, first)?, OpenFolder::open(candidate, second)?];
        let plan = self.plan(programs)?;
        let turns = blocks(self.sides.cells.len(), self.blocks, plan.seed);
        let queue = Queue::new(&self.sides.cells, &folders, &turns, &plan.name)?;
        for (folder, broken) in folders.iter_mut().zip(&queue.broken) {
            folder.discard(broken)?;
        }
        let sampler = Sampler::new(baseline.plan.sampler);
        observer.expect(Expected::InAll(queue.runs.len()));
        plan.write(self.folder)?;
        // A verdict on what was there before is none on what is there now.
        let verdict = self.folder.join(VERDICT);
        if verdict.exists() {
            fs_err::remove_file(&verdict)?;
        }
        let asked = look(self.blocks, self.rules.policy.alpha).filter(|_| !self.all_blocks);
        let look = queue.look(asked);
        let (early, late) = queue.split(look);
        let of_late = |(_, spec): &(usize, RunSpec)| spec.run.clone();
        let later = late.iter().map(of_late).collect();
        let shared = Shared { session: Some(plan.name), later };
        let mut session = Session::begin(folders.into(), shared, &sampler, observer)?;
        session.work(early)?;
        let mut ended_after = None;
        if let Some(look) = look {
            let interrupted = session.interrupted();
            if !interrupted && self.passes()? {
                ended_after = Some(look);
            } else {
                if !interrupted {
                    session.promise_all()?;
                }
                // Once it is interrupted, nothing more is made: all of them are left.
                session.work(late)?;
            }
        }
        let sides = <[Executed; 2]>::try_from(session.end()?);
        let sides = sides.map_err(|_| Fault::new("one side has no results folder"))?;
        Ok(Measured { sides, ended_after })
    }

    /// All repeats of all cells of an arm, into its own part of the folder.
    fn request<'s>(&'s self, arm: Arm, folder: &'s Path) -> RunRequest<'s> {
        let side = self.sides.of(arm);
        RunRequest {
            existing: self.existing,
            program: side.program.as_deref(),
            title: Some(arm.name()),
            ..RunRequest::new(&side.plan, &side.runs, folder)
        }
    }

    /// The plan that goes on, or a new one.
    fn plan(&self, programs: [Program; 2]) -> Result<ComparisonPlan, Fault> {
        let name = new_session();
        let rules = self.rules.clone();
        let new =
            ComparisonPlan::new(&name, self.seed, self.blocks, &self.sides.cells, rules, programs);
        let begun =
            ComparisonPlan::read(self.folder)?.filter(|_| self.existing == Existing::Resume);
        begun.map_or(Ok(new.clone()), |begun| new.resumes(begun))
    }

    /// Whether every row of the gate passes, and nothing else is open. An improvement is no pass: it is claimed only once
    /// all blocks are there.
    fn passes(&self) -> Result<bool, Fault> {
        let judgement = judge::folder(self.folder, self.rules)?;
        let open = |verdict| verdict != RowVerdict::Pass && verdict != RowVerdict::Info;
        Ok(judgement.outcome == Outcome::Ok && !judgement.rows.iter().any(|row| open(row.verdict)))
    }

    /// Whether a build is compared with itself: a path that was mistyped gives a gate that is green for ever.
    fn is_one_build(&self) -> Result<bool, Fault> {
        let plan = ComparisonPlan::read(self.folder)?;
        let [baseline, candidate] = Arm::BOTH.map(|arm| &self.sides.of(arm).runs);
        let same = baseline.iter().zip(candidate).all(|(one, other)| {
            (&one.job, &one.stop, &one.limits) == (&other.job, &other.stop, &other.limits)
        });
        Ok(same && plan.is_some_and(|plan| plan.one_program()))
    }

    /// The verdict on everything that is in the folder: what `perftune check` says of it, too.
    pub fn judge(&self, measured: &Measured) -> Result<Judgement, Fault> {
        let mut judgement = judge::folder(self.folder, self.rules)?;
        if self.is_one_build()? {
            judgement.notes.push(GateNote::OneProgram);
        }
        if let Some(made) = measured.ended_after {
            judgement.notes.push(GateNote::EndedEarly { blocks: made, of: self.blocks });
        }
        Ok(judgement)
    }
}

/// The folder of a comparison holds two results folders; it cannot be one itself.
fn refuse_plain_results(folder: &Path) -> Result<(), Fault> {
    if !folder.join("manifest.json").exists() {
        return Ok(());
    }
    let what = format!("{} holds the results of one grid", folder.display());
    Err(Fault::new(what).hint("--out writes the comparison elsewhere"))
}
