//! cli.
use std::process::ExitCode;
/// Main.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
