//! What is to be run, and what became of it.
//!
//! Invariant: a request touches nothing; only the session acts on it.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::earlier::Earlier;
use crate::app::derived::Derived;
use crate::config::plan::{Plan, PlannedRun};
use crate::event::{Bar, Cut, RunRecord};
use crate::report::closing::Closing;
use crate::runner::{RunSpec, Streams};
use crate::schedule::Shard;
use crate::store::{Existing, Recorded, Results};

/// What is to be run, and where its results go.
pub struct RunRequest<'a> {
    /// The whole plan.
    pub plan: &'a Plan,
    /// The runs of it that are asked for.
    pub runs: &'a [PlannedRun],
    /// Which part of its grid they are, where they are not all of it.
    pub shard: Option<Shard>,
    /// The results folder.
    pub folder: &'a Path,
    /// What becomes of what is there.
    pub existing: Existing,
    /// The one visit to each cell that is made, instead of those that the plan leads to.
    pub only: Option<&'a OneVisit>,
    /// What a search is told of earlier runs, where anything is.
    pub earlier: Option<&'a Earlier>,
    /// The worker program, instead of the one that the grid's own settings lead to.
    pub program: Option<&'a Path>,
    /// What the runs of this request are called beside those of another.
    pub title: Option<&'static str>,
    /// Where the standard streams of commands go.
    pub streams: Streams,
}

impl<'a> RunRequest<'a> {
    /// These runs of the plan, made by the worker of the plan in a folder where nothing is yet.
    pub fn new(plan: &'a Plan, runs: &'a [PlannedRun], folder: &'a Path) -> Self {
        Self {
            plan,
            runs,
            shard: None,
            folder,
            existing: Existing::Refuse,
            only: None,
            earlier: None,
            program: None,
            title: None,
            streams: Streams::Logged,
        }
    }
}

/// A visit that somebody else has chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneVisit {
    /// Its run.
    pub run: String,
    /// Which visit of its cell, from 1.
    pub repeat: u32,
    /// What its accuracy must reach to decide anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<Bar>,
}

/// What is told of no single folder of a session.
#[derive(Default)]
pub struct Shared {
    /// Its name, where it is not one of each folder's own.
    pub session: Option<String>,
    /// Runs of which it is not known yet whether they will be made: the manifests do not promise them.
    pub later: BTreeSet<String>,
}

/// What became of a request.
pub struct Executed {
    /// The runs that have ended, those that were kept included, in the order of the plan.
    pub records: Vec<RunRecord>,
    /// How many runs the folder knows.
    pub planned: usize,
    /// How many of the runs had been made before.
    pub kept: usize,
    /// Who ended it before all was done.
    pub cut: Option<Cut>,
    /// The folder, still locked: the reports go there.
    pub results: Results,
}

impl Executed {
    /// What its closing line says.
    pub fn closing<'a>(
        &'a self,
        elapsed_s: f64,
        folder: &'a str,
        derived: &'a Derived,
    ) -> Closing<'a> {
        Closing {
            planned: Some(self.planned),
            elapsed_s: Some(elapsed_s),
            kept: self.kept,
            folder: Some(folder),
            cut: self.cut,
            ..derived.closing()
        }
    }
}

/// A run as it is started, and what is kept of it so that `--resume` knows it again.
pub(super) struct Prepared {
    pub(super) spec: RunSpec,
    pub(super) recorded: Recorded,
}
