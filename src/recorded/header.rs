//! The header of a table: which columns are axes, and which are figures of which seed.

use std::collections::HashMap;

use super::error::TableError;
use super::table::FigureColumn;
use crate::event::{Phase, is_own_name};
use crate::metric::{MetricDef, MetricId, MetricName, Scope, find_among};
use crate::units::Unit;

/// The longest name of a column, in bytes.
const LONGEST_NAME: usize = 100;

/// The most columns.
const MOST_COLUMNS: usize = 10_000;

/// What stands before the seed of a column.
const AT: char = '@';

/// What stands before a metric of a stage.
const OF: char = ':';

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// An axis, by its place among these.
    Axis(usize),
    /// A figure, and its place in a row of values.
    Figure(usize, usize),
}

/// All columns.
#[derive(Debug)]
pub(super) struct Header {
    /// As they are written.
    pub(super) names: Vec<String>,
    pub(super) meanings: Vec<Meaning>,
    pub(super) axes: Vec<String>,
    pub(super) figures: Vec<FigureColumn>,
    /// Values of each figure that has one a seed.
    pub(super) seeds: u32,
    /// Values of a row.
    pub(super) width: usize,
}

/// The columns of a figure, before it is known whether none is missing.
struct Found<'a> {
    name: &'a str,
    /// The seed of each, and its place in the file; the one without has none.
    columns: Vec<(Option<u32>, usize)>,
}

impl Header {
    /// `own`: the metrics of the user's own.
    pub(super) fn read(names: Vec<String>, own: &[MetricId]) -> Result<Self, TableError> {
        check(&names)?;
        let (mut axes, mut found) = (Vec::new(), Vec::<Found<'_>>::new());
        let mut meanings = vec![Meaning::Axis(0); names.len()];
        for (at, name) in names.iter().enumerate() {
            let (figure, seed) = match name.rsplit_once(AT) {
                Some((figure, seed)) => (figure, Some(of_seed(name, seed)?)),
                None if find_among(parts(name).1, own).is_some() => (&**name, None),
                None => {
                    meanings[at] = Meaning::Axis(axes.len());
                    axes.push(name.clone());
                    continue;
                }
            };
            match found.iter_mut().find(|known| known.name == figure) {
                Some(known) => known.columns.push((seed, at)),
                None => found.push(Found { name: figure, columns: vec![(seed, at)] }),
            }
        }
        if found.is_empty() {
            let what = "it has no figures: every column is an axis";
            let hint = "a figure is a column `NAME@0` (of seed 0), or is named like a metric (`perftune list metrics`) or one of [metrics]";
            return Err(TableError::new(what).at_line(1).hint(hint));
        }
        let (mut figures, mut width) = (Vec::new(), 0);
        let mut seeds: Option<(&str, usize)> = None;
        for figure in &mut found {
            let by_seed = figure.seeds()?;
            if let (true, Some((other, count))) = (by_seed, seeds)
                && count != figure.columns.len()
            {
                let (name, own) = (figure.name, figure.columns.len());
                let what = format!("`{other}` has {count} seeds, and `{name}` {own}");
                let hint = "each run has all figures: leave the fields of missing ones empty";
                return Err(TableError::new(what).at_line(1).hint(hint));
            }
            if by_seed {
                seeds = Some((figure.name, figure.columns.len()));
            }
            for (offset, (_, at)) in figure.columns.iter().enumerate() {
                meanings[*at] = Meaning::Figure(figures.len(), width + offset);
            }
            let metric = find_among(parts(figure.name).1, own);
            figures.push(column(figure.name, metric, width, by_seed)?);
            width += figure.columns.len();
        }
        let seeds = seeds.map_or(1, |(_, count)| u32::try_from(count).unwrap_or(u32::MAX));
        drop(found);
        Ok(Self { names, meanings, axes, figures, seeds, width })
    }
}

/// Reports names that cannot be those of columns.
fn check(names: &[String]) -> Result<(), TableError> {
    if names.iter().all(String::is_empty) {
        return Err(TableError::new("it is empty, or has no header")
            .at_line(1)
            .hint("its first line names the columns"));
    }
    if names.len() > MOST_COLUMNS {
        let what = format!("it has {} columns, and at most {MOST_COLUMNS} are read", names.len());
        return Err(TableError::new(what).at_line(1));
    }
    let mut seen = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        let count = at + 1;
        let wrong = |what: String| Err(TableError::new(what).at_line(1));
        if name.is_empty() {
            return wrong(format!("column {count} has no name"));
        }
        if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return wrong(format!(
                "the name of column {count} is longer than {LONGEST_NAME} bytes, or has control characters"
            ));
        }
        if let Some(before) = seen.insert(name, count) {
            return wrong(format!("columns {before} and {count} are both named `{name}`"));
        }
    }
    if let [name] = names
        && name.contains([';', '\t'])
    {
        return Err(TableError::new("it has a single column")
            .at_line(1)
            .hint("its fields are separated by commas"));
    }
    Ok(())
}

fn of_seed(name: &str, seed: &str) -> Result<u32, TableError> {
    let plain = !seed.is_empty() && seed.bytes().all(|byte| byte.is_ascii_digit());
    let seed = seed.parse().ok().filter(|seed| plain && (*seed as usize) < MOST_COLUMNS);
    seed.ok_or_else(|| {
        TableError::new(format!("`{name}` names no seed behind its {AT}"))
            .at_line(1)
            .hint(format!("`NAME{AT}0` is the figure NAME of seed 0"))
    })
}

impl Found<'_> {
    /// Sorts its columns by their seeds; whether it has any.
    fn seeds(&mut self) -> Result<bool, TableError> {
        self.columns.sort_unstable();
        let name = self.name;
        match &self.columns[..] {
            [(None, _)] => Ok(false),
            [(None, _), ..] => {
                let what = format!("there are both `{name}` and `{name}{AT}...`");
                Err(TableError::new(what).at_line(1).hint("keep the figure, or those of its seeds"))
            }
            columns => {
                let missing = columns.iter().zip(0..).find(|((seed, _), at)| *seed != Some(*at));
                let Some((_, at)) = missing else {
                    return Ok(true);
                };
                let last = columns.last().and_then(|(seed, _)| *seed).unwrap_or_default();
                let what = format!("there is a `{name}{AT}{last}`, and no `{name}{AT}{at}`");
                Err(TableError::new(what).at_line(1).hint("the seeds count from 0 without a gap"))
            }
        }
    }
}

/// The stage that a name says, and the rest of it: `serve[8]:serve.latency_p99`.
fn parts(name: &str) -> (Option<Phase>, &str) {
    let parts = name.split_once(OF).and_then(|(phase, rest)| Some((phase.parse().ok()?, rest)));
    parts.map_or((None, name), |(phase, rest)| (Some(phase), rest))
}

/// The figure of this name; `def`: what is known of its metric.
fn column(
    name: &str,
    def: Option<&MetricDef>,
    at: usize,
    by_seed: bool,
) -> Result<FigureColumn, TableError> {
    let (phase, metric) = parts(name);
    let wrong = |what: String| Err(TableError::new(what).at_line(1));
    if !is_own_name(metric) {
        return wrong(format!("`{name}` cannot be the name of a figure"));
    }
    let metric = def.map_or_else(|| MetricName::Own(metric.to_owned()), |def| def.id.into());
    let usual = match def.map(|def| def.scope) {
        None | Some(Scope::Run) => Some("run".to_owned()),
        Some(Scope::Train | Scope::Stages) => Some("train".to_owned()),
        Some(Scope::Serve | Scope::Served) => None,
    };
    let Some(phase) = phase.map(|phase| phase.to_string()).or(usual) else {
        let what = format!("`{name}` does not name its request size");
        return Err(TableError::new(what)
            .at_line(1)
            .hint(format!("write serve[N]{OF}{name}, with N samples a request")));
    };
    let unit = def.map_or(Unit::One, |def| def.unit);
    Ok(FigureColumn { metric, phase, unit, at, by_seed })
}
