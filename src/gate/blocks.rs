//! In which order the runs of a comparison are made.
//!
//! Both sides run on the same machine in blocks of four: ABBA or BAAB, by chance. Within a block a linear drift cancels, and what
//! is left of it falls on either side by chance alone: that is what makes flipping the sign of a block's difference a
//! valid test. A block belongs to one cell; within a round of blocks the cells come in random order.

use crate::event::Arm;
use crate::stats::Draw;

/// Runs of a block.
pub const RUNS: u32 = 4;

/// After so many blocks there is a look that may end a comparison early, and only with a pass.
pub const LOOK: u32 = 7;

/// One run of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The cell, from 0.
    pub cell: usize,
    /// Which side.
    pub arm: Arm,
    /// The block of its cell, from 1.
    pub block: u32,
    /// Its place within the block, 0 to 3.
    pub position: u32,
}

impl Turn {
    /// Which repeat of its cell it is on its side, from 1: a block holds two of them.
    pub fn repeat(&self) -> u32 {
        2 * self.block - u32::from(self.position < RUNS / 2)
    }
}

/// The turns of `cells` cells in so many blocks each, all first blocks before all second ones. The same seed gives the same order,
/// and more blocks only add to its end.
pub fn blocks(cells: usize, blocks: u32, seed: u64) -> Vec<Turn> {
    let mut draw = Draw::new(seed);
    let mut turns = Vec::new();
    for block in 1..=blocks {
        for cell in draw.order(cells) {
            let outer = Arm::BOTH[draw.below(2)];
            let arms = [outer, outer.other(), outer.other(), outer];
            turns.extend((0..).zip(arms).map(|(position, arm)| Turn {
                cell,
                arm,
                block,
                position,
            }));
        }
    }
    turns
}

/// The fewest blocks whose best p-value is at most `alpha`: with n blocks there are 2^n ways to flip their signs, and none is
/// less likely than one of them.
pub fn needed(alpha: f64) -> u32 {
    let mut p_min = 1.0;
    let mut blocks = 0;
    while p_min > alpha && blocks < f64::MAX_EXP.unsigned_abs() {
        p_min /= 2.0;
        blocks += 1;
    }
    blocks.max(1)
}

/// After how many of `blocks` blocks the one look comes; `None`: not before the end.
pub fn look(blocks: u32, alpha: f64) -> Option<u32> {
    let look = LOOK.max(needed(alpha));
    (look < blocks).then_some(look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn letters(turns: &[Turn]) -> String {
        let letter = |turn: &Turn| ['A', 'B'][turn.arm.place()];
        turns.iter().map(letter).collect()
    }

    #[test]
    fn the_order_of_a_seed_is_the_same_for_ever() {
        let shown = |seed| {
            let turns = blocks(3, 3, seed);
            let of = |block: &[Turn]| format!("{}{}", block[0].cell, letters(block));
            turns.chunks(4).map(of).collect::<Vec<_>>().join(" ")
        };
        for (seed, order) in [
            (0, "2BAAB 0ABBA 1BAAB 2ABBA 1BAAB 0ABBA 2BAAB 0BAAB 1BAAB"),
            (1, "0ABBA 1BAAB 2BAAB 0BAAB 1ABBA 2ABBA 1ABBA 2ABBA 0ABBA"),
            (7, "1ABBA 2BAAB 0ABBA 1ABBA 2BAAB 0BAAB 2ABBA 0ABBA 1ABBA"),
        ] {
            assert_eq!(shown(seed), order);
        }
    }

    proptest! {
        #[test]
        fn every_block_is_whole_and_balanced(cells in 0_usize..9, count in 0_u32..9, seed: u64) {
            let turns = blocks(cells, count, seed);
            prop_assert_eq!(turns.len(), cells * count as usize * 4);
            let mut repeats = BTreeMap::new();
            for block in turns.chunks(4) {
                prop_assert!(["ABBA", "BAAB"].contains(&&*letters(block)));
                prop_assert!(block.iter().all(|turn| (turn.cell, turn.block) == (block[0].cell, block[0].block)));
                prop_assert!(block.iter().map(|turn| turn.position).eq(0..4));
                for turn in block {
                    repeats.entry((turn.arm, turn.cell)).or_insert_with(Vec::new).push(turn.repeat());
                }
            }
            // Each side of each cell counts its repeats up, two a block.
            for found in repeats.values() {
                prop_assert!(found.iter().copied().eq(1..=2 * count));
            }
            // All cells have had a block before the next round begins.
            prop_assert!(turns.iter().map(|turn| turn.block).is_sorted());
            let longer = blocks(cells, count + 1, seed);
            prop_assert_eq!(&longer[..turns.len()], &turns[..]);
        }
    }

    #[test]
    fn neither_side_is_first_more_often_and_no_cell_comes_first() {
        let mut first = [0_u32; 2];
        let mut places = [[0_u32; 3]; 3];
        for seed in 0..2000 {
            let turns = blocks(3, 1, seed);
            first[turns[0].arm.place()] += 1;
            for (place, block) in turns.chunks(4).enumerate() {
                places[place][block[0].cell] += 1;
            }
        }
        // 5 standard deviations: 112 of 2000 at one half, 105 at one third.
        assert!(first[0].abs_diff(1000) < 112, "{first:?}");
        let even = places.iter().flatten().all(|n| n.abs_diff(667) < 106);
        assert!(even, "{places:?}");
    }

    #[test]
    fn what_can_never_be_significant_is_known_before() {
        for (alpha, blocks) in
            [(0.6, 1), (0.05, 5), (0.01, 7), (0.005, 8), (0.001, 10), (1.0 / 128.0, 7)]
        {
            assert_eq!(needed(alpha), blocks, "{alpha}");
            assert!(0.5_f64.powi(i32::try_from(blocks).unwrap()) <= alpha);
        }
        // An alpha that nothing reaches ends, too.
        assert!(needed(0.0) >= 1024);
        for (blocks, alpha, expected) in [
            (7, 0.01, None),
            (8, 0.01, Some(7)),
            (20, 0.01, Some(7)),
            (9, 0.001, None),
            (20, 0.001, Some(10)),
        ] {
            assert_eq!(look(blocks, alpha), expected);
        }
    }
}
