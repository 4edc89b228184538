//! Sources that may be slow, or never answer: each is asked on a thread of its own, and a tick takes its last answer.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::event::{GapKind, Reason};
use crate::units::Span;

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
        Self { value: Arc::clone(&self.value), t_ns: self.t_ns }
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
        let last = Arc::new(Place { answer: Mutex::new(None), first: Condvar::new() });
        let place = Arc::clone(&last);
        let started_ns = clock.now_ns();
        let period_ns = Span(period).as_ns();
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
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { last, started_ns, period_ns, _stop: stop })
    }

    /// Waits for the first answer, but no longer than this: for a moment at which nothing is measured yet.
    pub(super) fn wait(&self, limit: Duration) {
        let last = &self.last;
        let answer = last.answer.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it came is seen by whoever asks for it.
        let _ = last.first.wait_timeout_while(answer, limit, |answer| answer.is_none());
    }

    /// The last answer, without waiting; an error says for how long there has been none, in words that stay the same
    /// within a second.
    pub(super) fn last(&self, now_ns: u64) -> Result<Answer<T>, Reason> {
        let last = self.last.answer.lock();
        let last = last.unwrap_or_else(PoisonError::into_inner);
        let stale_ns = (STALE_PERIODS * self.period_ns).max(STALE_NS);
        let since_ns = last.as_ref().map_or(self.started_ns, |answer| answer.t_ns);
        match last.as_ref() {
            Some(answer) if now_ns.saturating_sub(since_ns) <= stale_ns => Ok(answer.clone()),
            None if now_ns.saturating_sub(since_ns) <= stale_ns => {
                Err(Reason::new(GapKind::Waiting, "no answer yet"))
            }
            _ => {
                let seconds = now_ns.saturating_sub(since_ns) / 1_000_000_000;
                Err(Reason::new(GapKind::Waiting, format!("no answer for {seconds} s")))
            }
        }
    }
}

/// Asks questions that may hang, each on a thread of its own, and waits so long and no longer. While one hangs, the next
/// gets no answer and nobody waits for it: there is one lost thread, and not one a question.
#[derive(Debug)]
pub(super) struct TimedCall {
    /// Whom it asks, for people.
    of: &'static str,
    /// Told of the end of the question that took too long.
    hangs: Mutex<Option<Receiver<()>>>,
}

impl TimedCall {
    /// `of`: who is asked, as in "... has not answered for 5 s".
    pub(super) const fn new(of: &'static str) -> Self {
        Self { of, hangs: Mutex::new(None) }
    }

    /// The answer, if it comes within the limit.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        limit: Duration,
        question: impl FnOnce() -> Result<T, Reason> + Send + 'static,
    ) -> Result<T, Reason> {
        let silent = || {
            let seconds = limit.as_secs_f64();
            Reason::new(GapKind::Hanging, format!("{} has not answered for {seconds} s", self.of))
        };
        let mut hangs = self.hangs.lock().unwrap_or_else(PoisonError::into_inner);
        let still = |ended: &Receiver<()>| ended.try_recv() == Err(TryRecvError::Empty);
        if hangs.as_ref().is_some_and(still) {
            return Err(silent());
        }
        let (answer, answered) = channel();
        let (end, ended) = channel();
        let work = move || {
            // Whoever waits no longer needs no answer.
            let _ = answer.send(question());
            drop(end);
        };
        std::thread::Builder::new().spawn(work).map_err(|error| {
            Reason::unsupported(format!("no thread to ask {} on: {error}", self.of))
        })?;
        match answered.recv_timeout(limit) {
            Ok(said) => {
                *hangs = None;
                said
            }
            Err(RecvTimeoutError::Timeout) => {
                *hangs = Some(ended);
                Err(silent())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Reason::unsupported(format!("asking {} broke off", self.of)))
            }
        }
    }
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
        assert_eq!(background.last(0).unwrap_err().detail, "no answer yet");
        assert_eq!(background.last(2 * SECOND).unwrap_err().detail, "no answer for 2 s");
        clock.advance(SECOND);
        give.send(7).unwrap();
        asks.recv().unwrap();
        let answer = background.last(SECOND).unwrap();
        assert_eq!((*answer.value, answer.t_ns), (7, SECOND / 2));
        assert!(background.last(SECOND / 2 + STALE_NS).is_ok());
        assert_eq!(background.last(5 * SECOND).unwrap_err().detail, "no answer for 4 s");
        drop(background);
        // The thread sees the end once its call has ended; nothing asks again.
        give.send(8).unwrap();
        assert!(asks.recv().is_err());
    }

    #[test]
    fn nobody_waits_longer_than_the_limit_and_only_once_for_one_that_hangs() {
        static DRIVER: TimedCall = TimedCall::new("the driver");
        let limit = Duration::from_millis(20);
        assert_eq!(DRIVER.ask(Duration::from_mins(1), || Ok(7)), Ok(7));
        assert_eq!(
            DRIVER.ask(Duration::from_mins(1), || Err::<u8, _>("none".into())),
            Err("none".into())
        );
        let (wake, sleeps) = channel::<()>();
        let (gone, is_gone) = channel::<()>();
        let hanging = move || {
            let _gone = gone;
            let _ = sleeps.recv();
            Ok(1)
        };
        let why = DRIVER.ask(limit, hanging).unwrap_err();
        assert_eq!(why.to_string(), "unsupported: the driver has not answered for 0.02 s");
        // As long as it does, no other question is asked: with this limit the wait would be an hour.
        let hour = Duration::from_hours(1);
        let why = DRIVER.ask(hour, || -> Result<u8, Reason> { panic!() });
        assert!(why.is_err_and(|why| why.kind == GapKind::Hanging));
        drop(wake);
        assert!(is_gone.recv().is_err());
        // The thread's last doing is to say so.
        while DRIVER.ask(hour, || Ok(2)) != Ok(2) {
            std::thread::yield_now();
        }
    }
}
