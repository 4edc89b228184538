//! What is believed of all figures, by what every visit so far has said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::aims::{Reading, Scale};
use super::fit::PRIORS;
use super::kernel::Seen;
use super::process::{Belief, Process};
use super::state::{Search, Told};
use crate::stats::{Better, normal_below};

/// What is far worse than the rest teaches no more than that it is bad: values are taken as no further below the median than the
/// best is above it.
const DEPTH: f64 = 1.0;

/// What is believed of a figure that nobody has seen.
const NOTHING: Belief = Belief { mean: f64::NAN, variance: f64::INFINITY };

/// What is believed of a cell.
struct Beliefs {
    figures: Vec<Belief>,
    success: Option<Belief>,
    cost: Option<Belief>,
}

/// Everything that is believed of the figures.
pub(super) struct Model<'a> {
    /// Absent where nothing was seen yet of a figure that only some cells have a limit on.
    processes: Vec<Option<Process<'a>>>,
    /// Whether visits come to their end; absent where all did.
    success: Option<Process<'a>>,
    /// The logarithm of the seconds that a visit takes; absent where nobody asks.
    cost: Option<Process<'a>>,
    beliefs: HashMap<usize, Beliefs>,
    /// How each objective is turned so that it is better upwards; 1 for what is none.
    pub(super) signs: Vec<f64>,
    /// The cells of which something was told or will be, and those that this search itself has visited.
    pub(super) known: BTreeSet<usize>,
    pub(super) visited: BTreeSet<usize>,
}

impl Model<'_> {
    /// Sees to it that these cells are believed something of; those that are new.
    pub(super) fn learn(&mut self, cells: &[usize]) -> Vec<usize> {
        let fresh: BTreeSet<usize> =
            cells.iter().copied().filter(|cell| !self.beliefs.contains_key(cell)).collect();
        let fresh: Vec<usize> = fresh.into_iter().collect();
        let beliefs = |process: &Process<'_>| process.beliefs(&fresh);
        let of_figure = |process: &Option<Process<'_>>| {
            process.as_ref().map_or_else(|| vec![NOTHING; fresh.len()], beliefs)
        };
        let figures: Vec<Vec<Belief>> = self.processes.iter().map(of_figure).collect();
        let (success, cost) = (self.success.as_ref().map(beliefs), self.cost.as_ref().map(beliefs));
        for (at, cell) in fresh.iter().enumerate() {
            let beliefs = Beliefs {
                figures: figures.iter().map(|beliefs| beliefs[at]).collect(),
                success: success.as_ref().map(|beliefs| beliefs[at]),
                cost: cost.as_ref().map(|beliefs| beliefs[at]),
            };
            self.beliefs.insert(*cell, beliefs);
        }
        fresh
    }

    /// Whether anything was seen of a figure.
    pub(super) fn is_seen(&self, figure: usize) -> bool {
        self.processes[figure].is_some()
    }

    pub(super) fn belief(&self, cell: usize, figure: usize) -> Belief {
        self.beliefs[&cell].figures[figure]
    }

    /// The deviation of what was seen of a figure, on its scale.
    pub(super) fn spread(&self, figure: usize) -> f64 {
        self.processes[figure].as_ref().map_or(0.0, Process::spread)
    }

    /// How likely a visit to it comes to its end.
    pub(super) fn success(&self, cell: usize) -> f64 {
        let above = |belief: Belief| normal_below((belief.mean - 0.5) / belief.variance.sqrt());
        self.beliefs[&cell].success.map_or(1.0, above)
    }

    /// What a visit to it costs: seconds where they count, else 1.
    pub(super) fn cost(&self, cell: usize) -> f64 {
        self.beliefs[&cell].cost.map_or(1.0, |belief| belief.mean.exp())
    }

    /// The variance of a visit around its cell.
    pub(super) fn noise(&self, figure: usize) -> f64 {
        self.processes[figure].as_ref().map_or(0.0, Process::noise)
    }

    /// The variance that is left, and that by which the mean may move, after so many more visits.
    pub(super) fn after(&self, cell: usize, figure: usize, visits: f64) -> (f64, f64) {
        let Belief { variance, .. } = self.belief(cell, figure);
        let noise = self.noise(figure);
        let left = variance * noise / (noise + visits * variance);
        (left, (variance - left).max(0.0))
    }
}

impl Search<'_> {
    /// What the visits say together; `None` where an objective, or what is limited in every cell, has not been seen at all.
    pub(super) fn model(&self) -> Option<Model<'_>> {
        let figures = 0..self.aims.figures.len();
        let of_figure = |figure: usize| {
            let aim = self.aims.figures[figure].aim;
            let seen = self.seen(figure, aim);
            let process = Process::fit(self.space, &seen, &PRIORS)?;
            let short = self.short(figure, &seen, &process);
            let both = || [&seen[..], &short].concat();
            let process = if short.is_empty() {
                process
            } else {
                Process::fit(self.space, &both(), &PRIORS)?
            };
            process.supposing(self.pending)
        };
        let processes: Vec<Option<Process<'_>>> = figures.clone().map(of_figure).collect();
        if figures.clone().any(|at| processes[at].is_none() && self.aims.needs(at)) {
            return None;
        }
        let success = self
            .all()
            .any(|told| told.failed)
            .then(|| self.of_visits(|told| if told.failed { 0.0 } else { 1.0 }));
        let cost = self.policy.is_timed.then(|| self.of_visits(|told| Scale::Log.of(told.wall_s)));
        let fit = |seen: Vec<Seen>| Process::fit(self.space, &seen, &PRIORS);
        let (success, cost) = (success.and_then(fit), cost.and_then(fit));
        let mut signs = vec![1.0; figures.len()];
        for (figure, better) in self.aims.objectives() {
            signs[figure] = -better.sign();
        }
        let known = self.known().collect();
        let visited = self.told.iter().map(|told| told.cell).collect();
        Some(Model { processes, success, cost, beliefs: HashMap::new(), signs, known, visited })
    }

    /// What was seen of a figure; `aim`: what is far worse than the rest by it is lifted.
    pub(super) fn seen(&self, figure: usize, aim: Option<Better>) -> Vec<Seen> {
        let scale = self.aims.figures[figure].scale;
        let mut cells: BTreeMap<usize, Vec<Reading>> = BTreeMap::new();
        for told in self.all() {
            let reading = told.readings[figure].map(|reading| reading.on(scale));
            if let Some(reading) = reading.filter(|reading| reading.value.is_finite()) {
                cells.entry(told.cell).or_default().push(reading);
            }
        }
        if let Some(better) = aim {
            cut(cells.values_mut().flatten(), -better.sign());
        }
        cells.into_iter().map(|(cell, readings)| Seen::of(cell, &readings)).collect()
    }

    /// What bounds say of the cells of which nothing else is known of a figure: what, together with the belief without them,
    /// makes the mean and the variance of that belief below the bound.
    fn short(&self, figure: usize, seen: &[Seen], process: &Process<'_>) -> Vec<Seen> {
        let scale = self.aims.figures[figure].scale;
        let mut bounds: BTreeMap<usize, f64> = BTreeMap::new();
        for told in self.all() {
            let short = told.short.filter(|short| short.figure == figure);
            if let Some(short) = short.filter(|_| seen.iter().all(|seen| seen.cell != told.cell)) {
                let most = scale.of(short.most);
                let least = bounds.entry(told.cell).or_insert(most);
                *least = least.min(most);
            }
        }
        let cells: Vec<usize> = bounds.keys().copied().collect();
        let beliefs = process.beliefs(&cells);
        let each = bounds.into_iter().zip(beliefs);
        each.filter_map(|((cell, most), belief)| bounded(cell, belief, most)).collect()
    }

    /// What the visits to each cell say together of something that every visit has.
    fn of_visits(&self, value: impl Fn(&Told) -> f64) -> Vec<Seen> {
        let mut cells: BTreeMap<usize, Vec<Reading>> = BTreeMap::new();
        for told in self.all() {
            let reading = Reading { value: value(told), variance: 0.0 };
            cells.entry(told.cell).or_default().push(reading);
        }
        cells.into_iter().map(|(cell, readings)| Seen::of(cell, &readings)).collect()
    }
}

/// The visit that would have moved this belief to the mean and the variance of its part below a bound; none where the bound
/// says nothing.
fn bounded(cell: usize, belief: Belief, most: f64) -> Option<Seen> {
    const LEAST: f64 = 1e-6;
    // Deviations below the mean beyond which a bound moves it no further.
    const FARTHEST: f64 = -4.5;
    let deviation = belief.variance.sqrt();
    let at = ((most - belief.mean) / deviation).max(FARTHEST);
    // How far the mean is pushed down, in deviations.
    let density = (-0.5 * at * at).exp() / std::f64::consts::TAU.sqrt();
    let push = density / normal_below(at);
    let left = (1.0 - push * (push + at)).clamp(LEAST, 1.0);
    let precision = (1.0 / left - 1.0) / belief.variance;
    (precision * belief.variance > LEAST).then(|| {
        let mean = belief.mean - push * deviation;
        let sum = mean / (left * belief.variance) - belief.mean / belief.variance;
        Seen { cell, value: sum / precision, known: 1.0 / precision, visits: 1.0, squares: 0.0 }
    })
}

/// Lifts what is far worse than the rest.
fn cut<'r>(readings: impl Iterator<Item = &'r mut Reading>, sign: f64) {
    let mut readings: Vec<&mut Reading> = readings.collect();
    let mut values: Vec<f64> = readings.iter().map(|reading| sign * reading.value).collect();
    values.sort_by(f64::total_cmp);
    let Some(best) = values.last() else { return };
    let median = values[values.len() / 2];
    let least = median - DEPTH * (best - median);
    for reading in &mut readings {
        reading.value = sign * (sign * reading.value).max(least);
    }
}
