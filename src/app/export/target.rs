//! Where each format goes, checked before anything is run.

use std::path::{Path, PathBuf};

use crate::app::Fault;
use crate::export::{Aim, Export, Target};
use crate::store::target::{is_result, is_special, place};

/// What is to be written, and where: no place twice, and none that the results have.
pub struct Exports(pub(super) Vec<Resolved>);

/// A format with a target that may be written.
pub(super) struct Resolved {
    pub(super) format: Export,
    pub(super) goal: Goal,
    /// Its folder is made where it is not there: it is relative to the results folder.
    pub(super) is_within: bool,
    /// As it was asked for.
    pub(super) said: String,
}

/// Where it goes.
#[derive(PartialEq, Eq)]
pub(super) enum Goal {
    Path(PathBuf),
    Server(String),
}

impl Exports {
    /// What the command line asks for (`written`), and what the grid does: of that, relative paths are relative to `folder`, the
    /// folder of the results. `has_objectives`: whether cells are compared.
    pub fn new(
        written: &[Target],
        grid: &[Target],
        folder: &Path,
        has_objectives: bool,
    ) -> Result<Self, Fault> {
        let mut all: Vec<Resolved> = Vec::new();
        for (target, of_grid) in
            written.iter().map(|target| (target, false)).chain(grid.iter().map(|t| (t, true)))
        {
            let resolved = Resolved::of(target, of_grid.then_some(folder))?;
            resolved.check(folder, has_objectives)?;
            if all.iter().any(|other| resolved.meets(other)) {
                return Err(Fault::new(format!("{} names {} twice", resolved.said, target.to))
                    .hint("name another target"));
            }
            all.push(resolved);
        }
        Ok(Self(all))
    }

    /// As they were asked for.
    pub fn said(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|resolved| &*resolved.said)
    }
}

impl Resolved {
    /// `base`: what a relative path is relative to, instead of the working directory.
    fn of(target: &Target, base: Option<&Path>) -> Result<Self, Fault> {
        let def = target.format.def();
        let said = match base {
            Some(_) => format!("[export] {} = \"{}\"", def.name, target.to),
            None => format!("--write {}", target.shown()),
        };
        let goal = match def.aim {
            Aim::Server => Goal::Server(address(&said, &target.to)?),
            Aim::File | Aim::Folder => Goal::Path(
                base.map_or_else(|| target.to.clone().into(), |base| place(base).join(&target.to)),
            ),
        };
        let is_within = base.is_some() && Path::new(&target.to).is_relative();
        Ok(Self { format: target.format, goal, is_within, said })
    }

    fn check(&self, folder: &Path, has_objectives: bool) -> Result<(), Fault> {
        let Self { said, .. } = self;
        let def = self.format.def();
        if def.by_objectives && !has_objectives {
            let what = format!("{said}: it compares cells, and there are no objectives");
            return Err(Fault::new(what)
                .hint("name the metrics to compare by in [objectives], or give `perftune report` --objectives FILE"));
        }
        let Goal::Path(path) = &self.goal else { return Ok(()) };
        let wrong = |why: &str| Err(Fault::new(format!("{said}: {}: {why}", path.display())));
        match def.aim {
            Aim::File if path.is_dir() || path.file_name().is_none() => {
                return wrong("it is a folder, not a file");
            }
            Aim::Folder if path.exists() && !path.is_dir() => {
                return wrong("it is a file, not a folder");
            }
            _ => {}
        }
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        if !self.is_within && above.is_some_and(|above| !above.is_dir()) {
            return wrong("there is no such folder");
        }
        let file = place(path);
        if is_result(&file, &[place(folder)]) {
            return wrong("it belongs to the results themselves");
        }
        Ok(())
    }

    /// Whether both would write to one place.
    fn meets(&self, other: &Self) -> bool {
        match (&self.goal, &other.goal) {
            (Goal::Path(a), Goal::Path(b)) => {
                let (a, b) = (place(a), place(b));
                a == b && !is_special(&a)
            }
            (a, b) => a == b,
        }
    }
}

/// The address of a server, without a `/` at its end.
fn address(said: &str, to: &str) -> Result<String, Fault> {
    let plain = to.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let wrong = |why: &str, hint: &str| Err(Fault::new(format!("{said}: {why}")).hint(hint));
    match plain {
        Some(rest)
            if !rest.is_empty()
                && !rest.contains(|c: char| {
                    c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@')
                }) =>
        {
            Ok(format!("http://{rest}"))
        }
        None if to.starts_with("https://") => wrong(
            "only plain HTTP is supported",
            "give the http:// address of the server, or of a proxy or a tunnel to it",
        ),
        _ => wrong(
            "it is not the address of a server",
            "write http://HOST:PORT, such as http://localhost:5000 for `mlflow server`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_target_is_said_before_anything_is_run() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("results");
        fs_err::create_dir_all(folder.join("runs")).unwrap();
        let file = dir.path().join("a.json");
        fs_err::write(&file, "").unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let target = |format: &str, to: String| Target::new(format, &to).unwrap();
        let refused = |written: &[Target], grid: &[Target]| {
            let found = Exports::new(written, grid, &folder, false);
            found.err().map(|fault| fault.error.to_string()).unwrap_or_default()
        };
        for (written, grid, says) in [
            (vec![target("bmf", at("results"))], vec![], "it is a folder, not a file"),
            (vec![target("bmf", at("results/report.csv"))], vec![], "belongs to the results"),
            (vec![target("bmf", at("results/runs/x"))], vec![], "belongs to the results"),
            (vec![target("bmf", at("none/x"))], vec![], "there is no such folder"),
            (vec![target("tensorboard", at("a.json"))], vec![], "it is a file, not a folder"),
            (vec![target("tensorboard", at("results"))], vec![], "belongs to the results"),
            (vec![target("optuna", at("o"))], vec![], "there are no objectives"),
            (vec![target("bmf", at("x")), target("gha", at("./x"))], vec![], "twice"),
            (vec![target("bmf", at("results/x"))], vec![target("gha", "x".to_owned())], "twice"),
            (
                vec![],
                vec![target("bmf", "report.html".to_owned())],
                "[export] bmf = \"report.html\"",
            ),
            // Below the results folder a folder is made.
            (vec![target("bmf", at("a.json"))], vec![target("gha", "out/x".to_owned())], ""),
        ] {
            let found = refused(&written, &grid);
            assert!(found.contains(says) && found.is_empty() == says.is_empty(), "{says}: {found}");
        }
    }

    #[test]
    fn an_address_is_one() {
        for (to, says) in [
            ("http://localhost:5000/", Ok("http://localhost:5000")),
            ("http://host/mlflow", Ok("http://host/mlflow")),
            ("https://host", Err("only plain HTTP")),
            ("mlruns", Err("not the address of a server")),
            ("http://", Err("not the address of a server")),
            ("http://a b", Err("not the address of a server")),
            ("http://user@host", Err("not the address of a server")),
        ] {
            match (address("--write", to), says) {
                (Ok(found), Ok(says)) => assert_eq!(found, says),
                (Err(fault), Err(says)) => assert!(fault.error.to_string().contains(says), "{to}"),
                (found, _) => panic!("{to}: {:?}", found.is_ok()),
            }
        }
    }
}
