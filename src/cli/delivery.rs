//! Where a judgement goes: the standard output, files, the summary of a job on GitHub.
//!
//! The bytes are made by `report`. Invariant: no file is written over what is compared, and one that cannot be written
//! costs none of the others.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;

use super::options::CheckFormat;
use super::output;
use crate::app::Fault;
use crate::report::gate::GateReport;
use crate::store::StoreError;
use crate::store::target::{self, is_result, is_special, place};

/// Names the file that GitHub shows as the summary of a job.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// A file to write: `junit=perf.xml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    format: CheckFormat,
    file: PathBuf,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((format, file)) = text.split_once('=') else {
            return Err("write FORMAT=FILE, such as junit=perf.xml".to_owned());
        };
        let format = CheckFormat::from_str(format, false).map_err(|_| {
            let all = CheckFormat::value_variants().iter();
            let names =
                all.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()));
            format!(
                "there is no format `{format}`: choose one of {}",
                names.collect::<Vec<_>>().join(", ")
            )
        })?;
        if file.is_empty() || file == "-" {
            return Err("name a file after `=`; --format is for the standard output".to_owned());
        }
        Ok(Self { format, file: file.into() })
    }
}

/// Everything that is to be done with a judgement.
#[derive(Debug)]
pub struct Delivery<'a> {
    format: CheckFormat,
    targets: &'a [Target],
    summary: Option<PathBuf>,
}

impl<'a> Delivery<'a> {
    /// What is asked for; no file may be written twice, and none over what is compared: results in `inputs`, or such a file.
    pub fn new(
        format: CheckFormat,
        targets: &'a [Target],
        inputs: &[&Path],
    ) -> Result<Self, Fault> {
        let inputs: Vec<PathBuf> = inputs.iter().map(|input| place(input)).collect();
        for (at, target) in targets.iter().enumerate() {
            let file = place(&target.file);
            if targets[..at].iter().any(|before| place(&before.file) == file && !is_special(&file))
            {
                let file = target.file.display();
                return Err(Fault::new(format!("--write names {file} twice")));
            }
            if is_result(&file, &inputs) {
                let file = target.file.display();
                let what = format!("--write would replace {file}, which is one of the inputs");
                return Err(Fault::new(what).hint("name another file"));
            }
        }
        let asked = targets.iter().any(|target| target.format == CheckFormat::Github);
        let summary = env::var_os(STEP_SUMMARY).filter(|file| !file.is_empty());
        Ok(Self {
            format,
            targets,
            summary: summary.map(PathBuf::from).filter(|_| asked || format == CheckFormat::Github),
        })
    }

    /// Prints and writes. All files are tried, so that one that cannot be written costs none of the others.
    pub fn deliver(&self, report: &GateReport<'_>) -> Result<(), Fault> {
        let printed = self.print(report);
        let mut faults = Vec::new();
        for target in self.targets {
            faults.extend(target.write(report).err());
        }
        if let Some(file) = &self.summary {
            faults.extend(append(file, &report.markdown()).err());
        }
        printed?;
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    fn print(&self, report: &GateReport<'_>) -> Result<(), Fault> {
        output::print(&rendered(report, self.format, output::stdout_width())?)
    }
}

/// Characters in a line of a text that goes to a file.
const FILE_WIDTH: usize = 80;

fn rendered(report: &GateReport<'_>, format: CheckFormat, width: usize) -> Result<Vec<u8>, Fault> {
    Ok(match format {
        CheckFormat::Text => report.text(width).into_bytes(),
        CheckFormat::Json => report.json()?,
        CheckFormat::Junit => report.junit().into_bytes(),
        CheckFormat::Markdown => report.markdown().into_bytes(),
        CheckFormat::Github => report.annotations().into_bytes(),
    })
}

impl Target {
    fn write(&self, report: &GateReport<'_>) -> Result<(), Fault> {
        let bytes = rendered(report, self.format, FILE_WIDTH)?;
        let written = target::replace(&self.file, |out| {
            out.write_all(&bytes).map_err(StoreError::io("cannot write a report"))
        });
        let name = self.file.display();
        written
            .map_err(anyhow::Error::from)
            .with_context(|| format!("--write: {name} was not written"))
            .map_err(|error| Fault::from(error).hint("the verdict itself was printed"))
    }
}

fn append(file: &Path, text: &str) -> Result<(), Fault> {
    let mut options = fs_err::OpenOptions::new();
    let opened = options.create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("{STEP_SUMMARY} could not be appended to"))?;
    Ok(())
}
