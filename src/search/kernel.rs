//! What cells have to do with each other, and what a process knows of them at given hyperparameters.
//!
//! The kernel between cells is `main / D * sum k_d + signal * prod k_d` with a Matern 5/2 kernel `k_d` of each of the `D` axes:
//! effects of single axes, and what they do together. A cell is off this by a variance of its `own`, and a visit off its cell
//! by what it says itself and by `noise`, which repeated visits show and the rest of the likelihood bounds.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use super::aims::Reading;
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

impl Seen {
    /// What these readings of a cell say together.
    pub(super) fn of(cell: usize, readings: &[Reading]) -> Self {
        let visits = readings.len() as f64;
        let value = readings.iter().map(|reading| reading.value).sum::<f64>() / visits;
        let known = readings.iter().map(|reading| reading.variance).sum::<f64>() / visits.powi(2);
        let squares = readings.iter().map(|reading| (reading.value - value).powi(2)).sum();
        Self { cell, value, known, visits, squares }
    }

    /// The same with one more visit, which has said this and nothing of how well it knows it; `noise`: the variance of a visit.
    pub(super) fn and(self, value: f64, noise: f64) -> Self {
        let visits = self.visits + 1.0;
        let before = self.known + noise / self.visits;
        let share = noise / (noise + before);
        Self {
            value: share * self.value + (1.0 - share) * value,
            known: (share * before - noise / visits).max(0.0),
            visits,
            ..self
        }
    }
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

    /// Between one cell and each of these, into `to`.
    pub(super) fn row(&self, cell: &[usize], others: &[Vec<usize>], to: &mut [f64]) {
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

/// What keeps a matrix of equal cells positive.
pub(super) const JITTER: f64 = 1e-9;

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
