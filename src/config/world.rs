//! What a grid file is read from, and what its values are checked against: the machine, the data sets, the command line.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::dataset::DataError;
use crate::document::problems::{GRID, Place, Problems};
use crate::document::tree::Node;
use crate::engine::{Lanes, LanesError};
use crate::event::{AxisList, Lane, ScriptHolds};
use crate::sampler::LimitMeans;
use crate::schedule::Repeats;
use crate::units::Span;

/// Where the grid file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GridSource {
    /// A file.
    Path(PathBuf),
    /// What was read from the standard input.
    Stdin(Vec<u8>),
    /// Texts that were kept, that of the grid file first, then those that it extends.
    Kept(Rc<[GridText]>),
}

impl GridSource {
    /// The path of the file; none where it was read from the standard input.
    pub fn path(&self) -> Option<&Path> {
        let path = match self {
            Self::Path(path) => Some(&**path),
            Self::Stdin(_) => None,
            Self::Kept(texts) => texts.first().map(|text| &*text.path),
        };
        path.filter(|path| !path.as_os_str().is_empty())
    }
}

/// A text of which a grid is made, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GridText {
    /// As it was named; empty: the standard input.
    pub path: PathBuf,
    /// The file itself, without links.
    pub real: PathBuf,
    /// What it says.
    pub body: String,
}

/// What another option than `--set` changes as that does: `KEY=VALUE` each.
#[derive(Debug, Clone, Copy)]
pub struct SetBy<'a> {
    /// The option.
    pub flag: &'static str,
    /// What it says.
    pub set: &'a [String],
}

/// What the plan needs to know of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineFacts {
    /// Cores that the process may use: what `threads = 0` means where nothing is limited.
    pub usable_cores: usize,
    /// Which limits can be enforced.
    pub limits: LimitMeans,
}

impl MachineFacts {
    pub(super) fn cores(&self) -> u32 {
        u32::try_from(self.usable_cores).unwrap_or(u32::MAX)
    }
}

/// A data set as a grid needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetFacts {
    /// The name in its manifest.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Rows to train on, those held out for validation included.
    pub train_rows: u64,
    /// Channels, height and width of a sample.
    pub shape: [u32; 3],
    /// What its manifest does not say and was found in its files.
    pub guessed: Vec<String>,
}

/// A TorchScript file as a grid needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFacts {
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// What is in it; absent where nobody here can tell.
    pub holds: Option<ScriptHolds>,
}

/// The data sets and the files of models that a grid may name.
pub trait DatasetCatalogue {
    /// The facts of one of [`Self::names`], or of the folder at this path, or why it cannot be used.
    fn resolve(&self, name_or_path: &str) -> Result<DatasetFacts, DataError>;

    /// The data sets that are known by name.
    fn names(&self) -> Vec<String>;

    /// The facts of the TorchScript file at this path, or why it cannot be used.
    fn script(&self, path: &Path) -> Result<ScriptFacts, String> {
        Err(format!("nothing here reads {}", path.display()))
    }
}

/// A grid file and what the command line says about it.
pub struct Request<'a> {
    /// The grid file.
    pub source: GridSource,
    /// Each `--set KEY=VALUE`.
    pub set: &'a [String],
    /// What another option sets on top of it.
    pub set_by: Option<SetBy<'a>>,
    /// `--profile`: settings of the file that are put over the rest of it.
    pub profile: Option<&'a str>,
    /// Each `--only AXIS=VALUE[,VALUE]`.
    pub only: &'a [String],
    /// `--seed`: instead of the file's.
    pub seed: Option<u64>,
    /// `--repeat`: instead of the file's.
    pub repeat: Option<Repeats>,
    /// `--budget`: instead of the file's.
    pub budget: Option<Span>,
    /// `--jobs`: instead of the file's `lanes`.
    pub jobs: Option<Lanes>,
    /// Cuts the machine into lanes.
    pub lanes: fn(Lanes) -> Result<Vec<Lane>, LanesError>,
    /// `--full`: no run stops early.
    pub full: bool,
    /// Axes that the file varies stay in the names of runs where `set` leaves one value, so that the runs of several calls
    /// can be put together. Not where the cells of two sides are matched by their names.
    pub keeps_names: bool,
    /// The most cells that are made: more are a mistake sooner than a wish.
    pub max_cells: u64,
    /// The machine.
    pub machine: MachineFacts,
    /// The data sets.
    pub catalogue: &'a dyn DatasetCatalogue,
    /// What relative paths in the grid are relative to: the grid file's folder. Those in `set` are relative to the
    /// working directory.
    pub base_dir: PathBuf,
}

/// What relative paths are relative to.
#[derive(Debug)]
pub(super) struct Bases {
    /// The folder of each file of the grid, by its text, for what the files say.
    files: Vec<(usize, PathBuf)>,
    /// The working directory, for what the command line says.
    arguments: PathBuf,
}

impl Bases {
    /// Of a grid file in this folder.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            files: vec![(GRID, std::path::absolute(folder).unwrap_or(folder.to_owned()))],
            arguments: std::env::current_dir().unwrap_or(PathBuf::from(".")),
        }
    }

    /// Takes in a file that the grid extends.
    pub(super) fn add(&mut self, text: usize, folder: PathBuf) {
        self.files.push((text, folder));
    }

    pub(super) fn of(&self, node: &Node) -> &Path {
        let file = self.files.iter().find(|(text, _)| *text == node.place.text);
        file.map_or(&self.arguments, |(_, folder)| folder)
    }
}

/// What the values of the axes are checked against.
pub(super) struct World<'a> {
    /// Whether the worker is not the native one, and so may know other models and data sets.
    pub(super) foreign: bool,
    /// Commands and recorded tables that are models, and have data of their own.
    pub(super) commands: Vec<String>,
    /// TorchScript files that are models.
    pub(super) scripts: Vec<String>,
    pub(super) catalogue: &'a dyn DatasetCatalogue,
    /// The catalogue's names, read once.
    pub(super) dataset_names: Vec<String>,
    pub(super) cores: u32,
    pub(super) bases: &'a Bases,
    pub(super) axes: &'a AxisList,
    /// Whether the command line changes the axes: then what the file says of values that are gone is no mistake.
    pub(super) narrowed: bool,
    pub(super) max_cells: u64,
}

impl World<'_> {
    /// Whether so many cells are too many, which is then reported. `product`: whose they are, where that is known.
    pub(super) fn has_too_many(
        &self,
        cells: u64,
        product: &str,
        place: Place,
        problems: &mut Problems,
    ) -> bool {
        let most = self.max_cells;
        if cells > most {
            problems.error_with(
                place,
                format!("the grid has {cells} cells{product}; more than {most} need --max-cells"),
                format!("give fewer values, or allow them: --max-cells {cells}"),
            );
        }
        cells > most
    }

    /// Whether the model of this name is a command or a recorded table.
    pub(super) fn is_command(&self, model: &str) -> bool {
        self.commands.iter().any(|command| command == model)
    }
}
