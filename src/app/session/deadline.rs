//! The budget of a session: when its time is over, it is ended like one that the user has ended.
//!
//! Invariant: the thread that waits for the end is gone with the session.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::runner::Interrupts;

/// A time after which a session is ended.
pub(super) struct Deadline {
    over: Arc<AtomicBool>,
    /// Nobody sends anything: when it is dropped, the thread ends.
    _waiting: Sender<()>,
}

impl Deadline {
    /// Raises `interrupts` in so many seconds.
    pub(super) fn start(budget_s: f64, interrupts: &Interrupts) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (waiting, gone) = mpsc::channel::<()>();
        let (told, interrupts) = (Arc::clone(&over), interrupts.clone());
        let wait = Duration::try_from_secs_f64(budget_s).unwrap_or(Duration::MAX);
        let thread = thread::Builder::new().name("budget".to_owned());
        thread.spawn(move || {
            if gone.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) && !interrupts.raised() {
                told.store(true, Ordering::SeqCst);
                interrupts.raise();
            }
        })?;
        Ok(Self { over, _waiting: waiting })
    }

    /// Whether it was this that has ended the session.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}
