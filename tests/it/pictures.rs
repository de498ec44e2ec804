//! The pictures of terminals in the docs, which the example `pictures` makes.

#[path = "../examples/pictures/svg.rs"]
mod svg;

/// A space that is longer than a byte is text as any other, also at the end of a row.
#[test]
fn other_spaces_are_drawn() {
    let mut parser = vt100::Parser::new(3, 20, 0);
    parser.process("one\u{2003}\r\ntwo \u{2003} \r\n\u{3000}".as_bytes());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("spaces.svg");
    svg::keep(&path, parser.screen()).expect("a picture");
    let picture = std::fs::read_to_string(path).expect("a picture");
    assert!(picture.contains("textLength=\"33.6\">one\u{2003}</text>"), "{picture}");
    assert!(picture.contains("textLength=\"42.0\">two \u{2003}</text>"), "{picture}");
}
