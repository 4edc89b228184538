//! The values of an axis as they are written in a grid file, checked.

use std::path::PathBuf;

use super::random;
use super::read::{self, Read};
use super::world::World;
use crate::dataset::DataError;
use crate::document::problems::{Place, Problem};
use crate::document::suggest;
use crate::document::tree::{Node, Value};
use crate::event::{Axis, AxisDef, AxisKind, AxisValue, MODELS, OwnKind, RandomData};

/// The longest name of a model or a data set, in bytes: with the longest tag of every other axis (122 bytes in all) two of
/// them still fit into a file name, which has at most 255.
const LONGEST_NAME: usize = 64;

/// The longest text of an axis of one's own, in bytes.
const LONGEST_TEXT: usize = 4096;

/// A data set as the plan needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Dataset {
    pub(super) dir: PathBuf,
    /// Rows to train on, validation included; absent where a foreign worker has its own.
    pub(super) train_rows: Option<u64>,
    /// Channels, height and width of a sample, where it is known.
    pub(super) shape: Option<[u32; 3]>,
    /// What was found in its files since its manifest does not say it.
    pub(super) guessed: Vec<String>,
    /// What is drawn in the place of files.
    pub(super) random: Option<RandomData>,
}

/// A value of an axis with its names.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) value: AxisValue,
    /// Of the axis of the data sets.
    pub(super) dataset: Option<Dataset>,
    /// As reports and `--only` name it; unique within the axis.
    pub(super) label: String,
    /// As it stands in the name of a cell; empty where no cell is named by it.
    pub(super) tag: String,
    /// As it was written, where that says more than the label.
    pub(super) written: Option<String>,
    /// Absent for a default.
    pub(super) place: Option<Place>,
}

impl Choice {
    fn new(def: &AxisDef, value: AxisValue, place: Option<Place>) -> Self {
        let label = value.to_string();
        let absent = def.is_own() && value == AxisValue::Unset;
        let tag = if absent { String::new() } else { (def.tag)(def, &label) };
        Self { value, dataset: None, label, tag, written: None, place }
    }

    /// What stands when the grid does not name the axis; the model and the data set must be named.
    pub(super) fn default(def: &AxisDef, cores: u32) -> Option<Self> {
        let value = resolved(def, def.default.clone()?, cores);
        Some(Self::new(def, value, None))
    }

    /// Whether it stands for all that the run may use: `threads = 0`, written or by default.
    pub(super) fn is_automatic(&self) -> bool {
        self.place.is_none() || self.written.as_deref() == Some("0")
    }

    /// Whether it stands for an axis of one's own that does not apply.
    pub(super) fn is_absent(&self) -> bool {
        self.tag.is_empty() && self.value == AxisValue::Unset
    }

    pub(super) fn count(&self) -> Option<u32> {
        match self.value {
            AxisValue::Whole(value) => u32::try_from(value).ok(),
            _ => None,
        }
    }
}

/// `threads = 0` as the cores of this machine.
fn resolved(def: &AxisDef, value: AxisValue, cores: u32) -> AxisValue {
    let all = matches!(def.kind, AxisKind::Threads { .. });
    match value {
        AxisValue::Whole(0) if all => AxisValue::Whole(cores.max(1).into()),
        value => value,
    }
}

/// The value of an axis.
pub(super) fn read(axis: Axis, node: &Node, world: &World<'_>) -> Read<Choice> {
    let def = world.axes.def(axis);
    let key = &*def.key;
    let mut data = None;
    let value = match def.kind {
        AxisKind::Model => AxisValue::Text(model(node, world)?.into()),
        AxisKind::Dataset => {
            let (name, found) = dataset(node, world)?;
            data = Some(found);
            AxisValue::Text(name.into())
        }
        AxisKind::Device => AxisValue::Text(device(node)?.into()),
        AxisKind::Threads { most } => AxisValue::Whole(read::count(key, node, 0..=most)?.into()),
        AxisKind::Count { most } => AxisValue::Whole(read::count(key, node, 1..=most)?.into()),
        AxisKind::Number(range) => AxisValue::Number(read::number(key, node, &range)?),
        AxisKind::Flag => AxisValue::Flag(read::flag(key, node)?),
        AxisKind::Word(words) => AxisValue::Text(read::word(key, node, words)?.into()),
        AxisKind::Own(kind) => own(key, kind, node)?,
    };
    let mut choice = Choice::new(def, resolved(def, value, world.cores), Some(node.place));
    choice.dataset = data;
    let written = match &node.value {
        Value::Text(text) => text.clone(),
        other => other.shown(),
    };
    choice.written = (written != choice.label).then_some(written);
    Ok(choice)
}

/// A value of an axis of the user's own.
fn own(key: &str, kind: OwnKind, node: &Node) -> Read<AxisValue> {
    use OwnKind::{Any, Boolean, Integer, Number, String};
    match (&node.value, kind) {
        (Value::Flag(value), Any | Boolean) => Ok(AxisValue::Flag(*value)),
        (Value::Integer(value), Any | Integer | Number) => Ok(AxisValue::Whole(*value)),
        (Value::Float(value), Any | Number) if value.is_finite() => Ok(AxisValue::Number(*value)),
        (Value::Text(text), Any | String) if text.len() > LONGEST_TEXT => {
            Err(read::wrong(key, &format!("a text of at most {LONGEST_TEXT} bytes"), node))
        }
        // Neither an argument nor a variable can hold it.
        (Value::Text(text), Any | String) if text.contains('\0') => {
            Err(read::wrong(key, "a text without a null character", node))
        }
        (Value::Text(text), Any | String) => Ok(AxisValue::Text(text.clone().into())),
        _ => Err(read::wrong(key, kind.says(), node)),
    }
}

fn model(node: &Node, world: &World<'_>) -> Read<String> {
    let name = read::text("model", node, "the name of a model in quotes")?;
    let of_user = || world.commands.iter().chain(&world.scripts).map(String::as_str);
    let is_native = MODELS.iter().any(|model| model.name == name);
    if !world.foreign && !is_native && of_user().all(|model| model != name) {
        let native = MODELS.iter().map(|model| model.name);
        let commands = of_user();
        let names: Vec<&str> = native.chain(commands).collect();
        let problem = Problem::new(node.place, format!("unknown model {}", node.value.shown()));
        return Err(problem.hint(suggest::hint(name, &names, "the models are")));
    }
    of_length("model", name, node)
}

fn of_length(key: &str, name: &str, node: &Node) -> Read<String> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        return Ok(name.to_owned());
    }
    Err(read::wrong(key, &format!("a name of 1 to {LONGEST_NAME} bytes"), node))
}

/// The name of a data set, and where it is.
fn dataset(node: &Node, world: &World<'_>) -> Read<(String, Dataset)> {
    if let Value::Table(table) = &node.value {
        let random = random::read(table, node)?;
        let (train_rows, shape) = (Some(random.samples), Some(random.shape));
        let data = Dataset { train_rows, shape, random: Some(random), ..Dataset::default() };
        return Ok((of_length("dataset", &random.name(), node)?, data));
    }
    let written = read::text("dataset", node, "the name or the folder of a data set in quotes")?;
    let is_path = written.contains('/') || written.starts_with('.');
    let known = world.dataset_names.iter().any(|name| name == written);
    let foreign = |name: &str, dir: PathBuf| {
        Ok((of_length("dataset", name, node)?, Dataset { dir, ..Dataset::default() }))
    };
    let folder = world.bases.of(node).join(written);
    if (world.foreign || !world.commands.is_empty()) && !known && !is_path {
        return foreign(written, folder);
    }
    if !known && !is_path {
        let names: Vec<&str> = world.dataset_names.iter().map(String::as_str).collect();
        let problem = Problem::new(node.place, format!("unknown data set {}", node.value.shown()));
        let here = world.catalogue.resolve(&folder.to_string_lossy());
        return Err(problem.hint(match here {
            Err(DataError::NoManifest { .. } | DataError::NoFolder { .. }) => {
                suggest::hint(written, &names, "the data sets are")
            }
            _ => format!("a folder needs a slash: `./{written}`"),
        }));
    }
    let asked = if known { written.to_owned() } else { folder.to_string_lossy().into_owned() };
    match world.catalogue.resolve(&asked) {
        Ok(facts) => {
            let name = of_length("dataset", &facts.name, node)?;
            let dir = std::path::absolute(&facts.dir).unwrap_or(facts.dir);
            let train_rows = (!world.foreign).then_some(facts.train_rows);
            let shape = train_rows.and(Some(facts.shape));
            Ok((name, Dataset { dir, train_rows, shape, guessed: facts.guessed, random: None }))
        }
        Err(_) if world.foreign => {
            let name = folder.file_name().map(std::ffi::OsStr::to_string_lossy);
            let name = name.unwrap_or(written.into()).into_owned();
            foreign(&name, folder)
        }
        Err(why) => {
            let message = format!("the data set {} cannot be used", node.value.shown());
            Err(match &why {
                DataError::Manifest(mistakes) => {
                    let problem = Problem::new(node.place, message).because(mistakes);
                    problem.hint("the error is below")
                }
                _ => Problem::new(node.place, format!("{message}: {why}")),
            })
        }
    }
}

fn device(node: &Node) -> Read<String> {
    let expected = "one of cpu, cuda, cuda:N (N from 0 to 255), mps";
    let written = read::text("device", node, expected)?;
    let numbered =
        |text: &str| text.strip_prefix("cuda:").and_then(|number| number.parse::<u8>().ok());
    if matches!(written, "cpu" | "cuda" | "mps") {
        return Ok(written.to_owned());
    }
    // Written anew, so that `cuda:01` and `cuda:1` are one device.
    let number = numbered(written).map(|number| format!("cuda:{number}"));
    number.ok_or_else(|| read::wrong("device", expected, node))
}
