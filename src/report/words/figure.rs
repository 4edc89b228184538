//! Why a metric of the user's own has no figure.

use crate::event::{FigureLack, Outlet};
use crate::units::bytes;

/// In words. What a program has printed is quoted: nothing in it moves a cursor.
pub(super) fn figure(why: &FigureLack) -> String {
    match why {
        FigureLack::NoMatch { output } => {
            let printed = match output {
                Outlet::Stdout => "its standard output",
                Outlet::Stderr => "its standard error",
                Outlet::Output => "its output",
            };
            format!("nothing in {printed} matched the pattern")
        }
        FigureLack::NoNumber { text } => format!("the last match, {text:?}, is not a number"),
        FigureLack::NoFile { file } => format!("the command wrote no {file}"),
        FigureLack::Stale { file } => {
            format!("{file} did not change during the run, so it is of an earlier one")
        }
        FigureLack::TooLarge { file, most } => {
            format!("{file} has more than {}", bytes(*most as f64))
        }
        FigureLack::Unreadable { file, why } => format!("{file} cannot be read: {why}"),
        FigureLack::NotJson { file, why } => format!("{file} is not JSON: {why}"),
        FigureLack::NoSuchPath { file, path } => format!("{file} has nothing at {path}"),
    }
}
