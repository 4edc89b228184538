//! A run of the built program, as one text: exit code, standard output, standard error.

use std::process::Output;

use assert_cmd::Command;

/// The built `perftune` in an environment without what varies between machines.
pub(crate) struct Perftune {
    command: Command,
}

impl Perftune {
    pub(crate) fn new() -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("perftune"));
        for name in ["COLUMNS", "LINES", "NO_COLOR", "CLICOLOR_FORCE", "TERM"] {
            command.env_remove(name);
        }
        Self { command }
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn output(mut self) -> Output {
        self.command.output().unwrap()
    }

    /// Everything that a user sees of it.
    pub(crate) fn run(self) -> String {
        let output = self.output();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        format!(
            "exit code: {}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}",
            output.status.code().unwrap()
        )
    }
}
