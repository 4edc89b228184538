//! The results folder: its name, whether it can be written, and the reports in it.

use std::path::{Path, PathBuf};

use super::diagnostic::Fault;
use super::output::free_space;

/// The least free space that a grid is started with, in bytes: the records of a handful of runs.
const LEAST_FREE: u64 = 16 << 20;

/// `--out`, or `results/<name>` in the working directory.
pub fn results(out: Option<&Path>, name: &str) -> PathBuf {
    out.map_or_else(|| Path::new("results").join(name), Path::to_path_buf)
}

/// Says before the first run what would be lost after it.
pub fn check(folder: &Path) -> Result<(), Fault> {
    let fault = |why: String| {
        Fault::new(format!(
            "cannot write the results to {}: {why}",
            folder.display()
        ))
        .hint("choose another folder with --out")
    };
    match free_space(folder) {
        Err(why) => Err(fault(why)),
        Ok(free) if free < LEAST_FREE => Err(fault(format!(
            "its file system has only {} left",
            crate::units::bytes(free as f64)
        ))),
        Ok(_) => Ok(()),
    }
}

/// Replaces files of the folder, each in one step: a reader sees the old one or the new one.
pub fn replace_all(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<(), Fault> {
    fs_err::create_dir_all(folder)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        let mut part = path.clone().into_os_string();
        part.push(".part");
        fs_err::write(&part, bytes)?;
        fs_err::rename(&part, &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_by_the_grid_or_by_the_user() {
        assert_eq!(results(None, "nine"), Path::new("results/nine"));
        assert_eq!(
            results(Some(Path::new("/tmp/x")), "nine"),
            Path::new("/tmp/x")
        );
    }

    #[test]
    fn files_are_replaced_and_nothing_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        for text in ["one", "two"] {
            replace_all(&folder, &[("report.csv".into(), text.into())]).unwrap();
        }
        assert_eq!(
            fs_err::read_to_string(folder.join("report.csv")).unwrap(),
            "two"
        );
        assert_eq!(fs_err::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named_with_a_hint() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let fault = check(&file.path().join("results")).unwrap_err();
        assert!(
            fault.error.to_string().contains("is not a folder"),
            "{:?}",
            fault.error
        );
        assert!(fault.hints[0].contains("--out"));
    }
}
