//! What the model computes with.

use perftune::event::Precision;
use tch::nn::ModuleT;
use tch::{Device, Tensor};

use super::failure::Failure;
use super::models::Model;
use super::shim::Autocast;

/// A model whose every pass is in mixed precision: its weights stay 32-bit floats, products and convolutions are of 16-bit
/// brain floats, and so are the logits. The loss is computed of them in 32 bits, as autocast does on accelerators.
#[derive(Debug)]
struct Mixed {
    model: Model,
    device: Device,
}

/// The model as it is asked for.
pub(super) fn with(precision: Precision, model: Model, device: Device) -> Result<Model, Failure> {
    match precision {
        Precision::Fp32 => Ok(model),
        Precision::Bf16 if Autocast::on(device).is_some() => Ok(Box::new(Mixed { model, device })),
        Precision::Bf16 => Err(Failure::Job(format!(
            "this libtorch has no `precision = \"bf16\"` on {device:?}"
        ))),
    }
}

impl ModuleT for Mixed {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        // Not around the backward pass, whose types follow from this one; nor around the update, which is of the weights.
        // It was switched on once when this was built, so it is not silently left out here.
        let _on = Autocast::on(self.device);
        self.model.forward_t(xs, train)
    }
}
