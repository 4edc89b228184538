//! Loss and accuracy on data that is not trained on.

use perftune::clock::Clock;
use perftune::dataset::Part;
use perftune::worker::link::Link;
use tch::nn::ModuleT;
use tch::{Kind, Reduction, Tensor};

use super::data::Samples;
use super::device::synchronize;
use super::failure::Failure;

/// Samples a step: large, yet a step of the largest default model takes well below the time between two messages.
const BATCH: i64 = 256;

/// What an evaluation found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// Mean loss.
    pub(super) loss: f64,
    /// Share of the samples classified rightly.
    pub(super) accuracy: f64,
    /// How many there were.
    pub(super) samples: u64,
}

/// How an evaluation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Evaluation {
    /// All samples were looked at; none: there are no samples.
    Done(Option<Score>),
    /// It was left between two steps.
    Left,
}

/// Evaluates the model on all samples, in the phase that the link is in, unless `leave` says so between two steps.
pub(super) fn evaluate<P: Part, C: Clock>(
    model: &dyn ModuleT,
    samples: &Samples<P>,
    link: &mut Link<C>,
    leave: impl Fn(&Link<C>) -> bool,
) -> Result<Evaluation, Failure> {
    let total = samples.len();
    let (mut loss, mut correct) = (0.0, 0);
    let mut start = link.now_ns();
    let mut from = 0;
    while from < total {
        if leave(link) {
            return Ok(Evaluation::Left);
        }
        let size = BATCH.min(total - from);
        let images = samples.images.f_narrow(0, from, size)?;
        let labels = samples.labels.f_narrow(0, from, size)?;
        let (batch_loss, batch_correct) = tch::no_grad(|| score(model, &images, &labels))?;
        loss += batch_loss;
        correct += batch_correct;
        from += size;
        let end = link.now_ns();
        start = if link.step(u32::try_from(size).unwrap_or(u32::MAX), start, end)? {
            link.flush(None)?;
            link.now_ns()
        } else {
            end
        };
    }
    Ok(Evaluation::Done((total > 0).then(|| Score {
        loss: loss / total as f64,
        accuracy: correct as f64 / total as f64,
        samples: total.unsigned_abs(),
    })))
}

/// One step whose result is thrown away: it takes the memory that evaluating takes, which would otherwise come as a surprise
/// after the first epoch.
pub(super) fn rehearse<P: Part>(model: &dyn ModuleT, samples: &Samples<P>) -> Result<(), Failure> {
    let size = BATCH.min(samples.len());
    if size > 0 {
        let images = samples.images.f_narrow(0, 0, size)?;
        let labels = samples.labels.f_narrow(0, 0, size)?;
        let _ = tch::no_grad(|| score(model, &images, &labels))?;
    }
    Ok(())
}

/// Summed loss and number of right answers.
fn score(model: &dyn ModuleT, images: &Tensor, labels: &Tensor) -> Result<(f64, i64), Failure> {
    let logits = model.forward_t(images, false);
    let losses = logits.f_log_softmax(1, Kind::Float)?.f_nll_loss::<Tensor>(
        labels,
        None,
        Reduction::Sum,
        -100,
    )?;
    let right = logits.f_argmax(1, false)?.f_eq_tensor(labels)?.f_sum(Kind::Int64)?;
    let score = (losses.f_double_value(&[])?, right.f_int64_value(&[])?);
    synchronize(images.device());
    Ok(score)
}
