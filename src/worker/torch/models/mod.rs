//! The models, each in a file of its own. A new one is a file with `build` here and a line in `for_each_model!`.

mod layers;

use perftune::event::{MODELS, ModelSpec};
use tch::nn;

use super::failure::Failure;

/// What a model is built for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    /// Channels, height and width of a sample.
    pub(super) shape: [i64; 3],
    /// Number of classes: the model gives as many logits.
    pub(super) classes: i64,
}

/// What is known of a model besides what it makes of samples.
pub(super) trait Network: nn::ModuleT {
    /// Floating-point operations of a forward pass over one sample of channels, height and width, in matrix products and
    /// convolutions: two for each multiplication and its addition. None where nobody counts them.
    fn flops(&self, sample: [i64; 3]) -> Option<i64>;

    /// The same of a model that nobody knows, counted while it is applied to a sample: when nothing is timed any more.
    fn counted_flops(&self, _sample: [i64; 3]) -> Option<i64> {
        None
    }
}

/// A model: N x C x H x W in, N x classes logits out.
pub(super) type Model = Box<dyn Network>;

/// The model's knobs with its own defaults filled in.
#[derive(Debug, Clone, Copy)]
struct Knobs {
    depth: i64,
    width: i64,
}

impl Knobs {
    /// Depth and width of `spec`, or the defaults.
    fn new(spec: &ModelSpec) -> Result<Self, Failure> {
        let info = MODELS.iter().find(|model| model.name == spec.name);
        let info = info.ok_or_else(|| Failure::Model(format!("no model `{}`", spec.name)))?;
        let knobs = info.knobs(spec.depth, spec.width);
        let (depth, width) = knobs.map_err(Failure::Model)?;
        Ok(Self { depth: i64::from(depth), width: i64::from(width) })
    }
}

macro_rules! models {
    ($($name:ident => $about:literal, $depth:literal in ($depths:expr) by $step:literal, $width:literal;)*) => {
        $(mod $name;)*

        /// Builds the model that the job names, its weights in `path`.
        pub(super) fn build(spec: &ModelSpec, path: &nn::Path<'_>, input: Input) -> Result<Model, Failure> {
            match spec.name.as_str() {
                $(stringify!($name) => $name::build(spec, path, input),)*
                other => Err(Failure::Model(format!(
                    "no model `{other}`; this worker knows {}",
                    [$(stringify!($name)),*].join(", ")
                ))),
            }
        }
    };
}
perftune::for_each_model!(models);

#[cfg(test)]
mod tests;
