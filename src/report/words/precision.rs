//! How well a figure is known that is not known as asked.

use crate::event::{Note, Num};
use crate::units::{elapsed, percent, rough_elapsed};

/// Behind `reached`: how narrow the interval was, how narrow it was to be, and how long that takes: an estimate from a few
/// seconds of noise.
pub(super) fn reached(half: Num, asked: Num, takes_s: Num) -> String {
    let takes = format!("would take an estimated {} in all", rough_elapsed(takes_s.0));
    let [shown, wanted] = [half, asked].map(|half| format!("±{}", percent(half.0)));
    if half.0 <= asked.0 {
        // The width is not what was missing.
        let hidden = format!("noise could hide a drift of the {wanted} asked");
        return format!("{shown} ({hidden}: to exclude it {takes})");
    }
    format!("{shown} (the {wanted} asked {takes})")
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
            format!("noise-limited: reached {}", reached(*half, *asked, *takes_s))
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
