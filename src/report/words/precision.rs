//! How well a figure is known that is not known as asked.

use crate::event::Note;
use crate::units::{elapsed, percent};

/// Notes on what was reached; nothing of others.
pub(super) fn precision(note: &Note) -> String {
    match note {
        // The width is not what was missing.
        Note::Unstable { reached: Some(reached), asked } if reached.0 <= asked.0 => {
            format!("unstable: within ±{}, and not settled", percent(reached.0))
        }
        Note::Unstable { reached: Some(reached), asked } => {
            format!(
                "unstable: reached ±{} at the end, asked ±{}",
                percent(reached.0),
                percent(asked.0)
            )
        }
        Note::Unstable { reached: None, asked } => {
            format!("unstable: not known within ±{}", percent(asked.0))
        }
        Note::NoiseLimited { reached, asked, takes_s } if reached.0 <= asked.0 => format!(
            "noise-limited: within ±{}, and noise that could hide a drift for some {} more",
            percent(reached.0),
            elapsed(takes_s.0)
        ),
        Note::NoiseLimited { reached, asked, takes_s } => format!(
            "noise-limited: reached ±{} at the end, ±{} would take some {}",
            percent(reached.0),
            percent(asked.0),
            elapsed(takes_s.0)
        ),
        Note::Whole { regime, seen_s, whole, of_s } => format!(
            "±{} for the {} seen, ±{} for {} in all",
            percent(regime.0),
            elapsed(seen_s.0),
            percent(whole.0),
            elapsed(of_s.0)
        ),
        Note::PastHorizon { seen_s, of_s } => format!(
            "the horizon of {} is shorter than the {} seen: nothing beyond them is reckoned with",
            elapsed(of_s.0),
            elapsed(seen_s.0)
        ),
        Note::Moved { recent: true, .. } => {
            "was known, then moved: its last record is recent".to_owned()
        }
        Note::Moved { reached: Some(reached), asked, .. } => format!(
            "was known, then moved: reached ±{}, asked ±{}",
            percent(reached.0),
            percent(asked.0)
        ),
        Note::Moved { .. } => "was known, then moved".to_owned(),
        _ => String::new(),
    }
}
