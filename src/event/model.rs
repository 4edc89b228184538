//! The models that the native worker knows, by name.
//!
//! The list is a macro so that there is one: the command line checks names against it without linking libtorch, and
//! the worker declares one module a line from it. A new model is one file in `src/worker/torch/models/` and one line here.

/// What the command line knows of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelInfo {
    /// As written in the grid.
    pub name: &'static str,
    /// What it is, one line, with its defaults.
    pub about: &'static str,
}

/// Calls `$callback! { name => "about", ... }` with every native model.
#[macro_export]
macro_rules! for_each_model {
    ($callback:ident) => {
        $callback! {
            mlp => "multi-layer perceptron with ReLU: depth 2 hidden layers, width 256",
            cnn => "convolutions 3x3 with batch norm, ReLU and pooling: depth 2 blocks, width 32 channels",
            resnet => "residual net as for CIFAR (He et al. 2016): depth 8 layers (6n+2), width 16 channels",
        }
    };
}

macro_rules! infos {
    ($($name:ident => $about:literal,)*) => {
        /// Every native model.
        pub const MODELS: &[ModelInfo] = &[$(ModelInfo { name: stringify!($name), about: $about },)*];
    };
}
for_each_model!(infos);
