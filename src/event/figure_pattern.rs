//! The pattern of a figure in what a program prints.

use regex::bytes::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
pub const LONGEST_PATTERN: usize = 500;

/// What a compiled pattern may take, in bytes.
const SIZE: usize = 1 << 20;

/// A regular expression with one group, over bytes: `\d` and its like mean ASCII.
#[derive(Debug, Clone)]
pub struct FigurePattern(Regex);

impl FigurePattern {
    /// Of this text, or what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_PATTERN {
            return Err(format!("it has more than {LONGEST_PATTERN} bytes"));
        }
        let mut builder = RegexBuilder::new(text);
        builder.unicode(false).size_limit(SIZE).dfa_size_limit(SIZE);
        let regex = builder.build().map_err(|error| match error {
            regex::Error::Syntax(why) => {
                // The pattern with a caret stands before it, on lines of its own.
                let last = why.lines().last().unwrap_or_default();
                last.split_once(": ").map_or(last, |(_, why)| why).to_owned()
            }
            _ => "it takes too much memory".to_owned(),
        })?;
        match regex.captures_len() - 1 {
            1 => Ok(Self(regex)),
            0 => {
                Err("it has no group: put the number in parentheses, such as f1=([0-9.]+)"
                    .to_owned())
            }
            several => Err(format!(
                "it has {several} groups, and the number is in one: write (?:...) for the others"
            )),
        }
    }

    /// What its group holds wherever it is found, as text; what is no text holds `U+FFFD`.
    pub fn found(&self, line: &[u8]) -> Vec<String> {
        let groups = self.0.captures_iter(line).filter_map(|found| found.get(1));
        groups.map(|group| String::from_utf8_lossy(group.as_bytes()).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_found_is_what_the_group_holds() {
        let pattern = FigurePattern::new(r"f1\s*=\s*(\S+)").unwrap();
        for (line, found) in [
            ("step 3: f1=0.5 loss=2", &["0.5"][..]),
            ("f1 = 0.1\rf1 = 0.2\r", &["0.1", "0.2"]),
            ("f2=3", &[]),
            ("", &[]),
        ] {
            assert_eq!(pattern.found(line.as_bytes()), found, "{line}");
        }
        assert_eq!(pattern.found(b"f1=\xff"), ["\u{fffd}"]);
        assert_eq!(FigurePattern::new(r"é: (\d+)").unwrap().found("é: 7".as_bytes()), ["7"]);
    }

    #[test]
    fn what_is_no_pattern_of_a_figure_is_refused() {
        let long = format!("({})", "x".repeat(LONGEST_PATTERN));
        for (text, says) in [
            ("f1=([0-9.]+", "unclosed group"),
            ("f1=[0-9.]+", "no group"),
            ("(f1)=([0-9.]+)", "2 groups"),
            ("", "no group"),
            (&long, "more than 500 bytes"),
            (r"(\w{1000}){1000}", "too much memory"),
        ] {
            let why = FigurePattern::new(text).unwrap_err();
            assert!(why.contains(says) && !why.contains('\n'), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_line_break_it(text in "[a-z()\\[\\]?*+|\\\\.0-9]{0,20}", line in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(pattern) = FigurePattern::new(&text) {
                let _ = pattern.found(&line);
            }
        }
    }
}
