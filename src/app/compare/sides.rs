//! The two sides of a comparison: which grid, which worker, which cells.
//!
//! How each side is run is left to its plan. Invariant: what both sides run are the same cells, looked at by the same
//! sampler; what else makes them unlike is refused or said.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::app::Fault;
use crate::app::distinct::distinct;
use crate::app::grid::{GridFile, load};
use crate::config::SetBy;
use crate::config::plan::{Plan, PlannedRun, WorkerProgram};
use crate::event::Arm;
use crate::gate::GatePolicy;
use crate::report::layout::first_of;
use crate::schedule::Repeats;

/// Cells that a message names.
const SHOWN: usize = 10;

/// One side, before it is known which of its cells the other one has.
#[derive(Debug)]
pub struct ComparedSide {
    /// The grid file.
    pub grid: PathBuf,
    /// Its plan: as many repeats as the blocks need.
    pub plan: Plan,
    /// The worker program, where it is not the one of the plan.
    pub program: Option<PathBuf>,
    /// The runs that are compared.
    pub runs: Vec<PlannedRun>,
}

impl ComparedSide {
    /// A side whose cells are not compared yet.
    pub fn new(grid: PathBuf, plan: Plan, program: Option<PathBuf>) -> Self {
        Self { grid, plan, program, runs: Vec::new() }
    }
}

/// Both sides, with the cells that both have.
#[derive(Debug)]
pub struct ComparedSides {
    /// The baseline and the candidate.
    pub both: [ComparedSide; 2],
    /// The cells that are compared, in the order of the baseline.
    pub cells: Vec<String>,
    /// What the user should know of them.
    warnings: Vec<String>,
}

/// `grid.toml with worker`, for people.
pub fn named(side: &ComparedSide) -> String {
    let grid = side.grid.display();
    match &side.program {
        Some(program) => format!("{grid} with {}", program.display()),
        None => grid.to_string(),
    }
}

/// What `--against` names.
#[derive(Debug, PartialEq, Eq)]
enum Baseline {
    Grid(PathBuf),
    Worker(PathBuf),
    Build(PathBuf),
}

impl Baseline {
    fn find(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let Ok(found) = fs_err::metadata(path) else {
            return Err(
                Fault::new(format!("--against {shown}: there is no such file or folder")).hint(
                    "it names a grid file, a worker program or the folder of a build; a commit has to be built first, \
                     for example in a `git worktree`",
                ),
            );
        };
        let own = path.to_owned();
        if found.is_dir() {
            if path.join("manifest.json").exists() {
                return Err(Fault::new(format!(
                    "--against {shown}: these are results; nothing in them can be run again"
                ))
                .hint("`perftune check` compares with results; --against names a grid file, a worker program or the folder of a build"));
            }
            return Ok(Self::Build(own));
        }
        let is_grid = path.extension().is_some_and(|end| end == "toml");
        let is_program = found.permissions().mode() & 0o111 != 0;
        let looks_like_one = || {
            let mut start = [0; 4];
            let read = fs_err::File::open(path).and_then(|mut file| file.read(&mut start));
            read.is_ok() && (start.starts_with(b"#!") || start == *b"\x7fELF")
        };
        if !is_program && !is_grid && looks_like_one() {
            return Err(Fault::new(format!(
                "--against {shown}: it is no program that can be started: it is not executable"
            ))
            .hint(format!("`chmod +x {shown}` makes it executable")));
        }
        Ok(if is_program && !is_grid { Self::Worker(own) } else { Self::Grid(own) })
    }
}

/// The program in the folder of a build that does what the worker of this plan does.
fn built(folder: &Path, plan: &Plan) -> Result<PathBuf, Fault> {
    let name = match &plan.worker.program {
        WorkerProgram::Native => Path::new("perftune-worker").as_os_str(),
        WorkerProgram::Scripted => Path::new("perftune").as_os_str(),
        WorkerProgram::Command { program, .. } => program.file_name().unwrap_or_default(),
    };
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    let (name, shown) = (name.display(), folder.display());
    Err(Fault::new(format!("--against {shown}: there is no {name} in it"))
        .hint("name the folder with the built programs, such as ../other/target/release, or another grid file, whose commands are then compared"))
}

/// What is to be compared, as the user names it.
pub struct SidesRequest<'a> {
    /// The grid of the candidate; what is changed of it is changed of the baseline's too.
    pub grid: GridFile<'a>,
    /// Another grid, another worker program, or the folder of another build.
    pub against: &'a Path,
    /// What is changed of the baseline alone, `KEY=VALUE` each.
    pub set_a: &'a [String],
    /// What is changed of the candidate alone.
    pub set_b: &'a [String],
    /// The worker program of the baseline, instead of its grid's.
    pub worker_a: Option<&'a Path>,
    /// The worker program of the candidate, instead of its grid's.
    pub worker_b: Option<&'a Path>,
    /// Blocks of each cell.
    pub blocks: u32,
}

impl SidesRequest<'_> {
    fn load(&self, path: &Path, own: SetBy<'_>) -> Result<Plan, Fault> {
        if path.as_os_str() == "-" {
            return Err(Fault::new("a comparison reads its grids more than once")
                .hint("write the grid to a file instead of the standard input"));
        }
        let repeat = Some(Repeats::Fixed(2 * self.blocks));
        load(&GridFile { path, set_by: Some(own), repeat, keeps_names: false, ..self.grid })
    }

    /// Both sides, before it is known which cells both have.
    pub fn load_both(&self) -> Result<[ComparedSide; 2], Fault> {
        let candidate = self.load(self.grid.path, SetBy { flag: "--set-b", set: self.set_b })?;
        let named = Baseline::find(self.against)?;
        let grid = match &named {
            Baseline::Grid(grid) => grid,
            Baseline::Worker(_) | Baseline::Build(_) => self.grid.path,
        };
        let own = SetBy { flag: "--set-a", set: self.set_a };
        let baseline = self.load(grid, own).map_err(|fault| match &named {
            Baseline::Grid(path) if path.extension().is_none_or(|end| end != "toml") => {
                let hint =
                    "{} is no program that can be started (it is not executable), so that it was read as a grid file";
                fault.hint(hint.replace("{}", &path.display().to_string()))
            }
            _ => fault,
        })?;
        if !candidate.lanes.is_empty() || !baseline.lanes.is_empty() {
            return Err(Fault::new(
                "--against compares runs that have the machine to themselves, and [run] lanes puts others beside them",
            )
            .hint("--set run.lanes=1 runs them one after the other"));
        }
        let grid = grid.to_owned();
        let program = match named {
            Baseline::Grid(_) => self.worker_a.map(Path::to_owned),
            _ if self.worker_a.is_some() => {
                return Err(Fault::new(
                    "--against and --worker-a both name the worker of the baseline",
                )
                .hint("with --worker-a, let --against name the grid"));
            }
            Baseline::Worker(program) => Some(program),
            Baseline::Build(folder) => Some(built(&folder, &baseline)?),
        };
        if program.is_some() && candidate.runs.iter().all(|run| run.job.work.is_command()) {
            return Err(Fault::new(
                "every model of this grid is a command, so another worker would change nothing",
            )
            .hint("let --against name another grid file"));
        }
        let program = program.map(std::path::absolute).transpose()?;
        let other = self.worker_b.map(std::path::absolute).transpose()?;
        Ok([
            ComparedSide::new(grid, baseline, program),
            ComparedSide::new(self.grid.path.to_owned(), candidate, other),
        ])
    }
}

fn cells(plan: &Plan) -> impl Iterator<Item = &str> {
    let first = plan.runs.iter().filter(|run| run.repeat == 1);
    first.map(|run| &*run.cell)
}

impl ComparedSides {
    /// The cells that both have; an error where the baseline has one that the candidate lacks.
    pub fn meet(sides: [ComparedSide; 2], policy: &GatePolicy) -> Result<Self, Fault> {
        let [baseline, candidate] = &sides;
        let known: BTreeSet<&str> = cells(&baseline.plan).collect();
        let new: BTreeSet<&str> = cells(&candidate.plan).collect();
        let lost = cells(&baseline.plan)
            .filter(|cell| !new.contains(cell) && !policy.retired.contains_key(*cell));
        let lost: Vec<&str> = lost.collect();
        if !lost.is_empty() {
            return Err(Fault::new(format!(
                "the candidate has no {}, which the baseline has: what is not measured cannot pass",
                first_of(&lost, SHOWN)
            ))
            .hint("cells that are given up are named in [gate.retired], each with the date and the reason")
            .hint("an axis with one value is not in the names of cells: one that keeps a single value keeps the other too, left out with [[exclude]] or --only"));
        }
        let common: Vec<String> =
            cells(&baseline.plan).filter(|cell| new.contains(cell)).map(str::to_owned).collect();
        if common.is_empty() {
            return Err(Fault::new("no cell is left that both sides have"));
        }
        let extra: Vec<&str> =
            cells(&candidate.plan).filter(|cell| !known.contains(cell)).collect();
        let mut warnings = Vec::new();
        if !extra.is_empty() {
            warnings.push(format!(
                "the baseline has no {}: not run and not compared",
                first_of(&extra, SHOWN)
            ));
        }
        warnings.extend(uneven(&sides)?);
        if sides.iter().any(|side| side.plan.budget_s.is_some()) {
            let what = "[run] budget does not end a comparison: it is made whole, since a part of one has no verdict; fewer \
                        --blocks, or cells (--only), take less time";
            warnings.push(what.to_owned());
        }
        comparable(&sides, policy)?;
        let mut sides = sides;
        for side in &mut sides {
            let both = |run: &&PlannedRun| common.contains(&run.cell);
            side.runs = side.plan.runs.iter().filter(both).cloned().collect();
        }
        Ok(Self { both: sides, cells: common, warnings })
    }

    /// What the user should know of the sides, each once.
    pub fn warnings(&self) -> Vec<&str> {
        let plans = self.both.iter().flat_map(|side| &side.plan.warnings);
        distinct(plans.chain(&self.warnings).map(String::as_str))
    }

    /// The side of this arm.
    pub fn of(&self, arm: Arm) -> &ComparedSide {
        &self.both[arm.place()]
    }
}

/// What makes the sides unlike in how they are measured, rather than in what is measured.
fn uneven(sides: &[ComparedSide; 2]) -> Result<Option<String>, Fault> {
    let [baseline, candidate] = sides.each_ref().map(|side| &side.plan);
    if baseline.sampler != candidate.sampler {
        return Err(Fault::new(
            "the sides differ in [sampler]: what looks costs, and has to cost both alike",
        )
        .hint("--set sampler.interval=... makes it the same for both"));
    }
    let stop_of = |plan: &Plan, cell: &str| {
        let found = plan.runs.iter().find(|run| run.cell == cell);
        found.map(|run| run.stop.clone())
    };
    let differs = cells(baseline).find(|cell| {
        let other = stop_of(candidate, cell);
        other.is_some() && other != stop_of(baseline, cell)
    });
    Ok(differs.map(|cell| {
        format!("the sides stop {cell} by different rules: their figures rest on more of one than of the other")
    }))
}

/// The number of compute threads is part of the environment: sides that differ in it are compared only where that is what
/// is tested, and it is better known now than when all runs are made.
fn comparable(sides: &[ComparedSide; 2], policy: &GatePolicy) -> Result<(), Fault> {
    const FIELD: &str = "threads";
    let counts = |side: &ComparedSide| -> BTreeSet<u32> {
        side.plan.runs.iter().map(|run| run.job.threads).collect()
    };
    let [baseline, candidate] = sides.each_ref().map(counts);
    // Where cells differ in it, they say so themselves.
    let one = |counts: &BTreeSet<u32>| counts.first().copied().filter(|_| counts.len() == 1);
    let (baseline, candidate) = (one(&baseline), one(&candidate));
    if baseline == candidate || policy.any_machine || policy.subject.contains(FIELD) {
        return Ok(());
    }
    let shown = |count: Option<u32>| count.map_or("several".to_owned(), |count| count.to_string());
    let (baseline, candidate) = (shown(baseline), shown(candidate));
    Err(Fault::new(format!(
        "the baseline computes with {baseline} threads and the candidate with {candidate}: two environments, whose figures are \
         not compared"
    ))
    .hint("where that is what is to be tested, say so: subject = [\"threads\"] in [gate]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_told_apart_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, mode: u32| {
            fs_err::write(at(name), "x").unwrap();
            fs_err::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
            at(name)
        };
        let grid = write("old.toml", 0o755);
        let plain = write("old", 0o644);
        let worker = write("worker", 0o755);
        assert_eq!(Baseline::find(&grid).unwrap(), Baseline::Grid(grid));
        assert_eq!(Baseline::find(&plain).unwrap(), Baseline::Grid(plain));
        assert_eq!(Baseline::find(&worker).unwrap(), Baseline::Worker(worker));
        fs_err::write(at("script"), "#!/bin/sh\n").unwrap();
        let script = Baseline::find(&at("script")).unwrap_err();
        assert!(script.error.to_string().ends_with("it is not executable"), "{}", script.error);
        assert!(script.hints[0].starts_with("`chmod +x "), "{:?}", script.hints);
        let build = folder.path().to_owned();
        assert_eq!(Baseline::find(&build).unwrap(), Baseline::Build(build));
        let absent = Baseline::find(&at("v1.2")).unwrap_err();
        assert!(absent.hints[0].contains("a commit has to be built first"));
        write("manifest.json", 0o644);
        let results = Baseline::find(folder.path()).unwrap_err();
        assert!(results.error.to_string().contains("these are results"));
    }
}
