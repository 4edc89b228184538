//! A table that has been read.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::event::AxisValue;
use crate::metric::MetricName;
use crate::units::Unit;

/// A column that is an axis.
#[derive(Debug, Clone, Default)]
pub struct AxisColumn {
    /// Its name.
    pub key: String,
    /// Its values, each once, in the order of the rows; [`AxisValue::Unset`] where a field is empty.
    pub values: Vec<AxisValue>,
    codes: HashMap<String, u32>,
}

impl AxisColumn {
    pub(super) fn new(key: String) -> Self {
        Self { key, ..Self::default() }
    }

    /// The place of a value among all, by its text: `1.0` and `1` are one.
    pub fn code(&self, label: &str) -> Option<u32> {
        self.codes.get(label).copied()
    }

    /// The place of a value, which is taken in where it is new.
    pub(super) fn intern(&mut self, value: AxisValue) -> u32 {
        let label = value.to_string();
        if let Some(code) = self.code(&label) {
            return code;
        }
        // There are fewer rows than that.
        let code = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value);
        self.codes.insert(label, code);
        code
    }
}

/// A figure: one column, or one a seed.
#[derive(Debug, Clone)]
pub struct FigureColumn {
    /// What it is a figure of.
    pub metric: MetricName,
    /// The stage, as displayed.
    pub phase: String,
    /// Base unit.
    pub unit: Unit,
    /// Its first place in a row of values.
    pub(super) at: usize,
    /// Whether it has a value a seed; else the one is that of every visit.
    pub by_seed: bool,
}

/// What a table is known by.
#[derive(Clone, Default)]
pub struct Table {
    /// The file's name, safe to print.
    pub name: String,
    /// SHA-256 of the contents, unpacked, in hexadecimal digits.
    pub sha256: String,
    /// The axes in the order of the file.
    pub axes: Vec<AxisColumn>,
    /// The figures in the order of the file.
    pub figures: Vec<FigureColumn>,
    /// Values of each figure that has one a seed; 1 where none has.
    pub seeds: u32,
    /// The visits of each row, where not all have as many.
    pub(super) visits: Vec<u32>,
    /// How long each visit took, in seconds, row after row; none: only a figure may say.
    pub(super) times: Vec<f64>,
    pub(super) places: HashMap<Box<[u32]>, u32>,
    /// Row after row; no number: there is none.
    pub(super) values: Vec<f64>,
    /// Values of a row.
    pub(super) width: usize,
}

impl Table {
    /// How many configurations there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The row of a configuration, by the place of the value of each axis.
    pub fn find(&self, codes: &[u32]) -> Option<u32> {
        self.places.get(codes).copied()
    }

    /// Whether it says how long each visit took, though no figure does.
    pub fn has_times(&self) -> bool {
        !self.times.is_empty()
    }

    /// Whether a value of a figure, by its place, is below 0.
    pub fn has_negative(&self, figure: usize) -> bool {
        self.figures.get(figure).is_some_and(|figure| {
            let seeds = if figure.by_seed { self.seeds as usize } else { 1 };
            let mut rows = self.values.chunks(self.width.max(1));
            rows.any(|row| row.iter().skip(figure.at).take(seeds).any(|value| *value < 0.0))
        })
    }

    /// The place of the figure of this name.
    pub fn figure(&self, name: &str) -> Option<usize> {
        self.figures.iter().position(|figure| figure.metric == *name)
    }
}

/// Its rows would fill the terminal.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} rows", self.name, self.len())
    }
}

/// By their contents.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.sha256) == (&other.name, &other.sha256)
    }
}

/// A configuration of a table: what answers in the place of a cell's runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The table.
    pub table: Arc<Table>,
    /// The row.
    pub row: u32,
    /// The figure that says how long a visit took, in seconds, by its place.
    pub cost: Option<usize>,
}

/// What a table says of one visit.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    answer: &'a Answer,
    /// Which of the table's seeds it is, from 0.
    pub seed: u32,
}

impl Answer {
    /// How many visits there are that differ.
    pub fn visits(&self) -> u32 {
        self.table.visits.get(self.row as usize).copied().unwrap_or(self.table.seeds)
    }

    /// The visit that a run with this seed makes: seeds beyond those of the table begin again.
    pub fn visit(&self, seed: u64) -> Visit<'_> {
        let seed = seed % u64::from(self.visits().max(1));
        Visit { answer: self, seed: u32::try_from(seed).unwrap_or(0) }
    }
}

impl<'a> Visit<'a> {
    /// Each figure with its value; absent where the table has none.
    pub fn figures(self) -> impl Iterator<Item = (&'a FigureColumn, Option<f64>)> {
        let figures = self.answer.table.figures.iter().enumerate();
        figures.map(move |(place, figure)| (figure, self.figure(place)))
    }

    fn figure(self, place: usize) -> Option<f64> {
        let table = &self.answer.table;
        let figure = table.figures.get(place)?;
        let seed = if figure.by_seed { self.seed as usize } else { 0 };
        let value = table.values.get(self.answer.row as usize * table.width + figure.at + seed);
        value.copied().filter(|value| !value.is_nan())
    }

    /// How long it took, in seconds; 0 where the table does not say.
    pub fn cost_s(self) -> f64 {
        let Answer { table, row, cost } = self.answer;
        let said = cost.and_then(|place| self.figure(place));
        let place = *row as usize * table.seeds as usize + self.seed as usize;
        let taken = || table.times.get(place).copied();
        said.or_else(taken).unwrap_or(0.0)
    }

    /// Whether it has no figure that differs from seed to seed though the table has such: it failed.
    pub fn failed(self) -> bool {
        let mut own = self.figures().filter(|(figure, _)| figure.by_seed).peekable();
        own.peek().is_some() && own.all(|(_, value)| value.is_none())
    }
}
