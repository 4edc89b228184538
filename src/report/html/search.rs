//! What a search adds to the page: how it went, and what its model says about the cell that it recommends.

use super::super::ReportError;
use super::markup::{Markup, meanings, section};
use super::page::Page;
use super::{course, slices};

/// Writes how the search went.
pub(super) fn course(page: &mut Markup, of: &Page<'_>) -> Result<(), ReportError> {
    let (Some(course), Some(front)) = (of.course, of.front) else { return Ok(()) };
    let mut drawn = course::drawings(course)?;
    if drawn.is_empty() {
        return Ok(());
    }
    drawn.extend(course::discovery(course, front)?);
    let entries = course::legend(course)?;
    let several = course.objectives.len() > 1;
    section(page, "How the search went", |section| {
        meanings(section, &entries);
        figures(section, &drawn);
        let mut says = "Each cell counts from its first run on, with what all its runs say together; cells that failed, break a limit or leave it open do not.".to_owned();
        if several {
            says += " The hypervolume is that above the worst value of each objective, by logarithms where it spans factors. Numbers and shades tell in which run a cell was measured first, rings the front.";
        }
        section.leaf("p", &[("class", "small")], &says);
    });
    Ok(())
}

/// Writes what the model says along each axis.
pub(super) fn slices(page: &mut Markup, of: &Page<'_>) -> Result<(), ReportError> {
    let Some(found) = of.found.filter(|found| !found.slices.is_empty()) else { return Ok(()) };
    let drawn = slices::drawings(of, &found.slices)?;
    let entries = slices::legend()?;
    let cell = found.recommended.first().map(|choice| &*choice.cell).unwrap_or_default();
    section(page, "Around what is recommended", |section| {
        meanings(section, &entries);
        figures(section, &drawn);
        let says = format!(
            "Along each axis all other settings are those of {cell}. The band is of the mean of a cell's runs, and holds where the figures are as smooth as the model takes them to be."
        );
        section.leaf("p", &[("class", "small")], &says);
    });
    Ok(())
}

fn figures(section: &mut Markup, drawn: &[String]) {
    section.element("div", &[("class", "plots")], |plots| {
        for drawing in drawn {
            plots.element("figure", &[], |figure| figure.raw(drawing));
            plots.feed();
        }
    });
}
