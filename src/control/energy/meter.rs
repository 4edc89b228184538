//! Energy that only grows, read now and then, and how much of it fell into stretches of time.

use crate::event::{EnergyLack, Stage};

/// A stretch of time whose energy is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    /// Its stage; the run as a whole without one.
    pub(super) stage: Option<Stage>,
    pub(super) begin_ns: u64,
    /// Absent while it lasts.
    pub(super) end_ns: Option<u64>,
}

/// A reading: when, and the joules since the first one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    t_ns: u64,
    joules: f64,
}

impl Point {
    /// The joules at a time between this reading and a later one, as if they had been used evenly.
    fn between(self, later: Self, t_ns: u64) -> f64 {
        let whole = later.t_ns.saturating_sub(self.t_ns) as f64;
        if whole <= 0.0 {
            return later.joules;
        }
        let part = t_ns.saturating_sub(self.t_ns) as f64 / whole;
        self.joules + (later.joules - self.joules) * part
    }
}

/// What a meter has seen of one window.
#[derive(Debug, Clone, Default)]
struct Span {
    begin: Option<f64>,
    end: Option<f64>,
    first: Option<Point>,
    last: Option<Point>,
    readings: u64,
    gap: Option<EnergyLack>,
}

/// The joules of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Amount {
    pub(super) joules: f64,
    pub(super) readings: u64,
    /// Seconds at its ends that lie outside the readings within it: there the energy is known as a share of what was used
    /// between two readings, or, at the ends of a run, not at all.
    pub(super) loose_s: f64,
    /// Its length in seconds.
    pub(super) length_s: f64,
}

/// One counter, or what was integrated in place of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    last: Option<Point>,
    /// Why the last reading is missing.
    why: Option<EnergyLack>,
    /// One a window.
    spans: Vec<Span>,
}

impl Meter {
    /// Takes a reading. One that is no later than the last says nothing new; one that is lower breaks the count.
    pub(super) fn push(&mut self, windows: &[Window], t_ns: u64, joules: f64) {
        if self.last.is_some_and(|last| t_ns <= last.t_ns) {
            return;
        }
        if self.last.is_some_and(|last| joules < last.joules) {
            self.lose(windows, t_ns, &EnergyLack::Fell);
        }
        let now = Point { t_ns, joules };
        let before = self.last.replace(now);
        self.spans.resize(windows.len(), Span::default());
        for (window, span) in windows.iter().zip(&mut self.spans) {
            span.push(window, before, now);
        }
    }

    /// A reading is missing: whatever window it fell into has a gap, and nothing is taken from one side of it to the other.
    pub(super) fn lose(&mut self, windows: &[Window], t_ns: u64, why: &EnergyLack) {
        self.why = Some(why.clone());
        let Some(last) = self.last.take() else {
            return;
        };
        self.spans.resize(windows.len(), Span::default());
        for (window, span) in windows.iter().zip(&mut self.spans) {
            let over = window.end_ns.is_some_and(|end_ns| end_ns <= last.t_ns);
            if window.begin_ns < t_ns && !over {
                span.gap.get_or_insert_with(|| why.clone());
            }
        }
    }

    /// Watts that it must have risen by since the last reading, where a counter may stand still for `update_s` seconds and then
    /// rise at once; nothing before a second reading.
    pub(super) fn pace(&self, t_ns: u64, joules: f64, update_s: f64) -> Option<f64> {
        let last = self.last?;
        Some((joules - last.joules) / (seconds(last.t_ns, t_ns) + update_s))
    }

    /// Forgets what it has seen of a window that begins anew.
    pub(super) fn restart(&mut self, place: usize) {
        if let Some(span) = self.spans.get_mut(place) {
            *span = Span::default();
        }
    }

    /// Whether it has ever been read.
    pub(super) fn has_read(&self) -> bool {
        self.spans.iter().any(|span| span.readings > 0) || self.last.is_some()
    }

    /// The energy of the whole run until now, between its first and its last reading.
    pub(super) fn so_far(&self, place: usize) -> Option<f64> {
        let span = self.spans.get(place).filter(|span| span.gap.is_none())?;
        Some(span.last?.joules - span.first?.joules)
    }

    /// The energy of a run that was over at `until_ns`.
    pub(super) fn of_run(
        &self,
        place: usize,
        window: &Window,
        until_ns: u64,
    ) -> Result<Amount, EnergyLack> {
        let span = self.span(place)?;
        let (Some(first), Some(last)) = (span.first, span.last) else {
            return Err(self.missing(EnergyLack::Never));
        };
        if span.readings < 2 {
            return Err(EnergyLack::Once);
        }
        let late_s = seconds(window.begin_ns, first.t_ns);
        let early_s = seconds(last.t_ns, until_ns);
        Ok(Amount {
            joules: last.joules - first.joules,
            readings: span.readings,
            loose_s: late_s + early_s,
            length_s: seconds(window.begin_ns, until_ns),
        })
    }

    /// The energy of a stage.
    pub(super) fn of_stage(&self, place: usize, window: &Window) -> Result<Amount, EnergyLack> {
        let span = self.span(place)?;
        let end_ns = window.end_ns.ok_or(EnergyLack::EndedWithin)?;
        let (Some(first), Some(last)) = (span.first, span.last) else {
            return Err(self.missing(EnergyLack::NoneWithin));
        };
        if span.readings < 2 {
            return Err(EnergyLack::OnceWithin);
        }
        let begin = span.begin.ok_or(EnergyLack::NotBefore)?;
        let end = span.end.ok_or_else(|| self.missing(EnergyLack::NotAfter))?;
        Ok(Amount {
            joules: end - begin,
            readings: span.readings,
            loose_s: seconds(window.begin_ns, first.t_ns) + seconds(last.t_ns, end_ns),
            length_s: seconds(window.begin_ns, end_ns),
        })
    }

    fn span(&self, place: usize) -> Result<&Span, EnergyLack> {
        let span = self.spans.get(place);
        let span = span.ok_or_else(|| self.missing(EnergyLack::Never))?;
        match &span.gap {
            Some(why) => Err(why.clone()),
            None => Ok(span),
        }
    }

    fn missing(&self, otherwise: EnergyLack) -> EnergyLack {
        self.why.clone().unwrap_or(otherwise)
    }
}

impl Span {
    fn push(&mut self, window: &Window, before: Option<Point>, now: Point) {
        if now.t_ns < window.begin_ns || self.end.is_some() {
            return;
        }
        if self.begin.is_none()
            && self.readings == 0
            && let Some(before) = before.filter(|before| before.t_ns <= window.begin_ns)
        {
            self.begin = Some(before.between(now, window.begin_ns));
        }
        match window.end_ns {
            Some(end_ns) if now.t_ns >= end_ns => {
                let before = before.filter(|before| before.t_ns <= end_ns);
                self.end = before.map(|before| before.between(now, end_ns));
            }
            _ => {
                self.first.get_or_insert(now);
                self.last = Some(now);
                self.readings += 1;
            }
        }
    }
}

fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn windows(stages: &[(u64, Option<u64>)]) -> Vec<Window> {
        let stage = |(begin, end): &(u64, Option<u64>)| Window {
            stage: Some(Stage::Train),
            begin_ns: begin * MS,
            end_ns: end.map(|end| end * MS),
        };
        stages.iter().map(stage).collect()
    }

    /// 20 W, read every 100 ms from 0 on.
    fn steady(windows: &[Window], until_ms: u64, lost: &[u64]) -> Meter {
        let mut meter = Meter::default();
        for ms in (0..=until_ms).step_by(100) {
            if lost.contains(&ms) {
                meter.lose(windows, ms * MS, &EnergyLack::NotRead);
            } else {
                meter.push(windows, ms * MS, ms as f64 * 0.02);
            }
        }
        meter
    }

    #[test]
    fn a_stage_has_its_part_of_the_readings_around_its_ends() {
        let windows = windows(&[(250, Some(770)), (300, Some(600)), (0, None), (250, Some(330))]);
        let meter = steady(&windows, 1000, &[]);
        let of = |place: usize| meter.of_stage(place, &windows[place]);
        let first = of(0).unwrap();
        assert!((first.joules - 10.4).abs() < 1e-9, "{first:?}");
        assert!((first.loose_s - 0.12).abs() < 1e-9 && (first.length_s - 0.52).abs() < 1e-9);
        assert_eq!(first.readings, 5);
        // Ends at a reading.
        assert!((of(1).unwrap().joules - 6.0).abs() < 1e-9);
        assert_eq!(of(2), Err(EnergyLack::EndedWithin));
        assert_eq!(of(3), Err(EnergyLack::OnceWithin));
    }

    #[test]
    fn a_gap_is_in_every_window_that_it_touches_and_in_no_other() {
        let windows =
            windows(&[(50, Some(450)), (450, Some(850)), (850, Some(1350)), (1350, Some(1650))]);
        let meter = steady(&windows, 2000, &[600, 700]);
        let of = |place: usize| meter.of_stage(place, &windows[place]);
        assert!(of(0).is_ok());
        assert_eq!(of(1), Err(EnergyLack::NotRead));
        assert!(of(2).is_ok() && of(3).is_ok());
        // Lost between two windows: what was used until then belongs to neither end.
        let meter = steady(&windows, 2000, &[1300, 1400]);
        assert_eq!(meter.of_stage(2, &windows[2]), Err(EnergyLack::NotRead));
        assert!(meter.of_stage(3, &windows[3]).is_err());
    }

    #[test]
    fn a_run_is_what_lies_between_its_first_and_last_reading() {
        let run = [Window { stage: None, begin_ns: 0, end_ns: None }];
        let meter = steady(&run, 1000, &[]);
        let found = meter.of_run(0, &run[0], 1100 * MS).unwrap();
        assert!((found.joules - 20.0).abs() < 1e-9 && (found.loose_s - 0.1).abs() < 1e-9);
        assert_eq!(meter.so_far(0), Some(20.0));
        assert!(Meter::default().of_run(0, &run[0], 0).is_err());
        let mut falls = steady(&run, 1000, &[]);
        falls.push(&run, 1100 * MS, 3.0);
        assert_eq!(falls.of_run(0, &run[0], 1100 * MS), Err(EnergyLack::Fell));
        assert_eq!(falls.so_far(0), None);
    }

    proptest! {
        /// Whatever is read and lost, no window has a negative energy, and neighbours together have that of both.
        #[test]
        fn windows_add_up(
            readings in proptest::collection::vec((1..400_u64, 0.0..50.0_f64, 0..40_u8), 0..60),
            cut in 100..5000_u64,
        ) {
            let windows = windows(&[(50, Some(cut)), (cut, Some(6000)), (50, Some(6000))]);
            let mut meter = Meter::default();
            let (mut ms, mut joules) = (0, 0.0);
            for (later, used, lost) in readings {
                (ms, joules) = (ms + later, joules + used);
                if lost == 0 {
                    meter.lose(&windows, ms * MS, &EnergyLack::NotRead);
                } else {
                    meter.push(&windows, ms * MS, joules);
                }
            }
            let of = |place: usize| meter.of_stage(place, &windows[place]).map(|found| found.joules);
            for place in 0..3 {
                if let Ok(found) = of(place) {
                    prop_assert!((0.0..=joules).contains(&found));
                }
            }
            if let (Ok(one), Ok(other), Ok(both)) = (of(0), of(1), of(2)) {
                prop_assert!((one + other - both).abs() < 1e-6);
            }
        }
    }
}
