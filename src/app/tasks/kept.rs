//! `plan.json`: the grid as it was when it was submitted.
//!
//! Invariant: a task that makes another plan of it than the one that was submitted runs nothing.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::Fault;
use crate::app::environment::new_session;
use crate::app::grid::{GridFile, load_kept};
use crate::app::lanes::Lanes;
use crate::config::GridText;
use crate::config::plan::{Plan, PlannedRun};
use crate::event::fingerprint::digest;
use crate::store::{Difference, FORMAT, Format, GridHead};

/// Which version of perftune this is: a task is run by the same one.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the command line said of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    set: Vec<String>,
    profile: Option<String>,
    only: Vec<String>,
    seed: Option<u64>,
    repeat: Option<String>,
    full: bool,
    max_cells: u64,
}

/// Some cells that one task runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnitPlan {
    /// A hash of the grid and of its cells: no place in a list, which another list would have too.
    pub(super) id: String,
    pub(super) cells: Vec<String>,
}

/// The grid as it was.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptPlan {
    format: Format,
    pub(super) perftune: String,
    /// Tells its jobs from those of another folder.
    pub(super) run: String,
    created: String,
    pub(super) name: String,
    /// The working directory: what relative paths of the command line are relative to.
    pub(super) work: PathBuf,
    pub(super) grid: GridHead,
    /// How long a client of Slurm is waited for.
    pub(super) patience_s: f64,
    repeats: String,
    asked: Asked,
    texts: Vec<GridText>,
    pub(super) units: Vec<UnitPlan>,
}

impl KeptPlan {
    /// A plan that is to be submitted.
    pub(super) fn new(plan: &Plan, asked: &GridFile<'_>) -> Result<Self, Fault> {
        let first = plan.runs.iter().filter(|run| run.repeat == 1);
        let cells: Vec<String> = first.map(|run| run.cell.clone()).collect();
        let keys = plan.keys.to_string();
        let unit = |cells: &[String]| {
            let names = cells.join("\u{1f}");
            let id = digest(format!("{keys}\u{1e}{names}").as_bytes());
            UnitPlan { id: format!("{id:016x}"), cells: cells.to_vec() }
        };
        let session = new_session();
        Ok(Self {
            format: FORMAT,
            perftune: VERSION.to_owned(),
            run: format!("{:08x}", digest(session.as_bytes()) >> 32),
            created: jiff::Timestamp::now().to_string(),
            name: plan.name.clone(),
            work: std::env::current_dir()?,
            grid: GridHead {
                keys: plan.keys.clone(),
                cells: plan.cells.clone(),
                ..GridHead::default()
            },
            patience_s: plan.engine.patience_s,
            repeats: plan.repeats.to_string(),
            asked: Asked {
                set: asked.set.to_vec(),
                profile: asked.profile.map(str::to_owned),
                only: asked.only.to_vec(),
                seed: asked.seed,
                repeat: asked.repeat.map(|repeat| repeat.to_string()),
                full: asked.full,
                max_cells: asked.max_cells,
            },
            texts: plan.texts.clone(),
            units: cells.chunks(plan.engine.cells_per_task as usize).map(unit).collect(),
        })
    }

    /// The first thing in which a plan is another one than this; nothing of it can be added to what was submitted.
    pub(super) fn unlike(&self, plan: &Plan) -> Option<Difference> {
        let cells = |plan: &Plan| {
            plan.runs
                .iter()
                .filter(|run| run.repeat == 1)
                .map(|run| Value::from(&*run.cell))
                .collect::<Value>()
        };
        let kept: Value = self
            .units
            .iter()
            .flat_map(|unit| &unit.cells)
            .map(|cell| Value::from(&**cell))
            .collect();
        let said = |key: &str, before: Value, now: Value| {
            (before != now).then(|| Difference { key: key.to_owned(), before, now })
        };
        Difference::first(&self.grid.keys, &plan.keys)
            .or_else(|| said("cells", kept, cells(plan)))
            .or_else(|| said("repeat", (&*self.repeats).into(), plan.repeats.to_string().into()))
    }

    /// Made anew of the texts that were kept.
    pub(super) fn plan(&self) -> Result<Plan, Fault> {
        let Asked { set, profile, only, seed, repeat, full, max_cells } = &self.asked;
        let repeat = repeat.as_deref().map(str::parse).transpose();
        let path = self.texts.first().map_or(Path::new("-"), |text| &*text.path);
        let grid = GridFile {
            path,
            set,
            set_by: None,
            profile: profile.as_deref(),
            only,
            seed: *seed,
            repeat: repeat.map_err(|why: String| Fault::new(why))?,
            budget: None,
            // What was submitted had no lanes, whatever the file says.
            jobs: Some(Lanes::ONE),
            full: *full,
            max_cells: *max_cells,
            keeps_names: true,
        };
        let plan = load_kept(&grid, &self.texts)?;
        if let Some(found) = self.unlike(&plan) {
            let what =
                format!("this node makes another plan of the grid than was submitted: {found}");
            return Err(Fault::new(what)
                .hint("data and programs that the grid names must be the same on all nodes"));
        }
        Ok(plan)
    }

    /// The runs of a unit, as a plan that has no other cells.
    pub(super) fn of_unit(&self, id: &str) -> Result<Plan, Fault> {
        let unit = self.units.iter().find(|unit| unit.id == id);
        let unit = unit.ok_or_else(|| Fault::new(format!("the plan has no unit {id}")))?;
        let mut plan = self.plan()?;
        plan.cells.clone_from(&unit.cells);
        plan.runs.retain(|run: &PlannedRun| unit.cells.contains(&run.cell));
        Ok(plan)
    }
}
