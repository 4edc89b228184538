//! Energy of processor packages and their memory through RAPL: `/sys/class/powercap/intel-rapl:*` (of AMD's processors too).
//!
//! A counter is read at the tick, not in the background. A reading is one `rdmsr` on a core of the package, microseconds,
//! and how exact the energy of a phase is depends on knowing when it was read; an answer from the background would be up
//! to its period older than the tick. Should readings take long all the same (a hypervisor that traps them), they
//! become rarer. The counters wrap after a minute at the earliest, so the pace is far from missing a turn.
//!
//! `package-N` holds its `core` and `uncore`, which are not read; `dram-N` lies beside it; `psys` is the whole platform
//! and added to nothing. `intel-rapl-mmio` shows the same packages once more and is left out.

mod counter;
mod domain;

use self::domain::{Domain, domains};
use super::probe::{GapLedger, Probe, Tick};
use super::sysfs::{SysRoot, Unreadable};
use crate::clock::{Clock, MonotonicClock};
use crate::event::{EnergyReading, GapKind, Reason};

/// Shortest time between two readings, in nanoseconds: at the usual interval every tick reads.
const PACE_NS: u64 = 45_000_000;

/// The same where readings are slow.
const SLOW_PACE_NS: u64 = 1_000_000_000;

/// A reading of all domains that takes this long is slow, in nanoseconds.
const SLOW_NS: u64 = 1_000_000;

/// Slow readings in a row that are no accident.
const SLOW_OFTEN: u32 = 5;

/// What to do about counters that may not be read.
const DENIED: &str = "only root may read /sys/class/powercap/intel-rapl:*/energy_uj since Linux 5.10 \
                      (CVE-2020-8694); `sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj` opens it until the next boot, \
                      a udev rule for good";

/// Reads the energy counters of the machine.
pub(super) struct EnergyProbe {
    domains: Result<Vec<Domain>, Reason>,
    due_ns: u64,
    slow: u32,
}

impl EnergyProbe {
    /// All counters below this root; `wanted` is the user's switch.
    pub(super) fn new(wanted: bool, root: &SysRoot) -> Self {
        Self {
            domains: if wanted {
                domains(root)
            } else {
                Err(Reason::new(GapKind::Off, "switched off in `[sampler] energy`"))
            },
            due_ns: 0,
            slow: 0,
        }
    }

    /// One reading of each domain that can be read; the others are reported to `gaps`.
    fn read_now(&mut self, now_ns: u64, gaps: &mut GapLedger) -> Vec<EnergyReading> {
        let domains = match &mut self.domains {
            Ok(domains) => domains,
            Err(why) => {
                gaps.report("energy", why);
                return Vec::new();
            }
        };
        let mut readings = Vec::new();
        let mut silent = Vec::new();
        for domain in domains {
            match domain.read(now_ns) {
                Ok(energy_uj) => {
                    readings.push(EnergyReading { domain: domain.name.clone(), energy_uj });
                }
                Err(why) => silent.push((&*domain.name, why)),
            }
        }
        if readings.is_empty()
            && let Some((name, why)) = silent.first()
        {
            gaps.report("energy", &unsupported(name, why));
        } else {
            for (name, why) in &silent {
                gaps.report(&format!("energy.{name}"), &unsupported(name, why));
            }
        }
        readings
    }
}

impl Probe for EnergyProbe {
    fn name(&self) -> &'static str {
        "energy"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        if tick.now_ns < self.due_ns && !tick.thorough {
            tick.gaps.hold("energy");
            return;
        }
        let began_ns = MonotonicClock.now_ns();
        tick.sample.energy = self.read_now(tick.now_ns, tick.gaps);
        let took_ns = MonotonicClock.now_ns().saturating_sub(began_ns);
        self.slow = if took_ns > SLOW_NS { self.slow + 1 } else { 0 };
        let pace_ns = if self.slow >= SLOW_OFTEN {
            self.slow = SLOW_OFTEN;
            SLOW_PACE_NS
        } else {
            PACE_NS
        };
        self.due_ns = tick.now_ns.saturating_add(pace_ns);
    }
}

fn unsupported(domain: &str, why: &Unreadable) -> Reason {
    Reason::unsupported(match why {
        Unreadable::Denied => DENIED.to_owned(),
        Unreadable::Absent => format!("the counter of {domain} has gone"),
        Unreadable::Broken(why) => format!("the counter of {domain}: {why}"),
    })
}

/// Which energy counters of this machine can be read, and which cannot, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnergyCounters {
    /// `package-0`, `dram-0`, `psys`.
    pub readable: Vec<String>,
    /// Each with why it is not.
    pub others: Vec<(String, Reason)>,
}

/// Looks at the energy counters of this machine; an error says why there are none.
pub fn energy_counters() -> Result<EnergyCounters, Reason> {
    counters(&SysRoot::system())
}

fn counters(root: &SysRoot) -> Result<EnergyCounters, Reason> {
    let mut found = EnergyCounters::default();
    for mut domain in domains(root)? {
        match domain.read(0) {
            Ok(_) => found.readable.push(domain.name),
            Err(why) => {
                let why = unsupported(&domain.name, &why);
                found.others.push((domain.name, why));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
