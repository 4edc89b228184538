//! Serving: how the model answers a request, in evaluation mode. When requests come is the business of
//! [`perftune::worker::serving`].

use perftune::clock::Clock;
use perftune::load::Pace;
use perftune::worker::link::Link;
use perftune::worker::serving::Answer;
use tch::nn::ModuleT;
use tch::{Device, Tensor};

use super::data::TrainingData;
use super::device::synchronize;
use super::failure::Failure;

/// Distinct requests of one size: enough that no answer can be remembered by a cache of the processor's alone.
const REQUESTS: i64 = 64;

/// Requests of one size, prepared beforehand.
pub(super) struct Server<'a> {
    model: &'a dyn ModuleT,
    device: Device,
    size: u32,
    /// In host memory, as if they had just arrived.
    requests: Vec<Tensor>,
    next: usize,
    answers: Vec<i64>,
}

impl<'a> Server<'a> {
    /// Requests of `size` samples, drawn in turn from the held-out training data.
    pub(super) fn new(
        model: &'a dyn ModuleT,
        data: &TrainingData,
        size: u32,
        device: Device,
    ) -> Result<Self, Failure> {
        let samples = data.request_samples();
        let (total, wanted) = (samples.len(), i64::from(size));
        let count = (total / wanted).clamp(1, REQUESTS);
        let requests = (0..count).map(|request| {
            // Counted round and round where a request is larger than the data.
            let rows = Tensor::f_arange_start(
                request * wanted,
                (request + 1) * wanted,
                (tch::Kind::Int64, device),
            )?
            .f_remainder(total)?;
            let images = samples.images.f_index_select(0, &rows)?;
            Ok(images.f_to_device(Device::Cpu)?)
        });
        Ok(Self {
            model,
            device,
            size,
            requests: requests.collect::<Result<_, Failure>>()?,
            next: 0,
            answers: vec![0; size as usize],
        })
    }

    /// Requests that are not timed.
    pub(super) fn rehearse<C: Clock>(
        &mut self,
        requests: u32,
        link: &Link<C>,
    ) -> Result<(), Failure> {
        for _ in 0..requests {
            if link.stop_requested() {
                break;
            }
            self.predict()?;
        }
        Ok(())
    }

    /// One request: from samples in host memory to classes in host memory.
    fn predict(&mut self) -> Result<(), Failure> {
        let request = &self.requests[self.next];
        self.next = (self.next + 1) % self.requests.len();
        tch::no_grad(|| {
            let logits = self.model.forward_t(&request.f_to_device(self.device)?, false);
            let classes = logits.f_argmax(1, false)?.f_to_device(Device::Cpu)?;
            classes.f_copy_data(&mut self.answers, self.size as usize)?;
            synchronize(self.device);
            Ok(())
        })
    }
}

impl<C: Pace> Answer<C> for Server<'_> {
    type Error = Failure;

    fn answer(&mut self) -> Result<(), Failure> {
        self.predict()
    }
}
