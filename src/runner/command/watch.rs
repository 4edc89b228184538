//! What a command prints, read for its figures on its way to wherever it goes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender as Done;

use rustix::event::{PollFd, PollFlags, poll};

use super::story::Story;
use crate::event::bounds::cut;
use crate::event::{DeclaredMetric, FigureLack, FigurePattern, Num, Outlet, WorkerEvent};
use crate::runner::lines::Line;

/// How often is still read when the command has ended: more than a pipe holds, less than a process that it has left behind may
/// write.
const LAST: u32 = 64;

/// What is kept of a text that is no number, in bytes.
const SHOWN: usize = 40;

/// A figure that is looked for.
#[derive(Debug)]
struct Looked {
    name: String,
    pattern: FigurePattern,
    /// Whether each that is found counts; else the last.
    all: bool,
}

/// The figures that are looked for in one output.
#[derive(Debug)]
pub(in crate::runner) struct Watch {
    figures: Vec<Looked>,
    story: Story,
    /// Whoever waits for what was printed until the end.
    done: Done<()>,
}

impl Watch {
    /// Of this output; nothing where nothing is looked for in it.
    pub(super) fn new(
        metrics: &[DeclaredMetric],
        output: Outlet,
        story: &Story,
        done: &Done<()>,
    ) -> Option<Self> {
        let pattern = |metric: &DeclaredMetric| {
            // One that is none was refused before the run.
            let pattern = FigurePattern::new(metric.pattern_in(output)?).ok()?;
            let name = metric.metric.to_string();
            Some(Looked { name, pattern, all: metric.is_series() })
        };
        let figures: Vec<_> = metrics.iter().filter_map(pattern).collect();
        (!figures.is_empty()).then(|| Self { figures, story: story.clone(), done: done.clone() })
    }

    /// Takes lines that came together.
    pub(in crate::runner) fn take(&self, lines: &[Line]) {
        let mut events = Vec::new();
        for Looked { name, pattern, all } in &self.figures {
            if *all {
                let found = lines.iter().flat_map(|line| pattern.found(&line.text));
                events.extend(found.map(|text| said(name, &text)));
            } else {
                let last = lines.iter().rev().find_map(|line| pattern.found(&line.text).pop());
                events.extend(last.map(|text| said(name, &text)));
            }
        }
        if !events.is_empty() {
            self.story.tell(events);
        }
    }

    /// All that was printed until the end has been taken.
    pub(in crate::runner) fn done(self) {
        // Nobody waits for what comes after the end of the run.
        let _ = self.done.send(());
    }
}

fn said(name: &str, text: &str) -> WorkerEvent {
    let name = name.to_owned();
    match text.trim().parse() {
        Ok(value) => WorkerEvent::Metric { name, value: Num(value), samples: None },
        Err(_) => {
            WorkerEvent::Unread { name, why: FigureLack::NoNumber { text: cut(text, SHOWN) } }
        }
    }
}

/// A stream that is at its end when the command is and nothing more is in it, though a process that was left behind may hold it
/// open; what is read goes on to where the command's own would have gone.
#[derive(Debug)]
pub(in crate::runner) struct Passing {
    stream: OwnedFd,
    /// Readable when the command has ended.
    stopped: OwnedFd,
    outlet: Option<File>,
    /// How often may still be read after that.
    left: u32,
    over: bool,
}

impl Passing {
    pub(super) fn new(stream: OwnedFd, stopped: OwnedFd, outlet: Option<File>) -> Self {
        Self { stream, stopped, outlet, left: LAST, over: false }
    }

    /// Whether there is nothing more to be waited for.
    fn is_over(&mut self) -> io::Result<bool> {
        let mut both =
            [PollFd::new(&self.stream, PollFlags::IN), PollFd::new(&self.stopped, PollFlags::IN)];
        poll(&mut both, None)?;
        let [readable, told] = both.map(|fd| !fd.revents().is_empty());
        self.over = told && (!readable || self.left == 0);
        if told {
            self.left = self.left.saturating_sub(1);
        }
        Ok(self.over)
    }
}

impl Read for Passing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.over && self.is_over()? {
            return Ok(0);
        }
        let read = rustix::io::read(&self.stream, &mut *buffer)?;
        if let Some(outlet) = &mut self.outlet
            && outlet.write_all(&buffer[..read]).is_err()
        {
            // Nobody reads it.
            self.outlet = None;
        }
        Ok(read)
    }
}
