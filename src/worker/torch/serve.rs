//! Serving: how the model answers a request, in evaluation mode. When requests come is the business of
//! [`perftune::worker::serving`].

use perftune::clock::Clock;
use perftune::load::Pace;
use perftune::worker::link::Link;
use perftune::worker::serving::Answer;
use tch::nn::ModuleT;
use tch::{Device, Tensor};

use super::device::synchronize;
use super::failure::Failure;

/// Distinct requests of one size: enough that no answer can be remembered by a cache of the processor's alone.
const REQUESTS: u32 = 64;

/// Samples that requests of these sizes are made of.
pub(super) fn samples_of(sizes: &[u32]) -> usize {
    let largest = sizes.iter().max().copied().unwrap_or(0);
    usize::try_from(u64::from(REQUESTS) * u64::from(largest)).unwrap_or(usize::MAX)
}

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
    /// Requests of `size` samples, drawn in turn from these images in host memory.
    pub(super) fn new(
        model: &'a dyn ModuleT,
        samples: &Tensor,
        size: u32,
        device: Device,
    ) -> Result<Self, Failure> {
        let (total, wanted) = (samples.size()[0], i64::from(size));
        let count = (total / wanted).clamp(1, i64::from(REQUESTS));
        let requests = (0..count).map(|request| {
            // Counted round and round where a request is larger than the data.
            let rows = Tensor::f_arange_start(
                request * wanted,
                (request + 1) * wanted,
                (tch::Kind::Int64, Device::Cpu),
            )?
            .f_remainder(total)?;
            Ok(samples.f_index_select(0, &rows)?)
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
            let moved;
            // To be told that nothing has to be moved takes libtorch a hundredth of a short request.
            let request = if self.device == Device::Cpu {
                request
            } else {
                moved = request.f_to_device(self.device)?;
                &moved
            };
            let classes = self.model.forward_t(request, false).f_argmax(1, false)?;
            // Into host memory, from wherever they are.
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
