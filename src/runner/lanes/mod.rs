//! Runs side by side: a thread a lane, which takes the next run and drives it as [`super::execute`] does, on the cores of its lane.
//!
//! What happens in any of them goes through one channel to the thread that records it. Invariant: the visits of a cell are never
//! made at the same time, and when the call returns no worker is left.

mod queue;

use std::mem;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use self::queue::{Next, Queue};
use super::child;
use super::executor::{Execution, Order};
use super::group::{GroupError, Groups};
use super::hooks::{Cells, Hindrance};
use super::interrupts::Interrupts;
use super::recorded::VirtualTime;
use super::system::Cpus;
use super::{RunSpec, Sink, SinkError};
use crate::event::{Lane, RunEvent};
use crate::sampler::Sampler;

/// Events that wait to be recorded; who has more to say waits.
const WAITING: usize = 1024;

/// A lane, and who samples the runs on it.
#[derive(Debug)]
pub struct SampledLane {
    /// Where.
    pub lane: Lane,
    /// Reads what is the lane's own.
    pub sampler: Sampler,
}

/// Runs the specs in order on these lanes, each run as [`super::execute`] runs it: a lane that has none takes the next one. Ends
/// early when the user interrupts or the sink fails.
pub fn execute_in_lanes(
    specs: &[RunSpec],
    lanes: &[SampledLane],
    order: Order<'_>,
    sink: &mut Sink<'_>,
) -> Result<(), SinkError> {
    child::adopt_orphans();
    let base = specs.iter().find_map(|spec| spec.group.as_ref());
    let groups = base.map(Groups::open);
    let queue = Queue::new(specs.iter().map(|spec| &*spec.cell));
    let Order { interrupts, cells, last } = order;
    let none = Cells::new(interrupts.clone());
    let known = mem::replace(cells, none);
    let state = Mutex::new(State { queue, cells: known, closed: false });
    let (groups, changed) = (groups.as_ref(), Condvar::new());
    let shared = Shared { specs, groups, interrupts, last, state, changed };
    let (events, happened) = sync_channel(WAITING);
    let done = thread::scope(|scope| {
        for lane in lanes {
            if let Err(error) = start(scope, &shared, lane, events.clone()) {
                shared.close();
                return Err(error);
            }
        }
        // It is at its end when the last lane is.
        drop(events);
        let recorded = happened.iter().try_for_each(&mut *sink);
        // A lane that has more to say hears of it at once.
        drop(happened);
        if recorded.is_err() {
            shared.close();
        }
        recorded
    });
    child::reap_orphans();
    *cells = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner).cells;
    done
}

/// Starts the thread of a lane. It outlives its workers, whom the kernel kills with the thread that started them.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared<'scope>,
    lane: &'scope SampledLane,
    events: SyncSender<RunEvent>,
) -> Result<(), SinkError> {
    let thread = thread::Builder::new().name(format!("lane {}", lane.lane.number));
    let started = thread.spawn_scoped(scope, move || shared.work(lane, &events));
    let lost = |error| SinkError(format!("cannot start a thread for a lane: {error}"));
    started.map(drop).map_err(lost)
}

/// What all lanes work on.
struct Shared<'a> {
    specs: &'a [RunSpec],
    groups: Option<&'a Result<Groups, GroupError>>,
    interrupts: &'a Interrupts,
    last: bool,
    state: Mutex<State>,
    /// A visit is over.
    changed: Condvar,
}

struct State {
    queue: Queue,
    cells: Cells,
    /// Nothing that happens is recorded any more.
    closed: bool,
}

impl Shared<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Takes run after run, until nothing is left or nobody wants more.
    fn work(&self, seat: &SampledLane, events: &SyncSender<RunEvent>) {
        // What is done around a worker is done on the cores of its lane, and inherited by whatever is started. Where that cannot
        // be, the worker cannot be bound either, which is told of its run.
        let _ = Cpus::new(&seat.lane.cpus).bind();
        let mut tell = |event: RunEvent| {
            let gone = |_| SinkError("what happened before could not be recorded".to_owned());
            events.send(event).map_err(gone)
        };
        while let Some(mut taken) = self.take() {
            let spec = self.on_lane(taken.run, &seat.lane);
            let entered = match taken.cell.enter(&spec) {
                Ok(()) => Ok(()),
                Err(Hindrance::Failed(failure)) => Err(failure),
                Err(Hindrance::Interrupted) => return,
            };
            let execution = Execution::new(&spec, self.groups, &seat.sampler, &mut tell);
            // Where lanes are, nothing is looked up.
            let mut time = VirtualTime::default();
            if execution.run(entered, self.interrupts, &mut time).is_err() {
                return;
            }
            if self.last && !self.state().queue.holds_more_of(taken.run) {
                taken.cell.leave_after(&spec, &[]);
            }
        }
    }

    /// A run as it is made on this lane.
    fn on_lane(&self, run: usize, lane: &Lane) -> RunSpec {
        let spec = self.specs[run].clone();
        let usable_cores = spec.usable_cores.min(lane.cpus.len() as f64);
        RunSpec { lane: Some(lane.clone()), usable_cores, ..spec }
    }

    /// The next run, once there is one; none: there is nothing more to do.
    fn take(&self) -> Option<Taken<'_>> {
        let mut state = self.state();
        loop {
            if state.closed || self.interrupts.raised() {
                return None;
            }
            match state.queue.take() {
                Next::Run(run) => {
                    let cell = state.cells.lend(&self.specs[run]);
                    return Some(Taken { shared: self, run, cell });
                }
                Next::Wait => {
                    let woken = self.changed.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
                Next::Over => return None,
            }
        }
    }
}

/// A run that a lane has taken; others hear of its end however it comes.
struct Taken<'a> {
    shared: &'a Shared<'a>,
    run: usize,
    /// What was run around the runs of its cell.
    cell: Cells,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let nothing = Cells::new(self.shared.interrupts.clone());
        let cell = mem::replace(&mut self.cell, nothing);
        let mut state = self.shared.state();
        state.queue.end(self.run);
        state.cells.take_back(cell);
        drop(state);
        self.shared.changed.notify_all();
    }
}
