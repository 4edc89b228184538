//! The script of a job array: what sbatch is given.
//!
//! The task itself is perftune, started by `exec`, so that it is the batch process and gets the signals that Slurm sends.
//! Invariant: all that perftune relies on stands in the script, so that it can be read, and submitted by hand.

use std::fmt::Write;
use std::path::Path;

use super::options::{OPTIONS, SbatchOption};
use super::policy::EnginePolicy;

/// Makes this program a task of an array: `perftune __engine-task FOLDER SUBMISSION NONCE`.
pub const TASK: &str = "__engine-task";

/// An array that is to be submitted.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// What the grid says.
    pub policy: &'a EnginePolicy,
    /// By which the jobs are found again.
    pub job_name: &'a str,
    /// How many tasks it has.
    pub tasks: usize,
    /// The results folder.
    pub folder: &'a Path,
    /// Where the logs go: below the results folder.
    pub logs: &'a Path,
    /// The number of the submission.
    pub number: u32,
    /// What the folder holds that the task sees, if it is the same folder.
    pub nonce: &'a str,
    /// The working directory of the tasks.
    pub work: &'a Path,
    /// perftune.
    pub program: &'a Path,
}

/// A path that a job script cannot hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job script cannot name {path:?}: it has {why}")]
pub struct UnfitPath {
    path: String,
    why: &'static str,
}

impl Script<'_> {
    /// Its text.
    pub fn text(&self) -> Result<String, UnfitPath> {
        let Self { policy, .. } = self;
        let mut text = "#!/bin/bash\n".to_owned();
        for option in self.options()? {
            let _ = writeln!(text, "#SBATCH {option}");
        }
        for line in &policy.setup {
            let _ = writeln!(text, "{line}");
        }
        let [program, folder] = [self.program, self.folder].map(fit);
        let (program, folder) = (quoted(&program?), quoted(&folder?));
        let _ = writeln!(text, "exec {program} {TASK} {folder} {} {}", self.number, self.nonce);
        Ok(text)
    }

    fn options(&self) -> Result<Vec<String>, UnfitPath> {
        let Self { policy, .. } = self;
        let running = policy.array_parallelism.map(|most| format!("%{most}")).unwrap_or_default();
        // A percent sign begins the number of the task.
        let logs = fit(self.logs)?.replace('%', "%%");
        let mut all = vec![
            valued("--job-name", self.job_name),
            format!("--array=0-{}{running}", self.tasks.saturating_sub(1)),
            valued("--output", &format!("{logs}/task-%a.log")),
            "--open-mode=append".to_owned(),
            valued("--chdir", &fit(self.work)?),
            if policy.max_restarts > 0 { "--requeue" } else { "--no-requeue" }.to_owned(),
        ];
        if policy.warning_s > 0.0 {
            all.push(format!("--signal=B:USR2@{:.0}", policy.warning_s));
        }
        all.extend(policy.time_s.map(|time_s| valued("--time", &clock(time_s))));
        all.extend(policy.exclusive.then(|| "--exclusive".to_owned()));
        let named = |(key, value): &(&str, String)| {
            let option = OPTIONS.iter().find(|option| option.key == *key).map(SbatchOption::flag);
            option.map(|flag| valued(&flag, value))
        };
        all.extend(policy.options.iter().filter_map(named));
        all.extend(policy.sbatch_args.iter().map(|argument| {
            argument
                .split_once('=')
                .map_or_else(|| argument.clone(), |(flag, value)| valued(flag, value))
        }));
        Ok(all)
    }
}

/// A path as text, where a script can hold it.
fn fit(path: &Path) -> Result<String, UnfitPath> {
    let unfit = |why| UnfitPath { path: path.display().to_string(), why };
    let text = path.to_str().ok_or_else(|| unfit("letters that are no UTF-8"))?;
    match text.chars().find(|c| c.is_control() || *c == '\\') {
        Some('\\') => Err(unfit("a backslash")),
        Some(_) => Err(unfit("a control character")),
        None => Ok(text.to_owned()),
    }
}

/// An option with its value, as sbatch reads it in a script.
fn valued(flag: &str, value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return format!("{flag}={value}");
    }
    format!("{flag}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A time limit as sbatch reads it: `1-02:00:00`. sbatch counts in minutes, and so rounds up.
fn clock(seconds: f64) -> String {
    let minutes = (seconds / 60.0).ceil();
    let (days, rest) = ((minutes / 1440.0).floor(), minutes % 1440.0);
    let (hours, minutes) = ((rest / 60.0).floor(), rest % 60.0);
    let days = if days > 0.0 { format!("{days:.0}-") } else { String::new() };
    format!("{days}{hours:02.0}:{minutes:02.0}:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script<'a>(policy: &'a EnginePolicy, folder: &'a Path, logs: &'a Path) -> Script<'a> {
        Script {
            policy,
            job_name: "pt-0123abcd-0001",
            tasks: 9,
            folder,
            logs,
            number: 1,
            nonce: "89abcdef",
            work: Path::new("/home/me"),
            program: Path::new("/opt/perftune/bin/perftune"),
        }
    }

    #[test]
    fn a_script_says_all_that_is_relied_on() {
        let policy = EnginePolicy::default();
        let (folder, logs) =
            (Path::new("/s/results/t"), Path::new("/s/results/t/submissions/0001"));
        insta::assert_snapshot!(
            "script_of_defaults",
            script(&policy, folder, logs).text().unwrap()
        );
    }

    #[test]
    fn a_script_holds_what_the_grid_says() {
        let policy = EnginePolicy {
            array_parallelism: Some(4),
            time_s: Some(93_600.0),
            max_restarts: 0,
            exclusive: true,
            options: vec![
                ("partition", "gpu,long".to_owned()),
                ("cpus_per_task", "8".to_owned()),
                ("comment", "it's \"mine\" \\o/ $HOME".to_owned()),
            ],
            sbatch_args: vec![
                "--hint=nomultithread".to_owned(),
                "-N1".to_owned(),
                "--wckey=a b".to_owned(),
            ],
            setup: vec!["module load cuda/12".to_owned(), "export A='b c'".to_owned()],
            ..EnginePolicy::default()
        };
        let folder = Path::new("/s/it's 100% \"mine\"");
        let logs = folder.join("submissions/0001");
        insta::assert_snapshot!(
            "script_of_options",
            script(&policy, folder, &logs).text().unwrap()
        );
    }

    #[test]
    fn a_path_that_no_script_can_hold_is_told_of() {
        let policy = EnginePolicy::default();
        for (folder, says) in [("/a\nb", "a control character"), ("/a\\b", "a backslash")] {
            let folder = Path::new(folder);
            let error = script(&policy, folder, folder).text().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_time_limit_is_in_whole_minutes() {
        for (seconds, text) in [
            (60.0, "00:01:00"),
            (61.0, "00:02:00"),
            (5400.0, "01:30:00"),
            (86_400.0, "1-00:00:00"),
            (93_600.0, "1-02:00:00"),
            (31_536_000.0, "365-00:00:00"),
        ] {
            assert_eq!(clock(seconds), text);
        }
    }
}
