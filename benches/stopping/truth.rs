//! Series of known truth through the controller, as steps of about 10 ms that come in messages of 100 ms.

use perftune::control::{Controller, RunContext, StopPolicy, Verdict};
use perftune::event::{Envelope, MetricRow, Phase, StepBatch, StopReason, StopRecord, WorkerEvent};

use super::noise::{Ar1, Noise};

/// The mean of a step without its shape, in seconds.
pub(super) const STEP_S: f64 = 0.010;
const WITHIN: f64 = 0.05;
/// Longest run; what is not known by then is unstable.
const MAX_S: f64 = 300.0;

/// One seeded series: the next step over its mean, from the time since the beginning.
pub(super) type Draw = Box<dyn FnMut(f64, &mut Noise) -> f64>;

/// What the level is at a time, over that at the beginning.
type Level = Box<dyn Fn(f64) -> f64>;

/// How a run ended.
struct End {
    at_s: f64,
    reason: StopReason,
    /// Mean and median of the step, with their intervals.
    rows: Vec<MetricRow>,
}

pub(crate) fn run(seeds: u64) {
    stationary(seeds, ("train.step_latency_mean", None));
    stationary(seeds, ("train.step_latency_p50", Some(0.5)));
    moving(seeds);
}

/// `level`: of the quantile that the metric is.
fn stationary(seeds: u64, (metric, level): (&str, Option<f64>)) {
    println!("\nstationary series, {metric} within 5% at 95%, {seeds} seeds each");
    println!(
        "  {:<34} {:>11} {:>9} {:>11} {:>11} {:>9}",
        "kind", "known %", "covered %", "stop s", "p95 err %", "oracle x"
    );
    for (name, draw) in kinds() {
        let truth = level.map_or(STEP_S, |level| STEP_S * steady_quantile(draw(0), level));
        let (mut stopped, mut covered) = (0u32, 0u32);
        let (mut times, mut errors, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..seeds {
            let end = end_of(seed, draw(seed), metric);
            if end.reason != StopReason::Known {
                continue;
            }
            stopped += 1;
            let row = &end.rows[0];
            covered += u32::from(row.low.unwrap() <= truth && truth <= row.high.unwrap());
            times.push(end.at_s);
            errors.push((row.estimate.unwrap() / truth - 1.0).abs());
            if level.is_none() {
                late.push(end.at_s / oracle(seed, draw(seed)).max(1.0));
            }
        }
        let verdict =
            if f64::from(covered) >= 0.93 * f64::from(stopped) { "ok" } else { "MISSED (93)" };
        println!(
            "  {name:<34} {:>11.1} {:>9.1} {:>11.2} {:>11.2} {:>9.1}  {verdict}",
            100.0 * f64::from(stopped) / seeds as f64,
            100.0 * f64::from(covered) / f64::from(stopped.max(1)),
            quantile(&mut times, 0.5),
            100.0 * quantile(&mut errors, 0.95),
            quantile(&mut late, 0.5),
        );
    }
}

/// A kind of series: its name, and the series for a seed.
pub(super) type Kind = (&'static str, fn(u64) -> Draw);

/// Each has the mean 1.
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        ("independent normal, 10%", |_| Box::new(|_, noise| 1.0 + 0.1 * noise.normal())),
        ("independent normal, 30%", |_| Box::new(|_, noise| 1.0 + 0.3 * noise.normal())),
        ("log-normal, sigma 0.5", |_| Box::new(|_, noise| (0.5 * noise.normal() - 0.125).exp())),
        ("AR(1) 0.5, 20%", |_| ar1(0.5)),
        ("AR(1) 0.9, 20%", |_| ar1(0.9)),
        ("bimodal, 0.7 and 1.3", |_| {
            Box::new(|_, noise| {
                let mode = if noise.uniform() < 0.5 { 0.7 } else { 1.3 };
                mode + 0.05 * noise.normal()
            })
        }),
        ("5% spikes of five times the rest", |_| {
            Box::new(|_, noise| {
                let spike = if noise.uniform() < 0.05 { 5.0 } else { 1.0 };
                spike * (1.0 + 0.05 * noise.normal()) / 1.2
            })
        }),
        ("warm-up of 0 to 2 s from 3 times", |seed| {
            let warm_s = 2.0 * Noise::new(seed ^ 0x00FF_00FF).uniform() + 1e-9;
            Box::new(move |t_s, noise| {
                let slow = 2.0 * (1.0 - t_s / warm_s).max(0.0);
                (1.0 + slow) * (1.0 + 0.2 * noise.normal())
            })
        }),
    ]
}

fn ar1(rho: f64) -> Draw {
    let mut state = Ar1::new(rho);
    Box::new(move |_, noise| 1.0 + 0.2 * state.next(noise))
}

fn moving(seeds: u64) {
    println!("\nseries that move: of those whose change of at least 5% came before the stop");
    println!(
        "  {:<34} {:>9} {:>13} {:>13} {:>11}",
        "kind", "visible", "known %", "off by >5% %", "unstable %"
    );
    let drift = |share: f64| -> Box<dyn Fn(u64) -> Level> {
        Box::new(move |_| Box::new(move |t_s| 1.0 + share * t_s))
    };
    let change = || -> Box<dyn Fn(u64) -> Level> {
        Box::new(|seed| {
            let at_s = 0.3 + 3.0 * Noise::new(seed ^ 0x0F0F_0F0F).uniform();
            Box::new(move |t_s| if t_s < at_s { 1.0 } else { 1.2 })
        })
    };
    for (name, level) in [
        ("drift of 1% a second", drift(0.01)),
        ("drift of 2% a second", drift(0.02)),
        ("drift of 5% a second", drift(0.05)),
        ("one change of regime by 20%", change()),
    ] {
        let (mut visible, mut known, mut off, mut unstable) = (0u32, 0u32, 0u32, 0u32);
        for seed in 0..seeds {
            let shape = level(seed);
            let shape_again = level(seed);
            let draw: Draw = Box::new(move |t_s, noise| shape(t_s) * (1.0 + 0.3 * noise.normal()));
            let end = end_of(seed, draw, "train.step_latency_mean");
            let now = shape_again(end.at_s);
            if now < 1.0 + WITHIN {
                continue;
            }
            visible += 1;
            unstable += u32::from(end.reason == StopReason::Unstable);
            if end.reason == StopReason::Known {
                known += 1;
                let estimate = end.rows[0].estimate.unwrap() / STEP_S;
                off += u32::from((estimate / now - 1.0).abs() > WITHIN);
            }
        }
        let share = |count: u32| 100.0 * f64::from(count) / f64::from(visible.max(1));
        println!(
            "  {name:<34} {visible:>9} {:>13.1} {:>13.1} {:>11.1}",
            share(known),
            share(off),
            share(unstable)
        );
    }
}

/// Feeds a series until the controller ends the run.
fn end_of(seed: u64, draw: Draw, metric: &str) -> End {
    let policy = StopPolicy {
        metrics: vec![metric.into()],
        within: WITHIN,
        max_time_s: MAX_S,
        ..StopPolicy::default()
    };
    let (controller, record, at_s) = play(seed, draw, policy);
    let mut rows = controller.rows(Some(&record));
    rows.retain(|row| row.metric == metric);
    End { at_s, reason: record.reason, rows }
}

/// The controller at the end of the run, its stop and when that was, in seconds.
pub(super) fn play(seed: u64, mut draw: Draw, policy: StopPolicy) -> (Controller, StopRecord, f64) {
    let context = RunContext { epochs: 1, usable_cores: 1.0, ..RunContext::default() };
    let mut controller = Controller::new(policy, context);
    let mut noise = Noise::new(seed);
    let phase = WorkerEvent::Phase { phase: Phase::Train };
    let _ = controller.on_worker(&envelope(0, phase));
    let mut now_ns = 0;
    loop {
        let mut batch = StepBatch {
            phase: Phase::Train,
            items: 1,
            start_ns: now_ns,
            dur_ns: Vec::new(),
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
        };
        while now_ns < batch.start_ns + 100_000_000 {
            let step_s = STEP_S * draw(now_ns as f64 * 1e-9, &mut noise).max(0.01);
            let step_ns = (step_s * 1e9) as u64;
            batch.dur_ns.push(step_ns);
            now_ns += step_ns;
        }
        let verdict = controller.on_worker(&envelope(now_ns, WorkerEvent::Steps(batch)));
        if let Verdict::Stop(record) = verdict {
            return (controller, record, now_ns as f64 * 1e-9);
        }
    }
}

/// Of the stationary part of a kind, over the mean, by brute force.
pub(super) fn steady_quantile(mut draw: Draw, level: f64) -> f64 {
    const DRAWS: usize = 400_000;
    let mut noise = Noise::new(0xABCD_EF01);
    // Far beyond every warm-up.
    let mut values: Vec<f64> = (0..DRAWS).map(|_| draw(1e6, &mut noise).max(0.01)).collect();
    values.sort_by(f64::total_cmp);
    values[(level * DRAWS as f64) as usize]
}

/// From when on the running mean of the same series stays within the precision, up to 60 s.
fn oracle(seed: u64, mut draw: Draw) -> f64 {
    let mut noise = Noise::new(seed);
    let (mut now_s, mut count, mut last_off) = (0.0, 0.0, 0.0);
    while now_s < 60.0 {
        now_s += STEP_S * draw(now_s, &mut noise).max(0.01);
        count += 1.0;
        if (now_s / count / STEP_S - 1.0).abs() > WITHIN {
            last_off = now_s;
        }
    }
    last_off
}

fn envelope(t_ns: u64, event: WorkerEvent) -> Envelope {
    Envelope { seq: 0, t_ns, event }
}

fn quantile(values: &mut [f64], level: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (level * last as f64).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
