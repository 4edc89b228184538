//! Plain convolutional net: blocks of a 3x3 convolution, batch norm, ReLU and 2x2 pooling, then logits.

use perftune::event::ModelSpec;
use tch::Tensor;
use tch::nn::{self, ModuleT};

use super::layers::ConvNorm;
use super::{Failure, Input, Knobs, Model, Network, layers};

#[derive(Debug)]
struct Cnn {
    blocks: Vec<ConvNorm>,
    head: nn::Linear,
}

pub(super) fn build(spec: &ModelSpec, path: &nn::Path<'_>, input: Input) -> Result<Model, Failure> {
    let knobs = Knobs::new(spec)?;
    let [mut channels, mut height, mut width] = input.shape;
    let mut blocks = Vec::new();
    for block in 0..knobs.depth {
        // Each block halves the sides, so it can afford twice the channels.
        let wanted = knobs.width << block;
        blocks.push(ConvNorm::new(
            &(path / "block" / block),
            (channels, wanted),
            3,
            1,
        ));
        channels = wanted;
        (height, width) = ((height + 1) / 2, (width + 1) / 2);
    }
    let head = layers::head(path / "head", channels * height * width, input.classes);
    Ok(Box::new(Cnn { blocks, head }))
}

impl ModuleT for Cnn {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let mut values = layers::channels_last(xs);
        for block in &self.blocks {
            // Rounding up: a side of 3 becomes 2, a side of 1 stays.
            values = block.forward_t(&values, train).relu_().max_pool2d(
                [2, 2],
                [2, 2],
                [0, 0],
                [1, 1],
                true,
            );
        }
        layers::flat(&values).apply(&self.head)
    }
}

impl Network for Cnn {
    fn flops(&self, [_, mut height, mut width]: [i64; 3]) -> Option<i64> {
        let mut flops = layers::linear_flops(&self.head);
        for block in &self.blocks {
            flops += block.count(height, width).flops;
            (height, width) = ((height + 1) / 2, (width + 1) / 2);
        }
        Some(flops)
    }
}
