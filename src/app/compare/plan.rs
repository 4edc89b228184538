//! `against.json`: what a comparison is, so that one that was interrupted goes on as it began.
//!
//! Which runs are missing is left to the queue. Invariant: nothing that could bend the verdict may differ between the
//! parts of one comparison.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::app::Fault;
use crate::event::fingerprint::digest;
use crate::gate::GatePolicy;
use crate::runner::Launch;
use crate::store::{atomic, json};

/// The name of the file.
pub(super) const FILE: &str = "against.json";

const FORMAT: &str = "perftune-against/1";

/// By which rules is judged, and who says so.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Rules {
    /// The rules.
    pub policy: GatePolicy,
    /// They are those of a file of their own (`--gate`), and not of the candidate's grid.
    pub of_file: bool,
}

/// A comparison, as far as it has to stay the same when it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ComparisonPlan {
    format: String,
    /// Its unique name.
    #[serde(rename = "session")]
    pub(super) name: String,
    /// Of the order.
    pub(super) seed: u64,
    /// Blocks of each cell.
    blocks: u32,
    /// What is compared, in the order in which they are numbered.
    cells: Vec<String>,
    baseline: Program,
    candidate: Program,
    #[serde(default)]
    pub(super) gate: Rules,
}

/// What does the work of a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// The program and its arguments.
    words: Vec<String>,
    /// Those of them that are files, as they were.
    files: Vec<Identity>,
}

/// A file that is no longer the same when it has another size or was written at another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    path: PathBuf,
    bytes: u64,
    /// Since 1970, in nanoseconds.
    modified_ns: u64,
}

impl Program {
    /// What is started.
    pub(super) fn of(launch: &Launch) -> Self {
        let program = launch.program.display().to_string();
        let words: Vec<String> = [program].into_iter().chain(launch.args.clone()).collect();
        let files = words.iter().filter_map(|word| identity(Path::new(word)));
        Self { files: files.collect(), words }
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let found = fs_err::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Identity {
        path: path.to_owned(),
        bytes: found.len(),
        modified_ns: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
    })
}

/// The seed of a session's order, from its name: another session has another order, so that no drift of the machine falls on
/// the same side every time.
fn seed_of(session: &str) -> u64 {
    digest(session.as_bytes())
}

impl ComparisonPlan {
    /// A new one. `seed`: instead of one of its own.
    pub(super) fn new(
        name: &str,
        seed: Option<u64>,
        blocks: u32,
        cells: &[String],
        gate: Rules,
        [baseline, candidate]: [Program; 2],
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            name: name.to_owned(),
            seed: seed.unwrap_or_else(|| seed_of(name)),
            blocks,
            cells: cells.to_vec(),
            baseline,
            candidate,
            gate,
        }
    }

    /// The one that is in the folder.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Fault> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(None);
        }
        let bytes = fs_err::read(&file)?;
        let found: Self = json::open(&bytes, &file)
            .map_err(|error| Fault::from(error).hint("--fresh replaces the comparison"))?;
        if found.format != FORMAT {
            let what = format!("{} has format {}", file.display(), found.format);
            return Err(Fault::new(what).hint("use the perftune that wrote it, or --fresh"));
        }
        Ok(Some(found))
    }

    /// Whether one program does the work of both sides.
    pub(super) fn one_program(&self) -> bool {
        self.baseline == self.candidate
    }

    /// The one that was begun goes on, if `self` asks for the same.
    pub(super) fn resumes(&self, begun: Self) -> Result<Self, Fault> {
        let refuse = |what: String| {
            let what = format!("this is not the comparison that was begun: {what}");
            Err(Fault::new(what).hint("--fresh begins again, --out writes elsewhere"))
        };
        if self.blocks != begun.blocks {
            // More blocks after a look at the figures would be another chance to find something.
            return refuse(format!("{} blocks then, {} now", begun.blocks, self.blocks));
        }
        if self.cells != begun.cells {
            return refuse(format!(
                "cells {} then, {} now",
                begun.cells.join(", "),
                self.cells.join(", ")
            ));
        }
        if self.gate.policy != begun.gate.policy {
            // The look after the first blocks was by these rules.
            let what = "this is not the comparison that was begun: its gate had other rules";
            return Err(Fault::new(what).hint(
                "`perftune check FOLDER --gate FILE` judges what is there by others; --fresh begins again",
            ));
        }
        for (name, now, then) in [
            ("baseline", &self.baseline, &begun.baseline),
            ("candidate", &self.candidate, &begun.candidate),
        ] {
            if now.words != then.words {
                return refuse(format!(
                    "the worker of the {name} was {}, now it is {}",
                    then.words.join(" "),
                    now.words.join(" ")
                ));
            }
            if now.files != then.files {
                return refuse(format!(
                    "the worker of the {name} has changed since ({})",
                    now.words.join(" ")
                ));
            }
        }
        Ok(begun)
    }

    /// Writes it into the folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Fault> {
        Ok(atomic::write(&folder.join(FILE), &json::sealed(self)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(blocks: u32, cell: &str, program: &Path) -> ComparisonPlan {
        let launch = Launch {
            program: program.to_owned(),
            args: vec!["--fast".to_owned()],
            hang_timeout_ns: 1,
            grace_ns: 1,
            capacity: None,
            streams: crate::runner::Streams::default(),
        };
        let of = || Program::of(&launch);
        let cells = [cell.to_owned()];
        ComparisonPlan::new("s", None, blocks, &cells, Rules::default(), [of(), of()])
    }

    #[test]
    fn only_the_same_comparison_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let worker = folder.path().join("worker");
        fs_err::write(&worker, "one").unwrap();
        let begun = plan(10, "a", &worker);
        begun.write(folder.path()).unwrap();
        let read = || ComparisonPlan::read(folder.path()).unwrap().unwrap();
        assert_eq!(read(), begun);
        let mut later = plan(10, "a", &worker);
        later.name = "t".to_owned();
        assert_eq!(later.resumes(read()).unwrap(), begun);
        later.gate.policy.floor = 0.5;
        let error = later.resumes(read()).unwrap_err().error.to_string();
        assert!(error.contains("its gate had other rules"), "{error}");
        for (other, says) in [
            (plan(20, "a", &worker), "10 blocks then, 20 now"),
            (plan(10, "b", &worker), "cells a then, b now"),
            (plan(10, "a", Path::new("/bin/x")), "now it is /bin/x"),
        ] {
            let error = other.resumes(read()).unwrap_err().error.to_string();
            assert!(error.contains(says), "{error}");
        }
        fs_err::write(&worker, "another").unwrap();
        let error = plan(10, "a", &worker).resumes(read()).unwrap_err();
        assert!(error.error.to_string().contains("baseline has changed"));
        fs_err::write(folder.path().join(FILE), "{").unwrap();
        assert!(ComparisonPlan::read(folder.path()).is_err());
    }

    #[test]
    fn every_session_has_an_order_of_its_own() {
        assert_ne!(seed_of("a"), seed_of("b"));
    }
}
