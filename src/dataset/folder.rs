//! A folder of images: a folder for each class, named by it, with PNG and JPEG files.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::DataError;
use super::file;

const ENDINGS: &[&str] = &["png", "jpg", "jpeg"];

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// The name of its folder.
    pub(super) class: String,
    pub(super) path: PathBuf,
}

/// Whether a name is that of an image.
pub(super) fn is_image(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
}

/// What is in a folder, by name, without what is hidden.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let all: io::Result<Vec<PathBuf>> =
        fs_err::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let hidden = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    let mut all = all?;
    all.retain(|path| !hidden(path));
    all.sort();
    Ok(all)
}

/// All images, class by class, each class by the names of its files.
pub(super) fn pictures(folder: &Path) -> Result<Vec<Picture>, DataError> {
    let damaged = |path: &Path, why: String| DataError::Damaged {
        path: path.to_owned(),
        place: "in a folder of images".to_owned(),
        why,
    };
    let mut found = Vec::new();
    for class in entries(folder)? {
        if !class.is_dir() {
            if is_image(&class) {
                let why =
                    "lies in no folder of a class: put it into one that is named by its class";
                return Err(damaged(&class, why.to_owned()));
            }
            // A licence, a list of names.
            continue;
        }
        let name = class.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let name = name.ok_or_else(|| damaged(&class, "its name is no Unicode".to_owned()))?;
        let before = found.len();
        for path in entries(&class)? {
            if path.is_dir() {
                let why = "is a folder within that of a class; where these are parts, write \
                           files = { train = \"train/\", test = \"test/\" }";
                return Err(damaged(&path, why.to_owned()));
            }
            if !is_image(&path) {
                let why =
                    "is no PNG or JPEG: convert it, or take it out of the folder of the class";
                return Err(damaged(&path, why.to_owned()));
            }
            found.push(Picture { class: name.clone(), path });
        }
        if found.len() == before {
            return Err(damaged(&class, "holds no image: take the folder out".to_owned()));
        }
    }
    if found.is_empty() {
        let why = "holds no folder of a class with PNG or JPEG files in it".to_owned();
        return Err(damaged(folder, why));
    }
    Ok(found)
}

/// What identifies all images: the SHA-256 of what `sha256sum` prints of them, by name.
pub(super) fn sha256(folder: &Path) -> Result<String, DataError> {
    let mut hash = Sha256::new();
    for picture in pictures(folder)? {
        let name = picture.path.strip_prefix(folder).unwrap_or(&picture.path);
        hash.update(format!("{}  {}\n", file::sha256(&picture.path)?, name.display()));
    }
    Ok(file::hex(&hash.finalize()))
}
