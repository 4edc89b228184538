//! What metrics are made of: fields of the sampler's ticks, readings of devices, and what a worker says.

/// What a metric is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The times and samples of a stage's steps; of serving, of its requests.
    Steps,
    /// The times in which a request was being answered.
    Busy,
    /// The time at which a validation reached the target.
    Target,
    /// The worker's search for the highest rate.
    RateSearch,
    /// The rates of all sizes of requests.
    Sizes,
    /// A field of the sampler's ticks. By the metric's kind: the mean of a gauge or the rate of a counter (`Gauge`), its
    /// largest value (`Peak`), its newest value, or its rate in a stage (`Scalar`).
    Tick(Field),
    /// The largest resident memory until the requests before the training are served.
    ServedPeak,
    /// The share of the time in which threads waited for a core, of that in which they waited or ran.
    RunDelay,
    /// What the machine was busy with beside the run.
    Others,
    /// The time in which others disturbed the run.
    Disturbed,
    /// A reading of the run's accelerators.
    Device(DeviceKind, Reading),
    /// The counters of energy.
    Energy(EnergyOf),
    /// What the worker says of its model.
    Model(ModelFigure),
    /// The clock, from the start of a command to its end.
    CommandTime,
    /// What the sampler says of itself.
    SamplerCost,
    /// What the program says of a metric of the user's own.
    Own,
    /// What a worker says of a metric of the catalogue that nobody else can know.
    Said,
    /// The clock, from the start of the process.
    Start(StartOf),
    /// The times in which a training step waited for its data.
    Fetch,
    /// The CPU time of a stage over its samples.
    CpuPerSample,
    /// The passes of the training over the time of its steps.
    Flops,
    /// Instructions over cycles.
    Ipc,
    /// The price of an hour, and what was done in it.
    Cost(CostOf),
}

impl Source {
    /// Whether nobody but the worker can know it.
    pub const fn is_said(self) -> bool {
        matches!(self, Self::Own | Self::Said | Self::Model(_))
    }
}

/// Which part of the start of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOf {
    /// All of it, until it can be asked or trained.
    Ready,
    /// Its first phase of loading.
    Load,
}

/// What a price is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostOf {
    /// The whole run.
    Run,
    /// A million samples of a stage.
    Samples,
}

/// What there is to say of a field of a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldDef {
    /// Its name in a sample, by which the sampler says why it could not be read.
    pub key: &'static str,
    /// Its column in `samples.csv`, in the base unit of its metrics.
    pub column: &'static str,
    /// Whether it only grows; else it is a gauge.
    pub is_counter: bool,
    /// Whether it is a time, which is sampled in nanoseconds and in seconds everywhere else.
    pub is_time: bool,
}

const GAUGE: FieldDef = FieldDef { key: "", column: "", is_counter: false, is_time: false };
const COUNTER: FieldDef = FieldDef { is_counter: true, ..GAUGE };
const TIME: FieldDef = FieldDef { is_time: true, ..COUNTER };

/// Declares [`Field`] and what is said of each.
macro_rules! fields {
    [$($(#[$doc:meta])* $id:ident = $def:expr),+ $(,)?] => {
        /// A field of a tick: of the run's process tree, or of the machine around it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $($(#[$doc])* $id),+
        }

        impl Field {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// What there is to say of it.
            pub const fn def(self) -> &'static FieldDef {
                match self {
                    $(Self::$id => &$def),+
                }
            }
        }
    };
}

fields![
    /// CPU time of the tree.
    Cpu = FieldDef { key: "cpu_ns", column: "cpu_s", ..TIME },
    /// Resident memory of the tree.
    Resident = FieldDef { key: "rss_bytes", column: "rss_bytes", ..GAUGE },
    /// The largest resident memory so far.
    Peak = FieldDef { key: "peak_bytes", column: "peak_bytes", ..GAUGE },
    /// Bytes read from storage.
    Read = FieldDef { key: "read_bytes", column: "read_bytes", ..COUNTER },
    /// Bytes written to storage.
    Written = FieldDef { key: "write_bytes", column: "write_bytes", ..COUNTER },
    /// Page faults that needed no storage.
    MinorFaults = FieldDef { key: "minor_faults", column: "minor_faults", ..COUNTER },
    /// Page faults that needed storage.
    MajorFaults = FieldDef { key: "major_faults", column: "major_faults", ..COUNTER },
    /// Context switches forced on the tree.
    InvoluntarySwitches =
        FieldDef { key: "involuntary_switches", column: "involuntary_switches", ..COUNTER },
    /// Instructions that the processor finished.
    Instructions = FieldDef { key: "instructions", column: "instructions", ..COUNTER },
    /// Cycles of the processor.
    Cycles = FieldDef { key: "cycles", column: "cycles", ..COUNTER },
    /// Reads and writes that no cache of the processor had.
    CacheMisses = FieldDef { key: "cache_misses", column: "cache_misses", ..COUNTER },
    /// Time that threads waited for a core.
    RunDelay = FieldDef { key: "run_delay_ns", column: "run_delay_s", ..TIME },
    /// CPU time of everything on the machine.
    Busy = FieldDef { key: "busy_ns", column: "host_busy_s", ..TIME },
    /// CPU time given to other virtual machines.
    Steal = FieldDef { key: "steal_ns", column: "host_steal_s", ..TIME },
    /// Time that a quota held the control group back.
    Throttled = FieldDef { key: "throttled_ns", column: "host_throttled_s", ..TIME },
    /// Time that cores ran below their clock because of heat.
    Thermal = FieldDef { key: "thermal_ns", column: "host_thermal_s", ..TIME },
];

impl Field {
    /// Whether it only grows; the others are gauges.
    pub const fn is_counter(self) -> bool {
        self.def().is_counter
    }

    /// What makes its value in a sample that in the base unit of its metrics.
    pub const fn scale(self) -> f64 {
        if self.def().is_time { 1e-9 } else { 1.0 }
    }

    /// Its name in a sample, by which the sampler says why it could not be read.
    pub const fn key(self) -> &'static str {
        self.def().key
    }
}

/// A kind of accelerator, as far as metrics tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceKind {
    /// GPUs of any maker.
    Gpu,
    /// TPUs.
    Tpu,
}

impl DeviceKind {
    /// The field that the sampler's reason stands at where there is no such device.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Tpu => "tpu",
        }
    }
}

/// What is read of an accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reading {
    /// Share of the time in which it was busy, in percent: of several devices the mean.
    Utilisation,
    /// Memory in use, in bytes: of several devices the sum.
    Memory,
    /// Power draw, in watts: of several devices the sum.
    Power,
    /// Share of the multiprocessors that had work, in percent: of several devices the mean, as the others below.
    SmActive,
    /// Share of the time in which the tensor cores worked, in percent.
    TensorActive,
    /// Share of what the memory's bandwidth allows that was moved, in percent.
    DramActive,
}

impl Reading {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Utilisation,
        Self::Memory,
        Self::Power,
        Self::SmActive,
        Self::TensorActive,
        Self::DramActive,
    ];

    /// Its name in a reading, by which the sampler says why it could not be read.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Utilisation => "utilisation_percent",
            Self::Memory => "memory_bytes",
            Self::Power => "power_watts",
            Self::SmActive => "sm_active_percent",
            Self::TensorActive => "tensor_active_percent",
            Self::DramActive => "dram_active_percent",
        }
    }

    /// Whether the figures of several devices add up.
    pub const fn is_sum(self) -> bool {
        matches!(self, Self::Memory | Self::Power)
    }
}

/// Whose energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnergyOf {
    /// Of all that the run works on.
    Run,
    /// The same of a phase, over its samples.
    Sample,
    /// Of the processors and their memory.
    Processors,
    /// Of the run's accelerators.
    Devices,
    /// That of the run, as grams of CO2.
    Emissions,
}

/// What a worker says of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelFigure {
    /// Of the last epoch.
    TrainLoss,
    /// After the last epoch.
    ValidationLoss,
    /// After the last epoch.
    ValidationAccuracy,
    /// Read once at the end.
    TestLoss,
    /// Read once at the end.
    TestAccuracy,
}

impl ModelFigure {
    /// Whether it is of the test data, which are read once at the end.
    pub const fn is_of_test(self) -> bool {
        matches!(self, Self::TestLoss | Self::TestAccuracy)
    }

    /// Whether it is a share of samples; else it is a loss.
    pub const fn is_accuracy(self) -> bool {
        matches!(self, Self::ValidationAccuracy | Self::TestAccuracy)
    }

    /// Whether it is of held-out training data.
    pub const fn is_of_validation(self) -> bool {
        matches!(self, Self::ValidationLoss | Self::ValidationAccuracy)
    }
}

/// What a worker's last message says of its own use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageField {
    /// CPU time.
    Cpu,
    /// Largest resident memory.
    Peak,
}

impl Source {
    /// The field of a tick without which there is no such figure.
    pub const fn field(self) -> Option<Field> {
        match self {
            Self::Tick(field) => Some(field),
            Self::ServedPeak => Some(Field::Peak),
            Self::RunDelay => Some(Field::RunDelay),
            Self::Others | Self::Disturbed => Some(Field::Busy),
            _ => None,
        }
    }

    /// The gauge of which it is the largest value so far; itself where it is none of those.
    #[must_use]
    pub const fn gauge(self) -> Self {
        match self {
            Self::Tick(Field::Peak) => Self::Tick(Field::Resident),
            other => other,
        }
    }

    /// Whether the sampler reads it tick by tick; what is made of energy says itself why it is not there.
    pub const fn is_sampled(self) -> bool {
        self.field().is_some() || matches!(self, Self::Device(..))
    }

    /// Whether a gap at this field of a sample (`rss_bytes`, `host.busy_ns`, `gpu`, `tpu[0].memory_bytes`) is one of this
    /// source.
    pub fn reads(self, gap: &str) -> bool {
        let device = gap.split(['[', '.']).next().unwrap_or(gap);
        let last = gap.rsplit('.').next().unwrap_or(gap);
        let of_tpu = device == DeviceKind::Tpu.key();
        match self {
            // The makers' names stand before the readings of GPUs.
            Self::Device(DeviceKind::Gpu, reading) => {
                !of_tpu && (last == DeviceKind::Gpu.key() || last == reading.key())
            }
            Self::Device(DeviceKind::Tpu, reading) => {
                of_tpu && (last == device || last == reading.key())
            }
            Self::Ipc => [Field::Instructions.key(), Field::Cycles.key()].contains(&last),
            _ => self.field().is_some_and(|field| field.key() == last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_one_of_the_metrics_that_are_read_there() {
        let power = Source::Device(DeviceKind::Gpu, Reading::Power);
        let duty = Source::Device(DeviceKind::Tpu, Reading::Utilisation);
        for (source, gap, reads) in [
            (Source::Tick(Field::Resident), "rss_bytes", true),
            (Source::Tick(Field::Resident), "peak_bytes", false),
            (Source::Others, "host.busy_ns", true),
            (Source::Disturbed, "busy_ns", true),
            (Source::Steps, "cpu_ns", false),
            (power, "gpu", true),
            (power, "gpu[1].power_watts", true),
            (power, "intel[0].power_watts", true),
            (power, "gpu[1].memory_bytes", false),
            (power, "tpu[0].power_watts", false),
            (duty, "tpu", true),
            (duty, "tpu[0].utilisation_percent", true),
            (duty, "amd[0].utilisation_percent", false),
            (duty, "gpu", false),
        ] {
            assert_eq!(source.reads(gap), reads, "{source:?} {gap}");
        }
    }
}
