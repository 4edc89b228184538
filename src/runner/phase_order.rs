//! The phases that a job asks for, and the order in which they come:
//!
//! ```text
//! load warmup (serve[N] | probe[N])* (train | validate)* confirm[N]* test
//! ```
//!
//! Each may be left out, and come again within its group; none comes after a later group has begun. A phase of another
//! size, or one that nobody asked for, would be taken for one that was: its figures would decide a verdict.

use super::stream::violation::Violation;
use crate::event::{JobSpec, Phase, ServeSpec};

/// What one job asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PhaseOrder {
    /// A command begins what it likes when it likes.
    free: bool,
    trains: bool,
    /// Samples a request, of phases at a rate or back to back.
    serves: Vec<u32>,
    probes: Vec<u32>,
    confirms: Vec<u32>,
}

impl PhaseOrder {
    pub(super) fn of(job: &JobSpec) -> Self {
        let serve = job.serve.as_ref();
        let sizes = |wanted: fn(&ServeSpec) -> bool| {
            let sizes = serve.filter(|serve| wanted(serve));
            sizes.map_or_else(Vec::new, |serve| serve.batch_sizes.clone())
        };
        Self {
            free: job.work.is_command(),
            trains: job.train.epochs > 0,
            serves: sizes(ServeSpec::has_phase),
            probes: sizes(|serve| serve.find_max_rate.is_some()),
            confirms: sizes(|serve| serve.confirm && serve.has_phase()),
        }
    }

    fn asks_for(&self, phase: Phase) -> bool {
        match phase {
            Phase::Run => self.free,
            Phase::Probe(_) | Phase::Confirm(_) if self.free => false,
            _ if self.free => true,
            Phase::Load | Phase::Warmup | Phase::Test => true,
            Phase::Train | Phase::Validate => self.trains,
            Phase::Serve(size) => self.serves.contains(&size),
            Phase::Probe(size) => self.probes.contains(&size),
            Phase::Confirm(size) => self.confirms.contains(&size),
        }
    }

    /// Whether this phase may begin now.
    pub(super) fn check(&self, before: Option<Phase>, found: Phase) -> Result<(), Violation> {
        if !self.asks_for(found) {
            return Err(Violation::Unasked { found });
        }
        match before {
            Some(before) if !self.free && group(found) < group(before) => {
                Err(Violation::Late { found, before })
            }
            _ => Ok(()),
        }
    }
}

/// Where a phase comes.
const fn group(phase: Phase) -> u8 {
    match phase {
        Phase::Run | Phase::Load => 0,
        Phase::Warmup => 1,
        Phase::Serve(_) | Phase::Probe(_) => 2,
        Phase::Train | Phase::Validate => 3,
        Phase::Confirm(_) => 4,
        Phase::Test => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase_order(edit: impl FnOnce(&mut PhaseOrder)) -> PhaseOrder {
        let mut phase_order = PhaseOrder {
            free: false,
            trains: true,
            serves: vec![1, 8],
            probes: vec![1, 8],
            confirms: vec![1, 8],
        };
        edit(&mut phase_order);
        phase_order
    }

    #[test]
    fn phases_come_in_their_order_and_may_be_left_out() {
        use Phase::{Confirm, Load, Probe, Serve, Test, Train, Validate, Warmup};
        for (phases, says) in [
            (
                &[
                    Load,
                    Warmup,
                    Serve(1),
                    Probe(1),
                    Serve(8),
                    Probe(8),
                    Train,
                    Validate,
                    Train,
                    Confirm(8),
                    Confirm(1),
                    Test,
                ][..],
                None,
            ),
            (&[Train, Test], None),
            (&[Serve(1), Serve(1), Test, Test], None),
            (&[Serve(1), Load], Some("load after serve[1]")),
            (&[Train, Serve(1)], Some("serve[1] after train")),
            (&[Train, Confirm(1), Train], Some("train after confirm[1]")),
            (&[Confirm(1), Probe(1)], Some("probe[1] after confirm[1]")),
            (&[Test, Validate], Some("validate after test")),
            (&[Test, Confirm(8)], Some("confirm[8] after test")),
        ] {
            let phase_order = phase_order(|_| {});
            let found = phases.iter().try_fold(None, |before, phase| {
                phase_order.check(before, *phase).map(|()| Some(*phase))
            });
            let said = found.err().map(|violation| violation.to_string());
            assert_eq!(said.is_some(), says.is_some(), "{phases:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
        }
    }

    #[test]
    fn only_what_the_job_asks_for_may_be_said() {
        type Edit = fn(&mut PhaseOrder);
        let of_all = |found| phase_order(|_| {}).check(None, found);
        for phase in [Phase::Serve(2), Phase::Probe(2), Phase::Confirm(2)] {
            assert_eq!(of_all(phase), Err(Violation::Unasked { found: phase }));
        }
        for (edit, phase) in [
            ((|phase_order| phase_order.trains = false) as Edit, Phase::Train),
            (|phase_order| phase_order.trains = false, Phase::Validate),
            (|phase_order| phase_order.serves.clear(), Phase::Serve(1)),
            (|phase_order| phase_order.probes.clear(), Phase::Probe(1)),
            (|phase_order| phase_order.confirms.clear(), Phase::Confirm(1)),
        ] {
            assert_eq!(of_all(phase), Ok(()), "{phase}");
            let found = phase_order(edit).check(None, phase);
            assert_eq!(found, Err(Violation::Unasked { found: phase }));
        }
    }
}
