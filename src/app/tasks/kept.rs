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
use crate::app::session::{Ask, OneVisit};
use crate::config::GridText;
use crate::config::plan::{Plan, PlannedRun};
use crate::event::fingerprint::digest;
use crate::store::{Difference, FORMAT, Format, GridHead, Spread, StoreError};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitPlan {
    /// A hash of the grid and of its cells: no place in a list, which another list would have too.
    pub(super) id: String,
    pub(super) cells: Vec<String>,
    /// The one visit that is made, where a search has chosen it; absent: all that the grid asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) visit: Option<OneVisit>,
}

impl UnitPlan {
    /// A hash of the grid and of what is run of it.
    fn new(keys: &Value, runs: &str, cells: Vec<String>, visit: Option<OneVisit>) -> Self {
        let id = digest(format!("{keys}\u{1e}{runs}").as_bytes());
        Self { id: format!("{id:016x}"), cells, visit }
    }

    /// What people read of what it runs.
    pub(super) fn shown(&self) -> Vec<String> {
        match &self.visit {
            Some(visit) => vec![visit.run.clone()],
            None => self.cells.clone(),
        }
    }
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
    /// The cells that a search chooses among.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    among: Vec<String>,
    /// Those of a search are kept beside it, as they are asked for.
    pub(super) units: Vec<UnitPlan>,
}

impl KeptPlan {
    /// That of a folder, with what a search has asked for so far.
    pub(super) fn of(spread: &Spread) -> Result<Self, StoreError> {
        let mut kept: Self = spread.plan()?;
        kept.units.extend(spread.asked::<UnitPlan>()?);
        Ok(kept)
    }

    /// What a search asks for as units of this plan.
    pub(super) fn units_of(&self, asks: Vec<Ask>) -> Vec<UnitPlan> {
        let unit = |ask: Ask| {
            let run = ask.visit.run.clone();
            UnitPlan::new(&self.grid.keys, &run, vec![ask.cell], Some(ask.visit))
        };
        asks.into_iter().map(unit).collect()
    }

    /// A plan that is to be submitted.
    pub(super) fn new(plan: &Plan, asked: &GridFile<'_>) -> Result<Self, Fault> {
        let first = plan.runs.iter().filter(|run| run.repeat == 1);
        let cells: Vec<String> = first.map(|run| run.cell.clone()).collect();
        let unit = |cells: &[String]| {
            UnitPlan::new(&plan.keys, &cells.join("\u{1f}"), cells.to_vec(), None)
        };
        let (among, given) =
            if plan.search.is_some() { (cells, Vec::new()) } else { (Vec::new(), cells) };
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
                searched: plan.search.is_some(),
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
            among,
            units: given.chunks(plan.engine.cells_per_task as usize).map(unit).collect(),
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
        let given = self.units.iter().filter(|unit| unit.visit.is_none());
        let kept = self.among.iter().chain(given.flat_map(|unit| &unit.cells));
        let kept: Value = kept.map(|cell| Value::from(&**cell)).collect();
        let said = |key: &str, before: Value, now: Value| {
            (before != now).then(|| Difference { key: key.to_owned(), before, now })
        };
        // A search may go on with other trials, or choose otherwise: its visits are those of the same cells.
        let of_cells = |keys: &Value| {
            let mut keys = keys.clone();
            if let (true, Some(keys)) = (self.grid.searched, keys.as_object_mut()) {
                keys.remove("search");
            }
            keys
        };
        Difference::first(&of_cells(&self.grid.keys), &of_cells(&plan.keys))
            .or_else(|| said("search", self.grid.searched.into(), plan.search.is_some().into()))
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

    /// One of its units.
    pub(super) fn unit(&self, id: &str) -> Result<&UnitPlan, Fault> {
        let unit = self.units.iter().find(|unit| unit.id == id);
        unit.ok_or_else(|| Fault::new(format!("the plan has no unit {id}")))
    }

    /// The runs of a unit, as a plan that has no other cells.
    pub(super) fn of_unit(&self, unit: &UnitPlan) -> Result<Plan, Fault> {
        let mut plan = self.plan()?;
        plan.cells.clone_from(&unit.cells);
        plan.runs.retain(|run: &PlannedRun| unit.cells.contains(&run.cell));
        Ok(plan)
    }
}
