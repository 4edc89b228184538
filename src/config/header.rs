//! The text of the grid file, and what stands at its top: name, seed, repeat.

use std::io::Read as _;
use std::path::Path;

use super::read::{self, Read};
use super::settings::Settings;
use super::world::GridSource;
use crate::document::problems::{Place, Problems};
use crate::document::tree::{Node, Value};
use crate::event::axis;
use crate::schedule::Repeats;

/// A grid file beyond this is something else: a device, a data file.
const LARGEST_FILE: u64 = 16 << 20;
/// The most runs of a cell.
pub(super) const MOST_REPEATS: u32 = 10_000;
/// The longest name of a results folder, in bytes.
const LONGEST_NAME: usize = 100;

/// What the standard input is called.
const STDIN: &str = "<stdin>";

/// Registers the grid's text; nothing when it cannot be read, which is then reported.
pub(super) fn read_source(source: &GridSource, problems: &mut Problems) -> Option<usize> {
    let (origin, bytes) = match source {
        GridSource::Path(path) => (path.display().to_string(), read_file(path)),
        GridSource::Stdin(bytes) => (STDIN.to_owned(), Ok(bytes.clone())),
        GridSource::Kept(texts) => {
            let origin = source.path().map_or(STDIN.to_owned(), |path| path.display().to_string());
            let body = texts.first().map(|text| text.body.clone().into_bytes());
            (origin, Ok(body.unwrap_or_default()))
        }
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(why) => {
            let text = problems.add_file(origin, String::new());
            problems.error(Place::whole(text), format!("cannot read the file: {why}"));
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
                "the file is not UTF-8 text",
                "save it as UTF-8",
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

const NAME: &str = "a name of letters, digits, `.`, `_` and `-`, since it names the results folder";

pub(super) fn name(node: &Node) -> Read<String> {
    let name = read::text("name", node, NAME)?;
    if (1..=LONGEST_NAME).contains(&name.len()) && axis::safe_name(name) == name {
        return Ok(name.to_owned());
    }
    Err(read::wrong("name", NAME, node))
}

/// The name of results where the file does not say it: that of the file.
pub(super) fn stem(source: &GridSource) -> String {
    let stem = source.path().and_then(Path::file_stem);
    let stem = stem.map_or_else(|| "grid".into(), |stem| stem.to_string_lossy());
    let safe = axis::safe_name(&stem);
    // ASCII by now, so that any cut is between characters.
    safe[..safe.len().min(LONGEST_NAME)].to_owned()
}

/// What a seed may be.
pub(super) const SEED: &str = "a whole number from 0 to 2^63 less the repeats";

/// What `repeat` may be.
const REPEAT: &str = "a whole number of runs from 1 to 10000, or \"auto\"";

/// How often each cell is visited.
pub(super) fn repeat(node: &Node) -> Read<Repeats> {
    match &node.value {
        Value::Text(word) if word == "auto" => Ok(Repeats::AUTO),
        Value::Integer(_) => Ok(Repeats::Fixed(read::count("repeat", node, 1..=MOST_REPEATS)?)),
        _ => Err(read::wrong("repeat", REPEAT, node)),
    }
}

/// What `max_repeats` and whole runs make of `repeat`: these are not ended by what is known.
pub(super) fn settle_repeats(settings: &mut Settings, full: bool, problems: &mut Problems) {
    let full = full || !settings.stop.enabled;
    match (&mut settings.repeats, settings.max_repeats) {
        (Repeats::Auto { .. }, _) if full => settings.repeats = Repeats::Fixed(1),
        (Repeats::Auto { most }, Some((asked, _))) => *most = asked,
        (Repeats::Fixed(times), Some((_, place))) if !full => problems.warn(
            place,
            format!("`max_repeats` has no effect: it is for repeat = \"auto\", not {times}"),
        ),
        _ => {}
    }
}

/// Puts `--repeat` and `--seed` into the place of what the file says, and checks both together.
pub(super) fn put_arguments(
    settings: &mut Settings,
    repeat: Option<Repeats>,
    seed: Option<u64>,
    problems: &mut Problems,
) {
    if let Some(asked) = repeat {
        if let Repeats::Fixed(value) = asked
            && !(1..=MOST_REPEATS).contains(&value)
        {
            let text = problems.add_argument(format!("--repeat {value}"));
            let message = format!("--repeat must be from 1 to {MOST_REPEATS}");
            problems.error(Place::whole(text), message);
        }
        settings.repeats = asked;
    }
    let mut key = "`seed`";
    if let Some(value) = seed {
        let text = problems.add_argument(format!("--seed {value}"));
        (settings.seed, key) = ((value, Place::whole(text)), "--seed");
    }
    // The last repeat's seed must be a number that every random generator takes: below 2^63.
    let (seed, place) = settings.seed;
    let last = seed.checked_add(u64::from(settings.repeats.most()));
    if last.is_none_or(|last| i64::try_from(last).is_err()) {
        let got = if key == "--seed" { String::new() } else { format!(", not {seed}") };
        problems.error(place, format!("{key} must be {SEED}{got}"));
    }
}
