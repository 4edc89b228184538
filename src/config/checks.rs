//! What only shows when the cells and their settings are known: what the axes of a cell say against one another.

use std::rc::Rc;

use std::collections::{HashMap, HashSet};

use super::axes::{Axes, Cell};
use super::axis::Choice;
use super::recorded::{self, RecordedModel};
use super::resolve::Resolver;
use super::scripts::{self, ScriptModel};
use super::template::{CommandModel, Part, Placeholder, Word};
use super::values::Values;
use super::world::World;
use crate::document::problems::{Problem, Problems, shown};
use crate::document::suggest;
use crate::event::{Axis, AxisValue, ENV, Lane, MODELS, is_plain};
use crate::metric::{MetricDef, MetricName};
use crate::units::Share;

/// Reports every batch that is larger than what its data set has to train on.
pub(super) fn batches(
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver<'_>,
    problems: &mut Problems,
) {
    let mut told = HashSet::new();
    for values in resolver.values(cells, axes) {
        let (Some(dataset), Some(batch)) = (values.dataset(), values.choice(Axis::BATCH_SIZE))
        else {
            continue;
        };
        let (Some(rows), Some(size)) = (dataset.train_rows, batch.count()) else {
            continue;
        };
        let (train, name) = (&values.settings.train, values.label(Axis::DATASET));
        let held_out = if dataset.random.is_some() { 0 } else { train.validation_rows(rows) };
        let left = rows.saturating_sub(held_out);
        if train.epochs == 0 || u64::from(size) <= left || !told.insert((name, size)) {
            continue;
        }
        let share = Share(if held_out > 0 { train.validation_share } else { 0.0 });
        let of_data = axes.choice(Axis::DATASET, values.cell).and_then(|choice| choice.place);
        problems.error_with(
            batch.place.or(of_data).unwrap_or_default(),
            format!(
                "a batch of {size} is larger than the training part of {name}: {left} of its {rows} rows ({share} are held out for validation)"
            ),
            format!("use at most {left}, or [[exclude]] the cell"),
        );
    }
}

/// Reports the data sets that only a command could know, in the cells of other models.
pub(super) fn datasets(cells: &[Cell], axes: &Axes, world: &World<'_>, problems: &mut Problems) {
    if world.foreign {
        return;
    }
    let mut told = Vec::new();
    for cell in cells {
        let (Some(model), Some(data)) =
            (axes.choice(Axis::MODEL, cell), axes.choice(Axis::DATASET, cell))
        else {
            continue;
        };
        let unknown = data.dataset.as_ref().is_some_and(|data| data.train_rows.is_none());
        if !unknown || world.is_command(&model.label) || told.contains(&&data.label) {
            continue;
        }
        told.push(&data.label);
        let names: Vec<&str> = world.dataset_names.iter().map(String::as_str).collect();
        let hint = suggest::hint(&data.label, &names, "the data sets are");
        problems.error_with(
            data.place.unwrap_or_default(),
            format!(
                "unknown data set \"{}\", which the model {} has to read",
                data.label, model.label
            ),
            format!("{hint} (a command may have data of its own: [[exclude]] the other cells)"),
        );
    }
}

/// Reports every model that cannot have its depth or width; another worker has models of its own.
pub(super) fn models(
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver<'_>,
    problems: &mut Problems,
) {
    let mut told = HashSet::new();
    for values in resolver.values(cells, axes) {
        let name = values.label(Axis::MODEL);
        let Some(model) = MODELS.iter().find(|model| model.name == name) else {
            continue;
        };
        let (depth, width) = (values.count(Axis::DEPTH), values.count(Axis::WIDTH));
        let Err(why) = model.knobs(depth, width) else {
            continue;
        };
        let asked = [Axis::DEPTH, Axis::WIDTH].map(|axis| values.choice(axis));
        let place = asked.into_iter().flatten().find_map(|choice| choice.place);
        if told.insert(why.clone()) {
            let hint = "change it, or [[exclude]] the cell";
            problems.error_with(place.unwrap_or_default(), why, hint);
        }
    }
}

/// Reports the axes in the words of a command that are left to the model, which is none of perftune's own.
pub(super) fn commands(commands: &[Rc<CommandModel>], axes: &Axes, problems: &mut Problems) {
    let models = &axes.pools[Axis::MODEL.index()];
    let unset = |key: &str| {
        let pools = axes.list.find(key).map(|found| &axes.pools[found.index()]);
        let pools = pools.into_iter().filter(|pool| !pool.conditional);
        pools.flat_map(|pool| &pool.choices).any(|choice| choice.value == AxisValue::Unset)
    };
    for command in commands.iter().filter(|command| models.find(&command.name).is_some()) {
        command.check(unset, problems);
    }
}

/// Programs that read a word as commands.
const SHELLS: [&str; 8] = ["sh", "ash", "bash", "busybox", "dash", "fish", "ksh", "zsh"];

/// The word that a shell is given as its script, `sh -c SCRIPT`.
fn script(words: &[Word]) -> Option<&Word> {
    let text = |word: &'_ Word| match &word[..] {
        [Part::Text(text)] => Some(text.clone()),
        _ => None,
    };
    let is_shell = |word: &Word| {
        text(word).is_some_and(|text| SHELLS.contains(&text.rsplit('/').next().unwrap_or("")))
    };
    let is_flag = |word: &Word| {
        let flags = text(word).filter(|text| !text.starts_with("--"));
        flags.is_some_and(|text| text.strip_prefix('-').is_some_and(|flags| flags.contains('c')))
    };
    let after = &words[words.iter().position(is_shell)?..];
    after.get(after.iter().position(is_flag)? + 1)
}

/// Reports values that a shell would read as more than themselves: a value is an argument, and never a command.
pub(super) fn shells(commands: &[Rc<CommandModel>], axes: &Axes, problems: &mut Problems) {
    let scripts = commands.iter().flat_map(|command| command.commands()).filter_map(script);
    for part in scripts.flatten() {
        let Part::Placeholder(Placeholder::Axis(key), _) = part else { continue };
        let Some(found) = axes.list.find(key) else { continue };
        for choice in &axes.pools[found.index()].choices {
            if choice.is_absent() || is_plain(&choice.label) {
                continue;
            }
            problems.error_with(
                choice.place.unwrap_or_default(),
                format!("a shell would read `{}` as code", shown(&choice.label)),
                format!("make it an argument of the script: sh -c '... \"$1\"' sh {{{key}}}"),
            );
        }
    }
}

/// Reports the axes of the user's own that nothing in the grid uses, and values that no name of a cell could tell apart; warns of
/// cells that are the same work as others since their model uses no such axis.
pub(super) fn own_axes(
    commands: &[Rc<CommandModel>],
    recorded: &[RecordedModel],
    axes: &Axes,
    cells: &[Cell],
    world: &World<'_>,
    problems: &mut Problems,
) {
    let models = &axes.pools[Axis::MODEL.index()].choices;
    for axis in axes.list.all().filter(|axis| axes.list.def(*axis).is_own()) {
        let (key, pool) = (axes.list.key(axis), &axes.pools[axis.index()]);
        // It has no values, which has been told.
        if pool.key_place.is_some_and(|place| problems.blames(place)) {
            continue;
        }
        let mut tags = HashMap::new();
        for choice in &pool.choices {
            if let Some(other) = tags.insert(&choice.tag, &choice.label) {
                let (label, tag) = (&choice.label, &choice.tag);
                problems.error_with(
                    choice.place.unwrap_or_default(),
                    format!("cells with `{key}` = {other:?} and with {label:?} would both be named {tag}"),
                    "change one of the two in a letter, a digit, `.`, `_` or `-`",
                );
            }
        }
        if key.starts_with(ENV) {
            continue;
        }
        let is_told = |model: &Choice| {
            let table = recorded::find(recorded, &model.label).map(|table| table.names(key));
            let command = commands.iter().find(|command| command.name == model.label);
            let command = command.map(|command| command.names(key));
            // One with a mistake of its own is not there to be asked.
            table.or(command).unwrap_or(world.foreign || world.is_command(&model.label))
        };
        let place = pool.key_place.unwrap_or_default();
        // The first value in the cells of each model that does not use it.
        let mut first = HashMap::new();
        let differs = |cell: &&Cell| {
            let (model, value) = (cell[Axis::MODEL.index()], cell[axis.index()]);
            let told = models.get(model as usize).is_none_or(is_told);
            !told && *first.entry(model).or_insert(value) != value
        };
        if !models.iter().any(is_told) {
            problems.error_with(
                place,
                format!(
                    "nothing uses the axis `{key}`: no model of [grid] has {{{key}}} in its command"
                ),
                "add such a model, or a worker of yours ([worker]), which finds it in its job; or leave the axis out",
            );
        } else if let Some(cell) = cells.iter().find(differs) {
            let model = axes.choice(Axis::MODEL, cell).map_or("", |model| &model.label);
            problems.warn(
                place,
                format!(
                    "the model {model} does not use `{key}`, so some of its cells are identical: give it in a [[when]]"
                ),
            );
        }
    }
}

/// Reports threads that the limits or the lanes contradict: more than there are CPUs, or `threads = 0` in cells that are named by
/// what it means, where an `[[override]]` changes that.
pub(super) fn threads(
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver<'_>,
    lanes: &[Lane],
    problems: &mut Problems,
) {
    let mut told = HashSet::new();
    let lane = lanes.first().map_or(0, |lane| lane.cpus.len());
    for Values { cell, settings, .. } in resolver.values(cells, axes) {
        let choice = axes.choice(Axis::THREADS, cell);
        let Some((choice, threads)) = choice.and_then(|c| Some((c, c.count()?))) else {
            continue;
        };
        let (cpus, limits) = (settings.limits.cpus.len(), settings.limits_place);
        let (cpus, of) = if cpus > 0 { (cpus, "[limits]") } else { (lane, "a lane") };
        if choice.is_automatic() {
            let named = axes.pools[Axis::THREADS.index()].varies();
            if named && threads != settings.threads && told.insert((threads, cpus)) {
                problems.error_with(
                    limits,
                    format!(
                        "`threads` = 0 means {} here and {threads} elsewhere, and the cells are named by it",
                        settings.threads
                    ),
                    "give `threads` as numbers, or the same [limits] to every cell",
                );
            }
        } else if cpus > 0 && threads as usize > cpus && told.insert((threads, cpus)) {
            let plural = if cpus == 1 { "CPU" } else { "CPUs" };
            problems.error_with(
                choice.place.unwrap_or(limits),
                format!("`threads` = {threads} is more than the {cpus} {plural} of {of}"),
                "write 0, which is all that the run may use, or [[exclude]] the cell",
            );
        }
    }
}

/// Warns of limits and objectives on how good a model is, in cells whose data are random.
pub(super) fn random_data(
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver<'_>,
    objectives: &[MetricName],
    problems: &mut Problems,
) {
    let mut told = HashSet::new();
    for values in resolver.values(cells, axes) {
        let Some(choice) = values.choice(Axis::DATASET) else { continue };
        if choice.dataset.as_ref().is_none_or(|data| data.random.is_none()) {
            continue;
        }
        let limited = values.settings.stop.constraints.iter().map(|limit| &limit.metric);
        for metric in limited.chain(objectives) {
            let of_model = metric.def().is_some_and(MetricDef::is_of_model);
            if of_model && told.insert((metric.as_str().to_owned(), choice.label.clone())) {
                let data = &choice.label;
                let what = format!(
                    "{metric} has no figure on {data}: random data say nothing about a model"
                );
                problems.warn(choice.place.unwrap_or_default(), what);
            }
        }
    }
}

/// Reports cells of such models that cannot be: with layers that a file does not choose, with samples of another size than it
/// takes, or with nothing to do. Says of which nothing is trained.
pub(super) fn scripts(
    models: &[ScriptModel],
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver<'_>,
    problems: &mut Problems,
) {
    let mut told: Vec<(&str, String)> = Vec::new();
    for values in resolver.values(cells, axes) {
        let Some(model) = scripts::find(models, values.label(Axis::MODEL)) else { continue };
        for (what, problem) in mistakes(model, &values) {
            if !told.contains(&(&model.name, what.clone())) {
                told.push((&model.name, what));
                problems.push(problem);
            }
        }
        let trains = values.settings.train.epochs > 0;
        let what = "fixed".to_owned();
        if model.is_fixed() && trains && !told.contains(&(&model.name, what.clone())) {
            told.push((&model.name, what));
            let message = format!(
                "the model {} has no parameters that require gradients: it is served, and not trained",
                model.name
            );
            problems.warn(model.place, message);
        }
    }
}

/// What is wrong in a cell of such a model, each with what tells it from the others.
fn mistakes(model: &ScriptModel, values: &Values<'_>) -> Vec<(String, Problem)> {
    let mut found = Vec::new();
    for axis in [Axis::DEPTH, Axis::WIDTH] {
        let key = values.axes.list.key(axis);
        let given = values.count(axis).and(values.choice(axis)).and_then(|c| c.place);
        if let Some(place) = given {
            let message = format!("the model {} is a file, and has no `{key}`", model.name);
            let problem = Problem::new(place, message);
            found.push((key.to_owned(), problem.hint("leave it out, or [[exclude]] the cell")));
        }
    }
    let shape = values.dataset().and_then(|data| data.shape);
    if let (Some(input), Some(place), Some(shape)) = (&model.spec.input, model.input_place, shape) {
        let count = |sides: &[u32]| sides.iter().map(|side| u64::from(*side)).product::<u64>();
        let (wanted, there) = (count(input), count(&shape));
        if wanted != there {
            let data = values.label(Axis::DATASET);
            let shape = shape.map(|side| side.to_string()).join(" x ");
            let message =
                format!("`input` has {wanted} values, and a sample of {data} {there} ({shape})");
            let hint = "a sample can be reshaped, but its number of values cannot change";
            found.push((data.to_owned(), Problem::new(place, message).hint(hint)));
        }
    }
    if model.is_fixed() && values.settings.serve.is_none() {
        let message = format!(
            "there is nothing to do for the model {}: it has no parameters that require gradients, and [serve] enabled = false",
            model.name
        );
        let problem = Problem::new(model.place, message);
        found.push(("nothing".to_owned(), problem.hint("serve it, or [[exclude]] the cell")));
    }
    found
}
