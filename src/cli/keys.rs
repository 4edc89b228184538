//! A terminal whose keys are read one by one, and whose screen is given back as it was.
//!
//! What a key does is left to `report::view`. Invariant: however the view ends, the terminal is what it was before.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

use crate::report::view::{Key, Line, Look, Room};

/// Another screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// A key with a meaning.
    Key(Key),
    /// q, Ctrl-C, or the terminal is gone.
    Quit,
    /// Something else, or nothing in time.
    Nothing,
}

/// The terminal while the view has it.
pub struct Terminal {
    before: Termios,
    /// What was read and not yet handed out: keys come together where they are held down.
    waiting: Vec<u8>,
    coloured: bool,
}

impl Terminal {
    /// Takes the terminal; `None` where there is none on both sides.
    pub fn take() -> io::Result<Option<Self>> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // A read takes what is there.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = Self { before, waiting: Vec::new(), coloured: !plain };
        write(ENTER)?;
        Ok(Some(terminal))
    }

    /// How large it is.
    pub fn room(&self) -> Room {
        let size = tcgetwinsize(io::stdout()).ok();
        let (width, height) = size.map_or((80, 24), |size| (size.ws_col, size.ws_row));
        Room { width: usize::from(width.max(1)), height: usize::from(height.max(1)) }
    }

    /// Draws a frame over the last one, line by line, so that nothing flickers.
    pub fn draw(&self, frame: &[Line]) -> io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (at, line) in frame.iter().enumerate() {
            if at > 0 {
                text += "\r\n";
            }
            let (on, off) = match line.look {
                Look::Strong if self.coloured => ("\x1b[1m", "\x1b[0m"),
                Look::Selected => ("\x1b[7m", "\x1b[0m"),
                Look::Strong | Look::Plain => ("", ""),
            };
            text += on;
            text += &line.text;
            text += off;
            text += "\x1b[K";
        }
        write(&(text + "\x1b[J"))
    }

    /// Waits for a key.
    pub fn press(&mut self, most: Duration) -> io::Result<Pressed> {
        if !self.waiting.is_empty() {
            return Ok(first(&mut self.waiting));
        }
        let stdin = io::stdin();
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        let most = Timespec::try_from(most).map_err(io::Error::other)?;
        match poll(&mut polled, Some(&most)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Pressed::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 64];
        let read = rustix::io::read(&stdin, &mut bytes)?;
        self.waiting.extend_from_slice(&bytes[..read]);
        Ok(if read == 0 { Pressed::Quit } else { first(&mut self.waiting) })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = write(LEAVE);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Takes the first key off these bytes.
fn first(bytes: &mut Vec<u8>) -> Pressed {
    let length = match bytes[..] {
        // A sequence ends with its first letter or `~`.
        [0x1b, b'[', ref rest @ ..] => {
            2 + rest
                .iter()
                .position(|byte| (0x40..0x7f).contains(byte))
                .map_or(rest.len(), |at| at + 1)
        }
        [0x1b, b'O', _, ..] => 3,
        _ => 1,
    };
    let key: Vec<u8> = bytes.drain(..length).collect();
    meaning(&key)
}

/// What these bytes of a terminal mean.
fn meaning(bytes: &[u8]) -> Pressed {
    Pressed::Key(match bytes {
        b"q" | b"Q" | [0x03] => return Pressed::Quit,
        b"k" | b"\x1b[A" | b"\x1bOA" => Key::Up,
        b"j" | b"\x1b[B" | b"\x1bOB" => Key::Down,
        b"l" | b"\x1b[C" | b"\x1bOC" => Key::Right,
        b"h" | b"\x1b[D" | b"\x1bOD" => Key::Left,
        b"\x1b[5~" | [0x02] => Key::PageUp,
        b"\x1b[6~" | b" " | [0x06] => Key::PageDown,
        b"g" | b"\x1b[H" | b"\x1bOH" | b"\x1b[1~" => Key::Home,
        b"G" | b"\x1b[F" | b"\x1bOF" | b"\x1b[4~" => Key::End,
        b"\r" | b"\n" => Key::Open,
        b"\x1b" | b"\x7f" => Key::Back,
        b"\t" => Key::Tab,
        [digit @ b'1'..=b'9'] => Key::Page(digit - b'0'),
        _ => return Pressed::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_last_line_says() {
        for (bytes, pressed) in [
            (&b"q"[..], Pressed::Quit),
            (b"\x03", Pressed::Quit),
            (b"\x1b[A", Pressed::Key(Key::Up)),
            (b"\x1bOB", Pressed::Key(Key::Down)),
            (b"\r", Pressed::Key(Key::Open)),
            (b"\x1b", Pressed::Key(Key::Back)),
            (b"3", Pressed::Key(Key::Page(3))),
            (b"\t", Pressed::Key(Key::Tab)),
            (b"0", Pressed::Nothing),
            (b"\x1b[200~", Pressed::Nothing),
        ] {
            let mut bytes = bytes.to_vec();
            assert_eq!(first(&mut bytes), pressed, "{bytes:?}");
            assert!(bytes.is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn keys_that_come_together_are_taken_one_by_one() {
        let mut bytes = b"\x1b[Bj\x1bOA\x1b[6~\r\x1b".to_vec();
        let keys = [Key::Down, Key::Down, Key::Up, Key::PageDown, Key::Open, Key::Back];
        for key in keys {
            assert_eq!(first(&mut bytes), Pressed::Key(key));
        }
        assert!(bytes.is_empty());
    }
}
