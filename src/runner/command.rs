//! A command in the place of a worker. It speaks no protocol: what it does is told for it, from its life and from the lines
//! that it may write to the path in `$PERFTUNE_EVENTS`, in the very messages that a worker would have written. So the
//! controller, the log and the reports know of no difference.

mod adapter;
mod event_pipe;
mod left_file;
mod pending;
mod reported;
mod story;
mod watch;

pub(super) use self::event_pipe::{EventPipe, EventReader};
pub(super) use self::watch::Watch;

/// The variable that names the path.
pub(super) const EVENTS: &str = "PERFTUNE_EVENTS";
