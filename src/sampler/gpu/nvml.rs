//! The library, and all devices read together.

use std::ffi::OsStr;
use std::sync::OnceLock;
use std::time::Duration;

use nvml_wrapper::Nvml;

use super::calls;
use super::device::{Accelerator, Devices, devices};
use super::reading::{Counters, Raw, Tree, map};
use super::words::unsupported;
use crate::clock::{Clock, MonotonicClock};
use crate::event::{Gap, GpuReading, Reason};
use crate::sampler::background::TimedCall;
use crate::sampler::cpu_clock::thread_cpu_ns;
use crate::sampler::probe::GapLedger;

/// What all devices have answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Answers {
    /// Each device.
    pub(super) devices: Vec<Raw>,
    /// Devices that could not be opened, by their index.
    pub(super) missing: Vec<(u32, Reason)>,
    /// CPU time that it took, in nanoseconds.
    pub(super) cost_ns: u64,
}

/// Whoever asks all devices, over and over. Opens them when first asked, on the thread that asks.
pub(super) struct NvmlReader {
    library: &'static Nvml,
    devices: Option<Result<Devices, Reason>>,
    /// The device after the one whose traffic was asked for last.
    turn: usize,
}

impl NvmlReader {
    pub(super) fn new(library: &'static Nvml) -> Self {
        Self { library, devices: None, turn: 0 }
    }

    /// Asks everything of all devices, and for the traffic of one whose turn it is: that takes some 40 ms.
    pub(super) fn ask(&mut self, clock: &impl Clock) -> Result<Answers, Reason> {
        let before_ns = thread_cpu_ns();
        let library = self.library;
        let devices = self.devices.get_or_insert_with(|| devices(library));
        let Devices { found, missing } = devices.as_mut().map_err(|why| why.clone())?;
        let now_ns = clock.now_ns();
        let count = found.len();
        let mut turns = (0..count).map(|step| (self.turn + step) % count);
        if let Some(place) = turns.find(|place| found[*place].traffic_due(now_ns)) {
            found[place].ask_traffic(now_ns);
            self.turn = place + 1;
        }
        Ok(Answers {
            devices: found.iter_mut().map(|device| device.read(clock)).collect(),
            missing: missing.clone(),
            cost_ns: thread_cpu_ns().saturating_sub(before_ns),
        })
    }
}

/// Who waits for the driver outside of the thread that asks it over and over. It may be in trouble, and hang.
static DRIVER: TimedCall = TimedCall::new("the NVIDIA driver");

/// How long they wait.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// The devices that NVML knows, or why there are none. Takes at most 5 s.
pub fn accelerators() -> Result<Vec<Accelerator>, Reason> {
    DRIVER.ask(LONGEST, || {
        let library = library()?;
        let driver = calls::driver(library).ok();
        let found = devices(library)?.found;
        let described = found.iter().map(|device| device.describe(driver.as_deref()));
        Ok(described.collect())
    })
}

/// An accelerator, and what it answers now.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceleratorReading {
    /// Which.
    pub accelerator: Accelerator,
    /// Its figures; those of processes are of this very one.
    pub reading: GpuReading,
    /// What it does not tell, by the field of the reading, and why.
    pub gaps: Vec<Gap>,
    /// Why the memory of single processes cannot be told, if it cannot.
    pub whole_only: Option<Reason>,
}

/// Looks once at each device that NVML knows; some 40 ms for each, and at most 5 s for all.
pub fn look() -> Result<Vec<AcceleratorReading>, Reason> {
    DRIVER.ask(LONGEST, || look_through(library()?))
}

pub(super) fn look_through(library: &'static Nvml) -> Result<Vec<AcceleratorReading>, Reason> {
    let driver = calls::driver(library).ok();
    let mut sights = Vec::new();
    let tree = Tree { pids: &[std::process::id()], shared_ids: pids_are_shared() };
    for mut device in devices(library)?.found {
        // Traffic takes the time over which the activity is told.
        device.begin_activity();
        device.ask_traffic(MonotonicClock.now_ns());
        let raw = device.read(&MonotonicClock);
        let mut gaps = GapLedger::default();
        let reading = map(&raw, tree, &mut Counters::default(), &mut gaps);
        let gaps = named(gaps.current());
        let whole_only = gaps.iter().find(|gap| gap.field == "own");
        let whole_only = whole_only.map(|gap| gap.reason.clone());
        sights.push(AcceleratorReading {
            accelerator: device.describe(driver.as_deref()),
            reading,
            whole_only,
            gaps,
        });
    }
    Ok(sights)
}

/// The gaps by the fields' own names.
fn named(gaps: Vec<Gap>) -> Vec<Gap> {
    let own = |mut gap: Gap| {
        if let Some((_, field)) = gap.field.rsplit_once('.') {
            gap.field = field.to_owned();
        }
        gap
    };
    gaps.into_iter().map(own).collect()
}

/// The library, if it can be loaded within [`LONGEST`].
pub(super) fn loaded() -> Result<&'static Nvml, Reason> {
    DRIVER.ask(LONGEST, library)
}

/// Loaded at the first call and never unloaded: its shutdown could only fail (and where the library has no such function the
/// wrapper panics), and devices outlive every run.
fn library() -> Result<&'static Nvml, Reason> {
    static LIBRARY: OnceLock<Result<Nvml, Reason>> = OnceLock::new();
    let loaded = LIBRARY.get_or_init(|| Nvml::init().map_err(|error| unsupported(&error)));
    loaded.as_ref().map_err(Clone::clone)
}

/// The library at this path, kept for good like the other.
#[cfg_attr(not(test), expect(dead_code, reason = "the loader knows where it is"))]
pub(super) fn library_at(path: &OsStr) -> Result<&'static Nvml, Reason> {
    let loaded = Nvml::builder().lib_path(path).init();
    let loaded = loaded.map_err(|error| unsupported(&error))?;
    Ok(Box::leak(Box::new(loaded)))
}

/// Whether the driver's process ids are ours: it counts in the machine's first process namespace, whose number is fixed
/// (`PROC_PID_INIT_INO`). In a container they are other numbers.
pub(super) fn pids_are_shared() -> bool {
    static SHARED: OnceLock<bool> = OnceLock::new();
    *SHARED.get_or_init(|| {
        fs_err::read_link("/proc/self/ns/pid")
            .is_ok_and(|link| link.to_str() == Some("pid:[4026531836]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_devices_or_a_reason() {
        match accelerators() {
            Ok(found) => assert!(!found.is_empty()),
            Err(why) => assert!(why.is_lasting(), "{why}"),
        }
    }
}
