//! The native worker: everything that names libtorch. Compiled by the `perftune-worker` binary alone.

mod bare;
mod cuda;
mod data;
mod denormals;
mod device;
mod driver;
mod evaluate;
mod facts;
mod failure;
mod models;
mod optimizer;
mod order;
mod parameters;
mod precision;
mod script;
mod serve;
mod session;
mod shim;
mod size;
mod train;
mod trial;

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use perftune::clock::MonotonicClock;
use perftune::event::{JobSpec, PROTOCOL_VERSION, WorkerEvent};
use perftune::worker::link::Link;

use failure::Failure;
use serde::Serialize;

const USAGE: &str = "perftune-worker: started by perftune, one process a run; reads a job on standard input.\n\
                     --version            versions of the worker, libtorch and the protocol\n\
                     --check-device NAME  whether that device can be used\n\
                     --script FILE        what is in a TorchScript file, as JSON\n\
                     --check-script JOB   whether the TorchScript file of this job can do it, as JSON\n\
                     --bare-loop SECONDS  trains the job on standard input for so long, or until that ends, without the protocol: \
                     the yardstick of the benchmarks";

/// Does one job, or says who it is.
///
/// A job ends the process without the destructors of libtorch: they take some 80 ms, and the pages that they touch would be the
/// peak of a run whose memory had long stopped growing.
pub(crate) fn main() -> ExitCode {
    let argument = std::env::args().nth(2);
    match (std::env::args().nth(1).as_deref(), argument.as_deref()) {
        (None, _) => signal_hook::low_level::exit(work()),
        (Some("--check-device"), Some(name)) => check_device(name),
        (Some("--script"), Some(file)) => answer(|| script::holds(Path::new(file))),
        (Some("--check-script"), Some(job)) => answer(|| trial::check(job)),
        (Some("--bare-loop"), Some(seconds)) => end(bare::run(seconds)),
        (Some("--version" | "-V"), _) => say(&format!(
            "{}\nlibtorch {}\nprotocol {PROTOCOL_VERSION}",
            facts::WORKER,
            facts::libtorch()
        )),
        (Some("--help" | "-h"), _) => say(USAGE),
        (Some(other), _) => {
            // Standard error may be closed; there is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "unknown argument `{other}`\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Only why not: who asks knows which device.
fn check_device(name: &str) -> ExitCode {
    let found = std::panic::catch_unwind(|| device::find(name));
    let found = found.unwrap_or_else(|panic| Err(Failure::from_panic(panic.as_ref()).to_string()));
    end(found.map(|_| String::new()).map_err(Failure::Device))
}

/// What was found, or in words why nothing was; both are an answer.
fn answer<T: Serialize>(find: impl FnOnce() -> Result<T, Failure>) -> ExitCode {
    let found = std::panic::catch_unwind(AssertUnwindSafe(find));
    let found = found.unwrap_or_else(|panic| Err(Failure::from_panic(panic.as_ref())));
    let found = found.map_err(|failure| failure.to_string());
    end(serde_json::to_string(&found).map_err(|error| Failure::Internal(error.to_string())))
}

fn end(result: Result<String, Failure>) -> ExitCode {
    match result {
        Ok(text) if text.is_empty() => ExitCode::SUCCESS,
        Ok(text) => say(&text),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The exit code; nothing is left to be written.
fn work() -> i32 {
    let (mut link, job) = match Link::claim(MonotonicClock) {
        Ok(claimed) => claimed,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "perftune-worker: {error}");
            return 1;
        }
    };
    let Err(failure) = run(&mut link, &job) else {
        return 0;
    };
    let _ = writeln!(std::io::stderr(), "perftune-worker: {failure}");
    if let Some(event) = failure.report() {
        // If the runner cannot be told, the exit code still says it.
        let _ = link.send(WorkerEvent::Failed(event));
    }
    1
}

/// The job, with every panic of libtorch's bindings as an ordinary failure.
fn run(link: &mut Link<MonotonicClock>, job: &JobSpec) -> Result<(), Failure> {
    // Nothing is used after a panic but the link, whose state is one sequence number and unsent steps.
    std::panic::catch_unwind(AssertUnwindSafe(|| session::run(link, job)))
        .unwrap_or_else(|panic| Err(Failure::from_panic(panic.as_ref())))
}
