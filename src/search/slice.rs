//! What the search's model says along one axis, all others as in one cell.

use super::fit::PRIORS;
use super::process::Process;
use super::space::UNSET;
use super::state::Search;

/// Standard deviations of a band that holds 95%.
const BAND: f64 = 1.96;

/// Levels of an axis that are told; more are a curve, which so many show.
const MOST: usize = 40;

/// One figure along one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The place of the axis.
    pub axis: usize,
    /// The place of the figure.
    pub figure: usize,
    /// By level.
    pub points: Vec<SlicePoint>,
}

/// What is believed of a cell, in the unit of the figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlicePoint {
    /// The cell.
    pub cell: usize,
    /// Where its level lies on the axis, from 0 to 1; of words by their order.
    pub at: f64,
    /// The median.
    pub middle: f64,
    /// The lower end of the band that holds the cell's mean with 95%.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Search<'_> {
    /// The slices through a cell: each figure along each axis that has another level there.
    pub fn slices(&self, cell: usize) -> Vec<Slice> {
        let lines: Vec<(usize, Vec<usize>)> = (0..self.space.axes().len())
            .map(|axis| (axis, self.space.along(cell, axis)))
            .filter(|(_, cells)| cells.len() > 1)
            .collect();
        let mut slices = Vec::new();
        for (figure, of) in self.aims.figures.iter().enumerate() {
            // What is far worse than the rest is told as it is: here nothing is chosen by it.
            let seen = self.seen(figure, None);
            let Some(process) = Process::fit(self.space, &seen, &PRIORS) else { continue };
            for (axis, cells) in &lines {
                let cells = spread(cells, cell);
                let beliefs = process.beliefs(&cells);
                let point = |(cell, belief): (&usize, &super::process::Belief)| {
                    let half = BAND * belief.variance.sqrt();
                    let [middle, low, high] =
                        [0.0, -half, half].map(|off| of.scale.back(belief.mean + off));
                    SlicePoint { cell: *cell, at: self.space.at(*cell, *axis), middle, low, high }
                };
                let points = cells.iter().zip(&beliefs).map(point).collect();
                slices.push(Slice { axis: *axis, figure, points });
            }
        }
        slices.sort_by_key(|slice| (slice.axis, slice.figure));
        slices
    }
}

/// So many of these cells at most, evenly, this one among them.
fn spread(cells: &[usize], own: usize) -> Vec<usize> {
    let every = cells.len().div_ceil(MOST).max(1);
    let last = cells.len() - 1;
    let told = cells.iter().enumerate();
    told.filter(|(at, cell)| at % every == 0 || *at == last || **cell == own)
        .map(|(_, cell)| *cell)
        .collect()
}

impl super::space::Space {
    /// The cells that differ from this one in no other axis, itself among them, by level.
    fn along(&self, cell: usize, axis: usize) -> Vec<usize> {
        if self.level(cell, axis) == UNSET {
            return vec![cell];
        }
        let others = self.neighbours(cell).into_iter();
        let mut cells: Vec<usize> =
            others.filter(|other| self.level(*other, axis) != self.level(cell, axis)).collect();
        cells.push(cell);
        cells.sort_by_key(|cell| self.level(*cell, axis));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Aims, Axis, Figure, Method, Reading, Scale, SearchPolicy, Space, Told};
    use super::*;

    #[test]
    fn a_slice_follows_what_was_seen_and_is_widest_where_nothing_was() {
        let axes = vec![Axis::ordered(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Axis::Choice(2)];
        let cell = |at: u16| vec![at % 6, at / 6].into_boxed_slice();
        let space = Space::new(axes, (0..12).map(cell).collect(), vec![0; 12]);
        let aims = Aims::new(vec![Figure { scale: Scale::Log, aim: None, bound: None }]);
        let told = [0, 1, 2, 5].map(|cell| {
            let reading = Reading { value: 10.0 * (1.0 + cell as f64), variance: 0.01 };
            Told {
                cell,
                readings: vec![Some(reading)],
                failed: false,
                rejected: false,
                short: None,
                wall_s: 1.0,
            }
        });
        let policy = SearchPolicy {
            method: Method::Bayes,
            trials: None,
            is_timed: false,
            prunes: false,
            seed: 1,
        };
        let search =
            Search { space: &space, aims: &aims, earlier: &[], told: &told, pending: &[], policy };
        let slices = search.slices(2);
        assert_eq!(slices.iter().map(|slice| slice.axis).collect::<Vec<_>>(), [0, 1]);
        let points = &slices[0].points;
        assert_eq!(points.iter().map(|point| point.cell).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert!((points[1].middle - 20.0).abs() < 2.0 && (points[3].middle - 40.0).abs() < 8.0);
        let wide = |at: usize| points[at].high / points[at].low;
        assert!(wide(3) > wide(1) && points.iter().all(|point| point.low > 0.0), "{points:?}");
        assert!((points[5].at - 1.0).abs() < 1e-12);
        assert_eq!(slices[1].points.iter().map(|point| point.cell).collect::<Vec<_>>(), [2, 8]);
    }
}
