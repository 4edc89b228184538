//! The stopping rules that the command line names.
//!
//! What a rule does is left to `control`, what is suggested for a name that is none to `config`. Invariant: there is at
//! least one rule, and none twice.

use super::Fault;
use crate::config::rule::parse_rule;
use crate::control::rule::RuleSpec;

pub use crate::control::rule::{RULES, RuleDef};

/// The rules of `--rule`, each once; ours where none is named.
pub fn parse_rules(texts: &[String]) -> Result<Vec<RuleSpec>, Fault> {
    parse_rules_with(texts, |rule| rule)
}

/// The same, each completed by `complete` before it is looked whether it is given twice.
pub fn parse_rules_with(
    texts: &[String],
    complete: impl Fn(RuleSpec) -> RuleSpec,
) -> Result<Vec<RuleSpec>, Fault> {
    let rule = |text: &String| -> Result<RuleSpec, Fault> {
        let rule = parse_rule(text)
            .map_err(|(error, hint)| Fault::new(format!("--rule {text}: {error}")).hint(hint))?;
        Ok(complete(rule))
    };
    if texts.is_empty() {
        return Ok(vec![complete(RuleSpec::default())]);
    }
    let rules = texts.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    for (at, rule) in rules.iter().enumerate() {
        if rules[..at].contains(rule) {
            return Err(Fault::new(format!("--rule {rule} is given twice")));
        }
    }
    Ok(rules)
}
