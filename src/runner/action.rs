//! What happens in a run, and what can be done about it.

use crate::event::{Command, Envelope, ResourceSample, RunEventKind, Usage};

use super::stream::Exit;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The worker said something.
    Message(Envelope),
    /// The worker's tree has taken so much memory, in bytes, beyond its limit.
    OutOfMemory(u64),
    /// The worker wrote something that is not a message.
    Garbage(String),
    /// Something of a command that the user should know.
    Warning(String),
    /// The sampler read something.
    Sample(Box<ResourceSample>),
    /// Lines of the worker's standard error, without the last line feed.
    Stderr(String),
    /// One of the worker's two streams (protocol, standard error) is at its end.
    StreamEnded,
    /// What the kernel has counted of the worker's process, which has ended.
    Counted {
        /// Which it is.
        pid: u32,
        /// What it has used.
        usage: Usage,
    },
    /// The worker's process has ended.
    Exited(Exit),
    /// The user wants it to end; a second time: at once.
    Interrupt,
    /// Events can no longer be stored.
    SinkFailed,
    /// A deadline has passed.
    Tick,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write this on the worker's standard input.
    Send(Command),
    /// SIGTERM to its process group.
    Terminate,
    /// SIGKILL to its process group.
    Kill,
    /// Tell the outside.
    Emit(RunEventKind),
    /// The run is over.
    Finish,
}
