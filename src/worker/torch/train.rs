//! Training: optimiser steps, timed one by one.

use perftune::clock::Clock;
use perftune::event::TrainSpec;
use perftune::worker::link::Link;
use tch::nn::ModuleT;
use tch::{Device, Kind, Reduction, Tensor};

use super::data::{Epoch, TrainingData};
use super::device::synchronize;
use super::failure::Failure;
use super::optimizer::Optimizer;
use super::parameters::Parameters;
use super::size::signed;

/// A model that is being trained.
pub(super) struct Trainer<'a> {
    model: &'a dyn ModuleT,
    parameters: &'a mut Parameters,
    optimizer: Optimizer,
    batch: i64,
    device: Device,
}

/// What an epoch came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trained {
    /// Samples trained on.
    pub(super) samples: u64,
    /// Mean loss over them.
    pub(super) loss: f64,
}

impl<'a> Trainer<'a> {
    /// A trainer without history.
    pub(super) fn new(
        spec: &TrainSpec,
        model: &'a dyn ModuleT,
        parameters: &'a mut Parameters,
    ) -> Result<Self, Failure> {
        Ok(Self {
            model,
            optimizer: Optimizer::new(spec, &parameters.flat)?,
            device: parameters.flat.device(),
            parameters,
            batch: i64::from(spec.batch_size),
        })
    }

    /// Steps over all samples, the last one smaller where the batch size does not divide them. None: a stop came.
    pub(super) fn epoch<C: Clock>(
        &mut self,
        data: &mut TrainingData,
        link: &mut Link<C>,
    ) -> Result<Option<Trained>, Failure> {
        let total = signed(data.len());
        let epoch = data.epoch()?;
        let mut sum = 0.0;
        let mut from = 0;
        let mut start = link.now_ns();
        while from < total {
            if link.training_over() {
                return Ok(None);
            }
            let size = self.batch.min(total - from);
            let loss = self.step(&epoch, from, size)?;
            sum += loss * size as f64;
            from += size;
            let end = link.now_ns();
            // Each step begins when the one before it ended, so that what lies between them is not lost.
            start = if link.step(u32::try_from(size).unwrap_or(u32::MAX), start, end)? {
                link.flush(Some(loss))?;
                link.now_ns()
            } else {
                end
            };
        }
        Ok(Some(Trained { samples: total.unsigned_abs(), loss: sum / total as f64 }))
    }

    /// Steps that are not timed.
    pub(super) fn rehearse<C: Clock>(
        &mut self,
        steps: u32,
        data: &TrainingData,
        link: &Link<C>,
    ) -> Result<(), Failure> {
        let total = signed(data.len());
        let epoch = data.rehearsal()?;
        let mut from = 0;
        for _ in 0..steps {
            if link.stop_requested() {
                break;
            }
            let size = self.batch.min(total - from);
            self.step(&epoch, from, size)?;
            from = if from + size == total { 0 } else { from + size };
        }
        Ok(())
    }

    /// One step; returns its loss when the device has done all of it: so the time of the step is the device's, not the time
    /// to queue it. The loss is of 32-bit floats whatever the precision of the logits.
    pub(super) fn step(&mut self, epoch: &Epoch<'_>, from: i64, size: i64) -> Result<f64, Failure> {
        let (images, labels) = epoch.batch(from, size)?;
        let loss = self
            .model
            .forward_t(&images, true)
            .f_log_softmax(1, Kind::Float)?
            .f_nll_loss::<Tensor>(&labels, None, Reduction::Mean, -100)?;
        self.parameters.gradient(&loss, self.optimizer.gradient())?;
        self.optimizer.step(&mut self.parameters.flat)?;
        let loss = loss.f_double_value(&[])?;
        synchronize(self.device);
        Ok(loss)
    }
}
