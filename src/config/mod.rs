//! The grid file: TOML in, a checked [`plan::Plan`] out.
//!
//! The text is a tree that knows the place of every key and value (`document`), on top of what it extends and below the profile
//! that is asked for (`layers`); `--set` is put on top of all (`set`), and
//! the tree is walked by hand. What keys there are is a table (`keys`); each one puts its value into the
//! `settings`, first those of the file, then for each cell those of the overrides that match (`resolve`). The axes of
//! `[grid]` become pools of checked values (`axes`), and a cell is an index into each pool (`cells`).

mod axes;
mod axis;
mod braces;
mod build;
mod cells;
mod checks;
mod command;
mod command_words;
mod constraints;
mod declared;
mod engine;
mod engine_keys;
mod export;
mod gate;
mod header;
mod key;
mod keys;
mod lanes;
mod layers;
mod limits;
mod lookup;
mod metrics;
mod models;
mod objectives;
mod own;
pub mod plan;
mod profiles;
mod random;
mod range;
mod read;
mod recorded;
pub mod reference;
mod resolve;
pub mod rule;
mod schema;
mod scripts;
mod search;
mod select;
mod serving;
mod set;
mod settings;
pub mod shown;
mod sweep;
mod template;
mod values;
mod when;
mod worker;
mod world;

pub use crate::document::{ConfigError, Diagnostic, Excerpt};
pub use command::{CommandRequest, command};
pub use metrics::named as metrics_named;
pub use world::{
    DatasetCatalogue, DatasetFacts, GridSource, GridText, MachineFacts, Request, ScriptFacts, SetBy,
};

use crate::document::problems::{Place, Problems};
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use axes::{Axes, Cell};
use key::Context;
use layers::Document;
use plan::{Plan, WorkerProgram};
use recorded::RecordedModel;
use resolve::Resolver;
use settings::Settings;
use template::CommandModel;
use world::{Bases, World};

use crate::document::tree;
use crate::event::{AxisList, Objective};
use crate::gate::GatePolicy;
use crate::units::Span;

/// A file that holds a part of a grid, or all of it.
fn part(source: &GridSource, problems: &mut Problems) -> Result<Document, ConfigError> {
    let folder = match source {
        GridSource::Path(path) => path.parent().unwrap_or(path),
        GridSource::Stdin(_) | GridSource::Kept(_) => ".".as_ref(),
    };
    layers::read(source, folder, None, problems)
}

/// The objectives of a grid file, or of a file that holds nothing else.
pub fn objectives(source: &GridSource) -> Result<Vec<Objective>, ConfigError> {
    let mut problems = Problems::default();
    let Document { root, text, bases, .. } = part(source, &mut problems)?;
    let mut aimed = Vec::new();
    // Nothing else of the file matters, and nothing else is judged.
    if let Some(table) = root.get("objectives") {
        let only = tree::Table { entries: vec![table.clone()] };
        let axes = AxisList::default();
        let context = Context::of(&bases, &axes);
        let own = declared::ids(&declared::read(&root, &context, &mut problems));
        aimed = schema::settings(&only, context.declaring(&own), &mut problems).objectives;
    }
    if root.get("objectives").is_none() {
        problems.error_with(
            Place::whole(text),
            "there is no [objectives] in this file",
            format!("write [objectives] with {}", objectives::example(" or ")),
        );
    }
    problems.check(Some(objectives::plain(&aimed)))
}

/// The gate of a grid file, or of a file that holds nothing else.
pub fn gate(source: &GridSource) -> Result<GatePolicy, ConfigError> {
    let mut problems = Problems::default();
    let Document { root, text, bases, .. } = part(source, &mut problems)?;
    // A gate whose name has a typing mistake must not be one that is simply not there.
    schema::check_top(&root, &mut problems);
    let table = root.get("gate");
    let only = tree::Table { entries: table.cloned().into_iter().collect() };
    // Where there is no grid beside it, only the results know which axes there are.
    let axes = match root.get("grid") {
        Some(_) => own::axes(&root, &mut problems),
        None => own::of_subject(&root),
    };
    let context = Context::of(&bases, &axes);
    let own = declared::ids(&declared::read(&root, &context, &mut problems));
    let found = schema::settings(&only, context.declaring(&own), &mut problems).gate;
    // A grid without one is judged by the defaults.
    let grid = root.get("grid").is_some();
    if table.is_none() && !grid && !problems.any() {
        problems.error_with(
            Place::whole(text),
            "there is no [gate] in this file",
            "write [gate] above its keys; `[gate]` alone means the defaults",
        );
    }
    problems.check(Some(found))
}

/// The checked plan, or everything that is wrong with the grid.
pub fn load(request: &Request<'_>) -> Result<Plan, ConfigError> {
    let mut problems = Problems::default();
    let (source, folder) = (&request.source, &request.base_dir);
    let mut document = layers::read(source, folder, request.profile, &mut problems)?;
    let Document { root, bases, .. } = &mut document;
    let before = request.keeps_names.then(|| root.clone());
    set::apply(root, set::all(request.set, request.set_by), &mut problems);
    let (sources, keys) = (layers::sources(root, &problems), keys(root, request));
    let recorded = recorded::read(root, bases, &mut problems);
    let before = before.map(|root| unset(root, &recorded));
    recorded::put_axes(root, &recorded);
    // Without its tables nobody knows which axes there are.
    let is_whole = !problems.any();
    own::write_out(root, &mut problems);
    if !is_whole {
        return Err(problems.take_error());
    }
    let swept = before.map_or_else(Vec::new, |before| {
        own::order_like(root, &before);
        swept(&before)
    });
    profiles::check(&document.others, &document.bases, request, &mut problems);
    let plan = checked(&document, &recorded, &swept, request, &mut problems)?;
    let file = source.path().map(Path::to_owned);
    Ok(Plan { file, keys, sources, texts: document.texts, ..plan })
}

/// What tells one grid from another: what it says, with what the command line says of it, but not how often and how long it
/// and where it is run, nor what it is handed on as.
fn keys(root: &tree::Table, request: &Request<'_>) -> serde_json::Value {
    let mut keys = root.json();
    if let Some(seed) = request.seed {
        keys["seed"] = seed.into();
    }
    if request.full {
        keys["full"] = true.into();
    }
    if let Some(keys) = keys.as_object_mut() {
        keys.remove("repeat");
        keys.remove("run");
        keys.remove("engine");
        keys.remove("export");
    }
    keys
}

/// A grid file as it is without the command line, the axes of its tables and all ranges written out.
fn unset(mut root: tree::Table, recorded: &[RecordedModel]) -> tree::Table {
    recorded::put_axes(&mut root, recorded);
    // Its mistakes are told of with those of the whole.
    own::write_out(&mut root, &mut Problems::default());
    root
}

/// The keys of the axes to which such a file gives several values.
fn swept(root: &tree::Table) -> Vec<String> {
    let given = own::grids(root).flat_map(own::entries);
    let several = given.filter(|(_, entry)| entry.node.items().len() > 1);
    several.map(|(key, _)| key.into_owned()).collect()
}

/// The plan of a grid file; `recorded`: its models that are tables; `swept`: the axes that vary in it.
fn checked(
    document: &Document,
    recorded: &[RecordedModel],
    swept: &[String],
    request: &Request<'_>,
    problems: &mut Problems,
) -> Result<Plan, ConfigError> {
    let Document { root, bases, .. } = document;
    let axes = own::axes(root, problems);
    let commands = models::read(root, &Context::of(bases, &axes), problems);
    let told = Told { root, bases, axes: &axes, commands: &commands, recorded, swept };
    planned(&told, request, problems)
}

/// A whole tree, and what is made of it first.
struct Told<'a> {
    root: &'a tree::Table,
    bases: &'a Bases,
    axes: &'a AxisList,
    commands: &'a [Rc<CommandModel>],
    /// Its models that are tables.
    recorded: &'a [RecordedModel],
    /// The axes that vary in the file.
    swept: &'a [String],
}

impl Told<'_> {
    /// What the values of its axes are checked against.
    fn world<'a>(
        &'a self,
        settings: &Settings,
        machine: &MachineFacts,
        request: &'a Request<'_>,
    ) -> World<'a> {
        World {
            foreign: settings.worker.program != WorkerProgram::Native,
            commands: models::names(self.commands, self.root),
            scripts: scripts::names(self.root),
            catalogue: request.catalogue,
            dataset_names: request.catalogue.names(),
            cores: settings
                .limits
                .resolve(&machine.limits, &mut Problems::default())
                .threads(machine.cores()),
            bases: self.bases,
            axes: self.axes,
            narrowed: set::touches(set::all(request.set, request.set_by), "grid"),
            max_cells: request.max_cells,
        }
    }
}

/// The plan of it.
fn planned(
    told: &Told<'_>,
    request: &Request<'_>,
    problems: &mut Problems,
) -> Result<Plan, ConfigError> {
    let &Told { root, bases, axes, commands, recorded, swept } = told;
    let context = Context::of(bases, axes);
    let declared = declared::read(root, &context, problems);
    let own = declared::ids(&declared);
    let context = context.declaring(&own);
    let mut settings = schema::settings(root, context, problems);
    header::put_arguments(&mut settings, request.repeat, request.seed, problems);
    header::settle_repeats(&mut settings, request.full, problems);
    search::check(&settings.search, &settings.objectives, settings.budget_s, root, problems);
    settings.files = declared::files(root, axes, problems);
    settings.declared = declared;
    let of_search = settings.search.budget.map(|(budget_s, _)| budget_s);
    settings.budget_s = request.budget.map(Span::as_secs).or(settings.budget_s).or(of_search);
    let lanes = lanes::cut(&mut settings, request, problems);
    let machine = &lanes::narrowed(&request.machine, &lanes);
    let world = told.world(&settings, machine, request);
    let named = recorded::named(root);
    let found = scripts::Found { catalogue: request.catalogue, named: &named };
    let scripts = scripts::read(root, &context, &found, world.foreign, problems);
    let mut resolver = Resolver::new(&settings, request.full, machine, context);
    let Some(mut axes) = Axes::read(root, &world, problems) else {
        return Err(problems.take_error());
    };
    axes.keep_in_names(swept);
    let mut cells = cells::expand(root, &mut axes, &world, problems);
    checks::commands(commands, &axes, problems);
    checks::shells(commands, &axes, problems);
    checks::own_axes(commands, recorded, &axes, &cells, &world, problems);
    resolver.read_overrides(root, &axes, &world, problems);
    problems.check(Some(()))?;

    resolver.check(&cells, problems);
    checks::datasets(&cells, &axes, &world, problems);
    checks::batches(&cells, &axes, &resolver, problems);
    checks::threads(&cells, &axes, &resolver, &lanes, problems);
    let all = if request.only.is_empty() { Vec::new() } else { names(&cells, &axes) };
    let aimed: Vec<_> = settings.objectives.iter().map(|aimed| aimed.def.id.into()).collect();
    checks::random_data(&cells, &axes, &resolver, &aimed, problems);
    // `--only` chooses among them, and only what is left need be a model.
    select::only(&mut cells, request.only, &axes, &world, problems);
    let figures = recorded::figures(recorded);
    declared::check(root, &settings.declared, commands, &figures, world.foreign, problems);
    if !world.foreign {
        checks::models(&cells, &axes, &resolver, problems);
        checks::scripts(&scripts, &cells, &axes, &resolver, problems);
    }
    problems.check(Some(()))?;

    let builder = build::Builder {
        settings: &settings,
        axes: &axes,
        resolver: &resolver,
        commands,
        recorded,
        scripts: &scripts,
        max_cells: request.max_cells,
    };
    // Where the command line has changed the axes, what the file says of values that are gone is no mistake.
    let plan = of_cells(&builder, &cells, all, request, world.narrowed, problems)?;
    lanes::check(&lanes, &settings, &plan.runs, &request.machine, problems);
    let notes = plan.notes.into_iter().chain(lanes::said(&lanes)).collect();
    problems.check(Some(Plan { lanes, notes, ..plan }))
}

/// The cells of a whole grid: `all`, less those that were `asked` for and not planned, since no recorded table has them.
fn whole(all: Vec<String>, asked: &[String], planned: &[String]) -> Vec<String> {
    let asked: HashSet<&String> = asked.iter().collect();
    let has: HashSet<&String> = planned.iter().collect();
    all.into_iter().filter(|cell| has.contains(cell) || !asked.contains(cell)).collect()
}

/// The plan of cells that were checked; `all`: those of the whole grid by name, where it has more; `narrowed`: of a part of
/// those of the file.
fn of_cells(
    builder: &build::Builder<'_>,
    cells: &[Cell],
    all: Vec<String>,
    request: &Request<'_>,
    narrowed: bool,
    problems: &mut Problems,
) -> Result<Plan, ConfigError> {
    let build::Builder { settings, axes, .. } = builder;
    let runs = builder.runs(cells, problems);
    gate::check_retired(&settings.retired, &runs, problems);
    problems.check(Some(()))?;
    if narrowed {
        problems.forget_idle();
    }
    let name = settings.name.clone().unwrap_or_else(|| header::stem(&request.source));
    let warnings = problems.take_warnings();
    let notes = axes.found_in_data();
    let plan = settings.plan(name, axes.varying(), runs);
    let cells = match &all[..] {
        [] => plan.cells,
        _ => whole(all, &names(cells, axes), &plan.cells),
    };
    Ok(Plan { cells, warnings, notes, ..plan })
}

fn names(cells: &[Cell], axes: &Axes) -> Vec<String> {
    cells.iter().filter_map(|cell| axes.cell_name(cell)).collect()
}
