//! The command line: hands the arguments over and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    perftune::cli::main()
}
