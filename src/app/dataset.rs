//! `perftune dataset`: describing data that somebody has, and checking what was described.
//!
//! What data are found in files is left to `dataset`. Invariant: a `dataset.toml` is written when every sample of both parts has
//! been read by what it says, or not at all, and never over another one without being asked to.

use std::path::{Path, PathBuf};

use super::datasets::verified;
use super::{Fault, error_text};
use crate::dataset::{DataSet, MANIFEST, Offer, Roots, find};
use crate::store::atomic;

/// What is to be described, and how.
#[derive(Debug, Clone, Copy)]
pub struct AddRequest<'a> {
    /// A file or a folder with the data.
    pub path: &'a Path,
    /// The folder that gets the `dataset.toml`.
    pub out: Option<&'a Path>,
    /// What it is called.
    pub name: Option<&'a str>,
    /// The column of the label.
    pub label: Option<&'a str>,
    /// Over one that is there.
    pub force: bool,
    /// Nothing is written.
    pub dry_run: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Added {
    /// The `dataset.toml`.
    pub text: String,
    /// Where it is, or would be.
    pub file: PathBuf,
    /// What was guessed, in words.
    pub guessed: Vec<String>,
    /// What a grid calls it.
    pub called: String,
    /// What is in it.
    pub about: String,
}

/// Describes data. Everything is read before anything is written.
pub fn add(request: &AddRequest<'_>) -> Result<Added, Fault> {
    let path = request.path.canonicalize().map_err(|error| {
        Fault::new(format!("{}: {error}", request.path.display()))
            .hint("name a file or a folder of data")
    })?;
    let name = name(request, &path)?;
    let out = request.out.map_or_else(|| Path::new("datasets").join(&name), Path::to_owned);
    let file = out.join(MANIFEST);
    if file.exists() && !request.force {
        return Err(Fault::new(format!("{} is there already", file.display()))
            .hint("--force replaces it; --out or --name writes another one"));
    }
    let base = std::path::absolute(fs_err::canonicalize(&out).unwrap_or(out.clone()))?;
    let said = |error| Fault::new(error_text(&error));
    let offer = Offer::of(&path).map_err(said)?;
    let text = offer.text(&name, request.label);
    // As if it lay there: places in it are shown by the name of the file that would be written.
    let unwritten = |error| {
        said(error)
            .hint(format!("nothing was written: {} is the file that would be", file.display()))
    };
    let found = DataSet::described(&text, &file).map_err(unwritten)?;
    found.check().map_err(said)?;
    let text = offer.described(&found, &base).map_err(said)?;
    DataSet::described(&text, &base.join(MANIFEST)).map_err(said)?;
    if !request.dry_run {
        fs_err::create_dir_all(&out)?;
        atomic::write(&file, text.as_bytes())?;
    }
    let called = if out == Path::new("datasets").join(&name) {
        name
    } else if out.is_absolute() || out.starts_with(".") || out.starts_with("..") {
        out.display().to_string()
    } else {
        format!("./{}", out.display())
    };
    let about = about(&found);
    Ok(Added { text, file, guessed: found.manifest().guessed.clone(), called, about })
}

/// The given name, or that of the data without what no name has.
fn name(request: &AddRequest<'_>, path: &Path) -> Result<String, Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(name) = request.name {
        if name.is_empty() || !name.chars().all(plain) || name.starts_with('.') {
            return Err(Fault::new(format!("{name:?} is no name of a data set"))
                .hint("letters, digits, `-`, `_` and `.` make one"));
        }
        return Ok(name.to_owned());
    }
    let last = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = last.split('.').find(|part| !part.is_empty()).unwrap_or("data");
    let stem = if path.is_dir() { &last } else { stem };
    Ok(stem.chars().map(|c| if plain(c) { c } else { '-' }).collect())
}

/// A data set in one line.
fn about(data: &DataSet) -> String {
    let manifest = data.manifest();
    let [channels, height, width] = manifest.shape;
    let shape = match manifest.shape {
        [1, 1, 1] => "1 feature".to_owned(),
        [1, 1, features] => format!("{features} features"),
        _ => format!("{channels} x {height} x {width}"),
    };
    format!(
        "{} samples to train on and {} to test on, each of {shape}, in {} classes",
        manifest.train_rows, manifest.test_rows, manifest.classes
    )
}

/// Reads all of a data set, by name or by the path of its folder, and compares its checksums; says what it is.
pub fn check(name: &str) -> Result<String, Fault> {
    let base = std::env::current_dir()?;
    let data =
        find(name, &base, &Roots::near(&base)).map_err(|error| Fault::new(error_text(&error)))?;
    verified(data.folder())?;
    let entries = data.manifest().files.entries();
    let summed = entries.iter().filter(|entry| entry.has_checksum()).count();
    let files = match (entries.len(), summed) {
        (all, summed) if all == summed => "every checksum is right".to_owned(),
        (_, 0) => "no checksum is given".to_owned(),
        (all, summed) => format!("{summed} of {all} files have a checksum, which is right"),
    };
    Ok(format!("{}: {}; {files}", data.manifest().name, about(&data)))
}
