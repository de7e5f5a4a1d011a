//! Rows in columns.

use std::io::{self, Write};

/// A table that is written when it is complete.
#[derive(Debug)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these heads. A `>` before a head sets its column to the right; a table whose heads are all empty has none.
    pub fn new(heads: &[&'static str]) -> Table {
        Table { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Cells at its end may be left out; one in the last of the columns given then may be longer than the column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes it.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = self.heads.len();
        let heads: Vec<String> = self.heads.iter().map(|head| head.trim_start_matches('>').to_owned()).collect();
        let has_heads = heads.iter().any(|head| !head.is_empty());
        let rows: Vec<&Vec<String>> = has_heads.then_some(&heads).into_iter().chain(&self.rows).collect();
        let mut widths = vec![0; columns];
        for row in rows.iter().filter(|row| row.len() == columns || row.len() > 3) {
            for (width, cell) in widths.iter_mut().zip(row.iter()) {
                *width = cell.chars().count().max(*width);
            }
        }
        // A short row's first cell is lined up with the others.
        for row in &rows {
            if let (Some(width), Some(cell)) = (widths.first_mut(), row.first()) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                let gap = if column == 0 { "" } else { "  " };
                let is_right = self.heads[column].starts_with('>');
                line += &if is_right { format!("{gap}{padding}{cell}") } else { format!("{gap}{cell}{padding}") };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new(&["server", "version", ">items", ">bytes"]);
        table.row(["10.0.0.1:11211", "1.6", "5", "1 MB"].map(str::to_owned).to_vec());
        table.row(["a:1", "does not answer at all"].map(str::to_owned).to_vec());
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "server          version  items  bytes\n\
             10.0.0.1:11211  1.6          5   1 MB\n\
             a:1             does not answer at all\n"
        );
    }
}
