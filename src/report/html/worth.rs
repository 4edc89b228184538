//! The front: the cells that were compared, by what, and what came of it.

use super::markup::{Markup, grid, section};
use crate::event::RunRecord;
use crate::report::front::{FrontReport, Mark};

/// Writes the rows of the front, of what it leaves behind, and of what could not be compared.
pub(super) fn front(page: &mut Markup, front: &FrontReport, records: &[RunRecord]) {
    let cells = front.compared();
    section(page, "Which cells are worth having", |section| {
        section.leaf("p", &[], &front.introduction());
        if cells.is_empty() {
            let why = front.left_out(None);
            section.leaf("p", &[], &format!("No cell could be compared: {why}."));
            return;
        }
        let mut columns = front.columns(records);
        for (cell, of) in columns[2].cells.iter_mut().zip(cells) {
            if of.mark == Mark::Front {
                cell.text.insert_str(0, "\u{2605} ");
            }
        }
        grid(section, "cells sort", &columns, 0);
        let intervals = front.intervals();
        if !intervals.is_empty() {
            let says = format!("Intervals: {intervals}.");
            section.leaf("p", &[("class", "small")], &says);
        }
    });
}
