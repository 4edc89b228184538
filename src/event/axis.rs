//! The axes of a grid, one entry each. Reading the grid file, the names of the cells, the placeholders of commands, the
//! plan and the columns of all reports come from [`AXES`].
//!
//! A new axis is an entry here, at the end (cells are named in this order), and the field of [`JobSpec`] that whoever obeys
//! it reads. What is special to some axes (a data set has a folder, threads depend on the machine) is not said here.
//! An axis of the user's own is the same entry, made of what the grid file says ([`AxisDef::own`]); its values are kept in
//! [`JobSpec::own`]. An [`AxisList`] holds both.

use std::borrow::Cow;
use std::ops::Bound;

use super::job::{Allocator, JobSpec, OmpWait, Optimizer, Precision};
use super::own::AxisValue;
use super::words::words;

/// The data set of a command that has none; no cell is named by it.
pub const NO_DATA: &str = "-";

/// The most samples that a step or a request may have.
pub const LARGEST_BATCH: u32 = 1 << 24;

fn count(value: &AxisValue) -> Option<u32> {
    match value {
        AxisValue::Whole(value) => u32::try_from(*value).ok(),
        _ => None,
    }
}

fn words_of(value: &AxisValue) -> &str {
    match value {
        AxisValue::Text(text) => text,
        _ => "",
    }
}

fn number(value: &AxisValue) -> f64 {
    match value {
        AxisValue::Number(value) => *value,
        _ => 0.0,
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

/// What the values of an axis of the user's own are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnKind {
    /// Any of the others.
    #[default]
    Any,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Texts.
    String,
    /// True or false.
    Boolean,
}

words!(pub OwnKind {
    Any = "any", Integer = "integer", Number = "number", String = "string", Boolean = "boolean"
});

impl OwnKind {
    /// What one is called.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Any => "a number, a text, true or false",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::String => "a text",
            Self::Boolean => "true or false",
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
    /// What an axis of the user's own may have.
    Own(OwnKind),
}

/// All that is said of an axis.
#[derive(Debug, Clone)]
pub struct AxisDef {
    /// The key of `[grid]`, the placeholder of commands and the column of `report.csv`.
    pub key: Cow<'static, str>,
    /// The value in the name of a cell, from the value as text.
    pub tag: fn(&Self, &str) -> String,
    /// The column of the table of runs.
    pub heading: Cow<'static, str>,
    /// What it is, on one line.
    pub about: &'static str,
    /// What its values are.
    pub kind: AxisKind,
    /// What stands when the grid does not name the axis; absent where the grid must.
    pub default: Option<AxisValue>,
    /// Whether `[train]` may fix it instead of the grid.
    pub in_train: bool,
    /// Its value in a job.
    get: fn(&Self, &JobSpec) -> AxisValue,
    /// Puts a value into a job.
    pub set: fn(&Self, &mut JobSpec, &AxisValue),
}

impl AxisDef {
    /// An axis of the user's.
    pub fn own(key: &str) -> Self {
        Self {
            key: key.to_owned().into(),
            tag: |def, label| short_name(&def.key, label),
            // Its two lines take less room.
            heading: key.replacen('.', ".\n", 1).into(),
            about: "an axis of the grid's own",
            kind: AxisKind::Own(OwnKind::Any),
            default: Some(AxisValue::Unset),
            in_train: false,
            get: |def, job| job.own.get(&def.key).cloned().unwrap_or(AxisValue::Unset),
            set: |def, job, value| job.own.put(&def.key, value.clone()),
        }
    }

    /// Whether it is an axis of the user's.
    pub fn is_own(&self) -> bool {
        matches!(self.key, Cow::Owned(_))
    }

    /// Its value in a job; of a command that is no cell of a grid file only its name, the axes of the user's own and what it was
    /// told, of a recorded table what that says.
    pub fn of(&self, job: &JobSpec) -> AxisValue {
        let table = job.work.recorded();
        let untold = table.is_some_and(|table| table.axes.iter().all(|axis| *axis != *self.key));
        let unset = job.work.is_unset() && !self.is_own() && !job.work.tells(&self.key);
        if (unset || untold) && self.key != AXES[Axis::MODEL.0].key {
            return AxisValue::Unset;
        }
        (self.get)(self, job)
    }

    /// Its value in a job, as reports write it: empty where there is none.
    pub fn shown(&self, job: &JobSpec) -> String {
        match self.of(job) {
            AxisValue::Unset if self.is_own() => "-".to_owned(),
            value => value.to_string(),
        }
    }
}

const fn said(text: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(text)
}

fn text(text: &str) -> AxisValue {
    AxisValue::Text(text.to_owned().into())
}

fn word(word: &'static str) -> AxisValue {
    AxisValue::Text(word.into())
}

fn knob(value: Option<u32>) -> AxisValue {
    value.map_or(AxisValue::Unset, |value| AxisValue::Whole(value.into()))
}

/// In the order in which cells are named.
pub static AXES: &[AxisDef] = &[
    AxisDef {
        key: said("model"),
        tag: |_, label| safe_name(label),
        heading: said("model"),
        about: "the model: see `perftune list models`, or one of [models]",
        kind: AxisKind::Model,
        default: None,
        in_train: false,
        get: |_, job| text(&job.model.name),
        set: |_, job, value| words_of(value).clone_into(&mut job.model.name),
    },
    AxisDef {
        key: said("dataset"),
        tag: |_, label| if label == NO_DATA { String::new() } else { safe_name(label) },
        heading: said("dataset"),
        about: "the data set: see `perftune list datasets`, or a folder with a dataset.toml",
        kind: AxisKind::Dataset,
        default: None,
        in_train: false,
        get: |_, job| text(&job.dataset),
        set: |_, job, value| words_of(value).clone_into(&mut job.dataset),
    },
    AxisDef {
        key: said("batch_size"),
        tag: |_, label| format!("b{label}"),
        heading: said("batch"),
        about: "samples per training step",
        kind: AxisKind::Count { most: LARGEST_BATCH },
        default: Some(AxisValue::Whole(64)),
        in_train: true,
        get: |_, job| AxisValue::Whole(job.train.batch_size.into()),
        set: |_, job, value| job.train.batch_size = count(value).unwrap_or(1),
    },
    AxisDef {
        key: said("learning_rate"),
        tag: |_, label| format!("lr{label}"),
        heading: said("rate"),
        about: "learning rate of the optimizer",
        kind: AxisKind::Number(Range::new(Bound::Excluded(0.0), Bound::Unbounded)),
        default: Some(AxisValue::Number(1e-3)),
        in_train: true,
        get: |_, job| AxisValue::Number(job.train.learning_rate),
        set: |_, job, value| job.train.learning_rate = number(value),
    },
    AxisDef {
        key: said("optimizer"),
        tag: |_, label| label.to_owned(),
        heading: said("optim."),
        about: "the update rule",
        kind: AxisKind::Word(Optimizer::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("adam"))),
        in_train: true,
        get: |_, job| word(job.train.optimizer.word()),
        set: |_, job, value| {
            job.train.optimizer = Optimizer::named(words_of(value)).unwrap_or_default();
        },
    },
    AxisDef {
        key: said("weight_decay"),
        tag: |_, label| format!("wd{label}"),
        heading: said("decay"),
        about: "L2 penalty on the weights (decoupled for adamw)",
        kind: AxisKind::Number(Range::new(Bound::Included(0.0), Bound::Unbounded)),
        default: Some(AxisValue::Number(0.0)),
        in_train: true,
        get: |_, job| AxisValue::Number(job.train.weight_decay),
        set: |_, job, value| job.train.weight_decay = number(value),
    },
    AxisDef {
        key: said("threads"),
        tag: |_, label| format!("t{label}"),
        heading: said("thr."),
        about: "compute threads; 0: all cores that the run may use",
        kind: AxisKind::Threads { most: 1024 },
        default: Some(AxisValue::Whole(0)),
        in_train: false,
        get: |_, job| AxisValue::Whole(job.threads.into()),
        set: |_, job, value| job.threads = count(value).unwrap_or(1),
    },
    AxisDef {
        key: said("device"),
        tag: |_, label| label.replace(':', ""),
        heading: said("device"),
        about: "device to compute on",
        kind: AxisKind::Device,
        default: Some(AxisValue::Text(Cow::Borrowed("cpu"))),
        in_train: false,
        get: |_, job| text(&job.device),
        set: |_, job, value| words_of(value).clone_into(&mut job.device),
    },
    AxisDef {
        key: said("flush_denormals"),
        tag: |_, label| if label == "true" { "flush" } else { "noflush" }.to_owned(),
        heading: said("flush"),
        about: "flush subnormal numbers to zero: some models get slower while they train without",
        kind: AxisKind::Flag,
        default: Some(AxisValue::Flag(true)),
        in_train: false,
        get: |_, job| AxisValue::Flag(job.flush_denormals),
        set: |_, job, value| job.flush_denormals = *value == AxisValue::Flag(true),
    },
    AxisDef {
        key: said("allocator"),
        tag: |_, label| label.to_owned(),
        heading: said("alloc."),
        about: "keep freed memory (retain), or the system's defaults: a lower peak, more page faults",
        kind: AxisKind::Word(Allocator::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("retain"))),
        in_train: false,
        get: |_, job| word(job.allocator.word()),
        set: |_, job, value| job.allocator = Allocator::named(words_of(value)).unwrap_or_default(),
    },
    AxisDef {
        key: said("omp_wait"),
        tag: |_, label| format!("omp-{label}"),
        heading: said("omp"),
        about: "how compute threads wait for each other: spin (active), spin for a moment (brief), or sleep (passive)",
        kind: AxisKind::Word(OmpWait::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("active"))),
        in_train: false,
        get: |_, job| word(job.omp_wait.word()),
        set: |_, job, value| job.omp_wait = OmpWait::named(words_of(value)).unwrap_or_default(),
    },
    AxisDef {
        key: said("depth"),
        tag: |_, label| format!("d{label}"),
        heading: said("depth"),
        about: "layers of the model; each model has its own default",
        kind: AxisKind::Count { most: 1000 },
        default: Some(AxisValue::Unset),
        in_train: false,
        get: |_, job| knob(job.model.depth),
        set: |_, job, value| job.model.depth = count(value),
    },
    AxisDef {
        key: said("width"),
        tag: |_, label| format!("w{label}"),
        heading: said("width"),
        about: "units or channels per layer; each model has its own default",
        kind: AxisKind::Count { most: 65_536 },
        default: Some(AxisValue::Unset),
        in_train: false,
        get: |_, job| knob(job.model.width),
        set: |_, job, value| job.model.width = count(value),
    },
    AxisDef {
        key: said("precision"),
        tag: |_, label| label.to_owned(),
        heading: said("prec."),
        about: "precision of the model: 32-bit floats, or mixed with 16-bit ones",
        kind: AxisKind::Word(Precision::WORDS),
        default: Some(AxisValue::Text(Cow::Borrowed("fp32"))),
        in_train: false,
        get: |_, job| word(job.precision.word()),
        set: |_, job, value| job.precision = Precision::named(words_of(value)).unwrap_or_default(),
    },
];

/// A place in an [`AxisList`], which begins with [`AXES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Axis(usize);

impl Axis {
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
        loop {
            if let Cow::Borrowed(found) = &AXES[at].key
                && same(found.as_bytes(), key.as_bytes())
            {
                return Self(at);
            }
            at += 1;
        }
    }

    /// Its place in the list.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// The axes of a grid or of results: the built-in ones in the order in which cells are named, then the user's own.
#[derive(Debug, Clone, Default)]
pub struct AxisList {
    own: Vec<AxisDef>,
}

impl AxisList {
    /// Those of these jobs; the user's own in the order in which they are first seen.
    pub fn of<'a>(jobs: impl IntoIterator<Item = &'a JobSpec>) -> Self {
        let mut list = Self::default();
        for job in jobs {
            for (key, _) in job.own.iter() {
                if list.find(key).is_some() {
                    continue;
                }
                let mut def = AxisDef::own(key);
                if let Some(label) = job.axis_labels.get(key) {
                    def.heading = label.clone().into();
                }
                list.own.push(def);
            }
        }
        list
    }

    /// Adds an axis of the user's own, unless it is there.
    pub fn add(&mut self, def: AxisDef) {
        if self.find(&def.key).is_none() {
            self.own.push(def);
        }
    }

    /// Those of the user's own.
    pub fn own(&self) -> &[AxisDef] {
        &self.own
    }

    /// How many there are.
    fn len(&self) -> usize {
        AXES.len() + self.own.len()
    }

    /// All that is said of each.
    pub fn defs(&self) -> impl Iterator<Item = &AxisDef> + Clone {
        AXES.iter().chain(&self.own)
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = Axis> + Clone + use<> {
        (0..self.len()).map(Axis)
    }

    /// All that is said of one.
    pub fn def(&self, axis: Axis) -> &AxisDef {
        AXES.get(axis.0).unwrap_or_else(|| &self.own[axis.0 - AXES.len()])
    }

    /// Its key in `[grid]`.
    pub fn key(&self, axis: Axis) -> &str {
        &self.def(axis).key
    }

    /// The axis of a key of `[grid]`.
    pub fn find(&self, key: &str) -> Option<Axis> {
        self.defs().position(|def| def.key == key).map(Axis)
    }

    /// Every key of `[grid]`.
    pub fn keys(&self) -> Vec<&str> {
        self.defs().map(|def| &*def.key).collect()
    }

    /// Keys of what makes a cell the same work as another of its name: the axes, and how long it may train.
    pub fn setting_keys(&self) -> impl Iterator<Item = &str> {
        self.defs().map(|def| &*def.key).chain([EPOCHS])
    }
}

/// The value in a job of the axis of this key, built in or not.
pub fn value(key: &str, job: &JobSpec) -> AxisValue {
    match AXES.iter().find(|def| def.key == key) {
        Some(def) => def.of(job),
        None => job.own.get(key).cloned().unwrap_or(AxisValue::Unset),
    }
}

/// What the reports have besides axes and metrics: their columns, and the members of a run's settings. No axis of the user's
/// own is called so.
pub const COLUMNS: &[&str] = &[
    "axis",
    "cell",
    "confidence",
    "env",
    "epochs",
    "estimate",
    "failure",
    "high",
    "interference_percent",
    "interval",
    "known",
    "low",
    "machine",
    "lane",
    "metric",
    "note",
    "pareto",
    "partial_test_accuracy",
    "phase",
    "plateaued",
    "recommended",
    "repeat",
    "run",
    "runs",
    "runs_measured",
    "runs_trained_to_the_end",
    "said_by",
    "samples",
    "seed",
    "serve",
    "serve_phase",
    "serve_throughput_phase",
    "status",
    "stop_detail",
    "stop_reason",
    "unit",
    "validation_share",
    "verdict",
    "verdict_reason",
    "wall_s",
];

/// The key of the budget of a training.
const EPOCHS: &str = "train.epochs";

/// The beginning of the SHA-256 of a cell's data, among what makes it the same work; what is older does not tell of it.
pub const DATA: &str = "dataset.sha256";

/// The keys of what makes a cell the same work, and their values.
pub fn settings(job: &JobSpec) -> impl Iterator<Item = (String, String)> {
    let axes = AxisList::of([job]);
    let all: Vec<_> =
        axes.defs().map(|def| (def.key.clone().into_owned(), def.shown(job))).collect();
    all.into_iter().chain([(EPOCHS.to_owned(), job.train.epochs.to_string())])
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

/// A key and its value as a part of a file name: of a long value the end is told by a sum of the whole.
fn short_name(key: &str, value: &str) -> String {
    const LONGEST: usize = 40;
    let name = safe_name(&format!("{key}_{value}"));
    let longest = key.len() + 1 + LONGEST;
    if name.len() <= longest {
        return name;
    }
    // Fowler, Noll and Vo's sum (FNV-1a): the same in every build.
    let sum = value
        .bytes()
        .fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}_{sum:08x}", &name[..longest - 9])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_is_found_and_holds_its_default() {
        let mut list = AxisList::default();
        list.add(AxisDef::own("dropout"));
        list.add(AxisDef::own("dropout"));
        list.add(AxisDef::own("width"));
        assert_eq!(list.len(), AXES.len() + 1);
        for axis in list.all() {
            let def = list.def(axis);
            assert_eq!(list.find(&def.key), Some(axis));
            if let Some(default) = &def.default {
                let mut job = JobSpec::default();
                (def.set)(def, &mut job, default);
                assert_eq!(def.of(&job), *default, "{}", def.key);
            }
        }
        assert_eq!(list.key(Axis::WIDTH), "width");
    }

    #[test]
    fn tags_are_safe_and_numbers_read_back() {
        let mut list = AxisList::default();
        list.add(AxisDef::own("dropout"));
        list.add(AxisDef::own("env.LD_PRELOAD"));
        let path = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2:/usr/lib/libx.so";
        for (key, value, label, tag) in [
            ("batch_size", AxisValue::Whole(32), "32", "b32"),
            ("learning_rate", AxisValue::Number(1e-3), "0.001", "lr0.001"),
            ("learning_rate", AxisValue::Number(1e-300), "1e-300", "lr1e-300"),
            ("weight_decay", AxisValue::Number(0.0), "0", "wd0"),
            ("device", text("cuda:1"), "cuda:1", "cuda1"),
            ("flush_denormals", AxisValue::Flag(false), "false", "noflush"),
            ("allocator", text("system"), "system", "system"),
            ("omp_wait", text("brief"), "brief", "omp-brief"),
            ("precision", text("bf16"), "bf16", "bf16"),
            ("depth", AxisValue::Whole(14), "14", "d14"),
            ("model", text("org/net x"), "org/net x", "org_net_x"),
            ("model", text(".."), "..", "_."),
            ("dropout", AxisValue::Number(0.1), "0.1", "dropout_0.1"),
            ("dropout", AxisValue::Whole(-3), "-3", "dropout_-3"),
            ("dropout", text("=\u{1b}[31m\n"), "=\u{1b}[31m\n", "dropout____31m_"),
            (
                "env.LD_PRELOAD",
                text(path),
                path,
                "env.LD_PRELOAD__usr_lib_x86_64-linux-gnu_libje_4fd04834",
            ),
        ] {
            assert_eq!(value.to_string(), label);
            let def = list.def(list.find(key).unwrap());
            assert_eq!((def.tag)(def, label), tag);
        }
    }

    #[test]
    fn own_axes_of_jobs_are_told_in_the_order_in_which_they_are_seen() {
        let job = |axes: &[&str]| {
            let mut job = JobSpec::default();
            for axis in axes {
                job.own.put(axis, AxisValue::Whole(1));
            }
            job
        };
        let jobs = [job(&["b", "a"]), job(&["a", "c"])];
        assert_eq!(AxisList::of(&jobs).keys()[AXES.len()..], ["b", "a", "c"]);
        let told: Vec<_> = settings(&jobs[1]).map(|(key, _)| key).collect();
        assert_eq!(told[AXES.len()..], ["a", "c", EPOCHS]);
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
