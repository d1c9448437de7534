//! Columns of text, aligned by characters.

/// Where a column puts its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Appends a row; it has as many cells as there are columns.
    pub fn push(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Heading and rows as lines. With `width` the first column gives way until the lines fit, down
    /// to eight characters; what it loses is its beginning, for the end of a path tells more.
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut widths: Vec<usize> = (0..self.columns.len()).map(|at| self.widest(at)).collect();
        if let (Some(width), Some((first, rest))) = (width, widths.split_first_mut()) {
            let others: usize = rest.iter().map(|w| w + GAP.len()).sum();
            *first = (*first).min(width.saturating_sub(others).max(8));
        }
        let heading: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        std::iter::once(&heading)
            .chain(&self.rows)
            .map(|row| self.line(row, &widths))
            .collect()
    }

    fn widest(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        let names = self
            .columns
            .get(at)
            .map_or(0, |(name, _)| name.chars().count());
        cells
            .map(|c| c.chars().count())
            .max()
            .unwrap_or(0)
            .max(names)
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(&self.columns).zip(widths);
        let cells: Vec<String> = cells
            .map(|((cell, (_, align)), &width)| {
                let cell = shorten(cell, width);
                match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                }
            })
            .collect();
        cells.join(GAP).trim_end().to_owned()
    }
}

fn shorten(text: &str, width: usize) -> String {
    let long = text.chars().count();
    if long <= width {
        return text.to_owned();
    }
    let end: String = text.chars().skip(long + 1 - width).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_first_gives_way() {
        let mut table = Table::new(&[("NAME", Align::Left), ("CPU", Align::Right)]);
        table.push(vec!["kubepods/pod-ü/web".into(), "0.25".into()]);
        table.push(vec!["b".into(), "12.5".into()]);
        assert_eq!(
            table.lines(None),
            [
                "NAME                 CPU",
                "kubepods/pod-ü/web  0.25",
                "b                   12.5",
            ]
        );
        let narrow = table.lines(Some(16));
        assert_eq!(narrow[1], "…d-ü/web  0.25".replace("…d-ü", "…pod-ü"));
        assert!(narrow.iter().all(|l| l.chars().count() <= 16), "{narrow:?}");
    }
}
