//! `perftune helper`.
//!
//! Invariant: what it prints needs nothing that is not in it.

use super::args::{HelperArgs, Language};
use super::exit::ExitStatus;
use super::output;
use crate::app::Fault;

/// Prints the file that a program of this language includes.
pub fn helper(args: &HelperArgs) -> Result<ExitStatus, Fault> {
    let text = match args.language {
        Language::Python => include_str!("../../python/perftune/__init__.py"),
    };
    output::print(text.as_bytes())?;
    Ok(ExitStatus::Ok)
}
