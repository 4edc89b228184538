//! A number in a JSON file that a command leaves.

use std::io::Read;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use crate::event::bounds::{TEXT, cut};
use crate::event::{DeclaredMetric, FigureLack, Num, ReadFrom, WorkerEvent};

/// The largest file that is read, in bytes.
const MOST: u64 = 16 << 20;

/// Metrics that are read in files, each with what its file was before the command was started.
#[derive(Debug, Default)]
pub(super) struct LeftFiles(Vec<(DeclaredMetric, Option<Seen>)>);

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When its content and its entry were last changed.
    changed: [i64; 4],
}

fn seen(file: &str) -> Option<Seen> {
    let data = fs_err::metadata(file).ok()?;
    let changed = [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()];
    Some(Seen { device: data.dev(), inode: data.ino(), bytes: data.len(), changed })
}

impl LeftFiles {
    /// Looks at them before the command is started.
    pub(super) fn before(metrics: &[DeclaredMetric]) -> Self {
        let files = metrics.iter().filter_map(|metric| match &metric.from {
            Some(ReadFrom::File { file, .. }) => Some((metric.clone(), seen(file))),
            _ => None,
        });
        Self(files.collect())
    }

    /// What they say now that it has ended.
    pub(super) fn read(&self) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        for (metric, before) in &self.0 {
            let Some(ReadFrom::File { file, path }) = &metric.from else { continue };
            let name = metric.metric.to_string();
            events.push(match figure(file, path, *before) {
                Ok(value) => WorkerEvent::Metric { name, value: Num(value), samples: None },
                Err(why) => WorkerEvent::Unread { name, why },
            });
        }
        events
    }
}

fn figure(name: &str, path: &str, before: Option<Seen>) -> Result<f64, FigureLack> {
    let file = || name.to_owned();
    let unreadable = |why: String| FigureLack::Unreadable { file: file(), why };
    let data = match fs_err::metadata(name) {
        Ok(data) => data,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(FigureLack::NoFile { file: file() });
        }
        Err(error) => return Err(unreadable(error.kind().to_string())),
    };
    if !data.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    if before.is_some() && seen(name) == before {
        return Err(FigureLack::Stale { file: file() });
    }
    let mut text = Vec::new();
    let opened = fs_err::File::open(name);
    let read = opened.and_then(|opened| opened.take(MOST + 1).read_to_end(&mut text));
    read.map_err(|error| unreadable(error.kind().to_string()))?;
    if text.len() as u64 > MOST {
        return Err(FigureLack::TooLarge { file: file(), most: MOST });
    }
    let value: Value = serde_json::from_slice(&text).map_err(|error| FigureLack::NotJson {
        file: file(),
        why: cut(&error.to_string(), TEXT),
    })?;
    let found = path.split('.').try_fold(&value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => value.get(key),
    });
    let no_path = || FigureLack::NoSuchPath { file: file(), path: path.to_owned() };
    let found = found.ok_or_else(no_path)?;
    found.as_f64().ok_or_else(|| FigureLack::NoNumber { text: cut(&found.to_string(), 40) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_where_the_path_leads_and_nothing_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.json");
        let file = path.to_str().unwrap();
        let lack = |text: &[u8], at: &str| {
            fs_err::write(&path, text).unwrap();
            figure(file, at, None).unwrap_err()
        };
        let json = br#"{"f1": 0.5, "eval": {"f1": 1, "runs": [{"f1": -2e3}]}, "text": "0.9", "none": null}"#;
        fs_err::write(&path, json).unwrap();
        for (at, value) in [("f1", 0.5), ("eval.f1", 1.0), ("eval.runs.0.f1", -2000.0)] {
            assert_eq!(figure(file, at, None), Ok(value), "{at}");
        }
        for at in ["f2", "f1.f1", "eval.runs.1.f1", "eval.runs.f1", "", "."] {
            let found = lack(json, at);
            assert_eq!(found, FigureLack::NoSuchPath { file: file.into(), path: at.into() });
        }
        for (at, text) in
            [("text", "\"0.9\""), ("none", "null"), ("eval.runs", "[{\"f1\":-2000.0}]")]
        {
            assert_eq!(lack(json, at), FigureLack::NoNumber { text: text.into() });
        }
        for text in [&b"{\"f1\": NaN}"[..], b"", b"{\"f1\": 1e999}", b"\xff", &[b'['; 1000]] {
            assert!(matches!(lack(text, "f1"), FigureLack::NotJson { .. }), "{text:?}");
        }
        let large = vec![b' '; usize::try_from(MOST).unwrap() + 1];
        assert!(matches!(lack(&large, "f1"), FigureLack::TooLarge { .. }));
        assert!(matches!(figure("/", "f1", None), Err(FigureLack::Unreadable { .. })));
        assert!(matches!(figure("none.json", "f1", None), Err(FigureLack::NoFile { .. })));
    }

    #[test]
    fn a_file_that_is_as_it_was_is_of_another_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.json");
        let file = path.to_str().unwrap();
        fs_err::write(&path, "{\"f1\": 1}").unwrap();
        let before = seen(file);
        assert_eq!(figure(file, "f1", before), Err(FigureLack::Stale { file: file.into() }));
        fs_err::remove_file(&path).unwrap();
        fs_err::write(&path, "{\"f1\": 12}").unwrap();
        assert_eq!(figure(file, "f1", before), Ok(12.0));
    }
}
