//! The models, each in a file of its own. A new one is a file with `build` here and a line in `for_each_model!`.

mod layers;

use perftune::event::ModelSpec;
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

/// A model: N x C x H x W in, N x classes logits out.
pub(super) type Model = Box<dyn nn::ModuleT>;

/// The model's knobs with its own defaults filled in.
#[derive(Debug, Clone, Copy)]
struct Knobs {
    depth: i64,
    width: i64,
}

impl Knobs {
    /// The largest width of any model: more is a typing error.
    const MAX_WIDTH: i64 = 16_384;

    /// Depth and width of `spec`, or the defaults. `depths` says which are allowed, in words and as a rule.
    fn new(
        spec: &ModelSpec,
        (depth, width): (u32, u32),
        (words, allowed): (&str, fn(i64) -> bool),
    ) -> Result<Self, Failure> {
        let knobs = Self {
            depth: i64::from(spec.depth.unwrap_or(depth)),
            width: i64::from(spec.width.unwrap_or(width)),
        };
        if !allowed(knobs.depth) {
            return Err(Failure::Model(format!(
                "{} cannot have depth {}: {words} (default {depth})",
                spec.name, knobs.depth
            )));
        }
        if !(1..=Self::MAX_WIDTH).contains(&knobs.width) {
            return Err(Failure::Model(format!(
                "{} cannot have width {}: 1 to {} (default {width})",
                spec.name,
                knobs.width,
                Self::MAX_WIDTH
            )));
        }
        Ok(knobs)
    }
}

macro_rules! models {
    ($($name:ident => $about:literal,)*) => {
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
