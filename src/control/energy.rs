//! Energy of the run and its phases, from the counters in the sampler's ticks.
//!
//! The energy of a phase is the difference of a counter between its ends, each taken linearly between the two readings
//! around it. Where a device has no counter, its power is integrated by the trapezoidal rule, and the note says so. A
//! reading that is missing in between makes the figure absent: nobody knows what was used meanwhile. No figure comes from
//! a rated power.
//!
//! Counters are of whole parts of the machine: what others use of them is in the figure, and the note says that.

mod figures;
mod meter;

use std::collections::{BTreeMap, BTreeSet};

use self::meter::{Meter, Window};
use super::context::RunContext;
use super::devices::Selection;
use crate::event::{EnergyLack, GpuReading, ResourceSample, Stage, Vendor};

/// Longest time between two readings of a power over which it is integrated, in nanoseconds.
const LONGEST_NS: u64 = 2_000_000_000;

/// No device draws so many watts: such a rise of its counter is no energy.
const MOST_WATTS: f64 = 100_000.0;

/// How long the counter of a device may stand still and then rise at once, in seconds.
const UPDATE_S: f64 = 1.0;

/// Parts of a machine that are followed; a recording may name as many as it likes.
const MOST_PARTS: usize = 64;

/// A device, which has a counter or tells its power.
#[derive(Debug, Clone, Default)]
struct Device {
    counter: Meter,
    power: Meter,
    /// Time and watts of the last reading of the power.
    drawn: Option<(u64, f64)>,
    /// What the power adds up to, in joules.
    integral_j: f64,
}

/// What is known of the energy of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Energy {
    /// The run, then its stages in the order in which they were entered.
    windows: Vec<Window>,
    /// By domain: `package-0`, `dram-0`, `psys`.
    domains: BTreeMap<String, Meter>,
    /// By what identifies them.
    devices: BTreeMap<String, Device>,
    /// Those of them that the run works on.
    own: BTreeSet<String>,
    /// The accelerators of the machine.
    around: Around,
    /// Why something was not read, by the sampler's field, as it was first said.
    gaps: BTreeMap<String, String>,
    /// The run's device as the grid names it; empty means the CPU.
    device: String,
    /// What a kilowatt hour means in grams of CO2 equivalent, where the user has said.
    grams_per_kwh: Option<f64>,
}

impl Energy {
    /// Of a run that has not begun.
    pub(super) fn new(run: &RunContext) -> Self {
        Self {
            windows: vec![Window { stage: None, begin_ns: run.started_ns, end_ns: None }],
            device: run.device.clone(),
            grams_per_kwh: run.grams_per_kwh,
            ..Self::default()
        }
    }

    /// A stage begins; one that comes again is measured again.
    pub(super) fn begin(&mut self, stage: Stage, begin_ns: u64) {
        let window = Window { stage: Some(stage), begin_ns, end_ns: None };
        let Some(place) = self.place(stage) else {
            self.windows.push(window);
            return;
        };
        self.windows[place] = window;
        let devices = self.devices.values_mut();
        let of_devices = devices.flat_map(|device| [&mut device.counter, &mut device.power]);
        for meter in self.domains.values_mut().chain(of_devices) {
            meter.restart(place);
        }
    }

    pub(super) fn end(&mut self, stage: Stage, end_ns: u64) {
        if let Some(place) = self.place(stage) {
            self.windows[place].end_ns.get_or_insert(end_ns);
        }
    }

    fn place(&self, stage: Stage) -> Option<usize> {
        let of_stage = |window: &Window| window.stage == Some(stage);
        self.windows.iter().position(of_stage)
    }

    /// Takes a tick. Every stage that had begun or ended before its time must have been told.
    pub(super) fn push(&mut self, sample: &ResourceSample, devices: &Selection) {
        for gap in &sample.gaps {
            if !self.gaps.contains_key(&gap.field) {
                self.gaps.insert(gap.field.clone(), gap.reason.detail.clone());
            }
        }
        self.push_domains(sample);
        self.push_devices(sample);
        self.around.push(sample);
        for gpu in devices.readings(sample) {
            self.own.insert(key(gpu));
        }
    }

    fn push_domains(&mut self, sample: &ResourceSample) {
        let said = |field: &str| {
            let gap = sample.gaps.iter().find(|gap| gap.field == field)?;
            Some(&*gap.reason.detail)
        };
        let t_ns = sample.t_ns;
        let all = said("energy");
        // Ticks between two readings have none, and nothing is missing.
        if sample.energy.is_empty() && all.is_none() {
            return;
        }
        for (name, meter) in &mut self.domains {
            if sample.energy.iter().all(|reading| reading.domain != *name) {
                let why = said(&format!("energy.{name}")).or(all);
                let why = why.map_or(EnergyLack::NotRead, |detail| EnergyLack::Said {
                    detail: detail.to_owned(),
                });
                meter.lose(&self.windows, t_ns, &why);
            }
        }
        for reading in &sample.energy {
            if self.domains.len() < MOST_PARTS || self.domains.contains_key(&reading.domain) {
                let meter = self.domains.entry(reading.domain.clone()).or_default();
                meter.push(&self.windows, t_ns, reading.energy_uj as f64 * 1e-6);
            }
        }
    }

    fn push_devices(&mut self, sample: &ResourceSample) {
        let windows = &self.windows;
        let gpus = || sample.gpus.iter().filter(|gpu| gpu.vendor != Vendor::Tpu);
        for (name, device) in &mut self.devices {
            if gpus().all(|gpu| key(gpu) != *name) {
                let why = EnergyLack::DeviceSilent;
                device.counter.lose(windows, sample.t_ns, &why);
                device.lose_power(windows, sample.t_ns, &why);
            }
        }
        for gpu in gpus() {
            let name = key(gpu);
            if self.devices.len() < MOST_PARTS || self.devices.contains_key(&name) {
                let t_ns = gpu.t_ns.unwrap_or(sample.t_ns);
                let device = self.devices.entry(name).or_default();
                device.push(windows, t_ns, gpu);
            }
        }
    }
}

impl Device {
    fn push(&mut self, windows: &[Window], t_ns: u64, gpu: &GpuReading) {
        match gpu.energy_mj {
            Some(energy_mj) => {
                let joules = energy_mj as f64 * 1e-3;
                let pace = self.counter.pace(t_ns, joules, UPDATE_S);
                if pace.is_some_and(|watts| watts > MOST_WATTS) {
                    self.counter.lose(windows, t_ns, &EnergyLack::Jumped);
                }
                self.counter.push(windows, t_ns, joules);
            }
            None => self.counter.lose(windows, t_ns, &EnergyLack::NoCounter),
        }
        let watts = gpu.power_watts.filter(|watts| watts.is_finite() && *watts >= 0.0);
        let Some(watts) = watts else {
            return self.lose_power(windows, t_ns, &EnergyLack::NoPower);
        };
        if let Some((before_ns, before)) = self.drawn {
            let elapsed_ns = t_ns.saturating_sub(before_ns);
            if elapsed_ns == 0 {
                return;
            }
            if elapsed_ns > LONGEST_NS {
                self.lose_power(windows, t_ns, &EnergyLack::SeldomPower);
            } else {
                self.integral_j += f64::midpoint(before, watts) * elapsed_ns as f64 * 1e-9;
            }
        }
        self.drawn = Some((t_ns, watts));
        self.power.push(windows, t_ns, self.integral_j);
    }

    fn lose_power(&mut self, windows: &[Window], t_ns: u64, why: &EnergyLack) {
        self.drawn = None;
        self.power.lose(windows, t_ns, why);
    }
}

/// What tells a device from the others for as long as the run lasts.
fn key(gpu: &GpuReading) -> String {
    if gpu.device.is_empty() { format!("GPU {}", gpu.index) } else { gpu.device.clone() }
}

/// What ticks say of the accelerators that a run may work on, where it is not said which it does.
#[derive(Debug, Clone, Default)]
struct Around {
    /// Devices of which it was told at some tick whether the run works on them.
    told: BTreeSet<String>,
    /// Devices of which it was not told at some tick.
    untold: BTreeSet<String>,
    /// The run holds a TPU.
    tpu: bool,
}

impl Around {
    fn push(&mut self, sample: &ResourceSample) {
        let split = |gpu: &GpuReading| {
            let mut all = sample.gpus.iter();
            all.any(|other| !other.parent.is_empty() && other.parent == gpu.device)
        };
        for gpu in sample.gpus.iter().take(MOST_PARTS) {
            self.tpu |= gpu.vendor == Vendor::Tpu && gpu.own == Some(true);
            // Of a device that is split its parts tell.
            if gpu.own.is_none() && split(gpu) {
                continue;
            }
            let names = match gpu.own {
                Some(_) => &mut self.told,
                None => &mut self.untold,
            };
            let name = key(gpu);
            if names.len() < MOST_PARTS && !names.contains(&name) {
                names.insert(name);
            }
        }
    }

    /// Why it is not known that the run works on the processors alone, if it is not.
    fn doubt(&self) -> Option<EnergyLack> {
        if self.tpu {
            return Some(EnergyLack::Tpu);
        }
        let device = self.untold.difference(&self.told).next()?;
        Some(EnergyLack::Doubt { device: device.clone() })
    }
}
