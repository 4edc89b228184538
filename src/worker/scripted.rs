//! A worker that plays a script instead of training: for tests of everything around it, and to prove that a gate can
//! fire. It speaks the same protocol through the same [`Link`], in a process of its own.
//!
//! In *virtual* time (the default) it claims durations without spending them; in *real* time it keeps one core busy for
//! as long as it says.

mod actor;
mod clock;
mod noise;

use crate::clock::{Clock, ManualClock, MonotonicClock};
use crate::event::{
    EPOCH_SAMPLES, EpochReport, Finished, Hello, JobSpec, Num, PROTOCOL_VERSION, Phase, Usage,
    Work, WorkerEvent, WorkerFailure,
};

use self::actor::{Actor, Regime, hang};
use self::clock::ScriptClock;
use self::noise::Noise;
use super::link::{Link, LinkError};
use super::script::{FaultKind, Script, Spending};
use super::serving::{self, Answer, Serving};

struct Player {
    link: Link<ScriptClock>,
    actor: Actor,
}

/// Plays the script that comes with the job on standard input.
pub fn run() -> Result<(), LinkError> {
    let manual = ManualClock::default();
    manual.advance(MonotonicClock.now_ns());
    let virtual_clock = ScriptClock::Virtual(manual);
    let (mut link, job) = Link::claim(virtual_clock.clone())?;
    let options = match &job.work {
        Work::Protocol { options } if !options.is_null() => options.clone(),
        _ => serde_json::json!({}),
    };
    let mut script: Script = match serde_json::from_value(options) {
        Ok(script) => script,
        Err(error) => {
            let message = format!("[worker] options: {error}");
            return link
                .send(WorkerEvent::Failed(WorkerFailure { kind: "job".to_owned(), message }));
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
    factor *= (Noise::of_run(&job).normal() * script.own_spread).exp();
    let regime = script.regimes.map(|of| Regime::new(of, &job, clock.now_ns()));
    let learns = script.learning_rate.map_or(1.0, |rate| job.train.learning_rate / rate);
    let actor = Actor {
        regime,
        clock,
        script,
        noise,
        factor,
        learns,
        phase: Phase::Load,
        steps: 0,
        request_us: 0.0,
        ballast: Vec::new(),
    };
    Player { link, actor }.play(&job)
}

impl Player {
    fn play(mut self, job: &JobSpec) -> Result<(), LinkError> {
        let mut facts = self.actor.script.facts.clone();
        let time = format!("{:?}", self.actor.script.time).to_lowercase();
        facts.insert("time".to_owned(), time);
        self.link.send(WorkerEvent::Hello(Hello {
            protocol: PROTOCOL_VERSION,
            worker: format!("perftune scripted worker {}", env!("CARGO_PKG_VERSION")),
            pid: std::process::id(),
            facts,
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
            samples: None,
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
        let accuracy = self.test(epochs, job.train.epochs)?;
        self.link.send(WorkerEvent::Finished(Finished {
            stopped,
            epochs,
            test_loss: accuracy.map(|accuracy| Num(1.0 - accuracy)),
            test_accuracy: accuracy.map(Num),
            test_samples: self.actor.script.test_samples.filter(|_| accuracy.is_some()),
            usage: Usage {
                cpu_ns: None,
                vm_hwm_bytes: self.actor.script.peak_bytes,
                hwm_at_most_bytes: None,
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

    /// The accuracy on the test data; nobody asks for that of a model that is not trained.
    fn test(&mut self, epochs: u32, budget: u32) -> Result<Option<f64>, LinkError> {
        if !self.link.is_tested(epochs, budget) {
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
}
