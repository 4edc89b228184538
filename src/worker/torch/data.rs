//! Data in memory: one tensor of samples and one of labels, where the model is.

use std::marker::PhantomData;

use perftune::dataset::{DataSet, Part, Train};
use tch::{Device, IndexOp, Kind, Tensor};

use super::failure::Failure;
use super::order::Rng;
use super::size::signed;

/// Streams of the run's seed.
const SPLIT_STREAM: u64 = 1;
const EPOCH_STREAM: u64 = 2;

/// One part of a data set. Training code takes `Samples<Train>`, so test data cannot reach it.
#[derive(Debug)]
pub(super) struct Samples<P> {
    /// N x C x H x W, 32-bit floats in 0..1.
    pub(super) images: Tensor,
    /// N classes, 64-bit integers.
    pub(super) labels: Tensor,
    part: PhantomData<P>,
}

impl<P: Part> Samples<P> {
    /// Decodes the part straight into its tensors: it is never twice in memory.
    pub(super) fn load(set: &DataSet, device: Device) -> Result<Self, Failure> {
        let manifest = set.manifest();
        let rows = i64::try_from(if P::NAME == Train::NAME {
            manifest.train_rows
        } else {
            manifest.test_rows
        });
        let rows = rows.map_err(|_| Failure::Job(format!("`{}` is too large", manifest.name)))?;
        let [channels, height, width] = manifest.shape.map(i64::from);
        let images = Tensor::f_empty([rows, channels, height, width], (Kind::Float, Device::Cpu))?;
        let labels = Tensor::f_empty([rows], (Kind::Int64, Device::Cpu))?;
        let mut at = 0;
        set.read::<P, Failure>(|block| {
            let size = signed(block.labels.len());
            if at + size > rows {
                // The reader fails at the end of the part, with the count: nothing to keep meanwhile.
                return Ok(());
            }
            let values = Tensor::f_from_slice(block.images)?;
            images.i(at..at + size).f_copy_(&values.f_view([size, channels, height, width])?)?;
            labels.i(at..at + size).f_copy_(&Tensor::f_from_slice(block.labels)?)?;
            at += size;
            Ok(())
        })?;
        Ok(Self {
            images: images.f_to_device(device)?,
            labels: labels.f_to_device(device)?,
            part: PhantomData,
        })
    }

    /// Number of samples.
    pub(super) fn len(&self) -> i64 {
        signed(self.labels.numel())
    }

    /// Copies of these samples.
    fn select(&self, indices: &[i64]) -> Result<Self, Failure> {
        let indices = Tensor::f_from_slice(indices)?.f_to_device(self.images.device())?;
        Ok(Self {
            images: self.images.f_index_select(0, &indices)?,
            labels: self.labels.f_index_select(0, &indices)?,
            part: PhantomData,
        })
    }
}

/// The training part, split: what is trained on and what is held out.
#[derive(Debug)]
pub(super) struct TrainingData {
    all: Samples<Train>,
    /// Rows of `all` that are trained on, in the order of the current epoch.
    order: Vec<i64>,
    rng: Rng,
    /// The held-out samples, none if the share is 0.
    pub(super) validation: Samples<Train>,
}

impl TrainingData {
    /// Splits off `held_out` of the samples, chosen by the seed.
    pub(super) fn new(
        set: &DataSet,
        held_out: u64,
        seed: u64,
        device: Device,
    ) -> Result<Self, Failure> {
        let all = Samples::<Train>::load(set, device)?;
        let mut rows: Vec<i64> = (0..all.len()).collect();
        Rng::new(seed, SPLIT_STREAM).shuffle(&mut rows);
        let held_out = usize::try_from(held_out).unwrap_or(usize::MAX).min(rows.len());
        let order = rows.split_off(held_out);
        Ok(Self { validation: all.select(&rows)?, all, order, rng: Rng::new(seed, EPOCH_STREAM) })
    }

    /// Samples trained on in an epoch.
    pub(super) const fn len(&self) -> usize {
        self.order.len()
    }

    /// The samples in a new order, for one epoch.
    pub(super) fn epoch(&mut self) -> Result<Epoch<'_>, Failure> {
        self.rng.shuffle(&mut self.order);
        self.in_order(&self.order)
    }

    /// Some samples for warming up; the orders of the epochs to come do not change by it.
    pub(super) fn rehearsal(&self) -> Result<Epoch<'_>, Failure> {
        self.in_order(&self.order)
    }

    fn in_order(&self, order: &[i64]) -> Result<Epoch<'_>, Failure> {
        Ok(Epoch {
            samples: &self.all,
            order: Tensor::f_from_slice(order)?.f_to_device(self.all.images.device())?,
        })
    }

    /// What requests are made of: held-out samples, or training samples where none are held out.
    pub(super) fn request_samples(&self) -> &Samples<Train> {
        if self.validation.len() == 0 { &self.all } else { &self.validation }
    }
}

/// The samples in one epoch's order.
#[derive(Debug)]
pub(super) struct Epoch<'a> {
    samples: &'a Samples<Train>,
    order: Tensor,
}

impl Epoch<'_> {
    /// Images and labels of the samples `from..from + size`.
    pub(super) fn batch(&self, from: i64, size: i64) -> Result<(Tensor, Tensor), Failure> {
        let rows = self.order.f_narrow(0, from, size)?;
        Ok((
            self.samples.images.f_index_select(0, &rows)?,
            self.samples.labels.f_index_select(0, &rows)?,
        ))
    }
}
