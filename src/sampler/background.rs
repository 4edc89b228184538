//! Sources that may be slow, or never answer: each is asked on a thread of its own, and a tick takes its last answer.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// An answer is out of date after so many periods without a newer one, and not before [`STALE_NS`].
const STALE_PERIODS: u64 = 3;

/// Shortest age at which an answer is out of date, in nanoseconds.
const STALE_NS: u64 = 1_000_000_000;

/// A source that is asked over and over on a thread of its own, until this is dropped. A call that hangs keeps its thread
/// and nothing else.
#[derive(Debug)]
pub(super) struct Background<T> {
    last: Arc<Place<T>>,
    started_ns: u64,
    period_ns: u64,
    /// Its end is the signal to stop.
    _stop: Sender<()>,
}

/// Where the last answer is, and who is told when there is a first one.
#[derive(Debug)]
struct Place<T> {
    answer: Mutex<Option<Answer<T>>>,
    first: Condvar,
}

/// What a source has answered.
#[derive(Debug)]
pub(super) struct Answer<T> {
    /// The answer.
    pub(super) value: Arc<T>,
    /// In the middle of the call, in nanoseconds of the clock.
    pub(super) t_ns: u64,
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            t_ns: self.t_ns,
        }
    }
}

impl<T: Send + Sync + 'static> Background<T> {
    /// Asks at once, and then so often that calls begin a `period` apart (or at once after one that took longer).
    pub(super) fn start(
        name: &str,
        period: Duration,
        clock: impl Clock + 'static,
        mut ask: impl FnMut() -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let last = Arc::new(Place {
            answer: Mutex::new(None),
            first: Condvar::new(),
        });
        let place = Arc::clone(&last);
        let started_ns = clock.now_ns();
        let period_ns = nanoseconds(period);
        let work = move || {
            loop {
                let began_ns = clock.now_ns();
                let value = Arc::new(ask());
                let ended_ns = clock.now_ns();
                let t_ns = began_ns.midpoint(ended_ns);
                *place.answer.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Answer { value, t_ns });
                place.first.notify_all();
                let took = ended_ns.saturating_sub(began_ns);
                let pause = Duration::from_nanos(period_ns.saturating_sub(took));
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)?;
        Ok(Self {
            last,
            started_ns,
            period_ns,
            _stop: stop,
        })
    }

    /// Waits for the first answer, but no longer than this: for a moment at which nothing is measured yet.
    pub(super) fn wait(&self, limit: Duration) {
        let last = &self.last;
        let answer = last.answer.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it came is seen by whoever asks for it.
        let _ = last
            .first
            .wait_timeout_while(answer, limit, |answer| answer.is_none());
    }

    /// The last answer, without waiting; an error says for how long there has been none, in words that stay the same
    /// within a second.
    pub(super) fn last(&self, now_ns: u64) -> Result<Answer<T>, String> {
        let last = self.last.answer.lock();
        let last = last.unwrap_or_else(PoisonError::into_inner);
        let stale_ns = (STALE_PERIODS * self.period_ns).max(STALE_NS);
        let since_ns = last.as_ref().map_or(self.started_ns, |answer| answer.t_ns);
        match last.as_ref() {
            Some(answer) if now_ns.saturating_sub(since_ns) <= stale_ns => Ok(answer.clone()),
            None if now_ns.saturating_sub(since_ns) <= stale_ns => Err("no answer yet".to_owned()),
            _ => {
                let seconds = now_ns.saturating_sub(since_ns) / 1_000_000_000;
                Err(format!("no answer for {seconds} s"))
            }
        }
    }
}

fn nanoseconds(period: Duration) -> u64 {
    u64::try_from(period.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::clock::ManualClock;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_source_that_hangs_costs_nobody_else_time_and_its_answer_grows_old() {
        let clock = ManualClock::default();
        let (give, take) = sync_channel::<u32>(0);
        let (asked, asks) = channel();
        let source = move || {
            asked.send(()).unwrap();
            take.recv().unwrap_or(0)
        };
        let background = Background::start("test", Duration::ZERO, clock.clone(), source).unwrap();
        asks.recv().unwrap();
        // The call has begun and does not end.
        assert_eq!(background.last(0).unwrap_err(), "no answer yet");
        assert_eq!(
            background.last(2 * SECOND).unwrap_err(),
            "no answer for 2 s"
        );
        clock.advance(SECOND);
        give.send(7).unwrap();
        asks.recv().unwrap();
        let answer = background.last(SECOND).unwrap();
        assert_eq!((*answer.value, answer.t_ns), (7, SECOND / 2));
        assert!(background.last(SECOND / 2 + STALE_NS).is_ok());
        assert_eq!(
            background.last(5 * SECOND).unwrap_err(),
            "no answer for 4 s"
        );
        drop(background);
        // The thread sees the end once its call has ended; nothing asks again.
        give.send(8).unwrap();
        assert!(asks.recv().is_err());
    }
}
