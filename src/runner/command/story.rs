//! What is told of a command, by whoever reads what it says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::adapter::ProtocolAdapter;
use crate::clock::{Clock, MonotonicClock};
use crate::event::WorkerEvent;
use crate::runner::inbox::Sender;
use crate::runner::lines::Line;

/// The adapter, and where its messages go: in the order in which it made them, whoever has made it.
#[derive(Debug, Clone)]
pub(super) struct Story {
    adapter: Arc<Mutex<ProtocolAdapter>>,
    inputs: Sender,
}

impl Story {
    pub(super) fn new(adapter: ProtocolAdapter, inputs: Sender) -> Self {
        Self { adapter: Arc::new(Mutex::new(adapter)), inputs }
    }

    /// Where its messages go.
    pub(super) fn inputs(&self) -> &Sender {
        &self.inputs
    }

    /// The adapter; its messages are sent by the next who tells something.
    pub(super) fn adapter(&self) -> MutexGuard<'_, ProtocolAdapter> {
        self.adapter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes lines that the command reported together.
    pub(super) fn take(&self, lines: &[Line]) {
        let mut adapter = self.adapter();
        adapter.take(lines, MonotonicClock.now_ns());
        self.send(&mut adapter);
    }

    /// Takes what was found elsewhere.
    pub(super) fn tell(&self, events: Vec<WorkerEvent>) {
        let mut adapter = self.adapter();
        adapter.tell(events, MonotonicClock.now_ns());
        self.send(&mut adapter);
    }

    fn send(&self, adapter: &mut ProtocolAdapter) {
        for input in adapter.said() {
            // The run may be over: then nobody wants to know.
            let _ = self.inputs.send_patiently(input);
        }
    }
}
