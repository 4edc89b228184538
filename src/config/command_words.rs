//! The words of a command: a program and its arguments, and what of them is a path.

use std::path::{Path, PathBuf};

use super::read::{self, Read};
use crate::document::tree::{Node, Value};

/// The words of a command; the first is not empty.
pub(super) fn words<'a>(key: &str, node: &'a Node) -> Read<Vec<(&'a str, &'a Node)>> {
    let expected = "a list of texts, the program first, such as [\"python3\", \"train.py\"]";
    let words = match &node.value {
        Value::List(items) => items.iter(),
        _ => [].iter(),
    };
    let words = words.map(|item| Ok((read::text(key, item, expected)?, item)));
    let words = words.collect::<Read<Vec<_>>>()?;
    match words.first() {
        Some((first, _)) if !first.is_empty() => Ok(words),
        _ => Err(read::wrong(key, expected, node)),
    }
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
