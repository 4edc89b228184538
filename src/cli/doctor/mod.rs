//! `perftune doctor`: what this machine is, what will be measured on it and what cannot.
//!
//! Looking is left to `app`. Invariant: what the text says is in the JSON.

mod advice;
mod lanes;
mod text;

use serde_json::{Map, Value};

use super::args::DoctorArgs;
use super::exit::ExitStatus;
use super::options::DoctorFormat;
use super::output;
use crate::app::Fault;
use crate::app::doctor::{Diagnosis, LanesCheck, diagnose};
use crate::report::{ReportError, json};

/// Looks and says.
pub fn doctor(args: &DoctorArgs) -> Result<ExitStatus, Fault> {
    // Before anything else is looked at: it may be refused.
    let lanes = args.lanes.map(LanesCheck::measure).transpose()?;
    let diagnosis = Diagnosis { lanes, ..diagnose(args.quick) };
    output::print(&match args.format {
        DoctorFormat::Text => text::render(&diagnosis, output::stdout_width()).into_bytes(),
        DoctorFormat::Json => self::json(&diagnosis)?,
    })?;
    Ok(ExitStatus::Ok)
}

/// One document; of each group of metrics `true`, or why it is not measured.
fn json(diagnosis: &Diagnosis) -> Result<Vec<u8>, ReportError> {
    let groups = diagnosis.groups().into_iter();
    let measured = groups.map(|(group, why)| {
        let said = why.map_or(Value::Bool(true), |why| serde_json::json!({ "unsupported": why }));
        (group.to_owned(), said)
    });
    let mut document = serde_json::json!({
        "format": json::FORMAT,
        "diagnosis": diagnosis,
        "measured": measured.collect::<Map<_, _>>(),
    });
    if let Some(noise) = &diagnosis.noise {
        document["diagnosis"]["noise"]["advice"] = advice::advice(noise).into();
    }
    json::pretty(&document)
}
