//! Which request is next, and since when it is due.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::arrivals::Arrivals;
use super::pace::Pace;
use super::served::Served;
use crate::clock::ManualClock;

/// Where requests come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// One after the other: a request is due when the server asks for it, so it never waits.
    Stream,
    /// So many clients, of which each sends its next request as soon as its last one was answered.
    Closed {
        /// How many.
        clients: NonZeroU32,
    },
    /// A schedule that does not care for the server.
    Open(Arrivals),
}

/// The next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When it is or was due; in the future while the server has nothing to do.
    pub scheduled_ns: u64,
}

/// Says which request is next. It holds no clock: the driver tells it the time.
#[derive(Debug, Clone)]
pub struct Generator {
    pending: Pending,
}

#[derive(Debug, Clone)]
enum Pending {
    Stream,
    /// When each of the requests was sent that are waiting or being answered, oldest first.
    Closed(VecDeque<u64>),
    Open {
        start_ns: u64,
        scheduled_ns: u64,
        arrivals: Arrivals,
    },
}

impl Generator {
    /// Begins a load at `start_ns`: closed clients send their first requests then, scheduled arrivals count from then.
    pub fn new(source: Source, start_ns: u64) -> Self {
        let pending = match source {
            Source::Stream => Pending::Stream,
            Source::Closed { clients } => {
                Pending::Closed(std::iter::repeat_n(start_ns, clients.get() as usize).collect())
            }
            Source::Open(mut arrivals) => Pending::Open {
                start_ns,
                scheduled_ns: start_ns.saturating_add(arrivals.draw_ns()),
                arrivals,
            },
        };
        Self { pending }
    }

    /// The request to answer next; the same one until it is [`done`](Self::done).
    pub fn next(&self, now_ns: u64) -> Due {
        let scheduled_ns = match &self.pending {
            Pending::Stream => now_ns,
            // There is one entry for each client, and at least one client.
            Pending::Closed(sent) => sent.front().copied().unwrap_or(now_ns),
            Pending::Open { scheduled_ns, .. } => *scheduled_ns,
        };
        Due { scheduled_ns }
    }

    /// The request was answered.
    pub fn done(&mut self, end_ns: u64) {
        match &mut self.pending {
            Pending::Stream => {}
            Pending::Closed(sent) => {
                sent.pop_front();
                sent.push_back(end_ns);
            }
            Pending::Open {
                start_ns,
                scheduled_ns,
                arrivals,
            } => *scheduled_ns = start_ns.saturating_add(arrivals.draw_ns()),
        }
    }

    /// Waits for the next request and has it answered; `None` when `leave` says so before it is due, which loses nothing.
    /// The same loop in real and in virtual time.
    pub fn answer<C: Pace + ?Sized, E>(
        &mut self,
        clock: &C,
        leave: &dyn Fn() -> bool,
        answer: impl FnOnce() -> Result<(), E>,
    ) -> Result<Option<Served>, E> {
        let due = self.next(clock.now_ns());
        if !clock.wait_until(due.scheduled_ns, leave) {
            return Ok(None);
        }
        let start_ns = clock.now_ns();
        answer()?;
        let end_ns = clock.now_ns();
        self.done(end_ns);
        Ok(Some(Served {
            scheduled_ns: due.scheduled_ns,
            start_ns,
            end_ns,
        }))
    }
}

/// Requests that take known times, answered in virtual time, until the times run out.
#[derive(Debug, Clone)]
pub struct VirtualQueue<I> {
    generator: Generator,
    clock: ManualClock,
    services_ns: I,
}

impl<I: Iterator<Item = u64>> VirtualQueue<I> {
    /// `services_ns`: how long each answer takes, in order. The clock is moved by waiting and by answering.
    pub fn new(generator: Generator, clock: ManualClock, services_ns: I) -> Self {
        Self {
            generator,
            clock,
            services_ns,
        }
    }
}

impl<I: Iterator<Item = u64>> Iterator for VirtualQueue<I> {
    type Item = Served;

    fn next(&mut self) -> Option<Served> {
        let service_ns = self.services_ns.next()?;
        let clock = &self.clock;
        let answer = || {
            clock.advance(service_ns);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(served) = self.generator.answer(clock, &|| false, answer);
        served
    }
}
