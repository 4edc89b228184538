//! `perftune run`: from the arguments to the exit code.

use std::path::Path;

use super::against;
use super::args::{ReportArgs, RunArgs};
use super::diagnostic::Fault;
use super::dry_run;
use super::engine::{self, GridFile, Order};
use super::exit::{ExitStatus, grid_exit};
use super::front;
use super::output::{self, Screen};
use super::page;
use super::progress::Progress;
use super::progress::line::Talk;
use super::report_format::ReportFormat;
use super::shadow::{self, Shadow};
use crate::clock::MonotonicClock;
use crate::config;
use crate::config::plan::{Plan, PlannedRun};
use crate::control::rule::RuleSpec;
use crate::event::{Objective, RunRecord};
use crate::report::csv::{metrics_csv, report_csv, summary_csv};
use crate::report::front::FrontReport;
use crate::report::summary::{SummaryRow, summary_metrics_csv};
use crate::report::table::Closing;
use crate::report::{json, markdown, table};
use crate::runner::Streams;
use crate::store::Results;

/// Characters in a line of a page's text that is no table.
const PAGE_WIDTH: usize = 100;

/// Repeats from which on an interval between runs says something.
const REPEATS_FOR_SUMMARY: u32 = 3;

/// Runs the grid.
pub fn run(args: &RunArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    if let Some(against) = &args.compare.against {
        return against::run(args, against, screen);
    }
    alone(args, screen)
}

/// Runs the grid with nothing beside it.
fn alone(args: &RunArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let rules = shadow_rules(args)?;
    let plan = engine::load(&GridFile::of(args))?;
    let talk = talk(args);
    if talk != Talk::Quiet {
        for warning in &plan.warnings {
            screen.say(&format!("warning: {warning}\n"));
        }
    }
    let runs = asked(&plan, args);
    let limited = |run: &PlannedRun| !run.stop.constraints.is_empty();
    if args.strict && !runs.iter().any(limited) {
        return Err(Fault::new("--strict, but the grid has no constraints")
            .hint("for example --set 'constraints.memory.peak=<= 512MiB'"));
    }
    if args.dry_run {
        show_plan(&plan, &runs, args.format)?;
        return Ok(ExitStatus::Ok);
    }
    let named = || Path::new("results").join(&plan.name);
    let folder = args.out.clone().unwrap_or_else(named);
    let mut progress = Progress::new(args.progress, talk, screen, MonotonicClock);
    let order = Order {
        plan: &plan,
        runs: &runs,
        folder: &folder,
        resume: args.resume,
        fresh: args.fresh,
        program: None,
        title: None,
        streams: Streams::Logged,
    };
    let executed = engine::execute(&order, &mut progress);
    progress.finish();
    let executed = executed?;
    let records = &executed.records;

    let shadow = rules.map(|rules| Shadow::cast(&executed.results, records, &rules)).transpose()?;
    let derived = Derived::new(&executed.results, records, None)?;
    derived.write(&executed.results, records, shadow.as_ref())?;
    let shown = folder.display().to_string();
    let document = Document {
        name: &plan.name,
        records,
        summary: &derived.summary,
        shadow: shadow.as_ref(),
        page: &derived.page,
        closing: Closing {
            planned: Some(executed.planned),
            elapsed_s: Some(progress.elapsed_s()),
            folder: Some(&shown),
            front: derived.front.as_ref(),
        },
    };
    output::print(&document.render(args.format, output::stdout_width())?)?;
    if talk != Talk::Quiet {
        document.say(args.format, screen);
    }
    Ok(grid_exit(records, executed.interrupted, args.strict))
}

/// Prints what would be run.
fn show_plan(plan: &Plan, runs: &[PlannedRun], format: ReportFormat) -> Result<(), Fault> {
    let format = format.of_lists().ok_or_else(|| {
        Fault::new("--dry-run has no such format").hint("choose table, json or csv")
    })?;
    let width = output::stdout_width();
    output::print(&dry_run::render(plan, runs, format, width)?)
}

/// The rules of shadow mode, if it is asked for; none: each run's own.
fn shadow_rules(args: &RunArgs) -> Result<Option<Vec<RuleSpec>>, Fault> {
    if args.shadow && !args.full {
        return Err(Fault::new(
            "--shadow compares stops with whole runs, and these would be stopped early",
        )
        .hint("add --full"));
    }
    let rules = shadow::rules(&args.rule)?;
    Ok(args.shadow.then_some(rules))
}

pub(super) fn talk(args: &RunArgs) -> Talk {
    match (args.quiet, args.verbose) {
        (true, _) => Talk::Quiet,
        (false, true) => Talk::Verbose,
        (false, false) => Talk::Normal,
    }
}

/// The runs of the plan that belong to the part that is asked for.
fn asked(plan: &Plan, args: &RunArgs) -> Vec<PlannedRun> {
    let places = plan.runs.iter().enumerate();
    let part = places.filter(|(place, _)| args.shard.is_none_or(|shard| shard.has(*place)));
    part.map(|(_, run)| run.clone()).collect()
}

/// The figures between runs, where there are enough of them.
pub fn summary(records: &[RunRecord]) -> Result<Vec<SummaryRow>, Fault> {
    let repeats = records.iter().map(|record| record.repeat).max().unwrap_or(0);
    if repeats < REPEATS_FOR_SUMMARY {
        return Ok(Vec::new());
    }
    engine::summaries(records)
}

/// The files of a results folder that speak of all runs together.
pub fn report_files(
    records: &[RunRecord],
    summary: &[SummaryRow],
    front: Option<&FrontReport>,
) -> Result<Vec<(&'static str, Vec<u8>)>, Fault> {
    let mut files =
        vec![("report.csv", report_csv(records, front)?), ("metrics.csv", metrics_csv(records)?)];
    if !summary.is_empty() {
        files.push(("summary.csv", summary_csv(records, summary)?));
        files.push(("summary_metrics.csv", summary_metrics_csv(summary)?));
    }
    Ok(files)
}

/// What is printed when the runs are over.
pub struct Document<'a> {
    /// The name of the grid.
    pub name: &'a str,
    /// The runs that have ended.
    pub records: &'a [RunRecord],
    /// Their figures between runs.
    pub summary: &'a [SummaryRow],
    /// What they would have been, had they stopped early.
    pub shadow: Option<&'a Shadow>,
    /// What a browser shows of them: `report.html`.
    pub page: &'a [u8],
    /// What stands under the table.
    pub closing: Closing<'a>,
}

impl Document<'_> {
    /// The bytes for the standard output.
    pub fn render(&self, format: ReportFormat, width: usize) -> Result<Vec<u8>, Fault> {
        let shadow = self.shadow.filter(|shadow| !shadow.is_empty());
        Ok(match format {
            ReportFormat::Table => {
                let mut text = table::summary(self.records, &self.closing, width);
                if let Some(shadow) = shadow {
                    text = text + "\n" + &shadow.report.table(width);
                }
                text.into_bytes()
            }
            ReportFormat::Json => {
                let extras = json::Extras {
                    summary: self.summary,
                    front: self.closing.front,
                    shadow: self.shadow.map(|shadow| &shadow.report),
                };
                json::document(self.name, self.records, extras)?
            }
            ReportFormat::Csv => report_csv(self.records, self.closing.front)?,
            ReportFormat::Html => self.page.to_vec(),
            ReportFormat::Markdown => {
                let mut text = markdown::document(self.name, self.records, &self.closing);
                if let Some(shadow) = shadow {
                    let table = shadow.report.table(PAGE_WIDTH);
                    text = format!("{text}\n```text\n{table}```\n");
                }
                text.into_bytes()
            }
        })
    }

    /// Says on the standard error what the standard output has no place for.
    fn say(&self, format: ReportFormat, screen: Screen) {
        let Some(shadow) = self.shadow else {
            return;
        };
        let more = match format {
            // One document on the standard output, which has no place for it.
            ReportFormat::Csv | ReportFormat::Html => shadow.report.table(output::stderr_width()),
            ReportFormat::Table | ReportFormat::Json | ReportFormat::Markdown => String::new(),
        };
        shadow.say(screen, &more);
    }
}

/// Rebuilds the reports of a folder and prints them: `perftune report`.
pub fn rebuild(args: &ReportArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let asked = shadow::rules(&args.rule)?;
    let objectives = args.objectives.clone().map(config::Source::Path);
    let objectives = objectives.map(|source| config::objectives(&source)).transpose()?;
    let (results, stored) = engine::reopen(&args.dir)?;
    let rules = if args.shadow { Some(asked) } else { shadow::rules_before(&results)? };
    let shown = args.dir.display().to_string();
    let shadow = rules.map(|rules| Shadow::cast(&results, &stored.records, &rules)).transpose()?;
    if let Some(shadow) = &shadow
        && shadow.is_empty()
        && args.shadow
    {
        return Err(Fault::new(format!("{shown} holds no whole run: {}", shadow.notes.join("; ")))
            .hint("record whole runs with `perftune run GRID --full --shadow`"));
    }
    // By objectives that are not those of the manifest nothing is written: the files of a folder must agree with it.
    let recorded = objectives.is_none();
    let derived = Derived::new(&results, &stored.records, objectives)?;
    if recorded {
        derived.write(&results, &stored.records, shadow.as_ref())?;
    }
    let document = Document {
        name: &stored.name,
        records: &stored.records,
        summary: &derived.summary,
        shadow: shadow.as_ref(),
        page: &derived.page,
        closing: Closing {
            planned: Some(stored.records.len() + stored.missing.len()),
            folder: recorded.then_some(&shown),
            front: derived.front.as_ref(),
            ..Closing::default()
        },
    };
    output::print(&document.render(args.format, output::stdout_width())?)?;
    document.say(args.format, screen);
    Ok(ExitStatus::Ok)
}

/// What all runs together say beside their own figures.
pub(super) struct Derived {
    summary: Vec<SummaryRow>,
    front: Option<FrontReport>,
    /// `report.html`.
    page: Vec<u8>,
}

impl Derived {
    /// The figures between runs.
    pub(super) fn summary(&self) -> &[SummaryRow] {
        &self.summary
    }

    /// `objectives`: instead of those that are recorded.
    pub(super) fn new(
        results: &Results,
        records: &[RunRecord],
        objectives: Option<Vec<Objective>>,
    ) -> Result<Self, Fault> {
        let summary = summary(records)?;
        let front = front::of_folder(results, (records, &summary), objectives)?;
        let page = page::page(results, records, (&summary, front.as_ref()))?;
        Ok(Self { summary, front, page })
    }

    /// Writes the files that speak of all runs together; a summary of earlier repeats does not outlive them, nor a shadow.
    pub(super) fn write(
        &self,
        results: &Results,
        records: &[RunRecord],
        shadow: Option<&Shadow>,
    ) -> Result<(), Fault> {
        if self.summary.is_empty() {
            results.remove("summary.csv")?;
            results.remove("summary_metrics.csv")?;
        }
        for (name, bytes) in report_files(records, &self.summary, self.front.as_ref())? {
            results.write(name, &bytes)?;
        }
        match shadow {
            Some(shadow) => results.write("shadow.csv", &shadow.report.csv()?)?,
            None => results.remove("shadow.csv")?,
        }
        results.write("report.html", &self.page)?;
        Ok(())
    }
}
