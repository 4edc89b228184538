//! What a line says:
//!
//! ```text
//! {"phase": "train"}
//! {"step": {"items": 32, "dur_s": 0.012, "loss": 0.7}}
//! {"epoch": {"train_loss": 0.3, "validation_accuracy": 0.9}}
//! {"metric": {"name": "bleu", "value": 31.2}}
//! {"type": "steps", "data": {...}}        an event of the worker protocol
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::event::{DeclaredMetric, LONGEST_NAME, Num, Phase, WorkerEvent, is_own_name};
use crate::metric::{Source, find};

/// The most that a step may be said to have taken, in seconds: beyond it is a mistake of the unit.
const LONGEST_STEP_S: f64 = 1e7;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reported {
    /// A phase begins; `None`: serving, of requests whose size the first of them tells.
    Phase(Option<Phase>),
    /// Consecutive steps; without times they took what has passed.
    Steps {
        items: u32,
        dur_ns: Vec<u64>,
        /// The parts of these in which they waited for their data; none where that is not said.
        fetch_ns: Vec<u64>,
        loss: Option<Num>,
        figures: Vec<(String, Num)>,
    },
    /// A pass over the training data is over.
    Epoch(Epoch),
    /// A figure of the command's own.
    Metric { name: String, value: Num, samples: Option<u64> },
    /// The test data were read: so many samples, where that is told.
    Test { accuracy: bool, value: Num, samples: Option<u64> },
    /// Steps with times of their own.
    Event(WorkerEvent),
}

/// A pass over the training data.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Epoch {
    /// Counts from 1; absent: the next.
    #[serde(rename = "epoch")]
    pub(super) number: Option<u32>,
    /// Absent: as many as the steps had.
    pub(super) samples: Option<u64>,
    pub(super) train_loss: Num,
    pub(super) validation_loss: Option<Num>,
    pub(super) validation_accuracy: Option<Num>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Short {
    Phase(String),
    Step(Step),
    Epoch(Epoch),
    Metric(Metric),
}

#[derive(Deserialize)]
struct Step {
    #[serde(default = "one")]
    items: u32,
    dur_s: Option<Durations>,
    /// The part of each in which it waited for its data.
    fetch_s: Option<Durations>,
    loss: Option<Num>,
    /// Values of metrics that the grid declares.
    #[serde(flatten)]
    more: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Durations {
    One(f64),
    Several(Vec<f64>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metric {
    name: String,
    value: Num,
    samples: Option<u64>,
}

const fn one() -> u32 {
    1
}

impl Reported {
    /// Reads a line, or says what is wrong with it. `declared`: the metrics of the user's own.
    pub(super) fn read(line: &[u8], declared: &[DeclaredMetric]) -> Result<Self, String> {
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let long = value.get("type").is_some();
        let said = |error: serde_json::Error| error.to_string();
        if long {
            return Self::of_event(serde_json::from_value(value).map_err(said)?);
        }
        match serde_json::from_value(value).map_err(said)? {
            Short::Phase(name) if name == "serve" => Ok(Self::Phase(None)),
            Short::Phase(name) => Self::of_phase(name.parse()?),
            Short::Step(step) => step.note(declared),
            Short::Epoch(epoch) => Ok(Self::Epoch(epoch)),
            Short::Metric(Metric { name, value, samples }) => Self::of_figure(name, value, samples),
        }
    }

    fn of_event(event: WorkerEvent) -> Result<Self, String> {
        match event {
            WorkerEvent::Phase { phase } => Self::of_phase(phase),
            WorkerEvent::Steps(_) => Ok(Self::Event(event)),
            WorkerEvent::Epoch(report) => Ok(Self::Epoch(Epoch {
                number: Some(report.epoch),
                samples: Some(report.samples),
                train_loss: report.train_loss,
                validation_loss: report.validation_loss,
                validation_accuracy: report.validation_accuracy,
            })),
            WorkerEvent::Metric { name, value, samples } => Self::of_figure(name, value, samples),
            WorkerEvent::Hello(_)
            | WorkerEvent::Unread { .. }
            | WorkerEvent::MaxRate(_)
            | WorkerEvent::Finished(_)
            | WorkerEvent::Failed(_) => {
                Err("a command may report only phase, steps, epoch and metric".to_owned())
            }
        }
    }

    fn of_phase(phase: Phase) -> Result<Self, String> {
        match phase {
            Phase::Run | Phase::Probe(_) | Phase::Confirm(_) => Err(format!(
                "a command has no phase `{phase}`: load, warmup, serve, train, validate or test"
            )),
            _ => Ok(Self::Phase(Some(phase))),
        }
    }

    fn of_figure(name: String, value: Num, samples: Option<u64>) -> Result<Self, String> {
        if samples == Some(0) {
            return Err("a figure rests on `samples` of at least 1".to_owned());
        }
        match find(&name).map(|metric| metric.source) {
            Some(Source::Model(figure)) if figure.is_of_test() => {
                return Ok(Self::Test { accuracy: figure.is_accuracy(), value, samples });
            }
            Some(Source::Said) if value.finite().is_none_or(|value| value < 0.0) => {
                return Err(format!("`{name}` must be a number of at least 0"));
            }
            Some(Source::Said) | None => {}
            Some(_) => {
                return Err(format!(
                    "`{name}` is measured by perftune, and a command cannot report it"
                ));
            }
        }
        if !is_own_name(&name) {
            return Err(format!("the name of a metric must have 1 to {LONGEST_NAME} bytes"));
        }
        Ok(Self::Metric { name, value, samples })
    }
}

impl Step {
    fn note(self, declared: &[DeclaredMetric]) -> Result<Reported, String> {
        let mut figures = Vec::new();
        for (name, value) in self.more {
            if !declared.iter().any(|metric| metric.metric == name) {
                return Err(format!(
                    "unknown field `{name}`, expected `items`, `dur_s`, `fetch_s`, `loss` or a metric that [metrics] declares"
                ));
            }
            let value = Num::deserialize(value).map_err(|_| format!("`{name}` is not a number"))?;
            figures.push((name, value));
        }
        if self.items == 0 {
            return Err("a step must have `items` of at least 1".to_owned());
        }
        let dur_ns = nanoseconds_of("dur_s", self.dur_s)?;
        if dur_ns.contains(&0) {
            return Err("`dur_s` must be in seconds, above 0".to_owned());
        }
        let fetch_ns = nanoseconds_of("fetch_s", self.fetch_s)?;
        let alike = fetch_ns.len() == dur_ns.len();
        let fits = alike && fetch_ns.iter().zip(&dur_ns).all(|(fetch, dur)| fetch <= dur);
        if !fetch_ns.is_empty() && !fits {
            return Err("`fetch_s` must be a part of each `dur_s`".to_owned());
        }
        Ok(Reported::Steps { items: self.items, dur_ns, fetch_ns, loss: self.loss, figures })
    }
}

/// Times of steps; none where they are not said.
fn nanoseconds_of(name: &str, said: Option<Durations>) -> Result<Vec<u64>, String> {
    let times = match said {
        None => return Ok(Vec::new()),
        Some(Durations::One(time)) => vec![time],
        Some(Durations::Several(several)) if several.is_empty() => {
            return Err(format!("`{name}` is an empty list"));
        }
        Some(Durations::Several(several)) => several,
    };
    let all: Option<Vec<u64>> = times.into_iter().map(nanoseconds).collect();
    all.ok_or_else(|| format!("`{name}` must be in seconds, above 0"))
}

/// A time of at least 1 ns where it is none of 0.
fn nanoseconds(seconds: f64) -> Option<u64> {
    let sane = (0.0..LONGEST_STEP_S).contains(&seconds);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the limits above"
    )]
    let whole = (seconds * 1e9).round() as u64;
    sane.then_some(if seconds > 0.0 { whole.max(1) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{OwnMetric, declare};
    use proptest::prelude::*;

    fn steps(items: u32, dur_ns: &[u64]) -> Reported {
        Reported::Steps {
            items,
            dur_ns: dur_ns.to_vec(),
            fetch_ns: Vec::new(),
            loss: None,
            figures: Vec::new(),
        }
    }

    #[test]
    fn lines_say_what_they_should() {
        for (line, says) in [
            (r#"{"step": {}}"#, steps(1, &[])),
            (r#"{"step": {"items": 32, "dur_s": 0.012}}"#, steps(32, &[12_000_000])),
            (r#"{"step":{"items":2,"dur_s":[0.5,1]}}"#, steps(2, &[500_000_000, 1_000_000_000])),
            (
                r#"{"step":{"dur_s":0.5,"fetch_s":0}}"#,
                Reported::Steps {
                    items: 1,
                    dur_ns: vec![500_000_000],
                    fetch_ns: vec![0],
                    loss: None,
                    figures: Vec::new(),
                },
            ),
            (
                r#"{"metric": {"name": "model.flops", "value": 5}}"#,
                Reported::Metric { name: "model.flops".into(), value: Num(5.0), samples: None },
            ),
            (r#" {"phase": "train"} "#, Reported::Phase(Some(Phase::Train))),
            (r#"{"phase": "serve"}"#, Reported::Phase(None)),
            (r#"{"phase": "serve[8]"}"#, Reported::Phase(Some(Phase::Serve(8)))),
            (r#"{"type":"phase","data":{"phase":"test"}}"#, Reported::Phase(Some(Phase::Test))),
            (
                r#"{"metric": {"name": "bleu", "value": 31.5}}"#,
                Reported::Metric { name: "bleu".into(), value: Num(31.5), samples: None },
            ),
            (
                r#"{"metric": {"name": "test_accuracy", "value": 0.9, "samples": 2000}}"#,
                Reported::Test { accuracy: true, value: Num(0.9), samples: Some(2000) },
            ),
        ] {
            assert_eq!(Reported::read(line.as_bytes(), &[]).unwrap(), says, "{line}");
        }
    }

    fn declared(said: OwnMetric) -> DeclaredMetric {
        DeclaredMetric { metric: declare(said).unwrap().into(), from: None }
    }

    #[test]
    fn a_step_says_values_of_metrics_that_are_declared_and_of_no_other() {
        let f1 = declared(OwnMetric { name: "f1".to_owned(), ..OwnMetric::default() });
        let read = |line: &str| Reported::read(line.as_bytes(), std::slice::from_ref(&f1));
        let figures = vec![("f1".to_owned(), Num(0.5))];
        let says = Reported::Steps {
            items: 2,
            dur_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
            figures,
        };
        assert_eq!(read(r#"{"step": {"items": 2, "f1": 0.5}}"#), Ok(says));
        for (line, says) in [
            (r#"{"step": {"f2": 0.5}}"#, "unknown field `f2`"),
            (r#"{"step": {"f1": "0.5"}}"#, "`f1` is not a number"),
            (r#"{"step": {"f1": [1]}}"#, "`f1` is not a number"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for (line, says) in [
            ("", "not JSON"),
            ("loss: 3", "not JSON"),
            (r#"{"step": {"items": 0}}"#, "at least 1"),
            (r#"{"step": {"items": -1}}"#, "-1"),
            (r#"{"step": {"dur_s": 0}}"#, "above 0"),
            (r#"{"step": {"dur_s": -1}}"#, "above 0"),
            (r#"{"step": {"dur_s": []}}"#, "empty list"),
            (r#"{"step": {"dur_s": 1e300}}"#, "in seconds"),
            (r#"{"step": {"dur_s": 1, "fetch_s": 2}}"#, "a part of each `dur_s`"),
            (r#"{"step": {"dur_s": [1, 2], "fetch_s": 1}}"#, "a part of each `dur_s`"),
            (r#"{"step": {"fetch_s": 1}}"#, "a part of each `dur_s`"),
            (r#"{"step": {"dur_s": 1, "fetch_s": -1}}"#, "`fetch_s` must be in seconds"),
            (r#"{"metric": {"name": "model.flops", "value": -1}}"#, "at least 0"),
            (r#"{"step": {"dur": 1}}"#, "unknown field `dur`"),
            (r#"{"stepp": {}}"#, "unknown variant `stepp`, expected one of"),
            (r#"{"phase": "tain"}"#, "`tain` is not a phase"),
            (r#"{"phase": "probe[1]"}"#, "no phase `probe[1]`"),
            (r#"{"epoch": {}}"#, "train_loss"),
            (r#"{"metric": {"name": "memory.peak", "value": 1}}"#, "is measured"),
            (r#"{"metric": {"name": "", "value": 1}}"#, "1 to 64 bytes"),
            (r#"{"type":"failed","data":{"kind":"data","message":""}}"#, "only phase, steps"),
        ] {
            let error = Reported::read(line.as_bytes(), &[]).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
        assert!(Reported::read(b"\xff", &[]).unwrap_err().contains("UTF-8"));
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reported::read(&bytes, &[]);
        }

        #[test]
        fn no_object_breaks_the_reader(key in "step|epoch|metric|phase|type|data", inner in r#"\{("(items|dur_s|name|value|epoch|train_loss)":(-?[0-9]{1,25}(\.[0-9]{1,3})?|"nan"|\[\]|null),?){0,3}\}"#) {
            let _ = Reported::read(format!("{{\"{key}\":{inner}}}").as_bytes(), &[]);
        }
    }
}
