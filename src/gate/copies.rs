//! Runs that are copies of another one.

use std::collections::BTreeMap;

use super::side::{FigureKey, IndexedRun};

/// So many digits in all do not repeat by chance.
const DIGITS: usize = 9;

/// What is copied of the runs of a cell on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Copies {
    /// Runs that have the figures of one before them.
    pub(super) copied: usize,
    /// No figure differs between any two of several runs: a cell without noise has no copies.
    pub(super) constant: bool,
}

impl Copies {
    /// Of these runs, those of a session together.
    pub(super) fn of(runs: &[IndexedRun<'_>]) -> Self {
        if runs.len() < 2 {
            return Self::default();
        }
        let mut sessions: BTreeMap<&str, Vec<&IndexedRun<'_>>> = BTreeMap::new();
        for run in runs {
            sessions.entry(&run.run.session).or_default().push(run);
        }
        let equal =
            |runs: &[&IndexedRun<'_>]| runs.windows(2).all(|two| same_figures(two[0], two[1]));
        let all: Vec<&IndexedRun<'_>> = runs.iter().collect();
        // A build without noise may have another level in each of its sessions.
        let several = sessions.values().all(|runs| runs.len() > 1);
        if equal(&all) || several && sessions.values().all(|runs| equal(runs)) {
            return Self { copied: 0, constant: true };
        }
        let twin = |at: &usize| {
            let run = &runs[*at];
            let before = &runs[..*at];
            before.iter().any(|other| same_figures(other, run)) && telling(run, runs)
        };
        Self { copied: (1..runs.len()).filter(twin).count(), constant: false }
    }
}

/// Whether two runs have the same figures to the last bit, and any at all.
pub(super) fn same_figures(a: &IndexedRun<'_>, b: &IndexedRun<'_>) -> bool {
    bits(a).next().is_some() && bits(a).eq(bits(b))
}

fn bits<'i>(run: &'i IndexedRun<'_>) -> impl Iterator<Item = (FigureKey<'i>, u64)> {
    let figures = run.figures.iter();
    figures.filter_map(|(name, figure)| Some((*name, figure.value?.to_bits())))
}

/// Whether a run's figures have so many digits that another one has them only by being the same: of rounded figures, and of memory,
/// which comes in pages, equal ones are common. What does not vary between the runs tells nothing.
fn telling(run: &IndexedRun<'_>, runs: &[IndexedRun<'_>]) -> bool {
    let varies = |name: &FigureKey<'_>, value: f64| {
        let mut values = runs.iter().filter_map(|other| other.figures.get(name)?.value);
        values.any(|other| other.to_bits() != value.to_bits())
    };
    let digits = run.figures.iter().filter_map(|(name, figure)| {
        let value = figure.value?;
        let counts = figure.unit != "bytes" && varies(name, value);
        let shortest = format!("{value:e}");
        let mantissa = shortest.split('e').next().unwrap_or_default();
        counts.then(|| mantissa.chars().filter(char::is_ascii_digit).count())
    });
    digits.sum::<usize>() >= DIGITS
}
