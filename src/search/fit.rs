//! The hyperparameters that fit best: those of the highest posterior density, climbed to from the middle of their priors.

use nalgebra::DMatrix;

use super::aims::Reading;
use super::kernel::{Kernel, Seen, Solved, Theta, diagonal, solve};
use super::space::Space;

/// A normal distribution of the logarithm of a hyperparameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prior {
    pub(super) mean: f64,
    pub(super) sd: f64,
}

impl Prior {
    /// Logarithm of the density, but for a constant.
    fn log(self, value: f64) -> f64 {
        -0.5 * ((value - self.mean) / self.sd).powi(2)
    }

    fn slope(self, value: f64) -> f64 {
        -(value - self.mean) / self.sd.powi(2)
    }
}

/// What is thought of the hyperparameters before anything is seen; variances as shares of that of what was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Priors {
    pub(super) length: Prior,
    pub(super) signal: Prior,
    pub(super) main: Prior,
    pub(super) noise: Prior,
    /// Of the variance of a cell's own over that of the noise.
    pub(super) own: Prior,
}

/// Of a figure of which nothing else is known: smooth over about the whole of an axis, with noise of some 13% of the spread of
/// the cells (`cargo bench --bench search`).
pub(super) const PRIORS: Priors = Priors {
    length: Prior { mean: 0.0, sd: 1.0 },
    signal: Prior { mean: 0.0, sd: 1.0 },
    main: Prior { mean: 0.0, sd: 1.5 },
    noise: Prior { mean: -4.0, sd: 2.0 },
    own: Prior { mean: -1.5, sd: 0.5 },
};

/// The hyperparameters before those of the axes, in the order of [`Theta`].
const COMMON: usize = 4;

impl Theta {
    fn middle(priors: &Priors, axes: usize) -> Self {
        Self {
            signal: priors.signal.mean,
            main: priors.main.mean,
            noise: priors.noise.mean,
            own: priors.noise.mean + priors.own.mean,
            lengths: vec![priors.length.mean; axes],
        }
    }

    fn pack(&self) -> Vec<f64> {
        [&[self.signal, self.main, self.noise, self.own][..], &self.lengths].concat()
    }

    fn unpack(packed: &[f64]) -> Self {
        let [signal, main, noise, own] = [packed[0], packed[1], packed[2], packed[3]];
        Self { signal, main, noise, own, lengths: packed[COMMON..].to_vec() }
    }
}

/// A process at hyperparameters that may be as well, and how it counts.
pub(super) struct Alternative {
    pub(super) fit: Fit,
    pub(super) weight: f64,
}

impl Fit {
    /// The process a deviation to either side of the best hyperparameters, along each principal axis of their posterior density
    /// (its curvature at the best; Laplace). What these say otherwise than the best is what the hyperparameters leave open
    /// (Kass and Steffey 1989).
    pub(super) fn alternatives(&self, space: &Space, priors: &Priors) -> Vec<Alternative> {
        const STEP: f64 = 0.05;
        let problem = Problem::new(space, &self.seen, priors);
        let best = self.theta.pack();
        let count = best.len();
        let slope = |at: usize, by: f64| {
            let mut moved = best.clone();
            moved[at] += by;
            problem.height(&Theta::unpack(&moved)).slope
        };
        let mut curvature = DMatrix::zeros(count, count);
        for at in 0..count {
            let (up, down) = (slope(at, STEP), slope(at, -STEP));
            for other in 0..count {
                curvature[(at, other)] = (down[other] - up[other]) / (2.0 * STEP);
            }
        }
        let axes = (0.5 * (&curvature + curvature.transpose())).symmetric_eigen();
        let moved = |at: usize, sign: f64| {
            // No flatter than the priors let it be, where the best is the edge of a range or a ridge.
            let sd = axes.eigenvalues[at].max(FLATTEST).sqrt().recip();
            let along = axes.eigenvectors.column(at);
            let place = best.iter().zip(along.iter());
            place.map(|(best, along)| (best + sign * sd * along).clamp(RANGE.0, RANGE.1)).collect()
        };
        let of = |packed: Vec<f64>| {
            let theta = Theta::unpack(&packed);
            let kernel = Kernel::new(space, &theta);
            let solved = problem.solve(&kernel, &theta).0?;
            let Self { shift, scale, .. } = *self;
            let fit = Self { theta, kernel, solved, seen: self.seen.clone(), shift, scale };
            Some(Alternative { fit, weight: 0.5 })
        };
        let both = (0..count).flat_map(|at| [moved(at, 1.0), moved(at, -1.0)]);
        both.filter_map(of).collect()
    }
}

/// The least curvature of the posterior density of hyperparameters along any direction: that of a prior of deviation 2.
const FLATTEST: f64 = 0.25;

/// A height of the posterior density and its slope.
struct Height {
    value: f64,
    slope: Vec<f64>,
}

/// A process whose hyperparameters fit best.
pub(super) struct Fit {
    pub(super) theta: Theta,
    pub(super) kernel: Kernel,
    pub(super) solved: Solved,
    /// What was seen, standardised: less `shift`, and over `scale`.
    pub(super) seen: Vec<Seen>,
    pub(super) shift: f64,
    pub(super) scale: f64,
}

impl Fit {
    /// Of what was seen; `None` where nothing was.
    pub(super) fn best(space: &Space, seen: &[Seen], priors: &Priors) -> Option<Self> {
        if seen.is_empty() {
            return None;
        }
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
        let problem = Problem::new(space, &seen, priors);
        let start = Theta::middle(priors, space.axes().len()).pack();
        let theta = Theta::unpack(&climb(start, |packed| problem.height(&Theta::unpack(packed))));
        let kernel = Kernel::new(space, &theta);
        let solved = problem.solve(&kernel, &theta).0?;
        Some(Self { theta, kernel, solved, seen, shift, scale })
    }
}

impl Fit {
    /// The process at the same hyperparameters with one more visit to each of these cells, which has said this.
    pub(super) fn with(self, space: &Space, visits: &[(usize, f64)]) -> Option<Self> {
        let Self { theta, kernel, mut seen, shift, scale, .. } = self;
        for (cell, said) in visits {
            let value = (said - shift) / scale;
            match seen.iter_mut().find(|seen| seen.cell == *cell) {
                Some(seen) => *seen = seen.and(value, theta.noise.exp()),
                None => seen.push(Seen::of(*cell, &[Reading { value, variance: 0.0 }])),
            }
        }
        let solved = Problem::new(space, &seen, &PRIORS).solve(&kernel, &theta).0?;
        Some(Self { theta, kernel, solved, seen, shift, scale })
    }
}

struct Problem<'a> {
    space: &'a Space,
    seen: &'a [Seen],
    priors: &'a Priors,
    places: Vec<Vec<usize>>,
}

impl<'a> Problem<'a> {
    fn new(space: &'a Space, seen: &'a [Seen], priors: &'a Priors) -> Self {
        let places = seen.iter().map(|seen| space.places(seen.cell).collect()).collect();
        Self { space, seen, priors, places }
    }

    /// The process at these hyperparameters, and the part of its matrix that all axes make together.
    fn solve(&self, kernel: &Kernel, theta: &Theta) -> (Option<Solved>, DMatrix<f64>) {
        let count = self.seen.len();
        let mut matrix = DMatrix::zeros(count, count);
        let mut products = DMatrix::zeros(count, count);
        for a in 0..count {
            for b in 0..a {
                let (sum, product) = kernel.between(&self.places[a], &self.places[b]);
                products[(a, b)] = product;
                matrix[(a, b)] = sum + product;
                matrix[(b, a)] = sum + product;
            }
            matrix[(a, a)] = kernel.variance() + diagonal(&self.seen[a], theta);
        }
        (solve(matrix, self.seen), products)
    }

    fn height(&self, theta: &Theta) -> Height {
        let kernel = Kernel::new(self.space, theta);
        let (solved, products) = self.solve(&kernel, theta);
        let Some(solved) = solved else {
            let slope = vec![0.0; COMMON + theta.lengths.len()];
            return Height { value: f64::NEG_INFINITY, slope };
        };
        let diagonal = solved.factor.l_dirty().diagonal();
        let log_det: f64 = diagonal.iter().map(|value| value.ln()).sum();
        let fits = -0.5 * (solved.rest.dot(&solved.weights) + solved.mean.powi(2)) - log_det;
        let mut slope = self.slope(theta, &kernel, &solved, &products);
        let mut value = fits + self.of_priors(theta, &mut slope);
        let noise = theta.noise.exp();
        for seen in self.seen.iter().filter(|seen| seen.visits > 1.0) {
            let (freedom, squares) = (seen.visits - 1.0, seen.squares / noise);
            value -= 0.5 * (freedom * theta.noise + squares);
            slope[2] -= 0.5 * (freedom - squares);
        }
        Height { value, slope }
    }

    /// The priors' part of the height; their slope is added to `slope`.
    fn of_priors(&self, theta: &Theta, slope: &mut [f64]) -> f64 {
        let Priors { length, signal, main, noise, own } = self.priors;
        let apart = theta.own - theta.noise;
        let parts = [signal.slope(theta.signal), main.slope(theta.main)];
        let parts = [&parts[..], &[noise.slope(theta.noise) - own.slope(apart), own.slope(apart)]];
        for (slope, part) in slope.iter_mut().zip(parts.concat()) {
            *slope += part;
        }
        for (slope, value) in slope[COMMON..].iter_mut().zip(&theta.lengths) {
            *slope += length.slope(*value);
        }
        let lengths: f64 = theta.lengths.iter().map(|value| length.log(*value)).sum();
        let common = signal.log(theta.signal) + main.log(theta.main) + noise.log(theta.noise);
        lengths + common + own.log(apart)
    }

    /// The slope of the likelihood: half the trace of `(w w' - K^-1) dK` for each hyperparameter.
    fn slope(
        &self,
        theta: &Theta,
        kernel: &Kernel,
        solved: &Solved,
        products: &DMatrix<f64>,
    ) -> Vec<f64> {
        let axes = self.space.axes();
        let (inverse, weights) = (solved.factor.inverse(), &solved.weights);
        let mut slope = vec![0.0; COMMON + axes.len()];
        let (main, noise, own) = (theta.main.exp(), theta.noise.exp(), theta.own.exp());
        let part = main / (axes.len() as f64).max(1.0);
        let stretch = stretches(self.space, theta);
        for a in 0..self.seen.len() {
            for b in 0..a {
                let outer = weights[a] * weights[b] - inverse[(a, b)];
                let together = outer * products[(a, b)];
                let mut sum = 0.0;
                let places = self.places[a].iter().zip(&self.places[b]);
                let of_axes = kernel.of_axes(&self.places[a], &self.places[b]);
                for (at, ((a, b), k)) in places.zip(of_axes).enumerate() {
                    sum += k;
                    let size = axes[at].levels() + 1;
                    slope[COMMON + at] += (together + outer * part * k) * stretch[at][a * size + b];
                }
                slope[0] += together;
                slope[1] += outer * part * sum;
            }
            let outer = 0.5 * (weights[a] * weights[a] - inverse[(a, a)]);
            slope[0] += outer * theta.signal.exp();
            slope[1] += outer * main;
            slope[2] += outer * noise / self.seen[a].visits;
            slope[3] += outer * own;
        }
        slope
    }
}

/// By how much the kernel of each axis grows with the logarithm of its length, as a share of itself, for each pair of places.
fn stretches(space: &Space, theta: &Theta) -> Vec<Vec<f64>> {
    let axes = space.axes().iter().zip(&theta.lengths);
    axes.map(|(axis, length)| {
        let size = axis.levels() + 1;
        let pairs = (0..size * size).map(|pair| axis.distance(pair / size, pair % size));
        let s = pairs.map(|distance| 5.0_f64.sqrt() * distance / length.exp());
        s.map(|s| s * s * (1.0 + s) / (3.0 + 3.0 * s + s * s)).collect()
    })
    .collect()
}

/// Where a hyperparameter may lie.
const RANGE: (f64, f64) = (-12.0, 6.0);

/// Climbs as far as it goes by the signs of the slope (Rprop, Riedmiller and Braun 1993).
fn climb(mut at: Vec<f64>, height: impl Fn(&[f64]) -> Height) -> Vec<f64> {
    const MOST_STEPS: usize = 40;
    let mut steps = vec![0.3_f64; at.len()];
    let mut last = vec![0.0_f64; at.len()];
    let (mut best, mut top) = (at.clone(), f64::NEG_INFINITY);
    for _ in 0..MOST_STEPS {
        let Height { value, mut slope } = height(&at);
        if value > top {
            (best, top) = (at.clone(), value);
        }
        for place in 0..at.len() {
            let turned = slope[place] * last[place];
            if turned < 0.0 {
                steps[place] *= 0.4;
                slope[place] = 0.0;
            } else if turned > 0.0 {
                steps[place] = (steps[place] * 1.3).min(1.0);
            }
            if slope[place] != 0.0 {
                let step = steps[place] * slope[place].signum();
                at[place] = (at[place] + step).clamp(RANGE.0, RANGE.1);
            }
        }
        last = slope;
        if steps.iter().all(|step| *step < 0.02) {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::space::Axis;
    use super::*;
    use proptest::prelude::*;

    fn space() -> Space {
        let axes = vec![Axis::ordered(&[0.0, 1.0, 2.0, 3.0, 4.0]), Axis::Choice(2)];
        let cell = |at: u16| vec![at % 5, at / 5].into_boxed_slice();
        Space::new(axes, (0..10).map(cell).collect(), vec![0; 10])
    }

    fn seen(cell: usize, value: f64, visits: f64) -> Seen {
        Seen { cell, value, known: 0.01, visits, squares: 0.02 * (visits - 1.0) }
    }

    proptest! {
        #[test]
        fn slopes_are_those_of_differences(packed in proptest::collection::vec(-2.0..1.0_f64, 6)) {
            let space = space();
            let values = [(0, 0.3, 1.0), (3, -1.0, 2.0), (6, 0.8, 1.0), (9, 0.1, 3.0), (4, -0.2, 1.0)];
            let seen: Vec<Seen> = values.iter().map(|(cell, value, n)| seen(*cell, *value, *n)).collect();
            let problem = Problem::new(&space, &seen, &PRIORS);
            let height = |packed: &[f64]| problem.height(&Theta::unpack(packed));
            let slope = height(&packed).slope;
            for at in 0..packed.len() {
                let off = |by: f64| {
                    let mut moved = packed.clone();
                    moved[at] += by;
                    height(&moved).value
                };
                // The mean of all is where the height is greatest, so that it need not be followed.
                let by_differences = (off(1e-5) - off(-1e-5)) / 2e-5;
                prop_assert!((slope[at] - by_differences).abs() < 1e-4 * (1.0 + slope[at].abs()), "{at}: {} {by_differences}", slope[at]);
            }
        }
    }
}
