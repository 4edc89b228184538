//! The words of a command: a program and its arguments, and what of them is a path.

use std::path::{Path, PathBuf};

use super::problems::Problems;
use super::read;
use super::tree::{Node, Value};

/// The words of a command; the first is not empty.
pub(super) fn words<'a>(
    node: &'a Node,
    problems: &mut Problems,
) -> Option<Vec<(&'a str, &'a Node)>> {
    let expected = "a list of texts, the program first, such as [\"python3\", \"train.py\"]";
    let Value::List(items) = &node.value else {
        read::wrong("command", expected, node, problems);
        return None;
    };
    let mut words = Vec::new();
    for item in items {
        words.push((read::text("command", item, expected, problems)?, item));
    }
    if words.first().is_none_or(|(first, _)| first.is_empty()) {
        read::wrong("command", expected, node, problems);
        return None;
    }
    Some(words)
}

/// The program: a bare name is looked up on the PATH, as a shell would.
pub(super) fn program(word: &str, base: &Path) -> String {
    if word.contains('/') {
        base.join(word).to_string_lossy().into_owned()
    } else {
        word.to_owned()
    }
}

/// An argument: `train.py` beside the grid file has to be found from any working directory.
pub(super) fn argument(word: &str, base: &Path) -> String {
    let path: PathBuf = base.join(word);
    if !word.is_empty() && path.is_file() {
        path.to_string_lossy().into_owned()
    } else {
        word.to_owned()
    }
}
