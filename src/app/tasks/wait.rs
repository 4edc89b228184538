//! Waits until no task will bring anything more.
//!
//! Invariant: a cluster that does not answer, or has forgotten a task, is asked again before anybody believes it.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use super::asking;
use super::collect;
use super::kept::KeptPlan;
use super::standing::{Standing, Unit, look};
use super::submit::Arrays;
use crate::app::{Expected, Fault, Interrupts, Observer, pause};
use crate::config::plan::Plan;
use crate::engine::Slurm;
use crate::engine::state::UnitState;
use crate::event::{RunEvent, RunEventKind, RunRecord};
use crate::store::{Recordings, Spread, StoreError};

/// So many looks in a row must find a task lost before it is: a file system may say a minute late what is there, and a controller
/// that was started anew may have forgotten a job that goes on.
const LOOKS: u32 = 4;

/// How long it takes to hear that the user wants no more of it.
const HEARING: Duration = Duration::from_millis(100);

/// What the wait came to.
#[derive(Debug)]
pub struct Waited {
    /// How the units stand.
    pub standing: Standing,
    /// The user has ended the wait; the tasks go on.
    pub is_cut: bool,
}

/// Waits for the tasks of a folder, and submits what was not taken or has failed once more, as the plan says.
pub fn wait(plan: &Plan, folder: &Path, observer: &mut dyn Observer) -> Result<Waited, Fault> {
    let interrupts = Interrupts::default();
    observer.begin(&interrupts)?;
    let most = plan.search.and_then(|search| search.trials);
    observer.expect(Expected::InAll(most.map_or(plan.runs.len(), |most| most as usize)));
    let spread = Spread::at(folder)?;
    let mut kept = KeptPlan::of(&spread)?;
    let mut told = Told::default();
    let mut lost = 0;
    loop {
        let standing = look(&spread, &kept)?;
        told.tell(plan, &spread, &standing, observer);
        let again = standing.open(|unit| is_due(unit, plan.engine.retries));
        if !again.is_empty() && submit(plan, folder, &kept, &again)? {
            lost = 0;
            continue;
        }
        let waits = standing.count(UnitState::is_live) > 0;
        let is_lost = standing.count(is_unsure) > 0;
        lost = if is_lost && !waits { lost + 1 } else { 0 };
        if !waits && (!is_lost || lost >= LOOKS) {
            if goes_on(plan, folder, &kept, &standing)? {
                (kept, lost) = (KeptPlan::of(&spread)?, 0);
                continue;
            }
            return Ok(Waited { standing, is_cut: false });
        }
        if !rest(Duration::from_secs_f64(plan.engine.poll_s), &interrupts) {
            return Ok(Waited { standing, is_cut: true });
        }
    }
}

/// Whether a unit is submitted once more unasked.
fn is_due(unit: &Unit, retries: u32) -> bool {
    match unit.state {
        UnitState::Unsubmitted => true,
        UnitState::Failed { .. } => unit.failures <= retries as usize,
        _ => false,
    }
}

/// Whether the results may still be on their way.
fn is_unsure(state: &UnitState) -> bool {
    matches!(state, UnitState::Lost | UnitState::Over { .. })
}

/// Whether a search asks for more, or somebody else has done so for it meanwhile.
fn goes_on(
    plan: &Plan,
    folder: &Path,
    kept: &KeptPlan,
    standing: &Standing,
) -> Result<bool, Fault> {
    if plan.search.is_none() {
        return Ok(false);
    }
    let spread = collect::open(folder)?;
    let others = KeptPlan::of(&spread)?.units.len() > kept.units.len();
    Ok(others || !asking::more(plan, spread, kept, standing)?.is_empty())
}

/// Submits units once more; whether the cluster took any.
fn submit(plan: &Plan, folder: &Path, kept: &KeptPlan, units: &[String]) -> Result<bool, Fault> {
    // Where somebody else writes now, or the cluster does not answer, it is tried again at the next look.
    let spread = match Spread::open(folder) {
        Err(StoreError::Locked { .. }) => return Ok(false),
        spread => spread?,
    };
    let slurm = Slurm::new(plan.engine.patience_s);
    let Ok(largest) = slurm.largest_array() else { return Ok(false) };
    let arrays = Arrays { spread: &spread, kept, policy: &plan.engine, slurm: &slurm, largest };
    Ok(!arrays.submit(units).jobs.is_empty())
}

/// Waits so long; whether the user has not had enough meanwhile.
fn rest(wait: Duration, interrupts: &Interrupts) -> bool {
    let mut left = wait;
    while !interrupts.raised() {
        if left.is_zero() {
            return true;
        }
        let part = left.min(HEARING);
        pause(part);
        left -= part;
    }
    false
}

/// The runs of a unit that is done.
fn records(part: &Path) -> Result<Vec<RunRecord>, StoreError> {
    let recordings = Recordings::open(part)?;
    let runs = recordings.head().runs.iter();
    let records: Result<Vec<_>, _> = runs.map(|run| recordings.record(run)).collect();
    Ok(records?.into_iter().flatten().collect())
}

/// What the observer was told.
#[derive(Default)]
struct Told {
    started: HashSet<String>,
    done: HashSet<String>,
    trouble: Option<String>,
    index: usize,
}

impl Told {
    fn tell(
        &mut self,
        plan: &Plan,
        spread: &Spread,
        standing: &Standing,
        observer: &mut dyn Observer,
    ) {
        if self.trouble != standing.trouble {
            if let Some(trouble) = &standing.trouble {
                observer
                    .warn(&format!("{trouble}; the tasks go on, and the cluster is asked again"));
            }
            self.trouble.clone_from(&standing.trouble);
        }
        for unit in &standing.units {
            match unit.state {
                UnitState::Running { .. } => {
                    if let Some(cell) = unit.cells.first() {
                        self.start(cell, plan, observer);
                    }
                }
                UnitState::Done if !self.done.contains(&unit.id) => {
                    // What a file system does not show yet is told at the next look, and what cannot be read at the end.
                    let Ok(records) = records(&spread.part(&unit.id)) else { continue };
                    self.done.insert(unit.id.clone());
                    for record in records {
                        let run = record.run.clone();
                        self.start(&run, plan, observer);
                        let kind = RunEventKind::Ended(Box::new(record));
                        observer.event(&RunEvent { run, index: self.index, kind });
                    }
                }
                _ => {}
            }
        }
    }

    fn start(&mut self, run: &str, plan: &Plan, observer: &mut dyn Observer) {
        if !self.started.insert(run.to_owned()) {
            return;
        }
        self.index += 1;
        let is_of = |cell: &str| {
            run.strip_prefix(cell).is_some_and(|rest| rest.is_empty() || rest.starts_with("-r"))
        };
        let planned = plan.runs.iter().find(|planned| is_of(&planned.cell));
        if let Some(planned) = planned {
            let kind = RunEventKind::Started {
                job: Box::new((*planned.job).clone()),
                t_ns: 0,
                bars: Vec::new(),
            };
            observer.event(&RunEvent { run: run.to_owned(), index: self.index, kind });
        }
    }
}
