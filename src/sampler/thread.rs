//! The sampler's thread: ticks, their pace, their cost.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::cpu_clock::thread_cpu_ns;
use super::gpu;
use super::policy::SamplerPolicy;
use super::probe::{GapLedger, Probe, Tick};
use super::schedule::{Due, Schedule};
use super::sources::{Sources, probes};
use crate::clock::{Clock, ManualClock};
use crate::event::{Gap, GapKind, Lane, ResourceSample};

/// Why there is no sampler.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// The system gave no thread.
    #[error("cannot start the sampler's thread: {0}")]
    Thread(io::Error),
}

/// What this machine can be asked, and how often: one for a whole grid.
#[derive(Debug, Clone)]
pub struct Sampler {
    sources: Sources,
    unsupported: Vec<Gap>,
}

impl Sampler {
    /// Loads what must be loaded, and tries every probe once on this very process.
    pub fn new(policy: SamplerPolicy) -> Self {
        Self::of(Sources::new(policy))
    }

    /// The same for the runs on this lane, beside others: what cannot be told apart from theirs is a gap.
    #[must_use]
    pub fn in_lane(&self, lane: &Lane) -> Self {
        Self::of(Sources { lane: Some(lane.clone()), ..self.sources.clone() })
    }

    fn of(sources: Sources) -> Self {
        let mut reader = ProbeReader::new(std::process::id(), &sources);
        reader.begin();
        let mut sample = ResourceSample::default();
        for place in 0..reader.probes.len() {
            reader.ask(place, 0, true, &mut sample);
        }
        Self { sources, unsupported: lasting(gpu::of_all(&reader.gaps.current(), &sample.gpus)) }
    }

    /// What this machine cannot tell, with the reason: for warnings, the doctor and the reports. A worker
    /// may have further gaps; they are in its samples.
    pub fn unsupported(&self) -> &[Gap] {
        &self.unsupported
    }

    /// Starts to sample the tree below process `pid`, once at once and then at the policy's interval, until it is told to stop.
    ///
    /// `sink` is called on the sampler's thread and should only hand the sample on.
    pub fn start(
        &self,
        pid: u32,
        clock: impl Clock + 'static,
        sink: impl FnMut(ResourceSample) + Send + 'static,
    ) -> Result<SamplerHandle, SamplerError> {
        let (stop, stopped) = channel();
        let interval_ns = self.sources.policy.interval_ns;
        let ticker = Ticker {
            reader: ProbeReader::new(pid, &self.sources),
            clock,
            sink,
            report: SamplerReport::default(),
            elsewhere_ns: 0,
        };
        let work = move || ticker.run(pid, interval_ns, &stopped);
        let thread = std::thread::Builder::new().name("sampler".to_owned()).spawn(work);
        Ok(SamplerHandle { stop: Some(stop), thread: Some(thread.map_err(SamplerError::Thread)?) })
    }
}

/// The gaps that are no matter of time.
fn lasting(mut gaps: Vec<Gap>) -> Vec<Gap> {
    // A workload that gets ready changes what its TPUs answer.
    let passing = |gap: &Gap| {
        gap.reason.kind == GapKind::Waiting
            || (gap.field.starts_with("tpu") && !gap.reason.is_lasting())
    };
    gaps.retain(|gap| !passing(gap));
    gaps
}

/// A sampler at work. Dropping it stops it.
#[derive(Debug)]
pub struct SamplerHandle {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<SamplerReport>>,
}

impl SamplerHandle {
    /// Takes a last reading, if there is still something to read, and ends the thread; its wait ends at once.
    ///
    /// Call it while the worker is a zombie, that is after it has ended (`waitid` with `WNOWAIT`) and before it is waited for:
    /// then the last reading has the final counters of the whole tree.
    pub fn stop(mut self) -> SamplerReport {
        match self.join() {
            Some(Ok(report)) => report,
            // The panic of a sink or a probe is a defect, not a reading: it goes on where the sampler was started.
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => SamplerReport::default(),
        }
    }

    fn join(&mut self) -> Option<std::thread::Result<SamplerReport>> {
        // The thread waits on this channel: its end is the signal.
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join)
    }
}

impl Drop for SamplerHandle {
    fn drop(&mut self) {
        self.join();
    }
}

/// The sampler's tick without its thread: for measuring what a tick costs.
pub struct TickBench {
    ticker: Ticker<ManualClock, fn(ResourceSample)>,
    interval_ns: u64,
    fresh: bool,
}

impl TickBench {
    /// Ticks on the tree below process `pid`.
    pub fn new(pid: u32, policy: SamplerPolicy) -> Self {
        let ticker = Ticker {
            reader: ProbeReader::new(pid, &Sources::new(policy)),
            clock: ManualClock::default(),
            sink: drop as fn(ResourceSample),
            report: SamplerReport::default(),
            elsewhere_ns: 0,
        };
        Self { ticker, interval_ns: policy.interval_ns, fresh: true }
    }

    /// One tick now, as if the interval had passed since the last.
    pub fn tick(&mut self) -> ResourceSample {
        self.ticker.clock.advance(self.interval_ns);
        let due = Due { tick: 0, at_ns: self.ticker.clock.now_ns() };
        let first = std::mem::take(&mut self.fresh);
        self.ticker.sample(due, first)
    }
}

/// What the sampler did and what that cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SamplerReport {
    /// Samples taken.
    pub ticks: u64,
    /// Ticks left out because their time had passed.
    pub skipped: u64,
    /// CPU time of the sampler's thread, its sink included, and of the threads that ask slow sources, in nanoseconds.
    pub cost_ns: u64,
    /// CPU time of each probe, in nanoseconds.
    pub probe_cost_ns: Vec<(&'static str, u64)>,
    /// Largest delay of a tick after its deadline, in nanoseconds.
    pub max_late_ns: u64,
    /// From the first sample to the last, in nanoseconds.
    pub span_ns: u64,
}

impl SamplerReport {
    /// Mean time between two samples, in nanoseconds; absent with fewer than two.
    pub fn interval_ns(&self) -> Option<f64> {
        (self.ticks > 1).then(|| self.span_ns as f64 / (self.ticks - 1) as f64)
    }
}

/// All probes of one run.
struct ProbeReader {
    probes: Vec<Box<dyn Probe>>,
    gaps: GapLedger,
    pids: Vec<u32>,
    looked: bool,
    /// CPU time of each probe so far, in the order of `probes`.
    costs: Vec<u64>,
}

impl ProbeReader {
    fn new(pid: u32, sources: &Sources) -> Self {
        let probes = probes(pid, sources);
        Self {
            costs: vec![0; probes.len()],
            probes,
            gaps: GapLedger::default(),
            pids: Vec::new(),
            looked: false,
        }
    }

    fn begin(&mut self) {
        self.gaps.begin();
        self.pids.clear();
        self.looked = false;
    }

    fn ask(&mut self, place: usize, now_ns: u64, thorough: bool, sample: &mut ResourceSample) {
        let before = thread_cpu_ns();
        self.probes[place].read(&mut Tick {
            now_ns,
            thorough,
            sample,
            gaps: &mut self.gaps,
            pids: &mut self.pids,
            looked: &mut self.looked,
        });
        self.costs[place] += thread_cpu_ns().saturating_sub(before);
    }
}

struct Ticker<C, S> {
    reader: ProbeReader,
    clock: C,
    sink: S,
    report: SamplerReport,
    /// CPU time of threads that probes take their answers from, in nanoseconds.
    elsewhere_ns: u64,
}

impl<C: Clock, S: FnMut(ResourceSample)> Ticker<C, S> {
    fn run(mut self, seed: u32, interval_ns: u64, stopped: &Receiver<()>) -> SamplerReport {
        let schedule = Schedule::new(self.clock.now_ns(), interval_ns, u64::from(seed));
        let first = self.tick(schedule.due(0), true);
        let mut last = first;
        let mut done = 0;
        loop {
            let now_ns = self.clock.now_ns();
            let due = schedule.next(done, now_ns);
            self.report.skipped += due.tick - done - 1;
            let wait = Duration::from_nanos(due.at_ns.saturating_sub(now_ns));
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                break;
            }
            done = due.tick;
            last = self.tick(due, false);
        }
        let now = Due { tick: done + 1, at_ns: self.clock.now_ns() };
        last = self.finish(now).unwrap_or(last);
        self.report.span_ns = last.saturating_sub(first);
        self.report.cost_ns = thread_cpu_ns() + self.elsewhere_ns;
        let names = self.reader.probes.iter().map(|probe| probe.name());
        self.report.probe_cost_ns = names.zip(self.reader.costs.iter().copied()).collect();
        self.report
    }

    /// One sample; returns its time.
    fn tick(&mut self, due: Due, thorough: bool) -> u64 {
        let sample = self.sample(due, thorough);
        let t_ns = sample.t_ns;
        self.send(sample);
        t_ns
    }

    /// The last sample, which is nobody's business if nothing of the tree is left.
    fn finish(&mut self, due: Due) -> Option<u64> {
        let sample = self.sample(due, true);
        let t_ns = sample.t_ns;
        (!self.reader.pids.is_empty()).then(|| {
            self.send(sample);
            t_ns
        })
    }

    fn send(&mut self, sample: ResourceSample) {
        self.report.ticks += 1;
        self.report.max_late_ns = self.report.max_late_ns.max(sample.late_ns);
        (self.sink)(sample);
    }

    fn sample(&mut self, due: Due, thorough: bool) -> ResourceSample {
        let cpu_before = thread_cpu_ns();
        let begin = self.clock.now_ns();
        let mut sample = ResourceSample {
            late_ns: begin.saturating_sub(due.at_ns),
            ..ResourceSample::default()
        };
        self.reader.begin();
        for place in 0..self.reader.probes.len() {
            self.reader.ask(place, begin, thorough, &mut sample);
            if place == 0 {
                // The first probe is the tree, whose counters the time stamp belongs to.
                sample.t_ns = begin.midpoint(self.clock.now_ns());
            }
        }
        sample.gaps = self.reader.gaps.end();
        self.elsewhere_ns += sample.cost_ns;
        sample.cost_ns += thread_cpu_ns().saturating_sub(cpu_before);
        sample
    }
}
