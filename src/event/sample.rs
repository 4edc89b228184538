//! What the sampler reads: cumulative counters and gauges of a worker's process tree, and of the machine around it.

use serde::{Deserialize, Serialize};

use super::gap::Gap;
use crate::metric::{Field, Reading};

/// One tick of the sampler. Counters are cumulative since the worker started; a field that is `None` has its [`Gap`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ResourceSample {
    /// `CLOCK_MONOTONIC` in the middle of the reading, in nanoseconds.
    pub t_ns: u64,
    /// How long after its deadline the tick began, in nanoseconds.
    pub late_ns: u64,
    /// CPU time that the sampler's thread spent on this tick, in nanoseconds.
    pub cost_ns: u64,
    /// User and system time of the whole tree, with descendants that have ended; never falls.
    pub cpu_ns: Option<u64>,
    /// Resident memory of the tree now; pages that processes share count once where the kernel tells (else `peak_bytes` has
    /// a gap that says so). Never more than `peak_bytes`.
    pub rss_bytes: Option<u64>,
    /// The same with shared pages counted for each process; absent for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summed_bytes: Option<u64>,
    /// Largest resident memory so far: the larger of the largest `rss_bytes` and the largest `VmHWM` of a process.
    pub peak_bytes: Option<u64>,
    /// Bytes read from storage.
    pub read_bytes: Option<u64>,
    /// Bytes written to storage.
    pub write_bytes: Option<u64>,
    /// Page faults that needed no storage.
    pub minor_faults: Option<u64>,
    /// Page faults that needed storage.
    pub major_faults: Option<u64>,
    /// Context switches that the tree did not ask for (somebody else wanted the core).
    pub involuntary_switches: Option<u64>,
    /// Context switches by waiting.
    pub voluntary_switches: Option<u64>,
    /// Time that the tree's threads waited in a run queue, in nanoseconds: the cheapest sign of interference. Like the context
    /// switches it is read thread by thread, each about once a second: up to a second old, and a lower bound.
    pub run_delay_ns: Option<u64>,
    /// Instructions that the processors finished for the tree, in user space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// Cycles of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Accesses of the same that no cache had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_misses: Option<u64>,
    /// Living processes of the tree.
    pub processes: u32,
    /// Living threads of the tree.
    pub threads: u32,
    /// The machine around the worker; read at every second tick or so, and repeated in between.
    pub host: HostReading,
    /// One entry an accelerator; empty with a gap `gpu` where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuReading>,
    /// Energy counters of the machine's processors and memory; empty with a gap `energy` where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub energy: Vec<EnergyReading>,
    /// What could not be read, and why: each gap is in the first sample in which it holds, and again when its reason has
    /// changed or the field had been read in between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

impl ResourceSample {
    /// What it holds of a field that metrics are made of: seconds, bytes or a count.
    pub fn get(&self, field: Field) -> Option<f64> {
        self.raw(field).map(|value| value as f64 * field.scale())
    }

    /// The same as it was read: times in nanoseconds.
    pub const fn raw(&self, field: Field) -> Option<u64> {
        let host = &self.host;
        match field {
            Field::Cpu => self.cpu_ns,
            Field::Resident => self.rss_bytes,
            Field::Peak => self.peak_bytes,
            Field::Read => self.read_bytes,
            Field::Written => self.write_bytes,
            Field::MinorFaults => self.minor_faults,
            Field::MajorFaults => self.major_faults,
            Field::InvoluntarySwitches => self.involuntary_switches,
            Field::Instructions => self.instructions,
            Field::Cycles => self.cycles,
            Field::CacheMisses => self.cache_misses,
            Field::RunDelay => self.run_delay_ns,
            Field::Busy => host.busy_ns,
            Field::Steal => host.steal_ns,
            Field::Throttled => host.throttled_ns,
            Field::Thermal => host.thermal_ns,
        }
    }
}

/// Machine-wide counters since boot; their differences tell interference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostReading {
    /// CPU time used by everything on the machine, in nanoseconds.
    pub busy_ns: Option<u64>,
    /// CPU time that the hypervisor gave to others, in nanoseconds.
    pub steal_ns: Option<u64>,
    /// Time in which some task waited for a CPU (pressure stall information), in nanoseconds: of the run's control group where
    /// it has one below the root, else of the machine. So with memory and I/O.
    pub cpu_pressure_ns: Option<u64>,
    /// Time in which some task waited for memory, in nanoseconds.
    pub memory_pressure_ns: Option<u64>,
    /// Time in which some task waited for I/O, in nanoseconds.
    pub io_pressure_ns: Option<u64>,
    /// Time that the control group was throttled for its quota, in nanoseconds.
    pub throttled_ns: Option<u64>,
    /// The quota is that of the run's own control group, by `[limits]`: being held back by it is no interference.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quota_is_own: bool,
    /// Time that cores ran below their clock because of heat, the sum over all cores, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thermal_ns: Option<u64>,
}

/// Whose accelerator it is, which decides how it is read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// A GPU, read through NVML.
    #[default]
    Nvidia,
    /// A GPU, read through sysfs.
    Amd,
    /// A GPU, read through sysfs.
    Intel,
    /// A Tensor Processing Unit of Google, read through the metrics service of its runtime.
    Tpu,
}

/// One accelerator at one tick.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuReading {
    /// The driver's index; unique among the devices of its vendor, and of no use for telling which device a run works on.
    pub index: u32,
    /// Whose.
    #[serde(default)]
    pub vendor: Vendor,
    /// What identifies it wherever it is counted: `GPU-<uuid>`, `MIG-<uuid>`, or the PCI bus id (`0000:65:00.0`); empty in
    /// recordings from before it was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Its place on the bus, as [`bus_id`] writes it; empty where nobody tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pci: String,
    /// Of a part of a device that the driver has split (MIG): the `device` that it is a part of; empty for a whole one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parent: String,
    /// When it was read: devices answer on a thread of their own, before the tick. Absent: at the tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t_ns: Option<u64>,
    /// Whether the worker's tree was seen on it; absent where nobody tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<bool>,
    /// Share of the last driver period in which a kernel ran, in percent; of a TPU its duty cycle.
    pub utilisation_percent: Option<f64>,
    /// The same of the worker's tree alone, where the driver tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_utilisation_percent: Option<f64>,
    /// Memory of the worker's tree on the device; of the whole device where the driver does not tell them apart.
    pub memory_bytes: Option<u64>,
    /// Whether `memory_bytes` is the tree's own.
    pub memory_is_own: bool,
    /// Memory of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// Power draw of the device, in watts.
    pub power_watts: Option<f64>,
    /// Energy counter of the device, in millijoules.
    pub energy_mj: Option<u64>,
    /// Clock of the compute units, in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<u32>,
    /// Clock of the memory, in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_clock_mhz: Option<u32>,
    /// Why the device runs below its clock, in the driver's terms; absent where nobody tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Vec<String>>,
    /// Received over `PCIe`, in bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcie_rx_bytes_s: Option<u64>,
    /// Sent over `PCIe`, in bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcie_tx_bytes_s: Option<u64>,
    /// Share of the multiprocessors that had work since the reading before, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm_active_percent: Option<f64>,
    /// Share of the same time in which the tensor cores worked, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor_active_percent: Option<f64>,
    /// Share of the bandwidth of the device's memory that was used in it, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dram_active_percent: Option<f64>,
}

impl GpuReading {
    /// What it holds of a reading that metrics are made of.
    pub fn get(&self, reading: Reading) -> Option<f64> {
        match reading {
            Reading::Utilisation => self.utilisation_percent,
            Reading::Memory => self.memory_bytes.map(|bytes| bytes as f64),
            Reading::Power => self.power_watts,
            Reading::SmActive => self.sm_active_percent,
            Reading::TensorActive => self.tensor_active_percent,
            Reading::DramActive => self.dram_active_percent,
        }
    }
}

/// A place on the PCI bus in one spelling, `0000:65:00.0`: NVML writes eight digits of the domain, sysfs and CUDA four, either
/// in capitals or not. `None` for what is no such place.
pub fn bus_id(text: &str) -> Option<String> {
    let hex = |part: &str, most: u32| {
        let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u32::from_str_radix(part, 16).ok();
        value.filter(|value| plain && *value <= most)
    };
    let (place, function) = text.trim().rsplit_once('.').unwrap_or((text.trim(), "0"));
    let parts: Vec<&str> = place.split(':').collect();
    let (domain, bus, device) = match parts[..] {
        [bus, device] => (0, bus, device),
        [domain, bus, device] => (hex(domain, u32::MAX)?, bus, device),
        _ => return None,
    };
    let (bus, device, function) = (hex(bus, 0xff)?, hex(device, 0x1f)?, hex(function, 7)?);
    Some(format!("{domain:04x}:{bus:02x}:{device:02x}.{function}"))
}

/// A counter of the energy that a part of the machine has used, whoever used it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnergyReading {
    /// Which part: `package-0`, `dram-0`, `psys`, ...
    pub domain: String,
    /// Energy since the sampler began to read it, in microjoules; never falls.
    pub energy_uj: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_the_bus_has_one_spelling() {
        for (text, one) in [
            ("00000000:65:00.0", Some("0000:65:00.0")),
            ("0000:65:00.0", Some("0000:65:00.0")),
            ("0000:AF:1F.7", Some("0000:af:1f.7")),
            ("00010000:01:00.0", Some("10000:01:00.0")),
            ("65:00.0", Some("0000:65:00.0")),
            ("65:00", Some("0000:65:00.0")),
            (" 0000:65:00.0\n", Some("0000:65:00.0")),
            ("0000:65:20.0", None),
            ("0000:65:00.9", None),
            ("0000:165:00.0", None),
            ("1:0000:65:00.0", None),
            ("GPU-12", None),
            ("+1:0:0.0", None),
            ("", None),
        ] {
            assert_eq!(bus_id(text).as_deref(), one, "{text:?}");
        }
    }
}
