//! The phases that a job asks for, and the order in which they come:
//!
//! ```text
//! load warmup (serve[N] | probe[N])* load warmup (train | validate)* confirm[N]* test
//! ```
//!
//! Each may be left out, and come again within its group; none comes after a later group has begun. What is trained on may be
//! loaded when serving is over, so that the memory of what serves has nothing of it. A phase of another
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
    /// The group of the last phase.
    reached: u8,
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
            reached: 0,
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
    pub(super) fn check(&mut self, before: Option<Phase>, found: Phase) -> Result<(), Violation> {
        if !self.asks_for(found) {
            return Err(Violation::Unasked { found });
        }
        let group = self.group(found);
        match before {
            Some(before) if !self.free && group < self.reached => {
                Err(Violation::Late { found, before })
            }
            _ => {
                self.reached = group;
                Ok(())
            }
        }
    }

    /// Where a phase comes, now.
    const fn group(&self, phase: Phase) -> u8 {
        let again = self.trains && self.reached >= SERVING;
        match phase {
            Phase::Load if again => 3,
            Phase::Run | Phase::Load => 0,
            Phase::Warmup if again => 4,
            Phase::Warmup => 1,
            Phase::Serve(_) | Phase::Probe(_) => SERVING,
            Phase::Train | Phase::Validate => 5,
            Phase::Confirm(_) => 6,
            Phase::Test => 7,
        }
    }
}

/// The group of the phases that serve.
const SERVING: u8 = 2;

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
            reached: 0,
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
                    Load,
                    Warmup,
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
            (&[Serve(1), Load, Train], None),
            (&[Warmup, Load], Some("load after warmup")),
            (&[Serve(1), Load, Serve(8)], Some("serve[8] after load")),
            (&[Serve(1), Warmup, Load], Some("load after warmup")),
            (&[Serve(1), Train, Load], Some("load after train")),
            (&[Train, Warmup], Some("warmup after train")),
            (&[Train, Serve(1)], Some("serve[1] after train")),
            (&[Train, Confirm(1), Train], Some("train after confirm[1]")),
            (&[Confirm(1), Probe(1)], Some("probe[1] after confirm[1]")),
            (&[Test, Validate], Some("validate after test")),
            (&[Test, Confirm(8)], Some("confirm[8] after test")),
        ] {
            let mut phase_order = phase_order(|_| {});
            let found = phases.iter().try_fold(None, |before, phase| {
                phase_order.check(before, *phase).map(|()| Some(*phase))
            });
            let said = found.err().map(|violation| violation.to_string());
            assert_eq!(said.is_some(), says.is_some(), "{phases:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
        }
    }

    #[test]
    fn a_second_load_is_for_training() {
        let mut phase_order = phase_order(|phase_order| phase_order.trains = false);
        assert_eq!(phase_order.check(None, Phase::Serve(1)), Ok(()));
        let late = Violation::Late { found: Phase::Load, before: Phase::Serve(1) };
        assert_eq!(phase_order.check(Some(Phase::Serve(1)), Phase::Load), Err(late));
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
