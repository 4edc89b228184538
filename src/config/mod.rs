//! The grid file: TOML in, a checked [`plan::Plan`] out.
//!
//! The text is parsed into a tree that knows the place of every key and value (`tree`), `--set` is put on top of it
//! (`set`), and the tree is walked by hand: that is what gives each mistake a place, a caret and a suggestion, and lets one
//! pass report all of them (`problems`). The axes of `[grid]` become pools of checked values (`axes`), a cell is an
//! index into each pool (`cells`), and what is no axis is resolved once for each combination of overrides (`settings`).

mod axes;
mod axis;
mod build;
mod cells;
mod command;
mod constraints;
mod error;
mod gate;
mod header;
mod keys;
mod limits;
mod metrics;
mod models;
mod objectives;
mod patch;
pub mod plan;
mod problems;
mod read;
pub mod rule;
mod select;
mod serving;
mod set;
mod settings;
mod suggest;
mod tree;
mod worker;

use std::path::PathBuf;

pub use command::{CommandRequest, command};
pub use error::{ConfigError, Diagnostic, Excerpt};
pub use metrics::named as metrics_named;

use axes::Axes;
use axis::{Bases, World};
use models::CommandModel;
use patch::Patch;
use plan::{Plan, WorkerProgram, WorkerSettings};
use problems::{Place, Problems};
use settings::Resolver;

use crate::event::Objective;
use crate::gate::GatePolicy;
use crate::sampler::LimitMeans;

/// Where the grid file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// What was read from the standard input.
    Stdin(Vec<u8>),
}

/// What the plan needs to know of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFacts {
    /// Cores that the process may use: what `threads = 0` means where nothing is limited.
    pub usable_cores: usize,
    /// Which limits can be enforced.
    pub limits: LimitMeans,
}

impl MachineFacts {
    fn cores(&self) -> u32 {
        u32::try_from(self.usable_cores).unwrap_or(u32::MAX)
    }
}

/// A data set as a grid needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetFacts {
    /// The name in its manifest.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Rows to train on, those held out for validation included.
    pub train_rows: u64,
}

/// The data sets that a grid may name.
pub trait DatasetCatalogue {
    /// The facts of one of [`Self::names`], or of the folder at this path, or why it cannot be used.
    fn resolve(&self, name_or_path: &str) -> Result<DatasetFacts, String>;

    /// The data sets that are known by name.
    fn names(&self) -> Vec<String>;
}

/// A grid file and what the command line says about it.
pub struct Request<'a> {
    /// The grid file.
    pub source: Source,
    /// Each `--set KEY=VALUE`.
    pub set: &'a [String],
    /// Each `--only AXIS=VALUE[,VALUE]`.
    pub only: &'a [String],
    /// `--seed`: instead of the file's.
    pub seed: Option<u64>,
    /// `--repeat`: instead of the file's.
    pub repeat: Option<u32>,
    /// `--full`: no run stops early.
    pub full: bool,
    /// The machine.
    pub machine: MachineFacts,
    /// The data sets.
    pub catalogue: &'a dyn DatasetCatalogue,
    /// What relative paths in the grid are relative to: the grid file's folder. Those in `set` are relative to the
    /// working directory.
    pub base_dir: PathBuf,
}

/// The objectives of a grid file, or of a file that holds nothing else.
pub fn objectives(source: &Source) -> Result<Vec<Objective>, ConfigError> {
    let mut problems = Problems::default();
    let text = header::read_source(source, &mut problems);
    let text = problems.check(text)?;
    let root = tree::parse_document(text, &mut problems);
    let root = problems.check(root)?;
    let found = objectives::read(&root, &mut problems);
    if root.get("objectives").is_none() {
        problems.error_with(
            Place::whole(text),
            "there is no [objectives] in this file",
            "write [objectives] with maximize = [\"test_accuracy\"] or minimize = [\"memory.peak\"]",
        );
    }
    problems.check(Some(objectives::plain(&found)))
}

/// The gate of a grid file, or of a file that holds nothing else.
pub fn gate(source: &Source) -> Result<GatePolicy, ConfigError> {
    let mut problems = Problems::default();
    let text = header::read_source(source, &mut problems);
    let text = problems.check(text)?;
    let root = tree::parse_document(text, &mut problems);
    let root = problems.check(root)?;
    // A gate whose name has a typing mistake must not be one that is simply not there.
    keys::Scope::Top.check(&root, &mut problems);
    let found = gate::read(&root, &mut problems);
    // A grid without one is judged by the defaults.
    let grid = root.get("grid").is_some();
    if root.get(gate::TABLE).is_none() && !grid && !problems.any() {
        problems.error_with(
            Place::whole(text),
            "there is no [gate] in this file",
            "write [gate] above its keys; `[gate]` alone means the defaults",
        );
    }
    problems.check(Some(found.policy))
}

/// What only shows when all is known of a cell; `--only` chooses among them, and only what is left need be a model.
fn check_cells(
    cells: &mut Vec<axes::Cell>,
    (axes, resolver): (&Axes, &Resolver),
    (request, world): (&Request<'_>, &World<'_>),
    problems: &mut Problems,
) {
    models::check_datasets(cells, axes, world, problems);
    build::check_batches(cells, axes, resolver, problems);
    limits::check_threads(cells, axes, resolver, problems);
    select::only(cells, request.only, axes, world, problems);
    if !world.foreign {
        build::check_models(cells, axes, resolver, problems);
    }
}

/// What relative paths are relative to.
fn bases(request: &Request<'_>) -> Bases {
    Bases {
        file: std::path::absolute(&request.base_dir).unwrap_or(request.base_dir.clone()),
        arguments: std::env::current_dir().unwrap_or(PathBuf::from(".")),
    }
}

/// The checked plan, or everything that is wrong with the grid.
pub fn load(request: &Request<'_>) -> Result<Plan, ConfigError> {
    let mut problems = Problems::default();
    let text = header::read_source(&request.source, &mut problems);
    let text = problems.check(text)?;
    let root = tree::parse_document(text, &mut problems);
    let mut root = problems.check(root)?;
    set::apply(&mut root, request.set, &mut problems);
    problems.check(Some(()))?;
    checked(&root, request, &mut problems)
}

/// What the values of the axes are checked against.
fn world<'a>(
    request: &Request<'a>,
    (worker, base): (&WorkerSettings, &Patch),
    (commands, bases): (&'a [CommandModel], &'a Bases),
) -> World<'a> {
    let limits = &request.machine.limits;
    let limited = base.limits.resolve(limits, &mut Problems::default());
    World {
        foreign: worker.program != WorkerProgram::Native,
        commands,
        catalogue: request.catalogue,
        dataset_names: request.catalogue.names(),
        cores: limited.threads(request.machine.cores()),
        bases,
    }
}

/// The plan of a whole tree.
fn checked(
    root: &tree::Table,
    request: &Request<'_>,
    problems: &mut Problems,
) -> Result<Plan, ConfigError> {
    keys::Scope::Top.check(root, problems);
    let head = header::read(root, request, problems);
    let bases = bases(request);
    let (sampler, grams_per_kwh) = worker::sampler(root, problems);
    let (worker, options) = worker::worker(root, &bases, problems);
    let commands = models::read(root, &bases, problems);
    let base = Patch::read(root, None, problems);
    let world = world(request, (&worker, &base), (&commands, &bases));
    let aimed = objectives::read(root, problems);
    let gate = gate::read(root, problems);
    let mut resolver = Resolver::new(&base, &aimed, request.full, &request.machine);
    let Some(mut axes) = Axes::read(root, &world, problems) else {
        return Err(problems.take_error());
    };
    let mut cells = cells::expand(root, &mut axes, &world, problems);
    resolver.read_overrides(root, &axes, &world, problems);
    problems.check(Some(()))?;

    resolver.check(&cells, problems);
    let known = (&axes, &resolver);
    check_cells(&mut cells, known, (request, &world), problems);
    problems.check(Some(()))?;

    let builder = build::Builder {
        head: &head,
        axes: &axes,
        resolver: &resolver,
        options: &options,
        commands: &commands,
    };
    let runs = builder.runs(&cells, problems);
    gate.check_retired(&runs, problems);
    problems.check(Some(()))?;
    // Where the command line has changed the axes, what the file says of values that are gone is no mistake.
    if set::touches(request.set, "grid") {
        problems.forget_idle();
    }
    Ok(Plan {
        varying: axes.varying(),
        runs,
        objectives: objectives::plain(&aimed),
        gate: gate.policy,
        sampler,
        grams_per_kwh,
        worker,
        warnings: problems.take_warnings(),
        name: head.name,
        seed: head.seed,
        repeats: head.repeats,
    })
}
