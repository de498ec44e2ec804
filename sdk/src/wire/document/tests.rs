//! Tests of documents that share their memory.

use super::Document;

/// A document takes over the memory of an earlier one, and not that of one that is still there.
#[test]
fn documents_at_the_same_time_have_their_own_strings() {
    let list = |letter: &str, count| format!("[{}]", vec![format!(r#""\n{letter}\"""#); count].join(","));
    let strings = |document: &Document<'_>| {
        let items = document.root().items().expect("a list");
        items.map(|item| item.string().expect("a string")).collect::<String>()
    };
    let (outer, inner) = (list("a", 3), list("bc", 1000));
    for _ in 0..3 {
        let document = Document::parse(&outer).expect("a list");
        for text in [&inner, &outer] {
            let expected = strings(&Document::parse(text).expect("a list"));
            assert_eq!(expected.len(), if text == &inner { 4000 } else { 9 });
        }
        Document::parse(r#"["\n", "\x"]"#).expect_err("no escape");
        assert_eq!(strings(&document), "\na\"\na\"\na\"");
    }
}
