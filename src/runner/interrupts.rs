//! How the user's Ctrl-C reaches what is being run.

use std::sync::{Arc, Mutex, PoisonError};

use super::action::Input;
use super::inbox::Sender;

/// How the user's Ctrl-C reaches the run in flight.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<Mutex<InterruptState>>);

#[derive(Debug, Default)]
struct InterruptState {
    count: u32,
    run: Option<Sender>,
}

impl Interrupts {
    /// The user wants it to end; may be called from any thread, again and again.
    pub fn raise(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.count += 1;
        if let Some(run) = &state.run {
            // The run may have ended this moment.
            let _ = run.send(Input::Interrupt);
        }
    }

    /// Whether the user has said so.
    pub fn raised(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count > 0
    }

    /// From now on this run hears of it; at once, where the user was quicker than its worker could be started.
    pub(super) fn attach(&self, run: Option<Sender>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = run.as_ref().filter(|_| state.count > 0) {
            let _ = run.send(Input::Interrupt);
        }
        state.run = run;
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
        interrupts.attach(Some(sender));
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [Input::Interrupt]);
        interrupts.raise();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [Input::Interrupt]);
        interrupts.attach(None);
        interrupts.raise();
        assert_eq!(receiver.try_iter().count(), 0);
    }
}
