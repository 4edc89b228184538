//! The axes of a grid, one entry each. Reading the grid file, the names of the cells, the placeholders of commands, the
//! plan and the columns of all reports come from [`AXES`].
//!
//! A new axis is an entry here, at the end (cells are named in this order), and the field of [`JobSpec`] that whoever obeys
//! it reads. What is special to some axes (a data set has a folder, threads depend on the machine) is not said here.

use std::borrow::Cow;
use std::fmt;
use std::ops::Bound;

use super::job::{Allocator, JobSpec, OmpWait, Optimizer, Precision};

/// The most samples that a step or a request may have.
pub const LARGEST_BATCH: u32 = 1 << 24;

/// A value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum AxisValue {
    /// A name or a word.
    Text(Cow<'static, str>),
    /// A whole number.
    Count(u32),
    /// Any number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// The model's own default.
    Unset,
}

impl AxisValue {
    fn count(&self) -> Option<u32> {
        match self {
            Self::Count(value) => Some(*value),
            _ => None,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Number(value) => *value,
            _ => 0.0,
        }
    }
}

/// As cells are named by it, and `--only` chooses it; numbers read back as the same number.
impl fmt::Display for AxisValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Count(value) => value.fmt(f),
            // Never three hundred zeros long.
            Self::Number(value) if *value == 0.0 || (1e-6..1e9).contains(&value.abs()) => {
                value.fmt(f)
            }
            Self::Number(value) => fmt::LowerExp::fmt(value, f),
            Self::Flag(value) => value.fmt(f),
            Self::Unset => f.pad("default"),
        }
    }
}

impl From<AxisValue> for serde_json::Value {
    fn from(value: AxisValue) -> Self {
        match value {
            AxisValue::Text(text) => text.into(),
            AxisValue::Count(value) => value.into(),
            AxisValue::Number(value) => value.into(),
            AxisValue::Flag(value) => value.into(),
            AxisValue::Unset => Self::Null,
        }
    }
}

/// The numbers that a setting may have; none of them is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lowest.
    pub low: Bound<f64>,
    /// The highest.
    pub high: Bound<f64>,
    /// What one is called: a number, where nothing is said of its unit.
    pub noun: &'static str,
    /// A usual one, where the ends say too little.
    pub such_as: Option<&'static str>,
}

impl Range {
    /// All from the one to the other.
    pub const fn new(low: Bound<f64>, high: Bound<f64>) -> Self {
        Self { low, high, noun: "a number", such_as: None }
    }

    /// Whether a value is one of them.
    pub fn contains(&self, value: f64) -> bool {
        value.is_finite() && std::ops::RangeBounds::contains(&(self.low, self.high), &value)
    }

    /// `from 0 to 1`, `above 0 and at most 1`: each end written by `show`.
    pub fn says(&self, show: impl Fn(f64) -> String) -> String {
        use Bound::{Excluded, Included, Unbounded};
        match (self.low, self.high) {
            (Included(low), Included(high)) => format!("from {} to {}", show(low), show(high)),
            (Included(low), Excluded(high)) => {
                format!("from {} to below {}", show(low), show(high))
            }
            (Excluded(low), Included(high)) => {
                format!("above {} and at most {}", show(low), show(high))
            }
            (Excluded(low), Excluded(high)) => format!("between {} and {}", show(low), show(high)),
            (Included(low), Unbounded) => format!("of at least {}", show(low)),
            (Excluded(low), Unbounded) => format!("greater than {}", show(low)),
            (Unbounded, Included(high)) => format!("of at most {}", show(high)),
            (Unbounded, Excluded(high)) => format!("less than {}", show(high)),
            (Unbounded, Unbounded) => "that is finite".to_owned(),
        }
    }
}

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AxisKind {
    /// The name of a model.
    Model,
    /// The name or the folder of a data set.
    Dataset,
    /// `cpu`, `cuda`, `cuda:N` or `mps`.
    Device,
    /// A whole number; 0 stands for all cores that the run may use.
    Threads {
        /// The most.
        most: u32,
    },
    /// A whole number of at least 1.
    Count {
        /// The most.
        most: u32,
    },
    /// A number.
    Number(Range),
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// All that is said of an axis.
#[derive(Debug)]
pub struct AxisDef {
    /// The key of `[grid]`, the placeholder of commands and the column of `report.csv`.
    pub key: &'static str,
    /// The value in the name of a cell, from the value as text.
    pub tag: fn(&str) -> String,
    /// The column of the table of runs.
    pub heading: &'static str,
    /// What it is, on one line.
    pub about: &'static str,
    /// What its values are.
    pub kind: AxisKind,
    /// What stands when the grid does not name the axis; absent where the grid must.
    pub default: Option<AxisValue>,
    /// Whether `[train]` may fix it instead of the grid.
    pub in_train: bool,
    /// Its value in a job.
    pub get: fn(&JobSpec) -> AxisValue,
    /// Puts a value into a job.
    pub set: fn(&mut JobSpec, &AxisValue),
}

fn text(text: &str) -> AxisValue {
    AxisValue::Text(text.to_owned().into())
}

fn word(word: &'static str) -> AxisValue {
    AxisValue::Text(word.into())
}

fn knob(value: Option<u32>) -> AxisValue {
    value.map_or(AxisValue::Unset, AxisValue::Count)
}

/// In the order in which cells are named.
pub static AXES: &[AxisDef] = &[
    AxisDef {
        key: "model",
        tag: safe_name,
        heading: "model",
        about: "what is trained and served: see `perftune list models`, or a command of [models]",
        kind: AxisKind::Model,
        default: None,
        in_train: false,
        get: |job| text(&job.model.name),
        set: |job, value| value.text().clone_into(&mut job.model.name),
    },
    AxisDef {
        key: "dataset",
        tag: safe_name,
        heading: "dataset",
        about: "what it is trained on: see `perftune list datasets`, or a folder with a dataset.toml",
        kind: AxisKind::Dataset,
        default: None,
        in_train: false,
        get: |job| text(&job.dataset),
        set: |job, value| value.text().clone_into(&mut job.dataset),
    },
    AxisDef {
        key: "batch_size",
        tag: |label| format!("b{label}"),
        heading: "batch",
        about: "samples a training step",
        kind: AxisKind::Count { most: LARGEST_BATCH },
        default: Some(AxisValue::Count(64)),
        in_train: true,
        get: |job| AxisValue::Count(job.train.batch_size),
        set: |job, value| job.train.batch_size = value.count().unwrap_or(1),
    },
    AxisDef {
        key: "learning_rate",
        tag: |label| format!("lr{label}"),
        heading: "rate",
        about: "size of a step of the optimizer",
        kind: AxisKind::Number(Range::new(Bound::Excluded(0.0), Bound::Unbounded)),
        default: Some(AxisValue::Number(1e-3)),
        in_train: true,
        get: |job| AxisValue::Number(job.train.learning_rate),
        set: |job, value| job.train.learning_rate = value.number(),
    },
    AxisDef {
        key: "optimizer",
        tag: str::to_owned,
        heading: "optim.",
        about: "the update rule",
        kind: AxisKind::Word(Optimizer::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("adam"))),
        in_train: true,
        get: |job| word(job.train.optimizer.word()),
        set: |job, value| {
            job.train.optimizer = Optimizer::named(value.text()).unwrap_or_default();
        },
    },
    AxisDef {
        key: "weight_decay",
        tag: |label| format!("wd{label}"),
        heading: "decay",
        about: "L2 penalty on the weights (decoupled for adamw)",
        kind: AxisKind::Number(Range::new(Bound::Included(0.0), Bound::Unbounded)),
        default: Some(AxisValue::Number(0.0)),
        in_train: true,
        get: |job| AxisValue::Number(job.train.weight_decay),
        set: |job, value| job.train.weight_decay = value.number(),
    },
    AxisDef {
        key: "threads",
        tag: |label| format!("t{label}"),
        heading: "thr.",
        about: "compute threads; 0 means all cores that the run may use",
        kind: AxisKind::Threads { most: 1024 },
        default: Some(AxisValue::Count(0)),
        in_train: false,
        get: |job| AxisValue::Count(job.threads),
        set: |job, value| job.threads = value.count().unwrap_or(1),
    },
    AxisDef {
        key: "device",
        tag: |label| label.replace(':', ""),
        heading: "device",
        about: "what it computes on",
        kind: AxisKind::Device,
        default: Some(AxisValue::Text(Cow::Borrowed("cpu"))),
        in_train: false,
        get: |job| text(&job.device),
        set: |job, value| value.text().clone_into(&mut job.device),
    },
    AxisDef {
        key: "flush_denormals",
        tag: |label| if label == "true" { "flush" } else { "noflush" }.to_owned(),
        heading: "flush",
        about: "flush subnormal numbers to zero: some models get slower while they train without",
        kind: AxisKind::Flag,
        default: Some(AxisValue::Flag(true)),
        in_train: false,
        get: |job| AxisValue::Flag(job.flush_denormals),
        set: |job, value| job.flush_denormals = *value == AxisValue::Flag(true),
    },
    AxisDef {
        key: "allocator",
        tag: str::to_owned,
        heading: "alloc.",
        about: "keep freed memory (retain), or the system's defaults: a lower peak, more page faults",
        kind: AxisKind::Word(Allocator::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("retain"))),
        in_train: false,
        get: |job| word(job.allocator.word()),
        set: |job, value| job.allocator = Allocator::named(value.text()).unwrap_or_default(),
    },
    AxisDef {
        key: "omp_wait",
        tag: |label| format!("omp-{label}"),
        heading: "omp",
        about: "how compute threads wait for each other: spin (active), spin for a moment (brief), or sleep (passive)",
        kind: AxisKind::Word(OmpWait::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("active"))),
        in_train: false,
        get: |job| word(job.omp_wait.word()),
        set: |job, value| job.omp_wait = OmpWait::named(value.text()).unwrap_or_default(),
    },
    AxisDef {
        key: "depth",
        tag: |label| format!("d{label}"),
        heading: "depth",
        about: "layers of the model; each model has its own default",
        kind: AxisKind::Count { most: 1000 },
        default: Some(AxisValue::Unset),
        in_train: false,
        get: |job| knob(job.model.depth),
        set: |job, value| job.model.depth = value.count(),
    },
    AxisDef {
        key: "width",
        tag: |label| format!("w{label}"),
        heading: "width",
        about: "units or channels of a layer; each model has its own default",
        kind: AxisKind::Count { most: 65_536 },
        default: Some(AxisValue::Unset),
        in_train: false,
        get: |job| knob(job.model.width),
        set: |job, value| job.model.width = value.count(),
    },
    AxisDef {
        key: "precision",
        tag: str::to_owned,
        heading: "prec.",
        about: "what the model computes with: 32-bit floats, or mixed with 16-bit ones",
        kind: AxisKind::Word(Precision::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("fp32"))),
        in_train: false,
        get: |job| word(job.precision.word()),
        set: |job, value| job.precision = Precision::named(value.text()).unwrap_or_default(),
    },
];

/// One of [`AXES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Axis(usize);

impl Axis {
    /// How many there are.
    pub const COUNT: usize = AXES.len();
    /// What is trained and served.
    pub const MODEL: Self = Self::named("model");
    /// What it is trained on.
    pub const DATASET: Self = Self::named("dataset");
    /// Samples a training step.
    pub const BATCH_SIZE: Self = Self::named("batch_size");
    /// Compute threads.
    pub const THREADS: Self = Self::named("threads");
    /// Layers of the model.
    pub const DEPTH: Self = Self::named("depth");
    /// Units or channels of a layer.
    pub const WIDTH: Self = Self::named("width");

    /// The axis that must be there.
    const fn named(key: &str) -> Self {
        let mut at = 0;
        while !same(AXES[at].key.as_bytes(), key.as_bytes()) {
            at += 1;
        }
        Self(at)
    }

    /// Every axis, in the order in which cells are named.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        (0..Self::COUNT).map(Self)
    }

    /// The axis of a key of `[grid]`.
    pub fn find(key: &str) -> Option<Self> {
        Self::all().find(|axis| axis.key() == key)
    }

    /// Every key of `[grid]`.
    pub fn keys() -> Vec<&'static str> {
        Self::all().map(Self::key).collect()
    }

    /// Its place in [`AXES`].
    pub const fn index(self) -> usize {
        self.0
    }

    /// All that is said of it.
    pub fn def(self) -> &'static AxisDef {
        &AXES[self.0]
    }

    /// Its key in `[grid]`.
    pub fn key(self) -> &'static str {
        self.def().key
    }

    /// Its value in a job; of a command that nobody told anything only its name.
    pub fn get(self, job: &JobSpec) -> AxisValue {
        if job.work.is_unset() && self != Self::MODEL {
            return AxisValue::Unset;
        }
        (self.def().get)(job)
    }
}

/// The key of the budget of a training.
const EPOCHS: &str = "train.epochs";

/// Keys of what makes a cell the same work as another of its name: the axes, and how long it may train.
pub fn setting_keys() -> impl Iterator<Item = &'static str> {
    Axis::all().map(Axis::key).chain([EPOCHS])
}

/// The values of these keys, in their order.
pub fn settings(job: &JobSpec) -> impl Iterator<Item = (&'static str, String)> {
    let axes = Axis::all().map(|axis| (axis.key(), axis.get(job).to_string()));
    axes.chain([(EPOCHS, job.train.epochs.to_string())])
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The text with everything that a file name or a shell could stumble over replaced.
pub fn safe_name(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut name: String = text.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_is_found_and_holds_its_default() {
        for axis in Axis::all() {
            assert_eq!(Axis::find(axis.key()), Some(axis));
            if let Some(default) = &axis.def().default {
                let mut job = JobSpec::default();
                (axis.def().set)(&mut job, default);
                assert_eq!(axis.get(&job), *default, "{}", axis.key());
            }
        }
        assert_eq!(Axis::WIDTH.key(), "width");
    }

    #[test]
    fn tags_are_safe_and_numbers_read_back() {
        for (key, value, label, tag) in [
            ("batch_size", AxisValue::Count(32), "32", "b32"),
            ("learning_rate", AxisValue::Number(1e-3), "0.001", "lr0.001"),
            ("learning_rate", AxisValue::Number(1e-300), "1e-300", "lr1e-300"),
            ("weight_decay", AxisValue::Number(0.0), "0", "wd0"),
            ("device", text("cuda:1"), "cuda:1", "cuda1"),
            ("flush_denormals", AxisValue::Flag(false), "false", "noflush"),
            ("allocator", text("system"), "system", "system"),
            ("omp_wait", text("brief"), "brief", "omp-brief"),
            ("precision", text("bf16"), "bf16", "bf16"),
            ("depth", AxisValue::Count(14), "14", "d14"),
            ("model", text("org/net x"), "org/net x", "org_net_x"),
            ("model", text(".."), "..", "_."),
        ] {
            assert_eq!(value.to_string(), label);
            assert_eq!((Axis::find(key).unwrap().def().tag)(label), tag);
        }
    }

    #[test]
    fn a_range_says_its_ends() {
        use Bound::{Excluded, Included, Unbounded};
        let range = Range::new;
        for (range, says) in [
            (range(Included(0.0), Included(0.5)), "from 0 to 0.5"),
            (range(Excluded(0.5), Excluded(1.0)), "between 0.5 and 1"),
            (range(Excluded(0.0), Included(1.0)), "above 0 and at most 1"),
            (range(Excluded(0.0), Unbounded), "greater than 0"),
        ] {
            assert_eq!(range.says(|end| end.to_string()), says);
            assert!(!range.contains(f64::NAN) && !range.contains(f64::INFINITY));
        }
        assert!(!range(Excluded(0.5), Excluded(1.0)).contains(0.5));
    }
}
