//! Why an effect of an axis is not known.

use super::count;
use crate::report::lack::EffectLack;

/// Why an effect, or its interval, is not known.
pub fn lack_of_effect(lack: EffectLack) -> String {
    match lack {
        EffectLack::NoMatch => {
            "nothing to compare: no two cells with the figure differ in this setting alone"
                .to_owned()
        }
        EffectLack::OneRound { sets, needed } => format!(
            "no interval: the figure is there in one round only, of {} of cells where {needed} are needed; more rounds \
             (--repeat 3) give one",
            count(sets as u64, "matched set")
        ),
        EffectLack::Agree => {
            "no interval: the runs of each cell agree, and the number of samples behind the accuracy is unknown"
                .to_owned()
        }
        EffectLack::NoModel => "no model: too few runs have the figure".to_owned(),
    }
}
