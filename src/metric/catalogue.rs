//! What is said of a metric, and the catalogue: one entry a metric, in the order of the reports.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::own::{OwnId, OwnKind, OwnMetric, unit_of};
use super::source::{
    CostOf, DeviceKind, EnergyOf, Field, ModelFigure, Reading, Source, StartOf, UsageField,
};
use crate::stats::Better;
use crate::units::Unit;

use MetricKind::{Gauge, Mean, Peak, Projection, Quantile, Rate, Windows};

/// What a figure says of its series, which decides how it is estimated and when it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// Sum over sum, such as samples over time.
    Rate,
    /// Mean of the steps.
    Mean,
    /// The quantile of the steps at this level.
    Quantile(f64),
    /// Time-weighted mean of a gauge, or a counter's difference over time.
    Gauge,
    /// Largest value so far.
    Peak,
    /// The quantile at this level of the rates of equal windows of time: of the stage as it was, without an interval, so
    /// that nothing can wait for it.
    Windows(f64),
    /// The time of the whole training, from the mean of the steps so far and what lies between the epochs.
    Projection,
    /// Said once, exact; nothing to wait for.
    Scalar,
}

impl MetricKind {
    /// Whether there is nothing to wait for: it is said once, when its phase is over.
    pub const fn is_said_once(self) -> bool {
        matches!(self, Self::Scalar | Self::Windows(_))
    }
}

/// Which stages a metric exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Training.
    Train,
    /// Each serve phase, and each that serves once more.
    Serve,
    /// Each serve phase before the training alone.
    #[serde(rename = "serve")]
    Served,
    /// Training and each serve phase, apart.
    Stages,
    /// The run as a whole.
    Run,
}

/// The most that a metric can be, by what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ceiling {
    /// Nothing limits it.
    None,
    /// This value, in the metric's unit.
    At(f64),
    /// 100% for each core that the run may use.
    UsableCores,
    /// The figure of this metric of the run.
    Metric(MetricId),
}

/// How the gate judges a metric unless the policy says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Whether it is judged where nobody asks for that; else it is told, and the floors are for those who ask.
    pub unasked: bool,
    /// The smallest change that counts, as a share; absent: the policy's.
    pub floor: Option<f64>,
    /// What the policy's floor is multiplied with, where it counts.
    pub floor_factor: f64,
    /// The smallest change that counts in the metric's unit, besides the floor.
    pub at_least: Option<f64>,
    /// The metric to judge instead where a run has too few samples of this one.
    pub fallback: Option<MetricId>,
}

/// A column of the run table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// What stands above the column, before the unit; a line break begins the second line.
    pub text: &'static str,
    /// Where it stands, from the left; equal ones in the order of the catalogue.
    pub place: u8,
    /// How long it stays where the terminal is narrow: 1 stays longest. Ranks up to 6 fit 80 columns in most grids; the
    /// others are for wide terminals.
    pub rank: u8,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricDef {
    /// Which it is.
    pub id: MetricId,
    /// The full name, `scope.metric`, as it is written in `[stop]`, constraints and `metrics.csv`.
    pub name: &'static str,
    /// The group that `[stop] metrics` may name to mean several.
    pub group: &'static str,
    /// Whether naming the group chooses it; the others must be named themselves.
    pub in_group: bool,
    /// Base unit.
    pub unit: Unit,
    /// What makes a value as it is said one in the base unit.
    pub said_in: f64,
    /// How it is estimated.
    pub kind: MetricKind,
    /// Where it exists.
    pub scope: Scope,
    /// What it is made of.
    pub source: Source,
    /// Of a share of the time of cores: a share of all that the run may use, and not of one.
    pub of_usable_cores: bool,
    /// What the worker's last message says of the same, which counts where it is more.
    pub usage: Option<UsageField>,
    /// The most that it can be.
    pub ceiling: Ceiling,
    /// Of a peak: steps in which its gauge is seen to move, in the metric's unit; less growth than one may not show yet.
    pub quantum: f64,
    /// Which values are better; absent: nobody can say.
    pub better: Option<Better>,
    /// How the gate judges it; absent: it is told and decides nothing.
    pub gate: Option<Gate>,
    /// Its column in the run table.
    pub heading: Option<Heading>,
    /// Of what the sampler reads: the title of its panel where a run is drawn from its start to its end.
    pub panel: Option<&'static str>,
    /// Whether it has a column in `report.csv`: of the run, or of the stage that speaks of it.
    pub in_report: bool,
    /// The definition, one line.
    pub about: &'static str,
}

impl MetricDef {
    /// The accelerators that it is of, if it is of any.
    pub const fn device(&self) -> Option<DeviceKind> {
        match self.source {
            Source::Device(kind, _) => Some(kind),
            _ => None,
        }
    }

    /// Its column in `report.csv` and `summary.csv`, where it has one: its name and its unit.
    pub fn column(&self) -> String {
        self.name.replace('.', "_") + self.unit.column_suffix()
    }

    /// Whether it comes with an interval: a search has one, though it is said once.
    pub const fn has_interval(&self) -> bool {
        !matches!(self.kind, MetricKind::Scalar | MetricKind::Peak)
            || matches!(self.source, Source::RateSearch)
    }

    /// Whether it can be below 0: a loss may be anything, and so may a metric of the user's own.
    pub const fn may_be_negative(&self) -> bool {
        matches!(self.source, Source::Own)
            || matches!(self.source, Source::Model(figure) if !figure.is_accuracy())
    }

    /// Whether a worker may say it in a message of its own.
    pub const fn is_said_by_worker(&self) -> bool {
        matches!(self.source, Source::Said)
    }

    /// Whether it is what a model is made of: a count, which is no other in another run.
    pub const fn is_of_design(&self) -> bool {
        matches!(self.id, MetricId::ModelParameters | MetricId::ModelBytes | MetricId::ModelFlops)
    }

    /// Whether it is known as soon as it is there, and grows no more.
    pub const fn is_final(&self) -> bool {
        matches!(self.source, Source::Said | Source::Start(_))
    }

    /// Whether it says how good the model is.
    pub const fn is_of_model(&self) -> bool {
        matches!(self.source, Source::Model(_))
    }

    /// Whether it is what the program says last that counts: how good the model is, or a metric of the user's own.
    pub const fn is_said_last(&self) -> bool {
        self.is_of_model() || matches!((self.source, self.kind), (Source::Own, MetricKind::Scalar))
    }

    /// Whether it is made of joules.
    pub const fn is_energy(&self) -> bool {
        matches!(self.source, Source::Energy(_))
    }

    /// Whether it is a largest value.
    pub const fn is_peak(&self) -> bool {
        matches!(self.kind, MetricKind::Peak) || matches!(self.source, Source::ServedPeak)
    }

    /// Whether only a run that serves has it.
    pub const fn is_of_serving(&self) -> bool {
        matches!(self.scope, Scope::Serve | Scope::Served)
            || matches!(self.source, Source::ServedPeak)
    }

    /// Whether it is the newest value of a counter of the whole run.
    pub const fn is_counter(&self) -> bool {
        matches!((self.source, self.kind), (Source::Tick(_), MetricKind::Scalar))
            && matches!(self.scope, Scope::Run)
    }

    /// Whether it is the time that a step or request takes.
    pub const fn is_latency(&self) -> bool {
        matches!(
            (self.source, self.kind),
            (Source::Steps, MetricKind::Mean | MetricKind::Quantile(_))
        )
    }
}

impl MetricId {
    /// All there is to say of it.
    pub fn def(self) -> &'static MetricDef {
        match self {
            Self::Own(own) => entries()[own.place()],
            built_in => &CATALOGUE[built_in.place()],
        }
    }

    /// Its full name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own(own) => own.name(),
            built_in => CATALOGUE[built_in.place()].name,
        }
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for MetricId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for MetricId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = find(&name).map(|metric| metric.id);
        found.ok_or_else(|| de::Error::custom(format!("`{name}` is no metric")))
    }
}

/// The metric of this full name.
pub fn find(name: &str) -> Option<&'static MetricDef> {
    CATALOGUE.iter().find(|metric| metric.name == name)
}

/// Declares [`MetricId`] and [`CATALOGUE`]: their order is the same. Those of the user's own stand behind.
macro_rules! catalogue {
    [$($id:ident = $def:expr),+ $(,)?] => {
        /// Which metric; its [`MetricDef`] has all there is to say of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "`about` of each entry is its documentation")]
        #[allow(non_camel_case_types, reason = "P99_9 is the 99.9th percentile, not the 999th")]
        pub enum MetricId {
            $($id,)+
            /// One of the user's own.
            Own(OwnId),
        }

        impl MetricId {
            /// Its place in the catalogue; behind its end of what is not in it.
            const fn place(self) -> usize {
                #[allow(dead_code, reason = "only the order of its variants is of use")]
                enum Place { $($id,)+ End }
                match self {
                    $(Self::$id => Place::$id as usize,)+
                    Self::Own(_) => Place::End as usize,
                }
            }
        }

        /// Every metric, in the order of the reports.
        pub const CATALOGUE: &[MetricDef] = &[$(MetricDef { id: MetricId::$id, ..$def }),+];
    };
}

const MIB: f64 = 1_048_576.0;

/// What an entry is where it does not say otherwise: a plain number of the run, said once, which decides nothing.
const METRIC: MetricDef = MetricDef {
    // Each entry gets its own.
    id: MetricId::TrainThroughput,
    name: "",
    group: "",
    in_group: false,
    unit: Unit::One,
    said_in: 1.0,
    kind: MetricKind::Scalar,
    scope: Scope::Run,
    source: Source::Steps,
    of_usable_cores: false,
    usage: None,
    ceiling: Ceiling::None,
    quantum: 0.0,
    better: None,
    gate: None,
    heading: None,
    panel: None,
    in_report: false,
    about: "",
};

/// Judged by the policy's floor.
const GATE: Gate =
    Gate { unasked: true, floor: None, floor_factor: 1.0, at_least: None, fallback: None };

/// A median: between runs on a shared machine it moves about twice as much as the lower quartile does.
const GATE_MEDIAN: Gate = Gate { floor_factor: 2.0, ..GATE };

/// A peak of an accelerator's memory hardly varies, but it comes in the allocator's blocks, and a small one by chance.
const GATE_DEVICE_PEAK: Gate = Gate { floor: Some(0.02), at_least: Some(16.0 * MIB), ..GATE };

/// A start is measured once a run, and depends on what the system has in memory: it is judged where somebody asks for it, and
/// some milliseconds more are no finding.
const GATE_START: Gate = Gate { unasked: false, at_least: Some(0.01), ..GATE };

/// A count has no noise, and what a model is made of changes on purpose.
const GATE_COUNT: Gate = Gate { unasked: false, floor: Some(0.001), ..GATE };

const THROUGHPUT: MetricDef = MetricDef {
    group: "throughput",
    unit: Unit::SamplesPerSecond,
    better: Some(Better::Higher),
    ..METRIC
};

/// The time of a training step. Means and high percentiles differ by tens of percent between runs of the same build, so
/// they are not judged.
const STEP_LATENCY: MetricDef = MetricDef {
    group: "step_latency",
    unit: Unit::Seconds,
    scope: Scope::Train,
    better: Some(Better::Lower),
    ..METRIC
};

/// The latency of a request.
const LATENCY: MetricDef = MetricDef { group: "latency", scope: Scope::Serve, ..STEP_LATENCY };

/// Time of training.
const TRAIN_TIME: MetricDef = MetricDef {
    group: "time",
    unit: Unit::Seconds,
    scope: Scope::Train,
    better: Some(Better::Lower),
    ..METRIC
};

/// A share of the time of a stage, of which nobody can say which way is better.
const UTILISATION: MetricDef = MetricDef {
    unit: Unit::Percent,
    kind: Gauge,
    scope: Scope::Stages,
    ceiling: Ceiling::At(100.0),
    ..METRIC
};

/// The most memory over the whole run.
const PEAK: MetricDef = MetricDef {
    in_group: true,
    unit: Unit::Bytes,
    kind: Peak,
    better: Some(Better::Lower),
    ..METRIC
};

const ENERGY: MetricDef = MetricDef {
    group: "energy",
    unit: Unit::Joules,
    source: Source::Energy(EnergyOf::Run),
    better: Some(Better::Lower),
    ..METRIC
};

/// A counter of the whole run.
const COUNTER: MetricDef = MetricDef { better: Some(Better::Lower), ..METRIC };

/// A share of a stage's time in which others disturbed the run.
const INTERFERENCE: MetricDef =
    MetricDef { group: "interference", unit: Unit::Percent, scope: Scope::Stages, ..METRIC };

/// What a model is, as its worker says it.
const MODEL: MetricDef = MetricDef {
    group: "model",
    source: Source::Said,
    better: Some(Better::Lower),
    gate: Some(GATE_COUNT),
    ..METRIC
};

/// A price, in the currency of `[cost]`.
const COST: MetricDef = MetricDef {
    group: "cost",
    unit: Unit::Money,
    source: Source::Cost(CostOf::Run),
    better: Some(Better::Lower),
    ..METRIC
};

const LOSS: MetricDef = MetricDef { group: "loss", better: Some(Better::Lower), ..METRIC };

const ACCURACY: MetricDef = MetricDef {
    group: "accuracy",
    in_group: true,
    unit: Unit::Ratio,
    better: Some(Better::Higher),
    ..METRIC
};

const fn heading(text: &'static str, place: u8, rank: u8) -> Heading {
    Heading { text, place, rank }
}

catalogue![
    TrainThroughput = MetricDef {
        name: "train.throughput",
        in_group: true,
        kind: Rate,
        scope: Scope::Train,
        heading: Some(heading("train\n", 1, 1)),
        in_report: true,
        about: "samples trained on / time of the steps (without validation), after the warm-up",
        ..THROUGHPUT
    },
    TrainThroughputP75 = MetricDef {
        name: "train.throughput_p75",
        kind: Windows(0.75),
        scope: Scope::Train,
        gate: Some(GATE),
        about: "75th percentile of that rate over 20 to 64 equal windows of the time of the steps: less affected by interference",
        ..THROUGHPUT
    },
    TrainStepLatencyMean = MetricDef {
        name: "train.step_latency_mean",
        in_group: true,
        kind: Mean,
        about: "mean time of a training step",
        ..STEP_LATENCY
    },
    TrainStepLatencyP25 = MetricDef {
        name: "train.step_latency_p25",
        kind: Quantile(0.25),
        gate: Some(Gate { fallback: Some(MetricId::TrainStepLatencyP50), ..GATE }),
        about: "lower quartile of the time of a training step: robust to interference",
        ..STEP_LATENCY
    },
    TrainStepLatencyP50 = MetricDef {
        name: "train.step_latency_p50",
        in_group: true,
        kind: Quantile(0.5),
        gate: Some(GATE_MEDIAN),
        heading: Some(heading("step\np50 ", 1, 5)),
        about: "median time of a training step",
        ..STEP_LATENCY
    },
    TrainStepLatencyP90 = MetricDef {
        name: "train.step_latency_p90",
        kind: Quantile(0.9),
        about: "90th percentile of the time of a training step",
        ..STEP_LATENCY
    },
    TrainStepLatencyP95 = MetricDef {
        name: "train.step_latency_p95",
        kind: Quantile(0.95),
        heading: Some(heading("step\np95 ", 1, 8)),
        about: "95th percentile of the time of a training step",
        ..STEP_LATENCY
    },
    TrainStepLatencyP99 = MetricDef {
        name: "train.step_latency_p99",
        kind: Quantile(0.99),
        about: "99th percentile of the time of a training step",
        ..STEP_LATENCY
    },
    TrainTimeProjected = MetricDef {
        name: "train.time_projected",
        kind: Projection,
        about: "samples of all epochs x mean step time a sample after the warm-up, and the time between epochs (validation) as seen so far",
        ..TRAIN_TIME
    },
    TrainTimeToAccuracy = MetricDef {
        name: "train.time_to_accuracy",
        source: Source::Target,
        in_report: true,
        about: "time in training, validation included, until the validation accuracy first reached [train] target_accuracy",
        ..TRAIN_TIME
    },
    TrainDataWait = MetricDef {
        name: "train.data_wait",
        group: "step_latency",
        scope: Scope::Train,
        source: Source::Fetch,
        better: Some(Better::Lower),
        // Twice next to nothing is next to nothing.
        gate: Some(Gate { unasked: false, at_least: Some(1.0), ..GATE }),
        about: "share of the time of the training steps in which they waited for their data, as the program says it",
        ..UTILISATION
    },
    TrainFlopsPerSecond = MetricDef {
        name: "train.flops_per_s",
        group: "throughput",
        unit: Unit::FlopsPerSecond,
        scope: Scope::Train,
        source: Source::Flops,
        better: Some(Better::Higher),
        about: "3 x model.flops x train.throughput: the backward pass counts as two forward ones",
        ..METRIC
    },
    ServeThroughput = MetricDef {
        name: "serve.throughput",
        in_group: true,
        kind: Rate,
        scope: Scope::Serve,
        heading: Some(heading("serve\n", 3, 10)),
        in_report: true,
        about: "samples served / time of serving, idle gaps of the load pattern included",
        ..THROUGHPUT
    },
    ServeThroughputP75 = MetricDef {
        name: "serve.throughput_p75",
        kind: Windows(0.75),
        scope: Scope::Serve,
        gate: Some(GATE),
        about: "75th percentile of that rate over 20 to 64 equal windows of the time of serving: less affected by interference",
        ..THROUGHPUT
    },
    ServeLatencyMean = MetricDef {
        name: "serve.latency_mean",
        in_group: true,
        kind: Mean,
        about: "mean latency of a request, from its scheduled arrival to its answer",
        ..LATENCY
    },
    ServeLatencyP25 = MetricDef {
        name: "serve.latency_p25",
        kind: Quantile(0.25),
        gate: Some(Gate { fallback: Some(MetricId::ServeLatencyP50), ..GATE }),
        about: "lower quartile of the latency of a request: robust to interference",
        ..LATENCY
    },
    ServeLatencyP50 = MetricDef {
        name: "serve.latency_p50",
        in_group: true,
        kind: Quantile(0.5),
        gate: Some(GATE_MEDIAN),
        heading: Some(heading("serve\np50 ", 2, 3)),
        in_report: true,
        about: "median latency of a request",
        ..LATENCY
    },
    ServeLatencyP90 = MetricDef {
        name: "serve.latency_p90",
        kind: Quantile(0.9),
        about: "90th percentile of the latency of a request",
        ..LATENCY
    },
    ServeLatencyP95 = MetricDef {
        name: "serve.latency_p95",
        kind: Quantile(0.95),
        about: "95th percentile of the latency of a request",
        ..LATENCY
    },
    ServeLatencyP99 = MetricDef {
        name: "serve.latency_p99",
        kind: Quantile(0.99),
        heading: Some(heading("serve\np99 ", 2, 9)),
        in_report: true,
        about: "99th percentile of the latency of a request",
        ..LATENCY
    },
    ServeLatencyP99_9 = MetricDef {
        name: "serve.latency_p99_9",
        kind: Quantile(0.999),
        about: "99.9th percentile of the latency of a request",
        ..LATENCY
    },
    ServeFirstLatency = MetricDef {
        name: "serve.first_latency",
        unit: Unit::Seconds,
        source: Source::Said,
        gate: Some(Gate { at_least: Some(0.001), ..GATE_START }),
        about: "time of the first request of all, before any warm-up: a cold start, once the process is ready",
        ..MODEL
    },
    ServeUtilisation = MetricDef {
        name: "serve.utilisation",
        group: "throughput",
        scope: Scope::Serve,
        source: Source::Busy,
        about: "share of the time of serving in which a request was being answered",
        ..UTILISATION
    },
    ServeMaxRate = MetricDef {
        name: "serve.max_rate",
        unit: Unit::RequestsPerSecond,
        scope: Scope::Served,
        source: Source::RateSearch,
        gate: Some(GATE),
        heading: Some(heading("max.\n", 4, 3)),
        in_report: true,
        about: "highest rate of random requests that keeps a latency limit; with find_max_rate only",
        ..THROUGHPUT
    },
    ServeBestBatchSize = MetricDef {
        name: "serve.best_batch_size",
        group: "throughput",
        source: Source::Sizes,
        heading: Some(heading("best\nsize", 4, 4)),
        about: "size of requests with the highest serve.throughput, the smallest of equals; with pattern offline only",
        ..METRIC
    },
    CpuUtilisation = MetricDef {
        name: "cpu.utilisation",
        group: "cpu",
        in_group: true,
        source: Source::Tick(Field::Cpu),
        ceiling: Ceiling::UsableCores,
        heading: Some(heading("CPU\n", 4, 5)),
        panel: Some("CPU, of one core"),
        in_report: true,
        about: "CPU time of the worker's process tree / wall time, in percent of one core",
        ..UTILISATION
    },
    CpuUtilisationOfLimit = MetricDef {
        name: "cpu.utilisation_of_limit",
        group: "cpu",
        source: Source::Tick(Field::Cpu),
        of_usable_cores: true,
        about: "the same in percent of the cores that the run may use: no more than its `threads`",
        ..UTILISATION
    },
    CpuTime = MetricDef {
        name: "cpu.time",
        group: "cpu",
        unit: Unit::Seconds,
        source: Source::Tick(Field::Cpu),
        usage: Some(UsageField::Cpu),
        about: "CPU time of the worker's process tree over the whole run",
        ..COUNTER
    },
    CpuInstructions = MetricDef {
        name: "cpu.instructions",
        group: "cpu",
        source: Source::Tick(Field::Instructions),
        about: "instructions that the processors finished for the worker's process tree in user space, over the whole run",
        ..COUNTER
    },
    CpuIpc = MetricDef {
        name: "cpu.ipc",
        group: "cpu",
        source: Source::Ipc,
        better: Some(Better::Higher),
        about: "cpu.instructions / cycles",
        ..METRIC
    },
    CpuCacheMisses = MetricDef {
        name: "cpu.cache_misses",
        group: "cpu",
        source: Source::Tick(Field::CacheMisses),
        about: "last-level cache misses of the process tree",
        ..COUNTER
    },
    CpuTimePerSample = MetricDef {
        name: "cpu.time_per_sample",
        group: "cpu",
        unit: Unit::Seconds,
        scope: Scope::Stages,
        source: Source::CpuPerSample,
        better: Some(Better::Lower),
        // What it finds the times of steps and requests mostly find as well, and each metric more costs the others power.
        gate: Some(Gate { unasked: false, ..GATE }),
        about: "CPU time of the process tree over the phase (its mean use while the sampler looked, x the length), warm-up and validation included / samples trained on or served in it",
        ..METRIC
    },
    MemoryRssMean = MetricDef {
        name: "memory.rss_mean",
        group: "memory",
        in_group: true,
        unit: Unit::Bytes,
        kind: Gauge,
        scope: Scope::Stages,
        source: Source::Tick(Field::Resident),
        ceiling: Ceiling::Metric(MetricId::MemoryPeak),
        better: Some(Better::Lower),
        panel: Some("resident memory"),
        about: "time-weighted mean of the tree's resident memory, pages that processes share counted once; never above memory.peak",
        ..METRIC
    },
    MemoryPeak = MetricDef {
        name: "memory.peak",
        group: "memory",
        source: Source::Tick(Field::Peak),
        usage: Some(UsageField::Peak),
        // Linux counts resident memory in batches of 64 pages a thread (`TASK_RSS_EVENTS_THRESH`; since 6.2 in batches a
        // core that are no smaller).
        quantum: 64.0 * 4096.0,
        // It hardly varies, but it comes in pages, and a small one by chance.
        gate: Some(Gate { floor: Some(0.02), at_least: Some(MIB), ..GATE }),
        heading: Some(heading("peak\n", 4, 4)),
        in_report: true,
        about: "largest resident memory of the tree over the whole run, pages that processes share counted once",
        ..PEAK
    },
    ServeMemoryRssMean = MetricDef {
        name: "serve.memory_rss_mean",
        group: "memory",
        unit: Unit::Bytes,
        kind: Gauge,
        scope: Scope::Served,
        source: Source::Tick(Field::Resident),
        ceiling: Ceiling::Metric(MetricId::MemoryPeak),
        better: Some(Better::Lower),
        about: "the same mean while requests are served before the training: the native worker holds the model and its requests then, and no training data",
        ..METRIC
    },
    ServeMemoryPeak = MetricDef {
        name: "serve.memory_peak",
        group: "memory",
        unit: Unit::Bytes,
        source: Source::ServedPeak,
        better: Some(Better::Lower),
        about: "largest resident memory of the tree until the last request before the training: the native worker reads its training data only then",
        ..METRIC
    },
    GpuUtilisation = MetricDef {
        name: "gpu.utilisation",
        group: "gpu",
        in_group: true,
        source: Source::Device(DeviceKind::Gpu, Reading::Utilisation),
        heading: Some(heading("GPU\n", 4, 5)),
        panel: Some("accelerator"),
        in_report: true,
        about: "share of time in which a kernel ran on the device",
        ..UTILISATION
    },
    GpuMemoryPeak = MetricDef {
        name: "gpu.memory_peak",
        group: "gpu",
        source: Source::Device(DeviceKind::Gpu, Reading::Memory),
        // Drivers hand it out in blocks of 2 MiB.
        quantum: 2.0 * MIB,
        gate: Some(GATE_DEVICE_PEAK),
        heading: Some(heading("GPU\n", 4, 5)),
        in_report: true,
        about: "largest device memory over the whole run",
        ..PEAK
    },
    GpuPower = MetricDef {
        name: "gpu.power",
        group: "gpu",
        unit: Unit::Watts,
        kind: Gauge,
        scope: Scope::Stages,
        source: Source::Device(DeviceKind::Gpu, Reading::Power),
        better: Some(Better::Lower),
        about: "mean power draw of the device",
        ..METRIC
    },
    GpuSmActive = MetricDef {
        name: "gpu.sm_active",
        group: "gpu",
        source: Source::Device(DeviceKind::Gpu, Reading::SmActive),
        about: "share of the device's multiprocessors (SM) that had work, mean over time; of NVIDIA's from Hopper on",
        ..UTILISATION
    },
    GpuTensorActive = MetricDef {
        name: "gpu.tensor_active",
        group: "gpu",
        source: Source::Device(DeviceKind::Gpu, Reading::TensorActive),
        about: "share of time in which the tensor cores worked; of NVIDIA's from Hopper on",
        ..UTILISATION
    },
    GpuDramActive = MetricDef {
        name: "gpu.dram_active",
        group: "gpu",
        source: Source::Device(DeviceKind::Gpu, Reading::DramActive),
        about: "share of the bandwidth of the device's memory that was used; of NVIDIA's from Hopper on",
        ..UTILISATION
    },
    EnergyTotal = MetricDef {
        name: "energy.total",
        heading: Some(heading("energy\n", 4, 7)),
        in_report: true,
        about: "energy of the processors, of the memory where it has a counter, and of the run's accelerators over the whole run; of the whole package or device, other processes included",
        ..ENERGY
    },
    EnergyPerSample = MetricDef {
        name: "energy.per_sample",
        scope: Scope::Stages,
        source: Source::Energy(EnergyOf::Sample),
        heading: Some(heading("energy\n/sample ", 4, 8)),
        in_report: true,
        about: "the same over the phase, warm-up and validation included / samples trained on or served in it",
        ..ENERGY
    },
    CpuEnergy = MetricDef {
        name: "cpu.energy",
        source: Source::Energy(EnergyOf::Processors),
        about: "energy of the processor packages and, where it has a counter of its own, of the memory over the whole run",
        ..ENERGY
    },
    GpuEnergy = MetricDef {
        name: "gpu.energy",
        source: Source::Energy(EnergyOf::Devices),
        about: "energy of the run's accelerators over the whole run",
        ..ENERGY
    },
    EmissionsCo2e = MetricDef {
        name: "emissions.co2e",
        unit: Unit::Grams,
        source: Source::Energy(EnergyOf::Emissions),
        heading: Some(heading("CO2e\n", 4, 9)),
        about: "energy.total x the intensity of [energy] grams_per_kwh, in grams of CO2 equivalent",
        ..ENERGY
    },
    TpuDutyCycle = MetricDef {
        name: "tpu.duty_cycle",
        group: "tpu",
        in_group: true,
        source: Source::Device(DeviceKind::Tpu, Reading::Utilisation),
        heading: Some(heading("TPU\n", 4, 5)),
        panel: Some("TPU, duty cycle"),
        in_report: true,
        about: "share of time in which a TPU core was busy, mean over the run's devices",
        ..UTILISATION
    },
    TpuMemoryPeak = MetricDef {
        name: "tpu.memory_peak",
        group: "tpu",
        source: Source::Device(DeviceKind::Tpu, Reading::Memory),
        // The runtime counts buffers in bytes and lays them out in kilobytes.
        quantum: 1024.0,
        gate: Some(GATE_DEVICE_PEAK),
        heading: Some(heading("TPU\n", 4, 5)),
        in_report: true,
        about: "largest memory (HBM) in use on the run's TPUs over the whole run",
        ..PEAK
    },
    StartTime = MetricDef {
        name: "start.time",
        group: "start",
        unit: Unit::Seconds,
        source: Source::Start(StartOf::Ready),
        gate: Some(GATE_START),
        about: "from the start of the process until it is ready: libraries, model and requests are loaded, and the first warm-up, request or step begins",
        ..COUNTER
    },
    LoadTime = MetricDef {
        name: "load.time",
        group: "start",
        unit: Unit::Seconds,
        source: Source::Start(StartOf::Load),
        gate: Some(GATE_START),
        about: "the part of start.time spent loading and building the model and the data of requests",
        ..COUNTER
    },
    ModelParameters = MetricDef {
        name: "model.parameters",
        about: "parameters of the model, trained or not",
        ..MODEL
    },
    ModelBytes = MetricDef {
        name: "model.bytes",
        unit: Unit::Bytes,
        about: "bytes of the model's parameters and buffers",
        ..MODEL
    },
    ModelFlops = MetricDef {
        name: "model.flops",
        unit: Unit::Flops,
        about: "floating-point operations of a forward pass over one sample, an addition and a multiplication counted apart: of matrix products and convolutions alone",
        ..MODEL
    },
    CostRun = MetricDef {
        name: "cost.run",
        about: "[cost] per_hour x the wall time of the run, in the currency of [cost]",
        ..COST
    },
    CostPerMillionSamples = MetricDef {
        name: "cost.per_million_samples",
        scope: Scope::Stages,
        source: Source::Cost(CostOf::Samples),
        about: "[cost] per_hour x the time that a million samples take at the throughput of the phase",
        ..COST
    },
    CommandTime = MetricDef {
        name: "command.time",
        group: "time",
        unit: Unit::Seconds,
        source: Source::CommandTime,
        heading: Some(heading("command\ntime ", 1, 2)),
        gate: Some(GATE),
        in_report: true,
        about: "wall time of a command from its start to its own end; of commands only",
        ..COUNTER
    },
    IoRead = MetricDef {
        name: "io.read",
        group: "io",
        unit: Unit::Bytes,
        source: Source::Tick(Field::Read),
        about: "bytes read from storage",
        ..COUNTER
    },
    IoWrite = MetricDef {
        name: "io.write",
        group: "io",
        unit: Unit::Bytes,
        source: Source::Tick(Field::Written),
        about: "bytes written to storage",
        ..COUNTER
    },
    FaultsMinor = MetricDef {
        name: "faults.minor",
        group: "faults",
        source: Source::Tick(Field::MinorFaults),
        about: "page faults without disk I/O",
        ..COUNTER
    },
    FaultsMajor = MetricDef {
        name: "faults.major",
        group: "faults",
        source: Source::Tick(Field::MajorFaults),
        about: "page faults with disk I/O",
        ..COUNTER
    },
    SwitchesInvoluntary = MetricDef {
        name: "switches.involuntary",
        group: "switches",
        source: Source::Tick(Field::InvoluntarySwitches),
        about: "context switches forced on the tree",
        ..COUNTER
    },
    InterferenceRunDelay = MetricDef {
        name: "interference.run_delay",
        unit: Unit::Ratio,
        source: Source::RunDelay,
        about: "share of time that runnable threads waited for a core",
        ..INTERFERENCE
    },
    InterferenceOthersCpu = MetricDef {
        name: "interference.others_cpu",
        source: Source::Others,
        about: "CPU time of everything else on the machine / wall time, in percent of one core, over the stretches that interference.share is of: one with more than 20% is marked",
        ..INTERFERENCE
    },
    InterferenceSteal = MetricDef {
        name: "interference.steal",
        source: Source::Tick(Field::Steal),
        about: "CPU time given to other virtual machines, in percent of one core",
        ..INTERFERENCE
    },
    InterferenceShare = MetricDef {
        name: "interference.share",
        source: Source::Disturbed,
        ceiling: Ceiling::At(100.0),
        about: "share of time in stretches in which others took more than 0.2 of a core, other virtual machines 0.1, a quota 0.1, or heat 0.5; a step or tick that lies in such a stretch in part counts as a whole",
        ..INTERFERENCE
    },
    InterferenceThrottled = MetricDef {
        name: "interference.throttled",
        source: Source::Tick(Field::Throttled),
        about: "time that a control group's quota held the run back, in percent of one core",
        ..INTERFERENCE
    },
    InterferenceThermal = MetricDef {
        name: "interference.thermal",
        source: Source::Tick(Field::Thermal),
        about: "time that cores ran below their clock because of heat, in percent of one core",
        ..INTERFERENCE
    },
    SamplerCost = MetricDef {
        name: "sampler.cost",
        group: "sampler",
        unit: Unit::Percent,
        source: Source::SamplerCost,
        about: "CPU time of the sampler itself / wall time, in percent of one core",
        ..COUNTER
    },
    TrainLoss = MetricDef {
        name: "train_loss",
        source: Source::Model(ModelFigure::TrainLoss),
        about: "mean training loss of the last epoch",
        ..LOSS
    },
    ValidationLoss = MetricDef {
        name: "validation_loss",
        source: Source::Model(ModelFigure::ValidationLoss),
        about: "loss on held-out training data after the last epoch",
        ..LOSS
    },
    ValidationAccuracy = MetricDef {
        name: "validation_accuracy",
        source: Source::Model(ModelFigure::ValidationAccuracy),
        about: "accuracy on held-out training data after the last epoch",
        ..ACCURACY
    },
    TestLoss = MetricDef {
        name: "test_loss",
        source: Source::Model(ModelFigure::TestLoss),
        about: "loss on the test data, read once at the end",
        ..LOSS
    },
    TestAccuracy = MetricDef {
        name: "test_accuracy",
        source: Source::Model(ModelFigure::TestAccuracy),
        in_report: true,
        about: "accuracy on the test data, read once at the end",
        ..ACCURACY
    },
];

/// The entries of metrics of the user's own: one a declaration, for as long as the process lives.
static DECLARED: Mutex<Vec<&'static MetricDef>> = Mutex::new(Vec::new());

fn entries() -> MutexGuard<'static, Vec<&'static MetricDef>> {
    DECLARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entry of a declaration; an error says what is wrong with it. Equal declarations share one.
pub fn declare(said: OwnMetric) -> Result<MetricId, String> {
    if let Some(why) = said.why_not() {
        return Err(why);
    }
    if find(&said.name).is_some() {
        return Err(format!("`{}` is a metric of perftune", said.name));
    }
    let mut entries = entries();
    let same = |def: &&&MetricDef| matches!(def.id, MetricId::Own(own) if *own.said() == said);
    if let Some(def) = entries.iter().find(same) {
        return Ok(def.id);
    }
    let own = OwnId::new(said, entries.len());
    let def: &'static MetricDef = Box::leak(Box::new(entry(own)));
    entries.push(def);
    Ok(def.id)
}

fn entry(own: OwnId) -> MetricDef {
    let said = own.said();
    let (unit, said_in) = unit_of(&said.unit).unwrap_or((Unit::One, 1.0));
    let (kind, scope) = match said.kind {
        OwnKind::Scalar => (MetricKind::Scalar, Scope::Run),
        OwnKind::Series => (Mean, Scope::Stages),
    };
    MetricDef {
        id: MetricId::Own(own),
        name: own.name(),
        group: "own",
        unit,
        said_in,
        kind,
        scope,
        source: Source::Own,
        better: said.better,
        gate: said.better.map(|_| GATE),
        heading: Some(Heading { text: own.head(), place: 4, rank: 2 }),
        in_report: true,
        about: "a metric of the grid's own",
        ..METRIC
    }
}

/// The catalogue, and these behind it.
pub fn all(own: &[MetricId]) -> impl Iterator<Item = &'static MetricDef> + Clone + '_ {
    CATALOGUE.iter().chain(own.iter().map(|id| id.def()))
}

/// The metric of this full name, of the catalogue or among these.
pub fn find_among(name: &str, own: &[MetricId]) -> Option<&'static MetricDef> {
    all(own).find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_groups_choose_something() {
        let names: HashSet<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        let columns: Vec<_> = CATALOGUE.iter().map(MetricDef::column).collect();
        assert_eq!(columns.iter().collect::<HashSet<_>>().len(), columns.len());
        for group in ["throughput", "step_latency", "latency", "cpu", "memory", "gpu", "accuracy"] {
            assert!(CATALOGUE.iter().any(|m| m.group == group && m.in_group), "{group}");
            assert!(!names.contains(group), "a group must not be a metric: {group}");
        }
    }

    #[test]
    fn an_entry_agrees_with_itself() {
        for metric in CATALOGUE {
            let name = metric.name;
            assert_eq!(metric.id.def(), metric, "{name}");
            assert!(!name.is_empty() && !metric.group.is_empty() && !metric.about.is_empty());
            assert!(metric.gate.is_none() || metric.better.is_some(), "{name} is judged blindly");
            assert_eq!(metric.kind == MetricKind::Peak, metric.quantum > 0.0, "{name}");
            let fallback = metric.gate.and_then(|gate| gate.fallback);
            assert!(fallback.is_none_or(|other| other.def().unit == metric.unit), "{name}");
            let text = serde_json::to_string(&metric.id).unwrap();
            assert_eq!(text, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<MetricId>(&text).unwrap(), metric.id);
        }
        let error = serde_json::from_str::<MetricId>("\"train.step_latency_p26\"").unwrap_err();
        assert!(error.to_string().contains("`train.step_latency_p26` is no metric"), "{error}");
    }
}
