//! What the values of a row must be, to be compared at all.

use super::entry::{Column, Entry};
use super::error::GateError;
use super::policy::Role;
use super::reason::RowReason;
use super::verdict::RowVerdict;

/// The unit of all values of a row.
pub(super) fn unit<'i>(entry: &Entry<'i>) -> Result<&'i str, GateError> {
    let key = (entry.phase, &entry.metric);
    let units = [&entry.baseline, &entry.candidate]
        .into_iter()
        .flat_map(|column| column.runs)
        .filter_map(|run| run.figures.get(&key))
        .filter(|figure| figure.value.is_some())
        .map(|figure| figure.unit.as_str());
    let mut first = None;
    for unit in units {
        let one = *first.get_or_insert(unit);
        if one != unit {
            return Err(GateError::UnitChanged {
                cell: entry.cell.to_owned(),
                phase: entry.phase.to_owned(),
                metric: entry.metric.clone(),
                one: one.to_owned(),
                other: unit.to_owned(),
            });
        }
    }
    let unit = first.unwrap_or_default();
    let base = entry.metric.def().map(|metric| metric.unit);
    match base {
        Some(base) if first.is_some() && base.factor(unit).is_none() => {
            Err(GateError::ForeignUnit {
                cell: entry.cell.to_owned(),
                phase: entry.phase.to_owned(),
                metric: entry.metric.clone(),
                unit: unit.to_owned(),
                base: base.to_string(),
            })
        }
        _ => Ok(unit),
    }
}

/// Whether every value can be a part of a ratio; `names`: those of the sides.
pub(super) fn check_values(entry: &mut Entry<'_>, names: [&str; 2]) -> Result<(), GateError> {
    let columns = [&entry.baseline, &entry.candidate];
    let mut values = columns.into_iter().flat_map(Column::present);
    // A cell that does not use the device that the machine has: there is nothing that could have changed.
    let of_device = entry.metric.def().is_some_and(|metric| metric.device().is_some());
    if of_device && values.all(|(_, value)| value == 0.0) {
        entry.settled = Some(RowVerdict::Info);
        entry.rule.role = Role::Info;
        entry.why.push(RowReason::AllZero);
        return Ok(());
    }
    for (column, name) in columns.into_iter().zip(names) {
        for (run, value) in column.present() {
            if !(value.is_finite() && value > 0.0) {
                return Err(GateError::NotPositive {
                    side: name.to_owned(),
                    run: run.run.clone(),
                    phase: entry.phase.to_owned(),
                    metric: entry.metric.clone(),
                    value,
                });
            }
        }
    }
    Ok(())
}

/// The floor where the smallest change in base units is more than that. Of the smaller side, so that either side of the floor is
/// the same whichever arm is which.
pub(super) fn raise_floor(entry: &mut Entry<'_>) {
    let base = entry.metric.def().map(|metric| metric.unit);
    let factor = base.map_or(Some(1.0), |base| base.factor(entry.unit));
    let columns = [&entry.baseline, &entry.candidate];
    let smaller = columns.into_iter().filter_map(Column::median).fold(f64::INFINITY, f64::min);
    if let (Some(least), Some(factor)) = (entry.rule.at_least, factor) {
        let share = least / (factor * smaller);
        if share.is_finite() && share > entry.floor {
            entry.floor = share;
        }
    }
}
