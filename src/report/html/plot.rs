//! Drawings as SVG that stands inside a page: what `plotters` draws, without what a style sheet says better.

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TRANSPARENT, TextStyle};

use super::super::ReportError;
use super::axis::Axis;
use super::markup::escaped;
use super::palette::{AXIS, GRID, Ink, SHAPES, TEXT};

/// Width of every drawing: what fits a phone without letters that are too small, and two of them a desk.
pub(super) const WIDTH: u32 = 480;

/// Width of a character, in pixels: a little more than that of most, so that nothing overlaps.
pub(super) const CHARACTER: i32 = 7;

/// What is drawn on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What comes of drawing something.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// A place on a drawing, in pixels from its upper left corner.
pub(super) type Pixel = (i32, i32);

/// The upper left and the lower right corner of a part of a drawing.
pub(super) type Frame = (Pixel, Pixel);

/// What a drawing is called, for those who hear it.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    /// A few words.
    pub(super) title: &'a str,
    /// A few sentences.
    pub(super) text: &'a str,
}

/// The element of a drawing of this height.
pub(super) fn svg(
    height: u32,
    about: About<'_>,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<String, ReportError> {
    let drawing = drawn((WIDTH, height), draw)?;
    let About { id, title, text } = about;
    let (title, text) = (escaped(title), escaped(text));
    Ok(format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{title}</title><desc id=\"{id}-d\">{text}</desc>{drawing}"
    ))
}

/// The drawing with something on top of it that only a pointer finds.
pub(super) fn covered(svg: &str, elements: &str) -> String {
    format!("{}{elements}</svg>", svg.strip_suffix("</svg>").unwrap_or(svg))
}

/// A place that says this to a pointer.
pub(super) fn spot((x, y): Pixel, says: &str) -> String {
    let says = escaped(says);
    format!("<circle class=\"spot\" cx=\"{x}\" cy=\"{y}\" r=\"10\"><title>{says}</title></circle>")
}

/// An entry of a legend: the element of a mark, which stands beside its meaning, and the meaning.
pub(super) fn entry(
    meaning: &str,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<(String, String), ReportError> {
    let drawing = drawn((18, 18), draw)?;
    let symbol =
        format!("<svg class=\"symbol\" viewBox=\"0 0 18 18\" aria-hidden=\"true\">{drawing}");
    Ok((symbol, meaning.to_owned()))
}

/// What stands behind the start tag, with the end tag.
fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, ReportError> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let done = draw(&root).and_then(|()| root.present());
        done.map_err(|error| ReportError::Plot(error.to_string()))?;
    }
    let (_, inside) = text.split_once('>').unwrap_or(("", "</svg>"));
    let mut inside = inside.replace('\n', "");
    for (attribute, value) in [
        // The style sheet has one font and one size of letters, and these are the defaults of SVG or of the style sheet.
        ("font-family", None),
        ("font-size", None),
        ("opacity", Some("1")),
        ("stroke-width", Some("1")),
        ("stroke", Some("none")),
    ] {
        inside = without(&inside, attribute, value);
    }
    Ok(inside.replace("<polyline fill=\"none\"", "<polyline"))
}

/// The drawing without an attribute, where it has this value or whatever it has. Text cannot be mistaken for one: quotation
/// marks in it are escaped.
fn without(drawing: &str, attribute: &str, value: Option<&str>) -> String {
    let start = format!(" {attribute}=\"");
    let mut kept = String::with_capacity(drawing.len());
    let mut rest = drawing;
    while let Some((before, after)) = rest.split_once(&start) {
        kept.push_str(before);
        let (found, behind) = after.split_once('"').unwrap_or((after, ""));
        if value.is_some_and(|value| value != found) {
            kept.push_str(&start);
            kept.push_str(found);
            kept.push('"');
        }
        rest = behind;
    }
    kept + rest
}

/// Where letters stand about their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Behind it, in the middle of the line.
    Start,
    /// Around it.
    Middle,
    /// Before it.
    End,
}

/// Writes words whose line has its middle at this height.
pub(super) fn words(area: &Area<'_>, text: &str, at: Pixel, anchor: Anchor, ink: Ink) -> Drawn {
    let anchor = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let style = letters(ink).pos(Pos::new(anchor, VPos::Center));
    // The crate escapes what means something to a browser, but lets through what HTML forbids.
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    area.draw_text(&text.chars().map(shown).collect::<String>(), &style, at)
}

fn letters(ink: Ink) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", 15).into_font());
    style.color = ink.light.to_backend_color();
    style
}

/// Width of a text, in pixels.
pub(super) fn width(text: &str) -> i32 {
    i32::try_from(text.chars().count()).map_or(i32::MAX / 2, |count| count.min(10_000) * CHARACTER)
}

/// A line through these places.
pub(super) fn line(area: &Area<'_>, places: Vec<Pixel>, style: impl Into<ShapeStyle>) -> Drawn {
    area.draw(&PathElement::new(places, style))
}

/// A pale rectangle.
pub(super) fn shade(area: &Area<'_>, frame: Frame, colour: RGBColor, share: f64) -> Drawn {
    let style = colour.mix(share).filled();
    area.draw(&Rectangle::new([frame.0, frame.1], style))
}

/// A pale polygon.
pub(super) fn band(area: &Area<'_>, corners: Vec<Pixel>, colour: RGBColor, share: f64) -> Drawn {
    area.draw(&Polygon::new(corners, colour.mix(share).filled()))
}

/// A small dot, paler the less its share is.
pub(super) fn dot(area: &Area<'_>, at: Pixel, radius: i32, ink: Ink, share: f64) -> Drawn {
    area.draw(&Circle::new(at, radius, ink.light.mix(share).filled()))
}

/// The mark of a run: filled, or hollow where its figure is not final.
pub(super) fn mark(area: &Area<'_>, (x, y): Pixel, shape: usize, ink: Ink, filled: bool) -> Drawn {
    let corners = SHAPES[shape % SHAPES.len()];
    let style = ink.light.stroke_width(2);
    if corners.is_empty() {
        let style = if filled { style.filled() } else { style };
        return area.draw(&Circle::new((x, y), 6, style));
    }
    let mut places: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    if filled {
        return area.draw(&Polygon::new(places, style.filled()));
    }
    places.extend(places.first().copied());
    line(area, places, style)
}

/// Strikes a mark through.
pub(super) fn strike(area: &Area<'_>, (x, y): Pixel) -> Drawn {
    line(area, vec![(x - 9, y + 9), (x + 9, y - 9)], TEXT.light.stroke_width(2))
}

/// Draws a ring around a mark.
pub(super) fn ring(area: &Area<'_>, at: Pixel) -> Drawn {
    area.draw(&Circle::new(at, 9, TEXT.light.stroke_width(2)))
}

/// Draws the axes of a chart with their grid and titles into a part of the drawing; where the chart itself is.
pub(super) fn axes(
    area: &Area<'_>,
    (x, y): (&Axis, &Axis),
    (x_title, y_title): (&str, &str),
    (left, bottom): (u32, u32),
) -> Drawn<Chart> {
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, left)
        .set_label_area_size(LabelAreaPosition::Bottom, bottom)
        .build_cartesian_2d(x.clone(), y.clone())?;
    let text = letters(TEXT);
    let mut mesh = chart.configure_mesh();
    mesh.axis_style(AXIS.light)
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .label_style(text.clone())
        .axis_desc_style(text)
        .set_all_tick_mark_size(3);
    if !x_title.is_empty() {
        mesh.x_desc(x_title);
    }
    if !y_title.is_empty() {
        mesh.y_desc(y_title);
    }
    mesh.draw()?;
    let ((left, right), (bottom, top)) = (x.ends(), y.ends());
    let inside = chart.plotting_area();
    let corners = [(left, top), (right, bottom)].map(|corner| inside.map_coordinate(&corner));
    Ok(Chart { frame: (corners[0], corners[1]), axes: [x.clone(), y.clone()] })
}

/// A chart that has been drawn.
pub(super) struct Chart {
    /// Where it is.
    pub(super) frame: Frame,
    axes: [Axis; 2],
}

impl Chart {
    /// Where a value is along an axis, 0 across and 1 up; at the edge where it lies beyond.
    pub(super) fn along(&self, of: usize, value: f64) -> i32 {
        let ((left, top), (right, bottom)) = self.frame;
        self.axes[of].map(&value, if of == 0 { (left, right) } else { (bottom, top) })
    }

    /// How far to the right a value is.
    pub(super) fn x(&self, value: f64) -> i32 {
        self.along(0, value)
    }

    /// Where a point is.
    pub(super) fn at(&self, (x, y): (f64, f64)) -> Pixel {
        (self.along(0, x), self.along(1, y))
    }

    /// Whether a value lies on an axis.
    pub(super) fn holds(&self, of: usize, value: f64) -> bool {
        self.axes[of].holds(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_a_name_and_nothing_that_the_style_sheet_says() {
        let about = About { id: "a", title: "one & two", text: "<nothing>" };
        let drawing = svg(40, about, |area| {
            words(area, "a \"stroke=\"b\" <c>", (5, 5), Anchor::Start, TEXT)?;
            line(area, vec![(1, 2), (3, 4)], AXIS.light)?;
            shade(area, ((0, 0), (9, 9)), AXIS.light, 0.25)?;
            (0..=SHAPES.len())
                .try_for_each(|shape| mark(area, (20, 20), shape, TEXT, shape % 2 == 0))
        })
        .unwrap();
        let start = "<svg viewBox=\"0 0 480 40\" role=\"img\" aria-labelledby=\"a-t a-d\">\
            <title id=\"a-t\">one &amp; two</title><desc id=\"a-d\">&lt;nothing&gt;</desc><text ";
        assert!(drawing.starts_with(start), "{drawing}");
        assert!(drawing.ends_with("</svg>"));
        assert!(drawing.contains("a &quot;stroke=&quot;b&quot; &lt;c&gt;</text>"), "{drawing}");
        assert!(drawing.contains("opacity=\"0.25\""), "{drawing}");
        for gone in ["xmlns", "font-", "opacity=\"1\"", "stroke-width=\"1\"", "stroke=\"none\""] {
            assert!(!drawing.contains(gone), "{gone}: {drawing}");
        }
    }
}
