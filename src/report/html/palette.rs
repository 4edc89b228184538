//! Colours and shapes. Each colour is chosen twice, for a light and for a dark page, with a contrast of 3 to 1 or more
//! against it; hues are those that people with any common colour blindness tell apart (after Okabe and Ito 2008), and no
//! colour says anything that a shape, a mark or a word does not say as well.

use std::fmt::Write;

use plotters::style::RGBColor;

use crate::event::Feasibility;

/// A colour of the drawings, and what takes its place on a dark page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    /// On a light page.
    pub(super) light: RGBColor,
    /// On a dark page, for CSS.
    dark: &'static str,
}

const fn ink(red: u8, green: u8, blue: u8, dark: &'static str) -> Ink {
    Ink { light: RGBColor(red, green, blue), dark }
}

/// Words.
pub(super) const TEXT: Ink = ink(0x1F, 0x29, 0x33, "#E6E9EE");
/// Axes and what is said in passing.
pub(super) const AXIS: Ink = ink(0x6B, 0x72, 0x80, "#9BA3AF");
/// The grid behind everything.
pub(super) const GRID: Ink = ink(0xE2, 0xE5, 0xEA, "#353B45");
/// A limit, dashed.
pub(super) const LIMIT: Ink = ink(0xB8, 0x3A, 0x0B, "#FF9466");
/// Where a run was stopped, dashed.
pub(super) const STOP: Ink = ink(0x9B, 0x1C, 0x5A, "#F58AC0");
/// What is not certain.
pub(super) const UNDECIDED: Ink = ink(0x5F, 0x67, 0x73, "#B6BDC8");

const BLUE: Ink = ink(0x0B, 0x62, 0xA8, "#5BB0F0");
const VERMILION: Ink = ink(0xC2, 0x41, 0x0C, "#FF8F5A");
const GREEN: Ink = ink(0x00, 0x80, 0x6A, "#3DC9A6");
const PURPLE: Ink = ink(0xA2, 0x3B, 0x72, "#E79AC6");
const OLIVE: Ink = ink(0x8A, 0x65, 0x00, "#E5C04B");
const INDIGO: Ink = ink(0x4B, 0x3F, 0xA8, "#A79BF5");

/// The main line of a drawing.
pub(super) const LINE: Ink = BLUE;

/// Models, where there is no verdict to colour by.
const MODELS: [Ink; 6] = [BLUE, VERMILION, GREEN, PURPLE, OLIVE, INDIGO];

const ALL: [Ink; 12] =
    [TEXT, AXIS, GRID, LIMIT, STOP, UNDECIDED, BLUE, VERMILION, GREEN, PURPLE, OLIVE, INDIGO];

/// The colour of the model at this place of the legend.
pub(super) const fn of_model(place: usize) -> Ink {
    MODELS[place % MODELS.len()]
}

/// The colour of a verdict.
pub(super) const fn of_verdict(verdict: Feasibility) -> Ink {
    match verdict {
        Feasibility::Feasible => BLUE,
        Feasibility::Infeasible => VERMILION,
        Feasibility::Undecided => UNDECIDED,
    }
}

impl Ink {
    /// As the drawings name it.
    pub(super) fn hex(self) -> String {
        let RGBColor(red, green, blue) = self.light;
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

/// The rules that put the dark colours in the place of the light ones. The drawings carry the light ones themselves, so
/// they are right where nobody reads a style sheet.
pub(super) fn dark_rules() -> String {
    let mut rules = String::new();
    for ink in ALL {
        let (light, dark) = (ink.hex(), ink.dark);
        let _ = write!(
            rules,
            "svg [fill=\"{light}\"]{{fill:{dark}}}svg [stroke=\"{light}\"]{{stroke:{dark}}}"
        );
    }
    rules
}

/// The rule that draws limits and ends in dashes, which the crate's own dashes would be hundreds of lines for.
pub(super) fn dash_rule() -> String {
    let [limit, stop] = [LIMIT.hex(), STOP.hex()];
    format!("svg [stroke=\"{limit}\"],svg [stroke=\"{stop}\"]{{stroke-dasharray:6 3}}")
}

/// The mark of a model: a polygon around its middle, in pixels; none: a circle.
pub(super) const SHAPES: [&[(i32, i32)]; 6] = [
    &[],
    &[(-5, -5), (5, -5), (5, 5), (-5, 5)],
    &[(0, -7), (6, 5), (-6, 5)],
    &[(0, -7), (7, 0), (0, 7), (-7, 0)],
    &[(0, 7), (6, -5), (-6, -5)],
    &[
        (-2, -6),
        (2, -6),
        (2, -2),
        (6, -2),
        (6, 2),
        (2, 2),
        (2, 6),
        (-2, 6),
        (-2, 2),
        (-6, 2),
        (-6, -2),
        (-2, -2),
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance after WCAG 2.
    fn luminance(red: u8, green: u8, blue: u8) -> f64 {
        let linear = |value: u8| {
            let share = f64::from(value) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_colour_can_be_seen_on_both_pages() {
        let channel = |hex: &str, at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let of = |hex: &str| luminance(channel(hex, 1), channel(hex, 3), channel(hex, 5));
        // The pages' own colours, as the style sheet has them.
        let (white, black) = (of("#FFFFFF"), of("#15181D"));
        for ink in ALL.iter().filter(|ink| **ink != GRID) {
            let needed = if *ink == TEXT || *ink == AXIS { 4.5 } else { 3.0 };
            let (light, dark) = (contrast(of(&ink.hex()), white), contrast(of(ink.dark), black));
            assert!(light >= needed && dark >= needed, "{ink:?}: {light:.2} {dark:.2}");
        }
    }

    #[test]
    fn no_two_colours_are_one() {
        for (place, ink) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.hex() != ink.hex()), "{ink:?}");
        }
    }
}
