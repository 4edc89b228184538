//! The command of a model, with the settings of a cell still to be filled in.

use crate::document::problems::{Place, Problems};
use crate::event::{AXES, AxisList, AxisValue, CommandSpec, Hooks, JobSpec, ReadFrom, axis};

type Fact = (&'static str, fn(&JobSpec) -> String);

/// How many epochs a command is to train.
const EPOCHS: &str = "epochs";

/// What a word may hold besides the axes.
const FACTS: &[Fact] = &[
    ("dataset_dir", |job| job.dataset_dir.display().to_string()),
    (EPOCHS, |job| job.train.epochs.to_string()),
    ("run", |job| job.run.clone()),
    ("seed", |job| job.seed.to_string()),
];

/// Whether commands have it in braces without its being an axis.
pub(super) fn is_fact(name: &str) -> bool {
    FACTS.iter().any(|(fact, _)| *fact == name)
}

/// What stands in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// The key of an axis.
    Axis(String),
    /// Its place in [`FACTS`].
    Fact(usize),
}

impl Placeholder {
    pub(super) fn find(name: &str, axes: &AxisList) -> Option<Self> {
        let fact = || FACTS.iter().position(|(fact, _)| *fact == name);
        let of_axis = axes.find(name).map(|_| Self::Axis(name.to_owned()));
        of_axis.or_else(|| fact().map(Self::Fact))
    }

    pub(super) fn names(axes: &AxisList) -> Vec<&str> {
        let mut names = axes.keys();
        names.extend(FACTS.iter().map(|(name, _)| *name));
        names.sort_unstable();
        names
    }
}

/// A part of a word as it is written.
pub(super) enum Written<'a> {
    /// Its doubled braces made single.
    Text(String),
    /// With its braces.
    Braces(&'a str),
}

/// The parts of a word, and from a brace on that stands alone, the rest.
pub(super) fn written(word: &str) -> (Vec<Written<'_>>, Option<&str>) {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), word);
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let here = &rest[at..];
        if here.starts_with("{{") || here.starts_with("}}") {
            text.push_str(&here[..1]);
            rest = &here[2..];
            continue;
        }
        let end = here.strip_prefix('{').and_then(|inner| inner.find('}'));
        let Some(end) = end else {
            return (parts, Some(here));
        };
        if !text.is_empty() {
            parts.push(Written::Text(std::mem::take(&mut text)));
        }
        parts.push(Written::Braces(&here[..end + 2]));
        rest = &here[end + 2..];
    }
    text.push_str(rest);
    if !text.is_empty() || parts.is_empty() {
        parts.push(Written::Text(text));
    }
    (parts, None)
}

/// What stands in the braces of a word.
pub(super) fn names(word: &str) -> impl Iterator<Item = &str> {
    written(word).0.into_iter().filter_map(|part| match part {
        Written::Text(_) => None,
        Written::Braces(braces) => Some(&braces[1..braces.len() - 1]),
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Placeholder(Placeholder, Place),
}

/// A word with settings in it.
pub(super) type Word = Vec<Part>;

/// A word with the settings of this job.
fn filled(word: &Word, job: &JobSpec) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Placeholder(Placeholder::Axis(key), _) => axis::value(key, job).to_string(),
        Part::Placeholder(Placeholder::Fact(fact), _) => FACTS[*fact].1(job),
    };
    word.iter().map(part).collect()
}

/// The file in which a metric of the user's own is read: settings of the run may be in its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetricFile {
    pub(super) metric: String,
    pub(super) name: Word,
}

impl MetricFile {
    /// Names the file of this job in it.
    pub(super) fn put(&self, job: &mut JobSpec) {
        let name = filled(&self.name, job);
        let metric = job.metrics.iter_mut().find(|metric| metric.metric == self.metric);
        if let Some(ReadFrom::File { file, .. }) = metric.and_then(|metric| metric.from.as_mut()) {
            *file = name;
        }
    }
}

/// A command that is a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandModel {
    pub(super) name: String,
    pub(super) words: Vec<Word>,
    /// What is run around it.
    pub(super) hooks: Hooks<Word>,
    pub(super) steps: bool,
    /// See [`CommandSpec::bare`].
    pub(super) bare: bool,
}

impl Default for CommandModel {
    fn default() -> Self {
        let (name, words, hooks) = (String::new(), Vec::new(), Hooks::default());
        Self { name, words, hooks, steps: true, bare: false }
    }
}

impl CommandModel {
    /// The command of this job; without the words that hold an axis which the cell does not have.
    pub(super) fn of(&self, job: &JobSpec) -> CommandSpec {
        let is_unset = |part: &Part| match part {
            Part::Placeholder(Placeholder::Axis(key), _) => {
                axis::value(key, job) == AxisValue::Unset
            }
            _ => false,
        };
        let is_epochs = |part: &Part| match part {
            Part::Placeholder(Placeholder::Fact(fact), _) => FACTS[*fact].0 == EPOCHS,
            _ => false,
        };
        let told = |words: &[Word]| {
            let words = words.iter().filter(|word| !word.iter().any(is_unset));
            words.map(|word| filled(word, job)).collect()
        };
        CommandSpec {
            words: told(&self.words),
            hooks: self.hooks.with(told),
            steps: self.steps,
            epochs: self.words.iter().flatten().any(is_epochs),
            bare: self.bare,
            told: self.told(),
        }
    }

    /// The built-in axes that it is told where it is no cell of a grid file.
    fn told(&self) -> Vec<String> {
        let told = AXES.iter().filter(|def| self.bare && self.names(&def.key));
        told.map(|def| def.key.clone().into_owned()).collect()
    }

    /// The words of the command and of each that is run around it.
    pub(super) fn commands(&self) -> impl Iterator<Item = &[Word]> {
        std::iter::once(&*self.words).chain(self.hooks.all())
    }

    /// Whether its words name this axis.
    pub(super) fn names(&self, key: &str) -> bool {
        let of = |part: &Part| matches!(part, Part::Placeholder(Placeholder::Axis(axis), _) if axis == key);
        self.commands().flatten().flatten().any(of)
    }

    /// Reports the axes in its words that have no value in a grid where they are left to the model.
    pub(super) fn check(&self, is_unset: impl Fn(&str) -> bool, problems: &mut Problems) {
        for part in self.commands().flatten().flatten() {
            if let Part::Placeholder(Placeholder::Axis(key), place) = part
                && is_unset(key)
            {
                problems.error_with(
                    *place,
                    format!("`{{{key}}}` has no value: [grid] does not name `{key}`"),
                    format!("write {key} = [...] in [grid], or leave it out of the command"),
                );
            }
        }
    }
}
