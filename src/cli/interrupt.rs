//! Ctrl-C and SIGTERM as a call.
//!
//! What is ended by them is left to the runner.

use std::io;
use std::os::raw::c_int;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Calls `obey` on a thread of its own for each SIGINT and SIGTERM, for as long as the process lives.
pub fn listen(obey: impl FnMut() + Send + 'static) -> io::Result<()> {
    listen_to(&[SIGINT, SIGTERM], obey)
}

fn listen_to(signals: &[c_int], mut obey: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(signals)?;
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(|_| obey()))?;
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
    fn every_signal_is_heard() {
        let (send, receive) = mpsc::channel();
        listen_to(&[SIGUSR2], move || send.send(()).unwrap()).unwrap();
        for _ in 0..3 {
            raise(SIGUSR2).unwrap();
            assert_eq!(receive.recv_timeout(Duration::from_secs(10)), Ok(()));
        }
    }
}
