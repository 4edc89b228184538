//! The threads that read a worker's pipes: they only decode and forward, so that neither a slow disk nor a slow
//! terminal stalls the worker before [`QUEUED`](crate::event::bounds::QUEUED) waits.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::clock::{Clock, MonotonicClock};
use crate::event::bounds::{
    MESSAGE, STDERR, STDERR_LINE, STDERR_TAIL, TEXT, WRITTEN, WRITTEN_PER_S, cut,
};
use crate::event::wire;

use super::action::Input;
use super::command::Watch;
use super::inbox::Sender;
use super::lines::{Line, LineSplitter};
use super::spawn::spawn;

/// What is read at once, in bytes.
const CHUNK: usize = 1 << 16;
/// The last lines of a worker's standard error.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == STDERR_TAIL {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The lines, oldest first.
    pub(super) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}

/// Forwards the protocol, then [`Input::StreamEnded`]. `metered`: it may not write more than a real worker would.
pub(super) fn read_protocol(
    mut stdout: impl Read + Send + 'static,
    inputs: Sender,
    metered: bool,
) -> io::Result<JoinHandle<()>> {
    spawn("protocol", move || {
        let mut meter = Meter::new(MonotonicClock.now_ns());
        each_line(&mut stdout, MESSAGE, |line| {
            let flood = metered && meter.is_beyond(line.text.len() + 1, MonotonicClock.now_ns());
            let input = if flood { Input::Garbage(Meter::words()) } else { message(&line) };
            let garbage = matches!(input, Input::Garbage(_));
            inputs.send_patiently(input).is_ok() && !garbage
        });
        // What follows nonsense is not read as messages, but it is drained: a full pipe would hang the worker.
        let _ = io::copy(&mut stdout, &mut io::sink());
        // The receiver is gone when the run is over already.
        let _ = inputs.send(Input::StreamEnded);
    })
}

fn message(line: &Line) -> Input {
    let number = line.number;
    if !line.whole {
        return Input::Garbage(format!(
            "line {number} of the worker has more than {MESSAGE} bytes"
        ));
    }
    match wire::decode(&String::from_utf8_lossy(&line.text)) {
        Ok(envelope) => Input::Message(envelope),
        Err(error) => {
            let error = cut(&error.to_string(), TEXT);
            Input::Garbage(format!("line {number} of the worker is {error}"))
        }
    }
}

/// How much a worker has written.
#[derive(Debug)]
struct Meter {
    since_ns: u64,
    written: u64,
}

impl Meter {
    fn new(now_ns: u64) -> Self {
        Self { since_ns: now_ns, written: 0 }
    }

    fn is_beyond(&mut self, bytes: usize, now_ns: u64) -> bool {
        self.written = self.written.saturating_add(bytes as u64);
        let seconds = now_ns.saturating_sub(self.since_ns) / 1_000_000_000;
        self.written > WRITTEN.saturating_add(seconds.saturating_mul(WRITTEN_PER_S))
    }

    fn words() -> String {
        format!(
            "the worker has written more than {} MiB and {} MiB a second; report steps in batches, about every 100 ms",
            WRITTEN >> 20,
            WRITTEN_PER_S >> 20
        )
    }
}

/// Forwards standard error, as many lines together as came together, then [`Input::StreamEnded`], and keeps its tail; without one
/// nothing is forwarded or kept. `watch`: what looks for figures in it.
pub(super) fn read_stderr(
    mut stderr: impl Read + Send + 'static,
    inputs: Sender,
    tail: Option<Tail>,
    watch: Option<Watch>,
) -> io::Result<JoinHandle<()>> {
    spawn("log", move || {
        let mut room = Some(STDERR);
        each_lines(&mut stderr, STDERR_LINE, |lines| {
            if let Some(watch) = &watch {
                watch.take(&lines);
            }
            let Some(tail) = &tail else { return true };
            let mut kept = Vec::new();
            let last = lines.len().saturating_sub(STDERR_TAIL);
            for (at, line) in lines.into_iter().enumerate() {
                if room.is_none() && at < last {
                    continue;
                }
                let mut text = String::from_utf8_lossy(&line.text).into_owned();
                if !line.whole {
                    text.push_str(" [cut]");
                }
                if at >= last {
                    tail.push(text.clone());
                }
                if let Some(left) = room {
                    room = left.checked_sub(text.len() + 1);
                    let more = || "[more is not kept, except the end]".to_owned();
                    kept.push(room.map_or_else(more, |_| text));
                }
            }
            if !kept.is_empty() {
                let _ = inputs.send_patiently(Input::Stderr(kept.join("\n")));
            }
            true
        });
        let _ = inputs.send(Input::StreamEnded);
        if let Some(watch) = watch {
            watch.done();
            // What a process that was left behind prints still goes where it should.
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
    })
}

/// Calls `take` with each line until that has enough, or the stream is at its end. Of a line longer than `longest` it gets the
/// beginning.
fn each_line(stream: &mut impl Read, longest: usize, mut take: impl FnMut(Line) -> bool) {
    each_lines(stream, longest, |lines| lines.into_iter().all(&mut take));
}

/// The same of lines that came together.
fn each_lines(stream: &mut impl Read, longest: usize, mut take: impl FnMut(Vec<Line>) -> bool) {
    let mut splitter = LineSplitter::new(longest);
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(read) => {
                if !take(splitter.cut(&buffer[..read])) {
                    return;
                }
            }
        }
    }
    if let Some(line) = splitter.rest() {
        take(vec![line]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::inbox::channel;

    #[test]
    fn lines_are_cut_at_the_limit_and_the_next_one_is_whole() {
        let mut found = Vec::new();
        each_line(&mut &b"abc\n\n0123456789\nxyz"[..], 5, |line| {
            found.push((line.whole, line.text));
            true
        });
        let expected = [
            (true, b"abc".to_vec()),
            (true, b"".to_vec()),
            (false, b"01234".to_vec()),
            (true, b"xyz".to_vec()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nonsense_ends_the_messages_but_the_pipe_is_drained() {
        let text = "{\"seq\":0,\"t_ns\":1,\"event\":{\"type\":\"phase\",\"data\":{\"phase\":\"load\"}}}\n\
                    what?\n{\"seq\":1}\n";
        let (sender, receiver) = channel();
        read_protocol(text.as_bytes(), sender, true).unwrap().join().unwrap();
        let inputs: Vec<_> = receiver.try_iter().collect();
        assert!(matches!(inputs[0], Input::Message(_)));
        assert!(matches!(&inputs[1], Input::Garbage(what) if what.contains("what?")));
        assert_eq!(inputs[2..], [Input::StreamEnded]);
    }

    #[test]
    fn the_tail_is_the_end_of_a_flood() {
        let lines = (0..200_000).map(|i| format!("line {i} {}", "x".repeat(40)));
        let text = lines.collect::<Vec<_>>().join("\n");
        let (sender, receiver) = channel();
        let tail = Tail::default();
        read_stderr(io::Cursor::new(text), sender, Some(tail.clone()), None)
            .unwrap()
            .join()
            .unwrap();
        let forwarded: usize = receiver
            .try_iter()
            .map(|input| match input {
                Input::Stderr(line) => line.len() + 1,
                _ => 0,
            })
            .sum();
        assert!(forwarded <= STDERR + 100, "{forwarded}");
        assert_eq!(tail.text().lines().count(), STDERR_TAIL);
        assert!(tail.text().contains("line 199999 "));
    }

    #[test]
    fn what_a_worker_writes_is_metered() {
        let mut meter = Meter::new(5);
        let most = usize::try_from(WRITTEN).unwrap();
        assert!(!meter.is_beyond(most, 5));
        assert!(meter.is_beyond(1, 5));
        // A second later there is room again.
        assert!(!meter.is_beyond(most / 8, 1_000_000_005));
        let line = format!("{}\n", "x".repeat(MESSAGE + 1));
        let (sender, receiver) = channel();
        read_protocol(io::Cursor::new(line), sender, true).unwrap().join().unwrap();
        let first = receiver.try_iter().next();
        assert_eq!(
            first,
            Some(Input::Garbage(format!("line 1 of the worker has more than {MESSAGE} bytes")))
        );
    }

    #[test]
    fn a_line_that_is_no_message_is_quoted_in_part() {
        let line = format!("{{\"{}\":1}}\n", "x".repeat(MESSAGE / 2));
        let (sender, receiver) = channel();
        read_protocol(io::Cursor::new(line), sender, true).unwrap().join().unwrap();
        let Some(Input::Garbage(what)) = receiver.try_iter().next() else {
            panic!("it is none");
        };
        assert!(
            what.len() < TEXT + 100 && what.starts_with("line 1 of the worker is not"),
            "{what}"
        );
    }
}
