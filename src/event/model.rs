//! The models that the native worker knows, by name.
//!
//! The list is a macro so that there is one: the command line checks names against it without linking libtorch, and
//! the worker declares one module a line from it. A new model is one file in `src/worker/torch/models/` and one line here.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// The largest width of any model: more is a typing error.
const MAX_WIDTH: u32 = 16_384;

/// What the command line knows of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// As written in the grid.
    pub name: &'static str,
    /// What it is, one line, with its defaults.
    pub about: &'static str,
    /// Depth and width where the grid gives none.
    pub default: (u32, u32),
    /// Which depths it can have: of this range, from its beginning in steps of so many.
    pub depths: (RangeInclusive<u32>, u32),
}

impl ModelInfo {
    /// Depth and width, with the defaults filled in, or why the model cannot have them.
    pub fn knobs(&self, depth: Option<u32>, width: Option<u32>) -> Result<(u32, u32), String> {
        let (depth, width) = (depth.unwrap_or(self.default.0), width.unwrap_or(self.default.1));
        let (range, step) = (&self.depths.0, self.depths.1);
        let (first, last) = (*range.start(), *range.end());
        if !range.contains(&depth) || !(depth - first).is_multiple_of(step) {
            let allowed = match step {
                1 => format!("{first} to {last}"),
                _ => format!("{first}, {}, {}, ... {last}", first + step, first + 2 * step),
            };
            return Err(format!(
                "{} cannot have depth {depth}: {allowed} (default {})",
                self.name, self.default.0
            ));
        }
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(format!(
                "{} cannot have width {width}: 1 to {MAX_WIDTH} (default {})",
                self.name, self.default.1
            ));
        }
        Ok((depth, width))
    }
}

/// What the native worker finds in a TorchScript file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptHolds {
    /// Its parameters.
    pub parameters: u64,
    /// Those of them that require gradients: without any it is served only.
    pub trainable: u64,
}

/// What the native worker finds when it applies such a model to samples of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptGives {
    /// How many results it gives; the first is taken.
    pub results: u32,
}

/// Calls `$callback!` with a line for every native model: its name, what it is, its default depth, the depths that it can have,
/// and its default width.
#[macro_export]
macro_rules! for_each_model {
    ($callback:ident) => {
        $callback! {
            mlp => "multi-layer perceptron with ReLU: depth 2 hidden layers, width 256", 2 in (1..=256) by 1, 256;
            cnn => "convolutions 3x3 with batch norm, ReLU and pooling: depth 2 blocks, width 32 channels", 2 in (1..=8) by 1, 32;
            resnet => "residual net as for CIFAR (He et al. 2016): depth 8 layers (6n+2), width 16 channels", 8 in (8..=1202) by 6, 16;
        }
    };
}

macro_rules! infos {
    ($($name:ident => $about:literal, $depth:literal in ($depths:expr) by $step:literal, $width:literal;)*) => {
        /// Every native model.
        pub const MODELS: &[ModelInfo] = &[$(ModelInfo {
            name: stringify!($name),
            about: $about,
            default: ($depth, $width),
            depths: ($depths, $step),
        },)*];
    };
}
for_each_model!(infos);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_cannot_be_is_said() {
        for (name, depth, width, says) in [
            ("mlp", None, None, Ok((2, 256))),
            ("cnn", Some(8), Some(1), Ok((8, 1))),
            ("cnn", Some(9), None, Err("cnn cannot have depth 9: 1 to 8 (default 2)")),
            ("mlp", Some(0), None, Err("mlp cannot have depth 0: 1 to 256 (default 2)")),
            ("resnet", Some(20), None, Ok((20, 16))),
            (
                "resnet",
                Some(9),
                None,
                Err("resnet cannot have depth 9: 8, 14, 20, ... 1202 (default 8)"),
            ),
            (
                "mlp",
                None,
                Some(16_385),
                Err("mlp cannot have width 16385: 1 to 16384 (default 256)"),
            ),
        ] {
            let model = MODELS.iter().find(|model| model.name == name).unwrap();
            let found = model.knobs(depth, width);
            assert_eq!(found, says.map_err(str::to_owned), "{name}");
        }
        for model in MODELS {
            let own = model.default;
            assert_eq!(model.knobs(Some(own.0), Some(own.1)), Ok(own));
        }
    }
}
