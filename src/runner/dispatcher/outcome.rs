//! What is recorded of a run that is over.

use std::collections::BTreeMap;

use super::Dispatcher;
use crate::event::record::{EXIT_CODE, SIGNAL};
use crate::event::{
    Failure, FailureKind, RunRecord, RunStatus, StopDetail, StopReason, StopRecord, Usage,
};
use crate::runner::ending::{Cause, Ending, Force};
use crate::runner::stream::Exit;

impl Dispatcher {
    /// Whether the process was left behind alive.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// What a worker says that it used is shown to be wrong only when it is over: its figures are forgotten, and it has failed,
    /// whatever it was ended for.
    pub(super) fn counted(&mut self, pid: u32, usage: Usage) {
        let Err(violation) = self.stream.counted(pid, usage) else { return };
        self.controller.forget_usage();
        if let Some(ending) = &mut self.ending
            && ending.cause != Cause::Cancelled
        {
            let what = format!("the worker broke the protocol in its last message: {violation}");
            ending.cause = Cause::Failure(FailureKind::Protocol, what);
        }
    }

    /// The process has ended: that is the end of the run, after all that it said.
    pub(super) fn exited(&mut self, exit: Exit, now_ns: u64) {
        self.exit = Some((exit, now_ns));
        self.controller.on_exit(now_ns);
    }

    /// The run's record, once it is over.
    pub fn record(&self, stderr_tail: &str) -> RunRecord {
        let (exit, exited_ns) = self.exit.unwrap_or((Exit::Signal(9), self.heard_ns));
        let (status, stop, failure) = self.outcome(exit, stderr_tail);
        let metrics = self.controller.rows(Some(&stop));
        let verdict = self.controller.feasibility(&metrics, &stop);
        RunRecord {
            run: self.spec.run.clone(),
            cell: self.spec.cell.clone(),
            repeat: self.spec.repeat,
            job: (*self.spec.job).clone(),
            status,
            wall_s: exited_ns.saturating_sub(self.started_ns) as f64 / 1e9,
            epochs: self.stream.epochs(),
            trained: self.controller.was_trained(),
            metrics,
            stop,
            left_out: self.controller.left_out(),
            warnings: self.warnings.clone(),
            facts: self.facts(exit),
            failure,
            verdict,
            limits: self.spec.limits.clone(),
            saved_s_at_least: self.controller.saved_s_at_least(),
            pairing: self.spec.pairing.clone(),
            lane: self.spec.lane.clone(),
            interference: self.controller.interference(),
            machine: None,
        }
    }

    /// What the worker said of its environment; of a command also how it ended.
    fn facts(&self, exit: Exit) -> BTreeMap<String, String> {
        let mut facts = self.stream.facts().clone();
        if self.spec.job.work.is_command() {
            let (name, value) = match exit {
                Exit::Code(code) => (EXIT_CODE, code.to_string()),
                Exit::Signal(signal) => (SIGNAL, signal.to_string()),
            };
            facts.insert(name.to_owned(), value);
        }
        facts
    }

    fn outcome(&self, exit: Exit, stderr_tail: &str) -> (RunStatus, StopRecord, Option<Failure>) {
        let failed = |failure: Failure| {
            let detail = StopDetail::Failed { message: failure.message.clone() };
            (RunStatus::Failed, StopRecord { reason: StopReason::Failed, detail }, Some(failure))
        };
        let ending = self.ending.as_ref();
        match ending.map(|ending| (&ending.cause, ending.force)) {
            Some((Cause::Failure(kind, what), _)) => {
                return failed(self.stream.failure(*kind, what.clone(), Some(exit), stderr_tail));
            }
            Some((Cause::Cancelled, _)) => {
                let (reason, detail) = (StopReason::Cancelled, StopDetail::ByUser);
                let stop = StopRecord { reason, detail };
                return (RunStatus::Cancelled, stop, None);
            }
            Some((Cause::Shortage(stop), _)) => {
                return (RunStatus::Stopped, stop.clone(), None);
            }
            // It had said all that it had to say, and our own signal ended it.
            Some((Cause::Lingering | Cause::Verdict(_), force))
                if force > Force::Asked && self.stream.finished().is_some() => {}
            _ => {
                if let Some(failure) = self.stream.judge(exit, stderr_tail) {
                    return failed(failure);
                }
            }
        }
        let finished = self.stream.finished();
        let early = finished.is_none_or(|finished| finished.stopped);
        let status = if early { RunStatus::Stopped } else { RunStatus::Completed };
        let stop = match (&self.ending, finished) {
            (Some(Ending { cause: Cause::Verdict(stop), .. }), _) => stop.clone(),
            (_, Some(finished)) => self.controller.natural_end(finished),
            (_, None) => StopRecord { reason: StopReason::Failed, detail: StopDetail::Unknown },
        };
        (status, stop, None)
    }
}
