//! A Gaussian process over the cells for one figure.
//!
//! The kernel between cells is `main / D * sum k_d + signal * prod k_d` with a Matern 5/2 kernel `k_d` of each of the `D` axes:
//! effects of single axes, and what they do together. A cell is off this by a variance of its `own`, and a visit off its cell
//! by what it says itself and by `noise`, which repeated visits show and the rest of the likelihood bounds. All hyperparameters
//! are those of the highest posterior density (`fit`).

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::fit::{self, Priors};
use super::space::Space;

/// What the visits of a cell say of a figure together, on the scale of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub(super) cell: usize,
    /// The mean of the visits.
    pub(super) value: f64,
    /// The variance of that mean that the visits say themselves.
    pub(super) known: f64,
    pub(super) visits: f64,
    /// The sum of the squared deviations of the visits from their mean.
    pub(super) squares: f64,
}

/// What is believed of a figure of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// Logarithms of the hyperparameters: of variances, and of lengths in which 1 is from one end of an axis to the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Theta {
    pub(super) signal: f64,
    pub(super) main: f64,
    pub(super) noise: f64,
    pub(super) own: f64,
    pub(super) lengths: Vec<f64>,
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

/// The kernel of each axis for each pair of its places.
pub(super) struct Kernel {
    tables: Vec<Vec<f64>>,
    sizes: Vec<usize>,
    main: f64,
    signal: f64,
}

/// The Matern 5/2 kernel at this distance in lengths.
fn matern(distance: f64) -> f64 {
    let s = 5.0_f64.sqrt() * distance;
    (1.0 + s + s * s / 3.0) * (-s).exp()
}

impl Kernel {
    pub(super) fn new(space: &Space, theta: &Theta) -> Self {
        let axes = space.axes();
        let sizes: Vec<usize> = axes.iter().map(|axis| axis.levels() + 1).collect();
        let table = |(at, length): (usize, &f64)| {
            let size = sizes[at];
            let pairs = (0..size * size).map(|pair| (pair / size, pair % size));
            pairs.map(|(a, b)| matern(axes[at].distance(a, b) / length.exp())).collect()
        };
        let tables = theta.lengths.iter().enumerate().map(table).collect();
        let main = theta.main.exp() / (axes.len() as f64).max(1.0);
        Self { tables, sizes, main, signal: theta.signal.exp() }
    }

    /// The kernel of each axis between two cells.
    pub(super) fn of_axes<'k>(
        &'k self,
        a: &'k [usize],
        b: &'k [usize],
    ) -> impl Iterator<Item = f64> + 'k {
        let places = a.iter().zip(b).enumerate();
        places.map(|(at, (a, b))| self.tables[at][a * self.sizes[at] + b])
    }

    /// The variance of what all cells have by their axes.
    pub(super) fn variance(&self) -> f64 {
        self.main * self.tables.len() as f64 + self.signal
    }

    /// Between two cells: by single axes, and by all together.
    pub(super) fn between(&self, a: &[usize], b: &[usize]) -> (f64, f64) {
        let both = self.of_axes(a, b).fold((0.0, 1.0), |(sum, product), k| (sum + k, product * k));
        (self.main * both.0, self.signal * both.1)
    }

    /// Between one cell and each of these, added to `to`.
    fn row(&self, cell: &[usize], others: &[Vec<usize>], to: &mut [f64]) {
        let mut products = vec![self.signal; others.len()];
        to.fill(0.0);
        for (at, place) in cell.iter().enumerate() {
            let size = self.sizes[at];
            let table = &self.tables[at][place * size..(place + 1) * size];
            for ((sum, product), other) in to.iter_mut().zip(&mut products).zip(others) {
                let one = table[other[at]];
                *sum += one;
                *product *= one;
            }
        }
        for (sum, product) in to.iter_mut().zip(&products) {
            *sum = self.main * *sum + product;
        }
    }
}

/// Cells whose beliefs are computed together: their rows stay in the cache.
const BLOCK: usize = 512;

/// What keeps a matrix of equal cells positive.
const JITTER: f64 = 1e-9;

/// What a seen cell adds to the variance of its own value.
pub(super) fn diagonal(seen: &Seen, theta: &Theta) -> f64 {
    theta.own.exp() + seen.known + theta.noise.exp() / seen.visits + JITTER
}

/// The process at these hyperparameters: the factored matrix, the weights of what was seen and the mean of all.
pub(super) struct Solved {
    pub(super) factor: Cholesky<f64, Dyn>,
    pub(super) weights: DVector<f64>,
    pub(super) mean: f64,
    pub(super) rest: DVector<f64>,
}

/// Solves a matrix of what was seen; `None` where it is not positive.
pub(super) fn solve(matrix: DMatrix<f64>, seen: &[Seen]) -> Option<Solved> {
    let factor = matrix.cholesky()?;
    let values = DVector::from_iterator(seen.len(), seen.iter().map(|seen| seen.value));
    let ones = factor.solve(&DVector::from_element(seen.len(), 1.0));
    // The mean of standardised values is itself off 0 by about 1.
    let mean = ones.dot(&values) / (ones.sum() + 1.0);
    let rest = values.add_scalar(-mean);
    let weights = factor.solve(&rest);
    Some(Solved { factor, weights, mean, rest })
}

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
