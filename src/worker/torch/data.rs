//! Data in memory: one tensor of samples and one of labels, where the model is.

use std::collections::BTreeMap;
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
        with_one_thread(|| Self::decode(set, device))
    }

    fn decode(set: &DataSet, device: Device) -> Result<Self, Failure> {
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

/// Does `work` with one compute thread. A copy of a block is too small to be shared: on a busy machine the threads would wait for
/// each other at each of hundreds.
fn with_one_thread<T>(work: impl FnOnce() -> T) -> T {
    let threads = tch::get_num_threads();
    tch::set_num_threads(1);
    let done = work();
    tch::set_num_threads(threads);
    done
}

/// Which rows of the training part are held out and which are trained on, chosen by the run's seed.
#[derive(Debug)]
pub(super) struct Split {
    held_out: Vec<i64>,
    trained_on: Vec<i64>,
}

impl Split {
    /// Holds out so many of `rows`.
    pub(super) fn new(rows: u64, held_out: u64, seed: u64) -> Self {
        let mut rows: Vec<i64> = (0..i64::try_from(rows).unwrap_or(i64::MAX)).collect();
        Rng::new(seed, SPLIT_STREAM).shuffle(&mut rows);
        let held_out = usize::try_from(held_out).unwrap_or(usize::MAX).min(rows.len());
        let trained_on = rows.split_off(held_out);
        Self { held_out: rows, trained_on }
    }

    /// Samples trained on in an epoch.
    pub(super) const fn trained_on(&self) -> usize {
        self.trained_on.len()
    }

    /// The first `most` rows that requests are made of: held-out samples, or all in their order where none are held out.
    fn of_requests(&self, most: usize) -> Vec<i64> {
        if self.held_out.is_empty() {
            return (0..signed(self.trained_on.len().min(most))).collect();
        }
        self.held_out.iter().copied().take(most).collect()
    }
}

/// The images of at most so many samples to make requests of, in host memory. All else is left where it is: what serves the
/// model holds no training data.
pub(super) fn requests(set: &DataSet, split: &Split, most: usize) -> Result<Tensor, Failure> {
    with_one_thread(|| collect(set, split, most))
}

fn collect(set: &DataSet, split: &Split, most: usize) -> Result<Tensor, Failure> {
    let places: BTreeMap<i64, i64> = split.of_requests(most).into_iter().zip(0..).collect();
    let [channels, height, width] = set.manifest().shape.map(i64::from);
    let shape = [signed(places.len()), channels, height, width];
    let images = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?;
    let mut at = 0;
    set.read::<Train, Failure>(|block| {
        let size = signed(block.labels.len());
        let values = block.images.chunks_exact(set.manifest().values());
        for (row, sample) in (at..).zip(values) {
            if let Some(place) = places.get(&row) {
                let sample = Tensor::f_from_slice(sample)?.f_view(&shape[1..])?;
                images.i(*place).f_copy_(&sample)?;
            }
        }
        at += size;
        Ok(())
    })?;
    Ok(images)
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
    /// Reads all of it.
    pub(super) fn load(
        set: &DataSet,
        split: &Split,
        seed: u64,
        device: Device,
    ) -> Result<Self, Failure> {
        let all = Samples::<Train>::load(set, device)?;
        let validation = all.select(&split.held_out)?;
        let order = split.trained_on.clone();
        Ok(Self { validation, all, order, rng: Rng::new(seed, EPOCH_STREAM) })
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
