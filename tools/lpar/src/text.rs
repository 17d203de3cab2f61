//! Text for people: aligned columns, colours where they are wanted, and nothing that a terminal would obey.
//!
//! Names come from firmware, hooks and consoles. Whatever reaches a terminal went through [`Cell`], which shows control
//! characters instead of sending them.

use std::fmt::{Display, Write as _};

use lpard::visible::visible;

/// What a piece of text means; the colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it should be.
    Good,
    /// Somebody should look at it.
    Doubtful,
    /// It is wrong.
    Bad,
    /// It is not known.
    Unknown,
    /// A label or a heading.
    Label,
}

impl Style {
    /// "Select graphic rendition" (ECMA-48, 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
            Self::Unknown => "36",
            Self::Label => "1",
        }
    }
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Coloured,
}

impl Paint {
    /// Colours are for terminals, and not for who has set `NO_COLOR` to anything (no-color.org).
    pub(crate) fn choose(is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> Self {
        let unwanted = no_color.is_some_and(|value| !value.is_empty());
        if is_terminal && !unwanted { Self::Coloured } else { Self::Plain }
    }
}

/// A piece of text that is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// Text of any origin.
    pub(crate) fn new(text: impl Display) -> Self {
        Self { text: visible(&text.to_string()), style: None }
    }

    /// Text that means something.
    pub(crate) fn styled(text: impl Display, style: Style) -> Self {
        Self { style: Some(style), ..Self::new(text) }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    /// Painted, then padded: escape sequences have no width.
    fn render(&self, paint: Paint, width: usize) -> String {
        let padding = " ".repeat(width.saturating_sub(self.width()));
        match (self.style, paint) {
            (Some(style), Paint::Coloured) => format!("\x1b[{}m{}\x1b[0m{padding}", style.code(), self.text),
            _ => format!("{}{padding}", self.text),
        }
    }
}

/// A line of a table, and what is said below it, under its second column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    cells: Vec<Cell>,
    below: Vec<Cell>,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, below: Vec::new() }
    }
}

impl Row {
    /// The same with one more line below it.
    #[must_use]
    pub(crate) fn below(mut self, cell: Cell) -> Self {
        self.below.push(cell);
        self
    }
}

/// Between two columns.
const GAP: &str = "  ";

/// A report that is being written.
#[derive(Debug)]
pub(crate) struct Sheet {
    paint: Paint,
    text: String,
}

impl Sheet {
    /// An empty one.
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint, text: String::new() }
    }

    /// What was written.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// One line.
    pub(crate) fn line(&mut self, cell: &Cell) {
        self.row(std::slice::from_ref(cell), &[]);
    }

    /// A heading, apart from what is above it.
    pub(crate) fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(&Cell::styled(heading, Style::Label));
    }

    /// Rows whose columns are as wide as the widest cell in them. The last column is not padded.
    pub(crate) fn table(&mut self, rows: &[Row]) {
        let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        let in_column = |column: usize| rows.iter().filter_map(move |row| row.cells.get(column));
        let widths: Vec<usize> =
            (0..columns).map(|column| in_column(column).map(Cell::width).max().unwrap_or(0)).collect();
        for row in rows {
            self.row(&row.cells, &widths);
            for cell in &row.below {
                self.row(&[Cell::new(""), cell.clone()], &widths);
            }
        }
    }

    /// Labels and what belongs to them.
    pub(crate) fn fields(&mut self, fields: Vec<(&str, Cell)>) {
        let row = |(label, value)| Row::from(vec![Cell::styled(label, Style::Label), value]);
        let rows: Vec<_> = fields.into_iter().map(row).collect();
        self.table(&rows);
    }

    fn row(&mut self, cells: &[Cell], widths: &[usize]) {
        let last = cells.len().saturating_sub(1);
        for (column, cell) in cells.iter().enumerate() {
            let width = if column == last { 0 } else { widths.get(column).copied().unwrap_or(0) };
            let gap = if column == 0 { "" } else { GAP };
            // Writing into a String cannot fail.
            let _ = write!(self.text, "{gap}{}", cell.render(self.paint, width));
        }
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn colours_are_for_terminals_without_no_color() {
        let cases = [
            (true, None, Paint::Coloured),
            (true, Some(""), Paint::Coloured),
            (true, Some("0"), Paint::Plain),
            (false, None, Paint::Plain),
        ];
        for (is_terminal, no_color, expected) in cases {
            assert_eq!(Paint::choose(is_terminal, no_color.map(OsStr::new)), expected);
        }
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let rows = [
            Row::from(vec![Cell::styled("ok", Style::Good), Cell::new("a"), Cell::new("x")]),
            Row::from(vec![Cell::styled("cannot tell", Style::Unknown), Cell::new("füü"), Cell::new("")])
                .below(Cell::new("longer than the column")),
        ];
        let mut plain = Sheet::new(Paint::Plain);
        plain.table(&rows);
        assert_eq!(plain.into_text(), "ok           a    x\ncannot tell  füü\n             longer than the column\n");
        let mut coloured = Sheet::new(Paint::Coloured);
        coloured.table(&rows[..1]);
        assert_eq!(coloured.into_text(), "\x1b[32mok\x1b[0m  a  x\n");
    }

    #[test]
    fn headings_stand_apart() {
        let mut sheet = Sheet::new(Paint::Plain);
        sheet.heading("one");
        sheet.fields(vec![("a", Cell::new(1)), ("bb", Cell::new("two\nlines"))]);
        sheet.heading("two");
        assert_eq!(sheet.into_text(), "one\na   1\nbb  two\\nlines\n\ntwo\n");
    }
}
