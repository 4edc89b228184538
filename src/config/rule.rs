//! Stopping rules by name, with a suggestion for what is none.

use super::problems::{GRID, Place};
use super::read::Section;
use super::suggest;
use crate::control::rule::{RULES, RuleError, RuleSpec};

/// The rule, or what is wrong and what to write instead.
pub fn parse_rule(text: &str) -> Result<RuleSpec, (RuleError, String)> {
    text.parse().map_err(|error| {
        let hint = hint(&error);
        (error, hint)
    })
}

/// `[stop] rule`: one that can stop a run.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<RuleSpec> {
    let text = section.text("rule")?;
    let read = text.parse::<RuleSpec>();
    let live = read.and_then(|rule| rule.check_live().map(|()| rule));
    match live {
        Ok(rule) => Some(rule),
        Err(error) => {
            let place = section.get("rule").map_or(Place::whole(GRID), |node| node.place);
            let message = format!("`rule`: {error}");
            section.problems.error_with(place, message, hint(&error));
            None
        }
    }
}

/// What to write instead.
fn hint(error: &RuleError) -> String {
    match (error, error.candidates()) {
        (RuleError::Unknown { .. }, Some((word, names))) => {
            suggest::hint(word, &names, "the rules are")
        }
        (_, Some((word, names))) => suggest::hint(word, &names, "its parameters are"),
        (RuleError::NeedsFuture { .. }, _) => {
            let live = RULES.iter().map(|rule| rule.name);
            let live: Vec<&str> = live.filter(|name| *name != "oracle").collect();
            format!("choose one of {}", live.join(", "))
        }
        _ => "write NAME:PARAMETER=VALUE,..., such as fixed:n=20,skip=5".to_owned(),
    }
}
