//! What stopping rules would have said of recordings, and how wrong they would have been.
//!
//! Rows go out one by one, so that memory does not grow with the recordings; what could not be judged is collected in
//! [`Problems`]. A source that cannot be read is no reason not to judge the others.

mod folder;
mod problems;
pub(in crate::app) mod recording;
mod request;
pub(in crate::app) mod row;
mod series;
mod totals;

use std::path::PathBuf;

use super::Fault;

pub use self::problems::{Halt, Output, Problems, Rows};
pub use self::request::ReplayRequest;
pub use self::totals::Totals;

/// Replays every source, as long as `rows` takes what comes of it.
pub fn replay(
    sources: &[PathBuf],
    request: &ReplayRequest,
    rows: &mut Rows<'_>,
) -> Result<Problems, Fault> {
    let mut output = Output { rows, problems: Problems::default() };
    for source in sources {
        let replay = if source.is_dir() { folder::replay } else { series::replay };
        match replay(source, request, &mut output) {
            Ok(()) => {}
            Err(Halt::Unread) => break,
            Err(Halt::Fault(fault)) => return Err(fault),
        }
    }
    Ok(output.problems)
}
