//! CSV files of series, read in a stream. What is kept of a series does not depend on its length.
//!
//! The rows of a series need not stand together: up to [`OPEN`] series are followed at a time. When there are more, the
//! one that has had no row for longest is judged, and rows of it that come later are a mistake that is said.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::problems::{Halt, Output, Problems};
use super::request::ReplayRequest;
use super::row::{SeriesName, row};
use crate::app::Fault;
use crate::control::rule::{RuleSpec, SeriesReplay};
use crate::dataset::{SeriesError, SeriesReader, SeriesRow};

/// Series that are followed at a time; each takes some kilobytes a rule.
const OPEN: usize = 1024;

/// A series that may go on.
struct Open {
    names: SeriesName,
    /// `None`: a row of it was a mistake.
    replay: Option<SeriesReplay>,
    key: u64,
    /// Its place among all series of the file.
    ordinal: usize,
    first_line: u64,
    last_line: u64,
}

/// What becomes of a series that is over: its replay, and its place among all.
type Closed<'a> = dyn FnMut(&mut Problems, &mut Open) -> Result<(), Halt> + 'a;

/// The series of one file.
struct File<'a> {
    path: &'a Path,
    rules: &'a [RuleSpec],
    /// The figures of the whole series by their places, from a first reading, for the oracle.
    truths: &'a [Option<f64>],
    metrics: &'a [String],
    problems: &'a mut Problems,
    closed: &'a mut Closed<'a>,
    open: Vec<Open>,
    places: HashMap<u64, usize>,
    gone: HashSet<u64>,
    count: usize,
}

/// Replays one file.
pub(super) fn replay(
    path: &Path,
    request: &ReplayRequest,
    output: &mut Output<'_>,
) -> Result<(), Halt> {
    let Output { rows, problems } = output;
    let ReplayRequest { rules, metrics } = request;
    let mut truths = Vec::new();
    if rules.iter().any(RuleSpec::needs_future) {
        if !path.is_file() && path.exists() {
            problems.source(format!(
                "{}: the rule `oracle` reads its source twice, so it must be a file",
                path.display()
            ));
            return Ok(());
        }
        let mut keep = |_: &mut Problems, series: &mut Open| {
            let full = series.replay.as_ref().and_then(SeriesReplay::full_estimate);
            truths.resize(truths.len().max(series.ordinal + 1), None);
            truths[series.ordinal] = full;
            Ok(())
        };
        // What is wrong with the file is said at the second reading.
        let mut unheard = Problems::default();
        File::new(path, &[], metrics, &mut unheard, &mut keep).read()?;
    }
    let mut judge = |problems: &mut Problems, series: &mut Open| {
        let Some(replay) = &mut series.replay else {
            return Ok(());
        };
        if replay.rows() < 2 {
            problems.series(format!(
                "{}:{}: series `{}` has one row only; it cannot be compared with anything",
                path.display(),
                series.first_line,
                shown(&series.names)
            ));
            return Ok(());
        }
        problems.judged += 1;
        let full = replay.full_estimate();
        for (rule, said) in rules.iter().zip(replay.finish()) {
            rows(row(&series.names, rule, &said, full))?;
        }
        Ok(())
    };
    let mut file = File::new(path, rules, metrics, problems, &mut judge);
    file.truths = &truths;
    file.read()
}

fn shown(names: &SeriesName) -> String {
    if names.metric.is_empty() {
        names.series.clone()
    } else {
        format!("{} {}", names.series, names.metric)
    }
}

impl<'a> File<'a> {
    fn new(
        path: &'a Path,
        rules: &'a [RuleSpec],
        metrics: &'a [String],
        problems: &'a mut Problems,
        closed: &'a mut Closed<'a>,
    ) -> Self {
        Self {
            path,
            rules,
            truths: &[],
            metrics,
            problems,
            closed,
            open: Vec::new(),
            places: HashMap::new(),
            gone: HashSet::new(),
            count: 0,
        }
    }

    fn read(mut self) -> Result<(), Halt> {
        let mut reader = match SeriesReader::open(self.path) {
            Ok(reader) => reader,
            Err(error) => {
                self.problems.source(error.to_string());
                return Ok(());
            }
        };
        if !self.metrics.is_empty() && !reader.has_metrics() {
            self.problems.source(format!(
                "{}:1: there is no column `metric`, so --metrics chooses nothing",
                self.path.display()
            ));
            return Ok(());
        }
        loop {
            match reader.next_row() {
                Ok(Some(row)) => {
                    self.row(&row)?;
                }
                Ok(None) => break,
                Err(error) => {
                    self.break_off(&error);
                    return Ok(());
                }
            }
        }
        if self.count == 0 {
            self.problems.source(format!(
                "{}: no row has a metric of --metrics {}",
                self.path.display(),
                self.metrics.join(",")
            ));
        }
        for mut series in std::mem::take(&mut self.open) {
            (self.closed)(self.problems, &mut series)?;
        }
        Ok(())
    }

    /// Of the series that were being read nobody knows how they go on.
    fn break_off(&mut self, error: &SeriesError) {
        self.problems.source(error.to_string());
        for series in &self.open {
            if series.replay.is_some() {
                self.problems.series(format!(
                    "{}:{}: series `{}` may go on where the file cannot be read",
                    self.path.display(),
                    series.last_line,
                    shown(&series.names)
                ));
            }
        }
    }

    fn row(&mut self, row: &SeriesRow<'_>) -> Result<(), Halt> {
        if !self.metrics.is_empty() && !self.metrics.iter().any(|metric| metric == row.metric) {
            return Ok(());
        }
        let key = key(row);
        let at = match self.places.get(&key) {
            Some(at) => *at,
            None => self.begin(row, key)?,
        };
        let series = &mut self.open[at];
        series.last_line = row.line;
        let Some(replay) = &mut series.replay else {
            return Ok(());
        };
        let why = match &row.point {
            Ok((t_s, value)) => match replay.push(*t_s, *value) {
                Ok(()) => return Ok(()),
                Err(fault) => fault.to_string(),
            },
            Err(why) => why.clone(),
        };
        series.replay = None;
        let (path, name) = (self.path.display(), shown(&series.names));
        self.problems.series(format!("{path}:{}: series `{name}`: {why}", row.line));
        Ok(())
    }

    /// The place of a series that was not seen before, or was forgotten.
    fn begin(&mut self, row: &SeriesRow<'_>, key: u64) -> Result<usize, Halt> {
        let again = self.gone.contains(&key);
        let mut replay = None;
        let (path, line) = (self.path.display(), row.line);
        if row.series.is_empty() {
            self.problems.series(format!("{path}:{line}: a row without a series"));
        } else if again {
            self.problems.series(format!(
                "{path}:{line}: series `{}` comes again after {OPEN} others; its result covers only the rows before them: sort \
                 the file by series",
                row.series
            ));
        } else {
            let truth = self.truths.get(self.count).copied().flatten();
            replay = Some(
                SeriesReplay::new(self.rules, Some(truth.unwrap_or(f64::NAN)))
                    .map_err(Fault::from)?,
            );
        }
        let series = Open {
            names: SeriesName {
                series: row.series.to_owned(),
                benchmark: row.benchmark.to_owned(),
                metric: row.metric.to_owned(),
            },
            replay,
            key,
            ordinal: self.count,
            first_line: row.line,
            last_line: row.line,
        };
        self.count += 1;
        if self.open.len() < OPEN {
            self.open.push(series);
            self.places.insert(key, self.open.len() - 1);
            return Ok(self.open.len() - 1);
        }
        let oldest = (0..OPEN).min_by_key(|at| self.open[*at].last_line);
        let at = oldest.unwrap_or(0);
        let mut over = std::mem::replace(&mut self.open[at], series);
        self.places.remove(&over.key);
        self.gone.insert(over.key);
        self.places.insert(key, at);
        (self.closed)(self.problems, &mut over)?;
        Ok(at)
    }
}

/// Two series in 2^64 would be taken for one.
fn key(row: &SeriesRow<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (row.series, row.benchmark, row.metric).hash(&mut hasher);
    hasher.finish()
}
