//! Why an effect of an axis is not known.

use super::count;
use crate::report::lack::EffectLack;

/// Why an effect, or its interval, is not known.
pub fn lack_of_effect(lack: EffectLack) -> String {
    match lack {
        EffectLack::NoMatch => {
            "nothing to compare: no two cells that have the figure are equal but for the knob"
                .to_owned()
        }
        EffectLack::OneRound { sets, needed } => format!(
            "no interval: one run a cell and {}, where {needed} would do; --repeat 3 tells more",
            count(sets as u64, "matched set")
        ),
        EffectLack::Agree => {
            "no interval: the runs of each cell agree, and nobody told how many samples the accuracy rests on"
                .to_owned()
        }
        EffectLack::NoModel => "no model: too few runs have the figure".to_owned(),
    }
}
