//! Multi-layer perceptron: every value of a sample, hidden layers with ReLU, logits.

use perftune::event::ModelSpec;
use tch::Tensor;
use tch::nn::{self, ModuleT};

use super::{Failure, Input, Knobs, Model, Network, layers};

#[derive(Debug)]
struct Mlp {
    hidden: Vec<nn::Linear>,
    head: nn::Linear,
}

pub(super) fn build(spec: &ModelSpec, path: &nn::Path<'_>, input: Input) -> Result<Model, Failure> {
    let knobs = Knobs::new(spec)?;
    let mut from: i64 = input.shape.iter().product();
    let mut hidden = Vec::new();
    for layer in 0..knobs.depth {
        hidden.push(layers::linear(path / "hidden" / layer, from, knobs.width));
        from = knobs.width;
    }
    let head = layers::head(path / "head", from, input.classes);
    Ok(Box::new(Mlp { hidden, head }))
}

impl ModuleT for Mlp {
    fn forward_t(&self, xs: &Tensor, _train: bool) -> Tensor {
        let flat = xs.flatten(1, -1);
        let last = self
            .hidden
            .iter()
            .fold(flat, |values, layer| values.apply(layer).relu());
        last.apply(&self.head)
    }
}

impl Network for Mlp {
    fn flops(&self, _sample: [i64; 3]) -> Option<i64> {
        let layers = self.hidden.iter().chain([&self.head]);
        Some(layers.map(layers::linear_flops).sum())
    }
}
