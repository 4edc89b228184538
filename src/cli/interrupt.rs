//! Signals as calls: Ctrl-C, SIGTERM, Ctrl-\\ and the loss of the terminal.
//!
//! What is ended by them is left to the runner. Invariant: what a parent process has made of SIGCHLD and SIGHUP neither hides
//! the end of a child nor undoes `nohup`.

use std::io;
use std::os::raw::c_int;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Calls `obey` on a thread of its own for each signal that asks for an end, for as long as the process lives.
pub fn listen(obey: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = vec![SIGINT, SIGTERM, SIGQUIT];
    // `nohup` asks to outlive the terminal.
    if !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    listen_to(&signals, obey)
}

/// What a task was told before anybody listened, and since.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Its time is nearly over.
    pub out_of_time: Arc<AtomicBool>,
    /// It is to end.
    pub to_end: Arc<AtomicBool>,
}

/// From now on neither of these ends the process; who begins later finds them.
pub fn told() -> io::Result<Told> {
    let told = Told::default();
    flag::register(SIGUSR2, Arc::clone(&told.out_of_time))?;
    flag::register(SIGTERM, Arc::clone(&told.to_end))?;
    Ok(told)
}

/// Calls `obey` on a thread of its own for each warning that the time of a task is nearly over.
pub fn listen_to_warning(obey: impl FnMut() + Send + 'static) -> io::Result<()> {
    listen_to(&[SIGUSR2], obey)
}

/// Children are waited for even if the parent process has left SIGCHLD ignored: then the kernel would drop their ends. What
/// is caught is back at its default in whatever is started.
pub fn hear_of_children() -> io::Result<()> {
    flag::register(SIGCHLD, Arc::default()).map(drop)
}

/// Whether this process was started with the signal ignored; not where there is no `/proc` to say so.
fn is_ignored(signal: c_int) -> bool {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
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
