//! Update rules over one flat tensor of weights, with PyTorch's semantics.
//!
//! libtorch's own optimisers make some seven small operations for each weight tensor; over the flat tensor it is seven in
//! all. Factors are folded so that only operations with a scalar or none are needed.

use perftune::event::{Optimizer as Rule, TrainSpec};
use tch::{Kind, Tensor};

use super::failure::Failure;

/// PyTorch's defaults for Adam and AdamW.
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// SGD's momentum.
const MOMENTUM: f64 = 0.9;

/// An update rule and its state.
#[derive(Debug)]
pub(super) struct Optimizer {
    rule: Rule,
    learning_rate: f64,
    /// The penalty as a scalar on the device, where it is not zero.
    weight_decay: Option<(f64, Tensor)>,
    /// Gradient of the step, in the layout of the weights.
    gradient: Tensor,
    /// First moment, or momentum.
    first: Tensor,
    /// Second moment times `1 / (1 - BETA2)`, and room for what the step is divided by. Adam only.
    second: Option<(Tensor, Tensor)>,
    /// `-learning_rate` as a scalar on the device. SGD only.
    step_size: Option<Tensor>,
    steps: i32,
}

impl Optimizer {
    /// A rule without history, for weights like `flat`.
    pub(super) fn new(train: &TrainSpec, flat: &Tensor) -> Result<Self, Failure> {
        let scalar = |value: f64| Tensor::f_full([], value, (Kind::Float, flat.device()));
        let zeros = || flat.f_zeros_like();
        let adam = train.optimizer != Rule::Sgd;
        Ok(Self {
            rule: train.optimizer,
            learning_rate: train.learning_rate,
            weight_decay: (train.weight_decay != 0.0)
                .then(|| scalar(train.weight_decay).map(|tensor| (train.weight_decay, tensor)))
                .transpose()?,
            gradient: zeros()?,
            first: zeros()?,
            second: adam.then(|| Ok::<_, Failure>((zeros()?, zeros()?))).transpose()?,
            step_size: (!adam).then(|| scalar(-train.learning_rate)).transpose()?,
            steps: 0,
        })
    }

    /// Where the gradient of the next step is to be written.
    pub(super) const fn gradient(&self) -> &Tensor {
        &self.gradient
    }

    /// Updates the weights by the gradient.
    pub(super) fn step(&mut self, weights: &mut Tensor) -> Result<(), Failure> {
        self.steps = self.steps.saturating_add(1);
        tch::no_grad(|| {
            if let Some((decay, scalar)) = &self.weight_decay {
                if self.rule == Rule::Adamw {
                    let _ = weights.f_mul_scalar_(1.0 - self.learning_rate * decay)?;
                } else {
                    let _ = self.gradient.f_addcmul_(weights, scalar)?;
                }
            }
            match (&mut self.second, &self.step_size) {
                (Some((second, room)), _) => {
                    let folded = Folded::at(self.steps, self.learning_rate);
                    let Some(folded) = folded else { return Ok(()) };
                    let _ = self.first.f_lerp_(&self.gradient, 1.0 - BETA1)?;
                    let _ = second.f_mul_scalar_(BETA2)?;
                    let _ = second.f_addcmul_(&self.gradient, &self.gradient)?;
                    let _ = second.f_sqrt_out(room)?;
                    let _ = room.f_mul_scalar_(folded.scale)?;
                    let _ = room.f_add_scalar_(folded.shift)?;
                    let _ = weights.f_addcdiv_(&self.first, room)?;
                }
                (None, Some(step_size)) => {
                    let _ = self.first.f_mul_scalar_(MOMENTUM)?;
                    let _ = self.first.f_add_(&self.gradient)?;
                    let _ = weights.f_addcmul_(&self.first, step_size)?;
                }
                (None, None) => {}
            }
            Ok(())
        })
    }
}

/// Adam's step `-lr / c1 * m / (sqrt(v / c2) + eps)`, with `c1 = 1 - BETA1^t` and `c2 = 1 - BETA2^t`, as
/// `m / (scale * sqrt(u) + shift)`, where `u = v / (1 - BETA2)` is what is kept.
struct Folded {
    scale: f64,
    shift: f64,
}

impl Folded {
    /// None: a learning rate of 0 changes nothing.
    fn at(step: i32, learning_rate: f64) -> Option<Self> {
        let factor = -(1.0 - BETA1.powi(step)) / learning_rate;
        factor.is_finite().then(|| Self {
            scale: factor * ((1.0 - BETA2) / (1.0 - BETA2.powi(step))).sqrt(),
            shift: factor * EPSILON,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;
    use tch::nn::{self, OptimizerConfig};

    fn spec(optimizer: Rule, learning_rate: f64, weight_decay: f64) -> TrainSpec {
        TrainSpec {
            epochs: 1,
            batch_size: 1,
            optimizer,
            learning_rate,
            weight_decay,
            validation_share: 0.0,
            warmup_steps: 0,
        }
    }

    /// The weights after some steps by libtorch's own optimiser and by this one, on the same loss.
    fn both(rule: Rule, decay: f64) -> (Vec<f64>, Vec<f64>) {
        let start = Tensor::from_slice(&[1.0_f32, -2.0, 0.5, 3.0]);
        let target = Tensor::from_slice(&[0.9_f32, -1.0, -0.5, 3.0]);
        let loss = |weights: &Tensor| (weights - &target).pow_tensor_scalar(4).sum(Kind::Float);

        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().var_copy("w", &start);
        let mut optimizer = match rule {
            Rule::Sgd => nn::sgd(MOMENTUM, 0.0, decay, false).build(&store, 0.01),
            Rule::Adam => nn::adam(BETA1, BETA2, decay).build(&store, 0.01),
            Rule::Adamw => nn::adamw(BETA1, BETA2, decay).build(&store, 0.01),
        }
        .unwrap();
        let mut weights = start.copy();
        let mut own = Optimizer::new(&spec(rule, 0.01, decay), &weights).unwrap();
        for _ in 0..50 {
            optimizer.backward_step(&loss(&theirs));
            let leaf = weights.detach().copy().set_requires_grad(true);
            let gradient = Tensor::run_backward(&[loss(&leaf)], &[&leaf], false, false);
            own.gradient().shallow_clone().copy_(&gradient[0]);
            own.step(&mut weights).unwrap();
        }
        let values =
            |tensor: &Tensor| Vec::<f64>::try_from(tensor.detach().to_kind(Kind::Double)).unwrap();
        (values(&theirs), values(&weights))
    }

    #[test]
    fn fifty_steps_agree_with_libtorchs_own_optimisers() {
        for rule in [Rule::Sgd, Rule::Adam, Rule::Adamw] {
            for decay in [0.0, 0.1] {
                let (theirs, own) = both(rule, decay);
                for (their, own) in theirs.iter().zip(&own) {
                    assert!(
                        (their - own).abs() < 2e-6 * their.abs().max(1.0),
                        "{rule} {decay}: {theirs:?} {own:?}"
                    );
                }
                assert!((own[0] - 1.0).abs() > 1e-3, "{rule}: it moved");
            }
        }
    }

    #[test]
    fn a_learning_rate_of_zero_changes_nothing() {
        for rule in [Rule::Sgd, Rule::Adam, Rule::Adamw] {
            let mut weights = Tensor::from_slice(&[1.0_f32, -2.0]);
            let mut optimizer = Optimizer::new(&spec(rule, 0.0, 0.1), &weights).unwrap();
            let _ = optimizer.gradient().shallow_clone().fill_(3.0);
            optimizer.step(&mut weights).unwrap();
            assert_eq!(Vec::<f32>::try_from(&weights).unwrap(), [1.0, -2.0], "{rule}");
        }
    }
}
