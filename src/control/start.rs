//! How long a process took until it was ready: its phases of loading before the first that is none.

use super::measure::figure::Figure;
use crate::event::{Note, Phase};
use crate::metric::StartOf;

/// The start of a run's process, in nanoseconds of its clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start {
    load_ns: Option<u64>,
    ready_ns: Option<u64>,
}

impl Start {
    /// Takes the beginning of a phase.
    pub(super) fn phase(&mut self, phase: Phase, t_ns: u64) {
        match phase {
            // A command is in it before it says anything.
            Phase::Run => {}
            Phase::Load if self.ready_ns.is_none() => {
                self.load_ns.get_or_insert(t_ns);
            }
            _ => {
                self.ready_ns.get_or_insert(t_ns);
            }
        }
    }

    /// The figure of a process that was started then.
    pub(super) fn figure(self, of: StartOf, started_ns: u64) -> Figure {
        let since = match of {
            StartOf::Ready => Ok(started_ns),
            StartOf::Load => self.load_ns.ok_or(Note::NoLoad),
        };
        match (since, self.ready_ns) {
            (_, None) => Figure::missing(Note::NotReady),
            (Err(why), _) => Figure::missing(why),
            (Ok(since_ns), Some(ready_ns)) => {
                Figure::exact(ready_ns.saturating_sub(since_ns) as f64 * 1e-9, 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_what_comes_after_the_first_load() {
        const MS: u64 = 1_000_000;
        for (phases, ready, load) in [
            (vec![(Phase::Load, 400), (Phase::Warmup, 650)], Some(0.55), Some(0.25)),
            (
                vec![
                    (Phase::Load, 400),
                    (Phase::Warmup, 650),
                    (Phase::Serve(1), 700),
                    (Phase::Load, 900),
                ],
                Some(0.55),
                Some(0.25),
            ),
            (vec![(Phase::Run, 100), (Phase::Train, 300)], Some(0.2), None),
            (vec![(Phase::Load, 400)], None, None),
            (vec![], None, None),
        ] {
            let mut start = Start::default();
            for (phase, ms) in &phases {
                start.phase(*phase, ms * MS);
            }
            let figure = |of| start.figure(of, 100 * MS).estimate;
            let close = |found: Option<f64>, expected: Option<f64>| match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (found, expected) => found == expected,
            };
            assert!(close(figure(StartOf::Ready), ready), "{phases:?}");
            assert!(close(figure(StartOf::Load), load), "{phases:?}");
        }
    }
}
