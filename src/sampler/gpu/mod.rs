//! Accelerators through NVML: utilisation, memory, power, energy.
//!
//! NVML is loaded once, when first asked for, and stays loaded. A call may take milliseconds, so the devices are read last in
//! a tick, after everything that must be in time, and not oftener than every 100 ms (the driver itself measures more slowly
//! than that); ticks in between repeat the last reading.

mod nvml;
mod reading;

pub use self::nvml::{Accelerator, accelerators};

use self::nvml::devices;
use super::probe::{GapLedger, Probe, Tick};
use crate::event::GpuReading;

/// Shortest time between two readings, in nanoseconds.
const PACE_NS: u64 = 100_000_000;

/// Reads all devices that NVML knows.
pub(super) struct GpuProbe {
    devices: Result<Vec<nvml::Device>, String>,
    due_ns: u64,
    readings: Vec<GpuReading>,
}

impl GpuProbe {
    /// All devices of this machine; `wanted` is the user's switch.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            devices: if wanted {
                devices()
            } else {
                Err("not read: switched off in `[sampler] gpu`".to_owned())
            },
            due_ns: 0,
            readings: Vec::new(),
        }
    }

    fn read_now(&mut self, pids: &[u32], gaps: &mut GapLedger) {
        self.readings.clear();
        match &self.devices {
            Err(why) => gaps.report("gpu", why),
            Ok(devices) => {
                for device in devices {
                    let raw = device.read();
                    self.readings
                        .push(reading::map(&raw, pids, nvml::pids_are_shared(), gaps));
                }
            }
        }
    }
}

impl Probe for GpuProbe {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        if tick.now_ns < self.due_ns && !tick.thorough {
            tick.gaps.hold("gpu");
        } else {
            self.read_now(tick.pids, tick.gaps);
            self.due_ns = tick.now_ns.saturating_add(PACE_NS);
        }
        tick.sample.gpus.clone_from(&self.readings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ResourceSample;

    #[test]
    fn a_machine_without_a_driver_says_so_once() {
        let mut probe = GpuProbe {
            devices: Err("unsupported: libnvidia-ml.so.1 not found".to_owned()),
            due_ns: 0,
            readings: Vec::new(),
        };
        let mut gaps = GapLedger::default();
        let said: Vec<usize> = [0, 10, 100, 200]
            .into_iter()
            .map(|ms| {
                let mut sample = ResourceSample::default();
                gaps.begin();
                probe.read(&mut Tick {
                    now_ns: ms * 1_000_000,
                    thorough: false,
                    sample: &mut sample,
                    gaps: &mut gaps,
                    pids: &mut Vec::new(),
                });
                assert!(sample.gpus.is_empty());
                gaps.end().len()
            })
            .collect();
        assert_eq!(said, [1, 0, 0, 0]);
    }

    #[test]
    fn the_switch_is_respected() {
        let mut gaps = GapLedger::default();
        GpuProbe::new(false).read_now(&[], &mut gaps);
        assert!(gaps.current()[0].reason.contains("switched off"));
    }
}
