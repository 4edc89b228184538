//! The command of a model, with the settings of a cell still to be filled in.

use crate::document::problems::{Place, Problems};
use crate::event::{Axis, CommandSpec, JobSpec};

type Fact = (&'static str, fn(&JobSpec) -> String);

/// What a word may hold besides the axes.
const FACTS: &[Fact] = &[
    ("dataset_dir", |job| job.dataset_dir.display().to_string()),
    ("epochs", |job| job.train.epochs.to_string()),
    ("run", |job| job.run.clone()),
    ("seed", |job| job.seed.to_string()),
];

/// What stands in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    Axis(Axis),
    /// Its place in [`FACTS`].
    Fact(usize),
}

impl Placeholder {
    pub(super) fn find(name: &str) -> Option<Self> {
        let fact = || FACTS.iter().position(|(fact, _)| *fact == name);
        Axis::find(name).map(Self::Axis).or_else(|| fact().map(Self::Fact))
    }

    pub(super) fn names() -> Vec<&'static str> {
        let mut names = Axis::keys();
        names.extend(FACTS.iter().map(|(name, _)| *name));
        names.sort_unstable();
        names
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Placeholder(Placeholder, Place),
}

/// A word with settings in it.
pub(super) type Word = Vec<Part>;

/// A command that is a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandModel {
    pub(super) name: String,
    pub(super) words: Vec<Word>,
    pub(super) steps: bool,
}

impl CommandModel {
    /// The command of this job.
    pub(super) fn of(&self, job: &JobSpec) -> CommandSpec {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(Placeholder::Axis(axis), _) => axis.get(job).to_string(),
            Part::Placeholder(Placeholder::Fact(fact), _) => FACTS[*fact].1(job),
        };
        let words = self.words.iter();
        CommandSpec {
            words: words.map(|word| word.iter().map(part).collect()).collect(),
            steps: self.steps,
            bare: false,
        }
    }

    /// Reports the axes in its words that have no value in a grid where they are left to the model.
    pub(super) fn check(&self, is_unset: impl Fn(Axis) -> bool, problems: &mut Problems) {
        for part in self.words.iter().flatten() {
            if let Part::Placeholder(Placeholder::Axis(axis), place) = part
                && is_unset(*axis)
            {
                let key = axis.key();
                problems.error_with(
                    *place,
                    format!("`{{{key}}}` has no value: [grid] does not name `{key}`"),
                    format!("write {key} = [...] in [grid], or leave it out of the command"),
                );
            }
        }
    }
}
