//! One line of the worker protocol: a JSON object, versioned.

use serde::{Deserialize, Serialize};

use super::job::JobSpec;
use super::worker::{Phase, WorkerEvent};

/// Version of the worker protocol; a worker that says another one is not listened to.
pub const PROTOCOL_VERSION: u32 = 1;

/// A worker's message with its place in the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Counts from 0 without gaps.
    pub seq: u64,
    /// `CLOCK_MONOTONIC` when it was sent, in nanoseconds.
    pub t_ns: u64,
    /// What is said.
    pub event: WorkerEvent,
}

/// What the runner tells a worker, one line each on its standard input. End of file means that the runner is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Command {
    /// First, once.
    Job(Box<JobSpec>),
    /// Leave the current serve phase: what was asked of it is known.
    Advance {
        /// The phase that is meant, so that a late command cannot end the next one.
        phase: Phase,
    },
    /// Finish the step, evaluate on the test data if that is asked for, say `finished`.
    Stop {
        /// Why, for the worker's log.
        reason: String,
        /// Only the training is over, because the model is as good as it gets: serve it once more before the test, as
        /// after a budget that was used up ([`super::ServeSpec::confirm`]).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        confirm: bool,
        /// The model is trained: its accuracy on the test data is asked for. That of a model half trained answers nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        test: bool,
    },
}

/// Why a line is not a message.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not JSON, or not of this protocol.
    #[error("not a message of protocol {PROTOCOL_VERSION}: {source}; the line begins `{start}`")]
    Malformed {
        /// Its first characters.
        start: String,
        /// What the parser says.
        source: serde_json::Error,
    },
}

/// One line, without its line feed.
pub fn encode<T: Serialize>(message: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(message)
}

/// The message in a line.
pub fn decode<T: for<'a> Deserialize<'a>>(line: &str) -> Result<T, WireError> {
    serde_json::from_str(line)
        .map_err(|source| WireError::Malformed { start: line.chars().take(80).collect(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Hello, Phase, StepBatch};

    #[test]
    fn messages_read_back() {
        let events = [
            WorkerEvent::Hello(Hello {
                protocol: 1,
                worker: "w 1".into(),
                pid: 7,
                ..Hello::default()
            }),
            WorkerEvent::Phase { phase: Phase::Serve(32) },
            WorkerEvent::Steps(StepBatch {
                phase: Phase::Train,
                items: 64,
                start_ns: 1,
                dur_ns: vec![3, 4],
                wait_ns: Vec::new(),
                gap_ns: Vec::new(),
                fetch_ns: Vec::new(),
                loss: None,
            }),
        ];
        for (seq, event) in (0..).zip(events) {
            let envelope = Envelope { seq, t_ns: 9, event };
            assert_eq!(decode::<Envelope>(&encode(&envelope).unwrap()).unwrap(), envelope);
        }
    }

    #[test]
    fn a_stop_says_only_what_it_asks_for() {
        for (confirm, test, says) in [
            (false, false, r#"{"type":"stop","data":{"reason":"enough"}}"#),
            (false, true, r#"{"type":"stop","data":{"reason":"enough","test":true}}"#),
            (
                true,
                true,
                r#"{"type":"stop","data":{"reason":"enough","confirm":true,"test":true}}"#,
            ),
        ] {
            let stop = Command::Stop { reason: "enough".into(), confirm, test };
            assert_eq!(encode(&stop).unwrap(), says);
            assert_eq!(decode::<Command>(says).unwrap(), stop);
        }
    }

    #[test]
    fn nonsense_is_quoted_shortly() {
        let error = decode::<Envelope>(&"x".repeat(500)).unwrap_err().to_string();
        assert!(error.contains("not a message") && error.len() < 250, "{error}");
    }
}
