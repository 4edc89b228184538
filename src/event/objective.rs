//! What makes one cell better than another: a metric and which way it is better.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Maximize => "maximize",
            Self::Minimize => "minimize",
        })
    }
}

/// A metric that cells are compared by. Of a metric of several stages the figure of its headline column counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// The catalogue's name.
    pub metric: String,
    /// Which way it is better.
    pub goal: Goal,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.goal, self.metric)
    }
}

/// `maximize test_accuracy, serve.throughput; minimize memory.peak`.
pub fn listed(objectives: &[Objective]) -> String {
    let of = |goal: Goal| {
        let names = objectives.iter().filter(|objective| objective.goal == goal);
        let names: Vec<&str> = names.map(|objective| objective.metric.as_str()).collect();
        (!names.is_empty()).then(|| format!("{goal} {}", names.join(", ")))
    };
    let both = [of(Goal::Maximize), of(Goal::Minimize)];
    both.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(metric: &str, goal: Goal) -> Objective {
        Objective { metric: metric.to_owned(), goal }
    }

    #[test]
    fn they_read_as_they_are_written() {
        let [accuracy, rate, peak] = [
            objective("test_accuracy", Goal::Maximize),
            objective("serve.throughput", Goal::Maximize),
            objective("memory.peak", Goal::Minimize),
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
