//! Graphics cards of AMD and Intel through sysfs, and the tree's own part of them through `/proc/PID/fdinfo`.
//!
//! AMD's driver tells how busy the card is, its memory and its power; Intel's an energy counter of discrete cards, and how
//! busy a card is only of each program that has it open. A read may wake the card's controller and take its time, and a look at
//! the open files of a large tree takes longer still: both are done in the background, and a tick takes the last
//! answer with its own time.

mod card;
mod clients;
mod fdinfo;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::card::Card;

use self::card::{Figures, cards};
use self::clients::{Clients, Look};
use super::background::Background;
use super::probe::{GapLedger, Probe, Tick};
use super::sysfs::{SysRoot, Unreadable};
use crate::clock::{Clock, MonotonicClock};
use crate::event::{Gap, GapKind, GpuReading, Vendor};

/// Time between two readings of the cards.
const PERIOD: Duration = Duration::from_millis(100);

/// Shortest time between two looks at the open files, in nanoseconds: a link of each must be read.
const CLIENTS_NS: u64 = 1_000_000_000;

/// The graphics cards of AMD and Intel in this machine.
pub fn graphics_cards() -> Vec<Card> {
    cards(&SysRoot::system())
}

/// What the background has found.
#[derive(Debug, Clone, PartialEq, Default)]
struct Answer {
    readings: Vec<GpuReading>,
    gaps: Vec<Gap>,
}

/// Reads all cards of AMD and Intel.
pub(super) struct DrmProbe {
    cards: Vec<Card>,
    pids: Arc<Mutex<Vec<u32>>>,
    background: Option<Result<Background<Answer>, String>>,
}

impl DrmProbe {
    /// All cards below this root; `wanted` is the user's switch.
    pub(super) fn new(wanted: bool, root: &SysRoot) -> Self {
        Self {
            cards: if wanted { cards(root) } else { Vec::new() },
            pids: Arc::default(),
            background: None,
        }
    }

    fn start(&self) -> Result<Background<Answer>, String> {
        let pids = Arc::clone(&self.pids);
        let mut reader = DrmReader::new(self.cards.clone(), Path::new("/proc"));
        let ask = move || {
            let tree = pids.lock().unwrap_or_else(PoisonError::into_inner).clone();
            reader.read(&tree, MonotonicClock.now_ns())
        };
        Background::start("drm", PERIOD, MonotonicClock, ask).map_err(|error| error.to_string())
    }
}

impl Probe for DrmProbe {
    fn name(&self) -> &'static str {
        "drm"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        if self.cards.is_empty() {
            return;
        }
        self.pids.lock().unwrap_or_else(PoisonError::into_inner).clone_from(tick.pids);
        if self.background.is_none() {
            self.background = Some(self.start());
        }
        let last = match &self.background {
            Some(Ok(background)) => background.last(tick.now_ns),
            Some(Err(why)) => Err(format!("there is no thread to read it: {why}").into()),
            None => return,
        };
        match last {
            Ok(answer) => {
                for gap in &answer.value.gaps {
                    tick.gaps.report(&gap.field, &gap.reason);
                }
                let timed = answer.value.readings.iter().cloned();
                tick.sample
                    .gpus
                    .extend(timed.map(|reading| GpuReading { t_ns: Some(answer.t_ns), ..reading }));
            }
            Err(why) => {
                for card in &self.cards {
                    tick.gaps.report(&card.place(), &why);
                }
            }
        }
        // That there is no card of NVIDIA is no gap where there is another that tells.
        let tells = self.cards.iter().any(|card| !card.tells.is_empty());
        if tells || !tick.sample.gpus.is_empty() {
            tick.gaps.withdraw("gpu");
        }
    }
}

/// Reads the cards and the tree's part of them.
struct DrmReader {
    cards: Vec<Card>,
    clients: Clients,
    /// The last look at the open files and when it was.
    look: Option<(u64, Look)>,
}

impl DrmReader {
    fn new(cards: Vec<Card>, proc: &Path) -> Self {
        Self { cards, clients: Clients::new(proc), look: None }
    }

    fn read(&mut self, pids: &[u32], now_ns: u64) -> Answer {
        let due = |(then_ns, _): &(u64, Look)| now_ns.saturating_sub(*then_ns) >= CLIENTS_NS;
        if self.look.as_ref().is_none_or(due) {
            self.look = Some((now_ns, self.clients.look(pids, now_ns)));
        }
        let nothing = Look::default();
        let look = self.look.as_ref().map_or(&nothing, |(_, look)| look);
        let mut gaps = GapLedger::default();
        let read = |card: &Card| reading(card, &card.read(), look, &mut gaps);
        let readings = self.cards.iter().filter_map(read).collect();
        Answer { readings, gaps: gaps.current() }
    }
}

/// The reading of one card; `None` where nothing at all is known of it, which is a gap and no idle card.
fn reading(
    card: &Card,
    figures: &Figures,
    look: &Look,
    gaps: &mut GapLedger,
) -> Option<GpuReading> {
    let share = look.shares.get(&card.device);
    let open = share.is_some() || card.nodes.iter().any(|node| look.nodes.contains(node));
    let own = look.told.then_some(open);
    let place = card.place();
    if card.tells.is_empty() && own != Some(true) {
        let why = format!(
            "its driver tells nothing of the card {}, and the run does not have it open",
            card.device
        );
        gaps.report_as(&place, GapKind::Unsupported, &why);
        return None;
    }
    let mut known = |field: &str, why: Option<&Unreadable>| {
        let Some(why) = why else { return };
        let why = match why {
            Unreadable::Absent
                if card.vendor == Vendor::Intel && field == "utilisation_percent" =>
            {
                "the driver tells it of each program only"
            }
            Unreadable::Absent => "the driver does not tell",
            other => &other.to_string(),
        };
        // A colon: the figures of another card may be the run's, and this gap is not theirs.
        gaps.report_as(&format!("{place}:{field}"), GapKind::Unsupported, why);
    };
    known("utilisation_percent", figures.utilisation.as_ref().err());
    known("power_watts", figures.power.as_ref().err());
    known("energy_mj", figures.energy.as_ref().err());
    let own_memory = share.and_then(|share| share.memory_bytes);
    let memory = own_memory.or(figures.memory_used.as_ref().ok().copied());
    if memory.is_none() {
        known("memory_bytes", figures.memory_used.as_ref().err());
    }
    Some(GpuReading {
        index: card.index,
        vendor: card.vendor,
        device: card.device.clone(),
        own,
        utilisation_percent: figures.utilisation.as_ref().ok().copied(),
        own_utilisation_percent: share.and_then(|share| share.busy_percent),
        memory_bytes: memory,
        memory_is_own: own_memory.is_some(),
        memory_total_bytes: figures.memory_total.as_ref().ok().copied(),
        power_watts: figures.power.as_ref().ok().copied(),
        energy_mj: figures.energy.as_ref().ok().map(|uj| uj / 1000),
        ..GpuReading::default()
    })
}

#[cfg(test)]
mod tests;
