//! Ctrl-C and SIGTERM as a call: the first asks for an orderly end, the next for a quick one.

use std::io;
use std::os::raw::c_int;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How urgently the user wants an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Ask the worker to stop, keep what is finished.
    Stop,
    /// Kill it: the user has asked before.
    Kill,
}

/// Calls `obey` on a thread of its own for each SIGINT and SIGTERM, for as long as the process lives.
pub fn listen(obey: impl FnMut(Interrupt) + Send + 'static) -> io::Result<()> {
    listen_to(&[SIGINT, SIGTERM], obey)
}

fn listen_to(
    signals: &[c_int],
    mut obey: impl FnMut(Interrupt) + Send + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        let mut next = Interrupt::Stop;
        for _ in signals.forever() {
            obey(next);
            next = Interrupt::Kill;
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGUSR2;
    use signal_hook::low_level::raise;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn the_second_signal_is_more_urgent() {
        let (send, receive) = mpsc::channel();
        listen_to(&[SIGUSR2], move |interrupt| send.send(interrupt).unwrap()).unwrap();
        for expected in [Interrupt::Stop, Interrupt::Kill, Interrupt::Kill] {
            raise(SIGUSR2).unwrap();
            assert_eq!(receive.recv_timeout(Duration::from_secs(10)), Ok(expected));
        }
    }
}
