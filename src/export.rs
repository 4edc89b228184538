//! What results are handed on as to other tools: one entry a format ([`EXPORTS`]), and what a person writes to ask for one.
//!
//! The bytes are made by `report::export`, where they go is the business of `app::export`. Invariant: a target names a
//! format that there is, and something behind it.

use crate::document::suggest;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// Bencher's metric format.
    Bmf,
    /// What is better the smaller it is, for github-action-benchmark.
    Gha,
    /// What is better the bigger it is, for github-action-benchmark.
    GhaBigger,
    /// Prometheus's text format.
    OpenMetrics,
    /// What `hyperfine --export-json` writes.
    Hyperfine,
    /// Event files.
    TensorBoard,
    /// A journal of studies.
    Optuna,
    /// Runs of a tracking server.
    Mlflow,
    /// A table in columns.
    Parquet,
}

/// What the target of a format is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// A file, replaced as a whole.
    File,
    /// A folder, made where there is none; files of others stay.
    Folder,
    /// The address of a server.
    Server,
}

impl Aim {
    /// What stands behind `=`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "FILE",
            Self::Folder => "DIR",
            Self::Server => "URL",
        }
    }
}

/// All there is to say of a format.
#[derive(Debug, Clone, Copy)]
pub struct ExportDef {
    /// Which it is.
    pub id: Export,
    /// As `--write` and `[export]` name it.
    pub name: &'static str,
    /// What its target is.
    pub aim: Aim,
    /// What it is, on one line.
    pub about: &'static str,
    /// Whether it is of cells that were compared by objectives.
    pub by_objectives: bool,
    /// The feature of the build that it needs, and whether this build has it.
    pub feature: Option<Feature>,
}

/// A part of perftune that a build may leave out.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// As cargo names it.
    pub name: &'static str,
    /// Whether it is there.
    pub built: bool,
}

const FILE: ExportDef = ExportDef {
    id: Export::Bmf,
    name: "",
    aim: Aim::File,
    about: "",
    by_objectives: false,
    feature: None,
};

/// Every format.
pub const EXPORTS: &[ExportDef] = &[
    ExportDef {
        name: "bmf",
        about: "Bencher: every figure of each cell with the ends of its interval",
        ..FILE
    },
    ExportDef {
        id: Export::Gha,
        name: "gha",
        about: "github-action-benchmark, customSmallerIsBetter: main figures where smaller is better",
        ..FILE
    },
    ExportDef {
        id: Export::GhaBigger,
        name: "gha-bigger",
        about: "github-action-benchmark, customBiggerIsBetter: main figures where bigger is better",
        ..FILE
    },
    ExportDef {
        id: Export::OpenMetrics,
        name: "openmetrics",
        about: "Prometheus: every figure of each cell in base units, for the textfile collector",
        ..FILE
    },
    ExportDef {
        id: Export::Hyperfine,
        name: "hyperfine",
        about: "the times of commands, as hyperfine --export-json has them",
        ..FILE
    },
    ExportDef {
        id: Export::TensorBoard,
        name: "tensorboard",
        aim: Aim::Folder,
        about: "TensorBoard: event files of each run, its epochs by step, its figures and its settings as hparams",
        ..FILE
    },
    ExportDef {
        id: Export::Optuna,
        name: "optuna",
        about: "Optuna: a journal storage with a trial for each cell, for optuna-dashboard",
        by_objectives: true,
        ..FILE
    },
    ExportDef {
        id: Export::Mlflow,
        name: "mlflow",
        aim: Aim::Server,
        about: "MLflow: a run for each run with params, metrics by step, tags and artefacts, over the REST API",
        feature: Some(Feature { name: "mlflow", built: cfg!(feature = "mlflow") }),
        ..FILE
    },
    ExportDef {
        id: Export::Parquet,
        name: "parquet",
        about: "Parquet: every figure of each run, one row each",
        feature: Some(Feature { name: "parquet", built: cfg!(feature = "parquet") }),
        ..FILE
    },
];

impl Export {
    /// All there is to say of it.
    pub fn def(self) -> &'static ExportDef {
        // Each has an entry: a test says so.
        EXPORTS.iter().find(|def| def.id == self).unwrap_or(&EXPORTS[0])
    }
}

/// A format, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The format.
    pub format: Export,
    /// The file, the folder or the address, as it was written.
    pub to: String,
}

/// Why what was written is no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTarget {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl Target {
    /// `bmf=FILE`.
    pub fn of(text: &str) -> Result<Self, NoTarget> {
        let Some((format, to)) = text.split_once('=') else {
            let what = format!("`{text}` names no target");
            return Err(NoTarget {
                what,
                hint: "write FORMAT=TARGET, such as bmf=bmf.json".to_owned(),
            });
        };
        Self::new(format, to)
    }

    /// Of a format by its name.
    pub fn new(format: &str, to: &str) -> Result<Self, NoTarget> {
        let Some(def) = EXPORTS.iter().find(|def| def.name == format) else {
            let names: Vec<&str> = EXPORTS.iter().map(|def| def.name).collect();
            let hint = suggest::hint(format, &names, "the formats are");
            return Err(NoTarget { what: format!("there is no format `{format}`"), hint });
        };
        let (name, word) = (def.name, def.aim.word());
        if to.is_empty() || to == "-" || to.contains('\0') {
            let what = format!("{name} needs a target other than the standard output");
            return Err(NoTarget { what, hint: format!("write {name}={word}") });
        }
        if let Some(feature) = def.feature.filter(|feature| !feature.built) {
            let what = format!("this perftune was built without {name}");
            let hint = format!("build it with `--features {}`", feature.name);
            return Err(NoTarget { what, hint });
        }
        Ok(Self { format: def.id, to: to.to_owned() })
    }

    /// As it is written.
    pub fn shown(&self) -> String {
        format!("{}={}", self.format.def().name, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_one_entry_and_a_name_of_its_own() {
        for (at, def) in EXPORTS.iter().enumerate() {
            assert_eq!(def.id.def().name, def.name);
            assert!(EXPORTS[..at].iter().all(|other| other.name != def.name && other.id != def.id));
            assert!(!def.about.is_empty() && !def.about.ends_with('.'));
        }
    }

    #[test]
    fn a_target_is_a_format_and_something_behind_it() {
        for (text, says) in [
            ("bmf", "names no target; write FORMAT=TARGET"),
            ("bfm=x.json", "no format `bfm`; did you mean `bmf`?"),
            ("prometheus=x", "no format `prometheus`; the formats are: bmf, gha, gha-bigger"),
            ("junit=x", "no format `junit`; the formats are"),
            ("=x", "no format ``; the formats are"),
            ("gha=", "gha needs a target"),
            ("gha=-", "write gha=FILE"),
            ("tensorboard=", "write tensorboard=DIR"),
        ] {
            let NoTarget { what, hint } = Target::of(text).unwrap_err();
            assert!(format!("{what}; {hint}").contains(says), "{text}: {what}; {hint}");
        }
        let target = Target::of("bmf=a=b.json").unwrap();
        assert_eq!((target.format, &*target.to), (Export::Bmf, "a=b.json"));
        assert_eq!(target.shown(), "bmf=a=b.json");
    }
}
