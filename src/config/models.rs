//! `[models.NAME]`: a command as a model. Its words may hold settings of the cell in braces; each word is one argument, and no
//! shell ever sees them.

use std::path::{Path, PathBuf};

use super::axes::{Axes, Cell};
use super::axis::{self, Axis, Bases, Setting, World};
use super::keys::Scope;
use super::problems::{GRID, Place, Problems};
use super::read::{self, Section};
use super::suggest;
use super::tree::{Node, Table, Value};
use crate::event::{CommandSpec, JobSpec, MODELS};

/// A setting that a word may hold, and its value.
type Hole = (&'static str, fn(&JobSpec) -> String);

const HOLES: &[Hole] = &[
    ("batch_size", |job| job.train.batch_size.to_string()),
    ("dataset", |job| job.dataset.clone()),
    ("dataset_dir", |job| job.dataset_dir.display().to_string()),
    ("device", |job| job.device.clone()),
    ("epochs", |job| job.train.epochs.to_string()),
    ("learning_rate", |job| axis::number_label(job.train.learning_rate)),
    ("model", |job| job.model.name.clone()),
    ("optimizer", |job| job.train.optimizer.to_string()),
    ("run", |job| job.run.clone()),
    ("seed", |job| job.seed.to_string()),
    ("threads", |job| job.threads.to_string()),
    ("weight_decay", |job| axis::number_label(job.train.weight_decay)),
];

enum Part {
    Text(String),
    Hole(fn(&JobSpec) -> String),
}

/// A word with settings in it.
type Word = Vec<Part>;

/// A command that is a model.
pub(super) struct CommandModel {
    pub(super) name: String,
    words: Vec<Word>,
    steps: bool,
}

impl CommandModel {
    /// The command of this job.
    pub(super) fn of(&self, job: &JobSpec) -> CommandSpec {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Hole(value) => value(job),
        };
        let words = self.words.iter();
        CommandSpec {
            words: words.map(|word| word.iter().map(part).collect()).collect(),
            steps: self.steps,
        }
    }
}

/// The command that a model of this name is, if it is one.
pub(super) fn find<'a>(commands: &'a [CommandModel], name: &str) -> Option<&'a CommandModel> {
    commands.iter().find(|command| command.name == name)
}

/// All of `[models]`.
pub(super) fn read(root: &Table, bases: &Bases, problems: &mut Problems) -> Vec<CommandModel> {
    let Some((table, _)) = read::table(root, "models", problems) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in &table.entries {
        let name = entry.key.clone();
        if MODELS.iter().any(|model| model.name == name) {
            let message = format!("`{name}` is the name of a model of perftune's own");
            let hint = "give the command another name, and use that in [grid] model";
            problems.error_with(entry.key_place, message, hint);
            continue;
        }
        let Value::Table(inner) = &entry.node.value else {
            let expected =
                "a table with a command, such as { command = [\"python\", \"train.py\"] }";
            read::wrong(&name, expected, &entry.node, problems);
            continue;
        };
        let read = model(name.clone(), (inner, entry.key_place), bases, problems);
        // One with a mistake has been reported; its name is known all the same.
        found.push(read.unwrap_or(CommandModel { name, words: Vec::new(), steps: false }));
    }
    found
}

fn model(
    name: String,
    (table, place): (&Table, Place),
    bases: &Bases,
    problems: &mut Problems,
) -> Option<CommandModel> {
    let mut section = Section::new(Scope::CommandModel, table, problems);
    let steps = section.flag("steps").unwrap_or(true);
    let Some(node) = section.get("command") else {
        let message = format!("[models.{name}] has no `command`");
        let hint = "write the program and its arguments: command = [\"python\", \"train.py\"]";
        section.problems.error_with(place, message, hint);
        return None;
    };
    let words = words(node, section.problems)?;
    let base = bases.of(node);
    let mut all = Vec::new();
    for (index, (text, node)) in words.iter().enumerate() {
        // A brace that stands for itself is doubled wherever it is, so paths are looked for in what is left of it.
        let word = parts(text, node, section.problems)?;
        all.push(match &word[..] {
            [Part::Text(text)] if index == 0 => vec![Part::Text(program(text, base))],
            [Part::Text(text)] => vec![Part::Text(argument(text, base))],
            _ => word,
        });
    }
    Some(CommandModel { name, words: all, steps })
}

/// The words of a command; the first is not empty.
pub(super) fn words<'a>(
    node: &'a Node,
    problems: &mut Problems,
) -> Option<Vec<(&'a str, &'a Node)>> {
    let expected = "a list of texts, the program first, such as [\"python3\", \"train.py\"]";
    let Value::List(items) = &node.value else {
        read::wrong("command", expected, node, problems);
        return None;
    };
    let mut words = Vec::new();
    for item in items {
        words.push((read::text("command", item, expected, problems)?, item));
    }
    if words.first().is_none_or(|(first, _)| first.is_empty()) {
        read::wrong("command", expected, node, problems);
        return None;
    }
    Some(words)
}

/// The program: a bare name is looked up on the PATH, as a shell would.
pub(super) fn program(word: &str, base: &Path) -> String {
    if word.contains('/') {
        base.join(word).to_string_lossy().into_owned()
    } else {
        word.to_owned()
    }
}

/// An argument: `train.py` beside the grid file has to be found from any working directory.
pub(super) fn argument(word: &str, base: &Path) -> String {
    let path: PathBuf = base.join(word);
    if !word.is_empty() && path.is_file() {
        path.to_string_lossy().into_owned()
    } else {
        word.to_owned()
    }
}

fn parts(word: &str, node: &Node, problems: &mut Problems) -> Option<Word> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let here = &rest[at..];
        if here.starts_with("{{") || here.starts_with("}}") {
            text.push_str(&here[..1]);
            rest = &here[2..];
            continue;
        }
        let inner = here.strip_prefix('{').and_then(|here| here.split_once('}'));
        let Some((name, after)) = inner else {
            let brace = &here[..1];
            let message = format!("a single `{brace}` in `command`");
            let hint = format!("write `{brace}{brace}` for one that stands for itself");
            problems.error_with(within(node, here, problems), message, hint);
            return None;
        };
        let Some((_, value)) = HOLES.iter().find(|(hole, _)| *hole == name) else {
            let names: Vec<&str> = HOLES.iter().map(|(hole, _)| *hole).collect();
            let shown = super::keys::shown(name);
            let message = format!("`command` has no setting `{{{shown}}}`");
            let near = suggest::nearest(name, names.iter().copied());
            let hint = match near {
                Some(found) => format!("did you mean `{{{found}}}`?"),
                None => format!("there are {}; `{{{{` stands for a brace", names.join(", ")),
            };
            let here = &here[..name.len() + 2];
            problems.error_with(within(node, here, problems), message, hint);
            return None;
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Hole(*value));
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    Some(parts)
}

/// Where a part of a text stands; the whole text where it is written in another way there.
fn within(node: &Node, part: &str, problems: &Problems) -> Place {
    let Some((from, to)) = node.place.span else {
        return node.place;
    };
    let written = problems.body(node.place.text).get(from..to).unwrap_or("");
    // The last: doubled braces and settings that are known stand before it.
    let Some(at) = written.rfind(part) else {
        return node.place;
    };
    let span = Some((from + at, from + at + part.len()));
    Place { text: node.place.text, span }
}

/// Reports the data sets that only a command could know, in the cells of other models.
pub(super) fn check_datasets(
    cells: &[Cell],
    axes: &Axes,
    world: &World<'_>,
    problems: &mut Problems,
) {
    if world.foreign {
        return;
    }
    let mut told = Vec::new();
    for cell in cells {
        let (Some(model), Some(data)) =
            (axes.choice(Axis::Model, cell), axes.choice(Axis::Dataset, cell))
        else {
            continue;
        };
        let unknown = matches!(&data.setting, Setting::Dataset(data) if data.train_rows.is_none());
        let is_command = find(world.commands, &model.label).is_some();
        if !unknown || is_command || told.contains(&&data.label) {
            continue;
        }
        told.push(&data.label);
        let names: Vec<&str> = world.dataset_names.iter().map(String::as_str).collect();
        let hint = suggest::hint(&data.label, &names, "the data sets are");
        problems.error_with(
            data.place.unwrap_or(Place::whole(GRID)),
            format!(
                "unknown data set \"{}\", which the model {} has to read",
                data.label, model.label
            ),
            format!("{hint} (a command may have data of its own: [[exclude]] the other cells)"),
        );
    }
}
