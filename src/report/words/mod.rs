//! Every sentence that is made of typed reasons: notes of figures, evidence of ends, findings on constraints.
//!
//! Whoever decides emits types with numbers; what people read is written here, and nothing reads it back. Numbers are
//! shown by `units`. Each sentence is one line, begins with a small letter and has no full stop: it stands in a cell or
//! behind a colon.

mod effect;
mod figure;
mod finding;
mod gate;
mod lack;
mod note;
mod precision;
mod runs;
mod stop;

#[cfg(test)]
mod tests;

pub use effect::lack_of_effect;
pub use finding::{finding, remedy};
pub use gate::{gate_note, more_sessions, row_reasons};
pub use note::{left_out, note, notes, notes_of, open, step, to_the_end, warnings, why};
pub use runs::{is_told, more_runs_a_side, rounded_runs, some_runs};
pub use stop::{asked, ended, left, remedies, rule, stop, verdict};

/// `1 epoch`, `2 epochs`.
fn count(count: impl Into<u64>, what: &str) -> String {
    match count.into() {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// `1, 4`.
fn list(items: &[impl ToString]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}
