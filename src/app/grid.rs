//! From a grid file, or a command, to the checked plan of its runs.
//!
//! What a plan says is decided by `config`; here it is given what it has to know of the machine, the data sets and the
//! standard input. Invariant: nothing is written and no run is started.

use std::io::Read;
use std::path::Path;

use super::datasets::Catalogue;
use super::{Fault, programs};
use crate::config::plan::Plan;
use crate::config::{self, CommandRequest, GridSource, MachineFacts, Request};
use crate::sampler;

/// A grid file, and what is changed of it.
#[derive(Debug, Clone, Copy)]
pub struct GridFile<'a> {
    /// Its path; `-`: the standard input.
    pub path: &'a Path,
    /// `KEY=VALUE` each.
    pub set: &'a [String],
    /// `AXIS=VALUE` each: only these cells.
    pub only: &'a [String],
    /// The base seed, instead of the grid's.
    pub seed: Option<u64>,
    /// Runs of each cell, instead of the grid's.
    pub repeat: Option<u32>,
    /// No run is stopped early.
    pub full: bool,
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
        let folder = grid.path.parent().map_or(here.clone(), |folder| here.join(folder));
        (GridSource::Path(grid.path.to_owned()), folder)
    };
    let catalogue = Catalogue::near(&base_dir);
    let request = Request {
        source,
        set: grid.set,
        only: grid.only,
        seed: grid.seed,
        repeat: grid.repeat,
        full: grid.full,
        machine: machine_facts(),
        catalogue: &catalogue,
        base_dir,
    };
    Ok(config::load(&request)?)
}

/// The checked plan of a command, whose program can be started.
pub fn command(request: &CommandRequest<'_>) -> Result<Plan, Fault> {
    if let Some(program) = request.words.first() {
        programs::find(program)?;
    }
    Ok(config::command(request)?)
}
