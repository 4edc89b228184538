//! `manifest.json`, as far as it is read again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::event::axis::{DATA, settings};
use crate::event::{Fingerprint, Objective, RunRecord};
use crate::store::error::StoreError;
use crate::store::json;

/// The part of `manifest.json` that is read again.
#[derive(Debug, Deserialize)]
pub struct ManifestHead {
    /// The name of the grid.
    pub name: String,
    /// Its runs, in order.
    pub runs: Vec<String>,
    /// What is kept of each run's settings.
    #[serde(default)]
    pub specs: BTreeMap<String, Recorded>,
    /// From which machine each run is, where they are not all from the same.
    #[serde(default)]
    pub machines: Vec<MachineHead>,
    /// The grid that they are of; absent in results of an earlier version.
    #[serde(default)]
    pub grid: Option<GridHead>,
    /// The machine, as it was written.
    #[serde(default)]
    pub machine: serde_json::Value,
    /// What identifies the environment; absent where it was not recorded for all runs.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
    /// The id of the session that the runs belong to; empty where none was recorded.
    #[serde(default)]
    pub session: String,
    /// When it was written.
    #[serde(default)]
    pub created: String,
    /// The version of the program that wrote it.
    #[serde(default)]
    pub perftune: String,
    /// What makes one cell better than another.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// They are an arm of a comparison, whose rules are in the folder above.
    #[serde(default)]
    pub in_turn: bool,
    /// By which rules the results are compared with those of a baseline, as it was written.
    #[serde(default)]
    pub gate: Option<serde_json::Value>,
    /// The size of each data set, by its name, where it is known.
    #[serde(default)]
    pub datasets: BTreeMap<String, DataRows>,
}

impl ManifestHead {
    /// What makes a run's cell the same work, its data included where these are known.
    pub fn settings(&self, record: &RunRecord) -> BTreeMap<String, String> {
        let data = self.datasets.get(&record.job.dataset).and_then(|data| data.sha256.as_deref());
        let data = data.map(|sum| (DATA.to_owned(), sum.chars().take(12).collect()));
        settings(&record.job).chain(data).collect()
    }

    /// The machines that its runs are from, where all are from one that one.
    pub fn each_machine(&self) -> Vec<MachineHead> {
        if self.machines.is_empty() {
            let (machine, fingerprint) = (self.machine.clone(), self.fingerprint.clone());
            return vec![MachineHead { machine, fingerprint, runs: self.runs.clone() }];
        }
        self.machines.clone()
    }

    /// The machine of each run, from 1; empty where all are from one.
    pub fn owners(&self) -> HashMap<String, u32> {
        let each = (1..).zip(&self.machines);
        let runs =
            each.flat_map(|(number, machine)| machine.runs.iter().map(move |run| (run, number)));
        runs.map(|(run, number)| (run.clone(), number)).collect()
    }

    /// The command that makes the runs once more which failed or are missing: a command that `perftune exec` measured is not
    /// resumed.
    pub fn again(&self) -> &'static str {
        let is_bare = |spec: &Recorded| spec.tree()["job"]["command"]["bare"] == true;
        if self.specs.values().any(is_bare) {
            "`perftune exec --fresh`"
        } else {
            "`perftune run --resume`"
        }
    }
}

/// The grid that results are of, all of it or a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridHead {
    /// What its file says, by keys, with what the command line said of it.
    pub keys: Value,
    /// Its cells by name, in order, those of other parts among them.
    pub cells: Vec<String>,
    /// Whether some of its cells are searched for instead of running all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub searched: bool,
    /// Which part was asked for last, such as `2/4`; absent: all of it.
    #[serde(default)]
    pub shard: Option<String>,
}

/// What is kept of a run's settings, so that `--resume` knows it again. As text: the tree takes ten times the memory, which
/// tells where there are thousands of runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recorded(Box<RawValue>);

impl Recorded {
    /// Keeps these settings.
    pub fn new(settings: &Value) -> Result<Self, serde_json::Error> {
        to_raw_value(settings).map(Self)
    }

    /// The settings.
    pub fn tree(&self) -> Value {
        // What was read as JSON once is JSON.
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

/// How many samples a data set has, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRows {
    /// Samples of the training part, those that are held out for validation included.
    pub train: u64,
    /// Samples of the test part.
    pub test: u64,
    /// A SHA-256 over its description and its files; absent in folders of before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl DataRows {
    /// Whether it is known that these are not the same data.
    pub fn differs(&self, other: &Self) -> bool {
        let known = self.sha256.is_some() && other.sha256.is_some();
        (self.train, self.test) != (other.train, other.test) || known && self.sha256 != other.sha256
    }
}

/// The runs of a folder that are from one machine, where not all of them are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineHead {
    /// The machine, as it was written.
    #[serde(default)]
    pub machine: Value,
    /// What identifies its environment, where that was recorded.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
    /// Its runs.
    pub runs: Vec<String>,
}

/// A whole manifest, member by member as text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ManifestText(BTreeMap<String, Box<RawValue>>);

impl ManifestText {
    /// Sets a member; nothing is left of what was there.
    pub fn set(&mut self, member: &str, value: &impl Serialize) -> Result<(), serde_json::Error> {
        self.0.insert(member.to_owned(), to_raw_value(value)?);
        Ok(())
    }

    /// Takes a member out.
    pub fn remove(&mut self, member: &str) {
        self.0.remove(member);
    }

    /// As the bytes of the file.
    pub fn sealed(&self) -> Result<Vec<u8>, serde_json::Error> {
        json::sealed(self)
    }
}

/// The whole manifest of a folder that has one.
pub(super) fn text_of(path: &Path) -> Result<ManifestText, StoreError> {
    let mut text: ManifestText =
        json::read(&path.join("manifest.json"), "cannot read the manifest")?;
    text.remove("checksum");
    Ok(text)
}

pub(super) fn read_manifest(path: &Path) -> Result<Option<ManifestHead>, StoreError> {
    json::read_if_there(&path.join("manifest.json"), "cannot read the manifest")
}

/// The manifest of a folder that must have one.
pub(super) fn of_results(path: &Path) -> Result<ManifestHead, StoreError> {
    read_manifest(path)?.ok_or_else(|| StoreError::NoResults {
        path: path.to_owned(),
        why: "it has no manifest.json".to_owned(),
    })
}
