//! `perftune list`: what a grid may name.

use serde::Serialize;

use super::args::ListArgs;
use super::exit::ExitStatus;
use super::options::{Format, ListFormat, Listed};
use super::output;
use crate::app::Fault;
use crate::app::datasets::{DatasetRow, datasets};
use crate::config::reference;
use crate::event::MODELS;
use crate::metric::{CATALOGUE, MetricDef, Scope};
use crate::report::listing::Listing;
use crate::report::{ReportError, json};
use crate::units::Unit;

#[derive(Serialize)]
struct ModelRow {
    name: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
struct MetricRow {
    name: &'static str,
    unit: Unit,
    group: &'static str,
    /// Whether naming the group chooses it.
    in_group: bool,
    scope: &'static str,
    about: &'static str,
}

impl From<&MetricDef> for MetricRow {
    fn from(metric: &MetricDef) -> Self {
        Self {
            name: metric.name,
            unit: metric.unit,
            group: metric.group,
            in_group: metric.in_group,
            scope: match metric.scope {
                Scope::Train => "train",
                Scope::Serve => "serve",
                Scope::Stages => "stages",
                Scope::Run => "run",
            },
            about: metric.about,
        }
    }
}

/// What `list metrics` shows to people: what to write in `[stop] metrics`, and what it means.
#[derive(Serialize)]
struct ShortMetric {
    metric: &'static str,
    unit: Unit,
    group: String,
    about: &'static str,
}

/// Prints the list.
pub fn list(args: &ListArgs) -> Result<ExitStatus, Fault> {
    let width = output::stdout_width();
    let format = match args.format {
        ListFormat::Table => Format::Table,
        ListFormat::Json => Format::Json,
        ListFormat::Csv => Format::Csv,
        ListFormat::Schema if args.what == Listed::Keys => {
            output::print(&json::pretty(&reference::json_schema())?)?;
            return Ok(ExitStatus::Ok);
        }
        ListFormat::Schema => {
            return Err(Fault::new("only the keys have a schema")
                .hint("write perftune list keys --format schema"));
        }
    };
    let is_table = format == Format::Table;
    let text = match args.what {
        Listed::Models => form(&Listing::new(&models())?, format, width)?,
        Listed::Datasets if is_table => datasets_table(&datasets()?, width)?.into_bytes(),
        Listed::Datasets => form(&Listing::new(&datasets()?)?, format, width)?,
        Listed::Metrics if is_table => metrics_table(width)?.into_bytes(),
        Listed::Metrics => {
            let rows: Vec<_> = CATALOGUE.iter().map(MetricRow::from).collect();
            form(&Listing::new(&rows)?, format, width)?
        }
        Listed::Keys if is_table => keys_table(width)?.into_bytes(),
        Listed::Keys => form(&Listing::new(&reference::keys())?, format, width)?,
    };
    output::print(&text)?;
    Ok(ExitStatus::Ok)
}

fn keys_table(width: usize) -> Result<String, ReportError> {
    #[derive(Serialize)]
    struct ShortKey {
        key: String,
        about: String,
    }
    let rows = reference::keys().into_iter().map(|row| {
        let default = match row.default.as_str() {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        ShortKey {
            key: format!("{}{}", row.key, if row.overridable { " *" } else { "" }),
            about: format!("{}; {}{default}", row.about, row.value),
        }
    });
    let table = Listing::new(&rows.collect::<Vec<_>>())?.table(width);
    Ok(format!("{table}\n* an [[override]] may say it for some of the cells\n"))
}

fn models() -> Vec<ModelRow> {
    let rows = MODELS.iter().map(|model| ModelRow { name: model.name, about: model.about });
    rows.collect()
}

/// Without the folder, which is long and which only programs need.
fn datasets_table(rows: &[DatasetRow], width: usize) -> Result<String, ReportError> {
    #[derive(Serialize)]
    struct ShortDataset<'a> {
        name: &'a str,
        shape: &'a str,
        classes: u32,
        train: u64,
        test: u64,
        licence: &'a str,
        about: &'a str,
    }
    let rows = rows.iter().map(|row| ShortDataset {
        name: &row.name,
        shape: &row.shape,
        classes: row.classes,
        train: row.train,
        test: row.test,
        licence: &row.licence,
        about: &row.about,
    });
    Ok(Listing::new(&rows.collect::<Vec<_>>())?.table(width))
}

fn metrics_table(width: usize) -> Result<String, ReportError> {
    let rows = CATALOGUE.iter().map(|metric| ShortMetric {
        metric: metric.name,
        unit: metric.unit,
        group: format!("{}{}", metric.group, if metric.in_group { " *" } else { "" }),
        about: metric.about,
    });
    let table = Listing::new(&rows.collect::<Vec<_>>())?.table(width);
    Ok(format!("{table}\n* chosen by naming the group in [stop] metrics\n"))
}

fn form(listing: &Listing, format: Format, width: usize) -> Result<Vec<u8>, ReportError> {
    match format {
        Format::Table => Ok(listing.table(width).into_bytes()),
        Format::Json => listing.json(),
        Format::Csv => listing.csv(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sets_have_three_forms() {
        let rows = [DatasetRow {
            name: "fashion-mnist".to_owned(),
            shape: "1x28x28".to_owned(),
            classes: 10,
            train: 60_000,
            test: 10_000,
            licence: "MIT".to_owned(),
            about: "photographs of clothes, in grey".to_owned(),
            path: "datasets/fashion-mnist".to_owned(),
        }];
        let listing = Listing::new(&rows).unwrap();
        insta::assert_snapshot!("datasets_table", datasets_table(&rows, 80).unwrap());
        for format in [Format::Csv, Format::Json] {
            let text = String::from_utf8(form(&listing, format, 80).unwrap()).unwrap();
            insta::assert_snapshot!(format!("datasets_{format:?}").to_lowercase(), text);
        }
    }
}
