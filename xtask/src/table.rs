//! Rows of a table on the terminal.

/// A row: the first cell is aligned to the left, the others to the right.
pub fn row<const N: usize>(cells: [String; N]) -> String {
    let row = cells.iter().enumerate().map(|(column, cell)| match column {
        0 => format!("{cell:<20}"),
        _ => format!("{cell:>11}"),
    });
    row.collect()
}

/// A duration in seconds.
pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}
