//! What went wrong, on the standard error: `error:`, `caused by:`, `hint:`.
//!
//! What went wrong is said by the error itself. Invariant: no cause is said twice.

use std::fmt::Write;

use clap::builder::styling::{AnsiColor, Style};

use super::output::Screen;
use crate::app::Fault;
use crate::report::layout::harmless_text;

/// The text for the standard error, with colours or without. A message that has its own `error:`, as those of a grid
/// file do, one for each mistake, is left as it is.
pub fn render(fault: &Fault, coloured: bool) -> String {
    let style = |style: Style| if coloured { style } else { Style::new() };
    let red = style(AnsiColor::Red.on_default().bold());
    let cyan = style(AnsiColor::Cyan.on_default().bold());
    let mut out = String::new();
    let mut said = harmless_text(&fault.error.to_string());
    for line in said.lines() {
        let own = line.strip_prefix("error: ");
        let text = own.unwrap_or(line);
        if own.is_some() || (out.is_empty() && !said.starts_with("error: ")) {
            let _ = writeln!(out, "{red}error:{red:#} {text}");
        } else {
            let _ = writeln!(out, "{text}");
        }
    }
    let mut source = fault.error.source();
    while let Some(cause) = source {
        source = cause.source();
        let text = harmless_text(&cause.to_string());
        // Many errors repeat their source in their own message.
        if !said.contains(&text) {
            let _ = writeln!(out, "  caused by: {text}");
            said.push_str(&text);
        }
    }
    for hint in &fault.hints {
        let _ = writeln!(out, "{cyan}hint:{cyan:#} {}", harmless_text(hint));
    }
    out
}

/// Says it.
pub fn print(fault: &Fault, stderr: &Screen) {
    stderr.say(&render(fault, stderr.coloured));
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
            render(&fault(), false),
            "error: cannot write results/x/report.csv\n  caused by: permission denied\n\
             hint: choose another folder with --out\n"
        );
    }

    #[test]
    fn colours_are_only_put_around_the_words() {
        let coloured = render(&fault(), true);
        assert!(
            coloured.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m cannot write"),
            "{coloured:?}"
        );
        assert!(!render(&fault(), false).contains('\u{1b}'));
    }

    #[test]
    fn a_message_with_an_error_of_its_own_is_left_as_it_is() {
        let text =
            "error: unknown key `a`\n --> g.toml:1:1\n\nerror: unknown key `b`\n --> g.toml:2:1";
        assert_eq!(render(&Fault::new(text), false), format!("{text}\n"));
    }

    #[test]
    fn what_was_said_is_not_said_twice() {
        let error = anyhow::Error::from(io::Error::other("disk full"));
        let error = error.context("cannot write x: disk full");
        assert_eq!(render(&error.into(), false), "error: cannot write x: disk full\n");
    }
}
