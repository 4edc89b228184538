//! Leaks and plateaus of a gauge of 300 MB, read every 0.1 s and looked at as the controller does.

use perftune::stats::{Growth, GrowthAsk, GrowthWatch, PeakTracker};

use super::noise::{Ar1, Noise};

const SIZE: f64 = 300e6;
const TICK_S: f64 = 0.1;
/// Deviation of the noise, as a share of the size.
const NOISE: f64 = 0.002;
/// 1% a minute, as a share a second.
const LEAK: f64 = 0.01 / 60.0;

pub(crate) fn run(seeds: u64) {
    println!("\nmemory: growth of 1% a minute under noise of 0.2%, and none, {seeds} seeds each");
    println!(
        "  {:<12} {:>34} {:>34}",
        "noise", "leak found within 2 min (100%)", "false alarms in 2 min (at most 1%)"
    );
    for (name, rho) in [("white", 0.0), ("AR(1) 0.5", 0.5), ("AR(1) 0.9", 0.9)] {
        let share = |slope: f64| {
            let found = (0..seeds).filter(|seed| grew(*seed, slope, rho)).count();
            100.0 * found as f64 / seeds as f64
        };
        println!("  {name:<12} {:>33.1}% {:>33.1}%", share(LEAK), share(0.0));
    }
}

/// Whether growth is said at any look of two minutes.
fn grew(seed: u64, slope: f64, rho: f64) -> bool {
    let ask = GrowthAsk { within: 0.05, confidence: 0.95, quantum: 262_144.0 };
    let mut noise = Noise::new(seed ^ 0x5A5A_0000);
    let mut series = Ar1::new(rho);
    let (mut tracker, mut watch) = (PeakTracker::default(), GrowthWatch::default());
    let mut look_s = 1.0;
    for tick in 0..1200u32 {
        let at_s = f64::from(tick) * TICK_S;
        let value = SIZE * (1.0 + slope * at_s + NOISE * series.next(&mut noise));
        tracker.push(at_s, value);
        watch.push((at_s, TICK_S), value);
        let now_s = at_s + TICK_S;
        if now_s < look_s {
            continue;
        }
        look_s = now_s + f64::max(TICK_S, now_s / 20.0);
        let found = tracker.judge((0.0, now_s), &watch, ask);
        if matches!(found.growth, Growth::Growing { .. }) {
            return true;
        }
    }
    false
}
