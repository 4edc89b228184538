//! How often the arrangements reach what was observed: the step-down counts of Westfall and Young, and the largest
//! statistic of each arrangement.

use std::io;
use std::num::NonZero;
use std::thread;

use super::labels::Labels;
use super::table::Table;

/// Two statistics that differ by less, relatively, are equal: sums that are the same but for their order differ by
/// rounding. It errs towards "as large", which makes p-values larger.
const SAME: f64 = 1e-7;

/// Additions that are worth a thread.
const WORTH_A_THREAD: usize = 2_000_000;

/// Counts of the columns, and one maximum for each arrangement.
pub(super) struct Maxima {
    /// For each column in how many arrangements the largest statistic of it and all smaller ones is as large as its own.
    pub(super) up: Vec<u64>,
    /// The same for statistics with their sign turned.
    pub(super) down: Vec<u64>,
    /// The largest statistic of each arrangement.
    pub(super) highest: Vec<f64>,
    /// The largest with the sign turned.
    pub(super) lowest: Vec<f64>,
}

/// Looks at every arrangement. `observed`: the statistics of the columns.
pub(super) fn maxima(table: &Table, labels: &Labels, observed: &[f64]) -> Maxima {
    let count = usize::try_from(labels.count()).unwrap_or(usize::MAX);
    let additions = count * table.width() * labels.observed().len();
    let available = thread::available_parallelism().map_or(1, NonZero::get);
    maxima_on(available.min(additions / WORTH_A_THREAD).max(1), table, labels, observed)
}

/// The counts are sums and the maxima have a place each, so the number of threads changes nothing.
pub(super) fn maxima_on(
    threads: usize,
    table: &Table,
    labels: &Labels,
    observed: &[f64],
) -> Maxima {
    let count = usize::try_from(labels.count()).unwrap_or(usize::MAX);
    let mut order: Vec<usize> = (0..table.width()).collect();
    order.sort_by(|a, b| observed[*a].total_cmp(&observed[*b]));
    let (mut highest, mut lowest) = (vec![0.0; count], vec![0.0; count]);
    let each = count.div_ceil(threads).max(1);
    let parts = highest.chunks_mut(each).zip(lowest.chunks_mut(each));
    let look = |(part, (highest, lowest)): (usize, (&mut [f64], &mut [f64]))| {
        let first = (part * each) as u64;
        Scan::new(table, labels, observed, &order).run(first, highest, lowest)
    };
    let mut tallies: Vec<Exceedances> = Vec::new();
    if threads == 1 {
        tallies.extend(parts.enumerate().map(look));
    } else {
        let done = thread::scope(|scope| {
            let look = &look;
            let start = |part| thread::Builder::new().spawn_scoped(scope, move || look(part));
            let handles: io::Result<Vec<_>> = parts.enumerate().map(start).collect();
            for handle in handles? {
                match handle.join() {
                    Ok(tally) => tallies.push(tally),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok::<_, io::Error>(())
        });
        if done.is_err() {
            // The system gives no more threads: this one is enough.
            return maxima_on(1, table, labels, observed);
        }
    }
    let mut found =
        Maxima { up: vec![0; table.width()], down: vec![0; table.width()], highest, lowest };
    for tally in tallies {
        for (rank, column) in order.iter().enumerate() {
            found.up[*column] += tally.up[rank];
            found.down[*column] += tally.down[rank];
        }
    }
    step_down(&mut found, &order);
    found
}

/// A less extreme statistic can have no smaller p-value than a more extreme one.
fn step_down(found: &mut Maxima, order: &[usize]) {
    let mut most = 0;
    for column in order.iter().rev() {
        most = found.up[*column].max(most);
        found.up[*column] = most;
    }
    most = 0;
    for column in order {
        most = found.down[*column].max(most);
        found.down[*column] = most;
    }
}

/// Counts by rank, from the smallest statistic.
struct Exceedances {
    up: Vec<u64>,
    down: Vec<u64>,
}

struct Scan<'a> {
    table: &'a Table,
    labels: &'a Labels,
    order: &'a [usize],
    /// From which value on a statistic is as large as the observed one, by rank.
    up: Vec<f64>,
    down: Vec<f64>,
}

impl<'a> Scan<'a> {
    fn new(table: &'a Table, labels: &'a Labels, observed: &[f64], order: &'a [usize]) -> Self {
        let threshold = |sign: f64| {
            let as_large = |column: &usize| {
                let value = sign * observed[*column];
                value - SAME * (1.0 + value.abs())
            };
            order.iter().map(as_large).collect()
        };
        Self { table, labels, order, up: threshold(1.0), down: threshold(-1.0) }
    }

    fn run(&self, first: u64, highest: &mut [f64], lowest: &mut [f64]) -> Exceedances {
        let ranks = self.order.len();
        let mut tally = Exceedances { up: vec![0; ranks], down: vec![0; ranks] };
        let mut work = self.table.work();
        let mut flags = vec![false; self.labels.observed().len()];
        let (mut shuffled, mut ranked) = (Vec::new(), vec![0.0; ranks]);
        for (index, (highest, lowest)) in (first..).zip(highest.iter_mut().zip(lowest)) {
            self.labels.fill(index, &mut flags, &mut shuffled);
            self.table.arrange(&flags, &mut work);
            for (value, column) in ranked.iter_mut().zip(self.order) {
                *value = work.statistics[*column];
            }
            *highest = count(ranked.iter().copied().zip(&self.up), &mut tally.up);
            let turned = ranked.iter().rev().map(|value| -value);
            *lowest = count(turned.zip(self.down.iter().rev()), tally.down.iter_mut().rev());
        }
        tally
    }
}

/// Runs through the statistics from the least extreme; counts where the largest so far reaches the threshold. Returns
/// the largest.
fn count<'a>(
    values: impl Iterator<Item = (f64, &'a f64)>,
    counts: impl IntoIterator<Item = &'a mut u64>,
) -> f64 {
    let mut largest = f64::NEG_INFINITY;
    for ((value, threshold), count) in values.zip(counts) {
        largest = if value > largest { value } else { largest };
        *count += u64::from(largest >= *threshold);
    }
    largest
}
