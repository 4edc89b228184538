//! A table of plain text that fits a width: columns are dropped by rank before anything is wrapped.

use std::fmt::Display;
use std::ops::Range;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

/// From this rank on, a column is only shown where it costs no other column its space.
pub const EXTRA: u8 = 9;

/// Where the cells of a column are flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// What a sign in a cell warns of; a table has a word for each that occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caveat {
    /// `~`: a figure that is not known as precisely as asked.
    Open,
    /// `~` too: a figure for whose precision nothing waited, and that is not known to within 5%.
    Unasked,
    /// `()`: a figure of a model whose training was stopped.
    Unfinished,
    /// `-`: nothing was measured.
    Missing,
    /// `!`: the run failed.
    Failed,
}

/// What stands in one place of a table. Plain text has the text alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// What is shown.
    pub text: String,
    /// What a sign in it warns of.
    pub caveat: Option<Caveat>,
    /// On a page, what stands small beside it: most often its interval.
    pub small: String,
    /// On a page, what a pointer finds.
    pub title: String,
    /// On a page, the class of its colour.
    pub class: &'static str,
    /// On a page, where it leads to.
    pub link: String,
    /// On a page, what others lead to it by.
    pub id: String,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl Cell {
    /// The sign for what was not measured, and why.
    pub(super) fn missing(why: &str) -> Self {
        let title = format!("not measured: {why}");
        Self { text: "-".to_owned(), caveat: Some(Caveat::Missing), title, ..Self::default() }
    }

    /// Sentences, which a page breaks into lines.
    pub(super) fn prose(text: String) -> Self {
        Self { text, class: "words", ..Self::default() }
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading; several lines are flush at the bottom.
    pub head: String,
    /// The unit of its figures, behind the heading.
    pub unit: Option<&'static str>,
    /// On a page, what a pointer finds at the heading.
    pub about: String,
    /// Where its cells are flush.
    pub align: Align,
    /// The highest rank is dropped first; rank 0 never.
    pub rank: u8,
    /// Its cells, one a row.
    pub cells: Vec<Cell>,
}

impl Column {
    /// A column of words that is never dropped: a cell of each row.
    pub fn words<T, C: Into<Cell>>(
        head: &str,
        rows: impl IntoIterator<Item = T>,
        cell: impl FnMut(T) -> C,
    ) -> Self {
        let cells = rows.into_iter().map(cell).map(Into::into).collect();
        let (head, about) = (head.to_owned(), String::new());
        Self { head, unit: None, about, align: Align::Left, rank: 0, cells }
    }

    /// A column of figures that is never dropped.
    pub fn figures<T, C: Into<Cell>>(
        head: &str,
        rows: impl IntoIterator<Item = T>,
        cell: impl FnMut(T) -> C,
    ) -> Self {
        Self { align: Align::Right, ..Self::words(head, rows, cell) }
    }

    /// The same column with a rank.
    #[must_use]
    pub fn ranked(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }

    fn width(&self) -> usize {
        let head = self.heading();
        let cells = self.cells.iter().flat_map(|cell| cell.text.lines());
        head.lines().chain(cells).map(|line| line.chars().count()).max().unwrap_or(0)
    }

    /// The heading with the unit.
    pub(super) fn heading(&self) -> String {
        format!("{}{}", self.head, self.unit.unwrap_or_default())
    }

    /// The same in one line.
    fn name(&self) -> String {
        self.heading().replace('\n', " ").trim_end().to_owned()
    }

    /// Whether no row has anything in it.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.text.is_empty())
    }

    pub(super) fn cell(&self, row: usize) -> &str {
        self.cells.get(row).map_or("", |cell| &cell.text)
    }
}

/// Lines of at most `width` characters, where the columns of rank 0 can be wrapped to fit. Two spaces stand between
/// columns, or one where two would not fit.
pub fn render(columns: Vec<Column>, width: usize) -> String {
    let Fitted { columns, gap, .. } = fitting(columns, width);
    if columns.is_empty() {
        return String::new();
    }
    let rows = height_of(&columns);
    if total(&columns, gap) > width {
        return drawn(&columns, 0..rows, gap, |table| {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
            keep_whole(table, &columns, width);
        });
    }
    // A hundred thousand rows are drawn piece by piece: a table takes ten times the room of its text.
    let widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let pieces = (0..rows.max(1)).step_by(PIECE).map(|from| {
        drawn(&columns, from..rows.min(from + PIECE), gap, |table| {
            for (at, width) in widths.iter().enumerate().filter(|_| rows > PIECE) {
                let padded = width + if at + 1 < widths.len() { usize::from(gap) } else { 0 };
                let least = Width::Fixed(u16::try_from(padded).unwrap_or(u16::MAX));
                if let Some(column) = table.column_mut(at) {
                    column.set_constraint(ColumnConstraint::LowerBoundary(least));
                }
            }
        })
    });
    pieces.collect()
}

/// Rows that are drawn at once.
const PIECE: usize = 1000;

/// These rows as lines, under the heading where the first is among them; `fit`: how the table is made to fit.
fn drawn(columns: &[Column], rows: Range<usize>, gap: u16, fit: impl FnOnce(&mut Table)) -> String {
    let heads: Vec<_> = columns.iter().map(Column::heading).collect();
    let height = heads.iter().map(|head| head.lines().count()).max().unwrap_or(0);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if height > 0 && rows.start == 0 {
        table.set_header(heads.iter().map(|head| {
            let missing = height - head.lines().count();
            format!("{}{head}", "\n".repeat(missing))
        }));
    }
    for row in rows {
        table.add_row(columns.iter().map(|column| column.cell(row)));
    }
    fit(&mut table);
    for (at, column) in columns.iter().enumerate() {
        if let Some(drawn) = table.column_mut(at) {
            let last = at + 1 == columns.len();
            drawn.set_padding((0, if last { 0 } else { gap }));
            drawn.set_cell_alignment(match column.align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// How many rows the columns have.
pub(super) fn height_of(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.cells.len()).max().unwrap_or(0)
}

/// Lets only the widest column be wrapped, where that leaves it room for a few words: a name that is broken in two is
/// no longer a name.
fn keep_whole(table: &mut Table, columns: &[Column], width: usize) {
    const LEAST: usize = 16;
    let widths = columns.iter().map(Column::width).enumerate();
    let Some((widest, most)) = widths.max_by_key(|(_, width)| *width) else {
        return;
    };
    if total(columns, 2) - most + LEAST > width {
        return;
    }
    for at in (0..columns.len()).filter(|at| *at != widest) {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// What `columns` take, with `gap` spaces between them.
pub(super) fn total(columns: &[Column], gap: u16) -> usize {
    let widths: usize = columns.iter().map(Column::width).sum();
    widths + usize::from(gap) * columns.len().saturating_sub(1)
}

/// The columns that fit a width.
pub(super) struct Fitted {
    pub(super) columns: Vec<Column>,
    /// The spaces between them.
    pub(super) gap: u16,
    /// The headings of those that do not, the one that was kept longest first.
    pub(super) left_out: Vec<String>,
}

impl Fitted {
    /// Which columns have no room, and where they are; nothing where all have it.
    pub(super) fn lacks(&self) -> Option<String> {
        (!self.left_out.is_empty()).then(|| {
            format!(
                "columns that do not fit: {}; COLUMNS=200 or --format csv shows them",
                self.left_out.join(", ")
            )
        })
    }
}

/// Which columns fit: extras go first, then the second space, then the others by rank.
pub(super) fn fitting(mut columns: Vec<Column>, width: usize) -> Fitted {
    let mut left_out = Vec::new();
    loop {
        if total(&columns, 2) <= width {
            return Fitted { columns, gap: 2, left_out };
        }
        // Of equal ranks the last goes first.
        let dropped = (0..columns.len())
            .filter(|&at| columns[at].rank > 0)
            .max_by_key(|&at| (columns[at].rank, at));
        let extra = dropped.is_some_and(|at| columns[at].rank >= EXTRA);
        if !extra && total(&columns, 1) <= width {
            return Fitted { columns, gap: 1, left_out };
        }
        match dropped {
            Some(at) => left_out.insert(0, columns.remove(at).name()),
            None => return Fitted { columns, gap: 2, left_out },
        }
    }
}

/// `text` in lines of at most `width` characters, broken at spaces; lines after the first begin with `indent`.
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.trim().is_empty());
        if gap > 0 && line.chars().count() + gap + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n") + "\n"
}

/// The first of these lines, each wrapped, and how many more there are.
pub(super) fn some_of(
    mut lines: impl Iterator<Item = String>,
    most: usize,
    width: usize,
    more: impl Fn(usize) -> String,
) -> String {
    let mut shown: Vec<String> = lines.by_ref().take(most).collect();
    let left = lines.count();
    shown.extend((left > 0).then(|| more(left)));
    shown.iter().map(|line| wrap(line, width, "  ")).collect()
}

/// A foreign line in which the characters that could move the cursor or change colours are escaped, as Rust writes them.
pub fn harmless(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_control() && c != '\t' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same of a text of several lines.
pub fn harmless_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            shown.push('\n');
        }
        shown += &harmless(line);
    }
    shown
}

/// The first names, and how many more: `a, b and 3 more`.
pub fn first_of<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let first: Vec<_> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(most) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// `1 cell`, `2 cells`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns() -> Vec<Column> {
        vec![
            Column::words("name", ["mlp", "resnet"], str::to_owned),
            Column::figures("rate\nk/s", ["98.1", "~1.21"], str::to_owned).ranked(1),
            Column::words("note", ["fine", "a longer one"], str::to_owned).ranked(2),
        ]
    }

    #[test]
    fn headings_are_flush_at_the_bottom_and_figures_to_the_right() {
        assert_eq!(
            render(columns(), 40),
            "         rate\nname      k/s  note\nmlp      98.1  fine\nresnet  ~1.21  a longer one\n"
        );
    }

    #[test]
    fn a_table_of_many_rows_is_the_same_in_pieces() {
        let rows = 2 * PIECE + 3;
        let name = |row: usize| {
            if row == PIECE { "the longest name".to_owned() } else { format!("m{row}") }
        };
        let columns = vec![
            Column::words("name", 0..rows, name),
            Column::figures("steps\nk/s", 0..rows, |row| row.to_string()),
            Column::words("note", 0..rows, |_| "fine".to_owned()),
        ];
        let table = render(columns, 80);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), rows + 2);
        assert_eq!(lines[1], "name                k/s  note");
        for (row, line) in lines[2..].iter().enumerate() {
            assert_eq!(*line, format!("{:<16}  {row:>5}  fine", name(row)));
        }
    }

    #[test]
    fn columns_are_dropped_by_rank_before_anything_is_wrapped() {
        assert_eq!(
            render(columns(), 25),
            "        rate\nname     k/s note\nmlp     98.1 fine\nresnet ~1.21 a longer one\n"
        );
        assert_eq!(
            render(columns(), 20),
            "         rate\nname      k/s\nmlp      98.1\nresnet  ~1.21\n"
        );
        assert_eq!(render(columns(), 10), "name\nmlp\nresnet\n");
    }

    #[test]
    fn what_has_no_room_is_named() {
        let lacks = |width| fitting(columns(), width).lacks();
        assert_eq!(lacks(25), None);
        let says = "columns that do not fit: note; COLUMNS=200 or --format csv shows them";
        assert_eq!(lacks(20).as_deref(), Some(says));
        let says =
            "columns that do not fit: rate k/s, note; COLUMNS=200 or --format csv shows them";
        assert_eq!(lacks(10).as_deref(), Some(says));
    }

    #[test]
    fn what_cannot_be_dropped_is_wrapped() {
        let text = "median time of a training step";
        let columns = vec![
            Column::words("metric", ["step_p50"], str::to_owned),
            Column::words("about", [text], str::to_owned),
        ];
        let table = render(columns, 30);
        assert!(table.lines().all(|line| line.chars().count() <= 30), "{table}");
        assert!(table.contains("step_p50  median time of a\n"), "{table}");
    }

    #[test]
    fn texts_are_wrapped_at_spaces() {
        assert_eq!(wrap("one two  three", 8, "  "), "one two\n  three\n");
        assert_eq!(wrap("incomprehensible", 5, ""), "incomprehensible\n");
    }

    proptest! {
        #[test]
        fn ranked_columns_never_make_a_table_too_wide(widths in prop::collection::vec(1_usize..12, 1..9), width in 12_usize..90) {
            let columns = widths.iter().zip(0_u8..).map(|(&cell, rank)| {
                Column::figures("h", [cell], |cell| "x".repeat(cell)).ranked(rank)
            });
            let table = render(columns.collect(), width);
            prop_assert!(table.lines().all(|line| line.chars().count() <= width), "{}", table);
        }
    }

    #[test]
    fn a_foreign_line_cannot_move_the_cursor() {
        assert_eq!(harmless("a\u{1b}[2Jb\tc\r\u{9b}"), "a\\u{1b}[2Jb\tc\\r\\u{9b}");
        assert_eq!(harmless_text("\u{7}\nb\n"), "\\u{7}\nb\n");
    }
}
