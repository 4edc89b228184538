//! Commands: what is run, what is run around it, and how it is written.

use serde::{Deserialize, Serialize};

/// Any command, which speaks no protocol but may write lines to the path in `$PERFTUNE_EVENTS`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The program and its arguments, the settings of the cell put in.
    pub words: Vec<String>,
    /// Whether it may report steps: then metrics of steps are waited for.
    pub steps: bool,
    /// Whether it was told how many epochs to train: else nobody knows how long it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub epochs: bool,
    /// Whether it is no cell of a grid file: it was told nothing but the axes of the user's own and those of `told`, so the job
    /// holds no other settings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
    /// The built-in axes that it was told all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// What is run around it.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks<String>,
}

/// Commands around the runs of a cell, which are not measured; each a program and its arguments, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks<W> {
    /// Before the first run of the cell.
    pub setup: Vec<W>,
    /// Before each run.
    pub prepare: Vec<W>,
    /// After the last run.
    pub cleanup: Vec<W>,
}

impl<W> Default for Hooks<W> {
    fn default() -> Self {
        Self { setup: Vec::new(), prepare: Vec::new(), cleanup: Vec::new() }
    }
}

impl<W> Hooks<W> {
    /// Each of them.
    pub fn all(&self) -> [&[W]; 3] {
        [&self.setup, &self.prepare, &self.cleanup]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|words| words.is_empty())
    }

    /// The same with other words.
    pub fn with<V>(&self, words: impl Fn(&[W]) -> Vec<V>) -> Hooks<V> {
        let [setup, prepare, cleanup] = self.all().map(words);
        Hooks { setup, prepare, cleanup }
    }
}

impl CommandSpec {
    /// The words of the command and of each that is run around it.
    pub fn commands(&self) -> [&[String]; 4] {
        let [setup, prepare, cleanup] = self.hooks.all();
        [&self.words, setup, prepare, cleanup]
    }

    /// As it could be typed into a shell.
    pub fn shown(&self) -> String {
        typed(&self.words)
    }
}

/// Words as they could be typed into a shell.
pub fn typed(words: &[String]) -> String {
    let word = |word: &String| {
        if is_plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a shell takes a text for nothing but itself.
pub fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    word.chars().all(plain) && !word.is_empty()
}
