//! The threads that read a worker's pipes: they only decode and forward, so that neither a slow disk nor a slow
//! terminal can fill a pipe and stall the worker.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::event::wire::{self, MAX_LINE};

use super::action::Input;
use super::lines::{Line, LineSplitter};
use super::spawn::spawn;

/// What is read at once, in bytes.
const CHUNK: usize = 1 << 16;
/// Lines of standard error that a failure quotes.
const TAIL_LINES: usize = 20;

/// Longest line of standard error that is kept, in bytes.
const STDERR_LINE: usize = 4096;

/// Standard error beyond this is not forwarded, in bytes: a flood must not fill the disk. The tail is kept all the same.
const STDERR_TOTAL: usize = 4 << 20;

/// The last lines of a worker's standard error.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
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

/// Forwards the protocol, then [`Input::StreamEnded`].
pub(super) fn read_protocol(
    mut stdout: impl Read + Send + 'static,
    inputs: Sender<Input>,
) -> io::Result<JoinHandle<()>> {
    spawn("protocol", move || {
        each_line(&mut stdout, MAX_LINE, |line| {
            let input = if line.whole {
                match wire::decode(&String::from_utf8_lossy(&line.text)) {
                    Ok(envelope) => Input::Message(envelope),
                    Err(error) => Input::Garbage(format!("the worker wrote what is {error}")),
                }
            } else {
                Input::Garbage(format!("the worker wrote a line of more than {MAX_LINE} bytes"))
            };
            let garbage = matches!(input, Input::Garbage(_));
            inputs.send(input).is_ok() && !garbage
        });
        // What follows nonsense is not read as messages, but it is drained: a full pipe would hang the worker.
        let _ = io::copy(&mut stdout, &mut io::sink());
        // The receiver is gone when the run is over already.
        let _ = inputs.send(Input::StreamEnded);
    })
}

/// Forwards standard error line by line, then [`Input::StreamEnded`], and keeps its tail.
pub(super) fn read_stderr(
    mut stderr: impl Read + Send + 'static,
    inputs: Sender<Input>,
    tail: Tail,
) -> io::Result<JoinHandle<()>> {
    spawn("log", move || {
        let mut forwarded = 0_usize;
        each_line(&mut stderr, STDERR_LINE, |line| {
            let text = String::from_utf8_lossy(&line.text).into_owned();
            tail.push(text.clone());
            let before = forwarded;
            forwarded = forwarded.saturating_add(text.len() + 1);
            if forwarded <= STDERR_TOTAL {
                let _ = inputs.send(Input::Stderr(text));
            } else if before <= STDERR_TOTAL {
                let more = "[more is not kept, but for the end]".to_owned();
                let _ = inputs.send(Input::Stderr(more));
            }
            true
        });
        let _ = inputs.send(Input::StreamEnded);
    })
}

/// Calls `take` with each line until that has enough, or the stream is at its end. Of a line longer than `longest` it gets the
/// beginning.
fn each_line(stream: &mut impl Read, longest: usize, mut take: impl FnMut(Line) -> bool) {
    let mut splitter = LineSplitter::new(longest);
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(read) => {
                if !splitter.cut(&buffer[..read]).into_iter().all(&mut take) {
                    return;
                }
            }
        }
    }
    if let Some(line) = splitter.rest() {
        take(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

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
        let (sender, receiver) = mpsc::channel();
        read_protocol(text.as_bytes(), sender).unwrap().join().unwrap();
        let inputs: Vec<_> = receiver.iter().collect();
        assert!(matches!(inputs[0], Input::Message(_)));
        assert!(matches!(&inputs[1], Input::Garbage(what) if what.contains("what?")));
        assert_eq!(inputs[2..], [Input::StreamEnded]);
    }

    #[test]
    fn the_tail_is_the_end_of_a_flood() {
        let lines = (0..200_000).map(|i| format!("line {i} {}", "x".repeat(40)));
        let text = lines.collect::<Vec<_>>().join("\n");
        let (sender, receiver) = mpsc::channel();
        let tail = Tail::default();
        read_stderr(io::Cursor::new(text), sender, tail.clone()).unwrap().join().unwrap();
        let forwarded: usize = receiver
            .iter()
            .map(|input| match input {
                Input::Stderr(line) => line.len() + 1,
                _ => 0,
            })
            .sum();
        assert!(forwarded <= STDERR_TOTAL + 100, "{forwarded}");
        assert_eq!(tail.text().lines().count(), TAIL_LINES);
        assert!(tail.text().contains("line 199999 "));
    }
}
