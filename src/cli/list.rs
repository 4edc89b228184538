//! `perftune list`: what a grid may name.
//!
//! What there is is declared elsewhere: metrics, models, keys. Invariant: programs get every field, people what fits a
//! line.

mod rows;

use self::rows::rows;
use super::args::ListArgs;
use super::exit::ExitStatus;
use super::options::{ListFormat, Listed};
use super::output;
use crate::app::Fault;
use crate::config::reference;
use crate::report::json::pretty;
use crate::report::listing::Listing;

/// Prints the list.
pub fn list(args: &ListArgs) -> Result<ExitStatus, Fault> {
    let what = args.what;
    let listing = || -> Result<Listing, Fault> {
        Ok(Listing::new(&rows(what, args.format == ListFormat::Table)?)?)
    };
    let text = match args.format {
        ListFormat::Table => (listing()?.table(output::list_width()) + note(what)).into_bytes(),
        ListFormat::Json => listing()?.json()?,
        ListFormat::Csv => listing()?.csv()?,
        ListFormat::Schema if what == Listed::Keys => pretty(&reference::json_schema())?,
        ListFormat::Schema => {
            return Err(Fault::new("only the keys have a schema")
                .hint("write perftune list keys --format schema"));
        }
    };
    output::print(&text)?;
    Ok(ExitStatus::Ok)
}

/// What the star means.
const fn note(what: Listed) -> &'static str {
    match what {
        Listed::Metrics => "\n* chosen by naming the group in [stop] metrics\n",
        Listed::Keys => "\n* an [[override]] may say it for some of the cells\n",
        Listed::Rules => "\nwritten as --rule NAME:KEY=VALUE,KEY=VALUE\n",
        Listed::Models | Listed::Datasets | Listed::Exports => "",
    }
}
