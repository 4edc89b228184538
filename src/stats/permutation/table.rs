//! The values of a family side by side, and the moderated statistics of one arrangement of them.

use std::ops::Range;

use super::super::shift::median;

/// How many observations the variance shared by those of a kind counts for.
pub(in super::super) const PRIOR: f64 = 4.0;

/// The least standard deviation of a unit, in log units: a hundredth of a percent. No run is measured better.
const LEAST_SPREAD: f64 = 1e-4;

/// The moderated variance of a unit: `(b s0^2 + d s^2) / (b + d)`, at least 1e-4 squared; `b` observations are borrowed.
pub(in super::super) fn moderated(shared: f64, borrowed: f64, variance: f64, freedom: f64) -> f64 {
    let pooled = (borrowed * shared + freedom * variance) / (borrowed + freedom);
    pooled.max(LEAST_SPREAD * LEAST_SPREAD)
}

/// One test's values as they lie in the table: one for each unit, 0 where there is none.
pub(super) struct Column {
    /// Its place in the caller's list.
    pub(super) test: usize,
    pub(super) kind: usize,
    pub(super) values: Vec<f64>,
    pub(super) present: Vec<bool>,
    /// Degrees of freedom of its variance; above 0.
    pub(super) freedom: f64,
}

/// What an arrangement's flags do to the values.
pub(super) enum Design {
    /// A flagged unit's values change their sign.
    Signs,
    /// Flagged units are the candidate's; the stratum of each unit, from 0.
    Groups(Vec<usize>),
}

/// Columns of tests in rows of units, the tests of a kind side by side.
pub(super) struct Table {
    width: usize,
    /// Row by row, so that one sum over units is many at once.
    values: Vec<f64>,
    squares: Vec<f64>,
    freedom: Vec<f64>,
    kinds: Vec<Range<usize>>,
    /// Which test each column is.
    tests: Vec<usize>,
    weighing: Weighing,
}

/// The weight `w` of a column's sum: its mean is `sum / w` and the variance of that is `s^2 / w`.
enum Weighing {
    /// The number of pairs, whatever the signs.
    Pairs(Vec<f64>),
    /// Depends on the labels of the runs that the column has.
    Groups {
        patterns: Patterns,
        /// The pattern of each column.
        of: Vec<usize>,
    },
}

/// Each set of units that some column has values for. Most columns share one.
struct Patterns {
    count: usize,
    /// Row by row as the values are: 1 where the pattern has the unit.
    present: Vec<f64>,
    strata: Vec<Stratum>,
}

struct Stratum {
    units: Vec<usize>,
    /// How many units of it each pattern has.
    sizes: Vec<f64>,
}

/// Buffers for one arrangement at a time.
pub(super) struct Work {
    sums: Vec<f64>,
    weights: Vec<f64>,
    variances: Vec<f64>,
    spare: Vec<f64>,
    /// Candidates of each pattern, and its weight.
    candidates: Vec<f64>,
    by_pattern: Vec<f64>,
    /// The statistic of each column.
    pub(super) statistics: Vec<f64>,
}

/// One column of the arrangement that was observed.
pub(super) struct Observed {
    pub(super) test: usize,
    pub(super) mean: f64,
    pub(super) se: f64,
}

impl Table {
    pub(super) fn new(mut columns: Vec<Column>, design: Design) -> Self {
        columns.sort_by_key(|column| column.kind);
        let width = columns.len();
        let units = columns.first().map_or(0, |column| column.values.len());
        let mut values = Vec::with_capacity(units * width);
        for unit in 0..units {
            values.extend(columns.iter().map(|column| column.values[unit]));
        }
        let mut kinds: Vec<Range<usize>> = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            match kinds.last_mut() {
                Some(last) if columns[last.start].kind == column.kind => last.end = at + 1,
                _ => kinds.push(at..at + 1),
            }
        }
        let weighing = match design {
            Design::Signs => Weighing::Pairs(
                columns
                    .iter()
                    .map(|column| column.present.iter().filter(|here| **here).count() as f64)
                    .collect(),
            ),
            Design::Groups(strata) => {
                let (patterns, of) = Patterns::of(&columns, &strata);
                Weighing::Groups { patterns, of }
            }
        };
        Self {
            width,
            values,
            squares: columns
                .iter()
                .map(|column| column.values.iter().map(|v| v * v).sum())
                .collect(),
            freedom: columns.iter().map(|column| column.freedom).collect(),
            kinds,
            tests: columns.iter().map(|column| column.test).collect(),
            weighing,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn work(&self) -> Work {
        let zeros = || vec![0.0; self.width];
        Work {
            sums: zeros(),
            weights: match &self.weighing {
                Weighing::Pairs(pairs) => pairs.clone(),
                Weighing::Groups { .. } => zeros(),
            },
            variances: zeros(),
            spare: Vec::with_capacity(self.width),
            candidates: Vec::new(),
            by_pattern: Vec::new(),
            statistics: zeros(),
        }
    }

    /// The statistics of the arrangement with these flags, into `work`.
    pub(super) fn arrange(&self, flags: &[bool], work: &mut Work) {
        self.sum(flags, work);
        for (column, variance) in work.variances.iter_mut().enumerate() {
            let explained = work.sums[column] * work.sums[column] / work.weights[column];
            // Rounding alone can make it negative.
            *variance = ((self.squares[column] - explained) / self.freedom[column]).max(0.0);
        }
        for kind in &self.kinds {
            work.spare.clear();
            work.spare.extend_from_slice(&work.variances[kind.clone()]);
            let shared = median(&mut work.spare).unwrap_or(0.0);
            for column in kind.clone() {
                let variance =
                    moderated(shared, PRIOR, work.variances[column], self.freedom[column]);
                work.variances[column] = variance;
                work.statistics[column] =
                    work.sums[column] / (work.weights[column] * variance).sqrt();
            }
        }
    }

    /// Mean and standard error of every column in the arrangement that `work` holds.
    pub(super) fn observed(&self, work: &Work) -> Vec<Observed> {
        (0..self.width)
            .map(|column| Observed {
                test: self.tests[column],
                mean: work.sums[column] / work.weights[column],
                se: (work.variances[column] / work.weights[column]).sqrt(),
            })
            .collect()
    }

    fn sum(&self, flags: &[bool], work: &mut Work) {
        work.sums.fill(0.0);
        let rows = self.values.chunks_exact(self.width.max(1)).zip(flags);
        match &self.weighing {
            Weighing::Pairs(_) => {
                for (row, flag) in rows {
                    let sign = if *flag { -1.0 } else { 1.0 };
                    for (sum, value) in work.sums.iter_mut().zip(row) {
                        *sum += sign * value;
                    }
                }
            }
            Weighing::Groups { patterns, of } => {
                for (row, _) in rows.filter(|(_, flag)| **flag) {
                    for (sum, value) in work.sums.iter_mut().zip(row) {
                        *sum += value;
                    }
                }
                patterns.weigh(flags, &mut work.candidates, &mut work.by_pattern);
                for (weight, pattern) in work.weights.iter_mut().zip(of) {
                    *weight = work.by_pattern[*pattern];
                }
            }
        }
    }
}

impl Patterns {
    /// The patterns of these columns, and which one each has.
    fn of(columns: &[Column], strata: &[usize]) -> (Self, Vec<usize>) {
        let mut distinct: Vec<&[bool]> = Vec::new();
        let mut of = Vec::with_capacity(columns.len());
        for column in columns {
            let known = distinct.iter().position(|other| *other == column.present);
            of.push(known.unwrap_or_else(|| {
                distinct.push(&column.present);
                distinct.len() - 1
            }));
        }
        let has = |pattern: &[bool], unit: usize| f64::from(u8::from(pattern[unit]));
        let units = 0..strata.len();
        let last = strata.iter().max().map_or(0, |last| last + 1);
        let strata = (0..last).map(|stratum| {
            let units: Vec<usize> = units.clone().filter(|at| strata[*at] == stratum).collect();
            let size = |pattern: &&[bool]| units.iter().map(|unit| has(pattern, *unit)).sum();
            Stratum { sizes: distinct.iter().map(size).collect(), units }
        });
        let patterns = Self {
            count: distinct.len(),
            strata: strata.collect(),
            present: units
                .flat_map(|unit| distinct.iter().map(move |pattern| has(pattern, unit)))
                .collect(),
        };
        (patterns, of)
    }

    /// The least-squares weight of a difference between groups for each pattern: the sum over strata of `n1 n0 / (n1 +
    /// n0)`.
    fn weigh(&self, flags: &[bool], candidates: &mut Vec<f64>, weights: &mut Vec<f64>) {
        weights.clear();
        weights.resize(self.count, 0.0);
        for stratum in &self.strata {
            candidates.clear();
            candidates.resize(self.count, 0.0);
            for unit in stratum.units.iter().filter(|unit| flags[**unit]) {
                let row = &self.present[unit * self.count..(unit + 1) * self.count];
                for (candidates, present) in candidates.iter_mut().zip(row) {
                    *candidates += present;
                }
            }
            let sizes = candidates.iter().zip(&stratum.sizes);
            for (weight, (new, all)) in weights.iter_mut().zip(sizes) {
                *weight += new * (all - new) / all.max(1.0);
            }
        }
        // Where one group is empty in every stratum the sum is 0 as well, and any weight will do.
        for weight in weights.iter_mut().filter(|weight| **weight <= 0.0) {
            *weight = 1.0;
        }
    }
}
