//! From what NVML answers to a reading. Pure.

use std::collections::BTreeMap;

use crate::event::{GapKind, GpuReading, Reason};
use crate::sampler::probe::GapLedger;

/// An answer, or why there is none.
pub(super) type FieldResult<T> = Result<T, Reason>;

/// More than any device draws, in milliwatts: 100 kW.
const MOST_POWER_MW: u32 = 100_000_000;

/// More than any clock, in MHz.
const MOST_CLOCK_MHZ: u32 = 100_000;

/// A kilobyte of NVML's traffic, in bytes.
const KILOBYTE: u64 = 1000;

/// The names of NVML's bits that say why a clock is low, as `nvidia-smi` spells them.
const THROTTLE: [(u64, &str); 9] = [
    (0x1, "gpu_idle"),
    (0x2, "applications_clocks_setting"),
    (0x4, "sw_power_cap"),
    (0x8, "hw_slowdown"),
    (0x10, "sync_boost"),
    (0x20, "sw_thermal_slowdown"),
    (0x40, "hw_thermal_slowdown"),
    (0x80, "hw_power_brake_slowdown"),
    (0x100, "display_clock_setting"),
];

/// Which device it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identity {
    /// The driver's index; parts of devices are numbered after all whole ones.
    pub(super) index: u32,
    /// `GPU-<uuid>`, `MIG-<uuid>`, or its place on the bus.
    pub(super) device: String,
    /// Its place on the bus; empty where nobody tells.
    pub(super) pci: String,
    /// What it is a part of; empty: nothing.
    pub(super) parent: String,
    /// Whether it is split: its parts tell whose processes use it.
    pub(super) split: bool,
}

/// One device's answers.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) identity: Identity,
    /// When, in nanoseconds of the monotonic clock.
    pub(super) t_ns: u64,
    /// Percent.
    pub(super) utilisation: FieldResult<u32>,
    /// Bytes in use on the whole device, and all that it has.
    pub(super) memory: FieldResult<(u64, u64)>,
    /// Processes with a compute context, and the bytes that each has; `None` where the driver does not say.
    pub(super) processes: FieldResult<Vec<(u32, Option<u64>)>>,
    /// Percent of the compute units, by process.
    pub(super) shares: FieldResult<Vec<(u32, u32)>>,
    /// Milliwatts.
    pub(super) power: FieldResult<u32>,
    /// Millijoules since the driver was loaded.
    pub(super) energy: FieldResult<u64>,
    /// MHz.
    pub(super) clock: FieldResult<u32>,
    /// MHz.
    pub(super) memory_clock: FieldResult<u32>,
    /// NVML's bits.
    pub(super) throttle: FieldResult<u64>,
    /// Kilobytes a second.
    pub(super) received: FieldResult<u32>,
    /// Kilobytes a second.
    pub(super) sent: FieldResult<u32>,
    /// How active its parts were.
    pub(super) activity: Activity,
}

/// How active the parts of a device were since it was asked before, each in percent.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    pub(super) sm: FieldResult<f64>,
    pub(super) tensor: FieldResult<f64>,
    pub(super) dram: FieldResult<f64>,
}

impl From<Reason> for Activity {
    fn from(why: Reason) -> Self {
        Self { sm: Err(why.clone()), tensor: Err(why.clone()), dram: Err(why) }
    }
}

/// The processes of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree<'a> {
    /// Their ids.
    pub(super) pids: &'a [u32],
    /// Whether the driver's process ids are ours; in a container they are not, and an equal number would be chance.
    pub(super) shared_ids: bool,
}

impl Tree<'_> {
    fn known(self) -> FieldResult<()> {
        let why =
            "process ids are counted anew here (a container), and the driver's are the host's";
        self.shared_ids.then_some(()).ok_or_else(|| Reason::unsupported(why))
    }
}

/// The energy counters of a run so far. One that falls was begun anew, with its driver: from then on its differences say
/// nothing of the run.
#[derive(Debug, Default)]
pub(super) struct Counters {
    newest: BTreeMap<String, u64>,
    fallen: BTreeMap<String, Reason>,
}

impl Counters {
    fn take(&mut self, device: &str, now: u64) -> FieldResult<u64> {
        let before = self.newest.insert(device.to_owned(), now);
        if let Some(before) = before.filter(|before| now < *before)
            && !self.fallen.contains_key(device)
        {
            let why = format!(
                "the energy counter fell from {before} mJ to {now} mJ: the driver was loaded anew, and what the run used is not known"
            );
            self.fallen.insert(device.to_owned(), why.into());
        }
        self.fallen.get(device).cloned().map_or(Ok(now), Err)
    }
}

/// Notes what is missing.
struct FieldReader<'a> {
    index: u32,
    gaps: &'a mut GapLedger,
}

impl FieldReader<'_> {
    fn take<T>(&mut self, field: &str, told: FieldResult<T>) -> Option<T> {
        let name = format!("gpu[{}].{field}", self.index);
        told.inspect_err(|why| self.gaps.report(&name, why)).ok()
    }
}

/// The reading of one device.
pub(super) fn map(
    raw: &Raw,
    tree: Tree<'_>,
    counters: &mut Counters,
    gaps: &mut GapLedger,
) -> GpuReading {
    let Identity { index, device, pci, parent, split } = &raw.identity;
    let mut fields = FieldReader { index: *index, gaps };
    let own = fields.take("own", own(raw, tree, *split));
    let memory = raw.memory.clone().and_then(plausible_memory);
    let own_memory = own.and_then(|_| own_memory(raw.processes.as_deref().ok()?, tree.pids));
    let used = match own_memory {
        Some(own) => Some(own),
        None => fields.take("memory_bytes", memory.clone().map(|(used, _)| used)),
    };
    let utilisation = raw.utilisation.clone().and_then(percent);
    let energy = raw.energy.clone().and_then(real);
    GpuReading {
        index: *index,
        device: device.clone(),
        pci: pci.clone(),
        parent: parent.clone(),
        t_ns: Some(raw.t_ns),
        own,
        utilisation_percent: fields.take("utilisation_percent", utilisation),
        own_utilisation_percent: fields.take("own_utilisation_percent", own_share(raw, tree)),
        memory_bytes: used,
        memory_is_own: own_memory.is_some(),
        memory_total_bytes: fields.take("memory_total_bytes", memory.map(|(_, total)| total)),
        power_watts: fields
            .take("power_watts", below(&raw.power, MOST_POWER_MW, "mW"))
            .map(|mw| f64::from(mw) / 1000.0),
        energy_mj: fields.take("energy_mj", energy.and_then(|mj| counters.take(device, mj))),
        clock_mhz: fields.take("clock_mhz", below(&raw.clock, MOST_CLOCK_MHZ, "MHz")),
        memory_clock_mhz: fields
            .take("memory_clock_mhz", below(&raw.memory_clock, MOST_CLOCK_MHZ, "MHz")),
        throttle: fields.take("throttle", raw.throttle.clone().map(throttle)),
        pcie_rx_bytes_s: fields.take("pcie_rx_bytes_s", raw.received.clone().and_then(bytes)),
        pcie_tx_bytes_s: fields.take("pcie_tx_bytes_s", raw.sent.clone().and_then(bytes)),
        sm_active_percent: fields.take("sm_active_percent", active(&raw.activity.sm)),
        tensor_active_percent: fields.take("tensor_active_percent", active(&raw.activity.tensor)),
        dram_active_percent: fields.take("dram_active_percent", active(&raw.activity.dram)),
        ..GpuReading::default()
    }
}

fn percent(percent: u32) -> FieldResult<f64> {
    match percent {
        0..=100 => Ok(f64::from(percent)),
        _ => Err(format!("the driver says {percent}%").into()),
    }
}

/// A share that counters make, which may be above all of it by their rounding.
fn active(told: &FieldResult<f64>) -> FieldResult<f64> {
    match *told {
        Ok(percent) if (0.0..=100.5).contains(&percent) => Ok(percent.min(100.0)),
        Ok(percent) => Err(format!("the driver says {percent}%").into()),
        Err(ref why) => Err(why.clone()),
    }
}

fn below(told: &FieldResult<u32>, limit: u32, unit: &str) -> FieldResult<u32> {
    match told {
        Ok(value) if *value >= limit => Err(format!("the driver says {value} {unit}").into()),
        told => told.clone(),
    }
}

/// NVML writes the largest number for what is not available.
fn real(value: u64) -> FieldResult<u64> {
    let unavailable = || "the driver says that it is not available".into();
    Some(value).filter(|value| *value != u64::MAX).ok_or_else(unavailable)
}

fn bytes(kilobytes: u32) -> FieldResult<u64> {
    let kilobytes = if kilobytes == u32::MAX { u64::MAX } else { kilobytes.into() };
    real(kilobytes).map(|kilobytes| kilobytes * KILOBYTE)
}

fn plausible_memory((used, total): (u64, u64)) -> FieldResult<(u64, u64)> {
    let (used, total) = (real(used)?, real(total)?);
    if used > total {
        return Err(format!("the driver says that {used} of {total} bytes are in use").into());
    }
    Ok((used, total))
}

fn throttle(bits: u64) -> Vec<String> {
    let named = THROTTLE.iter().filter(|(bit, _)| bits & bit != 0);
    let known = THROTTLE.iter().fold(0, |all, (bit, _)| all | bit);
    let others = (0..u64::BITS).filter(|place| (bits & !known) >> place & 1 == 1);
    let others = others.map(|place| format!("bit_{place}"));
    named.map(|(_, name)| (*name).to_owned()).chain(others).collect()
}

/// Whether a process of the tree has a context on the device.
fn own(raw: &Raw, tree: Tree<'_>, split: bool) -> FieldResult<bool> {
    if split {
        return Err(Reason::unsupported("the device is split into MIG devices, which tell it"));
    }
    tree.known()?;
    let processes = raw.processes.as_ref().map_err(Clone::clone)?;
    Ok(processes.iter().any(|(pid, _)| tree.pids.contains(pid)))
}

/// Bytes of the tree's own processes: 0 if none of them uses the device, `None` if that cannot be told.
fn own_memory(processes: &[(u32, Option<u64>)], tree: &[u32]) -> Option<u64> {
    processes
        .iter()
        .filter(|(pid, _)| tree.contains(pid))
        .map(|(_, bytes)| bytes.filter(|bytes| *bytes != u64::MAX))
        .try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?))
}

/// Percent of the compute units that the tree used. No sample of a process of it is no reading: the driver leaves out those
/// that did nothing, and those that it knows nothing of.
fn own_share(raw: &Raw, tree: Tree<'_>) -> FieldResult<f64> {
    let shares = raw.shares.as_ref().map_err(Clone::clone)?;
    tree.known()?;
    let mut sum = None;
    for (_, share) in shares.iter().filter(|(pid, _)| tree.pids.contains(pid)) {
        let share = percent(*share)?;
        sum = Some(sum.unwrap_or(0.0) + share);
    }
    match sum {
        Some(sum) if sum > 100.0 => Err(format!("the driver's shares add up to {sum}%").into()),
        Some(sum) => Ok(sum),
        None => {
            let why = "the driver has no sample of the run's processes";
            Err(Reason::new(GapKind::NoSample, why))
        }
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
