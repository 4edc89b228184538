//! Why a metric is not known.

use std::fmt;

use crate::units::{self, bytes, rough_percent};

/// Why a metric is not known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Why {
    /// Nothing of it has been read in this stage, and why.
    NoReading(String),
    /// Too few observations for an interval.
    TooFew,
    /// The series has not settled.
    WarmingUp,
    /// It drifts, by this share of its value over the window.
    Trend(f64),
    /// Its interval is too wide.
    Wide,
    /// Its interval is narrow enough, but a drift as large as what is asked could hide in its noise.
    Noisy,
    /// It grows, in bytes a second.
    Growing(f64),
    /// Without the stretches in which others took the machine, this share of its time, it would change by that share.
    Disturbed { share: f64, change: f64 },
    /// The last record is too recent, or growth cannot be excluded yet.
    Recent,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReading(reason) => write!(f, "no reading: {reason}"),
            Self::TooFew => f.write_str("too few steps"),
            Self::WarmingUp => f.write_str("warming up"),
            Self::Trend(_) => f.write_str("trend"),
            Self::Wide => f.write_str("wide"),
            Self::Noisy => f.write_str("noisy"),
            Self::Growing(_) => f.write_str("growing"),
            Self::Disturbed { .. } => f.write_str("disturbed"),
            Self::Recent => f.write_str("recent record"),
        }
    }
}

impl Why {
    /// For notes and evidence.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::NoReading(reason) => format!("no reading: {reason}"),
            Self::TooFew => "too few observations for an interval".to_owned(),
            Self::WarmingUp => "has not settled".to_owned(),
            Self::Trend(share) => format!("drifts by {} over its window", units::change(*share)),
            Self::Wide => "its interval is wide".to_owned(),
            Self::Noisy => "its noise could hide a drift".to_owned(),
            Self::Growing(rate) => format!("growing by {} a minute", bytes(*rate * 60.0)),
            Self::Disturbed { share, change } => format!(
                "differs by {} without the {} of the time with interference",
                units::change(*change),
                rough_percent(*share)
            ),
            Self::Recent => "its last record is recent".to_owned(),
        }
    }
}
