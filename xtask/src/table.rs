//! Lays figures out in lines.

/// One line: the name of the row, then cells of these widths.
pub fn line(name: &str, cells: impl IntoIterator<Item = (String, usize)>) -> String {
    let cells: String = cells.into_iter().map(|(cell, width)| format!("{cell:>width$}")).collect();
    format!("  {name:<30}{cells}").trim_end().to_owned()
}

pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}

pub fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}
