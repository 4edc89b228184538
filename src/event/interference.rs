//! When other processes took the machine, from the sampler's ticks.
//!
//! Between two readings of the machine's counters others used `busy - own` of CPU time, and the hypervisor gave `steal` to
//! other guests. A stretch is marked when that is more than [`OTHERS`] or [`STEAL`] of one core. The thresholds come from
//! two recordings of cnn on satellite (2 cores, stretches of 0.2 to 0.3 s), one of them with a busy loop at normal
//! priority for 4 s, the other next to a compiler for 37 s:
//!
//! | | others, cores | run-queue delay | samples/s in training |
//! |---|---|---|---|
//! | nothing else runs | -0.06 to 0.09 | 0 to 0.06 | 55,000 to 61,000 |
//! | busy loop | 0.30 to 0.95 | 0 to 0.61 | 3,500 to 44,000 |
//! | compiler | 0.65 to 1.08 | 0 to 0.79 | 200 to 18,000 |
//! | steal of 0.11 to 0.21 cores | -0.06 to 0.06 | 0 | 10 to 15% fewer |
//!
//! The counters advance in ticks of 10 ms and are not read at the same instant as the run's own, hence the negative
//! values. Run-queue delay is the better measure of *how much* was lost, but it is read thread by thread about once a
//! second: in the recordings it was 0 in every other disturbed stretch and 0.42 in a quiet one after the loop had ended.
//! And threads of the run that wait for each other are no interference. So it decides only where the machine's own
//! counters cannot be read, over stretches of a second.
//!
//! On a machine with idle cores what others use may have cost the run nothing; then the figures with and without the
//! marked stretches agree, and nothing follows from the marks.

use super::sample::{HostReading, ResourceSample};

/// CPU time of everything else, in cores, above which a stretch is marked: twice the largest quiet value.
pub const OTHERS: f64 = 0.2;

/// CPU time given to other guests, in cores, above which a stretch is marked.
pub const STEAL: f64 = 0.1;

/// Share of the runnable time that was spent waiting, above which a stretch is marked where nothing else is known.
pub const DELAY: f64 = 0.25;

/// Longest stretch, in nanoseconds: by then an unchanged reading is one, and every thread's delay has been read.
const LONGEST_NS: u64 = 1_000_000_000;

/// A stretch of time between two readings of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its begin, in nanoseconds.
    pub from_ns: u64,
    /// Its end, in nanoseconds.
    pub to_ns: u64,
    /// Whether other processes took the machine; `None` where the counters have a gap.
    pub taken: Option<bool>,
}

/// What a tick says of the machine and of the run.
#[derive(Debug, Clone, Copy)]
struct At {
    t_ns: u64,
    cpu_ns: Option<u64>,
    run_delay_ns: Option<u64>,
    host: HostReading,
}

/// Cuts time into stretches, tick by tick.
#[derive(Debug, Clone, Copy, Default)]
pub struct InterferenceWatch {
    from: Option<At>,
}

impl InterferenceWatch {
    /// Takes a tick; the stretch that ends with it, if one does. Most ticks repeat the machine's last reading.
    pub fn push(&mut self, sample: &ResourceSample) -> Option<Stretch> {
        let at = At {
            t_ns: sample.t_ns,
            cpu_ns: sample.cpu_ns,
            run_delay_ns: sample.run_delay_ns,
            host: sample.host,
        };
        let Some(from) = self.from else {
            self.from = Some(at);
            return None;
        };
        let age_ns = at.t_ns.saturating_sub(from.t_ns);
        let fresh = at.host.busy_ns.is_some() && at.host != from.host;
        if age_ns == 0 || !(fresh || age_ns >= LONGEST_NS) {
            return None;
        }
        self.from = Some(at);
        Some(Stretch {
            from_ns: from.t_ns,
            to_ns: at.t_ns,
            taken: taken(&from, &at),
        })
    }
}

fn taken(from: &At, to: &At) -> Option<bool> {
    let seconds = to.t_ns.saturating_sub(from.t_ns) as f64 * 1e-9;
    let own = risen(from.cpu_ns, to.cpu_ns)?;
    if let Some(busy) = risen(from.host.busy_ns, to.host.busy_ns) {
        let steal = risen(from.host.steal_ns, to.host.steal_ns).unwrap_or(0.0);
        return Some(busy - own > OTHERS * seconds || steal > STEAL * seconds);
    }
    if seconds < LONGEST_NS as f64 * 1e-9 {
        return None;
    }
    let delay = risen(from.run_delay_ns, to.run_delay_ns)?;
    (delay + own > 0.0).then_some(delay > DELAY * (delay + own))
}

/// Seconds by which a nanosecond counter has risen; `None` where an end is missing or it fell.
fn risen(from: Option<u64>, to: Option<u64>) -> Option<f64> {
    Some(to?.checked_sub(from?)? as f64 * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tick after so many milliseconds, with CPU milliseconds of the run, of the machine, stolen, and of waiting.
    type Row = (u64, Option<u64>, Option<u64>, Option<u64>, Option<u64>);

    fn stretches(rows: &[Row]) -> Vec<(u64, u64, Option<bool>)> {
        let ns = |ms: Option<u64>| ms.map(|ms| ms * 1_000_000);
        let mut watch = InterferenceWatch::default();
        let ticks = rows
            .iter()
            .map(|(ms, cpu, busy, steal, delay)| ResourceSample {
                t_ns: ms * 1_000_000,
                cpu_ns: ns(*cpu),
                run_delay_ns: ns(*delay),
                host: HostReading {
                    busy_ns: ns(*busy),
                    steal_ns: ns(*steal),
                    ..HostReading::default()
                },
                ..ResourceSample::default()
            });
        let found: Vec<_> = ticks.filter_map(|tick| watch.push(&tick)).collect();
        let ms = |ns: u64| ns / 1_000_000;
        found
            .iter()
            .map(|s| (ms(s.from_ns), ms(s.to_ns), s.taken))
            .collect()
    }

    #[test]
    fn others_and_steal_mark_a_stretch() {
        let row = |ms, cpu, busy, steal| (ms, Some(cpu), Some(busy), Some(steal), None);
        for (others_ms, steal_ms, taken) in [
            (0, 0, false),
            (38, 0, false),
            (42, 0, true),
            (200, 0, true),
            (0, 18, false),
            (0, 22, true),
        ] {
            let rows = [
                row(0, 100, 1000, 0),
                row(200, 500, 1400 + others_ms, steal_ms),
            ];
            let found = stretches(&rows);
            assert_eq!(found, [(0, 200, Some(taken))], "{others_ms} {steal_ms}");
        }
        // The run's own counter may be ahead of the machine's.
        let ahead = [row(0, 100, 1000, 0), row(200, 520, 1400, 0)];
        assert_eq!(stretches(&ahead), [(0, 200, Some(false))]);
    }

    #[test]
    fn repeated_readings_belong_to_the_stretch_that_ends_with_the_next() {
        let row = |ms, cpu, busy| (ms, Some(cpu), Some(busy), Some(0), None);
        let rows = [
            row(0, 0, 0),
            row(100, 200, 0),
            row(200, 300, 400),
            row(300, 500, 400),
            row(400, 700, 800),
            // A machine that stands still is read all the same.
            row(900, 700, 800),
            row(1400, 700, 800),
        ];
        assert_eq!(
            stretches(&rows),
            [
                (0, 200, Some(true)),
                (200, 400, Some(false)),
                (400, 1400, Some(false))
            ]
        );
    }

    #[test]
    fn a_gap_is_unknown_unless_the_delay_speaks() {
        let gap = |ms, cpu, delay| (ms, cpu, None, None, delay);
        for (delay, taken) in [
            (None, None),
            (Some(100), Some(false)),
            (Some(900), Some(true)),
        ] {
            let rows = [
                gap(0, Some(0), Some(0)),
                gap(500, Some(1000), delay),
                gap(1000, Some(2000), delay),
            ];
            assert_eq!(stretches(&rows), [(0, 1000, taken)], "{delay:?}");
        }
        let no_own = [gap(0, None, Some(0)), gap(1000, None, Some(500))];
        assert_eq!(stretches(&no_own), [(0, 1000, None)]);
        let back_again = [
            gap(0, Some(0), None),
            (100, Some(200), Some(1000), Some(0), None),
            (300, Some(600), Some(1400), Some(0), None),
        ];
        assert_eq!(
            stretches(&back_again),
            [(0, 100, None), (100, 300, Some(false))]
        );
    }
}
