//! The axes of a grid and the values they may take.

use std::path::{Path, PathBuf};

use super::DatasetCatalogue;
use super::models::{self, CommandModel};
use super::problems::{GRID, Place, Problems};
use super::read::{self, Allowed};
use super::suggest;
use super::tree::{Node, Value};
use crate::event::{Allocator, MODELS, Optimizer, Precision};

/// A key of `[grid]`, in the order in which cells are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Axis {
    Model,
    Dataset,
    BatchSize,
    LearningRate,
    Optimizer,
    WeightDecay,
    Threads,
    Device,
    FlushDenormals,
    Allocator,
    Depth,
    Width,
    Precision,
}

impl Axis {
    pub(super) const COUNT: usize = 13;

    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Model,
        Self::Dataset,
        Self::BatchSize,
        Self::LearningRate,
        Self::Optimizer,
        Self::WeightDecay,
        Self::Threads,
        Self::Device,
        Self::FlushDenormals,
        Self::Allocator,
        Self::Depth,
        Self::Width,
        Self::Precision,
    ];

    /// In the order of [`Self::ALL`].
    pub(super) const KEYS: &[&str] = &[
        "model",
        "dataset",
        "batch_size",
        "learning_rate",
        "optimizer",
        "weight_decay",
        "threads",
        "device",
        "flush_denormals",
        "allocator",
        "depth",
        "width",
        "precision",
    ];

    /// Axes that `[train]` may fix instead.
    pub(super) const IN_TRAIN: [Self; 4] = [
        Self::BatchSize,
        Self::LearningRate,
        Self::Optimizer,
        Self::WeightDecay,
    ];

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    pub(super) fn key(self) -> &'static str {
        Self::KEYS[self.index()]
    }

    pub(super) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.key() == key)
    }

    /// What stands when the grid does not name the axis; the model and the data set must be named.
    pub(super) fn default(self, cores: u32) -> Option<Setting> {
        Some(match self {
            Self::Model | Self::Dataset => return None,
            Self::BatchSize => Setting::Count(64),
            Self::LearningRate => Setting::Number(1e-3),
            Self::Optimizer => Setting::Optimizer(Optimizer::Adam),
            Self::WeightDecay => Setting::Number(0.0),
            Self::Threads => Setting::Count(cores.max(1)),
            Self::Device => Setting::Text("cpu".to_owned()),
            Self::FlushDenormals => Setting::Flag(true),
            Self::Allocator => Setting::Allocator(Allocator::Retain),
            Self::Precision => Setting::Precision(Precision::Fp32),
            Self::Depth | Self::Width => Setting::Unset,
        })
    }
}

/// A value of an axis, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Text(String),
    Dataset(Dataset),
    Count(u32),
    Number(f64),
    Flag(bool),
    Optimizer(Optimizer),
    Allocator(Allocator),
    Precision(Precision),
    /// The model's own default.
    Unset,
}

/// A data set as the plan needs it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dataset {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// Rows to train on, validation included; absent where a foreign worker has its own.
    pub(super) train_rows: Option<u64>,
}

/// A value of an axis with its names.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) setting: Setting,
    /// As reports and `--only` name it; unique within the axis.
    pub(super) label: String,
    /// As it stands in the name of a cell.
    pub(super) tag: String,
    /// As it was written, where that says more than the label.
    pub(super) written: Option<String>,
    /// Absent for a default.
    pub(super) place: Option<Place>,
}

impl Choice {
    pub(super) fn new(axis: Axis, setting: Setting, place: Option<Place>) -> Self {
        let label = label(&setting);
        Self {
            tag: tag(axis, &setting, &label),
            setting,
            label,
            written: None,
            place,
        }
    }

    /// Whether it stands for all that the run may use: `threads = 0`, written or by default.
    pub(super) fn is_automatic(&self) -> bool {
        self.place.is_none() || self.written.as_deref() == Some("0")
    }
}

fn label(setting: &Setting) -> String {
    match setting {
        Setting::Text(text) => text.clone(),
        Setting::Dataset(dataset) => dataset.name.clone(),
        Setting::Count(value) => value.to_string(),
        Setting::Number(value) => number_label(*value),
        Setting::Flag(value) => value.to_string(),
        Setting::Optimizer(value) => value.to_string(),
        Setting::Allocator(value) => value.to_string(),
        Setting::Precision(value) => value.to_string(),
        Setting::Unset => "default".to_owned(),
    }
}

/// The shortest text that reads back as the same number, never three hundred zeros long.
pub(super) fn number_label(value: f64) -> String {
    if value == 0.0 || (1e-6..1e9).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

fn tag(axis: Axis, setting: &Setting, label: &str) -> String {
    let prefix = match axis {
        Axis::BatchSize => "b",
        Axis::LearningRate => "lr",
        Axis::WeightDecay => "wd",
        Axis::Threads => "t",
        Axis::Depth => "d",
        Axis::Width => "w",
        Axis::Model | Axis::Dataset => return safe_name(label),
        Axis::Device => return label.replace(':', ""),
        Axis::FlushDenormals => {
            let flush = *setting == Setting::Flag(true);
            return if flush { "flush" } else { "noflush" }.to_owned();
        }
        Axis::Optimizer | Axis::Allocator | Axis::Precision => "",
    };
    format!("{prefix}{label}")
}

/// The text with everything that a file name or a shell could stumble over replaced.
pub(super) fn safe_name(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut name: String = text
        .chars()
        .map(|c| if safe(c) { c } else { '_' })
        .collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    name
}

/// What relative paths are relative to.
#[derive(Debug)]
pub(super) struct Bases {
    /// The grid file's folder, for what the file says.
    pub(super) file: PathBuf,
    /// The working directory, for what the command line says.
    pub(super) arguments: PathBuf,
}

impl Bases {
    pub(super) fn of(&self, node: &Node) -> &Path {
        if node.place.text == GRID {
            &self.file
        } else {
            &self.arguments
        }
    }
}

/// What the values of the axes are checked against.
pub(super) struct World<'a> {
    /// Whether the worker is not the native one, and so may know other models and data sets.
    pub(super) foreign: bool,
    /// Commands that are models, and have data of their own.
    pub(super) commands: &'a [CommandModel],
    pub(super) catalogue: &'a dyn DatasetCatalogue,
    /// The catalogue's names, read once.
    pub(super) dataset_names: Vec<String>,
    pub(super) cores: u32,
    pub(super) bases: &'a Bases,
}

/// Numbers that a step size may be.
const LEARNING_RATE: Allowed = Allowed {
    test: |value| value.is_finite() && value > 0.0,
    says: "greater than 0",
};
const WEIGHT_DECAY: Allowed = Allowed {
    test: |value| value.is_finite() && value >= 0.0,
    says: "of at least 0",
};
const OPTIMIZERS: &[(&str, Optimizer)] = &[
    ("sgd", Optimizer::Sgd),
    ("adam", Optimizer::Adam),
    ("adamw", Optimizer::Adamw),
];
const ALLOCATORS: &[(&str, Allocator)] =
    &[("retain", Allocator::Retain), ("system", Allocator::System)];
const PRECISIONS: &[(&str, Precision)] = &[("fp32", Precision::Fp32), ("bf16", Precision::Bf16)];
/// The longest name of a model or a data set, in bytes: with the longest tag of every other axis (122 bytes in all) two of
/// them still fit into a file name, which has at most 255.
const LONGEST_NAME: usize = 64;
/// The most samples that a step or a request may have.
pub(super) const LARGEST_BATCH: u32 = 1 << 24;

/// The value of an axis, or nothing when it is wrong, which is then reported.
pub(super) fn read(
    axis: Axis,
    node: &Node,
    world: &World<'_>,
    problems: &mut Problems,
) -> Option<Choice> {
    let key = axis.key();
    let setting = match axis {
        Axis::Model => Setting::Text(model(node, world, problems)?),
        Axis::Dataset => Setting::Dataset(dataset(node, world, problems)?),
        Axis::BatchSize => Setting::Count(read::count(key, node, 1..=LARGEST_BATCH, problems)?),
        Axis::LearningRate => Setting::Number(read::number(key, node, &LEARNING_RATE, problems)?),
        Axis::WeightDecay => Setting::Number(read::number(key, node, &WEIGHT_DECAY, problems)?),
        Axis::Optimizer => Setting::Optimizer(read::word(key, node, OPTIMIZERS, problems)?),
        Axis::Allocator => Setting::Allocator(read::word(key, node, ALLOCATORS, problems)?),
        Axis::Precision => Setting::Precision(read::word(key, node, PRECISIONS, problems)?),
        Axis::Threads => Setting::Count(match read::count(key, node, 0..=1024, problems)? {
            0 => world.cores.max(1),
            threads => threads,
        }),
        Axis::Device => Setting::Text(device(node, problems)?),
        Axis::FlushDenormals => Setting::Flag(read::flag(key, node, problems)?),
        Axis::Depth => Setting::Count(read::count(key, node, 1..=1000, problems)?),
        Axis::Width => Setting::Count(read::count(key, node, 1..=65_536, problems)?),
    };
    let mut choice = Choice::new(axis, setting, Some(node.place));
    let written = match &node.value {
        Value::Text(text) => text.clone(),
        other => other.shown(),
    };
    choice.written = (written != choice.label).then_some(written);
    Some(choice)
}

fn model(node: &Node, world: &World<'_>, problems: &mut Problems) -> Option<String> {
    let name = read::text("model", node, "the name of a model in quotes", problems)?;
    let command = models::find(world.commands, name).is_some();
    if !world.foreign && !command && !MODELS.iter().any(|model| model.name == name) {
        let native = MODELS.iter().map(|model| model.name);
        let commands = world.commands.iter().map(|command| &*command.name);
        let names: Vec<&str> = native.chain(commands).collect();
        problems.error_with(
            node.place,
            format!("unknown model {}", node.value.shown()),
            suggest::hint(name, &names, "the models are"),
        );
        return None;
    }
    check_length("model", name, node, problems)
}

fn check_length(key: &str, name: &str, node: &Node, problems: &mut Problems) -> Option<String> {
    if (1..=LONGEST_NAME).contains(&name.len()) {
        return Some(name.to_owned());
    }
    let expected = format!("a name of 1 to {LONGEST_NAME} bytes");
    read::wrong(key, &expected, node, problems);
    None
}

fn dataset(node: &Node, world: &World<'_>, problems: &mut Problems) -> Option<Dataset> {
    let expected = "the name or the folder of a data set in quotes";
    let written = read::text("dataset", node, expected, problems)?;
    let is_path = written.contains('/') || written.starts_with('.');
    let known = world.dataset_names.iter().any(|name| name == written);
    if (world.foreign || !world.commands.is_empty()) && !known && !is_path {
        let name = check_length("dataset", written, node, problems)?;
        return Some(Dataset {
            dir: world.bases.of(node).join(written),
            name,
            train_rows: None,
        });
    }
    if !known && !is_path {
        let names: Vec<&str> = world.dataset_names.iter().map(String::as_str).collect();
        problems.error_with(
            node.place,
            format!("unknown data set {}", node.value.shown()),
            suggest::hint(written, &names, "the data sets are"),
        );
        return None;
    }
    let folder = world.bases.of(node).join(written);
    let asked = if known {
        written.to_owned()
    } else {
        folder.to_string_lossy().into_owned()
    };
    match world.catalogue.resolve(&asked) {
        Ok(facts) => Some(Dataset {
            name: check_length("dataset", &facts.name, node, problems)?,
            dir: std::path::absolute(&facts.dir).unwrap_or(facts.dir),
            train_rows: (!world.foreign).then_some(facts.train_rows),
        }),
        Err(_) if world.foreign => {
            let name = folder.file_name().map(std::ffi::OsStr::to_string_lossy);
            let name = name.as_deref().unwrap_or(written);
            Some(Dataset {
                name: check_length("dataset", name, node, problems)?,
                dir: folder,
                train_rows: None,
            })
        }
        Err(why) => {
            let shown = node.value.shown();
            problems.error(
                node.place,
                format!("the data set {shown} cannot be used: {why}"),
            );
            None
        }
    }
}

fn device(node: &Node, problems: &mut Problems) -> Option<String> {
    let expected = "one of cpu, cuda, cuda:N (N from 0 to 255), mps";
    let written = read::text("device", node, expected, problems)?;
    let numbered = |text: &str| {
        text.strip_prefix("cuda:")
            .and_then(|number| number.parse::<u8>().ok())
    };
    if matches!(written, "cpu" | "cuda" | "mps") {
        return Some(written.to_owned());
    }
    // Written anew, so that `cuda:01` and `cuda:1` are one device.
    if let Some(number) = numbered(written) {
        return Some(format!("cuda:{number}"));
    }
    read::wrong("device", expected, node, problems);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_the_axes() {
        for (index, axis) in Axis::ALL.into_iter().enumerate() {
            assert_eq!(axis.index(), index);
            assert_eq!(Axis::from_key(axis.key()), Some(axis));
        }
        assert_eq!(Axis::KEYS.len(), Axis::COUNT);
    }

    #[test]
    fn tags_are_safe_and_labels_read_back() {
        for (axis, setting, label, tag) in [
            (Axis::BatchSize, Setting::Count(32), "32", "b32"),
            (
                Axis::LearningRate,
                Setting::Number(1e-3),
                "0.001",
                "lr0.001",
            ),
            (
                Axis::LearningRate,
                Setting::Number(1e-300),
                "1e-300",
                "lr1e-300",
            ),
            (Axis::WeightDecay, Setting::Number(0.0), "0", "wd0"),
            (
                Axis::Device,
                Setting::Text("cuda:1".into()),
                "cuda:1",
                "cuda1",
            ),
            (
                Axis::FlushDenormals,
                Setting::Flag(false),
                "false",
                "noflush",
            ),
            (
                Axis::Allocator,
                Setting::Allocator(Allocator::System),
                "system",
                "system",
            ),
            (
                Axis::Precision,
                Setting::Precision(Precision::Bf16),
                "bf16",
                "bf16",
            ),
            (Axis::Depth, Setting::Count(14), "14", "d14"),
            (
                Axis::Model,
                Setting::Text("org/net x".into()),
                "org/net x",
                "org_net_x",
            ),
            (Axis::Model, Setting::Text("..".into()), "..", "_."),
        ] {
            let choice = Choice::new(axis, setting, None);
            assert_eq!((choice.label.as_str(), choice.tag.as_str()), (label, tag));
        }
    }
}
