//! Collects mistakes while a grid is read, so that one pass reports them all.

use super::error::{ConfigError, Diagnostic, Excerpt};

/// Mistakes that are shown; more would only hide the first.
const SHOWN: usize = 20;
/// Characters of a long line that are shown around the caret.
const WINDOW: usize = 100;

/// The grid file is the first of the texts.
pub(crate) const GRID: usize = 0;

/// A place in one of the texts that a grid is made of: the file and the arguments.
/// By default it is the grid file as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) text: usize,
    /// Bytes from and to; absent: the text as a whole.
    pub(crate) span: Option<(usize, usize)>,
}

impl Place {
    pub(crate) const fn whole(text: usize) -> Self {
        Self { text, span: None }
    }
}

#[derive(Debug)]
struct Text {
    origin: String,
    body: String,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
    /// An argument has one line, whose number nobody needs.
    argument: bool,
}

/// A mistake: where it is, what is wrong and why, and what to write instead.
#[derive(Debug)]
pub(crate) struct Problem {
    place: Place,
    message: String,
    hint: Option<String>,
    /// The mistakes of another file, for which this one cannot be used.
    because: Vec<Diagnostic>,
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None, because: Vec::new() }
    }

    pub(crate) const fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, of: &ConfigError) -> Self {
        self.because = of.diagnostics().to_vec();
        self
    }
}

/// The texts, and what is wrong with them so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    texts: Vec<Text>,
    errors: Vec<Problem>,
    warnings: Vec<(Place, String)>,
    /// Tables that match no cell.
    idle: Vec<(Place, String)>,
}

impl Problems {
    /// Registers the grid file's text.
    pub(crate) fn add_file(&mut self, origin: String, body: String) -> usize {
        self.add(origin, body, false)
    }

    /// Registers an argument, such as `--set grid.batch_size=1`.
    pub(crate) fn add_argument(&mut self, body: String) -> usize {
        self.add("command line".to_owned(), body, true)
    }

    fn add(&mut self, origin: String, body: String, argument: bool) -> usize {
        let feeds = body.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(feeds.map(|(at, _)| at + 1)).collect();
        self.texts.push(Text { origin, body, lines, argument });
        self.texts.len() - 1
    }

    pub(crate) fn body(&self, text: usize) -> &str {
        self.texts.get(text).map_or("", |text| &text.body)
    }

    /// What was read, or nothing and one mistake more.
    pub(crate) fn ok<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.errors.push(problem)).ok()
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.errors.push(problem);
    }

    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.errors.push(Problem::new(place, message));
    }

    pub(crate) fn error_with(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.errors.push(Problem::new(place, message).hint(hint));
    }

    pub(crate) fn warn(&mut self, place: Place, message: String) {
        self.warnings.push((place, message));
    }

    /// Warns of a table that matches no cell.
    pub(crate) fn warn_idle(&mut self, place: Place, table: &str) {
        let message = format!("this {table} matches no cell");
        self.idle.push((place, message));
    }

    /// Takes back every [`Self::warn_idle`].
    pub(crate) fn forget_idle(&mut self) {
        self.idle.clear();
    }

    /// Whether something is wrong at this very place.
    pub(crate) fn blames(&self, place: Place) -> bool {
        self.errors.iter().any(|problem| problem.place == place)
    }

    pub(crate) fn any(&self) -> bool {
        !self.errors.is_empty()
    }

    /// `value`, unless something is wrong.
    pub(crate) fn check<T>(&mut self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if !self.any() => Ok(value),
            _ => Err(self.take_error()),
        }
    }

    /// A place in a few words: `grid.toml:12`, or the argument.
    pub(crate) fn says(&self, place: Place) -> String {
        match (self.texts.get(place.text), place.span) {
            (Some(text), _) if text.argument => text.body.clone(),
            (Some(text), Some((from, _))) => format!("{}:{}", text.origin, text.find(from).0 + 1),
            (Some(text), None) => text.origin.clone(),
            (None, _) => String::new(),
        }
    }

    /// Everything that is wrong so far.
    pub(crate) fn take_error(&mut self) -> ConfigError {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by_key(|problem| (problem.place.text, problem.place.span));
        errors.dedup_by(|a, b| a.place == b.place && a.message == b.message);
        let omitted = errors.len().saturating_sub(SHOWN);
        errors.truncate(SHOWN);
        let diagnostics = errors.iter().flat_map(|problem| {
            std::iter::once(self.diagnose(problem)).chain(problem.because.iter().cloned())
        });
        let diagnostics = diagnostics.collect();
        ConfigError::new(diagnostics, omitted)
    }

    /// The warnings, each with its place, in the order of the file and without repetition.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.append(&mut self.idle);
        warnings.sort_by_key(|(place, _)| (place.text, place.span));
        warnings.dedup();
        warnings
            .into_iter()
            .map(|(place, message)| match self.texts.get(place.text) {
                Some(text) if !text.argument && place.span.is_some() => {
                    let (line, column, _) = text.find(place.span.map_or(0, |(from, _)| from));
                    format!("{}:{}:{}: {message}", text.origin, line + 1, column + 1)
                }
                Some(text) => format!("{}: {message}", text.origin),
                None => message,
            })
            .collect()
    }

    fn diagnose(&self, problem: &Problem) -> Diagnostic {
        let text = self.texts.get(problem.place.text);
        Diagnostic {
            message: one_line(&problem.message),
            origin: text.map_or_else(String::new, |text| text.origin.clone()),
            excerpt: text.zip(problem.place.span).map(|(text, (from, to))| text.excerpt(from, to)),
            hint: problem.hint.as_deref().map(one_line),
        }
    }
}

impl Text {
    /// Line and column (both from 0, the column in characters) of a byte, and the byte at which the line starts.
    fn find(&self, byte: usize) -> (usize, usize, usize) {
        let byte = self.body.floor_char_boundary(byte);
        let line = self.lines.partition_point(|start| *start <= byte).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        (line, self.body[start..byte].chars().count(), start)
    }

    fn excerpt(&self, from: usize, to: usize) -> Excerpt {
        let from = self.body.floor_char_boundary(from);
        let (line, column, start) = self.find(from);
        let rest = &self.body[start..];
        let line_text = rest.split('\n').next().unwrap_or(rest);
        let line_text = line_text.strip_suffix('\r').unwrap_or(line_text);
        let to = self.body.floor_char_boundary(to).clamp(from, (start + line_text.len()).max(from));
        let width = self.body[from..to].chars().count().max(1);
        let (text, caret) = window(line_text, column);
        let shown = text.chars().count();
        Excerpt {
            position: (!self.argument).then_some((line + 1, column + 1)),
            width: width.min(shown.saturating_sub(caret).max(1)),
            text,
            caret,
        }
    }
}

/// The part of a line around a column, and where the column is in it.
fn window(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= WINDOW {
        return (line.chars().map(visible).collect(), column);
    }
    let skipped = column.saturating_sub(WINDOW / 2).min(length.saturating_sub(WINDOW));
    let before = if skipped > 0 { "..." } else { "" };
    let after = if skipped + WINDOW < length { "..." } else { "" };
    let part = line.chars().skip(skipped).take(WINDOW).map(visible);
    let text = before.chars().chain(part).chain(after.chars()).collect();
    (text, column - skipped + before.len())
}

/// A tab becomes one space, so that the caret stays in line; what would move the cursor is replaced.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A key or a name as a message quotes it.
pub(crate) fn shown(key: &str) -> String {
    key.chars().take(60).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { visible(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(body: &str, from: usize, to: usize) -> Excerpt {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), body.into());
        let span = Some((from, to));
        problems.error(Place { text, span }, "wrong");
        let error = problems.check(Some(())).unwrap_err();
        error.diagnostics()[0].excerpt.clone().unwrap()
    }

    #[test]
    fn places_are_found_in_characters() {
        for (body, from, to, position, text, caret, width) in [
            ("a = 1\nbc = 2", 6, 8, (2, 1), "bc = 2", 0, 2),
            ("é = 1", 3, 4, (1, 3), "é = 1", 2, 1),
            ("a = [\n1,\n]", 4, 10, (1, 5), "a = [", 4, 1),
            ("a\t= 1\r\n", 2, 3, (1, 3), "a = 1", 2, 1),
            ("a", 1, 1, (1, 2), "a", 1, 1),
            ("a\n", 99, 120, (2, 1), "", 0, 1),
            ("\u{1b}[31m", 0, 1, (1, 1), "\u{fffd}[31m", 0, 1),
        ] {
            let found = excerpt(body, from, to);
            assert_eq!(found.position, Some(position), "{body:?}");
            assert_eq!((found.text.as_str(), found.caret, found.width), (text, caret, width));
        }
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let body = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let found = excerpt(&body, 500, 501);
        assert_eq!(found.text.chars().count(), WINDOW + 6);
        assert_eq!(found.text.chars().nth(found.caret), Some('X'));
        assert_eq!(excerpt(&body, 0, 1000).width, WINDOW + 3);
    }

    #[test]
    fn mistakes_come_in_the_order_of_the_file_and_are_not_endless() {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), "x\n".repeat(100));
        for line in (0..100).rev() {
            let span = Some((2 * line, 2 * line + 1));
            problems.error(Place { text, span }, "wrong");
        }
        let error = problems.check(Some(())).unwrap_err();
        assert_eq!(error.diagnostics().len(), SHOWN);
        assert!(error.render().starts_with("error: wrong\n  --> f:1:1"));
        assert!(error.render().ends_with("and 80 more"));
    }
}
