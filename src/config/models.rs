//! `[models.NAME]`: a command as a model. Its words may hold settings of the cell in braces; each word is one argument, and no
//! shell ever sees them.

use std::rc::Rc;

use super::braces;
use super::command_words::{argument, program, words};
use super::key::Kind::{Flag, Own};
use super::key::{Context, KeyDef, Kind, put_table};
use super::read::{self, Read};
use super::recorded;
use super::scripts;
use super::template::{CommandModel, Part, Word};
use crate::document::problems::Problems;
use crate::document::tree::{Entry, Table, Value};
use crate::event::MODELS;

/// The command that a model of this name is, if it is one.
pub(super) fn find<'a>(
    commands: &'a [Rc<CommandModel>],
    name: &str,
) -> Option<&'a Rc<CommandModel>> {
    commands.iter().find(|command| command.name == name)
}

/// The names of these commands, and of all recorded tables.
pub(super) fn names(commands: &[Rc<CommandModel>], root: &Table) -> Vec<String> {
    let commands = commands.iter().map(|command| &*command.name);
    commands.chain(recorded::names(root)).map(str::to_owned).collect()
}

/// All of `[models]` that are commands.
pub(super) fn read(
    root: &Table,
    context: &Context<'_>,
    problems: &mut Problems,
) -> Vec<Rc<CommandModel>> {
    let Some((table, _)) = read::table(root, "models", problems) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in &table.entries {
        let name = entry.key.clone();
        if MODELS.iter().any(|model| model.name == name) {
            let message = format!("`{name}` is the name of a built-in model");
            let hint = "give the command another name, and use that in [grid] model";
            problems.error_with(entry.key_place, message, hint);
            continue;
        }
        let Value::Table(inner) = &entry.node.value else {
            let expected =
                "a table with a command, such as { command = [\"python\", \"train.py\"] }";
            problems.push(read::wrong(&name, expected, &entry.node));
            continue;
        };
        // A table of figures is read elsewhere, and so is a file.
        if inner.get("recorded").is_some() || inner.get(scripts::KEY).is_some() {
            continue;
        }
        // One with a mistake is reported; its name is known all the same.
        let mut model = CommandModel { name, ..CommandModel::default() };
        put_table(KEYS, &mut model, inner, context, problems);
        if inner.get("command").is_none() {
            let message = format!("[models.{}] has no `command`", model.name);
            let hint = "write the program and its arguments: command = [\"python\", \"train.py\"]; recorded = \"table.csv\" or torchscript = \"net.pt\"";
            problems.error_with(entry.key_place, message, hint);
        }
        found.push(Rc::new(model));
    }
    found
}

/// Reports values of keys of commands that cannot be; a part of a grid need not say all of them.
pub(super) fn check_values(root: &Table, context: &Context<'_>, problems: &mut Problems) {
    let models = root.table("models").into_iter().flat_map(|models| &models.entries);
    for inner in models.filter_map(|entry| entry.node.table()) {
        put_table(KEYS, &mut CommandModel::default(), inner, context, problems);
    }
}

const WORDS: &str = r#"{ "type": "array", "items": { "type": "string" }, "minItems": 1 }"#;

const fn key(path: &'static str, kind: Kind<CommandModel>) -> KeyDef<CommandModel> {
    KeyDef::new(path, kind)
}

/// The keys of a table of `[models]`.
pub(super) static KEYS: &[KeyDef<CommandModel>] = &[
    key(
        "models.NAME.command",
        Own("a list of texts", WORDS, |model, entry, context, problems| {
            model.words = read_words(entry, context, problems)?;
            Ok(())
        }),
    )
    .about("the program and its arguments; the axes in braces, such as {batch_size}"),
    key(
        "models.NAME.setup",
        Own("a list of texts", WORDS, |model, entry, context, problems| {
            model.hooks.setup = read_words(entry, context, problems)?;
            Ok(())
        }),
    )
    .about("a command to run before the first run of a cell; not measured"),
    key(
        "models.NAME.prepare",
        Own("a list of texts", WORDS, |model, entry, context, problems| {
            model.hooks.prepare = read_words(entry, context, problems)?;
            Ok(())
        }),
    )
    .about("a command to run before each run; not measured"),
    key(
        "models.NAME.cleanup",
        Own("a list of texts", WORDS, |model, entry, context, problems| {
            model.hooks.cleanup = read_words(entry, context, problems)?;
            Ok(())
        }),
    )
    .about("a command to run after the last run of a cell, however that ended"),
    key("models.NAME.steps", Flag(|model, steps, _| model.steps = steps))
        .about("whether it reports steps: then perftune waits for metrics of steps"),
];

fn read_words(entry: &Entry, context: &Context<'_>, problems: &Problems) -> Read<Vec<Word>> {
    let base = context.bases.of(&entry.node);
    let mut all = Vec::new();
    for (index, (text, node)) in words(&entry.key, &entry.node)?.iter().enumerate() {
        // A brace that stands for itself is doubled wherever it is, so paths are looked for in what is left of it.
        let word = braces::parts(text, node, context.axes, problems)?;
        all.push(match &word[..] {
            [Part::Text(text)] if index == 0 => vec![Part::Text(program(text, base))],
            [Part::Text(text)] => vec![Part::Text(argument(text, base))],
            _ => word,
        });
    }
    Ok(all)
}
