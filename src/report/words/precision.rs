//! How well a figure is known that is not known as asked.

use crate::event::{Note, Num};
use crate::units::{elapsed, percent, rough_elapsed};

/// Behind `reached`: how narrow the interval was, how narrow it was to be, and how long that takes: an estimate from a few
/// seconds of noise.
pub(super) fn reached(half: Num, asked: Option<Num>, takes_s: Num) -> String {
    let reached_it = asked.is_some_and(|asked| half.0 <= asked.0);
    let takes =
        format!("some {} in all, estimated from the noise so far", rough_elapsed(takes_s.0));
    let (half, asked_of) = (percent(half.0), |asked: Num| format!(" ±{}", percent(asked.0)));
    match asked {
        // The width is not what was missing.
        Some(asked) if reached_it => format!(
            "±{half}, but noise could hide a drift of the{} asked: to exclude it would take {takes}",
            asked_of(asked)
        ),
        asked => format!(
            "±{half}; the{} asked would take {takes}",
            asked.map_or_else(String::new, asked_of)
        ),
    }
}

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
        Note::NoiseLimited { reached: half, asked, takes_s } => {
            format!("noise-limited: reached {}", reached(*half, Some(*asked), *takes_s))
        }
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
