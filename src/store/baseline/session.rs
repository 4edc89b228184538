//! What a results folder measured, as a session that later ones are compared with.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::event::{MetricRow, RunRecord, RunStatus};

use super::stored::{BaselineError, Promotion, StoredFigure, StoredRun, StoredSession};
use crate::store::{FORMAT, Recordings};

impl StoredSession {
    /// What a results folder measured. Only whole results without a failure can be a baseline.
    pub fn of(results: &Recordings, commit: Option<String>) -> Result<Self, BaselineError> {
        let (head, path) = (results.head(), results.path());
        let unfit = |why: &str| BaselineError::Unfit { path: path.to_owned(), why: why.to_owned() };
        let records = whole(results)?;
        let session = session_of(&records, &head.session).map_err(|why| unfit(&why))?;
        let fingerprint = head.fingerprint.clone();
        let fingerprint = fingerprint.ok_or_else(|| {
            unfit("its manifest.json has no fingerprint of the machine; run it again with this perftune")
        })?;
        // The threads are the grid's own choice; in all else two values are two environments.
        let mut mixed = fingerprint.hard.iter().filter(|(field, _)| *field != "threads");
        if let Some((field, values)) = mixed.find(|(_, value)| value.contains(" | ")) {
            return Err(unfit(&format!(
                "its runs are from different environments ({field}: {values})"
            )));
        }
        if head.created.parse::<Timestamp>().is_err() {
            return Err(unfit("its manifest.json does not say when it was run"));
        }
        let mut cells: Vec<String> = Vec::new();
        for record in &records {
            if !cells.contains(&record.cell) {
                cells.push(record.cell.clone());
            }
        }
        let stored = |record| StoredRun::of(record, head.settings(record));
        let runs: Vec<StoredRun> = records.iter().map(stored).collect();
        let measured = |run: &StoredRun| run.figures.iter().any(|figure| figure.value.is_some());
        if !runs.iter().any(measured) {
            return Err(unfit("none of its runs has measured anything"));
        }
        Ok(Self {
            format: FORMAT,
            session,
            created: head.created.clone(),
            grid: head.name.clone(),
            perftune: head.perftune.clone(),
            commit,
            fingerprint,
            cells,
            runs,
        })
    }

    /// Whether every run measured what the same run of another session did, to the last bit.
    pub fn measured_as(&self, other: &Self) -> bool {
        fn figures(session: &StoredSession) -> BTreeMap<(&str, u32, &str, &str), Option<u64>> {
            let runs = session.runs.iter().flat_map(|run| {
                run.figures.iter().map(move |figure| {
                    let key = (
                        run.cell.as_str(),
                        run.repeat,
                        figure.phase.as_str(),
                        figure.metric.as_str(),
                    );
                    (key, figure.value.map(f64::to_bits))
                })
            });
            runs.collect()
        }
        figures(self) == figures(other)
    }

    /// When it was run; what has no time is the oldest.
    pub fn time(&self) -> Timestamp {
        self.created.parse().unwrap_or(Timestamp::MIN)
    }
}

impl Promotion {
    /// When it was made.
    pub fn time(&self) -> Timestamp {
        self.promoted.parse().unwrap_or(Timestamp::MIN)
    }
}

impl StoredRun {
    fn of(record: &RunRecord, settings: BTreeMap<String, String>) -> Self {
        let figure = |row: &MetricRow| StoredFigure {
            phase: row.phase.clone(),
            metric: row.metric.clone(),
            unit: row.unit,
            value: row.estimate,
            samples: row.samples,
            notes: row.notes.clone(),
        };
        Self {
            run: record.run.clone(),
            cell: record.cell.clone(),
            repeat: record.repeat,
            status: record.status,
            settings,
            figures: record.metrics.iter().map(figure).collect(),
        }
    }
}

/// The records of a results folder, all of whose runs have ended well.
fn whole(results: &Recordings) -> Result<Vec<RunRecord>, BaselineError> {
    let path = results.path().to_owned();
    let (mut records, mut missing, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for run in &results.head().runs {
        match results.record(run)? {
            None => missing.push(run.clone()),
            Some(record) => match record.status {
                RunStatus::Completed | RunStatus::Stopped => record.join(&mut records),
                RunStatus::Cancelled => missing.push(run.clone()),
                RunStatus::Failed => failed.push(run.clone()),
            },
        }
    }
    let again = results.head().again();
    if !failed.is_empty() {
        return Err(BaselineError::Failed { path, failed, again });
    }
    if !missing.is_empty() {
        return Err(BaselineError::Incomplete { path, missing, again });
    }
    Ok(records)
}

/// The name of the session that these runs are, or why they are none.
fn session_of(records: &[RunRecord], id: &str) -> Result<String, String> {
    let mut paired = records.iter().map(|record| {
        let pairing = record.pairing.as_ref();
        pairing.map(|pairing| (pairing.session.as_str(), pairing.arm))
    });
    let Some(first) = paired.next() else {
        return Err("it has no runs".to_owned());
    };
    if paired.any(|other| other != first) {
        return Err("its runs are of several sessions or sides".to_owned());
    }
    let name = first.map_or_else(|| id.to_owned(), |(session, arm)| format!("{session}-{arm}"));
    if name.is_empty() {
        return Err(
            "its manifest.json names no session; run it again with this perftune".to_owned()
        );
    }
    if !is_name(&name) {
        return Err(format!("its session is named {name:?}, which cannot be a file name"));
    }
    Ok(name)
}

/// Whether this may name a file: a session comes from a manifest that anybody may have written.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 128
        && text.chars().all(plain)
        && !text.ends_with(".promoted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for (name, good) in [
            ("20261123T141542-1f0c62aa", true),
            ("20261123T141542-1f0c62aa-candidate", true),
            ("a", true),
            ("", false),
            ("../a", false),
            ("a/b", false),
            (".hidden", false),
            ("-a", false),
            ("a b", false),
            ("ä", false),
            ("a\n", false),
            ("a.promoted", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(!is_name(&"a".repeat(129)));
    }
}
