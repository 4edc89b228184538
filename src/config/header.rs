//! The text of the grid file, and what stands at its top: name, seed, repeat.

use std::io::Read;
use std::path::Path;

use super::problems::{Place, Problems};
use super::read;
use super::tree::{Table, Value};
use super::world::{Request, Source};
use crate::event::axis;

/// A grid file beyond this is something else: a device, a data file.
const LARGEST_FILE: u64 = 16 << 20;
/// The most runs of a cell.
const MOST_REPEATS: u32 = 10_000;
/// The longest name of a results folder, in bytes.
const LONGEST_NAME: usize = 100;

/// What stands at the top of the file.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) repeats: u32,
}

/// Registers the grid's text; nothing when it cannot be read, which is then reported.
pub(super) fn read_source(source: &Source, problems: &mut Problems) -> Option<usize> {
    let (origin, bytes) = match source {
        Source::Path(path) => (path.display().to_string(), read_file(path)),
        Source::Stdin(bytes) => ("<stdin>".to_owned(), Ok(bytes.clone())),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(why) => {
            let text = problems.add_file(origin, String::new());
            problems.error(Place::whole(text), format!("cannot read the grid: {why}"));
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(body) => Some(problems.add_file(origin, body)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let body = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let text = problems.add_file(origin, body);
            let span = Some((at, at + '\u{fffd}'.len_utf8()));
            problems.error_with(
                Place { text, span },
                "the grid is not UTF-8 text",
                "save the file as UTF-8",
            );
            None
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("it has more than {} MiB", LARGEST_FILE >> 20));
    }
    Ok(bytes)
}

/// Reads name, seed and repeat; the command line's `--seed` and `--repeat` win.
pub(super) fn read(root: &Table, request: &Request<'_>, problems: &mut Problems) -> Header {
    let repeats = repeats(root, request.repeat, problems);
    Header {
        name: name(root, &request.source, problems),
        seed: seed(root, request.seed, repeats, problems),
        repeats,
    }
}

fn name(root: &Table, source: &Source, problems: &mut Problems) -> String {
    let stem = || {
        let stem = match source {
            Source::Path(path) => path.file_stem(),
            Source::Stdin(_) => None,
        };
        let stem = stem.map_or_else(|| "grid".into(), |stem| stem.to_string_lossy());
        let safe = axis::safe_name(&stem);
        // ASCII by now, so that any cut is between characters.
        safe[..safe.len().min(LONGEST_NAME)].to_owned()
    };
    let Some(entry) = root.get("name") else {
        return stem();
    };
    let expected = "a name of letters, digits, `.`, `_` and `-`, since it names the results folder";
    let Some(name) = read::text("name", &entry.node, expected, problems) else {
        return stem();
    };
    if (1..=LONGEST_NAME).contains(&name.len()) && axis::safe_name(name) == name {
        return name.to_owned();
    }
    read::wrong("name", expected, &entry.node, problems);
    stem()
}

fn repeats(root: &Table, argument: Option<u32>, problems: &mut Problems) -> u32 {
    if let Some(value) = argument {
        if !(1..=MOST_REPEATS).contains(&value) {
            let text = problems.add_argument(format!("--repeat {value}"));
            let message = format!("--repeat must be from 1 to {MOST_REPEATS}");
            problems.error(Place::whole(text), message);
        }
        return value;
    }
    root.get("repeat")
        .and_then(|entry| read::count("repeat", &entry.node, 1..=MOST_REPEATS, problems))
        .unwrap_or(1)
}

/// The last repeat's seed must be a number that every random generator takes: below 2^63.
fn seed(root: &Table, argument: Option<u64>, repeats: u32, problems: &mut Problems) -> u64 {
    let fits = |seed: u64| {
        seed.checked_add(u64::from(repeats)).is_some_and(|last| i64::try_from(last).is_ok())
    };
    let expected = "a whole number from 0 to 2^63 less the repeats";
    if let Some(value) = argument {
        if !fits(value) {
            let text = problems.add_argument(format!("--seed {value}"));
            problems.error(Place::whole(text), format!("--seed must be {expected}"));
        }
        return value;
    }
    let Some(entry) = root.get("seed") else {
        return 1;
    };
    let value = match entry.node.value {
        Value::Integer(value) => u64::try_from(value).ok().filter(|seed| fits(*seed)),
        _ => None,
    };
    value.unwrap_or_else(|| {
        read::wrong("seed", expected, &entry.node, problems);
        1
    })
}
