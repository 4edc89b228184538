//! Bytes as they come, cut into lines.

/// The longest line that is read, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// A line with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Counts from 1.
    pub(super) number: u64,
    /// Without its line feed; nothing where it is longer than [`LONGEST`].
    pub(super) text: Option<Vec<u8>>,
}

/// What has come and is no whole line yet.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    rest: Vec<u8>,
    /// The line is too long: nothing of it is kept, and it has been told.
    skipping: bool,
    number: u64,
}

impl LineSplitter {
    /// The lines that these bytes end; one without end is told as soon as it is too long.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut found = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (body, ends) = match piece.split_last() {
                Some((b'\n', body)) => (body, true),
                _ => (piece, false),
            };
            if !self.skipping {
                self.rest.extend_from_slice(body);
                if self.rest.len() > LONGEST {
                    self.skipping = true;
                    self.rest = Vec::new();
                    found.push(self.next(None));
                }
            }
            if ends && !std::mem::take(&mut self.skipping) {
                let text = std::mem::take(&mut self.rest);
                found.push(self.next(Some(text)));
            }
        }
        found
    }

    /// A last line without a line feed.
    pub(super) fn rest(&mut self) -> Option<Line> {
        let text = std::mem::take(&mut self.rest);
        (!text.is_empty()).then(|| self.next(Some(text)))
    }

    fn next(&mut self, text: Option<Vec<u8>>) -> Line {
        self.number += 1;
        let number = self.number;
        Line { number, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_come_in_any_pieces_and_an_endless_one_is_cut_off() {
        let mut splitter = LineSplitter::default();
        assert_eq!(splitter.cut(b"ab"), []);
        let whole = |number, text: &[u8]| Line { number, text: Some(text.to_vec()) };
        assert_eq!(splitter.cut(b"c\n\nx"), [whole(1, b"abc"), whole(2, b"")]);
        let long = vec![b'y'; LONGEST];
        let cut = [Line { number: 3, text: None }];
        assert_eq!(splitter.cut(&long), cut);
        // It is told once, and takes no memory however long it becomes.
        for _ in 0..100 {
            assert_eq!(splitter.cut(&long), []);
        }
        assert!(splitter.rest.capacity() == 0);
        assert_eq!(splitter.cut(b"\nz\nend"), [whole(4, b"z")]);
        assert_eq!(splitter.rest(), Some(whole(5, b"end")));
        assert_eq!(splitter.rest(), None);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[a\n]{0,200}", cuts in proptest::collection::vec(0..200usize, 0..8)) {
            let bytes = text.as_bytes();
            let mut whole = LineSplitter::default();
            let mut expected = whole.cut(bytes);
            expected.extend(whole.rest());
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let mut splitter = LineSplitter::default();
            let mut found = Vec::new();
            for pair in places.windows(2) {
                found.extend(splitter.cut(&bytes[pair[0]..pair[1]]));
            }
            found.extend(splitter.rest());
            prop_assert_eq!(found, expected);
        }
    }
}
