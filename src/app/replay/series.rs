//! CSV files of series, read in a stream. What is kept of a series does not depend on its length.
//!
//! The rows of a series need not stand together: up to [`OPEN`] series are followed at a time. When there are more, the
//! one that has had no row for longest is judged, and rows of it that come later are a mistake that is said.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::problems::{Output, Problems};
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
type Closed<'a> = dyn FnMut(&mut Problems, &mut Open) -> Result<bool, Fault> + 'a;

/// The series of one file.
struct File<'a> {
    path: &'a Path,
    rules: &'a [RuleSpec],
    /// The figures of the whole series by their places, from a first reading, for the oracle.
    truths: &'a [Option<f64>],
    metrics: &'a [String],
    open: Vec<Open>,
    places: HashMap<u64, usize>,
    gone: HashSet<u64>,
    count: usize,
    current: Option<(u64, usize)>,
}

/// Replays one file; whether somebody still reads.
pub(super) fn replay(
    path: &Path,
    rules: &[RuleSpec],
    metrics: &[String],
    output: &mut Output<'_>,
) -> Result<bool, Fault> {
    let Output { rows, problems } = output;
    let default = [RuleSpec::default()];
    let rules = if rules.is_empty() { &default[..] } else { rules };
    let mut truths = Vec::new();
    if rules.iter().any(RuleSpec::needs_future) {
        if !path.is_file() && path.exists() {
            problems.source(format!(
                "{}: the rule `oracle` reads its source twice, so it must be a file",
                path.display()
            ));
            return Ok(true);
        }
        let mut keep = |_: &mut Problems, series: &mut Open| {
            let full = series.replay.as_ref().and_then(SeriesReplay::full_estimate);
            truths.resize(truths.len().max(series.ordinal + 1), None);
            truths[series.ordinal] = full;
            Ok(true)
        };
        // What is wrong with the file is said at the second reading.
        let mut unheard = Problems::default();
        File::new(path, &[], metrics).read(&mut unheard, &mut keep)?;
    }
    let mut judge = |problems: &mut Problems, series: &mut Open| {
        let Some(replay) = &mut series.replay else {
            return Ok(true);
        };
        if replay.rows() < 2 {
            problems.series(format!(
                "{}:{}: series `{}` has one row only; its figure cannot be compared with anything",
                path.display(),
                series.first_line,
                shown(&series.names)
            ));
            return Ok(true);
        }
        problems.judged += 1;
        let full = replay.full_estimate();
        for (rule, said) in rules.iter().zip(replay.finish()) {
            if !rows(row(&series.names, rule, said, full))? {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let mut file = File::new(path, rules, metrics);
    file.truths = &truths;
    file.read(problems, &mut judge)
}

fn shown(names: &SeriesName) -> String {
    if names.metric.is_empty() {
        names.series.clone()
    } else {
        format!("{} {}", names.series, names.metric)
    }
}

impl<'a> File<'a> {
    fn new(path: &'a Path, rules: &'a [RuleSpec], metrics: &'a [String]) -> Self {
        Self {
            path,
            rules,
            truths: &[],
            metrics,
            open: Vec::new(),
            places: HashMap::new(),
            gone: HashSet::new(),
            count: 0,
            current: None,
        }
    }

    fn read(mut self, problems: &mut Problems, closed: &mut Closed<'_>) -> Result<bool, Fault> {
        let mut reader = match SeriesReader::open(self.path) {
            Ok(reader) => reader,
            Err(error) => {
                problems.source(error.to_string());
                return Ok(true);
            }
        };
        if !self.metrics.is_empty() && !reader.has_metrics() {
            problems.source(format!(
                "{}:1: there is no column `metric`, so --metrics chooses nothing",
                self.path.display()
            ));
            return Ok(true);
        }
        loop {
            match reader.next_row() {
                Ok(Some(row)) => {
                    if !self.row(&row, problems, closed)? {
                        return Ok(false);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.break_off(&error, problems);
                    return Ok(true);
                }
            }
        }
        if self.count == 0 {
            problems.source(format!(
                "{}: no row has a metric of --metrics {}",
                self.path.display(),
                self.metrics.join(",")
            ));
        }
        for mut series in std::mem::take(&mut self.open) {
            if !closed(problems, &mut series)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Of the series that were being read nobody knows how they go on.
    fn break_off(&mut self, error: &SeriesError, problems: &mut Problems) {
        problems.source(error.to_string());
        for series in &self.open {
            if series.replay.is_some() {
                problems.series(format!(
                    "{}:{}: series `{}` may go on where the file cannot be read",
                    self.path.display(),
                    series.last_line,
                    shown(&series.names)
                ));
            }
        }
    }

    fn row(
        &mut self,
        row: &SeriesRow<'_>,
        problems: &mut Problems,
        closed: &mut Closed<'_>,
    ) -> Result<bool, Fault> {
        if !self.metrics.is_empty() && !self.metrics.iter().any(|metric| metric == row.metric) {
            return Ok(true);
        }
        let key = key(row);
        let at = match self.current {
            // Rows of a series mostly stand together.
            Some((current, at)) if current == key => at,
            _ => match self.places.get(&key) {
                Some(at) => *at,
                None => match self.begin(row, key, problems, closed)? {
                    Some(at) => at,
                    None => return Ok(false),
                },
            },
        };
        self.current = Some((key, at));
        let series = &mut self.open[at];
        series.last_line = row.line;
        let Some(replay) = &mut series.replay else {
            return Ok(true);
        };
        let why = match &row.point {
            Ok((t_s, value)) => match replay.push(*t_s, *value) {
                Ok(()) => return Ok(true),
                Err(fault) => fault.to_string(),
            },
            Err(why) => why.clone(),
        };
        series.replay = None;
        let (path, name) = (self.path.display(), shown(&series.names));
        problems.series(format!("{path}:{}: series `{name}`: {why}", row.line));
        Ok(true)
    }

    /// A series that was not seen before, or was forgotten; `None`: nobody reads any more.
    fn begin(
        &mut self,
        row: &SeriesRow<'_>,
        key: u64,
        problems: &mut Problems,
        closed: &mut Closed<'_>,
    ) -> Result<Option<usize>, Fault> {
        let again = self.gone.contains(&key);
        let mut replay = None;
        if again {
            problems.series(format!(
                "{}:{}: series `{}` comes again after {OPEN} others; what was said of it speaks of the rows before them: \
                 sort the file by series",
                self.path.display(),
                row.line,
                row.series
            ));
        } else if !row.series.is_empty() {
            let truth = self.truths.get(self.count).copied().flatten();
            replay = Some(SeriesReplay::new(self.rules, Some(truth.unwrap_or(f64::NAN)))?);
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
        if row.series.is_empty() {
            problems.series(format!(
                "{}:{}: a row without a series",
                self.path.display(),
                row.line
            ));
        }
        self.count += 1;
        if self.open.len() < OPEN {
            self.open.push(series);
            self.places.insert(key, self.open.len() - 1);
            return Ok(Some(self.open.len() - 1));
        }
        let oldest = (0..OPEN).min_by_key(|at| self.open[*at].last_line);
        let at = oldest.unwrap_or(0);
        let mut over = std::mem::replace(&mut self.open[at], series);
        self.places.remove(&over.key);
        self.gone.insert(over.key);
        self.places.insert(key, at);
        Ok(closed(problems, &mut over)?.then_some(at))
    }
}

/// Two series in 2^64 would be taken for one.
fn key(row: &SeriesRow<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (row.series, row.benchmark, row.metric).hash(&mut hasher);
    hasher.finish()
}
