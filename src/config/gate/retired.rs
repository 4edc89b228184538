//! `[gate.retired]`: cells that are gone.

use crate::document::problems::{Place, Problems, shown};
use crate::document::tree::{Table, Value};

/// The cells of `[gate.retired]`, each with its place, and when and why it is gone: both must be said, so that none is lost
/// without anybody's knowing.
pub(in crate::config) fn retired(
    table: &Table,
    problems: &mut Problems,
) -> Vec<(String, Place, String)> {
    let hint =
        "write \"cell\" = \"YYYY-MM-DD why it is gone\"; a name with a dot in it needs quotes";
    let mut found = Vec::new();
    for entry in &table.entries {
        let (cell, node) = (&entry.key, &entry.node);
        let said = match &node.value {
            Value::Text(text) => dated(text),
            _ => Err("a date and a reason in quotes".to_owned()),
        };
        match said {
            Ok(text) => found.push((cell.clone(), entry.key_place, text)),
            Err(expected) => {
                let (cell, got) = (shown(cell), node.value.shown());
                let message = format!("the retired cell `{cell}` needs {expected}, not {got}");
                problems.error_with(node.place, message, hint);
            }
        }
    }
    found
}

/// Date and reason with one space between them, or what is missing.
fn dated(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (date, reason) = text.split_at_checked(10).unwrap_or((text, ""));
    let shape = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !shape || date.parse::<jiff::civil::Date>().is_err() {
        return Err("the date first, as YYYY-MM-DD".to_owned());
    }
    let reason = reason.trim_start_matches([' ', ':', ',', ';', '-']);
    if !reason.chars().any(char::is_alphabetic) {
        return Err("a reason after its date".to_owned());
    }
    Ok(format!("{date} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_one_and_a_reason_is_one() {
        for (text, says) in [
            ("2026-01-31 gone", Ok("2026-01-31 gone")),
            ("  2026-01-31 - gone ", Ok("2026-01-31 gone")),
            ("2026-02-30 gone", Err("YYYY-MM-DD")),
            ("2026-1-31 gone", Err("YYYY-MM-DD")),
            ("20260131 gone", Err("YYYY-MM-DD")),
            ("gone", Err("YYYY-MM-DD")),
            ("", Err("YYYY-MM-DD")),
            ("äöüäöüäöü", Err("YYYY-MM-DD")),
            ("2026-01-31", Err("a reason")),
            ("2026-01-31 -- 3", Err("a reason")),
        ] {
            match (dated(text), says) {
                (Ok(found), Ok(says)) => assert_eq!(found, says),
                (Err(why), Err(says)) => assert!(why.contains(says), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
