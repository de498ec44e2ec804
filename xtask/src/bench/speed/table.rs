//! Tables for the terminal and for the docs.

use std::fmt::Write;

pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// The table for the terminal.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.title);
        // Writing to a string cannot fail.
        let mut line = |name: &str, cells: &[String]| {
            let cells: String = cells.iter().map(|cell| format!("{cell:>20}")).collect();
            let _ = writeln!(out, "{name:<34}{cells}");
        };
        line("", &self.columns);
        self.rows.iter().for_each(|(name, cells)| line(name, cells));
        out
    }

    /// The table for the docs, as Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("{}\n\n", self.title);
        let mut line = |name: &str, cells: &[String]| {
            let cells: String = cells.iter().map(|cell| format!(" {cell} |")).collect();
            let _ = writeln!(out, "| {name} |{cells}");
        };
        line("", &self.columns);
        line("---", &vec!["---:".to_owned(); self.columns.len()]);
        self.rows.iter().for_each(|(name, cells)| line(name, cells));
        out
    }
}

/// A number with three digits or more, in groups of three.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 99.95 || value == 0.0 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let whole = text.split('.').next().unwrap_or(&text).trim_start_matches('-').len();
    let sign = text.len() - text.trim_start_matches('-').len();
    let mut out = String::new();
    for (index, character) in text.chars().enumerate() {
        if index > sign && index < sign + whole && (sign + whole - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(character);
    }
    out
}

/// The values of each SDK, and how many times as much the second one has.
pub fn compared(values: &[f64]) -> Vec<String> {
    let mut cells: Vec<String> = values.iter().map(|value| number(*value)).collect();
    if let [ours, other] = values {
        let ratio = other / ours;
        let decimals = if ratio < 0.95 { 2 } else { 1 };
        cells.push(if *ours >= 0.005 { format!("{ratio:.decimals$}×") } else { "-".to_owned() });
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.0, 0.123, 1.0, 12.345, 123.4, 1234.0, 1_234_567.0, -1234.0, -12.0].map(number);
        assert_eq!(shown, ["0", "0.12", "1.00", "12.3", "123", "1,234", "1,234,567", "-1,234", "-12.0"]);
    }

    #[test]
    fn a_table_is_text_and_markdown() {
        assert_eq!(compared(&[2.0, 0.5])[2], "0.25×");
        assert_eq!(compared(&[0.0, 0.0])[2], "-");
        let cells = compared(&[2.0, 5.0]);
        let columns = ["a", "b", "ratio"].map(str::to_owned).to_vec();
        let table = Table { title: "Title:".to_owned(), columns, rows: vec![("row".to_owned(), cells)] };
        assert_eq!(
            table.markdown(),
            "Title:\n\n|  | a | b | ratio |\n| --- | ---: | ---: | ---: |\n| row | 2.00 | 5.00 | 2.5× |\n"
        );
        assert_eq!(table.text().lines().count(), 3);
    }
}
