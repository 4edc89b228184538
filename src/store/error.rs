//! The version of what is on disk, and what can go wrong there.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Version of everything on disk.
pub const FORMAT: Format = Format { major: 4, minor: 0 };

/// Version of what is on disk: a reader understands its own major, whatever the minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Differs: cannot be read.
    pub major: u32,
    /// Larger than the reader's: it may hold things that the reader does not know.
    pub minor: u32,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A line of a file that is not what it should be.
#[derive(Debug)]
pub struct DamagedLine {
    /// Counts from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// `line 3: EOF; line 7: EOF; and 5 lines more`.
fn places(named: &[DamagedLine], count: usize) -> String {
    let mut said: Vec<String> =
        named.iter().map(|damaged| format!("line {}: {}", damaged.line, damaged.why)).collect();
    match count.saturating_sub(named.len()) {
        0 => {}
        1 => said.push("and 1 line more".to_owned()),
        more => said.push(format!("and {more} lines more")),
    }
    said.join("; ")
}

/// What can go wrong on disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused. Its message names the path.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's word, with the path.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is damaged at line {line}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counts from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Several lines of a file are not what they should be.
    #[error("{} is damaged at {}", path.display(), places(named, *count))]
    DamagedLines {
        /// The file.
        path: PathBuf,
        /// The first of them.
        named: Vec<DamagedLine>,
        /// How many there are.
        count: usize,
    },
    /// A file has lost a line, or was edited.
    #[error("{} has been changed since perftune wrote it: its checksum does not match; restore it, or measure again with --fresh", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file of another version.
    #[error("{} has format {found} and this perftune reads {}.x only: formats are not converted; read it with the perftune that wrote it, or measure again (`run --fresh` replaces results)", path.display(), FORMAT.major)]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: Format,
    },
    /// The folder holds results already.
    #[error(
        "{} holds {finished} finished and {missing} unfinished of {planned} run{} already; \
         --resume runs only what is missing, --fresh replaces them, --out writes elsewhere",
        path.display(), if *planned == 1 { "" } else { "s" }
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// Whole runs.
        finished: usize,
        /// Planned runs that are not whole.
        missing: usize,
        /// Runs of the manifest.
        planned: usize,
    },
    /// The folder holds something else.
    #[error("{} is not a results folder of perftune (it has no manifest.json) and is not empty; choose another --out", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// A place that must be free is not.
    #[error("{} is there and not empty; choose another --out, or remove it", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Another perftune writes there.
    #[error("another perftune is writing to {}; wait for it, or choose another --out", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Tasks of a cluster make the runs of the folder.
    #[error(
        "the runs of {} are made by tasks of a cluster: `perftune status` says how they stand; with --engine slurm --resume \
         submits what is missing, --fresh replaces them, --out writes elsewhere",
        path.display()
    )]
    Submitted {
        /// The folder.
        path: PathBuf,
    },
    /// `--resume` with other settings than before.
    #[error(
        "{run} was recorded with other settings ({difference}); use --fresh to replace the results, or --out for a new folder"
    )]
    OtherSettings {
        /// The run.
        run: String,
        /// The first difference.
        difference: String,
    },
    /// Results without tasks.
    #[error(
        "{} has no tasks: it holds results, and no grid was submitted there; `perftune report {}` shows them",
        path.display(),
        path.display()
    )]
    NotSubmitted {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing there.
    #[error("{} is not a results folder of perftune: {why}", path.display())]
    NoResults {
        /// The folder.
        path: PathBuf,
        /// Why that is thought.
        why: String,
    },
    /// Hardly any room is left.
    #[error("only {free} bytes are free where {} would be written; at least {needed} are needed", path.display())]
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// Bytes free.
        free: u64,
        /// Bytes needed to begin.
        needed: u64,
    },
}

impl StoreError {
    /// Whether the system refused to show what is there.
    pub(super) fn is_refused(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        let told = |kind| [NotFound, InvalidData, UnexpectedEof].contains(&kind);
        matches!(self, Self::Io { source, .. } if !told(source.kind()))
    }

    /// Whether the file is one that a perftune wrote, though this one cannot read it.
    pub(super) const fn is_of_perftune(&self) -> bool {
        matches!(self, Self::Version { .. } | Self::Changed { .. })
    }

    pub(crate) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
