//! The end of a worker's process, in words.

/// How a worker's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

/// An exit in words: `exited with code 7`, `was ended by SIGSEGV`.
pub fn describe(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exited with code {code}"),
        Exit::Signal(signal) => {
            let name = rustix::process::Signal::from_named_raw(signal).map_or_else(
                || format!("signal {signal}"),
                |signal| signal_name(signal).to_owned(),
            );
            format!("was ended by {name}")
        }
    }
}

fn signal_name(signal: rustix::process::Signal) -> &'static str {
    use rustix::process::Signal;
    [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::SYS, "SIGSYS"),
    ]
    .iter()
    .find(|(known, _)| *known == signal)
    .map_or("an unusual signal", |(_, name)| name)
}
