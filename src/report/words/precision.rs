//! How well a figure is known that is not known as asked.

use crate::event::{Note, Num};
use crate::units::{elapsed, percent, rough_elapsed, rough_percent};

/// Half of an interval, as a share, from which on nothing is known of a figure but its order of magnitude, if that.
const BOUNDLESS: f64 = 10.0;

/// An estimate from a few seconds of noise says nothing of times beyond this, in seconds.
const FORESEEN_S: f64 = 100.0 * 3600.0;

/// `±12.3%`, and of an interval that says nothing of its figure no more than that.
pub(super) fn half_width(share: f64) -> String {
    match share {
        BOUNDLESS.. => format!("±{} or more", rough_percent(BOUNDLESS)),
        _ => format!("±{}", percent(share)),
    }
}

/// Behind `reached`: how narrow the interval was, how narrow it was to be, and how long that takes: an estimate from a few
/// seconds of noise.
pub(super) fn reached(half: Num, asked: Num, takes_s: Option<Num>) -> String {
    let takes = match takes_s {
        None => "would take longer".to_owned(),
        Some(Num(FORESEEN_S..)) => {
            format!("would take more than {} in all", rough_elapsed(FORESEEN_S))
        }
        Some(Num(takes_s)) => format!("would take an estimated {} in all", rough_elapsed(takes_s)),
    };
    let [shown, wanted] = [half, asked].map(|half| half_width(half.0));
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
            let [reached, asked] = [reached, asked].map(|half| half_width(half.0));
            format!("unstable: reached {reached} at the end, asked {asked}")
        }
        Note::Unstable { reached: None, asked } => {
            format!("unstable: not known within ±{}", percent(asked.0))
        }
        Note::NoiseLimited { reached: half, asked, takes_s } => {
            format!("noise-limited: reached {}", reached(*half, *asked, *takes_s))
        }
        Note::Whole { regime, seen_s, whole, of_s } => format!(
            "{} for the {} seen, {} for {} in all",
            half_width(regime.0),
            elapsed(seen_s.0),
            half_width(whole.0),
            elapsed(of_s.0)
        ),
        Note::PastHorizon { seen_s, of_s } => format!(
            "the horizon of {} is shorter than the {} seen: later drift is not included",
            elapsed(of_s.0),
            elapsed(seen_s.0)
        ),
        Note::Moved { recent: true, .. } => {
            "was known, then moved: its latest maximum is recent".to_owned()
        }
        Note::Moved { reached: Some(reached), asked, .. } => {
            let [reached, asked] = [reached, asked].map(|half| half_width(half.0));
            format!("was known, then moved: reached {reached}, asked {asked}")
        }
        Note::Moved { .. } => "was known, then moved".to_owned(),
        _ => String::new(),
    }
}
