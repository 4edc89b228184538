//! `report.html`: the results on one page that needs nothing but a browser. No font, no picture and no network: the style
//! sheet, the drawings and one script stand in the page, and a policy in its head forbids everything else. The page can be
//! read without the script, which sorts tables and says what a pointer is at.
//!
//! Equal results give equal bytes: no time of day and nothing of the terminal is in it.

mod axis;
mod cells;
mod course;
mod figures;
mod knobs;
mod labels;
mod legend;
mod markup;
mod page;
mod palette;
mod plot;
mod points;
mod runs;
mod scatter;
mod search;
mod slices;
mod stops;
mod timeline;
mod trace;
mod worth;

pub use self::course::{Course, CourseOf, CoursePoint};
pub use self::page::{Head, Limit, MOST_SERIES, Page, SeriesOfRuns};
pub use self::timeline::{RunSeries, StageSpan};
pub use self::trace::Trace;

use self::figures::Scene;
use self::markup::{Markup, meanings, section};
use super::ReportError;
use super::front::{FrontReport, Marks};

const STYLE: &str = include_str!("style.css");

const SCRIPT: &str = include_str!("page.js");

/// What a browser may do with the page: run the script with this sum, and nothing that comes from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-U0LIwSA6UdDPdZ7YxB9IlQQNmYtBjSIfTPHM8q1XuU4='";

/// The page.
pub fn document(page: &Page<'_>) -> Result<Vec<u8>, ReportError> {
    let mut html = Markup::default();
    html.raw("<!DOCTYPE html>\n");
    let mut done = Ok(());
    html.element("html", &[("lang", "en")], |html| {
        head(html, page);
        html.element("body", &[], |body| done = self::body(body, page));
    });
    done?;
    html.feed();
    Ok(html.into_text().into_bytes())
}

fn head(html: &mut Markup, page: &Page<'_>) {
    html.element("head", &[], |head| {
        head.feed();
        head.void("meta", &[("charset", "utf-8")]);
        head.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
        head.void(
            "meta",
            &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")],
        );
        head.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
        head.feed();
        head.leaf("title", &[], &format!("{} - perftune", page.head.name));
        head.feed();
        head.element("style", &[], |style| {
            style.raw(STYLE);
            style.raw(&palette::dash_rule());
            style.raw("@media screen and (prefers-color-scheme:dark){");
            style.raw(&palette::dark_rules());
            style.raw("}");
        });
        head.feed();
    });
    html.feed();
}

fn body(body: &mut Markup, page: &Page<'_>) -> Result<(), ReportError> {
    let shown = |run: &str| match page.series {
        SeriesOfRuns::Shown(series) => series.contains_key(run),
        SeriesOfRuns::LeftOut(_) => false,
    };
    let marks = page.front.map(FrontReport::marks).unwrap_or_default();
    body.feed();
    body.element("header", &[], |header| stops::head(header, page));
    body.feed();
    let mut done = Ok(());
    body.element("main", &[], |main| {
        // What decides stands first, what it was made of last.
        cells::cells(main, page.records, page.summary, page.front);
        if let Some(front) = page.front {
            worth::front(main, front, page.records);
        }
        done = trade_offs(main, page, &marks)
            .and_then(|()| search::course(main, page))
            .and_then(|()| search::slices(main, page));
        if let Some(effects) = page.effects {
            knobs::effects(main, effects);
        }
        cells::table(main, page.records, page.front, &shown);
        stops::table(main, page.records);
        if done.is_ok() {
            done = runs::timelines(main, page);
        }
    });
    body.feed();
    body.element("script", &[], |script| script.raw(SCRIPT));
    body.feed();
    done
}

fn trade_offs(page: &mut Markup, of: &Page<'_>, marks: &Marks<'_>) -> Result<(), ReportError> {
    let scene = Scene {
        records: of.records,
        summary: of.summary,
        limits: of.limits,
        front: of.front,
        marks,
    };
    let objectives = of.front.map(|front| &front.objectives[..]);
    let (pairs, more) = figures::pairs(objectives.unwrap_or_default(), of.limits);
    let mut drawn = Vec::new();
    for (place, pair) in pairs.into_iter().enumerate() {
        drawn.extend(scatter::scatter(scene, pair, &format!("trade{place}"))?);
    }
    if drawn.is_empty() {
        return Ok(());
    }
    let entries = legend::legend(scene)?;
    section(page, "Trade-offs", |section| {
        meanings(section, &entries);
        section.element("div", &[("class", "plots")], |plots| {
            for scatter in &drawn {
                plots.element("figure", &[], |figure| {
                    figure.raw(&scatter.svg);
                    if !scatter.notes.is_empty() {
                        figure.leaf("figcaption", &[], &scatter.notes.join("; "));
                    }
                });
                plots.feed();
            }
        });
        for says in captions(scene, more) {
            section.leaf("p", &[("class", "small")], &says);
        }
    });
    Ok(())
}

/// What the bars and the names of the trade-offs are, and how many are not there.
fn captions(scene: Scene<'_>, more: usize) -> Vec<String> {
    let repeated = scene.records.iter().any(|record| record.repeat > 1);
    let mut bars = if repeated && scene.of_cells() {
        "Each point is a cell at the mean of its runs. Bars are intervals between its runs; of fewer than three they reach from \
         the lowest end to the highest."
    } else {
        "Bars are intervals within the run. They do not say how another run of the same cell would differ."
    }
    .to_owned();
    if scene.front.is_some() {
        bars += " Figures that cells were compared by have the intervals that they were compared by (above).";
    }
    bars += " Where names do not fit, points have the numbers of the table.";
    let mut says = vec![bars];
    if more > 0 {
        let of = "more trade-offs between these objectives are not drawn.";
        says.push(format!("{more} {of}"));
    }
    says
}

#[cfg(test)]
mod tests;
