//! What the loss and the validation accuracy say: diverged, trained, or neither yet.

use super::curve::Curve;
use super::policy::StopPolicy;
use crate::event::{Divergence, EpochReport, Finished, LossOf, Num, OpenStage, StopDetail};
use crate::metric::ModelFigure;

/// Follows a training.
#[derive(Debug, Clone, Default)]
pub(super) struct TrainingWatch {
    /// The newest epoch.
    last: Option<EpochReport>,
    /// Best validation accuracy and its epoch.
    best: Option<(f64, u32)>,
    /// The validation accuracy of the first epoch and the highest one.
    first: Option<f64>,
    highest: f64,
    diverged: Option<Divergence>,
}

impl TrainingWatch {
    /// Epochs completed.
    pub(super) fn epochs(&self) -> u32 {
        self.last.as_ref().map_or(0, |report| report.epoch)
    }

    /// What was said last of the model; of the test data at its end.
    pub(super) fn says(&self, of: ModelFigure, finished: Option<&Finished>) -> Option<Num> {
        let last = self.last.as_ref();
        match of {
            ModelFigure::TrainLoss => Some(last?.train_loss),
            ModelFigure::ValidationLoss => last?.validation_loss,
            ModelFigure::ValidationAccuracy => last?.validation_accuracy,
            ModelFigure::TestLoss => finished?.test_loss,
            ModelFigure::TestAccuracy => finished?.test_accuracy,
        }
    }

    /// Takes the newest training loss.
    pub(super) fn loss(&mut self, loss: Num, steps: u64) {
        if loss.finite().is_none() {
            let epoch = self.epochs() + 1;
            self.diverge(Divergence { loss: LossOf::Step, value: loss, epoch, steps });
        }
    }

    /// Takes an epoch.
    pub(super) fn epoch(&mut self, report: &EpochReport, min_delta: f64) {
        for (what, loss) in [
            (LossOf::Training, Some(report.train_loss)),
            (LossOf::Validation, report.validation_loss),
        ] {
            if let Some(loss) = loss.filter(|loss| loss.finite().is_none()) {
                let epoch = report.epoch;
                self.diverge(Divergence { loss: what, value: loss, epoch, steps: 0 });
            }
        }
        if let Some(accuracy) = report.validation_accuracy.and_then(Num::finite) {
            self.highest = self.highest.max(accuracy);
            self.first.get_or_insert(accuracy);
            let better = |(best, _): (f64, u32)| accuracy > best && accuracy >= best + min_delta;
            if self.best.is_none_or(better) {
                self.best = Some((accuracy, report.epoch));
            }
        }
        self.last = Some(report.clone());
    }

    /// The validation accuracy so far, in a training of so many epochs with this part of the data held out.
    pub(super) fn curve(&self, budget: u32, held_out: f64) -> Option<Curve> {
        let (first, last) = (self.first?, self.last.as_ref()?);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of samples, rounded down"
        )]
        let samples = (last.samples as f64 * held_out / (1.0 - held_out)) as u64;
        Some(Curve { first, best: self.highest, epochs: last.epoch, budget, samples })
    }

    fn diverge(&mut self, detail: Divergence) {
        self.diverged.get_or_insert(detail);
    }

    /// The evidence that the loss is no longer a number.
    pub(super) fn diverged(&self) -> Option<Divergence> {
        self.diverged
    }

    /// The evidence that the validation accuracy has stopped improving; `open`: what is not known then.
    pub(super) fn trained(&self, policy: &StopPolicy, open: Vec<OpenStage>) -> Option<StopDetail> {
        let (best, at) = self.best?;
        let (patience, epochs) = (policy.patience.max(1), self.epochs());
        (epochs.saturating_sub(at) >= patience).then_some(StopDetail::Trained {
            min_delta: Num(policy.min_delta),
            patience,
            best: Num(best),
            at,
            epochs,
            open,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(epoch: u32, accuracy: f64) -> EpochReport {
        EpochReport {
            epoch,
            samples: 100,
            train_loss: Num(0.5),
            validation_loss: None,
            validation_accuracy: Some(Num(accuracy)),
        }
    }

    #[test]
    fn trained_means_no_gain_for_patience_epochs() {
        let policy = StopPolicy { patience: 2, min_delta: 0.01, ..StopPolicy::default() };
        for (accuracies, trained_at) in [
            (vec![0.5, 0.6, 0.7, 0.8], None),
            (vec![0.5, 0.6, 0.605, 0.609], Some(4)),
            (vec![0.5, 0.505, 0.511, 0.52], None),
            (vec![0.9, 0.8, 0.7], Some(3)),
            (vec![0.5], None),
        ] {
            let mut watch = TrainingWatch::default();
            let mut found = None;
            for (epoch, accuracy) in (1..).zip(&accuracies) {
                watch.epoch(&report(epoch, *accuracy), policy.min_delta);
                if found.is_none() && watch.trained(&policy, Vec::new()).is_some() {
                    found = Some(epoch);
                }
            }
            assert_eq!(found, trained_at, "{accuracies:?}");
        }
    }

    #[test]
    fn a_loss_that_is_no_number_is_the_end() {
        let mut watch = TrainingWatch::default();
        watch.loss(Num(2.0), 10);
        assert_eq!(watch.diverged(), None);
        watch.loss(Num(f64::NAN), 20);
        watch.loss(Num(f64::INFINITY), 30);
        let found = watch.diverged().unwrap();
        assert!(found.value.0.is_nan());
        assert_eq!((found.loss, found.epoch, found.steps), (LossOf::Step, 1, 20));
        let mut watch = TrainingWatch::default();
        watch.epoch(
            &EpochReport { validation_loss: Some(Num(f64::INFINITY)), ..report(3, 0.1) },
            0.0,
        );
        let value = Num(f64::INFINITY);
        let says = Divergence { loss: LossOf::Validation, value, epoch: 3, steps: 0 };
        assert_eq!(watch.diverged(), Some(says));
    }
}
