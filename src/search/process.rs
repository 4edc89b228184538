//! A Gaussian process over the cells for one figure.
//!
//! Its hyperparameters are those of the highest posterior density (`fit`).

use nalgebra::{DMatrix, DVector};

use super::fit::{self, Priors};
use super::kernel::{JITTER, Kernel, Seen, Theta};
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
    theta: Theta,
    seen: Vec<Seen>,
    kernel: Kernel,
    lower: DMatrix<f64>,
    weights: DVector<f64>,
    mean: f64,
    shift: f64,
    scale: f64,
}

/// Cells whose beliefs are computed together: their rows stay in the cache.
const BLOCK: usize = 512;

impl<'a> Process<'a> {
    /// The process that fits best what was seen; `None` where nothing was.
    pub(super) fn fit(space: &'a Space, seen: &[Seen], priors: &Priors) -> Option<Self> {
        let count = seen.len() as f64;
        let shift = seen.iter().map(|seen| seen.value).sum::<f64>() / count;
        let squares: f64 = seen.iter().map(|seen| (seen.value - shift).powi(2)).sum();
        let spread = (squares / (count - 1.0).max(1.0)).sqrt();
        let scale = if spread > 0.0 { spread } else { 1.0 };
        let standard = |seen: &Seen| Seen {
            value: (seen.value - shift) / scale,
            known: seen.known / scale.powi(2),
            squares: seen.squares / scale.powi(2),
            ..*seen
        };
        let seen: Vec<Seen> = seen.iter().map(standard).collect();
        let (theta, solved) = fit::best(space, &seen, priors)?;
        let kernel = Kernel::new(space, &theta);
        let (mean, weights) = (solved.mean, solved.weights);
        let lower = solved.factor.unpack();
        Some(Self { space, theta, seen, kernel, lower, weights, mean, shift, scale })
    }

    /// The variance of a visit around its cell, besides what it says itself.
    pub(super) fn noise(&self) -> f64 {
        self.theta.noise.exp() * self.scale.powi(2)
    }

    /// The deviation of what was seen.
    pub(super) const fn spread(&self) -> f64 {
        self.scale
    }

    /// What is believed of each of these cells.
    pub(super) fn beliefs(&self, cells: &[usize]) -> Vec<Belief> {
        cells.chunks(BLOCK).flat_map(|block| self.block(block)).collect()
    }

    fn block(&self, cells: &[usize]) -> Vec<Belief> {
        let places: Vec<Vec<usize>> =
            cells.iter().map(|cell| self.space.places(*cell).collect()).collect();
        let own = self.theta.own.exp();
        let prior = self.kernel.variance() + own;
        let mut beliefs = vec![Belief { mean: self.mean, variance: prior }; cells.len()];
        // The rows of the kernel, each solved by those before it.
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(self.seen.len());
        for (at, seen) in self.seen.iter().enumerate() {
            let mut row = vec![0.0; cells.len()];
            let place: Vec<usize> = self.space.places(seen.cell).collect();
            self.kernel.row(&place, &places, &mut row);
            for (value, cell) in row.iter_mut().zip(cells) {
                if *cell == seen.cell {
                    *value += own;
                }
            }
            for (belief, value) in beliefs.iter_mut().zip(&row) {
                belief.mean += self.weights[at] * value;
            }
            for (before, earlier) in rows.iter().enumerate() {
                let share = self.lower[(at, before)];
                for (value, earlier) in row.iter_mut().zip(earlier) {
                    *value -= share * earlier;
                }
            }
            let scale = 1.0 / self.lower[(at, at)];
            for (value, belief) in row.iter_mut().zip(&mut beliefs) {
                *value *= scale;
                belief.variance -= *value * *value;
            }
            rows.push(row);
        }
        let unit = |belief: Belief| Belief {
            mean: belief.mean * self.scale + self.shift,
            variance: belief.variance.max(JITTER) * self.scale.powi(2),
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
        // Equal values: no spread to scale by, and nothing to be unsure of but the kind that was not seen.
        let same: Vec<Seen> = [0, 1, 2].map(|cell| seen(cell, 7.0, 1.0)).into();
        let belief = Process::fit(&space, &same, &PRIORS).unwrap().beliefs(&[1])[0];
        assert!((belief.mean - 7.0).abs() < 1e-6 && belief.variance.is_finite());
        assert!(Process::fit(&space, &[], &PRIORS).is_none());
    }
}
