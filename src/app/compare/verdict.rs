//! A verdict that was written before.
//!
//! Nothing is judged anew. Invariant: a file that is damaged, of another version or contradicts itself gives no verdict.

use std::path::Path;

use crate::app::Fault;
use crate::gate::{Coverage, Judgement, Outcome};

/// What the member `format` of a verdict begins with; a number follows.
const FORMAT: &str = "perftune-verdict/";

/// The version that is read.
const VERSION: &str = "2";

/// Whether a path is meant to be one: a file whose text begins as a JSON object does, or that is called so.
pub(super) fn is_one(path: &Path) -> bool {
    let named = path.extension().is_some_and(|ending| ending == "json");
    path.is_file() && (named || begins_as_one(path))
}

fn begins_as_one(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0_u8; 64];
    let read = fs_err::File::open(path).and_then(|mut file| file.read(&mut start));
    let start = read.map_or(&[][..], |length| &start[..length]);
    start.trim_ascii_start().starts_with(b"{")
}

/// Reads it; whatever is not whole, of another version or contradicts itself is a mistake and gives no verdict.
pub(super) fn read(path: &Path) -> Result<Judgement, Fault> {
    let name = path.display();
    let damaged = |line: usize, why: &str| {
        Fault::new(format!("{name}:{line}: the verdict is damaged: {why}"))
            .hint("judge the two sides anew with `perftune check BASELINE CANDIDATE`")
    };
    let bytes = fs_err::read(path)?;
    if bytes.trim_ascii().is_empty() {
        return Err(damaged(1, "the file is empty"));
    }
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(error.line(), &error.to_string()))?;
    let format = value["format"].as_str().and_then(|text| text.strip_prefix(FORMAT));
    match format {
        Some(VERSION) => {}
        Some(other) => {
            let text = format!(
                "{name} is a verdict of version {other}; this perftune reads version {VERSION}"
            );
            return Err(Fault::new(text).hint("use the perftune that wrote it"));
        }
        None => {
            let text = format!(
                "{name} is no verdict of perftune: it has no `format` that begins with {FORMAT}"
            );
            return Err(Fault::new(text).hint(
                "give two sides to compare, or the verdict.json that --write json=verdict.json made",
            ));
        }
    }
    let judgement: Judgement = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(error.line(), &error.to_string()))?;
    match contradiction(&judgement) {
        Some(why) => Err(damaged(1, &why)),
        None => Ok(judgement),
    }
}

/// Where what it says of its rows is not what they are: somebody has changed one of the two, or rows are lost.
fn contradiction(judgement: &Judgement) -> Option<String> {
    let (said, found) = (judgement.coverage, Coverage::of(&judgement.rows));
    if said != found {
        return Some(format!("it says \"{said}\", and its rows come to \"{found}\""));
    }
    let least = Outcome::of(&judgement.rows);
    (judgement.outcome < least)
        .then(|| format!("its outcome is {:?}, and its rows come to {least:?}", judgement.outcome))
}
