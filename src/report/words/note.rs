//! Notes of figures.

use super::figure::figure;
use super::lack::{device, energy, missed, projection};
use super::precision::precision;
use super::{count, list};
use crate::event::{LeftOut, MetricRow, Note, PeakGrowth, RunRecord, ToTheEnd, Why};
use crate::units::{
    Unit, bytes, bytes_up, change, percent, rate, rough_percent, seconds, significant,
};

/// All notes of a figure.
pub fn notes_of(row: &MetricRow) -> String {
    notes(&row.notes, row.unit)
}

/// Notes of a figure in this unit, one behind the other.
pub fn notes(notes: &[Note], unit: Unit) -> String {
    notes.iter().map(|one| note(one, unit)).collect::<Vec<_>>().join("; ")
}

/// What the user should know of a run beside its figures.
pub fn warnings(record: &RunRecord) -> Vec<String> {
    record.left_out.iter().map(left_out).chain(record.warnings.iter().cloned()).collect()
}

/// A chosen metric that cannot be measured.
pub fn left_out(left_out: &LeftOut) -> String {
    let why = match &left_out.why {
        Note::Unread { reason } => reason.detail.clone(),
        other => note(other, Unit::One),
    };
    format!("not waited for, cannot be measured here: {}: {why}", left_out.metric)
}

/// One note of a figure in this unit.
#[expect(
    clippy::too_many_lines,
    reason = "one match, so that a note without words does not compile"
)]
pub fn note(note: &Note, unit: Unit) -> String {
    match note {
        Note::NoTick => "the sampler took no reading".into(),
        Note::ForeignTpu => "the run holds no TPU: another program holds it, or none does".into(),
        Note::NoStep => "no step was timed in this stage".into(),
        Note::NoInterval => "no sampler interval fell within the stage".into(),
        Note::NoMetric => "not a metric of the catalogue".into(),
        Note::NoCores => "the cores that the run may use are not known".into(),
        Note::NoEpochSize => {
            "the number of epochs, or of samples in each, is not known (a worker may report `epoch_samples`)".into()
        }
        Note::EndedUnseen => {
            "it ended before its memory could be read, and its peak is hardly above that of the process that started it".into()
        }
        Note::NoPhase => "the run ended before this stage".into(),
        Note::NoStepsReported => "the command reported no steps".into(),
        Note::NoFetch => {
            "the program does not report how long its steps wait for their data (`fetch_s` of a step)".into()
        }
        Note::NoFlops => "the worker does not report how many operations a pass has (`model.flops`)".into(),
        Note::NoPrice => "there is no price: set `[cost] per_hour`".into(),
        Note::NoLoad => "it announced no phase `load`".into(),
        Note::NotReady => "it ended before it was ready".into(),
        Note::Passes { flops } => {
            let flops = Unit::Flops.show(flops.0);
            format!("{flops} a sample forward, twice as much backward")
        }
        Note::CpuOver { cpu_s, samples } => {
            format!("{} of CPU time over {} samples", seconds(cpu_s.0), significant(samples.0))
        }
        Note::Price { per_hour, currency } => {
            format!("at {} an hour", format!("{} {currency}", per_hour.0).trim_end())
        }
        Note::RandomData => "the data are random and say nothing about a model".into(),
        Note::NotServed => "nothing is served at a rate: find_max_rate without rate".into(),
        Note::NotSearched => "not searched for; find_max_rate = true in [serve] asks for it".into(),
        Note::SearchCut => "the run ended before the search for it did".into(),
        Note::SearchSilent => "the worker reported no search for it".into(),
        Note::NotOffline => "only pattern = \"offline\" compares sizes".into(),
        Note::NoSizeServed => "no size was served".into(),
        Note::NotReported => "not reported".into(),
        Note::NotReportedByCommand => "the command reported none".into(),
        Note::NoTraining => "the run does not train".into(),
        Note::NoEpoch => "no epoch was completed".into(),
        Note::NoValidation => "no epoch was validated".into(),
        Note::NotTested { before_training: true } => {
            "ended before training: the test data were not read".into()
        }
        Note::NotTested { before_training: false } => "the test data were not read".into(),
        Note::HalfTrained { by } => {
            format!("training ended early, so the test data were not read; {}", to_the_end(*by))
        }
        Note::OutOfReach => {
            "training ended early since its accuracy could not reach what decides, so the test data were not read; [search] prune = false trains to the end".into()
        }
        Note::TestedLater => "the test data were read after the training".into(),
        Note::CommandCut => "the command did not exit by itself".into(),
        Note::FewTicks => "sampled for less than 1 s, too short for a share".into(),
        Note::NegativeRest => "no reading: the machine's counter rose by less than the run's own".into(),
        Note::NoRunDelay => "it neither ran nor waited for a core, or its counters have gaps here".into(),
        Note::NoMachineCounter => "the machine's counters have gaps here".into(),
        Note::NoTarget => "no target: set target_accuracy in [train]".into(),
        Note::CpuOfCommand => "CPU time over wall time of the whole command".into(),
        Note::MeanOfCommand => "mean of all that was measured".into(),
        Note::KernelCount => "as the kernel counted it".into(),
        Note::WorkerCount => "the worker's own figure at its end".into(),
        Note::LastSample => "the last sample".into(),
        Note::SaidByWorker => "reported by the program, not measured".into(),
        Note::SaidSoFar => "the last value before the run was ended; another might have followed".into(),
        Note::Recorded => "recorded, not measured here".into(),
        Note::NotRecorded => "the recorded table has none for this run".into(),
        Note::AllChips => "all chips of the machine".into(),
        Note::OnlyDevice => "whole device, the only one there is".into(),
        Note::SharedDevice => "whole device, others included".into(),
        Note::IntegratedPower => "integrated power".into(),
        Note::SharedPages => "upper bound: pages may be shared".into(),
        Note::SampledSum => "sampled sum of several processes, shared pages counted once".into(),
        Note::NoTrainingData => "no training data had been read".into(),
        Note::MayHoldMore => "the program may hold more than the model".into(),
        Note::NoServing => "not read while requests were served".into(),
        Note::ServedAfterTraining => {
            "trained before it served: its high-water mark is that of the training".into()
        }
        Note::Untrained => "not trained to the end".into(),
        Note::Unplayed => "the worker does not support this load pattern: it does not report waits".into(),
        Note::Unread { reason } => reason.to_string(),
        Note::NoReason { ticks } => {
            format!("not read in {ticks} ticks, and the sampler gave no reason")
        }
        Note::Device { why } => device(why),
        Note::LastSeen { at_s, of_s } => {
            format!("last read {} into {}", seconds(at_s.0), seconds(of_s.0))
        }
        Note::SizesOpen { unserved, imprecise, fastest, per_s } => {
            let lacking = [(unserved, "not served"), (imprecise, "too little for an interval")];
            let lacking = lacking.iter().filter(|(sizes, _)| !sizes.is_empty());
            let lacking: Vec<String> =
                lacking.map(|(sizes, why)| format!("{} {why}", list(sizes))).collect();
            let (lacking, rate) = (lacking.join(", "), rate(per_s.0));
            format!("the sizes cannot be compared ({lacking}); {fastest} was fastest, {rate}")
        }
        Note::NotANumber { value } => format!("not a number: {}", value.0),
        Note::NotANumberOfWorker { value } => format!("the program reported {}", value.0),
        Note::TargetMissed { target, best, spent_s } => missed(*target, *best, *spent_s),
        Note::FewWindows { windows, width_s, needed } => {
            let width = seconds(width_s.0);
            format!(
                "the steps fill {windows} windows of {width}, and a quartile needs {needed}: longer stages fill more (max_time \
                 and max_requests of [serve], epochs of [train], min_time of [stop])"
            )
        }
        Note::NoValue => "no value was reported in this stage".into(),
        Note::Figure { why } => figure(why),
        Note::Energy { why } => energy(why),
        Note::Windows { windows, width_s, warm_up } => {
            let of = format!("{windows} windows of {}", seconds(width_s.0));
            match warm_up {
                0 => of,
                warm_up => format!("{of}, without {warm_up} of warm-up"),
            }
        }
        Note::TargetReached { accuracy, epoch, target } => {
            format!("{:.4} in epoch {epoch}, the first of at least {}", accuracy.0, target.0)
        }
        Note::BestSize { alike, fastest, per_s } => {
            let highest = format!("{fastest} has the highest throughput, {}", rate(per_s.0));
            match alike.len() {
                0 | 1 => highest,
                _ => format!("{} are as fast within their intervals; {highest}", list(alike)),
            }
        }
        Note::RateSearch { why, probes } => format!("{why}; {}", count(*probes, "probe")),
        Note::SearchDisturbed { share } => {
            format!("interference in {} of the time of the search", rough_percent(share.0))
        }
        Note::Projection { epochs, samples, between } => projection(*epochs, *samples, *between),
        Note::Devices { count, sum } => {
            format!("{} of {count} devices", if *sum { "sum" } else { "mean" })
        }
        Note::Processors { parts } => {
            format!("{}; whole machine, others included", list(parts))
        }
        Note::WholeDevices { devices } => format!("{}; whole devices", list(devices)),
        Note::PerSample { joules, samples } => {
            format!("{} over {:.0} samples", Unit::Joules.show(joules.0), samples.0)
        }
        Note::Intensity { joules, grams_per_kwh } => {
            let (joules, grams) = (Unit::Joules.show(joules.0), significant(grams_per_kwh.0));
            format!("{joules} at {grams} g/kWh, as given")
        }
        Note::WithoutPart { part, why } => format!("without {part}: {}", energy(why)),
        Note::WithoutProcessors { why } => format!("without the processors: {}", energy(why)),
        Note::SharedOut { share } => {
            format!("{} of it interpolated between readings", percent(share.0))
        }
        Note::WithoutEnds { share } => {
            format!("without the {} of the run that are outside the readings", percent(share.0))
        }
        Note::OthersTook { share } => {
            format!("other work took the machine for {} of the time", rough_percent(share.0))
        }
        Note::TicksLeftOut { skipped, late_s } => {
            format!("{skipped} readings skipped; at most {} late", seconds(late_s.0))
        }
        Note::UntilServed { serving_s } => {
            format!("loading, warm-up and {} of serving", seconds(serving_s.0))
        }
        Note::PeakOver { over_s, growth } => {
            let growth = match growth {
                PeakGrowth::Growing { per_s } => {
                    format!("; {}", why(&Why::Growing { per_s: *per_s }))
                }
                PeakGrowth::Below { per_s } => {
                    format!("; growth below {} a minute", bytes_up(per_s.0 * 60.0))
                }
                PeakGrowth::Over | PeakGrowth::Loose => String::new(),
                PeakGrowth::Unknown { watched_s: None } => {
                    "; too short to bound its growth".to_owned()
                }
                PeakGrowth::Unknown { watched_s: Some(watched) } => format!(
                    "; growth watched over {} of it, too short to bound it",
                    seconds(watched.0)
                ),
            };
            match over_s.0 {
                ..0.001 => format!("peak of one reading{growth}"),
                over_s => format!("peak over {}{growth}", seconds(over_s)),
            }
        }
        Note::AtLeast { bytes: most } => format!(
            "at least: after its last reading a process may have had up to {}",
            bytes(most.0)
        ),
        Note::NotReadFor { share } => format!("not read for {} of the time", percent(share.0)),
        Note::ReadFor { share } => format!("read for {} of the stage", percent(share.0)),
        Note::Unstable { .. }
        | Note::NoiseLimited { .. }
        | Note::Whole { .. }
        | Note::PastHorizon { .. }
        | Note::Moved { .. } => precision(note),
        Note::WarmUp { cut_s, of_s, quiet } => {
            let as_what = if *quiet { "; other work started later" } else { " as warm-up" };
            format!("first {} of {} left out{as_what}", seconds(cut_s.0), seconds(of_s.0))
        }
        Note::Overloaded { answer_s, gap_s, confidence } => format!(
            "overloaded: requests arrive every {} and an answer takes at least {} at {}, so the queue grows without bound",
            seconds(gap_s.0),
            seconds(answer_s.0),
            percent(confidence.0)
        ),
        Note::GeneratorBound { share } => format!(
            "generator-bound: for {} of the mean latency a request was due, but the load generator or another program ran instead of the model",
            percent(share.0)
        ),
        Note::FarFromMedian { usual, requests } => {
            let (step, usual) = (step(*requests), unit.show(usual.0));
            format!("a mean over all the time, most of it in slow {step}s; the median {step} gives {usual}")
        }
        Note::Disturbed { share, without, mostly, decides } => {
            let share = rough_percent(share.0);
            let without = without.map(|without| unit.show(without.0));
            let decides = if *decides { ", which may have decided the figure: not known" } else { "" };
            match (without, mostly) {
                (Some(other), false) => {
                    format!("without the {share} of the time with interference: {other}")
                }
                (Some(other), true) => {
                    format!("interference in {share} of the time{decides}; without it: {other}")
                }
                (None, _) => format!("interference in {share} of the time{decides}"),
            }
        }
        Note::Open { why: open } => why(open),
    }
}

/// What trains a model to its end.
pub fn to_the_end(by: ToTheEnd) -> &'static str {
    match by {
        ToTheEnd::Asking => {
            "--full, a limit or an objective on test_accuracy, or more time trains to the end"
        }
        ToTheEnd::Time => "--full or more time trains to the end",
        ToTheEnd::Whole => "--full trains to the end",
    }
}

/// What a phase of serving calls its steps.
pub fn step(requests: bool) -> &'static str {
    if requests { "request" } else { "step" }
}

/// Why a metric is not known, for notes and evidence.
pub fn why(why: &Why) -> String {
    match why {
        Why::NoReading { note: reason } => format!("no reading: {}", note(reason, Unit::One)),
        Why::TooFew => "too few independent observations to be called known".to_owned(),
        Why::WarmingUp => "has not settled".to_owned(),
        Why::Trend { share, of_mean } => {
            let what = if *of_mean { "the mean of the same steps " } else { "" };
            match share.0.abs() {
                by if by > 1.0 => {
                    format!("{what}drifts by more than its own value over its window")
                }
                _ => format!("{what}drifts by {} over its window", change(share.0)),
            }
        }
        Why::Wide => "its interval is wide".to_owned(),
        Why::Noisy => "its noise could hide a drift".to_owned(),
        Why::Growing { per_s } => format!("growing by {} a minute", bytes(per_s.0 * 60.0)),
        Why::Disturbed { share, change: by } => format!(
            "differs by {} without the {} of the time with interference",
            change(by.0),
            rough_percent(share.0)
        ),
        Why::Recent => "its latest maximum is recent".to_owned(),
        Why::Confirming => "not confirmed".to_owned(),
        Why::Undecided => "undecided".to_owned(),
    }
}

/// Why a metric is not known, in a word or two, for the progress line.
pub fn open(why: &Why) -> String {
    let word = match why {
        Why::NoReading { note: reason } => {
            return format!("no reading: {}", note(reason, Unit::One));
        }
        Why::TooFew => "too few steps",
        Why::WarmingUp => "warming up",
        Why::Trend { .. } => "trend",
        Why::Wide => "wide",
        Why::Noisy => "noisy",
        Why::Growing { .. } => "growing",
        Why::Disturbed { .. } => "disturbed",
        Why::Recent => "recent maximum",
        Why::Confirming => "confirming",
        Why::Undecided => "undecided",
    };
    word.to_owned()
}
