//! The axes of a grid and the values they may take.

mod value;

use std::path::{Path, PathBuf};

use super::DatasetCatalogue;
use super::models::CommandModel;
use super::problems::{GRID, Place};
use super::tree::Node;
use crate::event::{Allocator, Optimizer, Precision};

pub(super) use self::value::{LARGEST_BATCH, read};

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
    pub(super) const IN_TRAIN: [Self; 4] =
        [Self::BatchSize, Self::LearningRate, Self::Optimizer, Self::WeightDecay];

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
        Self { tag: tag(axis, &setting, &label), setting, label, written: None, place }
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
    let mut name: String = text.chars().map(|c| if safe(c) { c } else { '_' }).collect();
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
        if node.place.text == GRID { &self.file } else { &self.arguments }
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
            (Axis::LearningRate, Setting::Number(1e-3), "0.001", "lr0.001"),
            (Axis::LearningRate, Setting::Number(1e-300), "1e-300", "lr1e-300"),
            (Axis::WeightDecay, Setting::Number(0.0), "0", "wd0"),
            (Axis::Device, Setting::Text("cuda:1".into()), "cuda:1", "cuda1"),
            (Axis::FlushDenormals, Setting::Flag(false), "false", "noflush"),
            (Axis::Allocator, Setting::Allocator(Allocator::System), "system", "system"),
            (Axis::Precision, Setting::Precision(Precision::Bf16), "bf16", "bf16"),
            (Axis::Depth, Setting::Count(14), "14", "d14"),
            (Axis::Model, Setting::Text("org/net x".into()), "org/net x", "org_net_x"),
            (Axis::Model, Setting::Text("..".into()), "..", "_."),
        ] {
            let choice = Choice::new(axis, setting, None);
            assert_eq!((choice.label.as_str(), choice.tag.as_str()), (label, tag));
        }
    }
}
