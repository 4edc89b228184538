//! The devices that NVML knows, their parts, and the questions that each is asked.

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock as ClockOf, PcieUtilCounter};
use nvml_wrapper::error::{Bits, NvmlError};
use serde::Serialize;

use super::activity::ActivityCounters;
use super::calls;
use super::reading::{Activity, FieldResult, Identity, Raw};
use super::usage::Usage;
use super::words::{unsupported, words};
use crate::clock::Clock;
use crate::event::{GapKind, Reason, Vendor, bus_id};

/// More devices than any machine has.
const MOST_DEVICES: u32 = 1024;

/// More parts than any device has.
const MOST_PARTS: u32 = 64;

/// Traffic is asked for this seldom, in nanoseconds: the driver counts it for 20 ms while the call waits.
const TRAFFIC_NS: u64 = 1_000_000_000;

/// An accelerator of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Accelerator {
    /// Whose.
    pub vendor: Vendor,
    /// The driver's index; unique among the devices of its vendor.
    pub index: u32,
    /// The product's name.
    pub name: String,
    /// Its unique id, if the driver tells: the index depends on the order in which devices were found.
    pub uuid: Option<String>,
    /// Its place on the bus, `0000:65:00.0`, if the driver tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pci: Option<String>,
    /// Of a part of a device (MIG): the id of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Memory in bytes, if the driver tells.
    pub memory_bytes: Option<u64>,
    /// The driver's version, if it tells.
    pub driver: Option<String>,
    /// The power that it may draw, in milliwatts, if the driver tells.
    pub power_limit_mw: Option<u32>,
}

/// A device that can be read.
pub(super) struct Device {
    identity: Identity,
    handle: nvml_wrapper::Device<'static>,
    usage: Usage,
    traffic: (FieldResult<u32>, FieldResult<u32>),
    /// When it was asked for; `None`: never.
    traffic_ns: Option<u64>,
    activity: ActivityCounters,
}

/// All devices, parts after the whole ones, and those that cannot be opened with the reason.
pub(super) struct Devices {
    pub(super) found: Vec<Device>,
    pub(super) missing: Vec<(u32, Reason)>,
}

/// Looks for all devices.
pub(super) fn devices(library: &'static Nvml) -> Result<Devices, Reason> {
    let count = library.device_count().map_err(|error| unsupported(&error))?;
    if count > MOST_DEVICES {
        return Err(Reason::unsupported(format!("the driver says that it has {count} devices")));
    }
    let (mut found, mut parts, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..count {
        match library.device_by_index(index) {
            Err(error) => missing.push((index, words(&error))),
            Ok(handle) => {
                let mut identity = identity(index, &handle);
                let own_parts = parts_of(&handle);
                identity.split = own_parts.is_some();
                for part in own_parts.unwrap_or_default() {
                    parts.push((part, identity.clone()));
                }
                found.push(Device::new(identity, handle));
            }
        }
    }
    for (index, (handle, whole)) in (count..).zip(parts) {
        let mut identity = identity(index, &handle);
        identity.pci.clone_from(&whole.pci);
        if identity.device == whole.device || !identity.device.starts_with("MIG-") {
            identity.device = format!("MIG-{index}-of-{}", whole.device);
        }
        identity.parent = whole.device;
        found.push(Device::new(identity, handle));
    }
    if found.is_empty() && missing.is_empty() {
        return Err(Reason::unsupported("the NVIDIA driver is there, but no device"));
    }
    Ok(Devices { found, missing })
}

/// The parts of a device that is split, which may be none yet; `None` for one that is not.
fn parts_of(whole: &nvml_wrapper::Device<'static>) -> Option<Vec<nvml_wrapper::Device<'static>>> {
    /// `NVML_DEVICE_MIG_ENABLE`.
    const ENABLED: u32 = 1;
    let mode = whole.mig_mode().ok()?;
    if mode.current != ENABLED {
        return None;
    }
    let places = whole.mig_device_count().unwrap_or(0).min(MOST_PARTS);
    // Places may be empty: `NotFound`.
    let parts = (0..places).filter_map(|place| whole.mig_device_by_index(place).ok());
    Some(parts.collect())
}

fn identity(index: u32, handle: &nvml_wrapper::Device<'static>) -> Identity {
    let pci = calls::bus_id(handle).ok().and_then(|text| bus_id(&text));
    let uuid = calls::uuid(handle).ok();
    let named = uuid.or_else(|| pci.clone());
    Identity {
        index,
        device: named.unwrap_or_else(|| format!("nvidia-{index}")),
        pci: pci.unwrap_or_default(),
        parent: String::new(),
        split: false,
    }
}

impl Device {
    fn new(identity: Identity, handle: nvml_wrapper::Device<'static>) -> Self {
        let not_yet = || Err(Reason::from("not asked yet"));
        Self {
            identity,
            handle,
            usage: Usage::default(),
            traffic: (not_yet(), not_yet()),
            traffic_ns: None,
            activity: ActivityCounters::default(),
        }
    }

    /// Who it is, for people and for the manifest.
    pub(super) fn describe(&self, driver: Option<&str>) -> Accelerator {
        let Identity { index, device, pci, parent, .. } = &self.identity;
        let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let memory = self.memory().ok().map(|(_, total)| total);
        let whole = parent.is_empty();
        let limit = whole.then(|| self.handle.power_management_limit().ok());
        Accelerator {
            vendor: Vendor::Nvidia,
            index: *index,
            name: calls::name(&self.handle).unwrap_or_else(|_| "unknown".to_owned()),
            uuid: said(device),
            pci: said(pci),
            parent: said(parent),
            memory_bytes: memory.filter(|bytes| *bytes != u64::MAX),
            driver: driver.map(ToOwned::to_owned),
            power_limit_mw: limit.flatten(),
        }
    }

    /// Whether its traffic is due.
    pub(super) fn traffic_due(&self, now_ns: u64) -> bool {
        let asked = self.traffic_ns;
        self.identity.parent.is_empty()
            && asked.is_none_or(|asked_ns| now_ns.saturating_sub(asked_ns) >= TRAFFIC_NS)
    }

    /// Asks how much goes over the bus; takes as long as the driver counts.
    pub(super) fn ask_traffic(&mut self, now_ns: u64) {
        let ask = |counter| told(self.handle.pcie_throughput(counter));
        self.traffic = (ask(PcieUtilCounter::Receive), ask(PcieUtilCounter::Send));
        self.traffic_ns = Some(now_ns);
    }

    /// From when on the next reading tells how active its parts were.
    pub(super) fn begin_activity(&mut self) {
        let _ = self.activity();
    }

    fn activity(&mut self) -> Activity {
        let why = "it is not read where a device is split (MIG)";
        match self.undivided() {
            Ok(()) => self.activity.ask(&self.handle),
            Err(_) => Reason::unsupported(why).into(),
        }
    }

    /// Asks for everything that is told at once.
    pub(super) fn read(&mut self, clock: &impl Clock) -> Raw {
        let began_ns = clock.now_ns();
        let (power, energy) = (
            self.of_whole(nvml_wrapper::Device::power_usage),
            self.of_whole(nvml_wrapper::Device::total_energy_consumption),
        );
        let utilisation = self.utilisation();
        let t_ns = began_ns.midpoint(clock.now_ns());
        let clock_of = |which| move |handle: &nvml_wrapper::Device<'_>| handle.clock_info(which);
        Raw {
            identity: self.identity.clone(),
            t_ns,
            utilisation,
            memory: self.memory(),
            processes: calls::processes(&self.handle),
            shares: self.shares(t_ns),
            power,
            energy,
            clock: self.of_whole(clock_of(ClockOf::SM)),
            memory_clock: self.of_whole(clock_of(ClockOf::Memory)),
            throttle: self.of_whole(throttle),
            received: self.of_bus(|traffic| &traffic.0),
            sent: self.of_bus(|traffic| &traffic.1),
            activity: self.activity(),
        }
    }

    /// What the driver tells of whole devices alone.
    fn of_whole<'a, T>(
        &'a self,
        ask: impl FnOnce(&'a nvml_wrapper::Device<'static>) -> Result<T, NvmlError>,
    ) -> FieldResult<T> {
        self.not_a_part()?;
        told(ask(&self.handle))
    }

    fn of_bus(
        &self,
        side: impl FnOnce(&(FieldResult<u32>, FieldResult<u32>)) -> &FieldResult<u32>,
    ) -> FieldResult<u32> {
        self.not_a_part()?;
        side(&self.traffic).clone()
    }

    fn not_a_part(&self) -> FieldResult<()> {
        match self.identity.parent.as_str() {
            "" => Ok(()),
            whole => Err(Reason::unsupported(format!("told of the whole device alone, {whole}"))),
        }
    }

    /// Devices that are split are not asked: the driver does not support it, and some answer 0.
    fn undivided(&self) -> FieldResult<()> {
        let why = "the driver does not tell it where a device is split (MIG)";
        let whole = !self.identity.split && self.identity.parent.is_empty();
        whole.then_some(()).ok_or_else(|| Reason::unsupported(why))
    }

    fn utilisation(&self) -> FieldResult<u32> {
        self.undivided()?;
        told(self.handle.utilization_rates().map(|rates| rates.gpu))
    }

    fn memory(&self) -> FieldResult<(u64, u64)> {
        match self.handle.memory_info() {
            Ok(memory) => Ok((memory.used, memory.total)),
            Err(NvmlError::FailedToLoadSymbol(_)) => calls::memory_v1(&self.handle),
            Err(error) => Err(words(&error)),
        }
    }

    fn shares(&mut self, now_ns: u64) -> FieldResult<Vec<(u32, u32)>> {
        self.undivided()?;
        match calls::process_utilisation(&self.handle, self.usage.since_us()) {
            Ok(new) => Ok(self.usage.take(&new, now_ns)),
            // Nothing new: what was told holds for a while.
            Err(why) if why.kind == GapKind::NoSample => match self.usage.take(&[], now_ns) {
                held if held.is_empty() => Err(why),
                held => Ok(held),
            },
            Err(why) => Err(why),
        }
    }
}

fn told<T>(answer: Result<T, NvmlError>) -> FieldResult<T> {
    answer.map_err(|error| words(&error))
}

/// The bits, those included that are newer than the wrapper.
fn throttle(handle: &nvml_wrapper::Device<'_>) -> Result<u64, NvmlError> {
    match handle.current_throttle_reasons_strict() {
        Err(NvmlError::IncorrectBits(Bits::U64(bits))) => Ok(bits),
        answer => answer.map(|reasons: ThrottleReasons| reasons.bits()),
    }
}
