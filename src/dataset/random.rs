//! Random samples: the same for the same seed on every machine.

use super::manifest::Manifest;
use super::part::Block;

/// `SplitMix64` (Steele, Lea and Flood 2014): small, fast, and easy to repeat in another language.
#[derive(Debug, Clone)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`: the upper half of a 128-bit product, whose bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.draw()) * u128::from(bound);
        // The upper half is below `bound`, so it fits.
        u64::try_from(product >> 64).unwrap_or(0)
    }
}

/// So many samples, handed on block by block: values in 0..1, and classes that have nothing to do with them.
pub(super) fn read<E>(
    manifest: &Manifest,
    rows: u64,
    seed: u64,
    emit: &mut impl FnMut(&mut Block) -> Result<(), E>,
) -> Result<(), E> {
    let mut draws = SplitMix64(seed);
    let mut block = Block::default();
    for row in 1..=rows {
        for _ in 0..manifest.values() {
            // The 24 bits that a 32-bit float holds exactly.
            let bits = u32::try_from(draws.draw() >> 40).unwrap_or(0);
            #[expect(clippy::cast_precision_loss, reason = "of 24 bits nothing is lost")]
            block.images.push(bits as f32 / (1 << 24) as f32);
        }
        let class = draws.below(manifest.classes.into());
        block.labels.push(i64::try_from(class).unwrap_or(0));
        if block.labels.len() == Block::ROWS || row == rows {
            emit(&mut block)?;
        }
    }
    Ok(())
}
