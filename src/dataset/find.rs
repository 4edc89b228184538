//! Where data sets are looked for.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::set::{DataSet, MANIFEST};

/// The folders that hold data sets, the most particular first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roots(Vec<PathBuf>);

impl Roots {
    /// `PERFTUNE_DATASETS` (several, separated by `:`), then `datasets/` in `base` and the folders above it, then
    /// beside the program: `../share/perftune/datasets` of an installed one, `datasets/` of the checkout it was built in.
    pub fn near(base: &Path) -> Self {
        let listed = std::env::var_os("PERFTUNE_DATASETS");
        let program = std::env::current_exe().ok();
        Self::from_parts(listed.as_deref(), base, program.as_deref())
    }

    /// The same from its three sources; what is not a folder is left out.
    pub fn from_parts(listed: Option<&OsStr>, base: &Path, program: Option<&Path>) -> Self {
        let mut roots: Vec<PathBuf> =
            listed.map(std::env::split_paths).into_iter().flatten().collect();
        roots.extend(base.ancestors().map(|folder| folder.join("datasets")));
        if let Some(bin) = program.and_then(Path::parent) {
            roots.push(bin.join("../share/perftune/datasets"));
            roots.extend(bin.ancestors().map(|folder| folder.join("datasets")));
        }
        let mut known: Vec<PathBuf> = Vec::new();
        for root in roots {
            // An empty item of a list means nothing, and the same folder may be reached by several ways.
            if let Ok(root) = fs_err::canonicalize(root)
                && root.is_dir()
                && !known.contains(&root)
            {
                known.push(root);
            }
        }
        Self(known)
    }

    /// The folders, in the order of the search.
    pub fn folders(&self) -> &[PathBuf] {
        &self.0
    }
}

/// The data set of this name, or in this folder if `name` is a path (has a separator in it, or is `.` or `..`).
/// Relative paths are taken from `base`.
pub fn find(name: &str, base: &Path, roots: &Roots) -> Result<DataSet, DataError> {
    if name.contains(std::path::is_separator) || matches!(name, "." | "..") {
        let path = base.join(name);
        return match (path.join(MANIFEST).is_file(), path.is_dir()) {
            (true, _) => DataSet::open(&path),
            (false, true) => Err(DataError::NoManifest { path }),
            (false, false) => Err(DataError::NoFolder { path }),
        };
    }
    let found = roots
        .0
        .iter()
        .map(|root| root.join(name))
        .find(|folder| !name.is_empty() && folder.join(MANIFEST).is_file());
    match found {
        Some(folder) => DataSet::open(&folder),
        None => Err(unknown(name, roots)),
    }
}

/// A data set of the roots.
#[derive(Debug)]
pub struct Listed {
    /// That of its folder, by which a grid calls it.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
    /// Itself, or why it cannot be used.
    pub data: Result<DataSet, DataError>,
}

/// Every data set of the roots by its name, the first of a name winning.
pub fn list(roots: &Roots) -> Vec<Listed> {
    folders(roots)
        .into_iter()
        .map(|(name, folder)| Listed { data: DataSet::open(&folder), name, folder })
        .collect()
}

/// The names alone: nothing is opened.
pub fn names(roots: &Roots) -> Vec<String> {
    folders(roots).into_keys().collect()
}

/// The folders with a manifest by their names.
fn folders(roots: &Roots) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for root in &roots.0 {
        // A root that cannot be read has no data sets; the message about an unknown name lists it.
        let entries = fs_err::read_dir(root).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.path().join(MANIFEST).is_file()) {
            if let Ok(name) = entry.file_name().into_string() {
                found.entry(name).or_insert_with(|| entry.path());
            }
        }
    }
    found
}

fn unknown(name: &str, roots: &Roots) -> DataError {
    let known = names(roots);
    let near = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(candidate, name), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match near {
        Some((_, near)) => format!(", did you mean `{near}`?"),
        None if known.is_empty() => " (there are none)".to_owned(),
        None => format!(" (known: {})", known.join(", ")),
    };
    let looked = match roots.0.as_slice() {
        [] => "no folder, since there is no `datasets/` near".to_owned(),
        folders => {
            let folders: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
            folders.join(", ")
        }
    };
    DataError::Unknown { name: name.to_owned(), hint, looked }
}
