//! The folder on disk. Nothing in it is replaced: a file is written whole or not at all, and one that is gone is noticed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::stored::{BaselineError, MachineBaseline, Promotion, StoredSession};
use crate::store::error::{FORMAT, Format, StoreError};
use crate::store::{atomic, json};

const MARKER: &str = "baseline.json";
/// What to say where a file cannot be read.
const READ: &str = "cannot read a baseline";
const PROMOTED: &str = ".promoted.json";
/// The folder of an empty file for each one that was written: what is gone is told from what never was.
const WRITTEN: &str = "written";

/// Whether a folder is one of baselines.
pub fn is_baseline(path: &Path) -> bool {
    path.join(MARKER).is_file()
}

/// Every machine of a folder of baselines, by the key of its fingerprint. A damaged file is an error that names it: a
/// session that silently did not count would weaken the verdict.
pub fn read(root: &Path) -> Result<Vec<MachineBaseline>, BaselineError> {
    if !is_baseline(root) {
        let why = if root.is_dir() {
            "it has no baseline.json; `perftune baseline add` makes one"
        } else {
            "there is no such folder; `perftune baseline add` makes one"
        };
        let path = root.to_owned();
        return Err(BaselineError::None { path, why });
    }
    let _: Marker = json::read(&root.join(MARKER), READ)?;
    let mut machines = Vec::new();
    for key in machines_of(root)? {
        let machine = read_machine(&root.join(&key), &key)?;
        if !machine.sessions.is_empty() {
            machines.push(machine);
        }
    }
    Ok(machines)
}

/// The files that were written and are gone. What a verdict rests on is never removed, so that each of them weakens it.
pub fn lost(root: &Path) -> Result<Vec<PathBuf>, BaselineError> {
    let written = root.join(WRITTEN);
    let mut lost = Vec::new();
    if written.is_dir() {
        for key in machines_of(&written)? {
            let files = entries(&written.join(&key))?;
            let names = files.iter().filter_map(|file| file.file_name());
            lost.extend(names.map(|name| root.join(&key).join(name)).filter(|file| !file.exists()));
        }
    }
    Ok(lost)
}

/// The names of the folders of the machines.
fn machines_of(root: &Path) -> Result<Vec<String>, BaselineError> {
    let folders = entries(root)?.into_iter().filter(|folder| folder.is_dir());
    let names = folders.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()));
    Ok(names.filter(|name| !name.starts_with('.') && name != WRITTEN).collect())
}

/// The names of the files of a machine.
fn files_of(folder: &Path) -> Result<Vec<String>, BaselineError> {
    let files = entries(folder)?.into_iter();
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
    let names = files.filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()));
    Ok(names.filter(|name| !name.starts_with('.')).collect())
}

/// Notes every file that is there, and so also one whose writer was killed before it could.
fn note_written(root: &Path) -> Result<(), BaselineError> {
    let cannot = "cannot note what a folder of baselines holds";
    for key in machines_of(root)? {
        let noted = root.join(WRITTEN).join(&key);
        fs_err::create_dir_all(&noted).map_err(StoreError::io(cannot))?;
        for name in files_of(&root.join(&key))? {
            fs_err::File::create(noted.join(name)).map_err(StoreError::io(cannot))?;
        }
    }
    Ok(())
}

fn read_machine(folder: &Path, key: &str) -> Result<MachineBaseline, BaselineError> {
    let (mut sessions, mut promotions) = (Vec::new(), Vec::new());
    for name in files_of(folder)? {
        let file = folder.join(&name);
        if name.ends_with(PROMOTED) {
            let promotion: Promotion = json::read(&file, READ)?;
            promotions.push((timed(&promotion.promoted, &file)?, promotion));
            continue;
        }
        let session: StoredSession = json::read(&file, READ)?;
        let time = timed(&session.created, &file)?;
        if session.fingerprint.key() != key || name != format!("{}.json", session.session) {
            return Err(damaged(
                &file,
                1,
                "it is not the session that its name and folder say it is",
            )
            .into());
        }
        sessions.push((time, session));
    }
    sessions.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.session.cmp(&y.session)));
    promotions.sort_by_key(|(time, _)| *time);
    Ok(MachineBaseline {
        key: key.to_owned(),
        sessions: sessions.into_iter().map(|(_, session)| session).collect(),
        promotions: promotions.into_iter().map(|(_, promotion)| promotion).collect(),
    })
}

/// Adds a session; the file that now holds it.
pub fn add(root: &Path, session: &StoredSession) -> Result<PathBuf, BaselineError> {
    let _lock = open(root)?;
    let file = format!("{}.json", session.session);
    for folder in entries(root)? {
        let path = folder.join(&file);
        if folder.is_dir() && path.exists() {
            let session = session.session.clone();
            return Err(BaselineError::There { session, path });
        }
    }
    let folder = root.join(session.fingerprint.key());
    fs_err::create_dir_all(&folder)
        .map_err(StoreError::io("cannot make the folder of a machine"))?;
    let path = folder.join(file);
    write(&path, session)?;
    note_written(root)?;
    Ok(path)
}

/// Records that a session is the reference of its machine.
pub fn promote(root: &Path, key: &str, promotion: &Promotion) -> Result<PathBuf, BaselineError> {
    let _lock = open(root)?;
    let name = promotion.promoted.replace(':', "-") + PROMOTED;
    let path = root.join(key).join(name);
    if path.exists() {
        let session = promotion.session.clone();
        return Err(BaselineError::There { session, path });
    }
    write(&path, promotion)?;
    note_written(root)?;
    Ok(path)
}

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: Format,
    about: String,
}

/// Makes the folder if need be. The lock is held until it is dropped: of two writers the second one waits.
fn open(root: &Path) -> Result<fs_err::File, BaselineError> {
    fs_err::create_dir_all(root).map_err(StoreError::io("cannot make the folder of baselines"))?;
    // The folder itself is locked, so that no file of perftune's own gets under the user's version control.
    let lock =
        fs_err::File::open(root).map_err(StoreError::io("cannot open the folder of baselines"))?;
    flock(lock.file(), FlockOperation::LockExclusive)
        .map_err(|error| StoreError::io("cannot lock the folder of baselines")(error.into()))?;
    if is_baseline(root) {
        let _: Marker = json::read(&root.join(MARKER), READ)?;
        return Ok(lock);
    }
    let hidden = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with('.') || name == "baseline.json.tmp")
    };
    if !entries(root)?.iter().all(hidden) {
        let (path, why) =
            (root.to_owned(), "it is not empty and has no baseline.json; choose another --store");
        return Err(BaselineError::None { path, why });
    }
    let about = "sessions that `perftune check` compares with; append-only".to_owned();
    let marker = Marker { format: FORMAT, about };
    write(&root.join(MARKER), &marker)?;
    Ok(lock)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, BaselineError> {
    let listed = fs_err::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    let mut listed = listed.map_err(StoreError::io("cannot list the folder of baselines"))?;
    listed.sort();
    Ok(listed)
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), BaselineError> {
    let bytes = json::sealed(value)
        .map_err(|error| StoreError::io("cannot write a baseline")(error.into()))?;
    Ok(atomic::write(path, &bytes)?)
}

fn timed(text: &str, path: &Path) -> Result<Timestamp, StoreError> {
    let why = |_| damaged(path, 1, &format!("{text:?} is no time"));
    text.parse().map_err(why)
}

fn damaged(path: &Path, line: usize, why: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), line, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::stored::{StoredFigure, StoredRun};
    use super::*;
    use crate::event::RunStatus;
    use crate::event::fingerprint::Fingerprint;
    use crate::units::Unit;

    fn session(name: &str, created: &str, cores: u32) -> StoredSession {
        let figure = StoredFigure {
            phase: "run".into(),
            metric: "memory.peak".into(),
            unit: Unit::Bytes,
            value: Some(1e6),
            samples: 3,
            notes: Vec::new(),
        };
        let run = StoredRun {
            run: "mlp".into(),
            cell: "mlp".into(),
            repeat: 1,
            status: RunStatus::Completed,
            settings: std::collections::BTreeMap::new(),
            figures: vec![figure],
        };
        StoredSession {
            format: FORMAT,
            session: name.into(),
            created: created.into(),
            grid: "g".into(),
            perftune: "0.1.0".into(),
            commit: None,
            fingerprint: Fingerprint {
                hard: [("cpu.cores".to_owned(), cores.to_string())].into(),
                ..Fingerprint::default()
            },
            cells: vec!["mlp".into()],
            runs: vec![run],
        }
    }

    fn promotion(name: &str, at: &str) -> Promotion {
        Promotion {
            format: FORMAT,
            session: name.into(),
            promoted: at.into(),
            reason: "a release".into(),
            sessions: vec![name.into()],
            outlying: None,
        }
    }

    #[test]
    fn sessions_are_read_back_by_machine_and_in_the_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("baseline");
        // As texts the second would come first.
        let (first, second) = ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.5Z");
        for (name, created, cores) in [("b", second, 2), ("a", first, 2), ("c", first, 4)] {
            let added = session(name, created, cores);
            let path = add(&root, &added).unwrap();
            assert!(path.ends_with(format!("{name}.json")));
        }
        let machines = read(&root).unwrap();
        assert_eq!(machines.len(), 2);
        let two = session("a", first, 2).fingerprint.key();
        let two = machines.iter().find(|machine| machine.key == two).unwrap();
        assert_eq!(two.sessions, [session("a", first, 2), session("b", second, 2)]);
        assert_eq!(two.pinned(), None);
    }

    #[test]
    fn the_last_eight_roll_and_a_promotion_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut key = String::new();
        for day in 10..20 {
            let created = format!("2026-01-{day}T10:00:00Z");
            let added = session(&format!("s{day}"), &created, 2);
            key = added.fingerprint.key();
            add(dir.path(), &added).unwrap();
        }
        for (name, at) in [("s11", "2026-01-30T10:00:00.5Z"), ("s10", "2026-01-30T10:00:00Z")] {
            promote(dir.path(), &key, &promotion(name, at)).unwrap();
        }
        let error = promote(dir.path(), &key, &promotion("s12", "2026-01-30T10:00:00Z"));
        assert!(matches!(error, Err(BaselineError::There { .. })));
        let machine = read(dir.path()).unwrap().remove(0);
        assert_eq!(machine.sessions.len(), 10);
        assert_eq!(machine.pinned().unwrap().session, "s11");
        assert_eq!(machine.promotions.len(), 2, "earlier ones stay on record");
    }

    #[test]
    fn nothing_is_replaced_not_even_from_another_machine() {
        let dir = tempfile::tempdir().unwrap();
        let path = add(dir.path(), &session("a", "2026-01-31T10:00:00Z", 2)).unwrap();
        let before = fs_err::read(&path).unwrap();
        for cores in [2, 4] {
            let error = add(dir.path(), &session("a", "2026-02-28T10:00:00Z", cores));
            let error = error.unwrap_err().to_string();
            assert!(
                error.contains("a is there already") && error.contains("never replaced"),
                "{error}"
            );
        }
        assert_eq!(fs_err::read(&path).unwrap(), before);
    }

    #[test]
    fn a_damaged_file_is_named_and_half_a_one_is_none() {
        let created = "2026-01-31T10:00:00Z";
        let whole = serde_json::to_string(&session("a", created, 2)).unwrap();
        let other = whole.replace("\"a\"", "\"z\"");
        let moved = whole.replace("\"cpu.cores\":\"2\"", "\"cpu.cores\":\"8\"");
        let late = whole.replace(created, "yesterday");
        let foreign = whole.replace("\"major\":4", "\"major\":9");
        let half = &whole[..whole.len() / 2];
        for (text, says) in [
            (half, "is damaged"),
            ("", "is damaged"),
            ("[]", "is damaged"),
            (&*other, "not the session that its name"),
            (&*moved, "not the session that its name"),
            (&*late, "is no time"),
            (&*foreign, "has format 9.0"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = add(dir.path(), &session("a", created, 2)).unwrap();
            fs_err::write(path.with_extension("json.tmp"), half).unwrap();
            assert_eq!(read(dir.path()).unwrap()[0].sessions.len(), 1);
            fs_err::write(&path, text).unwrap();
            let error = read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("a.json"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_gone_is_told_from_one_that_never_was() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let kept = session("a", "2026-01-31T10:00:00Z", 2);
        let path = add(root, &kept).unwrap();
        let promoted =
            promote(root, &kept.fingerprint.key(), &promotion("a", "2026-02-01T10:00:00Z"));
        for gone in [path.clone(), promoted.unwrap()] {
            assert_eq!(lost(root).unwrap(), [] as [PathBuf; 0]);
            let bytes = fs_err::read(&gone).unwrap();
            fs_err::remove_file(&gone).unwrap();
            assert_eq!(lost(root).unwrap(), std::slice::from_ref(&gone));
            fs_err::write(&gone, bytes).unwrap();
        }
        // A whole machine.
        fs_err::rename(path.parent().unwrap(), root.join(".aside")).unwrap();
        assert_eq!(lost(root).unwrap().len(), 2);
        fs_err::rename(root.join(".aside"), path.parent().unwrap()).unwrap();
        // A writer that was killed between the session and its note.
        fs_err::remove_dir_all(root.join(WRITTEN)).unwrap();
        assert_eq!(lost(root).unwrap(), [] as [PathBuf; 0]);
        add(root, &session("b", "2026-02-28T10:00:00Z", 4)).unwrap();
        fs_err::remove_file(&path).unwrap();
        assert_eq!(lost(root).unwrap(), [path]);
    }

    #[test]
    fn a_figure_that_is_changed_or_gone_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = add(dir.path(), &session("a", "2026-01-31T10:00:00Z", 2)).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, text.replace("1000000", "2000000")).unwrap();
        let error = read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("changed since perftune wrote it"), "{error}");
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thesis.tex");
        fs_err::write(&path, "x").unwrap();
        let added = session("a", "2026-01-31T10:00:00Z", 2);
        for error in [read(dir.path()).unwrap_err(), add(dir.path(), &added).unwrap_err()] {
            let error = error.to_string();
            assert!(error.contains("is not a folder of baselines"), "{error}");
        }
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
        fs_err::remove_file(&path).unwrap();
        fs_err::write(dir.path().join(".gitkeep"), "").unwrap();
        add(dir.path(), &added).unwrap();
        let nowhere = read(&dir.path().join("nowhere")).unwrap_err().to_string();
        assert!(nowhere.contains("there is no such folder"), "{nowhere}");
    }
}
