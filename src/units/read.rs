//! Reading a quantity: a number and its unit.

use super::table::{Style, Unit};

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A number without a unit.
    #[error("`{text}` has no unit; use one of {units}")]
    NoUnit {
        /// What was written.
        text: String,
        /// The units that the quantity has.
        units: String,
    },
    /// A unit that does not belong to the quantity.
    #[error("`{unit}` is not a unit of {what}; use one of {units}")]
    UnknownUnit {
        /// The unit that was written.
        unit: String,
        /// The quantity.
        what: &'static str,
        /// The units it has.
        units: String,
    },
    /// Not a number, not finite, too large, or negative where that means nothing.
    #[error("`{text}` is not {} {what}; write for example \"{example}\"", article(what))]
    NotANumber {
        /// What was written.
        text: String,
        /// The quantity.
        what: &'static str,
        /// A value with its unit.
        example: &'static str,
    },
}

/// `a` or `an`, as the word wants.
fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Characters of what was written that a message repeats, at most.
const QUOTED: usize = 60;

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

impl QuantityError {
    pub(super) fn not_a_number(unit: Unit, text: &str) -> Self {
        let def = unit.def();
        Self::NotANumber { text: quoted(text), what: def.what, example: def.example }
    }
}

impl Unit {
    /// The value in the base unit: of `10ms` 0.01. A duration may have several parts: `2 min 05 s`.
    pub fn read(self, text: &str) -> Result<f64, QuantityError> {
        let not_a_number = || QuantityError::not_a_number(self, text);
        let (mut value, mut rest, mut before) = (0.0, text.trim(), f64::INFINITY);
        loop {
            let (number, after) = rest.split_at(number_end(rest));
            let number: f64 = number.replace('_', "").parse().map_err(|_| not_a_number())?;
            let after = after.trim_start();
            let end = match self.def().style {
                Style::Clock => after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()),
                _ => after.len(),
            };
            let factor = self.factor_written(after[..end].trim_end(), text)?;
            if factor >= before {
                return Err(not_a_number());
            }
            (value, rest, before) = (value + number * factor, &after[end..], factor);
            if rest.is_empty() {
                break;
            }
        }
        let allowed =
            if self.is_plain() { value.is_finite() } else { (0.0..1e18).contains(&value) };
        if allowed { Ok(value) } else { Err(not_a_number()) }
    }

    fn factor_written(self, unit: &str, text: &str) -> Result<f64, QuantityError> {
        if let Some(factor) = self.factor(unit) {
            return Ok(factor);
        }
        let units = self.listed();
        Err(if self.is_plain() {
            QuantityError::not_a_number(self, text)
        } else if unit.is_empty() {
            QuantityError::NoUnit { text: quoted(text), units }
        } else {
            QuantityError::UnknownUnit { unit: quoted(unit), what: self.def().what, units }
        })
    }

    /// The units that may be written, the smallest first, each size once.
    fn listed(self) -> String {
        let mut all: Vec<_> = self.all().collect();
        all.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        all.dedup_by_key(|(_, factor)| *factor);
        let all: Vec<&str> = all.into_iter().map(|(symbol, _)| symbol).collect();
        all.join(", ")
    }
}

/// Where the number ends that a text begins with.
fn number_end(text: &str) -> usize {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+');
    let split = text.find(|c: char| !digits(c)).unwrap_or(text.len());
    // "1e3s": an exponent belongs to the number when digits follow it.
    let Some(after) = text[split..].strip_prefix(['e', 'E']) else {
        return split;
    };
    let signed = after.strip_prefix(['-', '+']).unwrap_or(after);
    let digits = signed.len() - signed.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 { split } else { text.len() - signed.len() + digits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, Share, Span};
    use proptest::prelude::*;

    #[test]
    fn units_are_read_in_base_units() {
        for (unit, text, value) in [
            (Unit::Seconds, "2 min 05 s", 125.0),
            (Unit::Seconds, "1h30min", 5400.0),
            (Unit::Joules, "5J", 5.0),
            (Unit::Joules, "200 mJ", 0.2),
            (Unit::Joules, "1.5kJ", 1500.0),
            (Unit::Joules, "2MJ", 2e6),
            (Unit::Joules, "3Wh", 10_800.0),
            (Unit::Joules, "1kWh", 3.6e6),
            (Unit::Joules, "1e3J", 1000.0),
            (Unit::Grams, "10g", 10.0),
            (Unit::Grams, "1kg", 1000.0),
            (Unit::Grams, "5mg", 0.005),
            (Unit::Watts, "70W", 70.0),
            (Unit::Percent, "150%", 150.0),
            (Unit::SamplesPerSecond, "5 k/s", 5000.0),
            (Unit::RequestsPerSecond, "20 requests/s", 20.0),
            (Unit::Ratio, "88%", 0.88),
            (Unit::Ratio, "0.88", 0.88),
            (Unit::One, "-1.5", -1.5),
            (Unit::One, "1e-3", 1e-3),
        ] {
            let read = unit.read(text).unwrap();
            assert!((read - value).abs() <= 1e-9 * value.abs(), "{text}: {read}");
        }
        for (unit, text, says) in [
            (Unit::Joules, "5", "has no unit; use one of uJ, mJ, J, kJ, Wh, MJ, kWh"),
            (Unit::Joules, "5W", "is not a unit of energy"),
            (Unit::Joules, "-5J", "is not an energy"),
            (Unit::Joules, "J", "is not an energy"),
            (Unit::Joules, "1e18kWh", "is not an energy"),
            (Unit::Grams, "3J", "use one of ug, mg, g, kg"),
            (Unit::Seconds, "5 s 2 min", "is not a duration"),
            (Unit::Seconds, "2 min 5", "has no unit"),
            (Unit::One, "nan", "is not a plain number"),
            (Unit::One, "5s", "is not a plain number"),
        ] {
            let message = unit.read(text).unwrap_err().to_string();
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,20}") {
            let _ = (text.parse::<Span>(), text.parse::<Bytes>(), text.parse::<Share>());
            for unit in Unit::ALL {
                let _ = unit.read(&text);
            }
        }
    }
}
