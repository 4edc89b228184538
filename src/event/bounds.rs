//! How much of anything is taken, whatever a worker, a command or a file does: perftune itself must stay small beside what it
//! measures. `docs/results.md` has them as a table.

/// The longest line of the worker protocol, in bytes. The native worker sends some hundred bytes, and of requests of ten
/// microseconds 200 kB, about every 100 ms.
pub const MESSAGE: usize = 1 << 20;

/// What a worker may write at once, in bytes, ...
pub const WRITTEN: u64 = 64 << 20;
/// ... and for each second since its start. All of it is kept in the log.
pub const WRITTEN_PER_S: u64 = 16 << 20;

/// Metrics of its own that a worker or a command may say at once, ...
pub const METRICS: u64 = 10_000;
/// ... and for each second since its start.
pub const METRICS_PER_S: u64 = 1000;

/// What waits for the runner, in bytes; whoever reads pipes waits then, and the sampler never does.
pub const QUEUED: usize = 16 << 20;

/// The longest text of a failure, a warning or a mistake that is kept, in bytes.
pub const TEXT: usize = 4096;

/// The longest line of standard error that is kept, in bytes.
pub const STDERR_LINE: usize = 4096;
/// What is kept of a stream beside the protocol, in bytes, and ...
pub const STDERR: usize = 4 << 20;
/// ... of its end, in lines.
pub const STDERR_TAIL: usize = 20;

/// The longest line of a log, in bytes.
pub const LOG_LINE: usize = 16 << 20;

/// The beginning of a text, and how much more there was.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} [{} bytes more]", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_is_said() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc [1 bytes more]");
        assert_eq!(cut("aäb", 2), "a [3 bytes more]");
    }
}
