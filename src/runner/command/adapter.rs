//! Tells the life of a command in the messages of a worker. What would break their grammar is not passed on but warned of:
//! a command that reports nonsense is measured all the same.

use std::collections::BTreeMap;

use super::pending::PendingSteps;
use super::reported::{Epoch, Reported};
use crate::event::bounds::{TEXT, cut};
use crate::event::{
    DeclaredMetric, Envelope, EpochReport, Finished, Hello, JobSpec, Num, PROTOCOL_VERSION, Phase,
    Stage, StepBatch, Usage, WorkerEvent,
};
use crate::runner::action::Input;
use crate::runner::lines::Line;
use crate::runner::stream::{Violation, Witness, WorkerStream};

/// The longest line that is read, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// Steps may be said to take one part in this many more than has passed, and this much longer, in nanoseconds: lines are read
/// a little late.
const OVERLAP: u64 = 10;
const LATE_NS: u64 = 200_000_000;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LineFault {
    TooLong,
    Unread,
    Refused,
}

/// One command's story so far.
#[derive(Debug)]
pub(super) struct ProtocolAdapter {
    /// Checks what is said before it is.
    stream: WorkerStream,
    seq: u64,
    started_ns: u64,
    t_ns: u64,
    phase: Phase,
    /// Requests are next, of a size that is not known yet.
    serving: bool,
    /// Stages that will not come again.
    left: Vec<Stage>,
    /// Since when the next step is timed where it does not say its time.
    mark_ns: Option<u64>,
    /// Samples trained on since the last epoch.
    samples: u64,
    /// Since when the steps of the current stage come, and the time that they have said to have taken.
    claimed: (u64, u64),
    /// They were told to overlap.
    overlap: bool,
    /// It was told that a figure is left out.
    left_out: bool,
    /// The metrics of the user's own.
    declared: Vec<DeclaredMetric>,
    test_loss: Option<Num>,
    test_accuracy: Option<Num>,
    test_samples: Option<u64>,
    faults: BTreeMap<LineFault, u64>,
    said: Vec<Input>,
}

impl ProtocolAdapter {
    /// Of a command that was started at this time as this process.
    pub(super) fn new(job: &JobSpec, pid: u32, started_ns: u64) -> Self {
        let mut adapter = Self {
            stream: WorkerStream::new(job, Witness { started_ns, capacity: None }),
            seq: 0,
            started_ns,
            t_ns: started_ns,
            phase: Phase::Run,
            serving: false,
            left: Vec::new(),
            mark_ns: None,
            samples: 0,
            claimed: (started_ns, 0),
            overlap: false,
            left_out: false,
            declared: job.metrics.clone(),
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
            faults: BTreeMap::new(),
            said: Vec::new(),
        };
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            worker: "command".to_owned(),
            pid,
            facts: BTreeMap::new(),
        };
        let phase = WorkerEvent::Phase { phase: Phase::Run };
        for event in [WorkerEvent::Hello(hello), phase] {
            // Both are what the grammar begins with.
            let _ = adapter.say(event, started_ns);
        }
        adapter
    }

    /// What has been said since it was last asked.
    pub(super) fn said(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.said)
    }

    /// Takes lines that came together, at this time.
    pub(super) fn take(&mut self, lines: &[Line], t_ns: u64) {
        let mut together: Option<PendingSteps> = None;
        for line in lines {
            let note = if !line.whole {
                Err((LineFault::TooLong, format!("it has more than {LONGEST} bytes")))
            } else if line.text.trim_ascii().is_empty() {
                continue;
            } else {
                Reported::read(&line.text, &self.declared).map_err(|why| (LineFault::Unread, why))
            };
            let taken = match note {
                Ok(Reported::Steps { items, dur_ns, fetch_ns, loss, figures }) => {
                    let (steps, line) = (dur_ns.len().max(1), line.number);
                    let next = PendingSteps { items, dur_ns, fetch_ns, steps, loss, figures, line };
                    // Without times of their own they share what has passed; of steps of another size nobody knows how.
                    if let Some(next) = join(&mut together, next) {
                        self.flush(together.replace(next), t_ns);
                    }
                    continue;
                }
                Ok(note) => {
                    self.flush(together.take(), t_ns);
                    self.note(note, t_ns).map_err(|why| (LineFault::Refused, why))
                }
                Err(fault) => Err(fault),
            };
            if let Err((fault, why)) = taken {
                self.warn(fault, line.number, &why);
            }
        }
        self.flush(together, t_ns);
    }

    /// Takes what nobody wrote as a line.
    pub(super) fn tell(&mut self, events: Vec<WorkerEvent>, t_ns: u64) {
        for event in events {
            if let Err(why) = self.say(event, t_ns)
                && !std::mem::replace(&mut self.left_out, true)
            {
                self.said.push(Input::Warning(format!("a figure is left out: {why}")));
            }
        }
    }

    /// Whether anything was said of a figure.
    pub(super) fn has_said(&self, name: &str) -> bool {
        self.stream.has_said(name)
    }

    /// The last message: the command has ended, by itself or `stopped`.
    pub(super) fn finish(&mut self, stopped: bool, usage: Usage, t_ns: u64) {
        for (fault, count) in std::mem::take(&mut self.faults) {
            let more = count - 1;
            let what = match fault {
                LineFault::TooLong => "were too long",
                LineFault::Unread => "could not be read",
                LineFault::Refused => "came out of place",
            };
            if more > 0 {
                let text = match more {
                    1 => format!(
                        "1 more line that the command reported {}",
                        what.replace("were", "was")
                    ),
                    _ => format!("{more} more lines that the command reported {what}"),
                };
                self.said.push(Input::Warning(text));
            }
        }
        let finished = Finished {
            stopped,
            epochs: self.stream.epochs(),
            test_loss: self.test_loss,
            test_accuracy: self.test_accuracy,
            test_samples: self.test_samples,
            usage,
        };
        // Its epochs are those of the stream, its accuracy was checked.
        let _ = self.say(WorkerEvent::Finished(finished), t_ns);
    }

    fn say(&mut self, event: WorkerEvent, t_ns: u64) -> Result<(), String> {
        let envelope = Envelope { seq: self.seq, t_ns: self.t_ns.max(t_ns), event };
        let mut stream = self.stream.clone();
        stream.accept(&envelope, envelope.t_ns).map_err(|violation| violation.to_string())?;
        self.stream = stream;
        self.seq += 1;
        self.t_ns = envelope.t_ns;
        self.said.push(Input::Message(envelope));
        Ok(())
    }

    fn warn(&mut self, fault: LineFault, line: u64, why: &str) {
        let count = self.faults.entry(fault).or_default();
        *count += 1;
        if *count == 1 {
            let why = cut(why, TEXT);
            let text = format!("line {line} that the command reported is left out: {why}");
            self.said.push(Input::Warning(text));
        }
    }

    fn flush(&mut self, together: Option<PendingSteps>, t_ns: u64) {
        if let Some(mut together) = together {
            let (line, said) = (together.line, together.said(&self.declared));
            match self.steps(together, t_ns) {
                Ok(()) => self.tell(said, t_ns),
                Err(why) => self.warn(LineFault::Refused, line, &why),
            }
        }
    }

    fn steps(&mut self, together: PendingSteps, t_ns: u64) -> Result<(), String> {
        let PendingSteps { items, dur_ns, fetch_ns, steps, loss, .. } = together;
        let age_ns = t_ns.saturating_sub(self.started_ns);
        let took_ns = dur_ns.iter().fold(0, |sum: u64, dur| sum.saturating_add(*dur));
        if took_ns > age_ns {
            return Err(format!(
                "steps of {} s, {} s after the start, are longer than the run; `dur_s` is in seconds",
                took_ns as f64 / 1e9,
                age_ns as f64 / 1e9
            ));
        }
        if self.serving {
            self.serving = false;
            self.enter(Phase::Serve(items), t_ns - took_ns)?;
        } else if self.phase == Phase::Run {
            self.enter(Phase::Train, t_ns - took_ns)?;
        }
        if self.phase == Phase::Train {
            self.samples += u64::from(items) * steps as u64;
        }
        self.claim(took_ns, t_ns);
        let since_ns = self.mark_ns.replace(t_ns);
        let dur_ns = match (dur_ns.is_empty(), since_ns) {
            (false, _) => dur_ns,
            // Nobody knows when the first step began.
            (true, None) => return Ok(()),
            (true, Some(since_ns)) => {
                let each_ns = t_ns.saturating_sub(since_ns) / steps as u64;
                vec![each_ns.max(1); steps]
            }
        };
        let took_ns: u64 = dur_ns.iter().sum();
        let batch = StepBatch {
            phase: self.phase,
            items,
            start_ns: t_ns.saturating_sub(took_ns),
            dur_ns,
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns,
            loss,
        };
        self.say(WorkerEvent::Steps(batch), t_ns)
    }

    /// Takes the time that steps are said to have taken. Consecutive ones cannot have taken more than has passed: rates are
    /// made of these times.
    fn claim(&mut self, took_ns: u64, t_ns: u64) {
        let (since_ns, said_ns) = &mut self.claimed;
        *said_ns = said_ns.saturating_add(took_ns);
        let passed_ns = t_ns.saturating_sub(*since_ns);
        let most_ns = passed_ns.saturating_add(passed_ns / OVERLAP).saturating_add(LATE_NS);
        if *said_ns > most_ns && !std::mem::replace(&mut self.overlap, true) {
            let [claimed, passed] = [*said_ns, passed_ns].map(|ns| ns as f64 / 1e9);
            self.said.push(Input::Warning(format!(
                "the steps that the command reported took {claimed:.3} s in {passed:.3} s: either several processes \
                 report, and the throughput is that of one of them, or `dur_s` is not in seconds"
            )));
        }
    }

    fn enter(&mut self, phase: Phase, t_ns: u64) -> Result<(), String> {
        let (from, into) = (self.phase.stage(), phase.stage());
        if from != into && self.left.contains(&into) {
            return Err(format!(
                "phase {phase} comes a second time: it ended when {} began",
                self.phase
            ));
        }
        self.say(WorkerEvent::Phase { phase }, t_ns)?;
        if from != into {
            self.left.push(from);
            self.claimed = (t_ns, 0);
        }
        self.phase = phase;
        Ok(())
    }

    fn note(&mut self, note: Reported, t_ns: u64) -> Result<(), String> {
        match note {
            Reported::Phase(None) => {
                self.serving = true;
                self.mark_ns = Some(t_ns);
                Ok(())
            }
            Reported::Phase(Some(phase)) => {
                self.enter(phase, t_ns)?;
                self.serving = false;
                self.mark_ns = Some(t_ns);
                Ok(())
            }
            Reported::Epoch(epoch) => self.epoch(&epoch, t_ns),
            Reported::Metric { name, value, samples } => {
                self.say(WorkerEvent::Metric { name, value, samples }, t_ns)
            }
            Reported::Test { accuracy, value, samples } => {
                let share = (0.0..=1.0).contains(&value.0);
                if accuracy && !share {
                    return Err(format!("an accuracy of {}, which is not in 0..1", value.0));
                }
                let slot = if accuracy { &mut self.test_accuracy } else { &mut self.test_loss };
                *slot = Some(value);
                self.test_samples = samples.filter(|_| accuracy).or(self.test_samples);
                Ok(())
            }
            Reported::Event(WorkerEvent::Steps(batch)) => {
                // Before the phase begins with them: their time would become that of the whole story.
                if batch.start_ns < self.started_ns {
                    return Err("steps from before the start of the command".to_owned());
                }
                if batch.end_ns() > t_ns {
                    let ahead_ns = batch.end_ns() - t_ns;
                    return Err(Violation::Future { ahead_ns }.to_string());
                }
                if self.phase == Phase::Run {
                    self.enter(batch.phase, batch.start_ns)?;
                }
                if batch.phase == Phase::Train {
                    self.samples += u64::from(batch.items) * batch.dur_ns.len() as u64;
                }
                self.mark_ns = Some(t_ns);
                self.claim(batch.end_ns() - batch.start_ns, t_ns);
                self.say(WorkerEvent::Steps(batch), t_ns)
            }
            Reported::Event(event) => self.say(event, t_ns),
            Reported::Steps { .. } => Ok(()),
        }
    }

    fn epoch(&mut self, epoch: &Epoch, t_ns: u64) -> Result<(), String> {
        let report = EpochReport {
            epoch: epoch.number.unwrap_or(self.stream.epochs() + 1),
            samples: epoch.samples.unwrap_or(self.samples),
            train_loss: epoch.train_loss,
            validation_loss: epoch.validation_loss,
            validation_accuracy: epoch.validation_accuracy,
        };
        self.say(WorkerEvent::Epoch(report), t_ns)?;
        self.samples = 0;
        self.mark_ns = Some(t_ns);
        Ok(())
    }
}

/// Puts steps to those before them; gives them back where one message cannot tell both.
fn join(before: &mut Option<PendingSteps>, next: PendingSteps) -> Option<PendingSteps> {
    if let Some(before) = before {
        return before.join(next).err();
    }
    *before = Some(next);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CommandSpec, Work};
    use crate::runner::fixtures::job;
    use crate::runner::lines::LineSplitter;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    fn adapter() -> ProtocolAdapter {
        let mut adapter = ProtocolAdapter::new(&command(), 1, S);
        let begun = adapter.said();
        assert_eq!(begun.len(), 2);
        adapter
    }

    fn command() -> JobSpec {
        let mut job = job(0);
        job.work = Work::Command {
            spec: CommandSpec {
                words: vec!["true".into()],
                steps: true,
                epochs: false,
                bare: false,
                told: Vec::new(),
                ..CommandSpec::default()
            },
        };
        job
    }

    /// What is said of lines that come together.
    fn say(adapter: &mut ProtocolAdapter, text: &str, t_ns: u64) -> Vec<String> {
        let lines = LineSplitter::new(LONGEST).cut(text.as_bytes());
        adapter.take(&lines, t_ns);
        adapter.said().iter().map(shown).collect()
    }

    fn shown(input: &Input) -> String {
        match input {
            Input::Message(envelope) => match &envelope.event {
                WorkerEvent::Phase { phase } => phase.to_string(),
                WorkerEvent::Steps(batch) => {
                    let start = (batch.start_ns - S) as f64 / 1e9;
                    let durs: Vec<f64> = batch.dur_ns.iter().map(|ns| *ns as f64 / 1e9).collect();
                    format!("{} {}x{durs:?} from {start}", batch.phase, batch.items)
                }
                WorkerEvent::Epoch(report) => format!("epoch {} {}", report.epoch, report.samples),
                WorkerEvent::Metric { name, value, .. } => format!("{name}={}", value.0),
                WorkerEvent::Finished(finished) => {
                    format!("finished {} {:?}", finished.epochs, finished.test_accuracy)
                }
                other => format!("{other:?}"),
            },
            Input::Warning(text) => format!("! {text}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn steps_are_timed_by_themselves_or_by_when_they_come() {
        let mut own = adapter();
        let two =
            "{\"step\":{\"items\":8,\"dur_s\":0.25}}\n{\"step\":{\"items\":8,\"dur_s\":0.5}}\n";
        assert_eq!(say(&mut own, two, 3 * S), ["train", "train 8x[0.25, 0.5] from 1.25"]);
        let mut clock = adapter();
        let step = "{\"step\":{\"items\":4}}\n";
        // Of the first step nobody knows when it began.
        assert_eq!(say(&mut clock, step, 2 * S), ["train"]);
        assert_eq!(say(&mut clock, step, 3 * S), ["train 4x[1.0] from 1"]);
        let both = [step, step].concat();
        assert_eq!(say(&mut clock, &both, 4 * S), ["train 4x[0.5, 0.5] from 2"]);
        // What lies before the end of an epoch is no part of the next step.
        let epoch = "{\"epoch\":{\"train_loss\":0.5}}\n";
        assert_eq!(say(&mut clock, epoch, 7 * S), ["epoch 1 16"]);
        assert_eq!(say(&mut clock, step, 8 * S), ["train 4x[1.0] from 6"]);
    }

    #[test]
    fn serving_has_the_size_of_its_first_request() {
        let mut adapter = adapter();
        assert!(say(&mut adapter, "{\"phase\":\"serve\"}\n", 2 * S).is_empty());
        let step = "{\"step\":{\"items\":4}}\n";
        assert_eq!(say(&mut adapter, step, 3 * S), ["serve[4]", "serve[4] 4x[1.0] from 1"]);
        // Training may come after it, and it does not come back.
        assert_eq!(say(&mut adapter, "{\"phase\":\"train\"}\n", 4 * S), ["train"]);
        let back = say(&mut adapter, "{\"phase\":\"serve[4]\"}\n", 5 * S);
        assert!(back[0].contains("comes a second time"), "{back:?}");
        assert_eq!(say(&mut adapter, step, 6 * S), ["train 4x[2.0] from 3"]);
    }

    #[test]
    fn nonsense_is_told_once_with_its_line_and_counted() {
        let mut adapter = adapter();
        let text = "{}\nx\n\n{\"metric\":{\"name\":\"a\",\"value\":1}}\n{\"epoch\":{\"epoch\":7,\"train_loss\":1}}\n";
        let said = say(&mut adapter, text, 2 * S);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].starts_with("! line 1 that the command reported is left out"));
        assert_eq!(said[1], "a=1");
        assert!(said[2].contains("line 5") && said[2].contains("epoch 7 where 1"), "{said:?}");
        // Longer than the command has run: a mistake of the unit.
        say(&mut adapter, "{\"step\":{\"dur_s\":12}}\n", 2 * S);
        let accuracy = "{\"metric\":{\"name\":\"test_accuracy\",\"value\":0.5}}\n";
        assert!(say(&mut adapter, accuracy, 2 * S).is_empty());
        adapter.finish(false, Usage::default(), 3 * S);
        let said: Vec<String> = adapter.said().iter().map(shown).collect();
        assert_eq!(
            said,
            [
                "! 1 more line that the command reported could not be read",
                "! 1 more line that the command reported came out of place",
                "finished 0 Some(Num(0.5))"
            ]
        );
    }

    #[test]
    fn steps_that_take_longer_than_the_time_are_warned_of_once() {
        let step = "{\"step\":{\"dur_s\":0.1}}\n";
        for (writers, warned) in [(1, 0), (4, 1)] {
            let mut adapter = adapter();
            let mut warnings = Vec::new();
            for tick in 1..20 {
                for _ in 0..writers {
                    let said = say(&mut adapter, step, S + tick * S / 10);
                    warnings.extend(said.into_iter().filter(|said| said.starts_with('!')));
                }
            }
            assert_eq!(warnings.len(), warned, "{warnings:?}");
            assert!(warnings.iter().all(|said| said.contains("`dur_s` is not in seconds")));
        }
    }

    /// The end of a command is told at its own time, whatever its first steps have claimed.
    #[test]
    fn steps_of_another_time_begin_no_phase() {
        let steps = |start_ns: u64, dur_ns: u64| {
            format!(
                "{{\"type\":\"steps\",\"data\":{{\"phase\":\"train\",\"items\":1,\"start_ns\":{start_ns},\"dur_ns\":[{dur_ns}]}}}}\n"
            )
        };
        for (start_ns, dur_ns, says) in [
            (100 * S, 5, "CLOCK_MONOTONIC"),
            (S, u64::MAX, "CLOCK_MONOTONIC"),
            (S - 1, 5, "before the start"),
        ] {
            let mut adapter = adapter();
            let said = say(&mut adapter, &steps(start_ns, dur_ns), 2 * S);
            assert!(said.len() == 1 && said[0].contains(says), "{said:?}");
            adapter.finish(false, Usage::default(), 3 * S);
            let last = adapter.said().pop().unwrap();
            let Input::Message(envelope) = last else {
                panic!("{last:?}");
            };
            assert_eq!(envelope.t_ns, 3 * S);
        }
        let mut adapter = adapter();
        let said = say(&mut adapter, &steps(S, S), 2 * S);
        assert_eq!(said, ["train", "train 1x[1.0] from 0"]);
    }

    proptest! {
        /// Whatever is written, what is passed on keeps the grammar: another stream takes all of it.
        #[test]
        fn what_is_said_keeps_the_grammar(lines in proptest::collection::vec(0..12usize, 0..60), gaps in proptest::collection::vec(0..2_000_000_000u64, 60)) {
            const LINES: [&str; 12] = [
                r#"{"step":{}}"#, r#"{"step":{"items":3,"dur_s":0.1}}"#, r#"{"step":{"dur_s":[0.1,0.2]}}"#,
                r#"{"phase":"train"}"#, r#"{"phase":"serve"}"#, r#"{"phase":"validate"}"#, r#"{"phase":"serve[2]"}"#,
                r#"{"epoch":{"train_loss":"nan"}}"#, r#"{"epoch":{"epoch":1,"train_loss":1,"validation_accuracy":3}}"#,
                r#"{"metric":{"name":"x","value":"inf"}}"#, "garbage",
                r#"{"type":"steps","data":{"phase":"train","items":1,"start_ns":1,"dur_ns":[5]}}"#,
            ];
            let mut adapter = ProtocolAdapter::new(&command(), 1, S);
            let mut stream = WorkerStream::new(&command(), Witness::default());
            let mut t_ns = S;
            for (number, (line, gap)) in lines.iter().zip(gaps).enumerate() {
                t_ns += gap;
                let line = Line { number: number as u64, text: LINES[*line].as_bytes().to_vec(), whole: true };
                adapter.take(&[line], t_ns);
            }
            adapter.finish(false, Usage::default(), t_ns);
            for input in adapter.said() {
                if let Input::Message(envelope) = input {
                    prop_assert_eq!(stream.accept(&envelope, u64::MAX), Ok(()));
                }
            }
            prop_assert!(stream.is_over());
        }
    }
}
