//! Rows of CSV: their lines, and a bound on their length, since a file without an end of line would else be one row, and take as
//! much memory as it likes.

use std::io::{self, Read};

/// Makes every end of a line a line feed. Lines are counted by these, and the reader of rows leaves that of a carriage return and
/// a line feed unread until the next row.
#[derive(Debug)]
pub(super) struct LineEnds<R> {
    source: R,
    /// The last byte was a carriage return.
    returned: bool,
}

impl<R> LineEnds<R> {
    /// Those of this source.
    pub(super) fn new(source: R) -> Self {
        Self { source, returned: false }
    }

    /// How many bytes are left, at the beginning.
    fn tidy(&mut self, bytes: &mut [u8]) -> usize {
        if !self.returned && !bytes.contains(&b'\r') {
            return bytes.len();
        }
        let mut kept = 0;
        for at in 0..bytes.len() {
            let byte = bytes[at];
            let is_second = self.returned && byte == b'\n';
            self.returned = byte == b'\r';
            if !is_second {
                bytes[kept] = if self.returned { b'\n' } else { byte };
                kept += 1;
            }
        }
        kept
    }
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.source.read(buffer)?;
            let kept = self.tidy(&mut buffer[..read]);
            // Nothing kept of something read is no end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

/// The line, from 1, where a row begins that was read from `LineEnds`: `from` is where the reader looked for it, before blank
/// lines, `after` where the reader is now, and `row` what it has read.
pub fn line(from: Option<&csv::Position>, after: &csv::Position, row: &[u8]) -> u64 {
    let from = from.map_or(0, csv::Position::line);
    if after.line() <= from + 1 {
        return from;
    }
    let within = row.iter().filter(|byte| **byte == b'\n');
    from.max(after.line().saturating_sub(1 + within.count() as u64))
}

/// The longest row, in bytes.
pub const LONGEST_ROW: usize = 1 << 20;

/// Where in a row a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A field begins.
    Start,
    Plain,
    Quoted,
    /// A quote within quotes: the end of the field, or the first of two.
    Quote,
}

/// Passes bytes on until a row is longer than any can be; that is an error.
#[derive(Debug)]
pub struct BoundedRows<R> {
    source: LineEnds<R>,
    place: Place,
    length: usize,
}

impl<R> BoundedRows<R> {
    /// The rows of this source.
    pub fn new(source: R) -> Self {
        Self { source: LineEnds::new(source), place: Place::Start, length: 0 }
    }

    fn see(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let quoted = self.place == Place::Quoted;
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Quote,
                (Place::Quoted, _) | (Place::Start | Place::Quote, b'"') => Place::Quoted,
                (_, b',' | b'\n') => Place::Start,
                _ => Place::Plain,
            };
            self.length = if !quoted && *byte == b'\n' { 0 } else { self.length + 1 };
            if self.length > LONGEST_ROW {
                let what = format!("a row has more than {LONGEST_ROW} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for BoundedRows<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.see(&buffer[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_line_is_a_line_feed_however_it_is_read() {
        /// Gives a byte at a time.
        struct Single<'a>(&'a [u8]);
        impl Read for Single<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = buffer.len().min(1);
                self.0.read(&mut buffer[..most])
            }
        }
        for (text, tidy) in [
            ("a\nb", "a\nb"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\rb\r\r\n\n", "a\nb\n\n\n"),
            ("\r\n", "\n"),
            ("", ""),
        ] {
            let mut found = [String::new(), String::new()];
            LineEnds::new(text.as_bytes()).read_to_string(&mut found[0]).unwrap();
            LineEnds::new(Single(text.as_bytes())).read_to_string(&mut found[1]).unwrap();
            assert_eq!(found, [tidy, tidy], "{text:?}");
        }
    }

    #[test]
    fn rows_end_where_they_end_for_csv() {
        let long = "x".repeat(LONGEST_ROW - 10);
        for (text, whole) in [
            (format!("{long}\n{long}\r\n{long}"), true),
            (format!("{long}{long}"), false),
            (format!("\"{long}\n\",\"\n{long}\""), false),
            (format!("\"a\"\"b\"\n\"{long}\"\n{long}"), true),
            // A quote within a field that does not begin with one.
            (format!("5\" pipe\n{long}\n{long}"), true),
        ] {
            let mut found = Vec::new();
            let read = BoundedRows::new(text.as_bytes()).read_to_end(&mut found);
            assert_eq!(read.is_ok(), whole, "{}", &text[..8]);
        }
        let mut endless = BoundedRows::new(io::repeat(b'1'));
        let error = io::copy(&mut endless, &mut io::sink()).unwrap_err().to_string();
        assert_eq!(error, "a row has more than 1048576 bytes");
    }
}
