//! `perftune exec`: any command, measured as a run.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::args::ProgressMode;
use super::args::{Format, assignment};
use super::diagnostic::Fault;
use super::engine::{self, Order};
use super::exit::{ExitStatus, grid_exit};
use super::output::{self, Screen};
use super::progress::Progress;
use super::progress::line::Talk;
use super::run::{Derived, Document};
use crate::clock::MonotonicClock;
use crate::config::plan::Plan;
use crate::event::RunRecord;
use crate::report::command;
use crate::report::table::Closing;
use crate::runner::Streams;

const EXAMPLES: &str = "Examples:
  perftune exec -- make -j8
  perftune exec --repeat 5 --format json -- ./server --check > figures.json
  perftune exec --constraint 'memory.peak <= 1GiB' --strict -- python train.py
  perftune exec --stop-on cpu,memory --timeout 10min -- python train.py
  perftune exec --pass-stdout -- zcat data.gz > data";

const EXIT_CODES: &str = "The command reads the standard input of perftune (nothing, where that is a terminal). What it \
writes goes to the standard error, so that the standard output holds the figures alone; with --pass-stdout it is the other way \
round. It may report steps, epochs and figures of its own by writing lines to the path in $PERFTUNE_EVENTS, such as
  {\"step\": {\"items\": 32, \"dur_s\": 0.012}}

Exit codes:
  0    the command came to its own end with 0, or was ended as asked
  1    --strict: it does not keep its constraints for certain
  2    wrong arguments, no such command, or results that cannot be written
  3    the command failed; its exit code is in the report
  130  interrupted";

/// `perftune exec`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub struct ExecArgs {
    /// The command and its arguments, after `--`
    #[arg(value_name = "CMD", required = true, last = true, value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<String>,

    /// What the run is called [default: the name of the program]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// The results folder [default: results/NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,

    /// Delete what is in the results folder first
    #[arg(long)]
    pub fresh: bool,

    /// Run it N times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: Option<u32>,

    /// What it must keep, such as 'memory.peak <= 1GiB'; it is ended as soon as
    /// that is broken for certain; may be given several times
    #[arg(long, value_name = "METRIC <= LIMIT")]
    pub constraint: Vec<String>,

    /// End it as soon as these metrics or groups are known, such as cpu,memory
    #[arg(long, value_name = "METRIC,...")]
    pub stop_on: Option<String>,

    /// End it after this time, such as 10min
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,

    /// Set a key of the tables stop, limits or sampler, such as limits.memory=1GiB
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<String>,

    /// Exit with 1 when it does not keep its constraints for certain
    #[arg(long)]
    pub strict: bool,

    /// Leave the standard output to the command; the figures go to the standard
    /// error
    #[arg(long)]
    pub pass_stdout: bool,

    /// How to print the figures
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// Runs the command.
pub fn exec(args: &ExecArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let plan = engine::command(args)?;
    let talk = if args.quiet { Talk::Quiet } else { Talk::Normal };
    let limited = plan.runs.iter().any(|run| !run.stop.constraints.is_empty());
    if args.strict && !limited {
        return Err(Fault::new("--strict, but there is no constraint")
            .hint("for example --constraint 'memory.peak <= 512MiB'"));
    }
    let folder = args.out.clone();
    let folder = folder.unwrap_or_else(|| Path::new("results").join(&plan.name));
    let streams = if args.pass_stdout { Streams::PassedWithOutput } else { Streams::Passed };
    let order = Order {
        plan: &plan,
        runs: &plan.runs,
        folder: &folder,
        resume: false,
        fresh: args.fresh,
        program: None,
        title: None,
        streams,
    };
    // The standard error is the command's while it runs.
    let mut progress = Progress::new(ProgressMode::None, talk, screen, MonotonicClock);
    let executed = engine::execute(&order, &mut progress);
    progress.finish();
    let executed = executed?;
    let records = &executed.records;
    let derived = Derived::new(&executed.results, records, None)?;
    derived.write(&executed.results, records, None)?;
    let shown = folder.display().to_string();
    let text = render(args, &plan, (records, &derived), &shown)?;
    if args.pass_stdout {
        screen.say(&String::from_utf8_lossy(&text));
    } else {
        output::print(&text)?;
    }
    Ok(grid_exit(records, executed.interrupted, args.strict))
}

fn render(
    args: &ExecArgs,
    plan: &Plan,
    (records, derived): (&[RunRecord], &Derived),
    folder: &str,
) -> Result<Vec<u8>, Fault> {
    let format = match args.format {
        Format::Table => {
            let width =
                if args.pass_stdout { output::stderr_width() } else { output::stdout_width() };
            return Ok(command::summary(records, folder, width).into_bytes());
        }
        Format::Json => super::report_format::ReportFormat::Json,
        Format::Csv => super::report_format::ReportFormat::Csv,
    };
    let document = Document {
        name: &plan.name,
        records,
        summary: derived.summary(),
        shadow: None,
        page: &[],
        closing: Closing::default(),
    };
    document.render(format, 0)
}
