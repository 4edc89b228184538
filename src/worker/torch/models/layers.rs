//! Layers that several models share.

use tch::nn::{self, Init, ModuleT};
use tch::{Tensor, nn::init};

use crate::torch::size::signed;

/// A linear layer with He initialisation for a ReLU after it, and no initial bias.
pub(super) fn linear(path: nn::Path<'_>, from: i64, to: i64) -> nn::Linear {
    let config = nn::LinearConfig {
        ws_init: init::DEFAULT_KAIMING_NORMAL,
        bs_init: Some(Init::Const(0.0)),
        bias: true,
    };
    nn::linear(path, from, to, config)
}

/// The last layer, whose outputs are the logits: variance 1/n, since no ReLU follows.
pub(super) fn head(path: nn::Path<'_>, from: i64, classes: i64) -> nn::Linear {
    let config = nn::LinearConfig {
        ws_init: Init::Kaiming {
            dist: init::NormalOrUniform::Normal,
            fan: init::FanInOut::FanIn,
            non_linearity: init::NonLinearity::Linear,
        },
        bs_init: Some(Init::Const(0.0)),
        bias: true,
    };
    nn::linear(path, from, classes, config)
}

/// The same N x C x H x W samples with their channels side by side in memory, as libtorch's fastest CPU convolutions want
/// them: else each of these reorders its input and its output. Layers after the first keep the order that they get.
pub(super) fn channels_last(xs: &Tensor) -> Tensor {
    let (n, c, h, w) = xs.size4().unwrap_or_default();
    // A single channel lies the same in memory either way; only its strides tell libtorch which way is meant. It is not
    // copied then, so the samples may begin anywhere in their memory: no offset is given.
    xs.permute([0, 2, 3, 1]).contiguous().as_strided([n, c, h, w], [h * w * c, 1, w * c, c], None)
}

/// The values of each sample in a row, from samples with their channels side by side: a view, no copy.
pub(super) fn flat(xs: &Tensor) -> Tensor {
    xs.permute([0, 2, 3, 1]).flatten(1, -1)
}

/// A convolution without bias and the batch norm after it.
#[derive(Debug)]
pub(super) struct ConvNorm {
    conv: nn::Conv2D,
    norm: nn::BatchNorm,
    stride: i64,
}

/// Floating-point operations of a linear layer for one sample.
pub(super) fn linear_flops(layer: &nn::Linear) -> i64 {
    2 * signed(layer.ws.numel())
}

/// Operations, and the height and width of what comes out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) flops: i64,
    pub(super) height: i64,
    pub(super) width: i64,
}

impl ConvNorm {
    /// `size` x `size`, padded so that stride 1 keeps the height and width.
    pub(super) fn new(path: &nn::Path<'_>, (from, to): (i64, i64), size: i64, stride: i64) -> Self {
        let config = nn::ConvConfig {
            stride,
            padding: size / 2,
            bias: false,
            // He et al. 2015, by fan-out as for residual nets.
            ws_init: Init::Kaiming {
                dist: init::NormalOrUniform::Normal,
                fan: init::FanInOut::FanOut,
                non_linearity: init::NonLinearity::ReLU,
            },
            ..nn::ConvConfig::default()
        };
        let norm =
            nn::BatchNormConfig { ws_init: Init::Const(1.0), ..nn::BatchNormConfig::default() };
        Self {
            conv: nn::conv2d(path / "conv", from, to, size, config),
            norm: nn::batch_norm2d(path / "norm", to, norm),
            stride,
        }
    }

    /// Operations of the convolution for one sample of this height and width.
    pub(super) fn count(&self, height: i64, width: i64) -> Counted {
        // Padded so that each side is divided by the stride, rounded up.
        let side = |side: i64| (side + self.stride - 1) / self.stride;
        let (height, width) = (side(height), side(width));
        Counted { flops: 2 * signed(self.conv.ws.numel()) * height * width, height, width }
    }
}

impl ModuleT for ConvNorm {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let ys = xs.apply(&self.conv);
        // The variance of a single value does not exist and would make the running variance not a number.
        let (n, _, h, w) = ys.size4().unwrap_or((2, 0, 1, 1));
        self.norm.forward_t(&ys, train && n * h * w > 1)
    }
}
