//! The time series of one run: `samples.csv` and `epochs.csv`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::json;

use super::data::{self, DataColumn};
use super::{ReportError, number, optional, shown};
use crate::event::{EpochReport, GpuReading, ResourceSample, Vendor};
use crate::interference::InterferenceWatch;
use crate::metric::{Field, MetricId};

/// A column of `samples.csv`.
#[derive(Debug, Clone, Copy)]
enum Column {
    /// What metrics are made of.
    Read(Field),
    /// Anything else: its name, and its cell in a run that was started then, in nanoseconds.
    Of(&'static str, fn(&ResourceSample, u64) -> String),
}

use Column::{Of, Read};

impl Column {
    fn name(self) -> &'static str {
        match self {
            Read(field) => field.def().column,
            Of(name, _) => name,
        }
    }

    fn cell(self, sample: &ResourceSample, started_ns: u64) -> String {
        match self {
            Read(field) if field.def().is_time => time(sample.raw(field)),
            Read(field) => shown(sample.raw(field)),
            Of(_, cell) => cell(sample, started_ns),
        }
    }
}

/// Those before the accelerators.
const COLUMNS: &[Column] = &[
    Of("t_s", |sample, started_ns| since(sample.t_ns, started_ns)),
    Of("monotonic_ns", |sample, _| sample.t_ns.to_string()),
    Of("late_s", |sample, _| seconds(sample.late_ns)),
    Of("cost_s", |sample, _| seconds(sample.cost_ns)),
    Read(Field::Cpu),
    Read(Field::Resident),
    Read(Field::Peak),
    Read(Field::Read),
    Read(Field::Written),
    Read(Field::MinorFaults),
    Read(Field::MajorFaults),
    Read(Field::InvoluntarySwitches),
    Of("voluntary_switches", |sample, _| shown(sample.voluntary_switches)),
    Read(Field::RunDelay),
    Of("processes", |sample, _| sample.processes.to_string()),
    Of("threads", |sample, _| sample.threads.to_string()),
    Read(Field::Busy),
    Read(Field::Steal),
    Of("host_cpu_pressure_s", |sample, _| time(sample.host.cpu_pressure_ns)),
    Of("host_memory_pressure_s", |sample, _| time(sample.host.memory_pressure_ns)),
    Of("host_io_pressure_s", |sample, _| time(sample.host.io_pressure_ns)),
    Read(Field::Throttled),
];

/// Those after the accelerators, of which some need more than the tick; scripts may count.
const LAST_COLUMNS: [&str; 5] = [
    "interference",
    "gaps",
    Field::Thermal.def().column,
    "interference_cause",
    "cpu_energy_joules",
];

/// The fields that stand nowhere above, at the end.
fn other_fields() -> impl Iterator<Item = Column> {
    let is_above = |column: &Column| {
        let name = column.name();
        COLUMNS.iter().any(|other| other.name() == name) || LAST_COLUMNS.contains(&name)
    };
    Field::ALL.iter().map(|field| Read(*field)).filter(move |column| !is_above(column))
}

/// A column of an accelerator: its name after the device's, and its cell in a run that was started then, in nanoseconds.
type DeviceColumn = (&'static str, fn(&GpuReading, u64) -> String);

const GPU_COLUMNS: &[DeviceColumn] = &[
    ("device", |gpu, _| super::one_line(&gpu.device)),
    ("t_s", |gpu, started_ns| gpu.t_ns.map(|t_ns| since(t_ns, started_ns)).unwrap_or_default()),
    ("own", |gpu, _| shown(gpu.own)),
    ("utilisation_percent", |gpu, _| optional(gpu.utilisation_percent)),
    ("own_utilisation_percent", |gpu, _| optional(gpu.own_utilisation_percent)),
    ("memory_bytes", |gpu, _| shown(gpu.memory_bytes)),
    ("memory_is_own", |gpu, _| shown(gpu.memory_bytes.map(|_| gpu.memory_is_own))),
    ("memory_total_bytes", |gpu, _| shown(gpu.memory_total_bytes)),
    ("power_watts", |gpu, _| optional(gpu.power_watts)),
    ("energy_joules", |gpu, _| optional(gpu.energy_mj.map(|mj| mj as f64 / 1e3))),
    ("clock_mhz", |gpu, _| shown(gpu.clock_mhz)),
    ("memory_clock_mhz", |gpu, _| shown(gpu.memory_clock_mhz)),
    ("throttle", |gpu, _| {
        let reasons = gpu.throttle.as_deref();
        reasons.map(|reasons| super::one_line(&reasons.join(" "))).unwrap_or_default()
    }),
    ("pcie_rx_bytes_per_s", |gpu, _| shown(gpu.pcie_rx_bytes_s)),
    ("pcie_tx_bytes_per_s", |gpu, _| shown(gpu.pcie_tx_bytes_s)),
    ("sm_active_percent", |gpu, _| optional(gpu.sm_active_percent)),
    ("tensor_active_percent", |gpu, _| optional(gpu.tensor_active_percent)),
    ("dram_active_percent", |gpu, _| optional(gpu.dram_active_percent)),
];

const TPU_COLUMNS: &[DeviceColumn] = &[
    ("duty_cycle_percent", |tpu, _| optional(tpu.utilisation_percent)),
    ("memory_bytes", |tpu, _| shown(tpu.memory_bytes)),
    ("memory_total_bytes", |tpu, _| shown(tpu.memory_total_bytes)),
];

const fn device_columns(vendor: Vendor) -> &'static [DeviceColumn] {
    match vendor {
        Vendor::Tpu => TPU_COLUMNS,
        _ => GPU_COLUMNS,
    }
}

fn seconds(ns: u64) -> String {
    number(ns as f64 / 1e9)
}

fn time(ns: Option<u64>) -> String {
    ns.map(seconds).unwrap_or_default()
}

/// Seconds since the start; below 0 before it: the first tick may come before the run counts as started.
fn since(t_ns: u64, started_ns: u64) -> String {
    if t_ns >= started_ns {
        number((t_ns - started_ns) as f64 / 1e9)
    } else {
        number(-((started_ns - t_ns) as f64) / 1e9)
    }
}

fn prefix(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Nvidia => "gpu",
        Vendor::Amd => "amd",
        Vendor::Intel => "intel",
        Vendor::Tpu => "tpu",
    }
}

/// The writer of `samples.csv`: one row a tick, written as it comes, so that an hour of ticks costs no memory.
///
/// Counters are cumulative since the worker started, `host_*` since boot. `t_s` counts from the start of the run,
/// `monotonic_ns` is the clock that `events.jsonl` is stamped with. A quantity that was not read is an empty cell, and
/// `gaps` says why. Each accelerator adds its columns, in the order in which they were found: `gpu0_...` where NVML counts it,
/// `amd0_...`, `intel0_...`, `tpu0_...`; `..._t_s` is when it was read, a little before the tick, and `..._throttle` is empty
/// too where nothing slows it. `interference` is filled in at the ticks that read the machine anew: 1 if other processes took
/// it since the one before, 0 if not ([`crate::interference`]); and `interference_cause` says what it was: `others`,
/// `steal`, `throttled`, `thermal` or `delay`. `cpu_energy_joules` is what the packages and their memory have used since the
/// first tick that read them, the sum of their counters; a sum that lacks one of them is none.
pub struct SampleCsv<W: Write> {
    writer: ::csv::Writer<W>,
    started_ns: u64,
    devices: Vec<(Vendor, u32)>,
    interference: InterferenceWatch,
    /// The parts of the machine whose energy has been read.
    domains: BTreeSet<String>,
}

impl<W: Write> SampleCsv<W> {
    /// Writes the header. `devices`: the accelerators, by the indexes that their drivers have.
    pub fn new(writer: W, started_ns: u64, devices: &[(Vendor, u32)]) -> Result<Self, ReportError> {
        let mut writer = ::csv::Writer::from_writer(writer);
        let of_devices = devices.iter().flat_map(|(vendor, index)| {
            let prefix = prefix(*vendor);
            let names = device_columns(*vendor).iter();
            names.map(move |(name, _)| format!("{prefix}{index}_{name}"))
        });
        let names = |column: Column| column.name().to_owned();
        let first = COLUMNS.iter().copied().map(names);
        let last = LAST_COLUMNS.map(str::to_owned).into_iter().chain(other_fields().map(names));
        writer.write_record(first.chain(of_devices).chain(last))?;
        Ok(Self {
            writer,
            started_ns,
            devices: devices.to_owned(),
            interference: InterferenceWatch::default(),
            domains: BTreeSet::new(),
        })
    }

    /// Appends a tick.
    pub fn row(&mut self, sample: &ResourceSample) -> Result<(), ReportError> {
        let energy = optional(self.cpu_joules(sample));
        let gaps: Vec<_> = sample
            .gaps
            .iter()
            .map(|gap| format!("{}: {}", gap.field, super::one_line(&gap.reason.to_string())))
            .collect();
        let started_ns = self.started_ns;
        let of_devices = self.devices.iter().flat_map(|(vendor, index)| {
            let mut all = sample.gpus.iter();
            let found = all.find(|gpu| gpu.vendor == *vendor && gpu.index == *index);
            let cell = move |(_, cell): &DeviceColumn| found.map(|gpu| cell(gpu, started_ns));
            device_columns(*vendor).iter().map(move |column| cell(column).unwrap_or_default())
        });
        let stretch = self.interference.push(sample);
        let taken = stretch.and_then(|stretch| stretch.taken);
        let interference = shown(taken.map(u8::from));
        let cause = shown(stretch.and_then(|stretch| stretch.cause));
        let cell = |column: Column| column.cell(sample, started_ns);
        let thermal = cell(Read(Field::Thermal));
        let last = [interference, gaps.join("; "), thermal, cause, energy];
        let first = COLUMNS.iter().copied().map(cell);
        let cells = first.chain(of_devices).chain(last).chain(other_fields().map(cell));
        Ok(self.writer.write_record(cells)?)
    }

    /// Energy of the processors and their memory; none where a part is missing that has been read before: without it the sum
    /// would fall.
    fn cpu_joules(&mut self, sample: &ResourceSample) -> Option<f64> {
        let counted = |name: &str| name.starts_with("package") || name.starts_with("dram");
        let found: BTreeMap<&str, u64> = sample
            .energy
            .iter()
            .filter(|reading| counted(&reading.domain))
            .map(|reading| (&*reading.domain, reading.energy_uj))
            .collect();
        for name in found.keys() {
            if !self.domains.contains(*name) {
                self.domains.insert((*name).to_owned());
            }
        }
        let whole = !found.is_empty() && found.len() == self.domains.len();
        whole.then(|| found.values().map(|uj| *uj as f64 * 1e-6).sum())
    }

    /// Hands everything to the file.
    pub fn finish(&mut self) -> Result<(), ReportError> {
        self.writer.flush().map_err(|error| ReportError::Csv(error.into()))
    }
}

/// `epochs.csv`: one row an epoch.
pub fn epochs_csv(epochs: &[EpochReport]) -> Result<Vec<u8>, ReportError> {
    let columns: [DataColumn<&EpochReport>; 5] = [
        ("epoch", |epoch| json!(epoch.epoch)),
        ("samples", |epoch| json!(epoch.samples)),
        (MetricId::TrainLoss.name(), |epoch| json!(epoch.train_loss)),
        (MetricId::ValidationLoss.name(), |epoch| json!(epoch.validation_loss)),
        (MetricId::ValidationAccuracy.name(), |epoch| json!(epoch.validation_accuracy)),
    ];
    data::table(&columns, epochs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EnergyReading, Gap, HostReading, Num};

    const DEVICES: [(Vendor, u32); 3] =
        [(Vendor::Nvidia, 1), (Vendor::Nvidia, 2), (Vendor::Tpu, 1)];

    fn samples_csv(samples: &[ResourceSample], started_ns: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut table = SampleCsv::new(&mut bytes, started_ns, &DEVICES).unwrap();
        for sample in samples {
            table.row(sample).unwrap();
        }
        table.finish().unwrap();
        drop(table);
        bytes
    }

    fn devices() -> Vec<GpuReading> {
        vec![
            GpuReading {
                index: 1,
                utilisation_percent: Some(97.0),
                memory_bytes: Some(4 << 30),
                memory_is_own: true,
                power_watts: None,
                energy_mj: Some(1500),
                device: "GPU-b".to_owned(),
                t_ns: Some(4_850_000_000),
                own: Some(true),
                own_utilisation_percent: Some(90.5),
                memory_total_bytes: Some(8 << 30),
                clock_mhz: Some(1980),
                memory_clock_mhz: Some(2619),
                throttle: Some(vec!["sw_power_cap".to_owned(), "hw_slowdown".to_owned()]),
                pcie_rx_bytes_s: Some(12_000),
                pcie_tx_bytes_s: Some(0),
                sm_active_percent: Some(61.5),
                tensor_active_percent: Some(0.0),
                ..GpuReading::default()
            },
            // The same number, another maker's: neither takes the other's columns, and no device hides another.
            GpuReading {
                index: 1,
                vendor: Vendor::Tpu,
                utilisation_percent: Some(13.0),
                ..GpuReading::default()
            },
            GpuReading {
                index: 2,
                device: "GPU-c".to_owned(),
                power_watts: Some(61.5),
                throttle: Some(Vec::new()),
                ..GpuReading::default()
            },
        ]
    }

    #[test]
    fn gaps_are_empty_cells_with_a_reason() {
        let first = ResourceSample {
            t_ns: 5_000_000_000,
            late_ns: 12_000,
            cost_ns: 61_000,
            cpu_ns: Some(250_000_000),
            rss_bytes: Some(211_000_000),
            processes: 1,
            threads: 3,
            host: HostReading { busy_ns: Some(40_000_000_000), ..HostReading::default() },
            gaps: vec![Gap {
                field: "read_bytes".to_owned(),
                reason: "/proc/7/io: permission denied".into(),
            }],
            ..ResourceSample::default()
        };
        let second = ResourceSample {
            t_ns: 5_100_000_001,
            cpu_ns: Some(350_000_000),
            host: HostReading { busy_ns: Some(40_150_000_000), ..first.host },
            gpus: devices(),
            ..first.clone()
        };
        let csv = samples_csv(&[first, second], 4_900_000_000);
        insta::assert_snapshot!("samples_csv", String::from_utf8(csv).unwrap());
    }

    #[test]
    fn a_loss_that_is_no_number_is_a_word_and_a_missing_one_is_empty() {
        let epochs = [
            EpochReport {
                epoch: 1,
                samples: 1617,
                train_loss: Num(1.25),
                validation_loss: Some(Num(0.5)),
                validation_accuracy: Some(Num(0.875)),
            },
            EpochReport {
                epoch: 2,
                samples: 1617,
                train_loss: Num(f64::NAN),
                validation_loss: Some(Num(f64::INFINITY)),
                validation_accuracy: None,
            },
        ];
        assert_eq!(
            String::from_utf8(epochs_csv(&epochs).unwrap()).unwrap(),
            "epoch,samples,train_loss,validation_loss,validation_accuracy\n\
             1,1617,1.25,0.5,0.875\n2,1617,nan,inf,\n"
        );
    }

    #[test]
    fn the_energy_of_processors_is_a_sum_of_all_parts_or_nothing() {
        let tick = |readings: &[(&str, u64)]| ResourceSample {
            energy: readings
                .iter()
                .map(|(domain, energy_uj)| EnergyReading {
                    domain: (*domain).to_owned(),
                    energy_uj: *energy_uj,
                })
                .collect(),
            ..ResourceSample::default()
        };
        let all = [
            ("package-0", 1_500_000),
            ("dram-0", 250_000),
            ("package-1", 2_000_000),
            ("psys", 9_000_000),
        ];
        let ticks = [
            tick(&[]),
            tick(&[("psys", 5)]),
            tick(&all[..2]),
            tick(&all),
            // Between two readings, and without one of the packages.
            tick(&[]),
            tick(&all[..2]),
            tick(&all),
        ];
        let csv = String::from_utf8(samples_csv(&ticks, 0)).unwrap();
        let place = csv.lines().next().unwrap().split(',');
        let place = place.into_iter().position(|name| name == "cpu_energy_joules").unwrap();
        let found: Vec<&str> =
            csv.lines().map(|line| line.split(',').nth(place).unwrap()).collect();
        assert_eq!(found, ["cpu_energy_joules", "", "", "1.75", "3.75", "", "", "3.75"]);
    }

    #[test]
    fn a_tick_before_the_start_is_negative_and_does_not_wrap() {
        let sample = ResourceSample { t_ns: 1_000_000_000, ..ResourceSample::default() };
        let csv = String::from_utf8(samples_csv(&[sample], 1_500_000_000)).unwrap();
        assert!(csv.lines().nth(1).unwrap().starts_with("-0.5,1000000000,"), "{csv}");
    }
}
