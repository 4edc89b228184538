//! `perftune report --follow`: the reports of a folder again and again, while runs are added to it.

use std::time::Duration;

use super::args::ReportArgs;
use super::exit::ExitStatus;
use super::output::{self, Screen};
use super::report::report;
use crate::app::follow::stand;
use crate::app::{Fault, pause};

/// Time between two looks: a look at a folder of tasks costs a question to the cluster.
const LOOK: Duration = Duration::from_secs(10);

/// Prints whenever there is more, and once when no more is to come.
pub fn follow(args: &ReportArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let [folder] = &args.dirs[..] else {
        let what = "--follow takes one results folder";
        return Err(Fault::new(what).hint("give one folder, or several without it"));
    };
    let mut shown = None;
    loop {
        let now = stand(folder)?;
        if !now.is_more_to_come {
            return report(args, screen);
        }
        if now.ended > 0 && shown != Some(now.ended) {
            report(args, screen)?;
            output::print(b"\n")?;
            shown = Some(now.ended);
        }
        pause(LOOK);
    }
}
