//! The units of metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The base unit of a metric in machine-readable output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Percent.
    #[serde(rename = "percent")]
    Percent,
    /// Samples a second.
    #[serde(rename = "samples/s")]
    SamplesPerSecond,
    /// Requests a second.
    #[serde(rename = "requests/s")]
    RequestsPerSecond,
    /// A share, 0..1.
    #[serde(rename = "ratio")]
    Ratio,
    /// A plain number: a loss, a count.
    #[serde(rename = "1")]
    One,
    /// Watts.
    #[serde(rename = "W")]
    Watts,
    /// Joules.
    #[serde(rename = "J")]
    Joules,
    /// Grams.
    #[serde(rename = "g")]
    Grams,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Percent => "percent",
            Self::SamplesPerSecond => "samples/s",
            Self::RequestsPerSecond => "requests/s",
            Self::Ratio => "ratio",
            Self::One => "1",
            Self::Watts => "W",
            Self::Joules => "J",
            Self::Grams => "g",
        })
    }
}

impl Unit {
    /// What the name of a column in this unit ends with; nothing for plain numbers.
    pub const fn column_suffix(self) -> &'static str {
        match self {
            Self::Seconds => "_s",
            Self::Bytes => "_bytes",
            Self::Percent => "_percent",
            Self::SamplesPerSecond => "_samples_per_s",
            Self::RequestsPerSecond => "_per_s",
            Self::Ratio | Self::One => "",
            Self::Watts => "_w",
            Self::Joules => "_j",
            Self::Grams => "_g",
        }
    }
}
