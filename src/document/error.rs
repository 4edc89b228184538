//! What is wrong with a grid, with its place, as a reader sees it.

use std::fmt;

/// Why a grid cannot be run: one or more mistakes, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct ConfigError {
    diagnostics: Vec<Diagnostic>,
    omitted: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// The file, `<stdin>` or `command line`.
    pub origin: String,
    /// The line that is wrong; absent where no line is, such as for a key that is missing.
    pub excerpt: Option<Excerpt>,
    /// What to write instead.
    pub hint: Option<String>,
}

/// One line of the grid and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Line and column, both from 1, the column in characters; absent on the command line.
    pub position: Option<(usize, usize)>,
    /// The line, or the part of a long line around the caret, without control characters.
    pub text: String,
    /// Characters of `text` before the caret.
    pub caret: usize,
    /// Characters that are meant, at least 1.
    pub width: usize,
}

impl ConfigError {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>, omitted: usize) -> Self {
        Self { diagnostics, omitted }
    }

    /// The mistakes, in the order of the file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The first mistake on one line.
    pub fn brief(&self) -> String {
        let Some(Diagnostic { message, origin, excerpt, hint }) = self.diagnostics.first() else {
            return String::new();
        };
        let position = excerpt.as_ref().and_then(|excerpt| excerpt.position);
        let place = position.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
        let more = match self.diagnostics.len() - 1 + self.omitted {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        format!("{origin}{place}: {message}{hint}{more}")
    }

    /// All mistakes as plain text, without a line feed at the end.
    pub fn render(&self) -> String {
        let mut blocks: Vec<String> = self.diagnostics.iter().map(ToString::to_string).collect();
        if self.omitted > 0 {
            blocks.push(format!("error: and {} more", self.omitted));
        }
        blocks.join("\n\n")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        let number = self
            .excerpt
            .as_ref()
            .and_then(|excerpt| excerpt.position)
            .map_or_else(String::new, |(line, _)| line.to_string());
        let gutter = number.len().max(1);
        write!(f, "\n {:gutter$}--> {}", "", self.origin)?;
        if let Some(excerpt) = &self.excerpt {
            if let Some((line, column)) = excerpt.position {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, "\n {:gutter$} |", "")?;
            write!(f, "\n {number:>gutter$} | {}", excerpt.text)?;
            let carets = "^".repeat(excerpt.width);
            write!(f, "\n {:gutter$} | {:2$}{carets}", "", "", excerpt.caret)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n {:gutter$} = hint: {hint}", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(line: usize) -> Diagnostic {
        Diagnostic {
            message: "unknown key `learning_rat` in [grid]".into(),
            origin: "configs/grid.toml".into(),
            excerpt: Some(Excerpt {
                position: Some((line, 3)),
                text: "  learning_rat = 1e-3".into(),
                caret: 2,
                width: 12,
            }),
            hint: Some("did you mean `learning_rate`?".into()),
        }
    }

    #[test]
    fn the_caret_stands_under_what_is_meant_whatever_the_line_number() {
        let expected = "\
error: unknown key `learning_rat` in [grid]
  --> configs/grid.toml:6:3
   |
 6 |   learning_rat = 1e-3
   |   ^^^^^^^^^^^^
   = hint: did you mean `learning_rate`?";
        assert_eq!(diagnostic(6).to_string(), expected);
        let wide = diagnostic(1234).to_string();
        assert!(wide.contains("\n 1234 |   learning_rat"), "{wide}");
        assert!(wide.contains("\n      |   ^^^^"), "{wide}");
        assert!(wide.contains("\n     --> configs"), "{wide}");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let error = ConfigError::new(vec![diagnostic(1)], 7);
        assert!(error.to_string().ends_with("\n\nerror: and 7 more"));
    }
}
