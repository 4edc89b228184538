//! Where data sets are looked for.

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
        return if path.join(MANIFEST).is_file() {
            DataSet::open(&path)
        } else {
            Err(DataError::NoManifest { path })
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

/// Every data set of the roots by the name of its folder, the first of a name winning; one that cannot be read is
/// an error in its place.
pub fn list(roots: &Roots) -> Vec<(String, Result<DataSet, DataError>)> {
    let mut found: Vec<(String, Result<DataSet, DataError>)> = Vec::new();
    for root in &roots.0 {
        for name in names(root) {
            if !found.iter().any(|(known, _)| *known == name) {
                let data = DataSet::open(&root.join(&name));
                found.push((name, data));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn names(root: &Path) -> Vec<String> {
    // A root that cannot be read has no data sets; the message about an unknown name lists it.
    let entries = fs_err::read_dir(root).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().join(MANIFEST).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn unknown(name: &str, roots: &Roots) -> DataError {
    let mut known: Vec<String> = roots.0.iter().flat_map(|root| names(root)).collect();
    known.sort();
    known.dedup();
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
