//! Runs of a tracking server of `MLflow`, over its REST API: parameters, metrics by step, tags and artefacts.
//!
//! A run that the server has already, by the session and the time of its end, is not sent again; one that was sent by half is
//! made anew. The runs of a grid are below one run of its own that has the reports.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::course;
use super::ended::{Ended, Written};
use super::http::{HttpError, Server, encoded};
use crate::app::Fault;
use crate::event::{RunRecord, RunStatus};
use crate::report::export::names::Names;
use crate::report::export::{Handed, Point, Times, settings_of};
use crate::report::layout::counted;
use crate::report::lower_end::is_lower_end;
use crate::store::WRITTEN;

/// How long one answer is waited for, in seconds.
const WAIT_S: u64 = 20;

/// What the server takes at once: 1000 in all.
const METRICS: usize = 900;
const PARAMS: usize = 100;
const LONGEST_PARAM: usize = 6000;
const LONGEST_TAG: usize = 5000;
const LONGEST_KEY: usize = 250;

/// The largest file that is sent.
const LARGEST: u64 = 16 << 20;

/// The files of a run that are sent.
const FILES: [&str; 3] = ["epochs.csv", "samples.csv", "stderr.log"];

/// The tag by which a run is found again.
const ID: &str = "perftune.id";

/// The status of a run that was not sent to its end.
const UNDER_WAY: &str = "RUNNING";

/// Sends the runs.
pub(super) fn send(base: &str, of: &Ended<'_>, handed: &Handed<'_>) -> Result<Written, Fault> {
    let server = Server { base, wait_s: WAIT_S };
    let session = of.results.manifest()?.map(|head| head.session).unwrap_or_default();
    let session = if session.is_empty() { of.name.to_owned() } else { session };
    let mut tracking = Tracking::open(&server, of, session).map_err(advised)?;
    let sent = tracking.all(handed)?;
    let before = of.records.len() - sent;
    let mut notes = tracking.notes;
    if before > 0 {
        notes.insert(0, format!("{} were there before", counted(before, "run")));
    }
    Ok(Written { count: of.records.len(), notes })
}

fn advised(error: HttpError) -> Fault {
    let hint = match &error {
        HttpError::Unreachable { .. } | HttpError::Late { .. } => {
            "is the server running there? `mlflow server --port PORT` starts one"
        }
        HttpError::Refused { .. } | HttpError::Foreign { .. } => {
            "its address is the one that a browser shows, without what comes after `#`"
        }
    };
    Fault::from(error).hint(hint)
}

/// A run of the server.
struct Found {
    id: String,
    is_whole: bool,
    artefacts: String,
}

struct Tracking<'a> {
    server: &'a Server<'a>,
    of: &'a Ended<'a>,
    session: String,
    experiment: String,
    /// By their tag.
    there: HashMap<String, Found>,
    notes: Vec<String>,
}

impl<'a> Tracking<'a> {
    /// Finds or makes the experiment of the grid, and what is there of the session.
    fn open(server: &'a Server<'a>, of: &'a Ended<'a>, session: String) -> Result<Self, HttpError> {
        let found =
            server.get("/api/2.0/mlflow/experiments/get-by-name", "experiment_name", of.name);
        let experiment = match found {
            Ok(found) => text(&found["experiment"]["experiment_id"]),
            Err(error) if error.is_missing() => {
                let made = server
                    .post("/api/2.0/mlflow/experiments/create", &json!({ "name": of.name }))?;
                text(&made["experiment_id"])
            }
            Err(error) => return Err(error),
        };
        let mut tracking =
            Self { server, of, session, experiment, there: HashMap::new(), notes: Vec::new() };
        tracking.look()?;
        Ok(tracking)
    }

    fn look(&mut self) -> Result<(), HttpError> {
        let mut page = String::new();
        let session = self.session.replace('\'', "");
        loop {
            let mut asked = json!({
                "experiment_ids": [self.experiment],
                "filter": format!("tags.`perftune.session` = '{session}'"),
                "max_results": 1000,
            });
            if !page.is_empty() {
                asked["page_token"] = page.into();
            }
            let found = self.server.post("/api/2.0/mlflow/runs/search", &asked)?;
            for run in found["runs"].as_array().into_iter().flatten() {
                let tags = run["data"]["tags"].as_array().into_iter().flatten();
                let tags: HashMap<String, String> =
                    tags.map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect();
                let Some(id) = tags.get(ID) else { continue };
                self.there.insert(id.clone(), found_of(&run["info"]));
            }
            page = text(&found["next_page_token"]);
            if page.is_empty() {
                return Ok(());
            }
        }
    }

    /// All runs below that of the grid; how many were sent.
    fn all(&mut self, handed: &Handed<'_>) -> Result<usize, Fault> {
        let grid = self.grid(handed).map_err(advised)?;
        let mut sent = 0;
        for record in self.of.records {
            let times = handed.times.get(&record.run).copied().unwrap_or_default();
            let id = format!("{}/{}/{}", self.session, record.run, millis(times.ended_s));
            match self.there.get(&id) {
                Some(found) if found.is_whole => continue,
                Some(found) => {
                    let gone = json!({ "run_id": found.id });
                    self.server.post("/api/2.0/mlflow/runs/delete", &gone).map_err(advised)?;
                }
                None => {}
            }
            let folder = self.of.results.run_folder(&record.run);
            let points = course::read(&folder)?;
            self.run(record, &id, times, &grid, &points).map_err(advised)?;
            sent += 1;
        }
        Ok(sent)
    }

    /// The run of the grid, with the reports of now.
    fn grid(&mut self, handed: &Handed<'_>) -> Result<String, HttpError> {
        let tag = format!("{}/", self.session);
        let began = handed.times.values().map(|times| times.began_s).min_by(f64::total_cmp);
        let ended = handed.times.values().map(|times| times.ended_s).max_by(f64::total_cmp);
        let found = match self.there.remove(&tag) {
            Some(found) => found,
            None => self.create(self.of.name, &tag, began.unwrap_or_default(), &[])?,
        };
        self.files(&found, self.of.results.path(), WRITTEN)?;
        self.end(&found.id, "FINISHED", ended.unwrap_or_default())?;
        Ok(found.id)
    }

    fn run(
        &mut self,
        record: &RunRecord,
        id: &str,
        times: Times,
        grid: &str,
        points: &[Point],
    ) -> Result<(), HttpError> {
        let verdict = record.verdict.as_ref().map(|verdict| verdict.verdict.to_string());
        let mut tags = vec![
            ("mlflow.parentRunId", grid.to_owned()),
            ("perftune.cell", record.cell.clone()),
            ("perftune.repeat", record.repeat.to_string()),
            ("perftune.status", record.status.to_string()),
            ("perftune.stop_reason", record.stop.reason.to_string()),
        ];
        tags.extend(verdict.map(|verdict| ("perftune.verdict", verdict)));
        let found = self.create(&record.run, id, times.began_s, &tags)?;
        let params = settings_of(record).into_iter().map(|(key, value)| {
            json!({ "key": key_of(&key), "value": cut(&value.to_string(), LONGEST_PARAM) })
        });
        let (params, metrics) = (params.collect::<Vec<_>>(), metrics(record, times, points));
        let (mut params, mut metrics) = (params.chunks(PARAMS), metrics.chunks(METRICS));
        loop {
            let (params, metrics) = (params.next(), metrics.next());
            if params.is_none() && metrics.is_none() {
                break;
            }
            let batch = json!({ "run_id": found.id, "params": params, "metrics": metrics });
            self.server.post("/api/2.0/mlflow/runs/log-batch", &batch)?;
        }
        self.files(&found, &self.of.results.run_folder(&record.run), &FILES)?;
        let status = match record.status {
            RunStatus::Completed | RunStatus::Stopped => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Cancelled => "KILLED",
        };
        self.end(&found.id, status, times.ended_s)
    }

    fn create(
        &self,
        name: &str,
        id: &str,
        began_s: f64,
        tags: &[(&str, String)],
    ) -> Result<Found, HttpError> {
        let own = [
            (ID, id.to_owned()),
            ("perftune.session", self.session.clone()),
            ("mlflow.source.name", "perftune".to_owned()),
        ];
        let tags = own.iter().chain(tags);
        let tags: Vec<Value> = tags
            .map(|(key, value)| json!({ "key": key, "value": cut(value, LONGEST_TAG) }))
            .collect();
        let asked = json!({
            "experiment_id": self.experiment,
            "run_name": name,
            "start_time": millis(began_s),
            "tags": tags,
        });
        let made = self.server.post("/api/2.0/mlflow/runs/create", &asked)?;
        Ok(found_of(&made["run"]["info"]))
    }

    /// Ends a run; it is whole then.
    fn end(&self, id: &str, status: &str, ended_s: f64) -> Result<(), HttpError> {
        let ended = json!({ "run_id": id, "status": status, "end_time": millis(ended_s) });
        self.server.post("/api/2.0/mlflow/runs/update", &ended).map(drop)
    }

    /// Sends files of a folder that are there, where the server takes them.
    fn files(&mut self, run: &Found, folder: &Path, names: &[&str]) -> Result<(), HttpError> {
        let Some(path) = run.artefacts.strip_prefix("mlflow-artifacts:/") else {
            self.note(format!(
                "artefacts are not sent: the server stores them at {}",
                run.artefacts
            ));
            return Ok(());
        };
        let path = path.split('/').filter(|part| !part.is_empty()).map(encoded);
        let path = path.collect::<Vec<_>>().join("/");
        for name in names {
            let file = folder.join(name);
            match fs_err::metadata(&file).map(|data| data.len()) {
                Err(_) | Ok(0) => continue,
                Ok(length) if length > LARGEST => {
                    self.note(format!("files of more than {} MiB are left out", LARGEST >> 20));
                    continue;
                }
                Ok(_) => {}
            }
            let Ok(bytes) = fs_err::read(&file) else { continue };
            let to = format!("/api/2.0/mlflow-artifacts/artifacts/{path}/{name}");
            self.server.put(&to, bytes)?;
        }
        Ok(())
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn found_of(info: &Value) -> Found {
    let is_whole = info["status"] != UNDER_WAY;
    Found { id: text(&info["run_id"]), is_whole, artefacts: text(&info["artifact_uri"]) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "whole milliseconds of this era")]
fn millis(at_s: f64) -> i64 {
    (at_s * 1e3).round() as i64
}

fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

/// The figures of a run with the ends of their intervals, and what it told by step.
fn metrics(record: &RunRecord, times: Times, points: &[Point]) -> Vec<Value> {
    let metric = |key: &str, value: f64, at_s: f64, step: u64| json!({ "key": key, "value": number(value), "timestamp": millis(at_s), "step": step });
    let (mut all, mut names) = (Vec::new(), Names::default());
    for row in record.metrics.iter().filter(|row| !is_lower_end(row)) {
        let key = format!("{}/{}", key_of(&row.phase), key_of(&row.metric));
        let parts = [("", row.estimate), ("_low", row.low), ("_high", row.high)];
        for (part, value) in parts.into_iter().filter_map(|(part, value)| Some((part, value?))) {
            let owner = format!("{}/{}{part}", row.phase, row.metric);
            let key = names.of(&owner, &key, part);
            all.push(metric(&key, value, times.ended_s, record.epochs.into()));
        }
    }
    for Point { name, step, after_s, value } in points {
        let key = names.of(name, &key_of(name), "");
        all.push(metric(&key, *value, times.began_s + after_s, *step));
    }
    all
}

/// JSON has no number that is none; the server reads these words.
fn number(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.into()
    } else {
        value.into()
    }
}

/// A key that the server takes: letters, digits, `_`, `-`, `.` and spaces, and never the name of a folder above.
fn key_of(name: &str) -> String {
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let name = name.replace(']', "");
    let key: String = name.chars().map(|c| if letter(c) { c } else { '_' }).collect();
    let key = if key.chars().all(|c| c == '.') { key.replace('.', "_") } else { key };
    cut(&key, LONGEST_KEY / 2).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_such_that_the_server_takes_them() {
        for (name, key) in [
            ("serve[1]", "serve_1"),
            ("serve.latency_p50", "serve.latency_p50"),
            ("..", "__"),
            ("a/b\"c", "a_b_c"),
            ("größe 1", "größe 1"),
        ] {
            assert_eq!(key_of(name), key);
        }
        assert_eq!(number(f64::NAN), json!("NaN"));
        assert_eq!(number(f64::NEG_INFINITY), json!("-Infinity"));
        assert_eq!(cut("äö", 3), "ä");
    }
}
