//! A Gaussian process over the cells for one figure.
//!
//! Its hyperparameters are those of the highest posterior density (`fit`).

use nalgebra::DMatrix;

use super::fit::{Fit, Priors};
use super::kernel::{JITTER, Seen};
use super::space::Space;

/// What is believed of a figure of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// A process that knows what was seen.
pub(super) struct Process<'a> {
    space: &'a Space,
    fit: Fit,
    lower: DMatrix<f64>,
}

/// Cells whose beliefs are computed together: their rows stay in the cache.
const BLOCK: usize = 512;

impl<'a> Process<'a> {
    /// The process that fits best what was seen; `None` where nothing was.
    pub(super) fn fit(space: &'a Space, seen: &[Seen], priors: &Priors) -> Option<Self> {
        let fit = Fit::best(space, seen, priors)?;
        let lower = fit.solved.factor.l();
        Some(Self { space, fit, lower })
    }

    /// The same once these cells were visited, if each visit said what is believed of its cell: it is surer there, and of no other
    /// mind (the kriging believer of Ginsbourger et al. 2010). The hyperparameters stay: nothing was seen that would speak for others.
    pub(super) fn supposing(self, cells: &[usize]) -> Option<Self> {
        if cells.is_empty() {
            return Some(self);
        }
        let believed = self.beliefs(cells).into_iter().map(|belief| belief.mean);
        let visits: Vec<(usize, f64)> = cells.iter().copied().zip(believed).collect();
        let fit = self.fit.with(self.space, &visits)?;
        let lower = fit.solved.factor.l();
        Some(Self { space: self.space, fit, lower })
    }

    /// The variance of a visit around its cell, besides what it says itself.
    pub(super) fn noise(&self) -> f64 {
        self.fit.theta.noise.exp() * self.fit.scale.powi(2)
    }

    /// The deviation of what was seen.
    pub(super) const fn spread(&self) -> f64 {
        self.fit.scale
    }

    /// What is believed of each of these cells.
    pub(super) fn beliefs(&self, cells: &[usize]) -> Vec<Belief> {
        cells.chunks(BLOCK).flat_map(|block| self.block(block)).collect()
    }

    fn block(&self, cells: &[usize]) -> Vec<Belief> {
        let places: Vec<Vec<usize>> =
            cells.iter().map(|cell| self.space.places(*cell).collect()).collect();
        let Fit { theta, kernel, solved, seen, shift, scale } = &self.fit;
        let own = theta.own.exp();
        let prior = kernel.variance() + own;
        let mut beliefs = vec![Belief { mean: solved.mean, variance: prior }; cells.len()];
        // The rows of the kernel, each solved by those before it.
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(seen.len());
        for (at, seen) in seen.iter().enumerate() {
            let mut row = vec![0.0; cells.len()];
            let place: Vec<usize> = self.space.places(seen.cell).collect();
            kernel.row(&place, &places, &mut row);
            for (value, cell) in row.iter_mut().zip(cells) {
                if *cell == seen.cell {
                    *value += own;
                }
            }
            for (belief, value) in beliefs.iter_mut().zip(&row) {
                belief.mean += solved.weights[at] * value;
            }
            for (before, earlier) in rows.iter().enumerate() {
                let share = self.lower[(at, before)];
                for (value, earlier) in row.iter_mut().zip(earlier) {
                    *value -= share * earlier;
                }
            }
            let share = 1.0 / self.lower[(at, at)];
            for (value, belief) in row.iter_mut().zip(&mut beliefs) {
                *value *= share;
                belief.variance -= *value * *value;
            }
            rows.push(row);
        }
        let unit = |belief: Belief| Belief {
            mean: belief.mean * scale + shift,
            variance: belief.variance.max(JITTER) * scale.powi(2),
        };
        beliefs.into_iter().map(unit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fit::PRIORS;
    use super::super::space::Axis;
    use super::*;

    fn seen(cell: usize, value: f64, visits: f64) -> Seen {
        Seen { cell, value, known: 0.01, visits, squares: 0.02 * (visits - 1.0) }
    }

    #[test]
    fn beliefs_are_sure_where_much_was_seen_and_unsure_elsewhere() {
        let axes = vec![Axis::ordered(&[0.0, 1.0, 2.0, 3.0, 4.0]), Axis::Choice(2)];
        let cell = |at: u16| vec![at % 5, at / 5].into_boxed_slice();
        let space = Space::new(axes, (0..10).map(cell).collect(), vec![0; 10]);
        let line: Vec<Seen> = [0, 1, 2, 4].map(|cell| seen(cell, cell as f64, 5.0)).into();
        let process = Process::fit(&space, &line, &PRIORS).unwrap();
        let beliefs = process.beliefs(&[0, 2, 3, 8]);
        assert!((beliefs[0].mean - 0.0).abs() < 0.3 && (beliefs[1].mean - 2.0).abs() < 0.3);
        assert!((beliefs[2].mean - 3.0).abs() < 0.5, "{beliefs:?}");
        assert!(beliefs[1].variance < beliefs[2].variance);
        assert!(beliefs[2].variance < beliefs[3].variance);
        // A visit that says what is believed of its cell makes it surer, there and near it, and changes no mind.
        for cells in [&[3][..], &[2, 8]] {
            let supposed = Process::fit(&space, &line, &PRIORS).unwrap().supposing(cells).unwrap();
            for cell in 0..10 {
                let (before, after) = (process.beliefs(&[cell])[0], supposed.beliefs(&[cell])[0]);
                assert!((before.mean - after.mean).abs() < 1e-6, "{cell}: {before:?} {after:?}");
                assert!(after.variance < before.variance + 1e-9, "{cell}: {before:?} {after:?}");
            }
            let sure = |of: &Process<'_>| of.beliefs(cells)[0].variance;
            assert!(sure(&supposed) < 0.9 * sure(&process));
        }
        // Equal values: no spread to scale by, and nothing to be unsure of but the kind that was not seen.
        let same: Vec<Seen> = [0, 1, 2].map(|cell| seen(cell, 7.0, 1.0)).into();
        let belief = Process::fit(&space, &same, &PRIORS).unwrap().beliefs(&[1])[0];
        assert!((belief.mean - 7.0).abs() < 1e-6 && belief.variance.is_finite());
        assert!(Process::fit(&space, &[], &PRIORS).is_none());
    }
}
