//! The lines in which two texts differ.

use similar::TextDiff;

/// The largest number of lines of a diff that is shown.
const MAX_LINES: usize = 100;

/// The unified diff from a text on disk to the one that is expected.
pub fn unified(path: &str, on_disk: &str, expected: &str) -> String {
    let diff = TextDiff::from_lines(on_disk, expected);
    let diff = diff.unified_diff().header(path, "expected").to_string().replace('\r', "\\r");
    let mut lines = diff.lines();
    let mut text: String = lines.by_ref().take(MAX_LINES).map(|line| format!("{line}\n")).collect();
    match lines.count() {
        0 => {}
        more => text += &format!("… and {more} more lines\n"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_difference_are_shown() {
        let diff = unified("list", "a\nb\nc\n", "a\nc\nd\n");
        assert_eq!(diff, "--- list\n+++ expected\n@@ -1,3 +1,3 @@\n a\n-b\n c\n+d\n");
    }

    #[test]
    fn a_carriage_return_is_visible() {
        assert!(unified("list", "a\r\n", "a\n").contains("\n-a\\r\n+a\n"));
    }

    #[test]
    fn a_long_diff_is_cut() {
        let diff = unified("list", "", &"x\n".repeat(200));
        assert_eq!(diff.lines().count(), MAX_LINES + 1);
        assert!(diff.ends_with("… and 103 more lines\n"), "{diff}");
    }
}
