#![expect(clippy::too_many_lines, reason = "tables: a row for each variant")]

use super::*;
use crate::event::{
    Age, Asked, Constraint, DeviceLack, Divergence, EnergyLack, Evidence, Finding, GapKind,
    Grounds, LeftOut, LossOf, MemoryGuard, Note, Num, Op, OpenFigure, OpenHow, OpenStage,
    PeakGrowth, Phase, Reason, RuleSaid, Ruling, Shortage, Spared, Stage, StageEnd, StopDetail,
    StopReason, StopRecord, Weights, Why,
};
use crate::units::Unit;

fn age() -> Age {
    Age { seconds: Num(1.5), stage: Stage::Serve(1), queues: false }
}

/// The words, and what is recorded read back.
pub(super) fn check<T>(of: &T, words: impl Fn(&T) -> String, says: &str)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(words(of), says);
    let text = serde_json::to_string(of).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *of, "{text}");
}

#[test]
fn why_there_is_no_figure() {
    let reason = |kind| Note::from(Reason::new(kind, "why"));
    for (note, says) in [
        (reason(GapKind::Unsupported), "unsupported: why"),
        (reason(GapKind::Failed), "why"),
        (Note::NoTick, "the sampler took no reading"),
        (Note::NoReason { ticks: 7 }, "not read in 7 ticks, and the sampler gave no reason"),
        (Note::ForeignTpu, "the run holds no TPU: another program holds it, or none does"),
        (Note::NoStep, "no step was timed in this phase"),
        (Note::NoInterval, "no sampler interval fell within the stage"),
        (Note::NoMetric, "not a metric of the catalogue"),
        (Note::NoCores, "the cores that the run may use are not known"),
        (
            Note::NoEpochSize,
            "how many epochs there are to be, or how many samples each has, is not known (a worker may say `epoch_samples`)",
        ),
        (
            Note::EndedUnseen,
            "it ended before its memory could be read, and had no more than perftune itself",
        ),
        (Note::LastSeen { at_s: Num(0.5), of_s: Num(2.0) }, "last read 500 ms into 2.00 s"),
        (Note::NoPhase, "the run ended before this phase"),
        (Note::NoStepsReported, "the command reported no steps"),
        (Note::NotServed, "nothing is served at a rate: find_max_rate without rate"),
        (Note::NotSearched, "not searched for; find_max_rate = true in [serve] asks for it"),
        (Note::SearchCut, "the run ended before the search for it did"),
        (Note::SearchSilent, "the worker reported no search for it"),
        (Note::NotOffline, "only pattern = \"offline\" compares sizes"),
        (Note::NoSizeServed, "no size was served"),
        (
            Note::SizesOpen {
                unserved: vec![1, 4],
                imprecise: vec![8],
                fastest: 8,
                per_s: Num(1500.0),
            },
            "the sizes cannot be compared (1, 4 not served, 8 too little for an interval); 8 was fastest, 1.50 k/s",
        ),
        (Note::NotReported, "not reported"),
        (Note::NotReportedByCommand, "the command reported none"),
        (Note::NoTraining, "the run does not train"),
        (Note::NoEpoch, "no epoch was completed"),
        (Note::NoValidation, "no epoch was validated"),
        (Note::NotTested { before_training: false }, "the test data were not read"),
        (
            Note::NotTested { before_training: true },
            "ended before training: the test data were not read",
        ),
        (Note::TestedLater, "the test data were read after the whole training"),
        (Note::NotANumber { value: Num(f64::INFINITY) }, "not a number: inf"),
        (Note::NotANumberOfWorker { value: Num(f64::NEG_INFINITY) }, "the worker said -inf"),
        (Note::CommandCut, "the command did not come to its own end"),
        (Note::FewTicks, "sampled for less than 1 s, over which its share says nothing"),
        (Note::NegativeRest, "no reading: the machine's counter rose by less than the run's own"),
        (Note::NoRunDelay, "it neither ran nor waited for a core, or its counters have gaps here"),
        (Note::NoMachineCounter, "the machine's counters have gaps here"),
        (Note::NoTarget, "no target: set target_accuracy in [train]"),
        (
            Note::TargetMissed { target: Num(0.9), best: None, spent_s: None },
            "0.9 not reached: the run ended before a step of training",
        ),
        (
            Note::TargetMissed { target: Num(0.9), best: None, spent_s: Some(Num(2.0)) },
            "0.9 not reached: no epoch was validated in 2.00 s of training",
        ),
        (
            Note::TargetMissed {
                target: Num(0.9),
                best: Some((Num(0.85), 3)),
                spent_s: Some(Num(2.0)),
            },
            "0.9 not reached: best 0.8500 in epoch 3, after 2.00 s of training",
        ),
        (
            Note::FewWindows { windows: 7, width_s: Num(0.02), needed: 20 },
            "the steps fill 7 windows of 20.0 ms, and a quartile needs 20: longer stages fill more (min_time of [stop], epochs of [train], max_requests of [serve])",
        ),
    ] {
        check(&note, |note| super::note(note, Unit::One), says);
    }
}

#[test]
fn why_a_device_or_an_energy_is_not_known() {
    for (why, says) in [
        (DeviceLack::NotUsed, "the run works on no GPU"),
        (DeviceLack::NoneRead, "no accelerator was read"),
        (DeviceLack::BeforeHello, "the worker has not said hello yet"),
        (DeviceLack::Unseen, "the driver sees no process of the run on any device"),
        (DeviceLack::UnseenOnOnly, "the driver sees no process of the run on the device"),
        (DeviceLack::Lost, "a device that the run was seen on is no longer read"),
        (DeviceLack::NoIndex { index: 2 }, "no device 2 was read"),
        (
            DeviceLack::NotAmong { id: "GPU-a".to_owned() },
            "the worker uses GPU-a, which is not among the devices that are read",
        ),
        (
            DeviceLack::Several { count: 2 },
            "there are 2 devices, and nothing tells which of them the run uses: its worker can name it in `hello` (device_uuid)",
        ),
    ] {
        check(&Note::from(why), |note| super::note(note, Unit::One), says);
    }
    let said = || EnergyLack::Said { detail: "denied".to_owned() };
    let device = || "GPU-a".to_owned();
    for (why, says) in [
        (said(), "denied"),
        (
            EnergyLack::Part { part: "package-0".to_owned(), why: Box::new(said()) },
            "package-0: denied",
        ),
        (EnergyLack::WithoutDevice { why: Box::new(said()) }, "without the run's device: denied"),
        (EnergyLack::NotRead, "it was not read for a while"),
        (EnergyLack::DeviceSilent, "the device gave no reading for a while"),
        (EnergyLack::Jumped, "the counter jumped by more than any device can use"),
        (EnergyLack::Fell, "the counter fell"),
        (EnergyLack::NoCounter, "its energy counter gave no reading"),
        (EnergyLack::NoPower, "its power gave no reading"),
        (EnergyLack::SeldomPower, "its power was not read for more than 2 s"),
        (EnergyLack::Never, "it was never read"),
        (EnergyLack::Once, "it was read only once"),
        (EnergyLack::EndedWithin, "the run ended within the phase"),
        (EnergyLack::NoneWithin, "no reading fell within the phase"),
        (EnergyLack::OnceWithin, "the phase was over before a second reading"),
        (EnergyLack::NotBefore, "it was not read before the phase began"),
        (EnergyLack::NotAfter, "it was not read after the phase had ended"),
        (
            EnergyLack::Outside { loose_s: Num(0.5), of_s: Num(2.0) },
            "500 ms of the 2.00 s are outside its readings",
        ),
        (EnergyLack::NoProcessor, "no energy counter of a processor was read"),
        (EnergyLack::NoDevice, "no device of the run was read"),
        (
            EnergyLack::Short { length_s: Num(0.5) },
            "500 ms are too short for what the driver updates every 100 ms",
        ),
        (EnergyLack::NoPhase, "the phase was not seen"),
        (EnergyLack::NoSample, "no sample was timed in this phase"),
        (
            EnergyLack::NoIntensity,
            "no intensity is given: set `[energy] grams_per_kwh`, what a kilowatt hour means",
        ),
        (EnergyLack::Tpu, "the energy of the TPU that the run works on cannot be read"),
        (
            EnergyLack::Doubt { device: device() },
            "it is not known whether the run works on GPU-a as well",
        ),
        (EnergyLack::UnknownDevice { device: device() }, "the energy of `GPU-a` cannot be read"),
    ] {
        check(&Note::from(why), |note| super::note(note, Unit::One), says);
    }
}

#[test]
fn what_a_figure_contains_and_how_well_it_is_known() {
    let share = Num(0.123);
    for (note, says) in [
        (Note::Windows { windows: 30, width_s: Num(0.1), warm_up: 0 }, "30 windows of 100 ms"),
        (
            Note::Windows { windows: 30, width_s: Num(0.1), warm_up: 2 },
            "30 windows of 100 ms, without 2 of warm-up",
        ),
        (
            Note::TargetReached { accuracy: Num(0.91), epoch: 2, target: Num(0.9) },
            "0.9100 in epoch 2, the first of at least 0.9",
        ),
        (
            Note::BestSize { alike: vec![8], fastest: 8, per_s: Num(1500.0) },
            "8 has the highest throughput, 1.50 k/s",
        ),
        (
            Note::BestSize { alike: vec![4, 8], fastest: 8, per_s: Num(1500.0) },
            "4, 8 are as fast within their intervals; 8 has the highest throughput, 1.50 k/s",
        ),
        (Note::RateSearch { why: "found".to_owned(), probes: 1 }, "found; 1 probe"),
        (Note::SearchDisturbed { share }, "interference in 12% of the time of the search"),
        (
            Note::Projection { epochs: 1, samples: Num(1000.0), between: None },
            "1 epoch of 1000 samples; without validation and what else lies between epochs: none is over yet",
        ),
        (
            Note::Projection { epochs: 3, samples: Num(1000.0), between: Some((share, 1)) },
            "3 epochs of 1000 samples; 12.3% of it between epochs (validation), as seen in 1 epoch",
        ),
        (Note::CpuOfCommand, "CPU time over wall time of the whole command"),
        (Note::MeanOfCommand, "mean of all that was measured"),
        (Note::KernelCount, "as the kernel counted it"),
        (Note::WorkerCount, "the worker's own figure at its end"),
        (Note::LastSample, "the last sample"),
        (Note::SaidByWorker, "said by the worker"),
        (Note::AllChips, "all chips of the machine"),
        (Note::OnlyDevice, "whole device, the only one there is"),
        (Note::Devices { count: 2, sum: true }, "sum of 2 devices"),
        (Note::Devices { count: 2, sum: false }, "mean of 2 devices"),
        (Note::SharedDevice, "whole device, others included"),
        (
            Note::Processors { parts: vec!["package-0".to_owned(), "dram-0".to_owned()] },
            "package-0, dram-0; whole machine, others included",
        ),
        (Note::WholeDevices { devices: vec!["GPU-a".to_owned()] }, "GPU-a; whole devices"),
        (Note::PerSample { joules: Num(4500.0), samples: Num(20.0) }, "4.50 kJ over 20 samples"),
        (
            Note::Intensity { joules: Num(4500.0), grams_per_kwh: Num(360.0) },
            "4.50 kJ at 360 g/kWh, as given",
        ),
        (Note::IntegratedPower, "integrated power"),
        (
            Note::WithoutPart { part: "dram-0".to_owned(), why: EnergyLack::Fell },
            "without dram-0: the counter fell",
        ),
        (
            Note::WithoutProcessors { why: EnergyLack::Fell },
            "without the processors: the counter fell",
        ),
        (Note::SharedOut { share }, "12.3% of it shared out between readings"),
        (Note::WithoutEnds { share }, "without the 12.3% of the run that are outside the readings"),
        (Note::OthersTook { share }, "others took the machine for 12% of the time"),
        (
            Note::TicksLeftOut { skipped: 3, late_s: Num(0.002) },
            "3 ticks left out; at most 2.00 ms late",
        ),
        (
            Note::PeakOver { over_s: Num(2.0), growth: PeakGrowth::Growing { per_s: Num(1024.0) } },
            "peak over 2.00 s; growing by 60.0 KiB a minute",
        ),
        (
            Note::PeakOver { over_s: Num(2.0), growth: PeakGrowth::Below { per_s: Num(1024.0) } },
            "peak over 2.00 s; growth below 60 KiB a minute",
        ),
        (Note::PeakOver { over_s: Num(2.0), growth: PeakGrowth::Loose }, "peak over 2.00 s"),
        (
            Note::PeakOver { over_s: Num(2.0), growth: PeakGrowth::Unknown },
            "peak over 2.00 s; too short to bound its growth",
        ),
        (
            Note::AtLeast { bytes: Num(1_048_576.0) },
            "at least: a process that ended between two looks may have had 1.00 MiB",
        ),
        (Note::SharedPages, "upper bound: pages may be shared"),
        (Note::SampledSum, "largest sampled sum over processes"),
        (Note::UntilServed { serving_s: Num(1.5) }, "loading, warm-up and 1.50 s of serving"),
        (Note::NoTrainingData, "no training data had been read"),
        (Note::MayHoldMore, "the program may hold more than the model"),
        (Note::NoServing, "not read while requests were served"),
        (
            Note::ServedAfterTraining,
            "trained before it served: its high-water mark is that of the training",
        ),
        (Note::Untrained, "not trained to the end"),
        (Note::NotReadFor { share }, "not read for 12.3% of the time"),
        (Note::ReadFor { share }, "read for 12.3% of the phase"),
        (
            Note::Unstable { reached: Some(share), asked: Num(0.05) },
            "unstable: reached ±12.3% at the end, asked ±5%",
        ),
        (
            Note::Unstable { reached: Some(Num(0.04)), asked: Num(0.05) },
            "unstable: within ±4%, and not settled",
        ),
        (Note::Unstable { reached: None, asked: Num(0.05) }, "unstable: not known within ±5%"),
        (
            Note::Moved { reached: Some(share), asked: Num(0.05), recent: false },
            "was known, then moved: reached ±12.3%, asked ±5%",
        ),
        (
            Note::Moved { reached: None, asked: Num(0.05), recent: true },
            "was known, then moved: its last record is recent",
        ),
        (Note::Moved { reached: None, asked: Num(0.05), recent: false }, "was known, then moved"),
        (
            Note::WarmUp { cut_s: Num(0.5), of_s: Num(2.0) },
            "first 500 ms of 2.00 s left out as warm-up",
        ),
        (
            Note::Overloaded { answer_s: Num(0.02), gap_s: Num(0.01), confidence: Num(0.995) },
            "overloaded: one request comes every 10.0 ms, an answer takes at least 20.0 ms at 99.5%, so the queue grows without end",
        ),
        (Note::Unplayed, "the worker does not play this load pattern: it does not report waits"),
        (
            Note::GeneratorBound { share },
            "generator-bound: for 12.3% of the mean latency a request was due and the model was not at work, but the load generator or another program",
        ),
        (
            Note::Disturbed { share, without: Some(Num(4710.0)), mostly: false },
            "without the 12% of the time with interference: 4.71 k/s",
        ),
        (
            Note::Disturbed { share, without: Some(Num(4710.0)), mostly: true },
            "interference in 12% of the time; without it: 4.71 k/s",
        ),
        (Note::Disturbed { share, without: None, mostly: true }, "interference in 12% of the time"),
        (Note::Open { why: Why::TooFew }, "too few observations for an interval"),
    ] {
        check(&note, |note| super::note(note, Unit::SamplesPerSecond), says);
    }
}

#[test]
fn why_a_metric_is_open() {
    let none = || Why::NoReading { note: Box::new(Note::NoTick) };
    for (why, says, short) in [
        (
            none(),
            "no reading: the sampler took no reading",
            "no reading: the sampler took no reading",
        ),
        (Why::TooFew, "too few observations for an interval", "too few steps"),
        (Why::WarmingUp, "has not settled", "warming up"),
        (Why::Trend { share: Num(-0.0731) }, "drifts by -7.3% over its window", "trend"),
        (
            Why::Trend { share: Num(-11.86) },
            "drifts by more than its own value over its window",
            "trend",
        ),
        (Why::Wide, "its interval is wide", "wide"),
        (Why::Noisy, "its noise could hide a drift", "noisy"),
        (Why::Growing { per_s: Num(1024.0) }, "growing by 60.0 KiB a minute", "growing"),
        (
            Why::Disturbed { share: Num(0.123), change: Num(0.2) },
            "differs by +20.0% without the 12% of the time with interference",
            "disturbed",
        ),
        (Why::Recent, "its last record is recent", "recent record"),
        (Why::Confirming, "not confirmed", "confirming"),
        (Why::Undecided, "undecided", "undecided"),
    ] {
        check(&why, super::why, says);
        assert_eq!(open(&why), short);
    }
    let left = LeftOut { metric: "gpu.power".into(), why: Reason::unsupported("no NVML").into() };
    let says = "left out of the stopping rule, cannot be measured here: gpu.power: no NVML";
    check(&left, left_out, says);
}

fn opened(how: OpenHow) -> OpenStage {
    let figures = vec![OpenFigure { metric: "cpu.utilisation".into(), how }];
    OpenStage { stage: Stage::Train, began: true, figures }
}

#[test]
fn what_is_open_at_an_end() {
    let half_width = Some(Num(0.071));
    for (how, says) in [
        (OpenHow::NeverJudged, "cpu.utilisation was never judged"),
        (
            OpenHow::Reached { half_width: None, why: Why::WarmingUp },
            "cpu.utilisation: has not settled",
        ),
        (OpenHow::Reached { half_width, why: Why::Wide }, "cpu.utilisation reached ±7.1%"),
        (
            OpenHow::Reached { half_width, why: Why::Noisy },
            "cpu.utilisation reached ±7.1% (its noise could hide a drift)",
        ),
        (OpenHow::Unconfirmed { looks: 3 }, "cpu.utilisation was not confirmed by 3 looks"),
        (
            OpenHow::LeftOut { note: Note::NoTick },
            "cpu.utilisation could not be read: the sampler took no reading",
        ),
        (OpenHow::NoSearch, "cpu.utilisation: it did not end"),
        (OpenHow::Search { why: "too wide".to_owned() }, "cpu.utilisation: too wide"),
    ] {
        let served = StopDetail::ServedOpen { open: vec![opened(how)] };
        check(&served, stop, &format!("train: {says}"));
    }
    let never = OpenStage { stage: Stage::Serve(8), began: false, figures: Vec::new() };
    let command = StopDetail::Command { open: vec![never] };
    check(&command, stop, "the command came to its own end; serve[8]: never began");
}

fn grounds() -> Grounds {
    Grounds { within: Num(0.05), confidence: Num(0.95), looks: 3, steps: 900, cut: 10, age: age() }
}

const GROUNDS: &str = "within ±5% at 95% for 3 looks, after 900 steps (10 cut as warm-up) and 1.50 s of serving one by one";

#[test]
fn why_a_stage_is_left() {
    let figures = opened(OpenHow::NeverJudged).figures;
    for (end, says) in [
        (
            StageEnd::Decided { age: age() },
            "its constraints are decided, after 1.50 s of serving one by one".to_owned(),
        ),
        (
            StageEnd::Undecided { age: age() },
            "not all of its constraints are decided after 1.50 s of serving one by one".to_owned(),
        ),
        (
            StageEnd::Nothing { age: Age { stage: Stage::Train, ..age() } },
            "nothing chosen is measured here; left after 1.50 s of training".to_owned(),
        ),
        (
            StageEnd::Known { count: 2, grounds: grounds() },
            format!("2 of 2 chosen metrics {GROUNDS}"),
        ),
        (
            StageEnd::Unstable { open: 1, of: 2, within: Num(0.05), age: age(), figures },
            "unstable: 1 of 2 chosen metrics not known within ±5% after 1.50 s of serving one by one: cpu.utilisation was never judged"
                .to_owned(),
        ),
    ] {
        check(&end, left, &says);
        let what = Asked::Leave { phase: Phase::Serve(1), why: end };
        check(&what, asked, &format!("leave serve[1]: {says}"));
    }
    for (stage, queues, says) in [
        (Stage::Run, false, "the command"),
        (Stage::Serve(8), false, "serving by 8"),
        (Stage::Confirm(8), true, "serving requests of 8"),
        (Stage::Load, false, "load"),
    ] {
        let age = Age { stage, queues, ..age() };
        let says = format!("its constraints are decided, after 1.50 s of {says}");
        assert_eq!(left(&StageEnd::Decided { age }), says);
    }
}

fn shortage() -> Shortage {
    Shortage {
        held_bytes: 268 << 20,
        limit_bytes: 256 << 20,
        guard: MemoryGuard::Watched,
        phase: Some(Phase::Serve(1)),
    }
}

#[test]
fn why_a_run_ends() {
    let diverged = |loss, value| {
        StopDetail::Diverged(Divergence { loss, value: Num(value), epoch: 2, steps: 20 })
    };
    let trained = || StopDetail::Trained {
        min_delta: Num(0.001),
        patience: 3,
        best: Num(0.81),
        at: 4,
        epochs: 7,
        open: Vec::new(),
    };
    let is_trained =
        "validation accuracy has not improved by 0.001 for 3 epochs: best 0.8100 in epoch 4 of 7";
    for (detail, says) in [
        (StopDetail::Unknown, String::new()),
        (StopDetail::ByUser, "ended by the user".to_owned()),
        (StopDetail::Failed { message: "it crashed".to_owned() }, "it crashed".to_owned()),
        (
            StopDetail::OutOfMemory(shortage()),
            "out of memory at 268 MiB (limit 256 MiB, watched), in serve[1]".to_owned(),
        ),
        (
            StopDetail::RunTime { limit_s: Num(29.0), trained: None },
            "the run has used its 29.0 s".to_owned(),
        ),
        (
            StopDetail::RunTime { limit_s: Num(29.0), trained: Some(Box::new(trained())) },
            format!("{is_trained}; the run has used its 29.0 s"),
        ),
        (trained(), is_trained.to_owned()),
        (
            diverged(LossOf::Step, f64::INFINITY),
            "the training loss is inf in epoch 2, after 20 steps".to_owned(),
        ),
        (
            diverged(LossOf::Training, f64::INFINITY),
            "the training loss of epoch 2 is inf".to_owned(),
        ),
        (
            diverged(LossOf::Validation, f64::INFINITY),
            "the validation loss of epoch 2 is inf".to_owned(),
        ),
        (
            StopDetail::Target {
                accuracy: Num(0.91),
                epoch: 2,
                after_s: Num(3.0),
                rest: Box::new(StopDetail::NothingMeasured),
            },
            "accuracy 0.9100 reached in epoch 2, after 3.00 s of training; nothing was measured"
                .to_owned(),
        ),
        (StopDetail::AskedToStop { epochs: 2 }, "asked to stop after 2 epochs".to_owned()),
        (
            StopDetail::Command { open: Vec::new() },
            "the command came to its own end".to_owned(),
        ),
        (
            StopDetail::Epochs { used: 4, budget: 4, open: Vec::new() },
            "all 4 epochs used".to_owned(),
        ),
        (
            StopDetail::Epochs { used: 3, budget: 4, open: Vec::new() },
            "the worker finished after 3 of 4 epochs".to_owned(),
        ),
        (
            StopDetail::Served { searched: false, after_ns: 2_000_000_000 },
            "every serve phase known, after 2.00 s".to_owned(),
        ),
        (
            StopDetail::Served { searched: true, after_ns: 2_000_000_000 },
            "every search for the highest rate precise, after 2.00 s".to_owned(),
        ),
        (
            StopDetail::ServeTime { after_ns: 2_000_000_000 },
            "the time for serving is used, after 2.00 s".to_owned(),
        ),
        (
            StopDetail::Known { count: 4, stages: 2, grounds: grounds() },
            format!("4 of 4 chosen metrics of 2 stages {GROUNDS}"),
        ),
        (
            StopDetail::KnownBefore { count: 4, here: StageEnd::Nothing { age: age() } },
            "4 of 4 chosen metrics known before training; nothing chosen is measured here; left after 1.50 s of serving one by one"
                .to_owned(),
        ),
        (
            StopDetail::Unstable {
                open: 1,
                of: 3,
                within: Num(0.05),
                age: Some(age()),
                stages: vec![opened(OpenHow::NeverJudged)],
            },
            "1 of 3 chosen metrics not known within ±5% after 1.50 s of serving one by one: train: cpu.utilisation was never judged"
                .to_owned(),
        ),
        (
            StopDetail::OfRule { rule: None, known: true },
            "known in hindsight".to_owned(),
        ),
        (
            StopDetail::OfRule { rule: None, known: false },
            "not known even in hindsight".to_owned(),
        ),
        (
            StopDetail::OfRule { rule: Some("fixed:50".to_owned()), known: false },
            "not known to fixed:50".to_owned(),
        ),
        (StopDetail::RecordingEnds, "the recording ends here".to_owned()),
    ] {
        check(&detail, stop, &says);
        let record = StopRecord { reason: StopReason::Unstable, detail };
        assert_eq!(asked(&Asked::Stop { stop: record.clone() }), format!("stop, unstable: {says}"));
        let again = Asked::Confirm { stop: record.clone() };
        assert_eq!(asked(&again), format!("leave train, unstable: {says}"));
        assert_eq!(asked(&Asked::End { stop: record }), format!("end, {says}"));
    }
}

#[test]
fn what_is_found_of_a_constraint() {
    let constraint = Constraint { metric: "serve.latency_p99".into(), op: Op::AtMost, limit: 0.01 };
    let value = Num(0.0121);
    let (low, high) = (Some(Num(0.0121)), Some(Num(0.02)));
    let bounds =
        |low, high, load| Evidence::Bounds { low, high, confidence: Num(0.995), load, age: age() };
    let own = || Some(Note::GeneratorBound { share: Num(0.1) });
    let notes = || vec![Note::SampledSum];
    let open = |evidence| Finding::new(Ruling::Open, &constraint, evidence);
    let broken = |evidence| Finding::new(Ruling::Broken, &constraint, evidence);
    let serving = Stage::Serve(1);
    let late = "after 1.50 s of serving one by one";
    for (finding, says) in [
        (
            open(Evidence::CannotMeasure { reason: Reason::unsupported("no NVML") }),
            "is undecided: cannot be measured here: no NVML".to_owned(),
        ),
        (
            open(Evidence::NotReached).within(serving),
            "is undecided in serve[1]: the run ended before this phase".to_owned(),
        ),
        (
            open(Evidence::NeverRead { note: Note::NoTick }),
            "is undecided: the sampler took no reading".to_owned(),
        ),
        (open(Evidence::NoLook), "is undecided: the phase ended before the first look".to_owned()),
        (
            open(bounds(low, high, None)),
            format!("is undecided: at least 12.1 ms and at most 20.0 ms at 99.5%, {late}"),
        ),
        (
            open(bounds(None, None, None)),
            format!("is undecided: too few observations for a bound, {late}"),
        ),
        (
            broken(bounds(low, None, own())).within(serving),
            format!(
                "is broken in serve[1]: at least 12.1 ms at 99.5% even without the load generator's time, {late}"
            ),
        ),
        (
            open(bounds(low, None, Some(Note::Unplayed))),
            format!(
                "is undecided: the worker does not play this load pattern: it does not report waits, {late}"
            ),
        ),
        (
            Finding {
                weights: Some(Weights::Untrained),
                met_when_trained: true,
                ..broken(bounds(low, None, None)).within(serving)
            },
            format!(
                "is broken in serve[1]: at least 12.1 ms at 99.5%, {late}, on untrained weights; on trained weights it is met"
            ),
        ),
        (
            broken(Evidence::WholeCommand { value, over_s: Num(3.0) }),
            "is broken: 12.1 ms over the 3.00 s of the whole command".to_owned(),
        ),
        (
            open(Evidence::Partly { value, share: Num(0.5) }),
            "is undecided: 12.1 ms, but read for 50% of the phase".to_owned(),
        ),
        (
            broken(Evidence::Passed { value, after_s: Num(3.0) }),
            "is broken: it reached 12.1 ms, after 3.00 s of the run".to_owned(),
        ),
        (open(Evidence::NoSuchPhase), "is undecided: the run has no such phase".to_owned()),
        (
            open(Evidence::NoFigure { notes: notes(), trained: false }),
            "is undecided: largest sampled sum over processes".to_owned(),
        ),
        (
            broken(Evidence::NoFigure { notes: notes(), trained: true }),
            "is broken: trained to the end, largest sampled sum over processes".to_owned(),
        ),
        (
            open(Evidence::Untrained { value }),
            "is undecided: 12.1 ms, but the model was not trained to the end".to_owned(),
        ),
        (
            open(Evidence::Unfinished { value }),
            "is undecided: 12.1 ms, but the run ended before its phases were over".to_owned(),
        ),
        (
            open(Evidence::NoInterval { value }),
            "is undecided: 12.1 ms, without an interval".to_owned(),
        ),
        (
            open(Evidence::Bound { value, lower: true, notes: notes() }),
            "is undecided: 12.1 ms is a lower bound: largest sampled sum over processes".to_owned(),
        ),
        (
            open(Evidence::Bound { value, lower: false, notes: notes() }),
            "is undecided: 12.1 ms is an upper bound: largest sampled sum over processes"
                .to_owned(),
        ),
        (
            open(Evidence::Hidden { value, notes: notes() }),
            "is undecided: 12.1 ms, largest sampled sum over processes".to_owned(),
        ),
        (
            open(Evidence::Blind { value, share: Num(0.605) }),
            "is undecided: 12.1 ms, but the device was not read for 60.5% of the time".to_owned(),
        ),
        (
            broken(Evidence::Figure { value, peak: true }),
            "is broken over the phases completed: 12.1 ms".to_owned(),
        ),
        (broken(Evidence::Figure { value, peak: false }), "is broken: 12.1 ms".to_owned()),
        (
            open(Evidence::Rate {
                low,
                high,
                confidence: Some(Num(0.95)),
                why: "too wide".to_owned(),
            }),
            "is undecided: from 12.1 ms to 20.0 ms at 95%; too wide".to_owned(),
        ),
        (open(Evidence::NoRate), "is undecided".to_owned()),
        (
            broken(Evidence::TargetReached { target: Num(0.9), epoch: 2, after_s: Num(3.0) }),
            "is broken: 0.9 was reached in epoch 2, after 3.00 s of training".to_owned(),
        ),
        (
            broken(Evidence::Training { whole: true, spent_s: Num(3.0) }),
            "is broken: the whole training took 3.00 s".to_owned(),
        ),
        (
            broken(Evidence::Training { whole: false, spent_s: Num(3.0) }),
            "is broken: training has taken 3.00 s".to_owned(),
        ),
    ] {
        check(&finding, super::finding, &format!("serve.latency_p99 <= 10.0 ms {says}"));
    }
    for (evidence, says) in [
        (Evidence::BrokeOff { reason: StopReason::Failed }, "the run failed"),
        (Evidence::BrokeOff { reason: StopReason::Cancelled }, "the run was cancelled"),
        (Evidence::BrokeOff { reason: StopReason::Diverged }, "the training diverged"),
        (Evidence::NotStarted, "the worker was not started"),
        (
            Evidence::OutOfMemory(shortage()),
            "out of memory at 268 MiB (limit 256 MiB, watched), in serve[1]",
        ),
    ] {
        check(&Finding::of_run(Ruling::Open, evidence), super::finding, says);
    }
}

#[test]
fn what_an_early_end_spares_stands_behind_it() {
    for (spared, says) in [
        (Spared::Nothing, ""),
        (
            Spared::AtLeast { seconds: Num(245.5) },
            "; at least 4 min 05 s of the budgeted training were not spent",
        ),
        (Spared::Unknown, "; how long its training would have taken was not known yet"),
        (Spared::NotBegun, "; its training was not begun"),
    ] {
        let finding = Finding::of_run(Ruling::Broken, Evidence::NotStarted);
        let detail = StopDetail::Infeasible { finding, spared };
        check(&detail, stop, &format!("the worker was not started{says}"));
    }
}

#[test]
fn what_a_rule_says_of_a_series() {
    let look = |half_width, agreed, open, cut| RuleSaid::Look {
        half_width,
        confidence: 0.95,
        seen: 40,
        cut,
        agreed,
        open,
    };
    let cut = Note::WarmUp { cut_s: Num(0.5), of_s: Num(2.0) };
    for (said, says) in [
        (RuleSaid::from("as it likes"), "as it likes"),
        (RuleSaid::NeverJudged, "was never judged"),
        (look(Some(0.03), Some(1), None, None), "±3% at 95% over 40 observations"),
        (look(Some(0.03), Some(3), None, None), "±3% at 95% over 40 observations in 3 looks"),
        (
            look(None, None, Some(Why::TooFew), None),
            "no interval over 40 observations, too few observations for an interval",
        ),
        (
            look(Some(0.03), None, None, Some(cut)),
            "±3% at 95% over 40 observations, not confirmed; first 500 ms of 2.00 s left out as warm-up",
        ),
        (
            RuleSaid::GaveUp { after_s: Some(4.0), last: Box::new("it drifts".into()) },
            "gave up after 4.00 s: it drifts",
        ),
        (
            RuleSaid::GaveUp { after_s: None, last: Box::new("it drifts".into()) },
            "gave up: it drifts",
        ),
    ] {
        assert_eq!(rule(&said), says);
    }
}
