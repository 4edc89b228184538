//! Quantities as a user writes and reads them: durations, sizes and shares, each with its unit and one `Display`.
//!
//! Machine-readable output never goes through these: it carries base units (s, bytes, %).

mod figures;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

pub use figures::{
    bytes, bytes_up, elapsed, elapsed_down, grams, joules, rate, seconds, significant,
};

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A number without a unit.
    #[error("`{text}` has no unit; write {example}")]
    NoUnit {
        /// What was written.
        text: String,
        /// A value with its unit.
        example: &'static str,
    },
    /// A unit that does not belong to the quantity.
    #[error("`{unit}` is not a unit of {what}; use one of {units}")]
    UnknownUnit {
        /// The unit that was written.
        unit: String,
        /// The quantity.
        what: &'static str,
        /// The units it has.
        units: &'static str,
    },
    /// Not a number, negative, not finite, or too large.
    #[error("`{text}` is not {} {what}; write for example {example}", article(what))]
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

struct Dimension {
    what: &'static str,
    example: &'static str,
    units: &'static str,
    factors: &'static [(&'static str, f64)],
}

const DURATION: Dimension = Dimension {
    what: "duration",
    example: "\"100ms\" or \"30s\"",
    units: "ns, us, ms, s, min, h",
    factors: &[
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("min", 60.0),
        ("m", 60.0),
        ("h", 3600.0),
    ],
};

const SIZE: Dimension = Dimension {
    what: "size",
    example: "\"512MiB\"",
    units: "B, kB, MB, GB, KiB, MiB, GiB",
    factors: &[
        ("B", 1.0),
        ("kB", 1e3),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
    ],
};

const SHARE: Dimension =
    Dimension { what: "percentage", example: "\"5%\"", units: "%", factors: &[("%", 0.01)] };

const RATE: Dimension = Dimension {
    what: "rate",
    example: "\"5000/s\"",
    units: "/s, k/s, M/s",
    factors: &[("/s", 1.0), ("samples/s", 1.0), ("requests/s", 1.0), ("k/s", 1e3), ("M/s", 1e6)],
};

const POWER: Dimension = Dimension {
    what: "power",
    example: "\"70W\"",
    units: "mW, W, kW",
    factors: &[("mW", 1e-3), ("W", 1.0), ("kW", 1e3)],
};

const ENERGY: Dimension = Dimension {
    what: "energy",
    example: "\"5J\"",
    units: "mJ, J, kJ, MJ, Wh, kWh",
    factors: &[
        ("mJ", 1e-3),
        ("J", 1.0),
        ("kJ", 1e3),
        ("MJ", 1e6),
        ("Wh", 3600.0),
        ("kWh", 3_600_000.0),
    ],
};

const MASS: Dimension = Dimension {
    what: "mass",
    example: "\"10g\"",
    units: "mg, g, kg",
    factors: &[("mg", 1e-3), ("g", 1.0), ("kg", 1e3)],
};

impl Dimension {
    /// The value in the base unit.
    fn parse(&self, text: &str) -> Result<f64, QuantityError> {
        let trimmed = text.trim();
        let split = trimmed
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+')))
            .unwrap_or(trimmed.len());
        // "1e3s": an exponent belongs to the number when digits follow it.
        let split = exponent_end(trimmed, split);
        let (number, unit) = trimmed.split_at(split);
        let not_a_number = || QuantityError::NotANumber {
            text: text.to_owned(),
            what: self.what,
            example: self.example,
        };
        let number: f64 = number.replace('_', "").parse().map_err(|_| not_a_number())?;
        let unit = unit.trim();
        if unit.is_empty() {
            return Err(QuantityError::NoUnit { text: text.to_owned(), example: self.example });
        }
        let factor = self.factors.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        let factor = factor.ok_or_else(|| QuantityError::UnknownUnit {
            unit: unit.to_owned(),
            what: self.what,
            units: self.units,
        })?;
        let value = number * factor;
        if (0.0..1e18).contains(&value) { Ok(value) } else { Err(not_a_number()) }
    }
}

fn exponent_end(text: &str, split: usize) -> usize {
    let rest = &text[split..];
    let Some(after) = rest.strip_prefix(['e', 'E']) else {
        return split;
    };
    let signed = after.strip_prefix(['-', '+']).unwrap_or(after);
    let digits = signed.len() - signed.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 { split } else { text.len() - signed.len() + digits }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

impl Span {
    /// From whole nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self(Duration::from_nanos(ns))
    }

    /// Whole nanoseconds, at most `u64::MAX`.
    pub fn as_ns(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Seconds.
    pub fn as_secs(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let seconds = DURATION.parse(text)?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| QuantityError::NotANumber {
            text: text.to_owned(),
            what: DURATION.what,
            example: DURATION.example,
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&seconds(self.as_secs()))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = QuantityError;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "parse() gives 0..1e18"
    )]
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Ok(Self(SIZE.parse(text)?.round() as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bytes(self.0 as f64))
    }
}

/// A share of one, written in percent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        SHARE.parse(text).map(Self)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", significant(self.0 * 100.0)))
    }
}

/// Samples or requests a second, from `5000/s` or `5k/s`.
pub fn parse_rate(text: &str) -> Result<f64, QuantityError> {
    RATE.parse(text)
}

/// Watts, from `70W`.
pub fn parse_power(text: &str) -> Result<f64, QuantityError> {
    POWER.parse(text)
}

/// Joules, from `5J` or `3Wh`.
pub fn parse_energy(text: &str) -> Result<f64, QuantityError> {
    ENERGY.parse(text)
}

/// Grams, from `10g`.
pub fn parse_mass(text: &str) -> Result<f64, QuantityError> {
    MASS.parse(text)
}

macro_rules! quantity_serde {
    ($($name:ident)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a quantity with its unit, in quotes")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    )*};
}
quantity_serde!(Span Bytes Share);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        for (text, ns) in [
            ("100ms", 100_000_000),
            ("1.5 s", 1_500_000_000),
            ("2min", 120_000_000_000),
            ("1e3us", 1_000_000),
        ] {
            assert_eq!(text.parse::<Span>().unwrap().as_ns(), ns, "{text}");
        }
        assert_eq!("512MiB".parse::<Bytes>().unwrap(), Bytes(512 << 20));
        assert_eq!("1_000kB".parse::<Bytes>().unwrap(), Bytes(1_000_000));
        assert!(("5%".parse::<Share>().unwrap().0 - 0.05).abs() < 1e-12);
    }

    #[test]
    fn energies_and_masses_are_read_with_their_units() {
        for (text, joules) in [
            ("5J", 5.0),
            ("200 mJ", 0.2),
            ("1.5kJ", 1500.0),
            ("2MJ", 2e6),
            ("3Wh", 10_800.0),
            ("1kWh", 3.6e6),
            ("1e3J", 1000.0),
        ] {
            let read = parse_energy(text).unwrap();
            assert!((read - joules).abs() < 1e-9 * joules, "{text}: {read}");
        }
        for (text, grams) in [("10g", 10.0), ("1kg", 1000.0), ("5mg", 0.005)] {
            assert!((parse_mass(text).unwrap() - grams).abs() < 1e-12, "{text}");
        }
        for (text, says) in [
            ("5", "has no unit"),
            ("5W", "is not a unit of energy"),
            ("-5J", "is not an energy"),
            ("J", "is not an energy"),
            ("1e18kWh", "is not an energy"),
        ] {
            let message = parse_energy(text).unwrap_err().to_string();
            assert!(message.contains(says), "{text}: {message}");
        }
        assert!(parse_mass("3J").unwrap_err().to_string().contains("mg, g, kg"));
    }

    #[test]
    fn bad_quantities_say_what_to_write() {
        for (text, says) in [
            ("100", "has no unit"),
            ("100 MB", "is not a unit of duration"),
            ("-1s", "is not a duration"),
            ("fast", "is not a duration"),
            ("", "is not a duration"),
            ("1e400s", "is not a duration"),
            ("1e17s", ""),
        ] {
            let message =
                text.parse::<Span>().map_or_else(|e| e.to_string(), |span| span.to_string());
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,20}") {
            let _ = text.parse::<Span>();
            let _ = text.parse::<Bytes>();
            let _ = text.parse::<Share>();
            let _ = (parse_energy(&text), parse_mass(&text));
        }
    }
}
