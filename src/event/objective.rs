//! What makes one cell better than another: a metric and which way it is better.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metric::{Better, MetricName};

/// A metric that cells are compared by. Of a metric of several stages the figure of its headline column counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// What counts.
    pub metric: MetricName,
    /// Which way it is better: `maximize` or `minimize`, as users write it.
    #[serde(rename = "goal", with = "goal")]
    pub better: Better,
}

/// What is asked of such a metric, in the word of the configuration.
pub const fn goal(better: Better) -> &'static str {
    match better {
        Better::Higher => "maximize",
        Better::Lower => "minimize",
    }
}

mod goal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::{Better, goal};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(of: &Better, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(goal(*of))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Better, D::Error> {
        let word = String::deserialize(from)?;
        let mut both = [Better::Higher, Better::Lower].into_iter();
        let found = both.find(|better| goal(*better) == word);
        found.ok_or_else(|| de::Error::custom(format!("`{word}` is neither maximize nor minimize")))
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", goal(self.better), self.metric)
    }
}

/// `maximize test_accuracy, serve.throughput; minimize memory.peak`.
pub fn listed(objectives: &[Objective]) -> String {
    let of = |better: Better| {
        let names = objectives.iter().filter(|objective| objective.better == better);
        let names: Vec<&str> = names.map(|objective| objective.metric.as_str()).collect();
        (!names.is_empty()).then(|| format!("{} {}", goal(better), names.join(", ")))
    };
    let both = [of(Better::Higher), of(Better::Lower)];
    both.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(metric: &str, better: Better) -> Objective {
        Objective { metric: metric.into(), better }
    }

    #[test]
    fn they_read_as_they_are_written() {
        let [accuracy, rate, peak] = [
            objective("test_accuracy", Better::Higher),
            objective("serve.throughput", Better::Higher),
            objective("memory.peak", Better::Lower),
        ];
        assert_eq!(peak.to_string(), "minimize memory.peak");
        let text = serde_json::to_string(&peak).unwrap();
        assert_eq!(text, r#"{"metric":"memory.peak","goal":"minimize"}"#);
        assert_eq!(serde_json::from_str::<Objective>(&text).unwrap(), peak);
        for (objectives, says) in [
            (
                vec![accuracy.clone(), peak.clone(), rate],
                "maximize test_accuracy, serve.throughput; minimize memory.peak",
            ),
            (vec![peak], "minimize memory.peak"),
            (vec![accuracy], "maximize test_accuracy"),
            (vec![], ""),
        ] {
            assert_eq!(listed(&objectives), says);
        }
    }
}
