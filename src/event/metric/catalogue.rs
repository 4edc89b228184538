//! The catalogue: every metric that perftune knows, its unit, its definition and where it appears.

use super::{MetricDef, MetricKind, Scope, Unit};

use MetricKind::{Gauge, Mean, Peak, Projection, Quantile, Rate, Scalar, Windows};
use Scope::{Run, Serve, Stages, Train};

/// The time in training until the target accuracy was reached.
pub const TIME_TO_ACCURACY: &str = "train.time_to_accuracy";

/// The group of what is said of energy.
pub const ENERGY: &str = "energy";

/// The energy of everything that the run works on.
pub const ENERGY_TOTAL: &str = "energy.total";

/// The same of a phase, over its samples.
pub const ENERGY_PER_SAMPLE: &str = "energy.per_sample";

/// The energy of the processors and their memory.
pub const CPU_ENERGY: &str = "cpu.energy";

/// The energy of the run's accelerators.
pub const GPU_ENERGY: &str = "gpu.energy";

/// What the energy means in CO2, by the user's intensity.
pub const EMISSIONS: &str = "emissions.co2e";

/// Every metric, in the order of the reports.
pub const CATALOGUE: &[MetricDef] = &[
    def(
        "train.throughput",
        "throughput",
        (Unit::SamplesPerSecond, Rate, Train),
        true,
        "samples trained on / time of the steps (without validation), after the warm-up",
    ),
    def(
        "train.throughput_p75",
        "throughput",
        (Unit::SamplesPerSecond, Windows(0.75), Train),
        false,
        "upper quartile of that rate in 20 to 64 equal windows of the time of the steps: what others on the machine move least",
    ),
    def(
        "train.step_latency_mean",
        "step_latency",
        (Unit::Seconds, Mean, Train),
        true,
        "mean time of a training step",
    ),
    def(
        "train.step_latency_p25",
        "step_latency",
        (Unit::Seconds, Quantile(0.25), Train),
        false,
        "lower quartile of the time of a training step: what others on the machine move least",
    ),
    def(
        "train.step_latency_p50",
        "step_latency",
        (Unit::Seconds, Quantile(0.5), Train),
        true,
        "median time of a training step",
    ),
    def(
        "train.step_latency_p90",
        "step_latency",
        (Unit::Seconds, Quantile(0.9), Train),
        false,
        "90th percentile of the time of a training step",
    ),
    def(
        "train.step_latency_p95",
        "step_latency",
        (Unit::Seconds, Quantile(0.95), Train),
        false,
        "95th percentile of the time of a training step",
    ),
    def(
        "train.step_latency_p99",
        "step_latency",
        (Unit::Seconds, Quantile(0.99), Train),
        false,
        "99th percentile of the time of a training step",
    ),
    def(
        "train.time_projected",
        "time",
        (Unit::Seconds, Projection, Train),
        false,
        "samples of all epochs x mean step time a sample after the warm-up, and the time between epochs (validation) as seen so far",
    ),
    def(
        TIME_TO_ACCURACY,
        "time",
        (Unit::Seconds, Scalar, Train),
        false,
        "time in training, validation included, until the validation accuracy first reached [train] target_accuracy",
    ),
    def(
        "serve.throughput",
        "throughput",
        (Unit::SamplesPerSecond, Rate, Serve),
        true,
        "samples served / time of serving: of the requests, and of the gaps between them where the pattern leaves any",
    ),
    def(
        "serve.throughput_p75",
        "throughput",
        (Unit::SamplesPerSecond, Windows(0.75), Serve),
        false,
        "upper quartile of that rate in 20 to 64 equal windows of the time of serving: what others on the machine move least",
    ),
    def(
        "serve.latency_mean",
        "latency",
        (Unit::Seconds, Mean, Serve),
        true,
        "mean latency of a request, from when it was scheduled to come to its answer",
    ),
    def(
        "serve.latency_p25",
        "latency",
        (Unit::Seconds, Quantile(0.25), Serve),
        false,
        "lower quartile of the latency of a request: what others on the machine move least",
    ),
    def(
        "serve.latency_p50",
        "latency",
        (Unit::Seconds, Quantile(0.5), Serve),
        true,
        "median latency of a request",
    ),
    def(
        "serve.latency_p90",
        "latency",
        (Unit::Seconds, Quantile(0.9), Serve),
        false,
        "90th percentile of the latency of a request",
    ),
    def(
        "serve.latency_p95",
        "latency",
        (Unit::Seconds, Quantile(0.95), Serve),
        false,
        "95th percentile of the latency of a request",
    ),
    def(
        "serve.latency_p99",
        "latency",
        (Unit::Seconds, Quantile(0.99), Serve),
        false,
        "99th percentile of the latency of a request",
    ),
    def(
        "serve.latency_p99_9",
        "latency",
        (Unit::Seconds, Quantile(0.999), Serve),
        false,
        "99.9th percentile of the latency of a request",
    ),
    def(
        "serve.utilisation",
        "throughput",
        (Unit::Percent, Gauge, Serve),
        false,
        "share of the time of serving in which a request was being answered",
    ),
    def(
        "serve.max_rate",
        "throughput",
        (Unit::RequestsPerSecond, Scalar, Serve),
        false,
        "highest rate of random requests that keeps a latency limit; with find_max_rate only",
    ),
    def(
        "serve.best_batch_size",
        "throughput",
        (Unit::One, Scalar, Run),
        false,
        "size of requests with the highest serve.throughput, the smallest of equals; with pattern offline only",
    ),
    def(
        "cpu.utilisation",
        "cpu",
        (Unit::Percent, Gauge, Stages),
        true,
        "CPU time of the worker's process tree / wall time, in percent of one core",
    ),
    def(
        "cpu.utilisation_of_limit",
        "cpu",
        (Unit::Percent, Gauge, Stages),
        false,
        "the same in percent of the cores that the run may use",
    ),
    def(
        "cpu.time",
        "cpu",
        (Unit::Seconds, Scalar, Run),
        false,
        "CPU time of the worker's process tree over the whole run",
    ),
    def(
        "memory.rss_mean",
        "memory",
        (Unit::Bytes, Gauge, Stages),
        true,
        "time-weighted mean of the tree's resident memory",
    ),
    def(
        "memory.peak",
        "memory",
        (Unit::Bytes, Peak, Run),
        true,
        "largest resident memory of the tree over the whole run",
    ),
    def(
        "gpu.utilisation",
        "gpu",
        (Unit::Percent, Gauge, Stages),
        true,
        "share of time in which a kernel ran on the device",
    ),
    def(
        "gpu.memory_peak",
        "gpu",
        (Unit::Bytes, Peak, Run),
        true,
        "largest device memory over the whole run",
    ),
    def(
        "gpu.power",
        "gpu",
        (Unit::Watts, Gauge, Stages),
        false,
        "mean power draw of the device",
    ),
    def(
        ENERGY_TOTAL,
        ENERGY,
        (Unit::Joules, Scalar, Run),
        false,
        "energy of the processors, of the memory where it has a counter, and of the run's accelerators over the whole run; whole parts, whoever used them",
    ),
    def(
        ENERGY_PER_SAMPLE,
        ENERGY,
        (Unit::Joules, Scalar, Stages),
        false,
        "the same over the phase, warm-up and validation included / samples trained on or served in it",
    ),
    def(
        CPU_ENERGY,
        ENERGY,
        (Unit::Joules, Scalar, Run),
        false,
        "energy of the processor packages and, where it has a counter of its own, of the memory over the whole run",
    ),
    def(
        GPU_ENERGY,
        ENERGY,
        (Unit::Joules, Scalar, Run),
        false,
        "energy of the run's accelerators over the whole run",
    ),
    def(
        EMISSIONS,
        ENERGY,
        (Unit::Grams, Scalar, Run),
        false,
        "energy.total x the intensity of [energy] grams_per_kwh, in grams of CO2 equivalent",
    ),
    def(
        "tpu.duty_cycle",
        "tpu",
        (Unit::Percent, Gauge, Stages),
        true,
        "share of time in which a TPU core was busy, mean over the run's devices",
    ),
    def(
        "tpu.memory_peak",
        "tpu",
        (Unit::Bytes, Peak, Run),
        true,
        "largest memory (HBM) in use on the run's TPUs over the whole run",
    ),
    def(
        "io.read",
        "io",
        (Unit::Bytes, Scalar, Run),
        false,
        "bytes read from storage",
    ),
    def(
        "io.write",
        "io",
        (Unit::Bytes, Scalar, Run),
        false,
        "bytes written to storage",
    ),
    def(
        "faults.minor",
        "faults",
        (Unit::One, Scalar, Run),
        false,
        "page faults that needed no storage",
    ),
    def(
        "faults.major",
        "faults",
        (Unit::One, Scalar, Run),
        false,
        "page faults that needed storage",
    ),
    def(
        "switches.involuntary",
        "switches",
        (Unit::One, Scalar, Run),
        false,
        "context switches forced on the tree",
    ),
    def(
        "interference.run_delay",
        "interference",
        (Unit::Ratio, Scalar, Stages),
        false,
        "share of time that runnable threads waited for a core",
    ),
    def(
        "interference.others_cpu",
        "interference",
        (Unit::Percent, Scalar, Stages),
        false,
        "CPU time of everything else on the machine / wall time, in percent of one core",
    ),
    def(
        "interference.steal",
        "interference",
        (Unit::Percent, Scalar, Stages),
        false,
        "CPU time given to other virtual machines, in percent of one core",
    ),
    def(
        "interference.share",
        "interference",
        (Unit::Percent, Scalar, Stages),
        false,
        "share of time in which others took more than 0.2 of a core, or other virtual machines 0.1",
    ),
    def(
        "sampler.cost",
        "sampler",
        (Unit::Percent, Scalar, Run),
        false,
        "CPU time of the sampler itself / wall time, in percent of one core",
    ),
    def(
        "train_loss",
        "loss",
        (Unit::One, Scalar, Run),
        false,
        "mean training loss of the last epoch",
    ),
    def(
        "validation_loss",
        "loss",
        (Unit::One, Scalar, Run),
        false,
        "loss on held-out training data after the last epoch",
    ),
    def(
        "validation_accuracy",
        "accuracy",
        (Unit::Ratio, Scalar, Run),
        true,
        "accuracy on held-out training data after the last epoch",
    ),
    def(
        "test_loss",
        "loss",
        (Unit::One, Scalar, Run),
        false,
        "loss on the test data, read once at the end",
    ),
    def(
        "test_accuracy",
        "accuracy",
        (Unit::Ratio, Scalar, Run),
        true,
        "accuracy on the test data, read once at the end",
    ),
];

const fn def(
    name: &'static str,
    group: &'static str,
    (unit, kind, scope): (Unit, MetricKind, Scope),
    in_group: bool,
    about: &'static str,
) -> MetricDef {
    MetricDef {
        name,
        group,
        unit,
        kind,
        scope,
        in_group,
        about,
    }
}
