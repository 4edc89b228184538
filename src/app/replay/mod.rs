//! What stopping rules would have said of recordings, and how wrong they would have been.
//!
//! Rows go out one by one, so that memory does not grow with the recordings; what could not be judged is collected in
//! [`Problems`]. A source that cannot be read is no reason not to judge the others.

mod folder;
mod problems;
pub(in crate::app) mod recording;
pub(in crate::app) mod row;
mod series;
mod totals;

use std::path::PathBuf;

use super::Fault;
use super::rules::parse_rules_with;
use crate::control::rule::RuleSpec;
use crate::units::Share;

pub use self::problems::{Halt, Output, Problems, Rows};
pub use self::totals::Totals;

/// What is asked of every source.
pub struct ReplayRequest {
    /// None: the default of the source.
    rules: Vec<RuleSpec>,
    /// None: all of the source.
    metrics: Vec<String>,
}

impl ReplayRequest {
    /// `within`, `confidence`: for rules that have such a parameter and were not given it.
    pub fn new(
        rules: &[String],
        within: Option<&str>,
        confidence: Option<&str>,
        metrics: &[String],
    ) -> Result<Self, Fault> {
        let within = share(within, "--within", 0.0)?;
        let confidence = share(confidence, "--confidence", 0.5)?;
        let complete = |rule: RuleSpec| {
            let named = [("within", within), ("confidence", confidence)];
            named.into_iter().fold(rule, |rule, (name, value)| match value {
                Some(value) => rule.or(name, value),
                None => rule,
            })
        };
        let mut rules = parse_rules_with(rules, complete)?;
        if rules.is_empty() && (within.is_some() || confidence.is_some()) {
            rules.push(complete(RuleSpec::default()));
        }
        Ok(Self { rules, metrics: metrics.to_vec() })
    }
}

/// Replays every source, as long as `rows` takes what comes of it.
pub fn replay(
    sources: &[PathBuf],
    request: &ReplayRequest,
    rows: &mut Rows<'_>,
) -> Result<Problems, Fault> {
    let mut output = Output { rows, problems: Problems::default() };
    for source in sources {
        let replay = if source.is_dir() { folder::replay } else { series::replay };
        match replay(source, &request.rules, &request.metrics, &mut output) {
            Ok(()) => {}
            Err(Halt::Unread) => break,
            Err(Halt::Fault(fault)) => return Err(fault),
        }
    }
    Ok(output.problems)
}

/// A percentage above `least` and below 100%.
fn share(text: Option<&str>, option: &str, least: f64) -> Result<Option<f64>, Fault> {
    let Some(text) = text else {
        return Ok(None);
    };
    let value = if text.ends_with('%') {
        text.parse::<Share>().ok().map(|share| share.0)
    } else {
        text.parse::<f64>().ok()
    };
    match value.filter(|value| *value > least && *value < 1.0) {
        Some(value) => Ok(Some(value)),
        None => Err(Fault::new(format!(
            "{option} must be a percentage between {} and 100%, not `{text}`",
            Share(least)
        ))),
    }
}
