//! `perftune completions`.
//!
//! Invariant: what it offers comes from the parser, so that it cannot lag behind.

use super::args::CompletionsArgs;
use super::exit::ExitStatus;
use super::output;
use super::parser::{Detail, command};
use crate::app::Fault;

/// Prints the script.
pub fn completions(args: &CompletionsArgs) -> Result<ExitStatus, Fault> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(Detail::Long), "perftune", &mut script);
    output::print(&script)?;
    Ok(ExitStatus::Ok)
}
