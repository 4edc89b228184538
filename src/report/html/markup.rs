//! HTML that is well-formed and escaped by construction: an element closes when what stands in it has been written, and
//! text and attributes have no way in that does not escape them. Names and messages come from users and their workers.

use crate::report::layout::{Align, Cell, Column, height_of};
use crate::report::one_line;

/// A piece of a page.
#[derive(Debug, Default)]
pub(super) struct Markup {
    text: String,
}

/// Names and values of an element; the values are escaped, and one without a value is left out.
type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Markup {
    /// The text of the page.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// An element and what `inside` writes into it.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.void(name, attributes);
        inside(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element that holds text alone.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |inside| inside.text(text));
    }

    /// An element that has no end tag, such as `meta`.
    pub(super) fn void(&mut self, name: &str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.text, text);
    }

    /// What is markup already: our own style sheet and our drawings.
    pub(super) fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// A line feed between elements, so that two pages can be compared line by line.
    pub(super) fn feed(&mut self) {
        self.text.push('\n');
    }
}

/// Appends text in which no character means anything to a browser, in an element or between quotation marks. Control
/// characters, which HTML forbids, become the sign for what cannot be shown.
fn escape(into: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\t' | '\n' => into.push(c),
            c if c.is_control() => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

/// The text escaped for a place where markup is put together by hand.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape(&mut escaped, text);
    escaped
}

/// A part of the page with its heading.
pub(super) fn section(page: &mut Markup, heading: &str, inside: impl FnOnce(&mut Markup)) {
    page.feed();
    page.element("section", &[], |section| {
        section.leaf("h2", &[], heading);
        section.feed();
        inside(section);
    });
}

/// A table in a box of its own, which scrolls where it is too wide; the cells of the column `named` are the heads of the rows.
pub(super) fn grid(page: &mut Markup, class: &str, columns: &[Column], named: usize) {
    page.element("div", &[("class", "scroll")], |scroll| {
        scroll.element("table", &[("class", class)], |table| {
            table.element("thead", &[], |rows| {
                rows.element("tr", &[], |row| columns.iter().for_each(|column| head(row, column)));
            });
            table.feed();
            table.element("tbody", &[], |body| {
                for place in 0..height_of(columns) {
                    body.element("tr", &[], |row| {
                        for (at, column) in columns.iter().enumerate() {
                            cell(row, column, &column.cells[place], at == named);
                        }
                    });
                    body.feed();
                }
            });
        });
    });
}

/// The class of a column's cells.
const fn class_of(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => "n",
    }
}

fn head(row: &mut Markup, column: &Column) {
    let class = class_of(column.align);
    row.element("th", &[("scope", "col"), ("class", class), ("title", &column.about)], |head| {
        head.text(&one_line(&column.head));
        if let Some(unit) = column.unit {
            head.text(" ");
            head.leaf("small", &[], unit);
        }
    });
}

fn cell(row: &mut Markup, column: &Column, cell: &Cell, names_row: bool) {
    let (element, scope) = if names_row { ("th", "row") } else { ("td", "") };
    let classes = [class_of(column.align), cell.class].map(str::trim);
    let class = classes.join(" ").trim().to_owned();
    row.element(
        element,
        &[("id", &*cell.id), ("scope", scope), ("class", &*class), ("title", &cell.title)],
        |inside| {
            if cell.link.is_empty() {
                inside.text(&cell.text);
            } else {
                inside.leaf("a", &[("href", &cell.link)], &cell.text);
            }
            if !cell.small.is_empty() {
                inside.text(" ");
                inside.leaf("small", &[], &cell.small);
            }
        },
    );
}

/// Marks and their meanings.
pub(super) fn meanings(page: &mut Markup, entries: &[(String, String)]) {
    page.element("ul", &[("class", "legend")], |list| {
        for (symbol, meaning) in entries {
            list.element("li", &[], |item| {
                item.raw(symbol);
                item.text(meaning);
            });
        }
    });
    page.feed();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_is_written_means_anything_to_a_browser() {
        let mut page = Markup::default();
        page.element("p", &[("title", "\"><script>'&")], |p| {
            p.text("</p><b>a & b\u{0}\u{1b}[2J");
            p.leaf("i", &[], "x");
        });
        assert_eq!(
            page.into_text(),
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\">&lt;/p&gt;&lt;b&gt;a &amp; b\u{fffd}\u{fffd}[2J<i>x</i></p>"
        );
    }

    proptest! {
        #[test]
        fn no_text_can_leave_its_place(text in ".{0,40}") {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
            let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            let bare = entities.iter().fold(escaped.clone(), |text, entity| text.replace(entity, ""));
            prop_assert!(!bare.contains('&'), "{escaped}");
        }
    }
}
