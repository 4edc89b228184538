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
            let named = rustix::process::Signal::from_named_raw(signal).and_then(signal_name);
            let name = named.map_or_else(|| format!("signal {signal}"), str::to_owned);
            format!("was ended by {name}")
        }
    }
}

fn signal_name(signal: rustix::process::Signal) -> Option<&'static str> {
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
    .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_without_a_name_here_has_its_number() {
        for (signal, says) in [
            (9, "was ended by SIGKILL"),
            // SIGUSR1, and one of the real-time signals.
            (10, "was ended by signal 10"),
            (34, "was ended by signal 34"),
        ] {
            assert_eq!(describe(Exit::Signal(signal)), says);
        }
    }
}
