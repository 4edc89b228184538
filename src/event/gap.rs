//! Why a quantity was not read.
//!
//! What decides is the kind; the detail is for people, in the words of whoever failed: a driver, the kernel, a service.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a missing reading is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The machine, its driver or this build does not tell it: no reading will come.
    Unsupported,
    /// Whoever was asked hangs: nobody knows what there is.
    Hanging,
    /// The user has switched it off.
    Off,
    /// There is no answer now, and there may be one later.
    Waiting,
    /// Whoever was asked knows of nothing that happened there lately.
    NoSample,
    /// A reading failed; the next may not.
    Failed,
}

/// Why there is no reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// How it is to be taken.
    pub kind: GapKind,
    /// Why, for people.
    pub detail: String,
}

impl Reason {
    /// Of this kind.
    pub fn new(kind: GapKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// No reading will come.
    pub fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(GapKind::Unsupported, detail)
    }

    /// Whether it holds for as long as the machine and the settings are what they are.
    pub const fn is_lasting(&self) -> bool {
        matches!(self.kind, GapKind::Unsupported | GapKind::Hanging | GapKind::Off)
    }
}

/// A failed reading, in the words of whoever failed.
impl From<String> for Reason {
    fn from(detail: String) -> Self {
        Self::new(GapKind::Failed, detail)
    }
}

impl From<&str> for Reason {
    fn from(detail: &str) -> Self {
        detail.to_owned().into()
    }
}

/// The detail, after the kind where the kind matters to people.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            GapKind::Unsupported | GapKind::Hanging => write!(f, "unsupported: {}", self.detail),
            GapKind::Off => write!(f, "not read: {}", self.detail),
            GapKind::Waiting | GapKind::NoSample | GapKind::Failed => f.write_str(&self.detail),
        }
    }
}

/// A quantity that was not read. A gap is never a zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The field, such as `rss_bytes` or `gpu`.
    pub field: String,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_recorded_and_shown_where_it_matters() {
        for (kind, recorded, shown, lasts) in [
            (GapKind::Unsupported, "unsupported", "unsupported: why", true),
            (GapKind::Hanging, "hanging", "unsupported: why", true),
            (GapKind::Off, "off", "not read: why", true),
            (GapKind::Waiting, "waiting", "why", false),
            (GapKind::NoSample, "no_sample", "why", false),
            (GapKind::Failed, "failed", "why", false),
        ] {
            let gap = Gap { field: "gpu".to_owned(), reason: Reason::new(kind, "why") };
            let text = serde_json::to_string(&gap).unwrap();
            assert_eq!(text, format!(r#"{{"field":"gpu","kind":"{recorded}","detail":"why"}}"#));
            assert_eq!(serde_json::from_str::<Gap>(&text).unwrap(), gap);
            assert_eq!((gap.reason.to_string().as_str(), gap.reason.is_lasting()), (shown, lasts));
        }
    }
}
