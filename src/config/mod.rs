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
mod world;

pub use command::{CommandRequest, command};
pub use error::{ConfigError, Diagnostic, Excerpt};
pub use metrics::named as metrics_named;
pub use world::{DatasetCatalogue, DatasetFacts, MachineFacts, Request, Source};

use axes::Axes;
use models::CommandModel;
use patch::Patch;
use plan::{Plan, WorkerProgram, WorkerSettings};
use problems::{Place, Problems};
use settings::Resolver;
use world::{Bases, World};

use crate::event::Objective;
use crate::gate::GatePolicy;

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
    build::check_datasets(cells, axes, world, problems);
    build::check_batches(cells, axes, resolver, problems);
    limits::check_threads(cells, axes, resolver, problems);
    select::only(cells, request.only, axes, world, problems);
    if !world.foreign {
        build::check_models(cells, axes, resolver, problems);
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
    (commands, bases): (&[CommandModel], &'a Bases),
) -> World<'a> {
    let limits = &request.machine.limits;
    let limited = base.limits.resolve(limits, &mut Problems::default());
    World {
        foreign: worker.program != WorkerProgram::Native,
        commands: commands.iter().map(|command| command.name.clone()).collect(),
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
    let bases = Bases::new(&request.base_dir);
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
    build::check_commands(&commands, &axes, problems);
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
