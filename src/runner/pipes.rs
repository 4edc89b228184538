//! The threads that read a worker's pipes: they only decode and forward, so that neither a slow disk nor a slow
//! terminal can fill a pipe and stall the worker.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::event::wire::{self, MAX_LINE};

use super::action::Input;

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
    stdout: impl Read + Send + 'static,
    inputs: Sender<Input>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(1 << 16, stdout);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = read_line(&mut reader, &mut line, MAX_LINE);
            let input = match read {
                Ok(LineEnd::End) | Err(_) => break,
                Ok(LineEnd::TooLong) => {
                    Input::Garbage(format!("the worker wrote a line of more than {MAX_LINE} bytes"))
                }
                Ok(LineEnd::Whole) => match wire::decode(&String::from_utf8_lossy(&line)) {
                    Ok(envelope) => Input::Message(envelope),
                    Err(error) => Input::Garbage(format!("the worker wrote what is {error}")),
                },
            };
            let garbage = matches!(input, Input::Garbage(_));
            if inputs.send(input).is_err() || garbage {
                break;
            }
        }
        // What follows nonsense is not read as messages, but it is drained: a full pipe would hang the worker.
        let _ = io::copy(&mut reader, &mut io::sink());
        // The receiver is gone when the run is over already.
        let _ = inputs.send(Input::StreamEnded);
    })
}

/// Forwards standard error line by line, then [`Input::StreamEnded`], and keeps its tail.
pub(super) fn read_stderr(
    stderr: impl Read + Send + 'static,
    inputs: Sender<Input>,
    tail: Tail,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        let mut forwarded = 0_usize;
        loop {
            line.clear();
            match read_line(&mut reader, &mut line, STDERR_LINE) {
                Ok(LineEnd::End) | Err(_) => break,
                Ok(LineEnd::Whole | LineEnd::TooLong) => {}
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            tail.push(text.clone());
            let before = forwarded;
            forwarded = forwarded.saturating_add(text.len() + 1);
            if forwarded <= STDERR_TOTAL {
                let _ = inputs.send(Input::Stderr(text));
            } else if before <= STDERR_TOTAL {
                let _ =
                    inputs.send(Input::Stderr("[more is not kept, but for the end]".to_owned()));
            }
        }
        let _ = inputs.send(Input::StreamEnded);
    })
}

#[derive(Debug, PartialEq, Eq)]
enum LineEnd {
    Whole,
    TooLong,
    End,
}

/// Reads one line without its line feed. Of a line longer than `limit` the beginning is kept and the rest skipped.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<LineEnd> {
    let mut result = LineEnd::End;
    loop {
        let available = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if available.is_empty() {
            return Ok(result);
        }
        if result == LineEnd::End {
            result = LineEnd::Whole;
        }
        let feed = available.iter().position(|byte| *byte == b'\n');
        let piece = &available[..feed.unwrap_or(available.len())];
        let room = limit - line.len().min(limit);
        if piece.len() > room {
            result = LineEnd::TooLong;
        }
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = feed.map_or(available.len(), |at| at + 1);
        reader.consume(used);
        if feed.is_some() {
            return Ok(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn lines(text: &[u8], limit: usize) -> Vec<(LineEnd, Vec<u8>)> {
        let mut reader = BufReader::with_capacity(4, text);
        let mut found = Vec::new();
        loop {
            let mut line = Vec::new();
            match read_line(&mut reader, &mut line, limit).unwrap() {
                LineEnd::End => return found,
                kind => found.push((kind, line)),
            }
        }
    }

    #[test]
    fn lines_are_cut_at_the_limit_and_the_next_one_is_whole() {
        let found = lines(b"abc\n\n0123456789\nxyz", 5);
        let expected = [
            (LineEnd::Whole, b"abc".to_vec()),
            (LineEnd::Whole, b"".to_vec()),
            (LineEnd::TooLong, b"01234".to_vec()),
            (LineEnd::Whole, b"xyz".to_vec()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nonsense_ends_the_messages_but_the_pipe_is_drained() {
        let text = "{\"seq\":0,\"t_ns\":1,\"event\":{\"type\":\"phase\",\"data\":{\"phase\":\"load\"}}}\n\
                    what?\n{\"seq\":1}\n";
        let (sender, receiver) = mpsc::channel();
        read_protocol(text.as_bytes(), sender).join().unwrap();
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
        read_stderr(io::Cursor::new(text), sender, tail.clone()).join().unwrap();
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
