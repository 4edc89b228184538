//! The line of the TPUs.

use serde::Serialize;

use super::Fact;
use crate::sampler::{TpuChip, TpuSurvey};

/// The machine's TPUs, and whether they can be read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tpus {
    /// The chips on its bus.
    pub chips: Vec<TpuChip>,
    /// Google's devices that are not known to be chips.
    pub unknown: Vec<String>,
    /// Devices that the metrics services speak of now; absent where there is nobody to ask.
    pub devices_now: Option<Fact<usize>>,
    /// Why this build cannot ask, and what to do about it; absent where it can.
    pub cannot_ask: Option<String>,
    /// The chips in a word, such as `4 x v5e`.
    #[serde(skip)]
    pub named: Option<String>,
}

impl From<TpuSurvey> for Tpus {
    fn from(survey: TpuSurvey) -> Self {
        Self {
            named: survey.named(),
            chips: survey.found.chips,
            unknown: survey.found.unknown,
            devices_now: survey.answers.map(Fact::from),
            cannot_ask: survey.cannot_ask,
        }
    }
}

impl Tpus {
    pub(super) fn text(&self) -> String {
        let mut said = vec![self.named.clone().unwrap_or_else(|| "none found".to_owned())];
        for unknown in &self.unknown {
            said.push(format!("not taken for one: {unknown}"));
        }
        match &self.devices_now {
            Some(Fact::Value(count)) => {
                let s = if *count == 1 { "" } else { "s" };
                said.push(format!("the metrics service speaks of {count} device{s} now"));
            }
            Some(Fact::Unsupported(why)) => {
                said.push(format!("the metrics service gives nothing now: {why}"));
            }
            None => {}
        }
        said.extend(self.cannot_ask.clone());
        said.join("; ")
    }

    /// Why TPUs are not measured here, if they are not. That no workload holds them now is no reason.
    pub(super) fn why_not(&self) -> Option<String> {
        if self.chips.is_empty() && self.devices_now.is_none() {
            return Some("no TPU was found".to_owned());
        }
        self.cannot_ask.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tpus() -> Tpus {
        Tpus {
            chips: Vec::new(),
            unknown: Vec::new(),
            devices_now: None,
            cannot_ask: None,
            named: None,
        }
    }

    fn chip() -> TpuChip {
        TpuChip { address: "0000:00:05.0".to_owned(), generation: "v5e", devices: 1, node: None }
    }

    #[test]
    fn the_line_says_what_is_there_and_what_to_do() {
        let found = Tpus { chips: vec![chip()], named: Some("1 x v5e".to_owned()), ..tpus() };
        let unknown = vec!["0000:00:07.0 of Google, with the unknown device id 0x0099".to_owned()];
        let nobody = Fact::Unsupported("no workload holds the TPU yet".to_owned());
        let how = Some("built without it: do this".to_owned());
        for (tpus, text, measured) in [
            (tpus(), "none found", false),
            (
                Tpus { unknown, ..tpus() },
                "none found; not taken for one: 0000:00:07.0 of Google, with the unknown device id 0x0099",
                false,
            ),
            (
                Tpus { devices_now: Some(nobody), ..found.clone() },
                "1 x v5e; the metrics service gives nothing now: no workload holds the TPU yet",
                true,
            ),
            (
                Tpus { devices_now: Some(Fact::Value(1)), ..found.clone() },
                "1 x v5e; the metrics service speaks of 1 device now",
                true,
            ),
            (
                Tpus { cannot_ask: how.clone(), ..found },
                "1 x v5e; built without it: do this",
                false,
            ),
            (Tpus { cannot_ask: how, ..tpus() }, "none found; built without it: do this", false),
        ] {
            assert_eq!(tpus.text(), text);
            assert_eq!(tpus.why_not().is_none(), measured, "{text}");
        }
    }
}
