//! When other processes took the machine, or something held the run back, from the sampler's ticks.
//!
//! Between two readings of the machine's counters others used `busy - own` of CPU time, and the hypervisor gave `steal` to
//! other guests. A stretch is marked when that is more than [`OTHERS`] or [`STEAL`] of one core. These thresholds come from
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
//! A stretch is marked as well when a control group's quota held the run back for more than [`THROTTLED`] of one core: that is
//! CPU time that it wanted and did not get, as with [`STEAL`], and so is the threshold. A quota that the run was given by
//! `[limits]` is what is measured, and no interference. And when cores ran below their clock because of heat for
//! more than [`THERMAL`] of one core's time. What that costs is not known, since nobody tells how far below; a core that
//! loses a fifth of its clock for half of the time loses as much as [`STEAL`]. No recording stands behind that one.
//!
//! Where several things are above their thresholds, the one that is farthest above is the cause of the stretch.
//!
//! On a machine with idle cores what others use may have cost the run nothing; then the figures with and without the
//! marked stretches agree, and nothing follows from the marks.

use crate::event::{Disturber, HostReading, Interference, ResourceSample};

/// CPU time of everything else, in cores, above which a stretch is marked: twice the largest quiet value.
pub const OTHERS: f64 = 0.2;

/// CPU time given to other guests, in cores, above which a stretch is marked.
pub const STEAL: f64 = 0.1;

/// Share of the runnable time that was spent waiting, above which a stretch is marked where nothing else is known.
pub const DELAY: f64 = 0.25;

/// Time for which a quota held the run back, in cores, above which a stretch is marked.
pub const THROTTLED: f64 = 0.1;

/// Time for which cores ran below their clock because of heat, in cores, above which a stretch is marked.
pub const THERMAL: f64 = 0.5;

/// Longest stretch, in nanoseconds: by then an unchanged reading is one, and every thread's delay has been read.
const LONGEST_NS: u64 = 1_000_000_000;

/// A stretch of time between two readings of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Its begin, in nanoseconds.
    pub from_ns: u64,
    /// Its end, in nanoseconds.
    pub to_ns: u64,
    /// Whether other processes took the machine, or something held the run back; `None` where the counters have a gap.
    pub taken: Option<bool>,
    /// What for, if it is marked.
    pub cause: Option<Disturber>,
    /// Cores that everything else used; a little below 0 where the run's own counter was ahead. `None` where the counters have
    /// a gap.
    pub others: Option<f64>,
}

impl Stretch {
    /// Adds it to what is recorded of the run.
    pub fn add_to(&self, sum: &mut Interference) {
        let seconds = self.to_ns.saturating_sub(self.from_ns) as f64 * 1e-9;
        sum.add(seconds, self.taken.is_some(), self.cause);
    }
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
        let others = others(&from, &at);
        let (taken, cause) = match disturber(&from, &at, others) {
            Found::Nothing => (Some(false), None),
            Found::Unknown => (None, None),
            Found::Something(cause) => (Some(true), Some(cause)),
        };
        let others = others.map(|seconds| seconds / (age_ns as f64 * 1e-9));
        Some(Stretch { from_ns: from.t_ns, to_ns: at.t_ns, taken, cause, others })
    }
}

/// What is found between two ticks.
enum Found {
    Nothing,
    Unknown,
    Something(Disturber),
}

/// CPU time of everything else between two ticks, in seconds.
fn others(from: &At, to: &At) -> Option<f64> {
    Some(risen(from.host.busy_ns, to.host.busy_ns)? - risen(from.cpu_ns, to.cpu_ns)?)
}

/// What disturbed the run between two ticks, beside which others used so many seconds.
fn disturber(from: &At, to: &At, others: Option<f64>) -> Found {
    let seconds = to.t_ns.saturating_sub(from.t_ns) as f64 * 1e-9;
    let rise = |of: fn(&HostReading) -> Option<u64>| risen(of(&from.host), of(&to.host));
    let throttled = rise(|host| host.throttled_ns).filter(|_| !to.host.quota_is_own);
    let most = [
        (Disturber::Others, others, OTHERS),
        (Disturber::Steal, rise(|host| host.steal_ns), STEAL),
        (Disturber::Throttled, throttled, THROTTLED),
        (Disturber::Thermal, rise(|host| host.thermal_ns), THERMAL),
    ]
    .into_iter()
    .filter_map(|(cause, amount, limit)| Some((cause, amount? / (limit * seconds))))
    .max_by(|(_, one), (_, other)| one.total_cmp(other));
    if let Some((cause, times)) = most
        && times > 1.0
    {
        return Found::Something(cause);
    }
    if others.is_some() {
        return Found::Nothing;
    }
    let own = risen(from.cpu_ns, to.cpu_ns);
    let waited = own.zip(risen(from.run_delay_ns, to.run_delay_ns));
    match waited {
        Some((own, delay)) if seconds >= LONGEST_NS as f64 * 1e-9 && delay + own > 0.0 => {
            if delay > DELAY * (delay + own) {
                Found::Something(Disturber::Delay)
            } else {
                Found::Nothing
            }
        }
        _ => Found::Unknown,
    }
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
        let ticks = rows.iter().map(|(ms, cpu, busy, steal, delay)| ResourceSample {
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
        found.iter().map(|s| (ms(s.from_ns), ms(s.to_ns), s.taken)).collect()
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
            let rows = [row(0, 100, 1000, 0), row(200, 500, 1400 + others_ms, steal_ms)];
            let found = stretches(&rows);
            assert_eq!(found, [(0, 200, Some(taken))], "{others_ms} {steal_ms}");
        }
        // The run's own counter may be ahead of the machine's.
        let ahead = [row(0, 100, 1000, 0), row(200, 520, 1400, 0)];
        assert_eq!(stretches(&ahead), [(0, 200, Some(false))]);
    }

    /// What a stretch of 0.2 s was marked for in which the counters of others, steal, quota and heat rose by so many ms.
    fn cause(ms: [Option<u64>; 4], quota_is_own: bool) -> (Option<bool>, Option<Disturber>) {
        let mut watch = InterferenceWatch::default();
        let ns = |ms: Option<u64>| ms.map(|ms| 5_000_000_000 + ms * 1_000_000);
        let mut push = |t_ns, [others, steal, throttled, thermal]: [Option<u64>; 4]| {
            watch.push(&ResourceSample {
                t_ns,
                cpu_ns: Some(7),
                host: HostReading {
                    busy_ns: ns(others),
                    steal_ns: ns(steal),
                    throttled_ns: ns(throttled),
                    thermal_ns: ns(thermal),
                    io_pressure_ns: Some(t_ns),
                    quota_is_own,
                    ..HostReading::default()
                },
                ..ResourceSample::default()
            })
        };
        push(0, ms.map(|ms| ms.map(|_| 0)));
        let stretch = push(200_000_000, ms).unwrap();
        (stretch.taken, stretch.cause)
    }

    #[test]
    fn a_stretch_is_marked_for_what_is_farthest_above_its_threshold() {
        use Disturber::{Others, Steal, Thermal, Throttled};
        for (others, steal, throttled, thermal, found) in [
            (0, 0, 0, 0, None),
            (41, 0, 0, 0, Some(Others)),
            (80, 30, 0, 0, Some(Others)),
            (60, 60, 0, 0, Some(Steal)),
            (0, 0, 19, 0, None),
            (0, 0, 21, 0, Some(Throttled)),
            (0, 0, 0, 99, None),
            (0, 0, 0, 101, Some(Thermal)),
            (0, 0, 150, 200, Some(Throttled)),
        ] {
            let ms = [others, steal, throttled, thermal].map(Some);
            assert_eq!(cause(ms, false), (Some(found.is_some()), found), "{ms:?}");
        }
        // The quota that the run was given is what is measured.
        assert_eq!(cause([Some(0), Some(0), Some(150), None], true), (Some(false), None));
        // What is known marks a stretch though the rest has a gap; but does not clear it.
        assert_eq!(cause([Some(0), None, None, None], false), (Some(false), None));
        assert!(HostReading::default().busy_ns.is_none());
    }

    #[test]
    fn a_run_is_summed_up_in_a_sentence() {
        use Disturber::{Others, Steal, Thermal};
        let stretch = |from: u64, to: u64, cause| Stretch {
            from_ns: from * 1_000_000,
            to_ns: to * 1_000_000,
            taken: Some(Option::is_some(&cause)),
            cause,
            others: None,
        };
        for (stretches, says) in [
            (vec![], None),
            (vec![stretch(0, 1000, None)], None),
            (vec![stretch(0, 995, None), stretch(995, 1000, Some(Others))], None),
            (
                vec![
                    stretch(0, 920, None),
                    stretch(920, 980, Some(Others)),
                    stretch(980, 1000, Some(Steal)),
                ],
                Some("8% of the time the machine was busy with other work (others 6%, steal 2%)"),
            ),
            (
                vec![stretch(0, 500, None), stretch(500, 1000, Some(Thermal))],
                Some("50% of the time the machine was throttled (thermal 50%)"),
            ),
            (
                vec![
                    stretch(0, 500, None),
                    stretch(500, 750, Some(Thermal)),
                    stretch(750, 1000, Some(Others)),
                ],
                Some(
                    "50% of the time the machine was busy with other work or throttled (others 25%, thermal 25%)",
                ),
            ),
        ] {
            let mut run = Interference::default();
            for one in &stretches {
                one.add_to(&mut run);
            }
            assert_eq!(run.sentence().as_deref(), says);
        }
        let unknown = Stretch { taken: None, ..stretch(0, 1000, None) };
        let mut run = Interference::default();
        unknown.add_to(&mut run);
        assert_eq!((run.share(), run.sentence()), (None, None), "nothing is known");
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
            [(0, 200, Some(true)), (200, 400, Some(false)), (400, 1400, Some(false))]
        );
    }

    #[test]
    fn a_gap_is_unknown_unless_the_delay_speaks() {
        let gap = |ms, cpu, delay| (ms, cpu, None, None, delay);
        for (delay, taken) in [(None, None), (Some(100), Some(false)), (Some(900), Some(true))] {
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
        assert_eq!(stretches(&back_again), [(0, 100, None), (100, 300, Some(false))]);
    }
}
