//! What is recorded of interference: for how much of a run others took the machine, and what they were. When a stretch of
//! time is marked is decided in `interference`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units;

/// What a stretch was marked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Disturber {
    /// Other processes of the machine.
    Others,
    /// Other guests of the hypervisor.
    Steal,
    /// A quota that is not the run's own.
    Throttled,
    /// Heat.
    Thermal,
    /// Threads waited for a core; whoever had it.
    Delay,
}

impl Disturber {
    /// All, in the order in which they are named.
    pub const ALL: [Self; 5] =
        [Self::Others, Self::Steal, Self::Throttled, Self::Thermal, Self::Delay];

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Others => "others",
            Self::Steal => "steal",
            Self::Throttled => "throttled",
            Self::Thermal => "thermal",
            Self::Delay => "delay",
        }
    }
}

impl fmt::Display for Disturber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Interference of a whole run: shares of the time of which it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Interference {
    /// Time of which it is known, in seconds.
    pub known_s: f64,
    /// Marked time, in seconds.
    pub marked_s: f64,
    /// The same by what for, in the order of [`Disturber::ALL`].
    pub by_cause_s: [f64; 5],
}

impl Interference {
    /// Adds a stretch of so many seconds. `known`: whether anything is known of it; `cause`: what it is marked for.
    pub fn add(&mut self, seconds: f64, known: bool, cause: Option<Disturber>) {
        if known {
            self.known_s += seconds;
        }
        if let Some(cause) = cause {
            self.marked_s += seconds;
            self.by_cause_s[cause as usize] += seconds;
        }
    }

    /// Share of the time that is marked; `None` where nothing is known.
    pub fn share(&self) -> Option<f64> {
        (self.known_s > 0.0).then(|| self.marked_s / self.known_s)
    }

    /// The same for one cause.
    pub fn share_of(&self, cause: Disturber) -> Option<f64> {
        (self.known_s > 0.0).then(|| self.by_cause_s[cause as usize] / self.known_s)
    }

    /// `8% of the time the machine was busy with other work (others 6%, steal 2%)`; nothing below [`WORTH_SAYING`].
    pub fn sentence(&self) -> Option<String> {
        let share = self.share().filter(|share| *share >= WORTH_SAYING)?;
        let causes: Vec<_> = Disturber::ALL
            .into_iter()
            .filter(|cause| self.by_cause_s[*cause as usize] > 0.0)
            .collect();
        let held =
            causes.iter().any(|cause| matches!(cause, Disturber::Throttled | Disturber::Thermal));
        let taken =
            causes.iter().any(|cause| !matches!(cause, Disturber::Throttled | Disturber::Thermal));
        let what = match (taken, held) {
            (true, false) => "the machine was busy with other work",
            (true, true) => "the machine was busy with other work or throttled",
            _ => "the machine was throttled",
        };
        let parts: Vec<_> = causes
            .iter()
            .filter_map(|cause| {
                Some(format!("{cause} {}", units::rough_percent(self.share_of(*cause)?)))
            })
            .collect();
        Some(format!("{} of the time {what} ({})", units::rough_percent(share), parts.join(", ")))
    }
}

/// Share of a run's time with interference that is worth a sentence.
pub const WORTH_SAYING: f64 = 0.01;
