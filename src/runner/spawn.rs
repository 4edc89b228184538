//! Threads that a run cannot be without.

use std::io;
use std::thread::{self, JoinHandle};

/// A thread; or that the system gives none, in which case a run cannot be.
pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        let limits = "`ulimit -u` and `-v`, or the container's limit of processes";
        let what = format!("cannot start a thread for `{name}` (see {limits}): {error}");
        io::Error::new(error.kind(), what)
    })
}
