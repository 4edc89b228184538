//! The time series of one run: `samples.csv` and `epochs.csv`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::{ReportError, csv_bytes, number, optional};
use crate::event::{EpochReport, GpuReading, ResourceSample, Vendor};
use crate::interference::InterferenceWatch;
use crate::metric::MetricId;

const SAMPLE_COLUMNS: [&str; 22] = [
    "t_s",
    "monotonic_ns",
    "late_s",
    "cost_s",
    "cpu_s",
    "rss_bytes",
    "peak_bytes",
    "read_bytes",
    "write_bytes",
    "minor_faults",
    "major_faults",
    "involuntary_switches",
    "voluntary_switches",
    "run_delay_s",
    "processes",
    "threads",
    "host_busy_s",
    "host_steal_s",
    "host_cpu_pressure_s",
    "host_memory_pressure_s",
    "host_io_pressure_s",
    "host_throttled_s",
];

const GPU_COLUMNS: [&str; 15] = [
    "device",
    "t_s",
    "own",
    "utilisation_percent",
    "own_utilisation_percent",
    "memory_bytes",
    "memory_is_own",
    "memory_total_bytes",
    "power_watts",
    "energy_joules",
    "clock_mhz",
    "memory_clock_mhz",
    "throttle",
    "pcie_rx_bytes_per_s",
    "pcie_tx_bytes_per_s",
];

const TPU_COLUMNS: [&str; 3] = ["duty_cycle_percent", "memory_bytes", "memory_total_bytes"];
/// After those of the accelerators; new ones are added at the end: scripts may count.
const LAST_COLUMNS: [&str; 5] =
    ["interference", "gaps", "host_thermal_s", "interference_cause", "cpu_energy_joules"];

fn seconds(ns: u64) -> String {
    number(ns as f64 / 1e9)
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Seconds since the start; below 0 before it: the first tick may come before the run counts as started.
fn since(t_ns: u64, started_ns: u64) -> String {
    if t_ns >= started_ns {
        number((t_ns - started_ns) as f64 / 1e9)
    } else {
        number(-((started_ns - t_ns) as f64) / 1e9)
    }
}

fn sample_cells(sample: &ResourceSample, started_ns: u64) -> [String; 22] {
    let host = &sample.host;
    [
        since(sample.t_ns, started_ns),
        sample.t_ns.to_string(),
        seconds(sample.late_ns),
        seconds(sample.cost_ns),
        sample.cpu_ns.map(seconds).unwrap_or_default(),
        text(sample.rss_bytes),
        text(sample.peak_bytes),
        text(sample.read_bytes),
        text(sample.write_bytes),
        text(sample.minor_faults),
        text(sample.major_faults),
        text(sample.involuntary_switches),
        text(sample.voluntary_switches),
        sample.run_delay_ns.map(seconds).unwrap_or_default(),
        sample.processes.to_string(),
        sample.threads.to_string(),
        host.busy_ns.map(seconds).unwrap_or_default(),
        host.steal_ns.map(seconds).unwrap_or_default(),
        host.cpu_pressure_ns.map(seconds).unwrap_or_default(),
        host.memory_pressure_ns.map(seconds).unwrap_or_default(),
        host.io_pressure_ns.map(seconds).unwrap_or_default(),
        host.throttled_ns.map(seconds).unwrap_or_default(),
    ]
}

fn prefix(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Nvidia => "gpu",
        Vendor::Amd => "amd",
        Vendor::Intel => "intel",
        Vendor::Tpu => "tpu",
    }
}

fn gpu_cells(reading: Option<&GpuReading>, started_ns: u64) -> [String; 15] {
    let Some(gpu) = reading else {
        return Default::default();
    };
    [
        super::one_line(&gpu.device),
        gpu.t_ns.map(|t_ns| since(t_ns, started_ns)).unwrap_or_default(),
        text(gpu.own),
        optional(gpu.utilisation_percent),
        optional(gpu.own_utilisation_percent),
        text(gpu.memory_bytes),
        text(gpu.memory_bytes.map(|_| gpu.memory_is_own)),
        text(gpu.memory_total_bytes),
        optional(gpu.power_watts),
        optional(gpu.energy_mj.map(|mj| mj as f64 / 1e3)),
        text(gpu.clock_mhz),
        text(gpu.memory_clock_mhz),
        gpu.throttle
            .as_deref()
            .map(|reasons| super::one_line(&reasons.join(" ")))
            .unwrap_or_default(),
        text(gpu.pcie_rx_bytes_s),
        text(gpu.pcie_tx_bytes_s),
    ]
}

fn tpu_cells(reading: Option<&GpuReading>) -> [String; 3] {
    let Some(tpu) = reading else {
        return Default::default();
    };
    [optional(tpu.utilisation_percent), text(tpu.memory_bytes), text(tpu.memory_total_bytes)]
}

fn device_columns(vendor: Vendor) -> &'static [&'static str] {
    match vendor {
        Vendor::Tpu => &TPU_COLUMNS,
        _ => &GPU_COLUMNS,
    }
}

fn device_cells(vendor: Vendor, reading: Option<&GpuReading>, started_ns: u64) -> Vec<String> {
    match vendor {
        Vendor::Tpu => tpu_cells(reading).into(),
        _ => gpu_cells(reading, started_ns).into(),
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
            names.map(move |name| format!("{prefix}{index}_{name}"))
        });
        let names = SAMPLE_COLUMNS.iter().map(|&name| name.to_owned());
        let last = LAST_COLUMNS.map(str::to_owned);
        writer.write_record(names.chain(of_devices).chain(last))?;
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
        let of_devices = self.devices.iter().flat_map(|(vendor, index)| {
            let mut all = sample.gpus.iter();
            let found = all.find(|gpu| gpu.vendor == *vendor && gpu.index == *index);
            device_cells(*vendor, found, self.started_ns)
        });
        let stretch = self.interference.push(sample);
        let taken = stretch.and_then(|stretch| stretch.taken);
        let interference = text(taken.map(u8::from));
        let cause = text(stretch.and_then(|stretch| stretch.cause));
        let thermal = sample.host.thermal_ns.map(seconds).unwrap_or_default();
        let cells = sample_cells(sample, self.started_ns).into_iter().chain(of_devices).chain([
            interference,
            gaps.join("; "),
            thermal,
            cause,
            energy,
        ]);
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
    let header = [
        "epoch",
        "samples",
        MetricId::TrainLoss.name(),
        MetricId::ValidationLoss.name(),
        MetricId::ValidationAccuracy.name(),
    ];
    let rows = epochs.iter().map(|epoch| {
        [
            epoch.epoch.to_string(),
            epoch.samples.to_string(),
            number(epoch.train_loss.0),
            optional(epoch.validation_loss.map(|loss| loss.0)),
            optional(epoch.validation_accuracy.map(|accuracy| accuracy.0)),
        ]
    });
    csv_bytes(header, rows)
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
        let last: Vec<&str> = csv.lines().map(|line| line.rsplit(',').next().unwrap()).collect();
        assert_eq!(last, ["cpu_energy_joules", "", "", "1.75", "3.75", "", "", "3.75"]);
    }

    #[test]
    fn a_tick_before_the_start_is_negative_and_does_not_wrap() {
        let sample = ResourceSample { t_ns: 1_000_000_000, ..ResourceSample::default() };
        let csv = String::from_utf8(samples_csv(&[sample], 1_500_000_000)).unwrap();
        assert!(csv.lines().nth(1).unwrap().starts_with("-0.5,1000000000,"), "{csv}");
    }
}
