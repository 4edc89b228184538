//! What happens in a run, on its way to the one thread that decides. What is read from pipes waits for room, so that a flood
//! stalls whoever makes it and takes no memory here; what is said of the run itself (a tick, the end, the user) never waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::action::Input;
use crate::event::WorkerEvent;
use crate::event::bounds::QUEUED;

/// The run is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(Input, usize)>,
    /// What these hold, in bytes.
    held: usize,
    closed: bool,
}

#[derive(Debug, Default)]
struct Inbox {
    state: Mutex<State>,
    came: Condvar,
    left: Condvar,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts in.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    inbox: Arc<Inbox>,
    /// It waits no more.
    hurried: Arc<AtomicBool>,
}

/// Takes out.
#[derive(Debug)]
pub(super) struct Receiver(Arc<Inbox>);

/// An empty one.
pub(super) fn channel() -> (Sender, Receiver) {
    let inbox = Arc::new(Inbox::default());
    (Sender { inbox: Arc::clone(&inbox), hurried: Arc::default() }, Receiver(inbox))
}

impl Sender {
    /// Puts it in at once.
    pub(super) fn send(&self, input: Input) -> Result<(), Closed> {
        self.put(self.inbox.state(), input)
    }

    /// Puts it in when there is room.
    pub(super) fn send_patiently(&self, input: Input) -> Result<(), Closed> {
        let full = |state: &mut State| {
            state.held >= QUEUED && !state.closed && !self.hurried.load(Ordering::SeqCst)
        };
        let state = self.inbox.left.wait_while(self.inbox.state(), full);
        self.put(state.unwrap_or_else(PoisonError::into_inner), input)
    }

    fn put(&self, mut state: MutexGuard<'_, State>, input: Input) -> Result<(), Closed> {
        if state.closed {
            return Err(Closed);
        }
        let bytes = weight(&input);
        state.held += bytes;
        state.waiting.push_back((input, bytes));
        drop(state);
        self.inbox.came.notify_one();
        Ok(())
    }

    /// One that is hurried by itself.
    pub(super) fn another(&self) -> Self {
        Self { inbox: Arc::clone(&self.inbox), hurried: Arc::default() }
    }

    /// From now on it waits for no room: somebody waits for whoever puts in.
    pub(super) fn hurry(&self) {
        // Within the lock, or who looks at it now would miss the call.
        let state = self.inbox.state();
        self.hurried.store(true, Ordering::SeqCst);
        drop(state);
        self.inbox.left.notify_all();
    }
}

impl Receiver {
    /// The next one, if one comes in this time.
    pub(super) fn recv_timeout(&self, time: Duration) -> Option<Input> {
        let empty = |state: &mut State| state.waiting.is_empty();
        let waited = self.0.came.wait_timeout_while(self.0.state(), time, empty);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        self.take(state)
    }

    /// What is there.
    pub(super) fn try_iter(&self) -> impl Iterator<Item = Input> + '_ {
        std::iter::from_fn(|| self.take(self.0.state()))
    }

    fn take(&self, mut state: MutexGuard<'_, State>) -> Option<Input> {
        let (input, bytes) = state.waiting.pop_front()?;
        state.held -= bytes;
        drop(state);
        self.0.left.notify_all();
        Some(input)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closed = true;
        state.waiting.clear();
        state.held = 0;
        drop(state);
        self.0.left.notify_all();
    }
}

/// What an input holds, in bytes, roughly.
fn weight(input: &Input) -> usize {
    let more = match input {
        Input::Message(envelope) => match &envelope.event {
            WorkerEvent::Steps(batch) => {
                8 * (batch.dur_ns.len() + batch.wait_ns.len() + batch.gap_ns.len())
            }
            WorkerEvent::Hello(hello) => {
                hello.facts.iter().map(|(name, fact)| 128 + name.len() + fact.len()).sum()
            }
            WorkerEvent::Metric { name, .. } | WorkerEvent::Unread { name, .. } => name.len(),
            WorkerEvent::MaxRate(found) => found.why.len(),
            WorkerEvent::Failed(failure) => failure.kind.len() + failure.message.len(),
            WorkerEvent::Phase { .. } | WorkerEvent::Epoch(_) | WorkerEvent::Finished(_) => 0,
        },
        Input::Garbage(text) | Input::Warning(text) | Input::Stderr(text) => text.len(),
        _ => 0,
    };
    more + size_of::<(Input, usize)>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_waits_for_room_and_nothing_else_does() {
        let (sender, receiver) = channel();
        let text = || Input::Stderr("x".repeat(1 << 20));
        let flood = sender.another();
        let flooding = std::thread::spawn(move || {
            let mut sent = 0;
            while flood.send_patiently(text()).is_ok() {
                sent += 1;
            }
            sent
        });
        let mut most = 0;
        for _ in 0..100 {
            sender.send(Input::Tick).unwrap();
            // Some time or other the flood is there.
            while !matches!(receiver.recv_timeout(Duration::from_mins(1)), Some(Input::Stderr(_))) {
            }
            most = most.max(receiver.0.state().held);
        }
        // One more than there is room for comes in while there is room.
        assert!(most < QUEUED + (2 << 20), "{most}");
        drop(receiver);
        assert!(flooding.join().unwrap() >= 100);
        assert_eq!(sender.send(Input::Tick), Err(Closed));
    }

    #[test]
    fn who_is_waited_for_waits_no_more() {
        let (sender, receiver) = channel();
        let flood = sender.another();
        let hurried = flood.clone();
        let flooding = std::thread::spawn(move || {
            for _ in 0..64 {
                flood.send_patiently(Input::Stderr("x".repeat(1 << 20))).unwrap();
            }
        });
        hurried.hurry();
        flooding.join().unwrap();
        assert_eq!(receiver.try_iter().count(), 64);
    }
}
