//! What the model computes with.

use perftune::event::Precision;
use tch::nn::ModuleT;
use tch::{Device, Tensor};

use super::failure::Failure;
use super::models::{Model, Network};
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
        Precision::Bf16 => {
            Err(Failure::Job(format!("this libtorch has no `precision = \"bf16\"` on {device:?}")))
        }
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

impl Network for Mixed {
    fn flops(&self, sample: [i64; 3]) -> Option<i64> {
        self.model.flops(sample)
    }

    fn counted_flops(&self, sample: [i64; 3]) -> Option<i64> {
        self.model.counted_flops(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::models::{self, Input};
    use perftune::event::ModelSpec;
    use tch::{Kind, nn};

    fn build(precision: Precision) -> (nn::VarStore, Model) {
        tch::manual_seed(1);
        let store = nn::VarStore::new(Device::Cpu);
        let spec = ModelSpec { name: "cnn".to_owned(), ..ModelSpec::default() };
        let input = Input { shape: [1, 8, 8], classes: 10 };
        let model = models::build(&spec, &store.root(), input).unwrap();
        (store, with(precision, model, Device::Cpu).unwrap())
    }

    #[test]
    fn logits_are_brain_floats_and_weights_and_gradients_floats() {
        let images = Tensor::ones([4, 1, 8, 8], (Kind::Float, Device::Cpu));
        for (precision, kind) in [(Precision::Fp32, Kind::Float), (Precision::Bf16, Kind::BFloat16)]
        {
            let (store, model) = build(precision);
            for train in [true, false] {
                assert_eq!(model.forward_t(&images, train).kind(), kind);
            }
            let evaluated = tch::no_grad(|| model.forward_t(&images, false));
            assert_eq!(evaluated.kind(), kind);
            let loss = model.forward_t(&images, true).log_softmax(1, Kind::Float).sum(None);
            assert_eq!(loss.kind(), Kind::Float);
            loss.backward();
            for weights in store.trainable_variables() {
                assert_eq!((weights.kind(), weights.grad().kind()), (Kind::Float, Kind::Float));
            }
            // It ends with the pass.
            assert_eq!(images.view([4, 64]).matmul(&images.view([64, 4])).kind(), Kind::Float);
        }
    }

    #[test]
    fn a_pass_sees_the_weights_as_they_are_then() {
        let (store, model) = build(Precision::Bf16);
        let images = Tensor::ones([4, 1, 8, 8], (Kind::Float, Device::Cpu));
        let logits = || model.forward_t(&images, false).to_kind(Kind::Float);
        let before = logits();
        assert!(before.abs().sum(None).double_value(&[]) > 0.0);
        tch::no_grad(|| {
            for mut weights in store.trainable_variables() {
                let _ = weights.zero_();
            }
        });
        assert!(logits().abs().sum(None).double_value(&[]) == 0.0);
    }
}
