//! `[worker]`: who does the work.

use super::command_words::{self, words};
use super::plan::WorkerProgram;
use super::read::{self, Read};
use super::settings::Settings;
use super::world::Bases;
use crate::document::problems::Problems;
use crate::document::suggest;
use crate::document::tree::{Node, Table, Value};

/// `program`: one of perftune's own.
pub(super) fn program(node: &Node) -> Read<WorkerProgram> {
    match read::text("program", node, "a text in quotes")? {
        "native" => Ok(WorkerProgram::Native),
        "scripted" => Ok(WorkerProgram::Scripted),
        other => {
            let near = suggest::nearest(other, ["native", "scripted"]);
            let hint = match near {
                Some(found) => format!("did you mean `{found}`?"),
                None => "a program of your own is named by command = [\"program\", \"argument\"]"
                    .to_owned(),
            };
            Err(read::wrong("program", "native or scripted", node).hint(hint))
        }
    }
}

/// Reports keys that contradict one another.
pub(super) fn check(settings: &Settings, root: &Table, problems: &mut Problems) {
    if let Some(table) = root.table("worker")
        && let (Some(program), Some(_)) = (table.get("program"), table.get("command"))
    {
        problems.error_with(
            program.key_place,
            "[worker] has both `program` and `command`",
            "`command` alone names a worker of your own",
        );
    }
    if let Some((_, place)) = &settings.options
        && settings.worker.program == WorkerProgram::Native
    {
        problems.error_with(
            *place,
            "`options` are for a worker of your own; the native one takes none",
            "set `command` or `program` in [worker], or leave `options` out",
        );
    }
}

/// `command`: a program of the user's.
pub(super) fn command(node: &Node, bases: &Bases) -> Read<WorkerProgram> {
    let (words, base) = (words("command", node)?, bases.of(node));
    let args = words[1..].iter();
    Ok(WorkerProgram::Command {
        program: command_words::program(words[0].0, base).into(),
        args: args.map(|(arg, _)| command_words::argument(arg, base)).collect(),
    })
}

/// `options`, as they are passed on.
pub(super) fn json(node: &Node, problems: &mut Problems) -> serde_json::Value {
    match &node.value {
        Value::Text(text) | Value::Date(text) => text.clone().into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => {
            if !value.is_finite() {
                problems.error(node.place, "`options` must hold finite numbers");
            }
            serde_json::Number::from_f64(*value)
                .map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::Flag(value) => (*value).into(),
        Value::List(items) => items.iter().map(|item| json(item, problems)).collect(),
        Value::Table(table) => {
            let fields =
                table.entries.iter().map(|entry| (entry.key.clone(), json(&entry.node, problems)));
            serde_json::Value::Object(fields.collect())
        }
    }
}
