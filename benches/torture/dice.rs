//! Attacks drawn from a seed.

/// `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) struct Dice(u64);

impl Dice {
    /// Those of one case of a suite.
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        let mut dice = Self(seed ^ case.wrapping_mul(0xd134_2543_de82_ef95));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `end`, which is above 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// Any bytes, at most so many.
    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Numbers at which something may break.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "4096",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "-1e308",
    "1e400",
    "NaN",
    "null",
];

/// Words at which something may break.
const WORDS: [&str; 12] = [
    "{}",
    "[]",
    "\"\"",
    "null",
    "\u{1b}[31mred\u{7}",
    "=1+1",
    "../../etc",
    "\0",
    "\u{202e}",
    "{\"a\":",
    "\\",
    "\"",
];

/// Changes a text of lines in one place.
pub(crate) fn mutate(text: &mut Vec<u8>, dice: &mut Dice) {
    if text.is_empty() {
        return;
    }
    let lines: Vec<(usize, usize)> = lines(text);
    let (from, to) = *dice.pick(&lines);
    let at = dice.below(text.len());
    match dice.below(10) {
        0 => text[at] ^= 1 << dice.below(8),
        1 => drop(text.drain(from..to)),
        2 => {
            let line = text[from..to].to_vec();
            text.splice(from..from, line);
        }
        3 => text.truncate(at),
        4 => {
            let bytes = dice.bytes(40);
            text.splice(at..at, bytes);
        }
        5 => {
            text.splice(at..at, dice.pick(&WORDS).bytes());
        }
        6 | 7 => replace_number(text, from, to, dice),
        8 => {
            let deep = ["[", "{\"a\":", "x"][dice.below(3)].repeat(1 << dice.below(18));
            text.splice(from..from, deep.bytes());
        }
        _ => {
            let end = (at + dice.below(200)).min(text.len());
            text.drain(at..end);
        }
    }
}

fn lines(text: &[u8]) -> Vec<(usize, usize)> {
    let mut at = 0;
    let spans = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        at += line.len();
        (at - line.len(), at)
    });
    spans.collect()
}

/// One number of the line becomes another.
fn replace_number(text: &mut Vec<u8>, from: usize, to: usize, dice: &mut Dice) {
    let digit = |at: &usize| text[*at].is_ascii_digit();
    let starts: Vec<usize> =
        (from..to).filter(|at| digit(at) && (*at == from || !digit(&(at - 1)))).collect();
    if starts.is_empty() {
        return;
    }
    let start = *dice.pick(&starts);
    let end = (start..to).find(|at| !digit(at)).unwrap_or(to);
    text.splice(start..end, dice.pick(&NUMBERS).bytes());
}
