//! Effects by a model of what was seen, where the visited cells do not match.

use nalgebra::DVector;

use super::found::{Effect, EffectBasis, Interaction, MainEffect, Seeing};
use super::steps::{Step, pairs};
use crate::search::aims::Reading;
use crate::search::fit::{Alternative, Fit, PRIORS, Prior, Priors};
use crate::search::kernel::{JITTER, Seen};
use crate::search::space::Space;
use crate::stats::Interval;
use crate::stats::distribution::student_t;

/// Visited cells that a model is made of, and those whose other settings an effect is the mean over: its cost grows with the
/// third power of the one and the square of the other.
const MOST_SEEN: usize = 256;
const MOST_OVER: usize = 48;

/// Priors of who asks whether there is anything: that of the noise is wide, and takes all that was seen for noise where nothing says otherwise. A
/// search takes noise for small, since it looks for what is best and not for what is certain.
const CAUTIOUS: Priors = Priors { noise: Prior { mean: -1.0, sd: 1.5 }, ..PRIORS };

/// Hyperparameters that are fitted beside the length of each axis, and the mean.
const FITTED: f64 = 5.0;

/// A cell that need not have been visited, and how it counts.
struct Term {
    places: Vec<usize>,
    weight: f64,
}

/// A process over the visited cells, of one figure.
struct Model<'a> {
    space: &'a Space,
    fit: Fit,
    places: Vec<Vec<usize>>,
    /// The solution for ones: of the mean of all, which is not known.
    ones: DVector<f64>,
    /// The same with other hyperparameters.
    others: Vec<Alternative>,
}

/// So many of these, evenly.
fn thinned<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    (0..most).map(|at| all[at * all.len() / most].clone()).collect()
}

impl<'a> Model<'a> {
    fn new(space: &'a Space, seeing: &Seeing) -> Option<Self> {
        let fit = Fit::best(space, &thinned(&seen(space, seeing), MOST_SEEN), &CAUTIOUS)?;
        let ones = fit.solved.factor.solve(&DVector::from_element(fit.seen.len(), 1.0));
        let places = fit.seen.iter().map(|seen| space.places(seen.cell).collect()).collect();
        let others = fit.alternatives(space, &CAUTIOUS);
        Some(Self { space, fit, places, ones, others })
    }

    /// The covariance of two cells.
    fn covariance(fit: &Fit, a: &[usize], b: &[usize]) -> f64 {
        let (sum, product) = fit.kernel.between(a, b);
        sum + product + if a == b { fit.theta.own.exp() } else { 0.0 }
    }

    /// The covariance of a contrast with each cell that was seen.
    fn with(&self, fit: &Fit, terms: &[Term]) -> DVector<f64> {
        let of = |term: &Term, places: &[usize]| {
            term.weight * Self::covariance(fit, &term.places, places)
        };
        let with = |places: &Vec<usize>| terms.iter().map(|term| of(term, places)).sum();
        DVector::from_iterator(fit.seen.len(), self.places.iter().map(with))
    }

    /// The variance of a contrast since the hyperparameters are not known.
    fn open(&self, terms: &[Term], best: f64) -> f64 {
        let off = |of: &Alternative| {
            let mean = of.fit.solved.weights.dot(&self.with(&of.fit, terms));
            of.weight * (mean - best).powi(2)
        };
        self.others.iter().map(off).sum()
    }

    /// The deviations within which a contrast is with this confidence: Student's, with a degree of freedom for each visit beyond what is fitted.
    fn critical(&self, each: f64) -> f64 {
        let visits: f64 = self.fit.seen.iter().map(|seen| seen.visits).sum();
        let fitted = FITTED + self.fit.theta.lengths.len() as f64;
        student_t(each, (visits - fitted).max(1.0))
    }

    /// What is believed of a contrast, whose weights add up to 0; `each`: the confidence of its interval.
    fn contrast(&self, terms: &[Term], each: f64) -> Effect {
        let with = self.with(&self.fit, terms);
        let solved = self.fit.solved.factor.solve(&with);
        let mut prior = 0.0;
        for (at, a) in terms.iter().enumerate() {
            let others = terms[..at].iter();
            let twice: f64 =
                others.map(|b| b.weight * Self::covariance(&self.fit, &a.places, &b.places)).sum();
            prior += a.weight
                * (2.0 * twice + a.weight * Self::covariance(&self.fit, &a.places, &a.places));
        }
        // The mean of all is off 0 by about 1 (`kernel::solve`).
        let of_mean = self.ones.dot(&with).powi(2) / (1.0 + self.ones.sum());
        let variance = (prior - with.dot(&solved) + of_mean).max(JITTER);
        let mean = self.fit.solved.weights.dot(&with);
        let half = self.critical(each) * (variance + self.open(terms, mean)).sqrt();
        let (mean, half) = (mean * self.fit.scale, half * self.fit.scale);
        let interval = Some(Interval::around(mean, half));
        Effect { mean, interval, basis: EffectBasis::Model }
    }

    /// The visited cells that these steps apply to, each with these levels, and how it counts.
    fn terms(&self, steps: &[Step], corners: &[(Vec<u16>, f64)]) -> Vec<Term> {
        let axes = self.space.axes();
        let applies = |places: &&Vec<usize>| {
            steps.iter().all(|step| places[step.axis] < axes[step.axis].levels())
        };
        let over: Vec<&Vec<usize>> = self.places.iter().filter(applies).collect();
        let over = thinned(&over, MOST_OVER);
        let count = over.len() as f64;
        let mut terms = Vec::new();
        for cell in over {
            for (levels, sign) in corners {
                let mut places = cell.clone();
                for (step, level) in steps.iter().zip(levels) {
                    places[step.axis] = usize::from(*level);
                }
                terms.push(Term { places, weight: sign / count });
            }
        }
        terms
    }

    fn main(&self, step: Step, each: f64) -> Effect {
        let corners = [(vec![step.to], 1.0), (vec![step.from], -1.0)];
        self.contrast(&self.terms(&[step], &corners), each)
    }
}

/// What the visits of each cell say together.
fn seen(space: &Space, seeing: &Seeing) -> Vec<Seen> {
    let mut cells: Vec<Vec<Reading>> = vec![Vec::new(); space.len()];
    for sight in &seeing.sights {
        cells[sight.cell].extend(seeing.reading(sight));
    }
    let cells = cells.iter().enumerate().filter(|(_, readings)| !readings.is_empty());
    cells.map(|(cell, readings)| Seen::of(cell, readings)).collect()
}

/// A model of each figure.
pub(super) struct Models<'a> {
    space: &'a Space,
    figures: Vec<Option<Model<'a>>>,
}

impl<'a> Models<'a> {
    pub(super) fn new(space: &'a Space, seeing: &[Seeing]) -> Self {
        Self { space, figures: seeing.iter().map(|seeing| Model::new(space, seeing)).collect() }
    }

    /// The confidence of each of so many contrasts of each figure, so that all hold at once (Bonferroni).
    fn each(&self, contrasts: usize, confidence: f64) -> f64 {
        let all = contrasts * self.figures.iter().flatten().count();
        1.0 - (1.0 - confidence) / all.max(1) as f64
    }

    pub(super) fn main(&self, steps: &[Step], confidence: f64) -> Vec<MainEffect> {
        let each = self.each(steps.len(), confidence);
        let mut all = Vec::new();
        for step in steps {
            for (figure, model) in self.figures.iter().enumerate() {
                let effect = model.as_ref().map(|model| model.main(*step, each));
                all.push(MainEffect { step: *step, figure, sets: 0, effect });
            }
        }
        all
    }

    pub(super) fn interactions(&self, confidence: f64) -> Vec<Interaction> {
        let pairs = pairs(self.space);
        let each = self.each(pairs.len(), confidence);
        let mut all = Vec::new();
        for [step, by] in pairs {
            let of = |model: &Model<'_>, corners: &[(Vec<u16>, f64)]| {
                model.contrast(&model.terms(&[step, by], corners), each)
            };
            let before = [(vec![step.to, by.from], 1.0), (vec![step.from, by.from], -1.0)];
            let after = [(vec![step.to, by.to], 1.0), (vec![step.from, by.to], -1.0)];
            let turned = before.iter().map(|(levels, sign)| (levels.clone(), -sign));
            let square: Vec<(Vec<u16>, f64)> = after.iter().cloned().chain(turned).collect();
            for (figure, model) in self.figures.iter().enumerate() {
                let Some(model) = model else { continue };
                let change = of(model, &square);
                if change.matters() {
                    let before = of(model, &before).mean;
                    all.push(Interaction { step, by, figure, before, change });
                }
            }
        }
        all
    }
}
