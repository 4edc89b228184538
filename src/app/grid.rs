//! From a grid file, or a command, to the checked plan of its runs.
//!
//! What a plan says is decided by `config`; here it is given what it has to know of the machine, the data sets and the
//! standard input. Invariant: nothing is written and no run is started.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Fault;
use super::datasets::Catalogue;
use super::lanes::{self, Lanes};
use crate::config::plan::Plan;
use crate::config::{self, CommandRequest, GridSource, GridText, MachineFacts, Request, SetBy};
use crate::sampler;
use crate::schedule::Repeats;
use crate::units::Span;

/// The most cells that are made where nobody allows more.
pub const MOST_CELLS: u64 = 100_000;

/// A grid file, and what is changed of it.
#[derive(Debug, Clone, Copy)]
pub struct GridFile<'a> {
    /// Its path; `-`: the standard input.
    pub path: &'a Path,
    /// `KEY=VALUE` each.
    pub set: &'a [String],
    /// What another option changes as well.
    pub set_by: Option<SetBy<'a>>,
    /// The profile that is put over the rest of the file.
    pub profile: Option<&'a str>,
    /// `AXIS=VALUE` each: only these cells.
    pub only: &'a [String],
    /// The base seed, instead of the grid's.
    pub seed: Option<u64>,
    /// Runs of each cell, instead of the grid's.
    pub repeat: Option<Repeats>,
    /// Time for the whole grid, instead of the grid's.
    pub budget: Option<Span>,
    /// Cells that run side by side, instead of the grid's lanes.
    pub jobs: Option<Lanes>,
    /// No run is stopped early.
    pub full: bool,
    /// The most cells.
    pub max_cells: u64,
    /// See [`Request::keeps_names`].
    pub keeps_names: bool,
}

/// What the configuration has to know of this machine.
pub fn machine_facts() -> MachineFacts {
    MachineFacts {
        usable_cores: sampler::usable_threads() as usize,
        limits: sampler::limit_means(),
    }
}

/// The checked plan of a grid file.
pub fn load(grid: &GridFile<'_>) -> Result<Plan, Fault> {
    let here = std::env::current_dir()?;
    let (source, base_dir) = if grid.path.as_os_str() == "-" {
        let mut text = Vec::new();
        std::io::stdin().lock().read_to_end(&mut text)?;
        (GridSource::Stdin(text), here)
    } else {
        let program = std::env::current_exe().ok();
        if let Some(own) = shipped(grid.path, program.as_deref()) {
            let text = format!("there is no {} here", grid.path.display());
            let hint = format!("the one that came with perftune is {}", own.display());
            return Err(Fault::new(text).hint(hint));
        }
        let folder = grid.path.parent().map_or(here.clone(), |folder| here.join(folder));
        (GridSource::Path(grid.path.to_owned()), folder)
    };
    planned(grid, source, base_dir)
}

/// The checked plan of a grid whose texts were kept, in the working directory that it was read in.
pub(super) fn load_kept(grid: &GridFile<'_>, texts: &[GridText]) -> Result<Plan, Fault> {
    let here = std::env::current_dir()?;
    let folder = grid.path.parent().map_or(here.clone(), |folder| here.join(folder));
    planned(grid, GridSource::Kept(texts.into()), folder)
}

/// The checked plan of a grid that perftune itself writes.
pub(super) fn of_text(text: &str) -> Result<Plan, Fault> {
    let grid = GridFile {
        path: Path::new("-"),
        set: &[],
        set_by: None,
        profile: None,
        only: &[],
        seed: None,
        repeat: None,
        budget: None,
        jobs: Some(Lanes::ONE),
        full: false,
        max_cells: MOST_CELLS,
        keeps_names: false,
    };
    planned(&grid, GridSource::Stdin(text.into()), std::env::current_dir()?)
}

fn planned(grid: &GridFile<'_>, source: GridSource, base_dir: PathBuf) -> Result<Plan, Fault> {
    let catalogue = Catalogue::near(&base_dir);
    let request = Request {
        source,
        set: grid.set,
        set_by: grid.set_by,
        profile: grid.profile,
        only: grid.only,
        seed: grid.seed,
        repeat: grid.repeat,
        budget: grid.budget,
        jobs: grid.jobs,
        lanes: lanes::of_machine,
        full: grid.full,
        keeps_names: grid.keeps_names,
        max_cells: grid.max_cells,
        machine: machine_facts(),
        catalogue: &catalogue,
        base_dir,
    };
    Ok(Plan { asked: asked(grid), ..config::load(&request)? })
}

/// What the command line makes of a grid, but for which of its cells are run, how often and for how long.
fn asked(grid: &GridFile<'_>) -> Vec<String> {
    let set = grid.set.iter().chain(grid.set_by.into_iter().flat_map(|by| by.set));
    let set = set.flat_map(|argument| ["--set".to_owned(), argument.clone()]);
    let profile = grid.profile.map(|name| ["--profile".to_owned(), name.to_owned()]);
    let seed = grid.seed.map(|seed| ["--seed".to_owned(), seed.to_string()]);
    let cells = (grid.max_cells != MOST_CELLS)
        .then(|| ["--max-cells".to_owned(), grid.max_cells.to_string()]);
    let full = grid.full.then(|| "--full".to_owned());
    let pairs = [profile, seed, cells].into_iter().flatten().flatten();
    set.chain(pairs).chain(full).collect()
}

/// The grid of this name that came with an installed program, where the path itself leads nowhere.
fn shipped(path: &Path, program: Option<&Path>) -> Option<PathBuf> {
    let configs = program?.parent()?.join("../share/perftune/configs");
    let own = fs_err::canonicalize(configs).ok()?.join(path.file_name()?);
    (!path.exists() && own.is_file()).then_some(own)
}

/// The checked plan of commands.
pub fn commands(request: &CommandRequest<'_>) -> Result<Plan, Fault> {
    Ok(config::command(request)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_that_came_with_the_program_is_named_where_there_is_none() {
        let prefix = tempfile::tempdir().unwrap();
        let configs = prefix.path().join("share/perftune/configs");
        fs_err::create_dir_all(&configs).unwrap();
        fs_err::create_dir(prefix.path().join("bin")).unwrap();
        let program = prefix.path().join("bin/perftune");
        for name in ["grid.toml", "Cargo.toml"] {
            fs_err::write(configs.join(name), "").unwrap();
        }
        let own = |path: &str| shipped(Path::new(path), Some(&program));
        let expected = fs_err::canonicalize(&configs).unwrap().join("grid.toml");
        assert_eq!(own("no-such-folder/grid.toml"), Some(expected));
        assert_eq!(own("no-such-folder/other.toml"), None);
        // What is there is read, whatever came with the program.
        assert_eq!(own("Cargo.toml"), None);
        assert_eq!(shipped(Path::new("grid.toml"), None), None);
    }
}
