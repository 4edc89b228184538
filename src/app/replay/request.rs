//! Which rules judge the sources, and by which metrics.
//!
//! Sources are not looked at. Invariant: there is at least one rule.

use crate::app::Fault;
use crate::app::rules::parse_rules_with;
use crate::control::rule::RuleSpec;
use crate::units::{Share, Span};

/// What is asked of every source.
pub struct ReplayRequest {
    /// At least one.
    pub(super) rules: Vec<RuleSpec>,
    /// None: all of the source.
    pub(super) metrics: Vec<String>,
}

impl ReplayRequest {
    /// `within`, `confidence`, `horizon`: for rules that have such a parameter and were not given it.
    pub fn new(
        rules: &[String],
        within: Option<&str>,
        confidence: Option<&str>,
        horizon: Option<&str>,
        metrics: &[String],
    ) -> Result<Self, Fault> {
        let within = share(within, "--within", 0.0)?;
        let confidence = share(confidence, "--confidence", 0.5)?;
        let horizon = seconds(horizon, "--horizon")?;
        let complete = |rule: RuleSpec| {
            let named = [("within", within), ("confidence", confidence), ("horizon", horizon)];
            named.into_iter().fold(rule, |rule, (name, value)| match value {
                Some(value) => rule.or(name, value),
                None => rule,
            })
        };
        Ok(Self { rules: parse_rules_with(rules, complete)?, metrics: metrics.to_vec() })
    }
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

/// A duration above 0.
fn seconds(text: Option<&str>, option: &str) -> Result<Option<f64>, Fault> {
    let Some(text) = text else {
        return Ok(None);
    };
    let value = text.parse::<Span>().ok().map(Span::as_secs).filter(|value| *value > 0.0);
    let wrong =
        || Fault::new(format!("{option} must be a duration above 0 such as 1h, not `{text}`"));
    value.map(Some).ok_or_else(wrong)
}
