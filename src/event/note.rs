//! What a reader must know of a figure: why there is none, what it contains, how well it is known.
//!
//! A note is data: its kind and its numbers, in base units. Its English is in `report::words`, and whoever decides asks
//! the kind. Several notes of a figure stand in the order in which they are to be read.

use serde::{Deserialize, Serialize};

use super::declared::FigureLack;
use super::gap::Reason;
use super::lack::{DeviceLack, EnergyLack, PeakGrowth, ToTheEnd};
use super::worker::Num;
use crate::metric::MetricName;

/// One thing that a reader must know of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The sampler could not read it.
    Unread {
        /// Why.
        reason: Reason,
    },
    /// The sampler took no reading.
    NoTick,
    /// It was not read, and the sampler gave no reason.
    NoReason {
        /// Ticks without it.
        ticks: u64,
    },
    /// No device that is read is the run's.
    Device {
        /// Why.
        why: DeviceLack,
    },
    /// There are TPUs, and the run holds none of them.
    ForeignTpu,
    /// No step of the phase was timed.
    NoStep,
    /// No interval between two ticks lies within the stage.
    NoInterval,
    /// The catalogue has no such metric.
    NoMetric,
    /// The cores that the run may use are not known.
    NoCores,
    /// How many epochs there are to be, or the samples of one, is not known.
    NoEpochSize,
    /// A command ended before its memory could be read.
    EndedUnseen,
    /// Most of the run came after the last reading of its memory.
    LastSeen {
        /// Time of the last reading since the start, in seconds.
        at_s: Num,
        /// The same of the end.
        of_s: Num,
    },
    /// The run ended before this phase.
    NoPhase,
    /// The command reported no steps.
    NoStepsReported,
    /// No requests were served at a rate: only the highest one was searched for.
    NotServed,
    /// The highest rate was not asked for.
    NotSearched,
    /// The run ended before the search for the highest rate.
    SearchCut,
    /// The worker did not report a search.
    SearchSilent,
    /// Sizes of requests are compared with the offline pattern only.
    NotOffline,
    /// No size of requests was served.
    NoSizeServed,
    /// Some sizes have no throughput with an interval.
    SizesOpen {
        /// Sizes without requests.
        unserved: Vec<u32>,
        /// Sizes without an interval.
        imprecise: Vec<u32>,
        /// The size with the highest throughput.
        fastest: u32,
        /// Its samples a second.
        per_s: Num,
    },
    /// Nobody reported it.
    NotReported,
    /// The command reported no such figure.
    NotReportedByCommand,
    /// Nobody says how long the steps waited for their data.
    NoFetch,
    /// Nobody says how many operations a pass has.
    NoFlops,
    /// There is no price.
    NoPrice,
    /// It never said that it loads.
    NoLoad,
    /// It was never ready.
    NotReady,
    /// The run does not train.
    NoTraining,
    /// The data are random: they say nothing of a model.
    RandomData,
    /// No epoch was completed.
    NoEpoch,
    /// No epoch was validated.
    NoValidation,
    /// The test data were not read.
    NotTested {
        /// The run ended before its training.
        before_training: bool,
    },
    /// The training ended early, so the test data were not read.
    HalfTrained {
        /// What trains it to the end.
        #[serde(default)]
        by: ToTheEnd,
    },
    /// The training was left since its accuracy could not reach what decides, so the test data were not read.
    OutOfReach,
    /// The test data were read on the weights of the whole training.
    TestedLater,
    /// The model's figure is not a number.
    NotANumber {
        /// What it is.
        value: Num,
    },
    /// The worker's own figure is not a number.
    NotANumberOfWorker {
        /// What it is.
        value: Num,
    },
    /// The command was ended.
    CommandCut,
    /// The sampler was watched for too short a time to say what it costs.
    FewTicks,
    /// The machine's counter rose by less than the run's.
    NegativeRest,
    /// The counters of the run queue have gaps, or nothing ran.
    NoRunDelay,
    /// The counters of the machine have gaps.
    NoMachineCounter,
    /// No target accuracy is set.
    NoTarget,
    /// The target accuracy was not reached.
    TargetMissed {
        /// The target.
        target: Num,
        /// The best accuracy, and its epoch.
        best: Option<(Num, u32)>,
        /// Time in training, in seconds; absent: no step of it was done.
        spent_s: Option<Num>,
    },
    /// The steps fill too few windows for a quantile over windows.
    FewWindows {
        /// Windows.
        windows: usize,
        /// Length of each in seconds.
        width_s: Num,
        /// Fewest windows.
        needed: usize,
    },
    /// No value of a metric of the user's own was said in the stage.
    NoValue,
    /// A metric of the user's own could not be read.
    Figure {
        /// Why.
        why: FigureLack,
    },
    /// The energy is not known.
    Energy {
        /// Why.
        why: EnergyLack,
    },

    /// The windows that a quantile is over.
    Windows {
        /// Windows.
        windows: usize,
        /// Length of each in seconds.
        width_s: Num,
        /// Windows of the warm-up, left out.
        warm_up: usize,
    },
    /// When the target accuracy was reached.
    TargetReached {
        /// The accuracy.
        accuracy: Num,
        /// Counts from 1.
        epoch: u32,
        /// The target.
        target: Num,
    },
    /// The size of requests with the highest throughput.
    BestSize {
        /// The sizes that cannot be told apart from it, it among them, ascending.
        alike: Vec<u32>,
        /// The size.
        fastest: u32,
        /// Its samples a second.
        per_s: Num,
    },
    /// How the search for the highest rate ended.
    RateSearch {
        /// In the worker's words.
        why: String,
        /// Rates that were tried.
        probes: u32,
    },
    /// Interference while the highest rate was searched for.
    SearchDisturbed {
        /// Share of the time.
        share: Num,
    },
    /// What the time of the whole training consists of.
    Projection {
        /// The budget.
        epochs: u32,
        /// Samples of an epoch.
        samples: Num,
        /// Share of the time between the epochs, and the epochs that it is known from; absent: none is over.
        between: Option<(Num, u32)>,
    },
    /// CPU time over wall time of the whole command.
    CpuOfCommand,
    /// The mean over the whole command.
    MeanOfCommand,
    /// The kernel's account of a process that has ended.
    KernelCount,
    /// The worker's own account at its end.
    WorkerCount,
    /// The newest sample of a counter.
    LastSample,
    /// A figure that only the worker knows.
    SaidByWorker,
    /// The last one that was said before the run was ended: another might have come.
    SaidSoFar,
    /// It is from a recorded table: nothing was measured here.
    Recorded,
    /// The recorded table has none for this visit.
    NotRecorded,
    /// Nobody tells whose TPU chips are: those of all are counted.
    AllChips,
    /// The run's device was not named: it is the only one.
    OnlyDevice,
    /// Over several devices.
    Devices {
        /// How many.
        count: usize,
        /// The sum, else the mean.
        sum: bool,
    },
    /// The memory of a whole device, other programs included.
    SharedDevice,
    /// Energy of these parts of the machine, whoever used it.
    Processors {
        /// `package-0`, `dram-0`.
        parts: Vec<String>,
    },
    /// Energy of these devices, whoever used it.
    WholeDevices {
        /// What identifies each.
        devices: Vec<String>,
    },
    /// What the passes of a training are counted by.
    Passes {
        /// Operations of a forward pass over one sample.
        flops: Num,
    },
    /// CPU time over samples.
    CpuOver {
        /// In seconds.
        cpu_s: Num,
        /// The samples.
        samples: Num,
    },
    /// What an hour costs.
    Price {
        /// An hour.
        per_hour: Num,
        /// In which currency.
        currency: String,
    },
    /// Energy over samples.
    PerSample {
        /// The energy.
        joules: Num,
        /// The samples.
        samples: Num,
    },
    /// Emissions by an intensity.
    Intensity {
        /// The energy.
        joules: Num,
        /// The intensity as given.
        grams_per_kwh: Num,
    },
    /// Energy of a device without a counter: the integral of its power.
    IntegratedPower,
    /// A memory whose energy is left out.
    WithoutPart {
        /// `dram-0`.
        part: String,
        /// Why.
        why: EnergyLack,
    },
    /// The energy of the processors is left out.
    WithoutProcessors {
        /// Why.
        why: EnergyLack,
    },
    /// Energy between two readings that was shared out in proportion to time.
    SharedOut {
        /// Share of the energy's time.
        share: Num,
    },
    /// The ends of the run without readings.
    WithoutEnds {
        /// Share of the run.
        share: Num,
    },
    /// Others took the machine while the energy was counted.
    OthersTook {
        /// Share of the time.
        share: Num,
    },
    /// What the sampler left out.
    TicksLeftOut {
        /// Ticks.
        skipped: u64,
        /// The latest of the others, in seconds after its time.
        late_s: Num,
    },

    /// The memory of what serves: the load, the warm-up, and this much serving are in it.
    UntilServed {
        /// In seconds.
        serving_s: Num,
    },
    /// No training data had been read.
    NoTrainingData,
    /// The program may hold more than the model: it does not say when it reads its training data.
    MayHoldMore,
    /// Memory was not read while requests were served.
    NoServing,
    /// A command trained before it served, so that its high-water mark is that of the training.
    ServedAfterTraining,
    /// How long a peak was watched.
    PeakOver {
        /// In seconds.
        over_s: Num,
        /// What it may still grow by.
        growth: PeakGrowth,
    },
    /// A lower bound: a process that ended between two readings may have had more.
    AtLeast {
        /// At most so much, in bytes.
        bytes: Num,
    },
    /// An upper bound: pages that processes share are counted for each.
    SharedPages,
    /// Of several processes: pages that they share count once.
    SampledSum,
    /// The model was not trained to the end.
    Untrained,
    /// A device was not read for a part of the time.
    NotReadFor {
        /// Share of the time.
        share: Num,
    },
    /// A device was read for a part of the phase.
    ReadFor {
        /// Share of the phase.
        share: Num,
    },
    /// The time for measuring was used up before it was known.
    Unstable {
        /// Relative half-width reached, where there is an interval.
        reached: Option<Num>,
        /// The one asked for.
        asked: Num,
    },
    /// It is not known, and noise alone is in the way.
    NoiseLimited {
        /// Relative half-width reached.
        reached: Num,
        /// The one asked for.
        asked: Num,
        /// The time that the one asked for takes if the noise stays what it is, in seconds; absent: longer than that which it had,
        /// and nobody knows how much.
        takes_s: Option<Num>,
    },
    /// How well it is known for what was seen, and for the whole if it goes on to wander as it did.
    Whole {
        /// Relative half-width for what was seen.
        regime: Num,
        /// How long that is, in seconds.
        seen_s: Num,
        /// Relative half-width for the whole.
        whole: Num,
        /// How long that is, in seconds.
        of_s: Num,
    },
    /// More was seen than it was to speak of.
    PastHorizon {
        /// How long that is, in seconds.
        seen_s: Num,
        /// What it was to speak of, in seconds.
        of_s: Num,
    },
    /// It was known when the stage was decided, and is not at its end.
    Moved {
        /// The relative half-width at the end, where that is what is wrong.
        reached: Option<Num>,
        /// The one asked for.
        asked: Num,
        /// Its last record is recent.
        recent: bool,
    },
    /// The beginning that was left out: as warm-up, or since others came after it.
    WarmUp {
        /// In seconds.
        cut_s: Num,
        /// All of the time.
        of_s: Num,
        /// It was clear, and others took most of the rest.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        quiet: bool,
    },
    /// Requests come faster than they are answered.
    Overloaded {
        /// Least mean time of an answer, in seconds.
        answer_s: Num,
        /// Time between two requests.
        gap_s: Num,
        /// Confidence of the bound.
        confidence: Num,
    },
    /// The worker does not play the load pattern.
    Unplayed,
    /// The load generator is a part of the latency.
    GeneratorBound {
        /// Share of the mean latency.
        share: Num,
    },
    /// The mean over all the time is far below what a usual step makes: slow ones took most of it.
    FarFromMedian {
        /// The rate that the median step makes.
        usual: Num,
        /// The steps are requests.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        requests: bool,
    },
    /// Interference.
    Disturbed {
        /// Share of the time.
        share: Num,
        /// The figure without it, where that differs beyond the noise.
        without: Option<Num>,
        /// It is the rule on this machine.
        mostly: bool,
        /// Others may have decided the figure, so it is not known.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        decides: bool,
    },
    /// It is not known.
    Open {
        /// Why.
        why: Why,
    },
}

impl Note {
    /// Whether it calls the figure a bound.
    pub const fn is_bound(&self) -> bool {
        matches!(self, Self::AtLeast { .. } | Self::SharedPages)
    }

    /// Whether the worker could have said the figure and did not, or said what is none.
    pub const fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::NotReported
                | Self::NotReportedByCommand
                | Self::NoValue
                | Self::Figure { .. }
                | Self::NotANumber { .. }
                | Self::NotANumberOfWorker { .. }
        )
    }

    /// Of a peak of what has come to its own end, and grows no more.
    #[must_use]
    pub fn of_what_is_over(self) -> Self {
        match self {
            Self::PeakOver { over_s, .. } => Self::PeakOver { over_s, growth: PeakGrowth::Over },
            other => other,
        }
    }

    /// Of a figure that follows from the noted one by `map`: what has its unit follows too, and what speaks of that one alone is
    /// left to it.
    #[must_use]
    pub fn of_what_follows(self, map: impl Fn(f64) -> f64) -> Option<Self> {
        match self {
            Self::FarFromMedian { .. } => None,
            Self::Disturbed { share, without: Some(without), mostly, decides } => {
                let without = Some(Num(map(without.0)));
                Some(Self::Disturbed { share, without, mostly, decides })
            }
            other => Some(other),
        }
    }

    /// Why no reading will come, where that is known for good.
    pub const fn lasting(&self) -> Option<&Reason> {
        match self {
            Self::Unread { reason } if reason.is_lasting() => Some(reason),
            _ => None,
        }
    }
}

impl From<Reason> for Note {
    fn from(reason: Reason) -> Self {
        Self::Unread { reason }
    }
}

impl From<DeviceLack> for Note {
    fn from(why: DeviceLack) -> Self {
        Self::Device { why }
    }
}

impl From<EnergyLack> for Note {
    fn from(why: EnergyLack) -> Self {
        Self::Energy { why }
    }
}

/// A chosen metric that cannot be measured: no rule waits for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub metric: MetricName,
    /// Why.
    #[serde(flatten)]
    pub why: Note,
}

/// Why a metric is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// Nothing of it has been read in this stage.
    NoReading {
        /// The reason.
        note: Box<Note>,
    },
    /// Too few observations for an interval.
    TooFew,
    /// The series has not settled.
    WarmingUp,
    /// It drifts.
    Trend {
        /// Share of its value over the window, signed.
        share: Num,
        /// It is the mean of the same steps that drifts: that of a quantile is not known.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_mean: bool,
    },
    /// Its interval is too wide.
    Wide,
    /// Its interval is narrow enough, but a drift as large as what is asked could hide in its noise.
    Noisy,
    /// It grows.
    Growing {
        /// Bytes a second.
        per_s: Num,
    },
    /// It would be another one without interference.
    Disturbed {
        /// Share of the time.
        share: Num,
        /// Share of its value, signed.
        change: Num,
    },
    /// The last record is too recent, or growth cannot be excluded yet.
    Recent,
    /// A look found it good, and more looks are asked.
    Confirming,
    /// A limit on it is not decided.
    Undecided,
}
