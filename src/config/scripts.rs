//! `[models.NAME] torchscript`: a file of the user's as a model of the native worker.
//!
//! What is in the file is told by who can look into it (the catalogue). Invariant: one that cannot be loaded is in no plan, and
//! one without parameters to train is in no training.

use std::path::PathBuf;

use super::key::Kind::Own;
use super::key::{Context, KeyDef, Kind, put_table};
use super::read::{self, Read};
use super::world::DatasetCatalogue;
use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::{Entry, Table, Value};
use crate::event::{JobSpec, MODELS, ScriptHolds, ScriptSpec};

/// The key that makes a model one of these.
pub(super) const KEY: &str = "torchscript";

/// The most sides of a sample.
const MOST_SIDES: usize = 8;

/// The longest side of a sample.
const LONGEST_SIDE: u32 = 1 << 24;

/// A model that is a file.
#[derive(Debug, Clone)]
pub(super) struct ScriptModel {
    pub(super) name: String,
    pub(super) spec: ScriptSpec,
    /// Absent where nobody here can look into the file.
    holds: Option<ScriptHolds>,
    /// Where the file is named.
    pub(super) place: Place,
    pub(super) input_place: Option<Place>,
}

/// What `[models.NAME]` says of a file.
#[derive(Default)]
pub(super) struct Asked {
    file: Option<(PathBuf, String, Place)>,
    input: Option<(Vec<u32>, Place)>,
}

const fn key(path: &'static str, kind: Kind<Asked>) -> KeyDef<Asked> {
    KeyDef::new(path, kind)
}

/// The keys of a table of `[models]` that is a TorchScript file.
pub(super) static KEYS: &[KeyDef<Asked>] = &[
    key(
        "models.NAME.torchscript",
        Own("a file", r#"{ "type": "string", "minLength": 1 }"#, |asked, entry, context, _| {
            let file = read::text(&entry.key, &entry.node, "the path of a file in quotes")?;
            let path = context.bases.of(&entry.node).join(file);
            let path = std::path::absolute(&path).unwrap_or(path);
            asked.file = Some((path, entry.node.value.shown(), entry.node.place));
            Ok(())
        }),
    )
    .about("a TorchScript file as a model of the native worker, as torch.jit.save writes it"),
    key(
        "models.NAME.input",
        Own(
            "a list of whole numbers",
            r#"{ "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 1 }"#,
            |asked, entry, _, _| {
                asked.input = Some((sides(entry)?, entry.node.place));
                Ok(())
            },
        ),
    )
    .about("the shape of a sample; default: channels, height, width of the data set"),
];

fn sides(entry: &Entry) -> Read<Vec<u32>> {
    let expected = format!("a list of 1 to {MOST_SIDES} whole numbers, such as [3, 224, 224]");
    let Value::List(items) = &entry.node.value else {
        return Err(read::wrong(&entry.key, &expected, &entry.node));
    };
    if !(1..=MOST_SIDES).contains(&items.len()) {
        return Err(read::wrong(&entry.key, &expected, &entry.node));
    }
    items.iter().map(|item| read::count(&entry.key, item, 1..=LONGEST_SIDE)).collect()
}

/// Each model of `[models]` that is such a file.
fn entries(root: &Table) -> impl Iterator<Item = (&Entry, &Table)> {
    let models = root.table("models").into_iter().flat_map(|models| &models.entries);
    let tables = models.filter_map(|entry| Some((entry, entry.node.table()?)));
    tables.filter(|(_, table)| table.get(KEY).is_some())
}

/// Their names.
pub(super) fn names(root: &Table) -> Vec<String> {
    entries(root).map(|(entry, _)| entry.key.clone()).collect()
}

/// The model of this name, if it is a file.
pub(super) fn find<'a>(models: &'a [ScriptModel], name: &str) -> Option<&'a ScriptModel> {
    models.iter().find(|model| model.name == name)
}

/// Where files are looked into, and which models of them the grid names.
pub(super) struct Found<'a> {
    pub(super) catalogue: &'a dyn DatasetCatalogue,
    pub(super) named: &'a [&'a str],
}

/// All of `[models]` that are files; what is in those that the grid names is looked up. `foreign`: the worker is not perftune's own.
pub(super) fn read(
    root: &Table,
    context: &Context<'_>,
    found: &Found<'_>,
    foreign: bool,
    problems: &mut Problems,
) -> Vec<ScriptModel> {
    let mut models = Vec::new();
    for (entry, table) in entries(root) {
        if MODELS.iter().any(|model| model.name == entry.key) {
            let message = format!("`{}` is the name of a built-in model", entry.key);
            let hint = "give the file another name, and use that in [grid] model";
            problems.error_with(entry.key_place, message, hint);
        }
        for other in ["command", "setup", "prepare", "cleanup", "steps", "recorded"] {
            if let Some(other) = table.get(other) {
                let message =
                    format!("`{}` is of another kind of model, and this is a `{KEY}`", other.key);
                problems.error_with(other.key_place, message, "keep one of the two");
            }
        }
        let mut asked = Asked::default();
        put_table(KEYS, &mut asked, table, context, problems);
        if !found.named.contains(&&*entry.key) {
            continue;
        }
        if foreign {
            let message = format!(
                "the model {} is a file, which only perftune's own worker loads",
                entry.key
            );
            let hint =
                "leave [worker] program and command out, or name a model that the worker knows";
            problems.error_with(entry.key_place, message, hint);
        } else {
            let model = asked.model(&entry.key, found.catalogue);
            models.extend(model.and_then(|model| problems.ok(model)));
        }
    }
    models
}

/// Reports values of the keys of files that cannot be; a part of a grid need not say all of them.
pub(super) fn check_values(root: &Table, context: &Context<'_>, problems: &mut Problems) {
    let models = root.table("models").into_iter().flat_map(|models| &models.entries);
    for inner in models.filter_map(|entry| entry.node.table()) {
        put_table(KEYS, &mut Asked::default(), inner, context, problems);
    }
}

impl Asked {
    /// Nothing where the file is not said, which has been reported.
    fn model(self, name: &str, catalogue: &dyn DatasetCatalogue) -> Option<Read<ScriptModel>> {
        let (path, written, place) = self.file?;
        let (input, input_place) = self.input.unzip();
        let facts = catalogue
            .script(&path)
            .map_err(|why| Problem::new(place, format!("{written} cannot be a model: {why}")));
        Some(facts.map(|facts| ScriptModel {
            name: name.to_owned(),
            spec: ScriptSpec { path, sha256: facts.sha256, input },
            holds: facts.holds,
            place,
            input_place,
        }))
    }
}

impl ScriptModel {
    /// Whether it is known to have nothing that could be trained.
    pub(super) fn is_fixed(&self) -> bool {
        self.holds.is_some_and(|holds| holds.trainable == 0)
    }

    /// Makes a job one of this model.
    pub(super) fn put(&self, job: &mut JobSpec) {
        job.model.script = Some(self.spec.clone());
        if self.is_fixed() {
            job.train.epochs = 0;
            // Requests are served once more when the model was trained.
            job.serve.iter_mut().for_each(|serve| serve.confirm = false);
        }
    }
}
