//! `perftune baseline`: sessions that later ones are compared with.
//!
//! What is kept, and what a session is good for, is left to `app`.

use super::args::{BaselineArgs, BaselineCommand};
use super::exit::ExitStatus;
use super::options::DoctorFormat;
use super::output;
use crate::app::{Fault, baseline};

/// Does what is asked.
pub fn baseline(args: &BaselineArgs) -> Result<ExitStatus, Fault> {
    let said = match &args.command {
        BaselineCommand::Add(args) => {
            baseline::add(&args.store, &args.dir, args.commit.as_deref())?.text()
        }
        BaselineCommand::List(args) => {
            let sessions = baseline::list(&args.store)?;
            match args.format {
                DoctorFormat::Json => sessions.json()?,
                DoctorFormat::Text => sessions.text(output::stdout_width()),
            }
        }
        BaselineCommand::Promote(args) => {
            baseline::promote(&args.store, &args.session, &args.reason, args.force_outlier)?.text()
        }
    };
    output::print(said.as_bytes())?;
    Ok(ExitStatus::Ok)
}
