//! The layers of a grid file: what it extends, and the profile that is asked for.
//!
//! An upper layer is put on a lower one key by key: a table into a table, the tables of `[[exclude]]`, `[[include]]`, `[[override]]`
//! and `[[when]]` after those below, anything else in the place of what was there. What `--set` says comes on top of all
//! ([`super::set`]). Invariant: keys and values keep their places, so that a mistake is shown in the file that has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::header;
use super::schema::{self, Holds};
use super::world::{Bases, GridSource, GridText};
use crate::document::ConfigError;
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::{self, Entry, Node, Table, Value};

const EXTENDS: &str = "extends";
const PROFILE: &str = "profile";
const INHERITS: &str = "inherits";

/// A grid as a whole.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Table,
    /// The text of the grid file itself.
    pub(super) text: usize,
    pub(super) bases: Bases,
    /// The profiles of it that were not asked for.
    pub(super) others: Vec<Profile>,
    /// Its texts as they were read, that of the grid file first.
    pub(super) texts: Vec<GridText>,
}

/// A profile.
#[derive(Debug)]
pub(super) struct Profile {
    /// What it says.
    pub(super) said: Table,
    /// The grid with it and all that it inherits on top.
    pub(super) whole: Table,
}

/// Reads a grid file, or a file that holds a part of one, with all that it extends and this profile of it.
pub(super) fn read(
    source: &GridSource,
    folder: &Path,
    profile: Option<&str>,
    problems: &mut Problems,
) -> Result<Document, ConfigError> {
    let text = header::read_source(source, problems);
    let text = problems.check(text)?;
    let root = tree::parse_document(text, problems);
    let root = problems.check(root)?;
    // As it was written, since messages name the files by it.
    let path = source.path().map(Path::to_owned).unwrap_or_default();
    let near = path.parent().map(Path::to_owned).unwrap_or_default();
    let kept = match source {
        GridSource::Kept(texts) => &**texts,
        GridSource::Path(_) | GridSource::Stdin(_) => &[],
    };
    let real = kept.first().map(|text| text.real.clone());
    let real = real.or_else(|| fs_err::canonicalize(&path).ok());
    let own = GridText {
        path,
        real: real.clone().unwrap_or_default(),
        body: problems.body(text).to_owned(),
    };
    let open = real.into_iter().collect();
    let mut files = Files { bases: Bases::new(folder), open, texts: vec![own], kept, problems };
    let mut root = files.extended(root, &near);
    let Files { bases, texts, .. } = files;
    let others = take_profile(&mut root, profile, problems);
    problems.check(Some(Document { root, text, bases, others, texts }))
}

/// The files of which a grid is made.
struct Files<'a> {
    bases: Bases,
    /// Those that are being extended, the grid file first.
    open: Vec<PathBuf>,
    /// Those that were read.
    texts: Vec<GridText>,
    /// Those that were kept: they are not read again.
    kept: &'a [GridText],
    problems: &'a mut Problems,
}

impl Files<'_> {
    /// `root` on top of what it extends; relative paths are relative to `folder`.
    fn extended(&mut self, mut root: Table, folder: &Path) -> Table {
        let Some(extends) = take(&mut root, EXTENDS) else {
            return root;
        };
        let mut lower = Table::default();
        for node in extends.node.items() {
            let layer = self.layer(node, folder);
            if let Some(layer) = self.problems.ok(layer) {
                put(&mut lower, layer, Depth::Top);
            }
        }
        // It names the results of that file, which these are not.
        take(&mut lower, "name");
        put(&mut lower, root, Depth::Top);
        lower
    }

    fn layer(&mut self, node: &Node, folder: &Path) -> Result<Table, Problem> {
        let wrong = |why: String| Problem::new(node.place, why);
        let Value::Text(name) = &node.value else {
            let found = node.value.shown();
            return Err(wrong(format!(
                "`{EXTENDS}` must be a file or a list of files, not {found}"
            )));
        };
        let path = folder.join(name);
        let kept = self.kept.iter().find(|text| text.path == path);
        let cannot = |error| wrong(format!("cannot read what is extended: {error}"));
        let (source, real) = if let Some(text) = kept {
            (GridSource::Kept([text.clone()].into()), text.real.clone())
        } else {
            fs_err::File::open(&path).map_err(cannot)?;
            (GridSource::Path(path.clone()), fs_err::canonicalize(&path).map_err(cannot)?)
        };
        if self.open.contains(&real) {
            let chain = self.open.iter().chain([&real]).map(|file| file_name(file));
            let chain = chain.collect::<Vec<_>>().join(" extends ");
            return Err(wrong(format!("a file cannot extend itself: {chain}")));
        }
        let inner = path.parent().unwrap_or(folder).to_owned();
        let text = header::read_source(&source, self.problems).filter(|_| !self.problems.any());
        let root = text.and_then(|text| tree::parse_document(text, self.problems));
        let (Some(text), Some(root)) = (text, root) else {
            return Err(wrong(format!("`{}` cannot be extended", shown(name))));
        };
        self.bases.add(text, real.parent().unwrap_or(&inner).to_owned());
        let body = self.problems.body(text).to_owned();
        self.texts.push(GridText { path, real: real.clone(), body });
        self.open.push(real);
        let whole = self.extended(root, &inner);
        self.open.pop();
        Ok(whole)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn take(table: &mut Table, key: &str) -> Option<Entry> {
    let at = table.entries.iter().position(|entry| entry.key == key)?;
    Some(table.entries.remove(at))
}

/// Puts the profile that is asked for, on top of those that it inherits, over the rest of the file; the others are returned.
fn take_profile(root: &mut Table, asked: Option<&str>, problems: &mut Problems) -> Vec<Profile> {
    let entry = take(root, PROFILE);
    let mut profiles: BTreeMap<&str, &Entry> = BTreeMap::new();
    match entry.as_ref().map(|entry| (entry, entry.node.table())) {
        Some((_, Some(table))) => {
            for profile in &table.entries {
                check(profile, problems);
                profiles.insert(&profile.key, profile);
            }
        }
        Some((entry, None)) => problems.error_with(
            entry.node.place,
            format!("`{PROFILE}` must be a table of profiles"),
            "write the settings of one below [profile.NAME]",
        ),
        None => {}
    }
    let mut others = Vec::new();
    for (name, profile) in profiles.iter().filter(|(name, _)| Some(**name) != asked) {
        let found = line(name, profile.key_place, &profiles);
        if let Some(line) = problems.ok(found) {
            let mut whole = root.clone();
            put_line(&mut whole, line);
            others.push(Profile { said: settings(profile), whole });
        }
    }
    if let Some(asked) = asked {
        let place = Place::whole(problems.add_argument(format!("--profile {asked}")));
        let found = line(asked, place, &profiles);
        put_line(root, problems.ok(found).unwrap_or_default());
    }
    others
}

/// Puts profiles on top, the first of them last.
fn put_line(root: &mut Table, line: Vec<&Entry>) {
    for profile in line.into_iter().rev() {
        put(root, settings(profile), Depth::Top);
    }
}

/// What a profile says besides what it inherits.
fn settings(profile: &Entry) -> Table {
    let mut settings = profile.node.table().cloned().unwrap_or_default();
    take(&mut settings, INHERITS);
    settings
}

/// Reports what a profile cannot hold, whether it is asked for or not.
fn check(profile: &Entry, problems: &mut Problems) {
    match profile.node.table() {
        Some(_) => schema::check_top(&settings(profile), problems),
        None => problems.error(
            profile.node.place,
            format!("the profile `{}` must be a table", shown(&profile.key)),
        ),
    }
}

/// A profile, the one that it inherits, and so on.
fn line<'a>(
    asked: &str,
    place: Place,
    profiles: &BTreeMap<&str, &'a Entry>,
) -> Result<Vec<&'a Entry>, Problem> {
    let mut line: Vec<&Entry> = Vec::new();
    let (mut name, mut place) = (asked.to_owned(), place);
    loop {
        let Some(profile) = profiles.get(&*name) else {
            return Err(missing(&name, place, profiles));
        };
        if line.iter().any(|before| before.key == name) {
            let what = format!("the profile `{}` inherits itself", shown(&name));
            return Err(Problem::new(place, what));
        }
        line.push(profile);
        let Some(inherits) = profile.node.table().and_then(|table| table.get(INHERITS)) else {
            return Ok(line);
        };
        place = inherits.node.place;
        match &inherits.node.value {
            Value::Text(next) => name.clone_from(next),
            other => {
                let what =
                    format!("`{INHERITS}` must be the name of a profile, not {}", other.shown());
                return Err(Problem::new(place, what));
            }
        }
    }
}

/// That there is no profile of this name.
fn missing(name: &str, place: Place, profiles: &BTreeMap<&str, &Entry>) -> Problem {
    let names: Vec<&str> = profiles.keys().copied().collect();
    let name = shown(name);
    let hint = match &*names {
        [] => format!("write its settings below [{PROFILE}.{name}]"),
        names => suggest::hint(&name, names, "the profiles are"),
    };
    Problem::new(place, format!("there is no profile `{name}`")).hint(hint)
}

/// How deep tables are put into tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// At the top of the file.
    Top,
    /// In one of its tables.
    Inner,
    /// A value: a range of an axis is one.
    Value,
}

/// Puts an upper layer on a lower one.
fn put(lower: &mut Table, upper: Table, depth: Depth) {
    for entry in upper.entries {
        let Some(before) = lower.get_mut(&entry.key) else {
            lower.entries.push(entry);
            continue;
        };
        let is_axes = depth == Depth::Top && schema::holds(&entry.key) == Some(Holds::Axes);
        let inner = if is_axes { Depth::Value } else { Depth::Inner };
        match (&mut before.node.value, entry.node.value) {
            (Value::Table(before), Value::Table(over)) if depth != Depth::Value => {
                put(before, over, inner);
            }
            (Value::List(before), Value::List(over))
                if depth == Depth::Top && over.iter().all(|item| item.table().is_some()) =>
            {
                before.extend(over);
            }
            (_, value) => {
                before.key_place = entry.key_place;
                before.node = Node { value, place: entry.node.place };
            }
        }
    }
}

/// Where each value was said: `train.epochs` in `base.toml:12`, or in an argument. What is not among them has its default.
pub(super) fn sources(root: &Table, problems: &Problems) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in &root.entries {
        collect(&entry.key, entry, problems, &mut found);
    }
    found
}

fn collect(path: &str, entry: &Entry, problems: &Problems, found: &mut Vec<(String, String)>) {
    match &entry.node.value {
        Value::Table(table) => {
            for inner in &table.entries {
                collect(&format!("{path}.{}", inner.key), inner, problems, found);
            }
        }
        Value::List(items) if items.iter().all(|item| item.table().is_some()) => {
            for (at, item) in items.iter().enumerate() {
                found.push((format!("{path}[{at}]"), problems.says(item.place)));
            }
        }
        _ => found.push((path.to_owned(), problems.says(entry.node.place))),
    }
}
