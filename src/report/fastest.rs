//! Which of several commands is the fastest, in words.

use serde::Serialize;

use super::layout::some_of;
use crate::units::{rough_percent, significant};

/// The fastest command for a setting, and the others beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fastest {
    /// The axes that all commands have; empty where there are none.
    pub settings: String,
    /// The cell with the lowest mean of `command.time`.
    pub cell: String,
    /// The others, the fastest of them first.
    pub slower: Vec<Slower>,
    /// The nominal confidence that all these intervals hold at once, whichever cell is the fastest.
    pub confidence: f64,
}

/// A cell beside the fastest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slower {
    /// The cell.
    pub cell: String,
    /// How many times as long it takes.
    pub times: f64,
    /// Lower end of its interval; absent: too few rounds.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Rounds in which both came to their end.
    pub rounds: u64,
}

impl Slower {
    /// Whether it is slower beyond the noise; absent: nobody can say.
    pub fn differs(&self) -> Option<bool> {
        Some(!(self.low? <= 1.0 && 1.0 <= self.high?))
    }

    fn text(&self) -> String {
        let Self { cell, times, rounds, .. } = self;
        let s = if *rounds == 1 { "" } else { "s" };
        let how = match (self.low.zip(self.high), self.differs()) {
            (Some((low, high)), differs) => {
                let none = if differs == Some(false) { ": no difference beyond noise" } else { "" };
                format!(
                    "{} to {} over {rounds} round{s}{none}",
                    significant(low),
                    significant(high)
                )
            }
            (None, _) => format!("{rounds} round{s}: too few for an interval"),
        };
        format!("{cell} takes {} times as long ({how})", significant(*times))
    }
}

/// Settings, and cells of one, that are told before the rest is only counted.
const SHOWN: usize = 8;

/// A line for each setting.
pub(super) fn text(all: &[Fastest], width: usize) -> String {
    let line = |found: &Fastest| {
        let lead = if found.settings.is_empty() { "fastest" } else { "fastest with " };
        let mut said: Vec<String> = found.slower.iter().take(SHOWN).map(Slower::text).collect();
        let more = found.slower.len() - said.len();
        said.extend((more > 0).then(|| format!("{more} more take longer on average")));
        let (settings, cell, at) = (&found.settings, &found.cell, rough_percent(found.confidence));
        format!("{lead}{settings}: {cell}; {}; intervals of all at {at}", said.join(", "))
    };
    some_of(all.iter().map(line), SHOWN, width, |more| {
        format!("{more} more settings: see the JSON document")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_with_how_well_it_is_known() {
        let slower = |cell: &str, times, ends: Option<(f64, f64)>, rounds| Slower {
            cell: cell.to_owned(),
            times,
            low: ends.map(|ends| ends.0),
            high: ends.map(|ends| ends.1),
            rounds,
        };
        let b = slower("b", 1.5234, Some((1.312, 1.77)), 5);
        let c = slower("c", 1.02, Some((0.951, 1.1)), 5);
        let d = slower("d", 2.0, None, 1);
        assert_eq!([&b, &c, &d].map(Slower::differs), [Some(true), Some(false), None]);
        let found = |settings: &str, slower| Fastest {
            settings: settings.to_owned(),
            cell: "a".to_owned(),
            slower,
            confidence: 0.95,
        };
        assert_eq!(
            text(&[found("", vec![b, c]), found("n = 1", vec![d])], 1000),
            "fastest: a; b takes 1.52 times as long (1.31 to 1.77 over 5 rounds), c takes 1.02 times as long \
             (0.951 to 1.10 over 5 rounds: no difference beyond noise); intervals of all at 95%\n\
             fastest with n = 1: a; d takes 2.00 times as long (1 round: too few for an interval); intervals of all at 95%\n"
        );
    }
}
