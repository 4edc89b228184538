//! What the doctor says of energy counters, and of graphics cards that are not NVIDIA's.

use serde::Serialize;

use super::Fact;
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
            let others = others.map(|(domain, why)| (domain, Some(plain(&why))));
            let all = readable.chain(others);
            all.map(|(domain, unreadable_because)| Counter { domain, unreadable_because }).collect()
        });
        Self {
            counters: counters.map_err(|why| plain(&why)).into(),
            graphics: sampler::graphics_cards(),
        }
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![("energy", self.counters.text(|counters| said(counters)))];
        rows.extend(self.graphics.iter().map(|card| ("graphics", shown(card))));
        rows
    }

    /// Why no energy of processors can be told, if so.
    pub(super) fn why_not(&self) -> Option<String> {
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

fn plain(why: &str) -> String {
    why.trim_start_matches("unsupported: ").to_owned()
}

/// The counters that can be read, then each reason why others cannot, once.
fn said(counters: &[Counter]) -> String {
    let names = |wanted: Option<&String>| {
        let of = counters.iter().filter(|counter| counter.unreadable_because.as_ref() == wanted);
        of.map(|counter| &*counter.domain).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    let readable = names(None);
    if !readable.is_empty() {
        parts.push(format!("{readable} (RAPL), of the whole machine"));
    }
    let mut told: Vec<&String> = Vec::new();
    for why in counters.iter().filter_map(|counter| counter.unreadable_because.as_ref()) {
        if !told.contains(&why) {
            told.push(why);
            parts.push(format!("not {}: {why}", names(Some(why))));
        }
    }
    parts.join("; ")
}

fn shown(card: &Card) -> String {
    let driver = card.driver.as_deref().unwrap_or("no driver");
    let tells = if card.tells.is_empty() {
        "tells nothing of itself; of a run that has it open what its programs do".to_owned()
    } else {
        format!("tells {}", card.tells.join(", "))
    };
    format!("{} at {} ({driver}): {tells}", card.name, card.device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_said_once_with_what_to_do() {
        let counter = |domain: &str, why: Option<&str>| Counter {
            domain: domain.to_owned(),
            unreadable_because: why.map(str::to_owned),
        };
        for (counters, says, why_not) in [
            (
                vec![counter("package-0", None), counter("dram-0", None)],
                "package-0, dram-0 (RAPL), of the whole machine",
                None,
            ),
            (
                vec![
                    counter("package-0", Some("only root may")),
                    counter("dram-0", Some("only root may")),
                ],
                "not package-0, dram-0: only root may",
                Some("only root may"),
            ),
            (
                vec![counter("package-0", None), counter("psys", Some("it holds no number"))],
                "package-0 (RAPL), of the whole machine; not psys: it holds no number",
                None,
            ),
        ] {
            let energy = Energy { counters: Fact::Value(counters), graphics: Vec::new() };
            assert_eq!(energy.rows(), [("energy", says.to_owned())]);
            assert_eq!(energy.why_not().as_deref(), why_not);
        }
    }
}
