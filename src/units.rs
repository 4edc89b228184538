//! Quantities as people write and read them: one table of units, one reader, one formatter.
//!
//! [`Unit`] is the table; [`Unit::read`] and [`Unit::show`] are each other's inverse up to the digits that are shown.
//! Machine-readable output never goes through them: it carries base units (s, bytes, percent). What a quantity may be in its
//! place is the business of whoever asks for it.

mod read;
mod show;
mod table;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

pub use read::QuantityError;
pub use show::{
    Scale, bytes, bytes_up, change, elapsed, elapsed_down, percent, rate, rough_elapsed,
    rough_percent, seconds, show_in, significant,
};
pub use table::Unit;

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
        let seconds = Unit::Seconds.read(text)?;
        let span = Duration::try_from_secs_f64(seconds).map(Self);
        span.map_err(|_| QuantityError::not_a_number(Unit::Seconds, text))
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
        reason = "read() gives 0..1e18"
    )]
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Ok(Self(Unit::Bytes.read(text)?.round() as u64))
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
        // Multiplied, as the other units are: 5% is the 0.05 that the compiler reads.
        Unit::Percent.read(text).map(|percent| Self(percent * 0.01))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&percent(self.0))
    }
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
}
