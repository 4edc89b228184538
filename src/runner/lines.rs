//! Bytes as they come, cut into lines.

/// A line with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Counts from 1.
    pub(super) number: u64,
    /// Without its line feed; the beginning of one that is too long.
    pub(super) text: Vec<u8>,
    /// Whether it is all of it.
    pub(super) whole: bool,
}

/// What has come and is no whole line yet.
#[derive(Debug)]
pub(super) struct LineSplitter {
    /// The longest line that is told whole, in bytes.
    longest: usize,
    rest: Vec<u8>,
    /// The line is too long: nothing more of it is kept, and it has been told.
    skipping: bool,
    number: u64,
}

impl LineSplitter {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, rest: Vec::new(), skipping: false, number: 0 }
    }

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
                if self.rest.len() > self.longest {
                    self.skipping = true;
                    self.rest.truncate(self.longest);
                    found.push(self.next(false));
                }
            }
            if ends && !std::mem::take(&mut self.skipping) {
                found.push(self.next(true));
            }
        }
        found
    }

    /// A last line without a line feed.
    pub(super) fn rest(&mut self) -> Option<Line> {
        (!self.rest.is_empty()).then(|| self.next(true))
    }

    fn next(&mut self, whole: bool) -> Line {
        self.number += 1;
        Line { number: self.number, text: std::mem::take(&mut self.rest), whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_come_in_any_pieces_and_an_endless_one_is_cut_off() {
        const LONGEST: usize = 1000;
        let mut splitter = LineSplitter::new(LONGEST);
        assert_eq!(splitter.cut(b"ab"), []);
        let whole = |number, text: &[u8]| Line { number, text: text.to_vec(), whole: true };
        assert_eq!(splitter.cut(b"c\n\nx"), [whole(1, b"abc"), whole(2, b"")]);
        let long = vec![b'y'; LONGEST];
        let beginning = [b"x", &long[1..]].concat();
        let cut = [Line { number: 3, text: beginning, whole: false }];
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
            let mut whole = LineSplitter::new(100);
            let mut expected = whole.cut(bytes);
            expected.extend(whole.rest());
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let mut splitter = LineSplitter::new(100);
            let mut found = Vec::new();
            for pair in places.windows(2) {
                found.extend(splitter.cut(&bytes[pair[0]..pair[1]]));
            }
            found.extend(splitter.rest());
            prop_assert_eq!(found, expected);
        }
    }
}
