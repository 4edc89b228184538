//! Notes of figures.

use super::check;
use crate::event::{
    DeviceLack, EnergyLack, FigureLack, GapKind, LeftOut, Note, Num, Outlet, PeakGrowth, Reason,
    ToTheEnd, Why,
};
use crate::report::words;
use crate::units::Unit;

#[test]
fn why_there_is_no_figure() {
    let reason = |kind| Note::from(Reason::new(kind, "why"));
    for (note, says) in [
        (reason(GapKind::Unsupported), "unsupported: why"),
        (reason(GapKind::Failed), "why"),
        (Note::NoTick, "the sampler took no reading"),
        (Note::NoReason { ticks: 7 }, "not read in 7 ticks, and the sampler gave no reason"),
        (Note::ForeignTpu, "the run holds no TPU: another program holds it, or none does"),
        (Note::NoStep, "no step was timed in this stage"),
        (Note::NoInterval, "no sampler interval fell within the stage"),
        (Note::NoMetric, "not a metric of the catalogue"),
        (Note::NoCores, "the cores that the run may use are not known"),
        (
            Note::NoEpochSize,
            "the number of epochs, or of samples in each, is not known (a worker may report `epoch_samples`)",
        ),
        (
            Note::EndedUnseen,
            "it ended before its memory could be read, and its peak is hardly above that of the process that started it",
        ),
        (Note::LastSeen { at_s: Num(0.5), of_s: Num(2.0) }, "last read 500 ms into 2.00 s"),
        (Note::NoPhase, "the run ended before this stage"),
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
        (
            Note::NoFetch,
            "the program does not report how long its steps wait for their data (`fetch_s` of a step)",
        ),
        (
            Note::NoFlops,
            "the worker does not report how many operations a pass has (`model.flops`)",
        ),
        (Note::NoPrice, "there is no price: set `[cost] per_hour`"),
        (Note::NoLoad, "it announced no phase `load`"),
        (Note::NotReady, "it ended before it was ready"),
        (Note::Passes { flops: Num(2e6) }, "2.00 MFLOP a sample forward, twice as much backward"),
        (
            Note::CpuOver { cpu_s: Num(1.5), samples: Num(640.0) },
            "1.50 s of CPU time over 640 samples",
        ),
        (Note::Price { per_hour: Num(1.2), currency: "EUR".to_owned() }, "at 1.2 EUR an hour"),
        (Note::Price { per_hour: Num(3.0), currency: String::new() }, "at 3 an hour"),
        (Note::RandomData, "the data are random and say nothing about a model"),
        (Note::NoEpoch, "no epoch was completed"),
        (Note::NoValidation, "no epoch was validated"),
        (Note::NotTested { before_training: false }, "the test data were not read"),
        (
            Note::NotTested { before_training: true },
            "ended before training: the test data were not read",
        ),
        (
            Note::HalfTrained { by: ToTheEnd::Asking },
            "training ended early, so the test data were not read; --full, a limit or an objective on test_accuracy, or more time trains to the end",
        ),
        (
            Note::HalfTrained { by: ToTheEnd::Time },
            "training ended early, so the test data were not read; --full or more time trains to the end",
        ),
        (
            Note::HalfTrained { by: ToTheEnd::Whole },
            "training ended early, so the test data were not read; --full trains to the end",
        ),
        (
            Note::OutOfReach,
            "training ended early since its accuracy could not reach what decides, so the test data were not read; [search] prune = false trains to the end",
        ),
        (Note::TestedLater, "the test data were read after the training"),
        (Note::NotANumber { value: Num(f64::INFINITY) }, "not a number: inf"),
        (Note::NotANumberOfWorker { value: Num(f64::NEG_INFINITY) }, "the program reported -inf"),
        (Note::CommandCut, "the command did not exit by itself"),
        (Note::FewTicks, "sampled for less than 1 s, too short for a share"),
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
            "the steps fill 7 windows of 20.0 ms, and a quartile needs 20: longer stages fill more (max_time and max_requests of [serve], epochs of [train], min_time of [stop])",
        ),
    ] {
        check(&note, |note| words::note(note, Unit::One), says);
    }
}

#[test]
fn why_a_metric_of_one_s_own_has_no_figure() {
    let file = || "m.json".to_owned();
    for (why, says) in [
        (
            FigureLack::NoMatch { output: Outlet::Stdout },
            "nothing in its standard output matched the pattern",
        ),
        (
            FigureLack::NoMatch { output: Outlet::Stderr },
            "nothing in its standard error matched the pattern",
        ),
        (
            FigureLack::NoMatch { output: Outlet::Output },
            "nothing in its output matched the pattern",
        ),
        (
            FigureLack::NoNumber { text: "\u{1b}[31m1.2.3".to_owned() },
            "the last match, \"\\u{1b}[31m1.2.3\", is not a number",
        ),
        (FigureLack::NoFile { file: file() }, "the command wrote no m.json"),
        (
            FigureLack::Stale { file: file() },
            "m.json did not change during the run, so it is of an earlier one",
        ),
        (FigureLack::TooLarge { file: file(), most: 16 << 20 }, "m.json has more than 16.0 MiB"),
        (
            FigureLack::Unreadable { file: file(), why: "permission denied".to_owned() },
            "m.json cannot be read: permission denied",
        ),
        (
            FigureLack::NotJson {
                file: file(),
                why: "expected value at line 1 column 1".to_owned(),
            },
            "m.json is not JSON: expected value at line 1 column 1",
        ),
        (
            FigureLack::NoSuchPath { file: file(), path: "eval.f1".to_owned() },
            "m.json has nothing at eval.f1",
        ),
    ] {
        check(&Note::Figure { why }, |note| words::note(note, Unit::One), says);
    }
}

#[test]
fn why_a_device_or_an_energy_is_not_known() {
    for (why, says) in [
        (DeviceLack::NotUsed, "the run uses no GPU"),
        (DeviceLack::NoneRead, "no accelerator was read"),
        (DeviceLack::BeforeHello, "the worker has not sent hello yet"),
        (DeviceLack::Unseen, "the driver sees no process of the run on any device"),
        (DeviceLack::UnseenOnOnly, "the driver sees no process of the run on the device"),
        (DeviceLack::Lost, "a device that the run used is no longer read"),
        (DeviceLack::NoIndex { index: 2 }, "no device 2 was read"),
        (
            DeviceLack::NotAmong { id: "GPU-a".to_owned() },
            "the worker uses GPU-a, which is not among the devices that are read",
        ),
        (
            DeviceLack::Several { count: 2 },
            "there are 2 devices, and it is not known which of them the run uses: its worker can name it in `hello` (device_uuid)",
        ),
    ] {
        check(&Note::from(why), |note| words::note(note, Unit::One), says);
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
        (EnergyLack::EndedWithin, "the run ended within the stage"),
        (EnergyLack::NoneWithin, "no reading fell within the stage"),
        (EnergyLack::OnceWithin, "the stage was over before a second reading"),
        (EnergyLack::NotBefore, "it was not read before the stage began"),
        (EnergyLack::NotAfter, "it was not read after the stage had ended"),
        (
            EnergyLack::Outside { loose_s: Num(0.5), of_s: Num(2.0) },
            "500 ms of the 2.00 s are outside its readings",
        ),
        (EnergyLack::NoProcessor, "no energy counter of a processor was read"),
        (EnergyLack::NoDevice, "no device of the run was read"),
        (
            EnergyLack::Short { length_s: Num(0.5) },
            "500 ms are too short: the driver updates its counter every 100 ms",
        ),
        (EnergyLack::NoPhase, "the stage was not seen"),
        (EnergyLack::NoSample, "no sample was timed in this stage"),
        (EnergyLack::NoIntensity, "no carbon intensity is given: set `[energy] grams_per_kwh`"),
        (EnergyLack::Tpu, "the energy of the run's TPU cannot be read"),
        (
            EnergyLack::Doubt { device: device() },
            "it is not known whether the run uses GPU-a as well",
        ),
        (EnergyLack::UnknownDevice { device: device() }, "the energy of `GPU-a` cannot be read"),
    ] {
        check(&Note::from(why), |note| words::note(note, Unit::One), says);
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
            "1 epoch of 1000 samples; without validation and other time between epochs, since none is over yet",
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
        (Note::SaidByWorker, "reported by the program, not measured"),
        (Note::NoValue, "no value was reported in this stage"),
        (Note::SaidSoFar, "the last value before the run was ended; another might have followed"),
        (Note::Recorded, "recorded, not measured here"),
        (Note::NotRecorded, "the recorded table has none for this run"),
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
        (Note::SharedOut { share }, "12.3% of it interpolated between readings"),
        (Note::WithoutEnds { share }, "without the 12.3% of the run that are outside the readings"),
        (Note::OthersTook { share }, "other work took the machine for 12% of the time"),
        (
            Note::TicksLeftOut { skipped: 3, late_s: Num(0.002) },
            "3 readings skipped; at most 2.00 ms late",
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
            Note::PeakOver { over_s: Num(2.0), growth: PeakGrowth::Unknown { watched_s: None } },
            "peak over 2.00 s; too short to bound its growth",
        ),
        (
            Note::PeakOver {
                over_s: Num(12.0),
                growth: PeakGrowth::Unknown { watched_s: Some(Num(0.8)) },
            },
            "peak over 12.0 s; growth watched over 800 ms of it, too short to bound it",
        ),
        (
            Note::AtLeast { bytes: Num(1_048_576.0) },
            "at least: after its last reading a process may have had up to 1.00 MiB",
        ),
        (Note::SharedPages, "upper bound: pages may be shared"),
        (Note::SampledSum, "sampled sum of several processes, shared pages counted once"),
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
        (Note::ReadFor { share }, "read for 12.3% of the stage"),
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
            Note::FarFromMedian { usual: Num(43_500.0), requests: false },
            "a mean over all the time, most of it in slow steps; the median step gives 43.5 k/s",
        ),
        (
            Note::FarFromMedian { usual: Num(43_500.0), requests: true },
            "a mean over all the time, most of it in slow requests; the median request gives 43.5 k/s",
        ),
        (
            Note::NoiseLimited { reached: share, asked: Num(0.05), takes_s: Some(Num(93.0)) },
            "noise-limited: reached ±12.3% (the ±5% asked would take an estimated 90 s in all)",
        ),
        (
            Note::NoiseLimited { reached: share, asked: Num(0.05), takes_s: None },
            "noise-limited: reached ±12.3% (the ±5% asked would take longer)",
        ),
        (
            Note::NoiseLimited {
                reached: Num(15198.79),
                asked: Num(0.1),
                takes_s: Some(Num(5.8e10)),
            },
            "noise-limited: reached ±1000% or more (the ±10% asked would take more than 100 h in all)",
        ),
        (
            Note::Unstable { reached: Some(Num(12.0)), asked: Num(0.05) },
            "unstable: reached ±1000% or more at the end, asked ±5%",
        ),
        (
            Note::Whole { regime: Num(0.031), seen_s: Num(50.0), whole: share, of_s: Num(3600.0) },
            "±3.1% for the 50 s seen, ±12.3% for 60 min 00 s in all",
        ),
        (
            Note::PastHorizon { seen_s: Num(12.0), of_s: Num(10.0) },
            "the horizon of 10 s is shorter than the 12 s seen: later drift is not included",
        ),
        (
            Note::Moved { reached: Some(share), asked: Num(0.05), recent: false },
            "was known, then moved: reached ±12.3%, asked ±5%",
        ),
        (
            Note::Moved { reached: None, asked: Num(0.05), recent: true },
            "was known, then moved: its latest maximum is recent",
        ),
        (Note::Moved { reached: None, asked: Num(0.05), recent: false }, "was known, then moved"),
        (
            Note::WarmUp { cut_s: Num(0.5), of_s: Num(2.0), quiet: true },
            "first 500 ms of 2.00 s left out; other work started later",
        ),
        (
            Note::WarmUp { cut_s: Num(0.5), of_s: Num(2.0), quiet: false },
            "first 500 ms of 2.00 s left out as warm-up",
        ),
        (
            Note::Overloaded { answer_s: Num(0.02), gap_s: Num(0.01), confidence: Num(0.995) },
            "overloaded: requests arrive every 10.0 ms and an answer takes at least 20.0 ms at 99.5%, so the queue grows without bound",
        ),
        (Note::Unplayed, "the worker does not support this load pattern: it does not report waits"),
        (
            Note::GeneratorBound { share },
            "generator-bound: for 12.3% of the mean latency a request was due, but the load generator or another program ran instead of the model",
        ),
        (
            Note::Disturbed { share, without: Some(Num(4710.0)), mostly: false, decides: false },
            "without the 12% of the time with interference: 4.71 k/s",
        ),
        (
            Note::Disturbed { share, without: Some(Num(4710.0)), mostly: true, decides: false },
            "interference in 12% of the time; without it: 4.71 k/s",
        ),
        (
            Note::Disturbed { share, without: None, mostly: true, decides: false },
            "interference in 12% of the time",
        ),
        (
            Note::Disturbed { share, without: None, mostly: true, decides: true },
            "interference in 12% of the time, which may have decided the figure: not known",
        ),
        (Note::Open { why: Why::TooFew }, "too few independent observations to be called known"),
    ] {
        check(&note, |note| words::note(note, Unit::SamplesPerSecond), says);
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
        (Why::TooFew, "too few independent observations to be called known", "too few steps"),
        (Why::WarmingUp, "has not settled", "warming up"),
        (
            Why::Trend { share: Num(-0.0731), of_mean: false },
            "drifts by -7.3% over its window",
            "trend",
        ),
        (
            Why::Trend { share: Num(0.031), of_mean: true },
            "the mean of the same steps drifts by +3.1% over its window",
            "trend",
        ),
        (
            Why::Trend { share: Num(-11.86), of_mean: false },
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
        (Why::Recent, "its latest maximum is recent", "recent maximum"),
        (Why::Confirming, "not confirmed", "confirming"),
        (Why::Undecided, "undecided", "undecided"),
    ] {
        check(&why, words::why, says);
        assert_eq!(words::open(&why), short);
    }
    let left = LeftOut { metric: "gpu.power".into(), why: Reason::unsupported("no NVML").into() };
    let says = "not waited for, cannot be measured here: gpu.power: no NVML";
    check(&left, words::left_out, says);
}
