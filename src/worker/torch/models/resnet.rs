//! Residual net as for CIFAR (He et al. 2016, section 4.2): a 3x3 convolution, three stages of n basic blocks with
//! 1, 2 and 4 times the width, global average pooling, logits: 6n + 2 layers. Where a stage changes the shape, the shortcut is
//! a 1x1 convolution.

use perftune::event::ModelSpec;
use tch::Tensor;
use tch::nn::{self, ModuleT};

use super::layers::{ConvNorm, Counted};
use super::{Failure, Input, Knobs, Model, Network, layers};

/// Sides below this are not halved any more: nothing would be left to convolve.
const SMALLEST_HALVED: i64 = 4;

#[derive(Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

#[derive(Debug)]
struct ResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    head: nn::Linear,
}

pub(super) fn build(spec: &ModelSpec, path: &nn::Path<'_>, input: Input) -> Result<Model, Failure> {
    let knobs = Knobs::new(spec)?;
    let [channels, height, width] = input.shape;
    let mut side = height.min(width);
    let mut from = knobs.width;
    let stem = ConvNorm::new(&(path / "stem"), (channels, from), 3, 1);
    let mut blocks = Vec::new();
    for stage in 0..3 {
        let to = knobs.width << stage;
        for block in 0..(knobs.depth - 2) / 6 {
            let halve = stage > 0 && block == 0 && side >= SMALLEST_HALVED;
            let stride = if halve { 2 } else { 1 };
            side = if halve { (side + 1) / 2 } else { side };
            blocks.push(Block::new(
                &(path / "stage" / stage / block),
                (from, to),
                stride,
            ));
            from = to;
        }
    }
    let head = layers::head(path / "head", from, input.classes);
    Ok(Box::new(ResNet { stem, blocks, head }))
}

impl Block {
    fn new(path: &nn::Path<'_>, (from, to): (i64, i64), stride: i64) -> Self {
        let reshapes = from != to || stride != 1;
        Self {
            first: ConvNorm::new(&(path / "first"), (from, to), 3, stride),
            second: ConvNorm::new(&(path / "second"), (to, to), 3, 1),
            shortcut: reshapes.then(|| ConvNorm::new(&(path / "shortcut"), (from, to), 1, stride)),
        }
    }
}

impl ModuleT for Block {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let inner = self.first.forward_t(xs, train).relu_();
        let mut residual = self.second.forward_t(&inner, train);
        // In place: nothing that the gradient needs is overwritten, and large tensors are not copied.
        match &self.shortcut {
            Some(shortcut) => residual.g_add_(&shortcut.forward_t(xs, train)).relu_(),
            None => residual.g_add_(xs).relu_(),
        }
    }
}

impl ModuleT for ResNet {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let input = layers::channels_last(xs);
        let stem = self.stem.forward_t(&input, train).relu_();
        let last = self
            .blocks
            .iter()
            .fold(stem, |values, block| block.forward_t(&values, train));
        last.adaptive_avg_pool2d([1, 1])
            .flatten(1, -1)
            .apply(&self.head)
    }
}

impl Network for ResNet {
    fn flops(&self, [_, height, width]: [i64; 3]) -> Option<i64> {
        let mut sum = self.stem.count(height, width);
        for block in &self.blocks {
            let Counted { flops, height, width } = sum;
            let first = block.first.count(height, width);
            let second = block.second.count(first.height, first.width);
            let shortcut = block.shortcut.as_ref().map_or(0, |s| s.count(height, width).flops);
            sum = Counted { flops: flops + first.flops + second.flops + shortcut, ..second };
        }
        Some(sum.flops + layers::linear_flops(&self.head))
    }
}
