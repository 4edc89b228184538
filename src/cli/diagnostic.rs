//! What went wrong, on the standard error: `error:`, `caused by:`, `hint:`.
//!
//! What went wrong is said by the error itself. Invariant: no cause is said twice.

use clap::builder::styling::{AnsiColor, Style};

use super::output::{Screen, stderr_width};
use crate::app::Fault;
use crate::report::layout::{harmless_text, wrap};

/// The text for the standard error, in lines of at most `width` characters, with colours or without. A message that has its
/// own `error:`, as those of a grid file do, one for each mistake, is left as it is.
pub fn render(fault: &Fault, coloured: bool, width: usize) -> String {
    let style = |style: Style| if coloured { style } else { Style::new() };
    let red = style(AnsiColor::Red.on_default().bold());
    let cyan = style(AnsiColor::Cyan.on_default().bold());
    let mut out = String::new();
    let mut said = harmless_text(&fault.error.to_string());
    for line in said.lines() {
        let own = line.strip_prefix("error: ");
        let text = own.unwrap_or(line);
        if own.is_some() || (out.is_empty() && !said.starts_with("error: ")) {
            out += &headed("error:", red, text, width);
        } else {
            out += &fitted(text, width);
        }
    }
    let mut source = fault.error.source();
    while let Some(cause) = source {
        source = cause.source();
        let text = harmless_text(&cause.to_string());
        // Many errors repeat their source in their own message.
        if !said.contains(&text) {
            out += &fitted(&format!("  caused by: {text}"), width);
            said.push_str(&text);
        }
    }
    for hint in &fault.hints {
        out += &headed("hint:", cyan, &harmless_text(hint), width);
    }
    out
}

/// A line that begins with this word.
fn headed(head: &str, style: Style, text: &str, width: usize) -> String {
    let line = fitted(&format!("{head} {text}"), width);
    let rest = line.strip_prefix(head).unwrap_or(&line);
    format!("{style}{head}{style:#}{rest}")
}

/// A line that is broken where it is too long; one that shows a place in a file is left as it is.
fn fitted(line: &str, width: usize) -> String {
    let shows_place = line.trim_start().starts_with("-->") || line.contains(" | ");
    if shows_place || line.chars().count() <= width {
        return format!("{line}\n");
    }
    let text = line.trim_start();
    let indent = " ".repeat(line.len() - text.len());
    let more = format!("{indent}  ");
    format!("{indent}{}", wrap(text, width - indent.len().min(width / 2), &more))
}

/// Says it.
pub fn print(fault: &Fault, stderr: &Screen) {
    // What reads a pipe would have to join the lines again.
    let width = if stderr.live { stderr_width() } else { usize::MAX };
    stderr.say(&render(fault, stderr.coloured, width));
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use std::io;

    fn fault() -> Fault {
        let error = Err::<(), _>(io::Error::other("permission denied"));
        let error = error.context("cannot write results/x/report.csv").unwrap_err();
        Fault::from(error).hint("choose another folder with --out")
    }

    #[test]
    fn causes_and_hints_follow_the_error() {
        assert_eq!(
            render(&fault(), false, usize::MAX),
            "error: cannot write results/x/report.csv\n  caused by: permission denied\n\
             hint: choose another folder with --out\n"
        );
    }

    #[test]
    fn colours_are_only_put_around_the_words() {
        let coloured = render(&fault(), true, usize::MAX);
        assert!(
            coloured.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m cannot write"),
            "{coloured:?}"
        );
        assert!(!render(&fault(), false, usize::MAX).contains('\u{1b}'));
    }

    #[test]
    fn a_message_with_an_error_of_its_own_is_left_as_it_is() {
        let text =
            "error: unknown key `a`\n --> g.toml:1:1\n\nerror: unknown key `b`\n --> g.toml:2:1";
        assert_eq!(render(&Fault::new(text), false, usize::MAX), format!("{text}\n"));
    }

    #[test]
    fn what_was_said_is_not_said_twice() {
        let error = anyhow::Error::from(io::Error::other("disk full"));
        let error = error.context("cannot write x: disk full");
        assert_eq!(render(&error.into(), false, usize::MAX), "error: cannot write x: disk full\n");
    }

    #[test]
    fn what_is_longer_than_a_line_is_broken_and_a_place_in_a_file_is_not() {
        let place = "   = hint: a hint that is long\n 12 | key = \"a long, long value\"";
        let fault = Fault::new(format!("error: something is wrong here\n{place}"))
            .hint("write something else instead");
        assert_eq!(
            render(&fault, false, 24),
            "error: something is\n  wrong here\n   = hint: a hint that\n     is long\n \
             12 | key = \"a long, long value\"\nhint: write something\n  else instead\n"
        );
    }
}
