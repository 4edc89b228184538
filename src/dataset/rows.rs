//! Rows of CSV of a bounded length: a file without an end of line would else be one row, and take as much memory as it likes.

use std::io::{self, Read};

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
    source: R,
    place: Place,
    length: usize,
}

impl<R> BoundedRows<R> {
    /// The rows of this source.
    pub fn new(source: R) -> Self {
        Self { source, place: Place::Start, length: 0 }
    }

    fn see(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let quoted = self.place == Place::Quoted;
            self.place = match (self.place, byte) {
                (Place::Quoted, b'"') => Place::Quote,
                (Place::Quoted, _) | (Place::Start | Place::Quote, b'"') => Place::Quoted,
                (_, b',' | b'\n' | b'\r') => Place::Start,
                _ => Place::Plain,
            };
            self.length =
                if !quoted && matches!(byte, b'\n' | b'\r') { 0 } else { self.length + 1 };
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
