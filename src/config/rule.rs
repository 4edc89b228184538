//! Stopping rules by name, with a suggestion for what is none.

use crate::control::rule::{RuleError, RuleSpec};
use crate::document::suggest;

/// The rule, or what is wrong and what to write instead.
pub fn parse_rule(text: &str) -> Result<RuleSpec, (RuleError, String)> {
    text.parse().map_err(|error| {
        let hint = hint(&error);
        (error, hint)
    })
}

/// What to write instead.
fn hint(error: &RuleError) -> String {
    match (error, error.candidates()) {
        (RuleError::Unknown { .. }, Some((word, names))) => {
            suggest::hint(word, &names, "the rules are")
        }
        (_, Some((word, names))) => suggest::hint(word, &names, "its parameters are"),
        _ => "write NAME:PARAMETER=VALUE,..., such as fixed:n=20,skip=5".to_owned(),
    }
}
