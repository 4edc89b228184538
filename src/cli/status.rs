//! `perftune status` and `perftune cancel`: how the tasks of a folder stand, and their end.
//!
//! What is known of them is left to `app`, how it is said to `report`.

use std::fmt::Write;

use super::args::{CancelArgs, StatusArgs};
use super::exit::ExitStatus;
use super::options::Format;
use super::output::{self, Screen};
use crate::app::Fault;
use crate::app::tasks::{self, Standing, UnitState};
use crate::report::layout::{counted, first_of};
use crate::report::listing::Listing;
use crate::report::tasks::{TaskRow, summary, why, word};

/// Lines of a table of tasks, before the rest is only counted.
const SHOWN: usize = 40;

/// Says how the tasks stand.
pub fn status(args: &StatusArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let standing = tasks::standing(&args.dir)?;
    match args.format {
        Format::Json => output::print(&Listing::new(&rows(&standing, false))?.json()?)?,
        Format::Csv => output::print(&Listing::new(&rows(&standing, false))?.csv()?)?,
        Format::Table => output::print(table(&standing)?.as_bytes())?,
    }
    screen.warn(&standing.trouble.iter().collect::<Vec<_>>());
    if standing.count(UnitState::is_open) > 0 {
        screen.note(&[
            "--engine slurm --resume submits again what is not done and no task will bring",
        ]);
    }
    Ok(ExitStatus::Ok)
}

/// Ends the tasks.
pub fn cancel(args: &CancelArgs) -> Result<ExitStatus, Fault> {
    let cancelled = tasks::cancel(&args.dir)?;
    let said = match cancelled.jobs {
        0 => format!("nothing to cancel: all of {} are done\n", counted(cancelled.units, "task")),
        jobs => format!(
            "cancelled {}; {} of {} are done\n",
            counted(jobs, "job"),
            cancelled.done,
            counted(cancelled.units, "task")
        ),
    };
    output::print(said.as_bytes())?;
    Ok(ExitStatus::Ok)
}

fn table(standing: &Standing) -> Result<String, Fault> {
    let states: Vec<&UnitState> = standing.units.iter().map(|unit| &unit.state).collect();
    let mut text = summary(&standing.name, &states) + "\n";
    let jobs = standing.jobs.iter().map(|(name, job)| {
        job.map_or_else(|| format!("{name} (not heard of)"), |job| job.to_string())
    });
    let jobs: Vec<String> = jobs.collect();
    if !jobs.is_empty() {
        let _ = writeln!(text, "jobs: {}", first_of(&jobs, 20));
    }
    let mut rows = rows(standing, true);
    let more = rows.len().saturating_sub(SHOWN);
    rows.truncate(SHOWN);
    if !rows.is_empty() {
        let table = Listing::new(&rows)?.table(output::stdout_width());
        let _ = write!(text, "\n{table}");
    }
    if more > 0 {
        let _ = writeln!(text, "and {more} more; --format csv has all");
    }
    Ok(text)
}

fn rows(standing: &Standing, for_people: bool) -> Vec<TaskRow> {
    let wanted = standing.units.iter().filter(|unit| !for_people || unit.state != UnitState::Done);
    let row = |unit: &tasks::Unit| TaskRow {
        cells: first_of(&unit.cells, if for_people { 3 } else { usize::MAX }),
        state: word(&unit.state),
        why: why(&unit.state, unit.log.is_some()),
        attempts: unit.attempts,
        log: unit.log.as_ref().map(|log| log.display().to_string()).unwrap_or_default(),
        unit: if for_people { String::new() } else { unit.id.clone() },
    };
    wanted.map(row).collect()
}

/// What is not done, a sentence for each of the first.
pub fn open(standing: &Standing) -> Vec<String> {
    let open = rows(standing, true);
    let said = open.iter().take(5).map(|row| {
        let why = if row.why.is_empty() { String::new() } else { format!(": {}", row.why) };
        let log = if row.log.is_empty() { String::new() } else { format!("; see {}", row.log) };
        format!("{}: {}{why}{log}", row.cells, row.state)
    });
    let more = open.len().saturating_sub(5);
    said.chain((more > 0).then(|| format!("{more} more tasks are not done"))).collect()
}
