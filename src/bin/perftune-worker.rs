//! The native worker: one process a run, told what to do on standard input. Only this binary links libtorch.

use std::process::ExitCode;

#[path = "../worker/torch/mod.rs"]
mod torch;

fn main() -> ExitCode {
    torch::main()
}
