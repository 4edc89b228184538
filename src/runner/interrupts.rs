//! How the user's Ctrl-C reaches what is being run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::action::Input;
use super::inbox::Sender;

/// How the user's Ctrl-C reaches the runs in flight.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<Mutex<InterruptState>>);

#[derive(Debug, Default)]
struct InterruptState {
    count: u32,
    /// Those who hear of it, each with its number.
    runs: Vec<(u64, Sender)>,
    next: u64,
}

impl Interrupts {
    /// The user wants them to end; may be called from any thread, again and again.
    pub fn raise(&self) {
        let mut state = self.state();
        state.count += 1;
        for (_, run) in &state.runs {
            // The run may have ended this moment.
            let _ = run.send(Input::Interrupt);
        }
    }

    /// Whether the user has said so.
    pub fn raised(&self) -> bool {
        self.state().count > 0
    }

    /// Until what is returned is dropped, this run hears of it; at once, where the user was quicker than its worker could be
    /// started.
    #[must_use = "it is heard of no longer than this lives"]
    pub(super) fn attach(&self, run: Sender) -> Attached<'_> {
        let mut state = self.state();
        if state.count > 0 {
            let _ = run.send(Input::Interrupt);
        }
        let number = state.next;
        state.next += 1;
        state.runs.push((number, run));
        Attached { interrupts: self, number }
    }

    fn state(&self) -> MutexGuard<'_, InterruptState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that hears of interrupts.
#[derive(Debug)]
pub(super) struct Attached<'a> {
    interrupts: &'a Interrupts,
    number: u64,
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.interrupts.state().runs.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::inbox;

    #[test]
    fn an_interrupt_while_a_worker_is_being_started_is_not_lost() {
        let interrupts = Interrupts::default();
        let (sender, receiver) = inbox::channel();
        interrupts.raise();
        let attached = interrupts.attach(sender);
        let (beside, other) = inbox::channel();
        let beside = interrupts.attach(beside);
        assert_eq!(other.try_iter().count(), 1);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [Input::Interrupt]);
        interrupts.raise();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [Input::Interrupt]);
        drop(attached);
        interrupts.raise();
        // Each hears of all that are raised while it is attached, and no longer.
        assert_eq!((receiver.try_iter().count(), other.try_iter().count()), (0, 2));
        drop(beside);
        interrupts.raise();
        assert_eq!(other.try_iter().count(), 0);
    }
}
