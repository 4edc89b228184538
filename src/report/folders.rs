//! Several results folders side by side: the main figures of each cell, and their change against the first folder.
//!
//! Nothing is judged here: whether a change is more than noise is for `perftune check` to say.

use serde_json::{Value, json};

use super::csv::main_metrics;
use super::data::{self, DataColumn};
use super::distinct;
use super::headline::scale_of;
use super::json::{FORMAT, pretty};
use super::layout::{Column, counted, first_of, render, wrap};
use super::summary::{SummaryRow, cells_of};
use super::{ReportError, markdown};
use crate::event::axis::settings;
use crate::event::{AxisList, Num, RunRecord, RunStatus};
use crate::metric::MetricDef;
use crate::units::{Scale, change};

/// Cells that are named in a note before the rest is only counted.
const SHOWN: usize = 6;

/// What the changes are.
const WARNING: &str = "changes of the mean over the runs, against the first folder; perftune check says whether one is more than noise";

/// What one folder holds.
#[derive(Debug)]
pub struct Folder {
    /// As it was given.
    pub name: String,
    /// Its runs that have ended.
    pub records: Vec<RunRecord>,
    /// Its figures over the repeats of each cell, also where there is only one.
    pub summary: Vec<SummaryRow>,
    /// Runs that were planned and have not ended.
    pub missing: usize,
}

/// A figure of a cell in one folder.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    row: SummaryRow,
    mean: f64,
    /// As a share of that in the first folder; absent there, where that one has none, and where it is of another stage.
    change: Option<f64>,
}

/// A figure of a cell in all folders.
#[derive(Debug)]
struct Line<'a> {
    cell: &'a str,
    metric: &'static MetricDef,
    /// That of all figures of the metric, so that a reader compares digits and not units.
    scale: Scale,
    /// One a folder.
    figures: Vec<Option<Figure>>,
}

impl Line<'_> {
    /// A figure with its unit.
    fn shown(&self, value: f64) -> String {
        if self.metric.unit.is_plain() {
            self.metric.unit.show(value)
        } else {
            self.scale.show_with_unit(value)
        }
    }
}

/// Folders that are compared; the first one is what the others are compared with.
#[derive(Debug)]
pub struct Folders {
    folders: Vec<Folder>,
}

impl Folders {
    /// Of at least one folder.
    pub const fn new(folders: Vec<Folder>) -> Self {
        Self { folders }
    }

    /// The cells of all folders, in the order of the first one.
    fn cells(&self) -> Vec<&str> {
        let records = self.folders.iter().flat_map(|folder| &folder.records);
        distinct(records.map(|record| record.cell.as_str()))
    }

    fn lines(&self) -> Vec<Line<'_>> {
        let all: Vec<RunRecord> =
            self.folders.iter().flat_map(|folder| folder.records.clone()).collect();
        let scaled = |metric| (metric, scale_of(metric, &all));
        let metrics: Vec<_> = main_metrics(&all, &[]).map(scaled).collect();
        let of_cell =
            |cell| metrics.iter().map(move |(metric, scale)| self.line(cell, metric, *scale));
        let lines = self.cells().into_iter().flat_map(of_cell);
        lines.filter(|line| line.figures.iter().any(Option::is_some)).collect()
    }

    fn line<'a>(&self, cell: &'a str, metric: &'static MetricDef, scale: Scale) -> Line<'a> {
        let found = self.folders.iter().map(|folder| {
            let first = folder.records.iter().find(|record| record.cell == cell)?;
            let row = SummaryRow::of(&folder.summary, first, metric)?;
            Some((row.clone(), row.mean?))
        });
        let found: Vec<_> = found.collect();
        let base = found.first().cloned().flatten();
        let figures = found.into_iter().enumerate().map(|(at, found)| {
            let (row, mean) = found?;
            let base = base.as_ref().filter(|(base, _)| at > 0 && base.phase == row.phase);
            let change = base.map(|(_, base)| mean / base - 1.0).filter(|share| share.is_finite());
            Some(Figure { row, mean, change })
        });
        Line { cell, metric, scale, figures: figures.collect() }
    }

    /// What a table heads each folder with: its last name, where that tells them apart.
    fn heads(&self) -> Vec<String> {
        let last = |folder: &Folder| {
            let name = folder.name.trim_end_matches('/');
            name.rsplit('/').next().unwrap_or(name).to_owned()
        };
        let heads: Vec<String> = self.folders.iter().map(last).collect();
        if distinct(&heads).len() == heads.len() {
            return heads;
        }
        self.folders.iter().map(|folder| folder.name.clone()).collect()
    }

    /// A column a folder, each after the first with one of changes.
    fn columns(&self, lines: &[Line<'_>]) -> Vec<Column> {
        let mut before = "";
        let mut columns = vec![
            // A cell is named once.
            Column::words("cell", lines, |line| {
                let cell = if line.cell == before { "" } else { line.cell };
                before = line.cell;
                cell.to_owned()
            }),
            Column::words("figure", lines, |line| line.metric.name.to_owned()),
        ];
        for (at, head) in self.heads().into_iter().enumerate() {
            columns.push(Column::figures(&head, lines, |line| {
                let figure = line.figures[at].as_ref();
                figure.map_or("-".to_owned(), |figure| line.shown(figure.mean))
            }));
            if at > 0 {
                columns.push(Column::figures("change", lines, |line| {
                    let figure = line.figures[at].as_ref();
                    figure.and_then(|figure| figure.change).map(change).unwrap_or_default()
                }));
            }
        }
        columns
    }

    /// What a reader must know beside the figures: what is not there, and where the verdicts differ.
    fn notes(&self) -> Vec<String> {
        let cells = self.cells();
        let mut notes = Vec::new();
        for folder in &self.folders {
            let has = |cell: &&str| folder.records.iter().any(|record| record.cell == **cell);
            let lacks: Vec<&str> = cells.iter().copied().filter(|cell| !has(cell)).collect();
            if !lacks.is_empty() {
                notes.push(format!("{} has no {}", folder.name, first_of(&lacks, SHOWN)));
            }
            if folder.missing > 0 {
                let runs = counted(folder.missing, "planned run");
                notes.push(format!("{} lacks {runs}", folder.name));
            }
            let lost = folder.records.iter();
            let lost = lost
                .filter(|run| matches!(run.status, RunStatus::Failed | RunStatus::Cancelled))
                .map(|run| run.run.as_str());
            let lost: Vec<&str> = lost.collect();
            if !lost.is_empty() {
                let runs = first_of(&lost, SHOWN);
                notes.push(format!("failed or cancelled in {}: {runs}", folder.name));
            }
        }
        notes.extend(self.settings(&cells));
        notes.extend(cells.iter().filter_map(|cell| self.verdicts(cell)));
        notes
    }

    /// The settings of cells of one name that are not the same in all folders.
    fn settings(&self, cells: &[&str]) -> Vec<String> {
        let records = self.folders.iter().flat_map(|folder| &folder.records);
        let axes = AxisList::of(records.map(|record| &record.job));
        axes.setting_keys().flat_map(|key| self.setting(cells, key)).collect()
    }

    fn setting(&self, cells: &[&str], key: &str) -> Vec<String> {
        let values = |cell: &str| {
            let values = self.folders.iter().filter_map(|folder| {
                let first = folder.records.iter().find(|record| record.cell == cell)?;
                let told = settings(&first.job).find(|(of, _)| *of == key);
                let value = told.map_or_else(|| "-".to_owned(), |(_, value)| value);
                Some((value, folder.name.as_str()))
            });
            let values: Vec<_> = values.collect();
            (distinct(values.iter().map(|(value, _)| value)).len() > 1).then_some(values)
        };
        let differing: Vec<_> =
            cells.iter().filter_map(|cell| Some((*cell, values(cell)?))).collect();
        let kinds = distinct(differing.iter().map(|(_, values)| values)).into_iter();
        let note = |values: &Vec<(String, &str)>| {
            let said = values.iter().map(|(value, folder)| format!("{value} in {folder}"));
            let alike = differing.iter().filter(|(_, other)| other == values);
            let alike: Vec<_> = alike.map(|(cell, _)| *cell).collect();
            let said = said.collect::<Vec<_>>().join(", ");
            format!("other settings: {key} is {said} for {}", first_of(&alike, SHOWN))
        };
        kinds.map(note).collect()
    }

    /// What the folders say of a cell's constraints, where it is not the same.
    fn verdicts(&self, cell: &str) -> Option<String> {
        let said = self.folders.iter().filter_map(|folder| {
            let runs = folder.records.iter().filter(|record| record.cell == cell);
            let verdicts = runs.filter_map(|run| run.verdict.as_ref());
            let verdicts = distinct(verdicts.map(|verdict| verdict.verdict.to_string()));
            (!verdicts.is_empty()).then(|| (verdicts.join(" and "), &folder.name))
        });
        let said: Vec<_> = said.collect();
        let differs = said.iter().any(|(verdict, _)| *verdict != said[0].0);
        let each = said.iter().map(|(verdict, name)| format!("{verdict} in {name}"));
        differs.then(|| format!("{cell} is {}", each.collect::<Vec<_>>().join(", ")))
    }

    /// For people, each line of at most `width` characters.
    pub fn table(&self, width: usize) -> String {
        let lines = self.lines();
        let mut out = if lines.is_empty() {
            "no figure to compare\n".to_owned()
        } else {
            render(self.columns(&lines), width) + "\n" + &wrap(WARNING, width, "")
        };
        out.extend(self.notes().iter().map(|note| wrap(note, width, "  ")));
        out
    }

    /// For pages such as GitHub's.
    pub fn markdown(&self) -> String {
        let names: Vec<_> = self.folders.iter().map(|folder| folder.name.as_str()).collect();
        let mut out = format!("# {}\n\n", markdown::escaped(&names.join(", ")));
        out += &markdown::table(&self.columns(&self.lines()));
        let notes = [WARNING.to_owned()].into_iter().chain(self.notes());
        out.extend(notes.map(|note| format!("\n{}.\n", markdown::escaped(&note))));
        out
    }

    /// One row a figure and folder, with nothing where a folder lacks it.
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let columns: [DataColumn<(&Line<'_>, &str, Option<&Figure>)>; 10] = [
            ("cell", |(line, ..)| json!(line.cell)),
            ("metric", |(line, ..)| json!(line.metric.name)),
            ("unit", |(line, ..)| json!(line.metric.unit)),
            ("folder", |(_, folder, _)| json!(folder)),
            ("phase", |(.., figure)| json!(figure.map(|figure| &figure.row.phase))),
            ("runs", |(.., figure)| json!(figure.map(|figure| figure.row.runs))),
            ("mean", |(.., figure)| json!(figure.map(|figure| Num(figure.mean)))),
            ("low", |(.., figure)| json!(figure.and_then(|figure| figure.row.low).map(Num))),
            ("high", |(.., figure)| json!(figure.and_then(|figure| figure.row.high).map(Num))),
            ("change", |(.., figure)| json!(figure.and_then(|figure| figure.change).map(Num))),
        ];
        let lines = self.lines();
        let rows = lines.iter().flat_map(|line| {
            let folders = self.folders.iter().zip(&line.figures);
            folders.map(move |(folder, figure)| (line, folder.name.as_str(), figure.as_ref()))
        });
        data::table(&columns, rows)
    }

    /// `{format, folders, rows, notes}`; a figure that a folder lacks is null.
    pub fn json(&self) -> Result<Vec<u8>, ReportError> {
        let folder = |folder: &Folder| {
            json!({
                "folder": folder.name,
                "cells": cells_of(&folder.records).len(),
                "runs": folder.records.len(),
                "runs_missing": folder.missing,
            })
        };
        let figure = |figure: &Option<Figure>| -> Value {
            figure.as_ref().map_or(Value::Null, |figure| {
                json!({
                    "phase": figure.row.phase,
                    "runs": figure.row.runs,
                    "mean": Num(figure.mean),
                    "low": figure.row.low.map(Num),
                    "high": figure.row.high.map(Num),
                    "change": figure.change.map(Num),
                })
            })
        };
        let row = |line: Line<'_>| {
            json!({
                "cell": line.cell,
                "metric": line.metric.name,
                "unit": line.metric.unit,
                "figures": line.figures.iter().map(figure).collect::<Vec<_>>(),
            })
        };
        pretty(&json!({
            "format": FORMAT,
            "folders": self.folders.iter().map(folder).collect::<Vec<_>>(),
            "rows": self.lines().into_iter().map(row).collect::<Vec<_>>(),
            "notes": self.notes(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Feasibility;
    use crate::report::fixtures::{completed, failed, judged, of_peak, record};

    /// As one run of each cell gives it.
    fn folder(name: &str, records: Vec<RunRecord>) -> Folder {
        let rows = records.iter().flat_map(|record| {
            record.metrics.iter().map(|row| SummaryRow {
                cell: record.cell.clone(),
                metric: row.metric.clone(),
                phase: row.phase.clone(),
                unit: row.unit,
                runs: 1,
                mean: row.estimate,
                low: None,
                high: None,
                confidence: 0.95,
                known: None,
                interval: None,
                note: String::new(),
            })
        });
        let summary = rows.collect();
        Folder { name: name.to_owned(), summary, records, missing: 0 }
    }

    fn faster(factor: f64) -> RunRecord {
        let mut record = completed();
        for row in record.metrics.iter_mut().filter(|row| row.metric == "train.throughput") {
            row.estimate = row.estimate.map(|value| value * factor);
        }
        record
    }

    fn three() -> Folders {
        let feasible = judged(completed(), Feasibility::Feasible, vec![of_peak(5e8)]);
        let infeasible = judged(faster(1.1), Feasibility::Infeasible, vec![of_peak(1.0)]);
        let last = Folder { missing: 1, ..folder("results/c/", vec![faster(0.9), failed()]) };
        Folders::new(vec![
            folder("results/a", vec![feasible, record("resnet", "digits")]),
            folder("results/b", vec![infeasible]),
            last,
        ])
    }

    #[test]
    fn folders_stand_side_by_side() {
        for width in [80, 100] {
            let table = three().table(width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
        }
        insta::assert_snapshot!("folders_80", three().table(80));
        insta::assert_snapshot!("folders_markdown", three().markdown());
        insta::assert_snapshot!("folders_csv", String::from_utf8(three().csv().unwrap()).unwrap());
    }

    #[test]
    fn a_figure_of_another_stage_has_no_change() {
        let mut other = completed();
        for row in &mut other.metrics {
            if row.phase == "serve[1]" {
                "confirm[1]".clone_into(&mut row.phase);
            }
        }
        let folders = [folder("a", vec![completed()]), folder("b", vec![other])];
        let folders = Folders::new(folders.into());
        let document: Value = serde_json::from_slice(&folders.json().unwrap()).unwrap();
        let rows = document["rows"].as_array().unwrap();
        let of =
            |metric: &str| &rows.iter().find(|row| row["metric"] == metric).unwrap()["figures"];
        assert!(of("serve.latency_p50")[1]["change"].is_null());
        assert!(of("serve.latency_p50")[1]["mean"].is_number());
        assert_eq!(of("train.throughput")[1]["change"], 0.0);
    }

    #[test]
    fn a_figure_has_one_unit_in_all_folders() {
        let folders = [("a", 0.009), ("b", 0.011)].map(|(name, by)| folder(name, vec![faster(by)]));
        let table = Folders::new(folders.into()).table(200);
        let line = table.lines().find(|line| line.contains("train.throughput")).unwrap();
        assert!(line.contains("0.883 k/s") && line.contains("1.08 k/s"), "{table}");
    }

    #[test]
    fn settings_that_differ_are_named_with_their_cells() {
        let other = |mut record: RunRecord| {
            record.job.train.batch_size = 32;
            record
        };
        let resnet = || record("resnet", "digits");
        let folders = Folders::new(vec![
            folder("a", vec![completed(), resnet(), failed()]),
            folder("b", vec![other(completed()), other(resnet()), failed()]),
        ]);
        let cells = folders.cells();
        let said = format!(
            "other settings: batch_size is 64 in a, 32 in b for {}",
            first_of(&cells[..2], SHOWN)
        );
        assert_eq!(folders.settings(&cells), [said]);
        let same =
            Folders::new(vec![folder("a", vec![completed()]), folder("b", vec![completed()])]);
        assert!(same.settings(&same.cells()).is_empty());
    }

    #[test]
    fn names_that_end_alike_are_shown_whole() {
        let folders = ["x/new", "y/new"].map(|name| folder(name, vec![completed()]));
        assert_eq!(Folders::new(folders.into()).heads(), ["x/new", "y/new"]);
        assert!(Folders::new(vec![folder("a", Vec::new())]).table(80).contains("no figure"));
    }
}
