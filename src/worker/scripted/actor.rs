//! Who plays a script: works, or breaks down where it says.

use std::io::Write;

use super::clock::ScriptClock;
use super::noise::Noise;
use crate::clock::Clock;
use crate::event::{JobSpec, Phase, WorkerEvent, WorkerFailure};
use crate::worker::link::{Link, LinkError};
use crate::worker::script::{Fault, FaultKind, Regimes, Script};
use crate::worker::serving::Answer;

/// Which of two speeds the machine has.
pub(super) struct Regime {
    of: Regimes,
    noise: Noise,
    slow: bool,
    until_ns: u64,
}

impl Regime {
    /// As this run finds it: every run of every cell another one.
    pub(super) fn new(of: Regimes, job: &JobSpec, now_ns: u64) -> Self {
        let mut noise = Noise::of_run(job);
        let slow = noise.uniform() < 0.5;
        let mut regime = Self { of, noise, slow, until_ns: now_ns };
        regime.last();
        regime
    }

    /// Draws how long the speed of now lasts: an exponential time.
    fn last(&mut self) {
        let mean_us = self.of.mean_s * 1e6;
        self.until_ns += whole_ns(-(1.0 - self.noise.uniform()).ln() * mean_us).max(1);
    }

    fn factor(&mut self, now_ns: u64) -> f64 {
        while now_ns >= self.until_ns {
            self.slow = !self.slow;
            self.last();
        }
        if self.slow { self.of.factor } else { 1.0 }
    }
}

/// Who plays, apart from the link that it speaks through.
pub(super) struct Actor {
    pub(super) clock: ScriptClock,
    pub(super) script: Script,
    pub(super) noise: Noise,
    /// Multiplies every duration of this run.
    pub(super) factor: f64,
    /// Multiplies those of now.
    pub(super) regime: Option<Regime>,
    /// Multiplies the epochs that it has learnt for.
    pub(super) learns: f64,
    /// Of the current phase.
    pub(super) phase: Phase,
    pub(super) steps: u64,
    /// Median time of a request of the current size, in microseconds.
    pub(super) request_us: f64,
    pub(super) ballast: Vec<u8>,
}

impl Actor {
    pub(super) fn load(&mut self) {
        self.ballast = vec![1; self.script.memory_bytes];
        // Reading it back keeps the pages from being optimised away.
        std::hint::black_box(&self.ballast);
    }

    pub(super) fn begin(
        &mut self,
        phase: Phase,
        link: &mut Link<ScriptClock>,
    ) -> Result<(), LinkError> {
        if self.script.talks {
            complain(&format!("process {}: {phase}", std::process::id()));
        }
        self.phase = phase;
        self.steps = 0;
        self.break_down(link)
    }

    pub(super) fn work(&mut self, median_us: f64) {
        let now_ns = self.clock.now_ns();
        let regime = self.regime.as_mut().map_or(1.0, |regime| regime.factor(now_ns));
        let factor = (self.noise.normal() * self.script.spread).exp() * self.factor * regime;
        self.clock.pass(whole_ns(median_us * factor));
    }

    /// Median time of the next training step, in microseconds.
    pub(super) fn train_us(&self) -> f64 {
        let first = if self.steps == 0 { self.script.first_step } else { 1.0 };
        let drift = 1.0 + self.script.drift * self.steps as f64 / 1000.0;
        self.script.step_us * first * drift
    }

    pub(super) fn fails_by(&self, kind: FaultKind) -> bool {
        let fault = self.script.fault.as_ref();
        fault.is_some_and(|fault| fault.kind == kind)
    }

    pub(super) fn accuracy(&self, epochs: u32) -> f64 {
        self.script.accuracy * (1.0 - 0.5_f64.powf(f64::from(epochs) * self.learns))
    }

    pub(super) fn loss(&self, epoch: u32) -> f64 {
        match &self.script.fault {
            Some(Fault { kind: FaultKind::Nan, after, .. }) if self.steps >= *after => f64::NAN,
            _ => 1.0 / f64::from(epoch + 1),
        }
    }

    /// Does the script's fault when its place has come.
    pub(super) fn break_down(&self, link: &mut Link<ScriptClock>) -> Result<(), LinkError> {
        let Some(fault) = &self.script.fault else {
            return Ok(());
        };
        if fault.phase != self.phase || fault.after != self.steps {
            return Ok(());
        }
        link.sync()?;
        match fault.kind {
            FaultKind::Exit => {
                complain("scripted worker: this is the end");
                leave(7)
            }
            FaultKind::Kill => {
                let own = rustix::process::getpid();
                let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
                hang()
            }
            FaultKind::Abort => std::process::abort(),
            FaultKind::Hang => hang(),
            FaultKind::Nonsense => link.write_raw("{\"this is\": not a message}\n"),
            FaultKind::Sequence => {
                link.skip_sequence();
                Ok(())
            }
            FaultKind::Report => {
                let message = "row 3 of train.csv has 64 values, 65 were expected".to_owned();
                let failure = WorkerFailure { kind: "data".to_owned(), message };
                link.send(WorkerEvent::Failed(failure))?;
                leave(1)
            }
            FaultKind::StderrFlood => {
                for _ in 0..10_000 {
                    complain(&"x".repeat(100));
                }
                Ok(())
            }
            FaultKind::Nan | FaultKind::IgnoreStop | FaultKind::Linger => Ok(()),
        }
    }
}

impl Answer<ScriptClock> for Actor {
    type Error = LinkError;

    fn answer(&mut self) -> Result<(), LinkError> {
        self.work(self.request_us);
        Ok(())
    }

    fn answered(&mut self, link: &mut Link<ScriptClock>) -> Result<(), LinkError> {
        self.steps += 1;
        self.clock.pass(whole_ns(self.script.own_us));
        self.break_down(link)
    }

    fn begins(&mut self, link: &mut Link<ScriptClock>, phase: Phase) -> Result<(), LinkError> {
        self.begin(phase, link)
    }

    fn leaves(&self, link: &Link<ScriptClock>, phase: Phase) -> bool {
        !self.fails_by(FaultKind::IgnoreStop) && link.leave_requested(phase)
    }
}

/// Whole nanoseconds of so many microseconds.
fn whole_ns(us: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates at both ends"
    )]
    let whole = (us * 1000.0) as u64;
    whole
}

fn complain(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn leave(code: i32) -> ! {
    #[expect(clippy::exit, reason = "a script may end the process in the middle of anything")]
    std::process::exit(code)
}

pub(super) fn hang() -> ! {
    loop {
        std::thread::park();
    }
}
