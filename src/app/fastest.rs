//! Which of several commands is the fastest, and how many times its time the others take.
//!
//! What is said of it is written by `report`. Invariant: what differs in an axis that all commands have is not compared, and only runs of
//! one round are, since the machine drifts from round to round.

use std::collections::BTreeMap;

use crate::event::{Axis, AxisDef, AxisList, AxisValue, RunRecord, RunStatus};
use crate::metric::MetricId;
use crate::report::fastest::{Fastest, Slower};
use crate::report::headline::Place;
use crate::schedule::CONFIDENCE;
use crate::stats::quotient;

/// The times of a cell by their rounds.
struct Contestant<'a> {
    cell: &'a str,
    times: BTreeMap<u32, f64>,
}

impl Contestant<'_> {
    fn mean(&self) -> f64 {
        self.times.values().sum::<f64>() / self.times.len() as f64
    }
}

/// The fastest command for each setting that all of several commands have; nothing of one command.
pub(super) fn fastest(records: &[RunRecord]) -> Vec<Fastest> {
    let bare = records.iter().filter(|record| record.job.work.is_unset());
    let bare: Vec<&RunRecord> = bare.collect();
    let several = bare.iter().any(|record| record.job.model.name != bare[0].job.model.name);
    // Of different machines nobody knows whether the command is faster or the machine.
    let machines = bare.iter().any(|record| record.machine != bare[0].machine);
    if !several || machines {
        return Vec::new();
    }
    let list = AxisList::of(bare.iter().map(|record| &record.job));
    let in_all = |def: &&AxisDef| {
        let is_set = |record: &&RunRecord| def.of(&record.job) != AxisValue::Unset;
        def.key != list.key(Axis::MODEL) && bare.iter().all(is_set)
    };
    let shared: Vec<&AxisDef> = list.defs().filter(in_all).collect();
    let mut groups: Vec<(String, Vec<Contestant<'_>>)> = Vec::new();
    for record in bare.iter().filter(|record| record.status == RunStatus::Completed) {
        let Some(time) = Place::Run.estimate(record, MetricId::CommandTime) else { continue };
        let value = |def: &&AxisDef| format!("{} = {}", def.key, def.of(&record.job));
        let settings = shared.iter().map(value).collect::<Vec<_>>().join(", ");
        let found = groups.iter().position(|(group, _)| *group == settings);
        let at = found.unwrap_or_else(|| {
            groups.push((settings, Vec::new()));
            groups.len() - 1
        });
        let cells = &mut groups[at].1;
        if let Some(cell) = cells.iter_mut().find(|cell| cell.cell == record.cell) {
            cell.times.insert(record.repeat, time);
        } else {
            let times = BTreeMap::from([(record.repeat, time)]);
            cells.push(Contestant { cell: &record.cell, times });
        }
    }
    groups.into_iter().filter_map(|(settings, cells)| compared(settings, &cells)).collect()
}

fn compared(settings: String, cells: &[Contestant<'_>]) -> Option<Fastest> {
    let first = cells.iter().min_by(|one, other| one.mean().total_cmp(&other.mean()))?;
    // Any two of them could have been the first and the one that it is compared with (Bonferroni).
    let pairs = (cells.len() * (cells.len() - 1) / 2) as f64;
    let confidence = 1.0 - (1.0 - CONFIDENCE) / pairs;
    let slower = |cell: &Contestant<'_>| {
        let both =
            cell.times.iter().filter_map(|(round, time)| Some((*first.times.get(round)?, *time)));
        let found = quotient(both, confidence)?;
        Some(Slower {
            cell: cell.cell.to_owned(),
            times: found.value,
            low: found.interval.map(|interval| interval.low),
            high: found.interval.map(|interval| interval.high),
            rounds: found.samples,
        })
    };
    let others = cells.iter().filter(|cell| cell.cell != first.cell);
    let mut slower: Vec<Slower> = others.filter_map(slower).collect();
    slower.sort_by(|one, other| one.times.total_cmp(&other.times));
    let (cell, confidence) = (first.cell.to_owned(), CONFIDENCE);
    (!slower.is_empty()).then_some(Fastest { settings, cell, slower, confidence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AxisValue, CommandSpec, Work};
    use crate::report::fixtures::completed;

    /// A run of a command of so many seconds.
    fn run(command: &str, n: Option<i64>, repeat: u32, time: f64) -> RunRecord {
        let mut record = completed();
        record.job.work =
            Work::Command { spec: CommandSpec { bare: true, ..CommandSpec::default() } };
        command.clone_into(&mut record.job.model.name);
        if let Some(n) = n {
            record.job.own.put("n", AxisValue::Whole(n));
        }
        record.cell = n.map_or_else(|| command.to_owned(), |n| format!("{command}-n_{n}"));
        record.repeat = repeat;
        let mut row = record.metrics[0].clone();
        (row.metric, row.phase) = (MetricId::CommandTime.into(), "run".to_owned());
        row.estimate = Some(time);
        record.metrics = vec![row];
        record
    }

    #[test]
    fn runs_of_one_round_are_compared_so_that_drift_is_no_difference() {
        // The machine doubles its speed from round to round; b takes some 1.5 times as long as a in each.
        let times = [(1, 8.0, 12.0), (2, 4.0, 6.1), (3, 2.0, 2.95)];
        let pairs = times.map(|(round, a, b)| [run("a", None, round, a), run("b", None, round, b)]);
        let records: Vec<RunRecord> = pairs.into_iter().flatten().collect();
        let [found] = &fastest(&records)[..] else { panic!() };
        let [b] = &found.slower[..] else { panic!() };
        assert_eq!((&*found.cell, &*b.cell, b.rounds), ("a", "b", 3));
        assert!((b.times - 1.5).abs() < 0.01, "{b:?}");
        assert!(b.low.unwrap() > 1.4 && b.high.unwrap() < 1.6, "{b:?}");
        // Two rounds say nothing of how well it is known.
        let [found] = &fastest(&records[..4])[..] else { panic!() };
        assert_eq!((found.slower[0].low, found.slower[0].high), (None, None));
        // One command is compared with nothing.
        assert!(fastest(&records[..1]).is_empty());
    }

    #[test]
    fn what_all_have_is_kept_apart_and_what_some_have_is_not() {
        let of = |command: &'static str, n: Option<i64>| {
            (1..=3).map(move |round| run(command, n, round, 1.0 + n.unwrap_or(0) as f64))
        };
        let both = [of("a", Some(1)).collect::<Vec<_>>(), of("a", Some(2)).collect()].concat();
        let other = [of("b", Some(1)).collect::<Vec<_>>(), of("b", Some(2)).collect()].concat();
        let found = fastest(&[both.clone(), other].concat());
        let settings: Vec<&str> = found.iter().map(|found| &*found.settings).collect();
        assert_eq!(settings, ["n = 1", "n = 2"]);
        let found = fastest(&[both, of("b", None).collect()].concat());
        assert_eq!((found.len(), &*found[0].settings, &*found[0].cell), (1, "", "b"));
        assert_eq!(found[0].slower.len(), 2);
    }
}
