//! What a file or a folder that somebody points at seems to be: which of its files a `dataset.toml` would name, and as what.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::file;
use super::folder::{entries, is_image};
use super::format::Format;
use crate::document::suggest;

/// What `files` of a `dataset.toml` would be: its keys, each with the path of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub(super) files: Vec<(&'static str, PathBuf)>,
}

/// Names of files that belong together, whole or packed, and what they are called in `files`.
const SETS: &[&[(&str, &[&str])]] = &[
    &[("x", &["x.npy", "X.npy"]), ("y", &["y.npy", "Y.npy"])],
    &[
        ("x_train", &["x_train.npy", "X_train.npy"]),
        ("y_train", &["y_train.npy", "Y_train.npy"]),
        ("x_test", &["x_test.npy", "X_test.npy"]),
        ("y_test", &["y_test.npy", "Y_test.npy"]),
    ],
    &[
        ("train_images", &["train-images-idx3-ubyte", "train-images.idx3-ubyte"]),
        ("train_labels", &["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"]),
        ("test_images", &["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"]),
        ("test_labels", &["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"]),
    ],
];

impl Offer {
    /// Looks at names, and at the first bytes of a file.
    pub fn of(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Self::of_folder(path);
        }
        let wrong = |why: &str| DataError::Unclear { path: path.to_owned(), why: why.to_owned() };
        let mut begin = Vec::new();
        file::open(path)?.take(4).read_to_end(&mut begin)?;
        match (Format::of_name(path), &begin[..]) {
            (Some(Format::Npy), _) => Err(wrong(
                "is one array: call the samples x.npy and their labels y.npy, and name their folder",
            )),
            (None, [0, 0, 8, 1 | 3 | 4]) => {
                Err(wrong("is one file of IDX, of four that belong together: name their folder"))
            }
            (None, _) if is_image(path) => Err(wrong(
                "is one image: name the folder that has a folder of images for each class",
            )),
            _ => Ok(Self { files: vec![("all", path.to_owned())] }),
        }
    }

    fn of_folder(folder: &Path) -> Result<Self, DataError> {
        let all = entries(folder)?;
        let wrong = |why: String| DataError::Unclear { path: folder.to_owned(), why };
        for set in SETS {
            let found: Option<Vec<_>> =
                set.iter().map(|(key, names)| Some((*key, one_of(&all, names)?))).collect();
            if let Some(files) = found {
                return Ok(Self { files });
            }
        }
        let folders: Vec<&PathBuf> = all.iter().filter(|path| path.is_dir()).collect();
        let has_images = |folder: &Path| -> Result<bool, DataError> {
            Ok(entries(folder)?.iter().any(|path| is_image(path)))
        };
        let part = |name: &str| folders.iter().find(|path| path.ends_with(name));
        if let (Some(train), Some(test)) = (part("train"), part("test"))
            && !has_images(train)?
            && !has_images(test)?
            && entries(train)?.iter().any(|path| path.is_dir())
        {
            return Ok(Self {
                files: vec![("train", (*train).clone()), ("test", (*test).clone())],
            });
        }
        let of_images = folders
            .iter()
            .try_fold(false, |any, path| Ok::<_, DataError>(any || has_images(path)?));
        if of_images? {
            return Ok(Self { files: vec![("all", folder.to_owned())] });
        }
        let data: Vec<&PathBuf> = all
            .iter()
            .filter(|path| path.is_file() && Format::of_name(path).is_some_and(is_whole))
            .collect();
        let of_part = |part: &str| {
            let mut of = data.iter().filter(|path| {
                path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains(part))
            });
            of.next().filter(|_| of.next().is_none())
        };
        match (&data[..], of_part("train"), of_part("test")) {
            ([only], _, _) => Ok(Self { files: vec![("all", (*only).clone())] }),
            ([_, _], Some(train), Some(test)) if train != test => {
                Ok(Self { files: vec![("train", (*train).clone()), ("test", (*test).clone())] })
            }
            ([], _, _) => {
                let known = "files of CSV, NPY, NPZ, safetensors, Parquet or IDX, or a folder of images for each class";
                Err(wrong(format!("holds no data that are known: {known}")))
            }
            (several, _, _) => {
                let names: Vec<String> = several
                    .iter()
                    .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
                    .collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let names = suggest::listed(&names);
                Err(wrong(format!("holds {names}: name the one that is meant")))
            }
        }
    }
}

/// Whether one file of the format may be all there is.
fn is_whole(format: Format) -> bool {
    !matches!(format, Format::Npy | Format::Idx | Format::Images)
}

/// The path that has one of these names, packed or not.
fn one_of(all: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    let is = |path: &&PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        names.contains(&name.strip_suffix(".gz").unwrap_or(&name))
    };
    all.iter().find(is).cloned()
}
