//! The front: the cells that were compared, by what, and what came of it.

use super::super::front::{FrontCell, FrontFigure, FrontReport, Mark, ends, standing, why};
use super::cells::{Cell, NUMBERS, cell};
use super::markup::{Markup, grid, section};
use crate::event::objective::listed;
use crate::units::Scale;

/// Writes the rows of the front, of what it leaves behind, and of what could not be compared.
pub(super) fn front(page: &mut Markup, front: &FrontReport) {
    let cells = front.compared();
    section(page, "Which cells are worth having", |section| {
        let objectives = listed(&front.objectives);
        let says = format!(
            "Objectives: {objectives}. Cells of one data set are compared; a cell is on the front unless another one is at least as good \
             in every objective and better in one beyond the noise."
        );
        section.leaf("p", &[], &says);
        if cells.is_empty() {
            section.leaf("p", &[], "No cell could be compared.");
            return;
        }
        let scales: Vec<Scale> = (0..front.objectives.len()).map(|at| front.scale(at)).collect();
        let row = |tr: &mut Markup, _: usize, of: &&FrontCell| row(tr, of, &scales);
        grid(section, "cells", |tr| head(tr, front, &scales), &cells, row);
        let intervals = front.intervals();
        if !intervals.is_empty() {
            let says = format!("Intervals: {intervals}.");
            section.leaf("p", &[("class", "small")], &says);
        }
    });
}

fn head(row: &mut Markup, front: &FrontReport, scales: &[Scale]) {
    let words = |row: &mut Markup, name: &str| row.leaf("th", &[("scope", "col")], name);
    for name in ["cell", "data set", "front"] {
        words(row, name);
    }
    for (objective, scale) in front.objectives.iter().zip(scales) {
        row.element("th", NUMBERS, |th| {
            th.text(&objective.metric);
            th.text(" ");
            th.leaf("small", &[], scale.name);
        });
    }
    words(row, "why");
}

fn row(row: &mut Markup, of: &FrontCell, scales: &[Scale]) {
    row.leaf("th", &[("scope", "row")], &of.cell);
    row.leaf("td", &[], &of.dataset);
    let star = if of.mark == Mark::Front { "\u{2605} " } else { "" };
    row.leaf("td", &[], &format!("{star}{}", standing(of)));
    for (at, scale) in scales.iter().enumerate() {
        match of.figures.get(at) {
            Some(figure) => cell(row, &shown(figure, *scale)),
            None => row.leaf("td", &[("class", "n")], ""),
        }
    }
    row.leaf("td", &[("class", "words")], &why(of));
}

fn shown(figure: &FrontFigure, scale: Scale) -> Cell {
    let estimate = figure.unit.show(figure.estimate);
    Cell {
        text: scale.show(figure.estimate),
        small: ends(figure, scale).unwrap_or_default(),
        title: format!("{} of {}: {estimate}; {}", figure.metric, figure.phase, figure.interval),
    }
}
