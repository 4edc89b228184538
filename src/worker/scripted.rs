//! A worker that plays a script instead of training: for tests of everything around it, and to prove that a gate can
//! fire. It speaks the same protocol through the same [`Link`], in a process of its own.
//!
//! In *virtual* time (the default) it claims durations without spending them; in *real* time it keeps one core busy for
//! as long as it says.

use std::io::Write;

use crate::clock::{Clock, ManualClock, MonotonicClock};
use crate::event::{
    EPOCH_SAMPLES, EpochReport, Finished, Hello, JobSpec, Num, PROTOCOL_VERSION, Phase, Usage,
    WorkerEvent, WorkerFailure,
};
use crate::load::Pace;

use super::link::{Link, LinkError};
use super::script::{Fault, FaultKind, Script, Spending};
use super::serving::{self, Answer, Serving};

/// A deterministic generator (xorshift64*, Vigna 2016): the script's noise is the same on every machine.
#[derive(Debug, Clone)]
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Uniform in 0..1.
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Close to a standard normal: the sum of twelve uniforms, less six.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// The time of the script: claimed or spent.
#[derive(Debug, Clone)]
enum ScriptClock {
    Virtual(ManualClock),
    Real,
}

impl Clock for ScriptClock {
    fn now_ns(&self) -> u64 {
        match self {
            Self::Virtual(clock) => clock.now_ns(),
            Self::Real => MonotonicClock.now_ns(),
        }
    }
}

impl Pace for ScriptClock {
    fn wait_until(&self, ns: u64, leave: &dyn Fn() -> bool) -> bool {
        match self {
            Self::Virtual(clock) => clock.wait_until(ns, leave),
            Self::Real => MonotonicClock.wait_until(ns, leave),
        }
    }
}

impl ScriptClock {
    fn pass(&self, ns: u64) {
        match self {
            Self::Virtual(clock) => clock.advance(ns),
            Self::Real => {
                let end = MonotonicClock.now_ns() + ns;
                while MonotonicClock.now_ns() < end {
                    std::hint::spin_loop();
                }
            }
        }
    }
}

struct Player {
    link: Link<ScriptClock>,
    actor: Actor,
}

/// Who plays, apart from the link that it speaks through.
struct Actor {
    clock: ScriptClock,
    script: Script,
    noise: Noise,
    /// Multiplies every duration of this run.
    factor: f64,
    /// Of the current phase.
    phase: Phase,
    steps: u64,
    /// Median time of a request of the current size, in microseconds.
    request_us: f64,
    ballast: Vec<u8>,
}

/// Plays the script that comes with the job on standard input.
pub fn run() -> Result<(), LinkError> {
    let manual = ManualClock::default();
    manual.advance(MonotonicClock.now_ns());
    let virtual_clock = ScriptClock::Virtual(manual);
    let (mut link, job) = Link::claim(virtual_clock.clone())?;
    let options = if job.options.is_null() {
        serde_json::json!({})
    } else {
        job.options.clone()
    };
    let mut script: Script = match serde_json::from_value(options) {
        Ok(script) => script,
        Err(error) => {
            let message = format!("[worker] options: {error}");
            return link.send(WorkerEvent::Failed(WorkerFailure {
                kind: "job".to_owned(),
                message,
            }));
        }
    };
    script.fault = script.fault.filter(|fault| fault.concerns(&job));
    let clock = match script.time {
        Spending::Virtual => virtual_clock,
        Spending::Real => ScriptClock::Real,
    };
    link.set_clock(clock.clone());
    let mut noise = Noise::new(job.seed);
    let mut factor = script.slowdown_of(&job);
    // Drawn only where it is asked for: scripts from before there was such a thing play as they did.
    if script.run_spread > 0.0 {
        factor *= (noise.normal() * script.run_spread).exp();
    }
    let actor = Actor {
        clock,
        script,
        noise,
        factor,
        phase: Phase::Load,
        steps: 0,
        request_us: 0.0,
        ballast: Vec::new(),
    };
    Player { link, actor }.play(&job)
}

impl Player {
    fn play(mut self, job: &JobSpec) -> Result<(), LinkError> {
        self.link.send(WorkerEvent::Hello(Hello {
            protocol: PROTOCOL_VERSION,
            worker: format!("perftune scripted worker {}", env!("CARGO_PKG_VERSION")),
            pid: std::process::id(),
            facts: [(
                "time".to_owned(),
                format!("{:?}", self.actor.script.time).to_lowercase(),
            )]
            .into(),
        }))?;
        if let Some(Err(error)) = job.serve.as_ref().map(serving::check) {
            return self.link.send(WorkerEvent::Failed(WorkerFailure {
                kind: "job".to_owned(),
                message: error.to_string(),
            }));
        }
        self.begin(Phase::Load)?;
        self.actor.load();
        let samples =
            u64::from(self.actor.script.steps_per_epoch) * u64::from(job.train.batch_size);
        self.link.send(WorkerEvent::Metric {
            name: EPOCH_SAMPLES.to_owned(),
            value: Num(samples as f64),
        })?;
        self.begin(Phase::Warmup)?;
        for _ in 0..job.train.warmup_steps {
            self.step(job.train.batch_size, self.actor.script.step_us)?;
        }
        for &size in job.serve.iter().flat_map(|serve| &serve.batch_sizes) {
            if self.is_deaf() || !self.link.stop_requested() {
                self.serve(size, job, false)?;
            }
        }
        let untrained = !self.is_deaf() && self.link.stop_requested();
        let epochs = self.train(job)?;
        let stopped = untrained || epochs < job.train.epochs;
        // Nobody said stop: the budget is used up, or the model as good as it gets.
        let again = job.serve.as_ref().filter(|serve| serve.confirm);
        if let Some(serve) = again.filter(|_| epochs > 0 && !self.link.stop_requested()) {
            for &size in &serve.batch_sizes {
                self.serve(size, job, true)?;
            }
        }
        let accuracy = self.test(epochs, untrained)?;
        self.link.send(WorkerEvent::Finished(Finished {
            stopped,
            epochs,
            test_loss: accuracy.map(|accuracy| Num(1.0 - accuracy)),
            test_accuracy: accuracy.map(Num),
            usage: Usage {
                cpu_ns: None,
                vm_hwm_bytes: self.actor.script.peak_bytes,
            },
        }))?;
        if self.actor.fails_by(FaultKind::Linger) {
            hang();
        }
        Ok(())
    }

    fn begin(&mut self, phase: Phase) -> Result<(), LinkError> {
        self.link.phase(phase)?;
        self.actor.begin(phase, &mut self.link)
    }

    /// `again`: on the trained weights.
    fn serve(&mut self, size: u32, job: &JobSpec, again: bool) -> Result<(), LinkError> {
        let Some(serve) = &job.serve else {
            return Ok(());
        };
        let Self { link, actor } = self;
        actor.request_us = actor.script.request_us * f64::from(size).sqrt();
        let seed = job.seed;
        let serving = Serving { serve, size, seed };
        if again {
            actor.request_us *= actor.script.trained_slowdown;
            return serving.confirm(link, actor);
        }
        serving.run(link, actor)
    }

    fn train(&mut self, job: &JobSpec) -> Result<u32, LinkError> {
        let mut trained = 0_u64;
        for epoch in 1..=job.train.epochs {
            if self.is_trained() {
                return Ok(epoch - 1);
            }
            self.begin(Phase::Train)?;
            self.actor.steps = trained;
            for _ in 0..self.actor.script.steps_per_epoch {
                if self.actor.leaves(&self.link, Phase::Train) || self.is_trained() {
                    return Ok(epoch - 1);
                }
                let median_us = self.actor.train_us();
                self.step(job.train.batch_size, median_us)?;
                self.actor.break_down(&mut self.link)?;
            }
            trained = self.actor.steps;
            self.begin(Phase::Validate)?;
            self.step(1000, self.actor.script.request_us)?;
            let accuracy = self.actor.accuracy(epoch);
            let steps = u64::from(self.actor.script.steps_per_epoch);
            self.link.send(WorkerEvent::Epoch(EpochReport {
                epoch,
                samples: steps * u64::from(job.train.batch_size),
                train_loss: Num(self.actor.loss(epoch)),
                validation_loss: Some(Num(1.0 - accuracy)),
                validation_accuracy: Some(Num(accuracy)),
            }))?;
        }
        Ok(job.train.epochs)
    }

    /// The accuracy on the test data; nobody asks for that of an untrained model.
    fn test(&mut self, epochs: u32, untrained: bool) -> Result<Option<f64>, LinkError> {
        if untrained {
            return Ok(None);
        }
        self.begin(Phase::Test)?;
        self.step(1000, self.actor.script.request_us)?;
        Ok(Some(self.actor.accuracy(epochs)))
    }

    fn is_trained(&self) -> bool {
        !self.is_deaf() && self.link.training_over()
    }

    fn is_deaf(&self) -> bool {
        self.actor.fails_by(FaultKind::IgnoreStop)
    }

    fn step(&mut self, items: u32, median_us: f64) -> Result<(), LinkError> {
        let start = self.link.now_ns();
        self.actor.work(median_us);
        self.actor.steps += 1;
        if self.link.step(items, start, self.link.now_ns())? {
            let loss = self.actor.loss(1);
            self.link.flush(Some(loss))?;
        }
        Ok(())
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

impl Actor {
    fn load(&mut self) {
        self.ballast = vec![1; self.script.memory_bytes];
        // Reading it back keeps the pages from being optimised away.
        std::hint::black_box(&self.ballast);
    }

    fn begin(&mut self, phase: Phase, link: &mut Link<ScriptClock>) -> Result<(), LinkError> {
        if self.script.talks {
            complain(&format!("process {}: {phase}", std::process::id()));
        }
        self.phase = phase;
        self.steps = 0;
        self.break_down(link)
    }

    fn work(&mut self, median_us: f64) {
        let factor = (self.noise.normal() * self.script.spread).exp() * self.factor;
        self.clock.pass(whole_ns(median_us * factor));
    }

    /// Median time of the next training step, in microseconds.
    fn train_us(&self) -> f64 {
        let first = if self.steps == 0 {
            self.script.first_step
        } else {
            1.0
        };
        let drift = 1.0 + self.script.drift * self.steps as f64 / 1000.0;
        self.script.step_us * first * drift
    }

    fn fails_by(&self, kind: FaultKind) -> bool {
        let fault = self.script.fault.as_ref();
        fault.is_some_and(|fault| fault.kind == kind)
    }

    fn accuracy(&self, epochs: u32) -> f64 {
        self.script.accuracy * (1.0 - 0.5_f64.powi(i32::try_from(epochs).unwrap_or(i32::MAX)))
    }

    fn loss(&self, epoch: u32) -> f64 {
        match &self.script.fault {
            Some(Fault {
                kind: FaultKind::Nan,
                after,
                ..
            }) if self.steps >= *after => f64::NAN,
            _ => 1.0 / f64::from(epoch + 1),
        }
    }

    /// Does the script's fault when its place has come.
    fn break_down(&self, link: &mut Link<ScriptClock>) -> Result<(), LinkError> {
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
                let failure = WorkerFailure {
                    kind: "data".to_owned(),
                    message,
                };
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

fn complain(line: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn leave(code: i32) -> ! {
    #[expect(
        clippy::exit,
        reason = "a script may end the process in the middle of anything"
    )]
    std::process::exit(code)
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_what_it_changes_only() {
        let script: Script = serde_json::from_str(
            r#"{"step_us": 500.0, "fault": {"kind": "kill", "phase": "train", "after": 3}}"#,
        )
        .unwrap();
        assert_eq!(script.fault.as_ref().unwrap().phase, Phase::Train);
        assert!((script.step_us - 500.0).abs() < 1e-9 && script.steps_per_epoch == 100);
        assert!(serde_json::from_str::<Script>(r#"{"stepus": 5}"#).is_err());
    }

    #[test]
    fn the_noise_is_near_normal_and_repeats() {
        let draw = |seed| {
            let mut noise = Noise::new(seed);
            (0..10_000).map(|_| noise.normal()).collect::<Vec<_>>()
        };
        let values = draw(1);
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e4;
        assert!(
            mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
