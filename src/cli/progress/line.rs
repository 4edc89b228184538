//! The lines that stay: one when a run starts, one when it ends, warnings and failures.
//!
//! Writing them is left to the parent. Invariant: nothing that a worker says reaches the terminal with characters that
//! could steer it.

use crate::app::Expected;
use crate::cli::options::Verbosity;
use crate::event::{RunEvent, RunEventKind, RunRecord, RunStatus, StopReason};
use crate::metric::MetricId;
use crate::report::ending;
use crate::report::headline::{Place, accuracy_is_final};
use crate::report::layout::harmless;
use crate::report::words;
use crate::units;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;

/// Which lines the runs themselves have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// None: there is no progress to be shown.
    None,
    /// One at the end; the live display shows the rest.
    Ends,
    /// One at the start and one at the end.
    StartsAndEnds,
}

/// Decides what is said of an event.
#[derive(Debug)]
pub struct Teller {
    verbosity: Verbosity,
    lines: Lines,
    expected: Expected,
    /// Runs of those that are expected.
    started: usize,
    /// The number of each run in flight.
    numbers: HashMap<String, usize>,
    warned: HashSet<String>,
}

impl Teller {
    /// Nothing has been said yet.
    pub fn new(verbosity: Verbosity, lines: Lines) -> Self {
        Self {
            verbosity,
            lines,
            expected: Expected::default(),
            started: 0,
            numbers: HashMap::new(),
            warned: HashSet::new(),
        }
    }

    /// So many runs will be started.
    pub fn expect(&mut self, expected: Expected) {
        // A round is counted for itself.
        if matches!(expected, Expected::InRound { .. }) {
            self.started = 0;
        }
        self.expected = expected;
    }

    /// What is said of a warning that concerns no run of its own, with its line feed.
    pub fn warn(&self, what: &str) -> Option<String> {
        (self.verbosity != Verbosity::Quiet).then(|| format!("warning: {}\n", harmless(what)))
    }

    /// What is said of this event, with its line feed.
    pub fn tell(&mut self, event: &RunEvent) -> Option<String> {
        let run = &event.run;
        match &event.kind {
            RunEventKind::Started { .. } => {
                self.started += 1;
                self.numbers.insert(run.clone(), self.started);
                let said = self.verbosity != Verbosity::Quiet && self.lines == Lines::StartsAndEnds;
                said.then(|| format!("{} {run}: started\n", self.count(self.started)))
            }
            RunEventKind::Ended(record)
                if self.verbosity == Verbosity::Quiet || self.lines == Lines::None =>
            {
                (record.status == RunStatus::Failed)
                    .then(|| format!("error: {run}: {}\n", end_text(record)))
            }
            RunEventKind::Ended(record) => {
                // One that runs beside others may end after some that were started later.
                let number = self.numbers.remove(run).unwrap_or(self.started);
                Some(format!("{} {run}: {}\n", self.count(number), end_text(record)))
            }
            RunEventKind::Warning(what) => {
                // The same of every run, such as a missing accelerator, is said once.
                let new = self.warned.insert(what.clone());
                let said = new && self.verbosity != Verbosity::Quiet
                    || self.verbosity == Verbosity::Verbose;
                said.then(|| format!("warning: {run}: {}\n", harmless(what)))
            }
            RunEventKind::Stderr(lines) => (self.verbosity == Verbosity::Verbose).then(|| {
                lines
                    .split('\n')
                    .fold(String::new(), |all, line| all + run + " | " + &harmless(line) + "\n")
            }),
            RunEventKind::Asked { what, .. } => (self.verbosity == Verbosity::Verbose)
                .then(|| format!("{run}: {}\n", harmless(&words::asked(what)))),
            RunEventKind::Worker(_) | RunEventKind::Sample(_) | RunEventKind::Progress(_) => None,
        }
    }

    fn count(&self, number: usize) -> String {
        let Some(total) = self.expected.runs() else { return format!("[{number}]") };
        let total = total.max(number).to_string();
        let count = format!("{number:>width$}/{total}", width = total.len());
        match self.expected {
            Expected::InRound { round, .. } => format!("[round {round}: {count}]"),
            Expected::InAll(_) | Expected::Within(_) => format!("[{count}]"),
        }
    }
}

/// `known after 22 s, 1.21 k/s, accuracy (0.412)`, in parentheses where the model was not trained to the end.
pub fn end_text(record: &RunRecord) -> String {
    let after = format!("after {}", units::elapsed(record.wall_s));
    if record.status == RunStatus::Failed {
        return harmless(&format!("failed {after}: {}", ending::why(record)));
    }
    let how = match (record.status, record.stop.reason) {
        (RunStatus::Completed, _) => RunStatus::Completed.to_string(),
        (_, StopReason::Budget) => "out of time".to_owned(),
        (_, reason) => reason.to_string(),
    };
    let mut text = format!("{how} {after}");
    if let Some(rate) = Place::Train.estimate(record, MetricId::TrainThroughput) {
        let _ = write!(text, ", {}", units::rate(rate));
    }
    if let Some(accuracy) = Place::Run.estimate(record, MetricId::TestAccuracy) {
        let _ = match accuracy_is_final(record) {
            Some(true) => write!(text, ", accuracy {accuracy:.3}"),
            _ => write!(text, ", accuracy ({accuracy:.3})"),
        };
    }
    let is_said = record.status != RunStatus::Completed
        && matches!(record.stop.reason, StopReason::Infeasible | StopReason::OutOfMemory);
    if let Some(verdict) = record.verdict.as_ref().filter(|_| !is_said) {
        let _ = write!(text, ", {}", verdict.verdict);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Age, Asked, Feasibility, Num, Phase, Stage, StageEnd};
    use crate::report::fixtures::{all_kinds, completed, failed, job, judged};

    #[test]
    fn a_verdict_is_said_once_whoever_ended_the_run() {
        for status in [RunStatus::Completed, RunStatus::Stopped] {
            let mut record = judged(completed(), Feasibility::Infeasible, Vec::new());
            (record.status, record.stop.reason) = (status, StopReason::Infeasible);
            let text = end_text(&record);
            assert_eq!(text.matches("infeasible").count(), 1, "{text}");
        }
    }

    fn story() -> Vec<RunEvent> {
        let mut events = Vec::new();
        for (index, record) in all_kinds().into_iter().enumerate() {
            let run = record.run.clone();
            let job = Box::new(job(&record.job.model.name, &record.job.dataset));
            let kinds = [
                RunEventKind::Started { job, t_ns: 0, bars: Vec::new() },
                RunEventKind::Warning("no accelerator: libnvidia-ml.so.1 not found".to_owned()),
                RunEventKind::Stderr("loading \u{1b}[31mweights".to_owned()),
                RunEventKind::Asked {
                    t_ns: 7,
                    what: Asked::Leave {
                        phase: Phase::Serve(1),
                        why: StageEnd::Decided {
                            age: Age { seconds: Num(1.0), stage: Stage::Serve(1), queues: false },
                        },
                    },
                },
                RunEventKind::Ended(Box::new(record)),
            ];
            events.extend(kinds.map(|kind| RunEvent { run: run.clone(), index, kind }));
        }
        events
    }

    #[test]
    fn each_way_to_talk_says_its_part() {
        for (verbosity, lines, name) in [
            (Verbosity::Normal, Lines::StartsAndEnds, "plain"),
            (Verbosity::Normal, Lines::Ends, "live"),
            (Verbosity::Normal, Lines::None, "none"),
            (Verbosity::Quiet, Lines::StartsAndEnds, "quiet"),
            (Verbosity::Verbose, Lines::StartsAndEnds, "verbose"),
        ] {
            let mut teller = Teller::new(verbosity, lines);
            teller.expect(Expected::InAll(12));
            let said: Vec<_> = story().iter().filter_map(|event| teller.tell(event)).collect();
            insta::assert_snapshot!(format!("lines_{name}"), said.concat());
        }
    }

    #[test]
    fn what_is_counted_never_grows() {
        let mut teller = Teller::new(Verbosity::Normal, Lines::StartsAndEnds);
        let mut counts = Vec::new();
        let rounds = [(1, 2), (2, 2), (3, 1)];
        let rounds = rounds.map(|(round, runs)| Expected::InRound { round, runs });
        let within = Expected::Within(std::time::Duration::from_mins(1));
        for expected in rounds.into_iter().chain([Expected::InAll(12), within]) {
            teller.expect(expected);
            for _ in 0..expected.runs().map_or(2, |runs| runs.min(2)) {
                let job = Box::new(job("mlp", "digits"));
                let kind = RunEventKind::Started { job, t_ns: 0, bars: Vec::new() };
                let event = RunEvent { run: "a".to_owned(), index: 0, kind };
                counts.extend(
                    teller
                        .tell(&event)
                        .and_then(|said| said.strip_suffix(" a: started\n").map(str::to_owned)),
                );
            }
        }
        assert_eq!(
            counts.join(" "),
            "[round 1: 1/2] [round 1: 2/2] [round 2: 1/2] [round 2: 2/2] [round 3: 1/1] [ 2/12] [ 3/12] [4] [5]"
        );
    }

    #[test]
    fn a_failure_is_one_harmless_line() {
        let mut record = failed();
        record.failure.as_mut().unwrap().message = "bad\n\u{1b}[2Jthing".to_owned();
        let text = end_text(&record);
        assert!(!text.contains(['\n', '\u{1b}']), "{text:?}");
    }
}
