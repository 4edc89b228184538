//! What the doctor says of energy counters, and of graphics cards that are not NVIDIA's.
//!
//! Reading counters is left to `sampler`. Invariant: a counter that is there and cannot be read is listed with its
//! reason.

use serde::Serialize;

use super::fact::Fact;
use crate::sampler::{self, Card};

/// Whose energy can be told here, and which graphics cards of AMD and Intel there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Energy {
    /// The counters of processors, their memory and the platform.
    pub counters: Fact<Vec<Counter>>,
    /// The cards.
    pub graphics: Vec<Card>,
}

/// A counter that there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// `package-0`, `dram-0`, `psys`.
    pub domain: String,
    /// Why it cannot be read; absent where it can.
    pub unreadable_because: Option<String>,
}

impl Energy {
    /// Looks.
    pub(super) fn look() -> Self {
        let counters = sampler::energy_counters().map(|found| {
            let readable = found.readable.into_iter().map(|domain| (domain, None));
            let others = found.others.into_iter();
            let others = others.map(|(domain, why)| (domain, Some(why.detail)));
            let all = readable.chain(others);
            all.map(|(domain, unreadable_because)| Counter { domain, unreadable_because }).collect()
        });
        Self {
            counters: counters.map_err(|why| why.detail).into(),
            graphics: sampler::graphics_cards(),
        }
    }

    /// Why no energy of processors can be told, if so.
    pub fn why_not(&self) -> Option<String> {
        match &self.counters {
            Fact::Unsupported(why) => Some(why.clone()),
            Fact::Value(counters) => {
                let mut packages =
                    counters.iter().filter(|counter| counter.domain.starts_with("package"));
                packages.find_map(|counter| counter.unreadable_because.clone())
            }
        }
    }
}
