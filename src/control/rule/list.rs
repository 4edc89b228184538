//! The list of rules, by which a text is one.

use std::str::FromStr;

use super::error::RuleError;
use super::spec::{RuleDef, RuleSpec};
use super::{benchmark_dotnet, mean, nvbench, oracle, own, windows};
use crate::control::policy::StopPolicy;

/// Every rule. The first is ours and the default.
pub const RULES: &[RuleDef] = &[
    own::PERFTUNE,
    mean::NAIVE_T,
    windows::PERF_ANALYZER,
    nvbench::NVBENCH_STDREL,
    benchmark_dotnet::BENCHMARK_DOTNET,
    windows::COV_LAST_K,
    mean::FIXED,
    oracle::ORACLE,
];

impl Default for RuleSpec {
    fn default() -> Self {
        Self::of(&RULES[0])
    }
}

impl RuleSpec {
    /// Whether it is our own rule.
    pub fn is_ours(&self) -> bool {
        self.rule.name == RULES[0].name
    }

    /// A policy with the parameters that our own rule was given; another rule changes nothing of it.
    #[must_use]
    pub fn over(&self, policy: &StopPolicy) -> StopPolicy {
        if self.is_ours() { own::policy_of(self, policy) } else { policy.clone() }
    }
}

impl FromStr for RuleSpec {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (name, params) = text.split_once(':').unwrap_or((text, ""));
        let name = name.trim();
        let rule = RULES.iter().find(|rule| rule.name == name);
        let rule = rule.ok_or_else(|| RuleError::Unknown { name: name.to_owned() })?;
        let mut spec = Self::of(rule);
        if params.trim().is_empty() && !text.contains(':') {
            return Ok(spec);
        }
        for pair in params.split(',') {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(RuleError::Shape { rule: rule.name, text: pair.trim().to_owned() });
            };
            let (key, value) = (key.trim(), value.trim());
            let at = rule.params.iter().position(|param| param.name == key);
            let at = at
                .ok_or_else(|| RuleError::UnknownParam { rule: rule.name, name: key.to_owned() })?;
            let param = &rule.params[at];
            if spec.given[at].is_some() {
                return Err(RuleError::Twice { rule: rule.name, name: param.name });
            }
            let read = param.read(value);
            spec.given[at] = Some(read.ok_or_else(|| RuleError::Value {
                rule: rule.name,
                name: param.name,
                says: param.kind.allowed(),
                text: value.to_owned(),
            })?);
        }
        Ok(spec)
    }
}

impl RuleError {
    /// What was written and the names that would have been right, for a suggestion.
    pub fn candidates(&self) -> Option<(&str, Vec<&'static str>)> {
        match self {
            Self::Unknown { name } => Some((name, RULES.iter().map(|rule| rule.name).collect())),
            Self::UnknownParam { rule, name } => {
                let rule = RULES.iter().find(|known| known.name == *rule)?;
                Some((name, rule.params.iter().map(|param| param.name).collect()))
            }
            _ => None,
        }
    }
}
