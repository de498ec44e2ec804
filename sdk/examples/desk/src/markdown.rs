//! Markdown of the model as pieces, of which the page makes elements.
//!
//! No HTML comes in between: an element has one of the names in this file, a tag that the model has written is text
//! like any other, and an address is only ever that of a link that a person clicks.
//!
//! Some parts of Markdown are not shown, as elsewhere: the language of a code block, the title of a link, and the
//! definitions of links.

use copilot_session::printable_lines;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde::Serialize;

/// The most pieces of a text. One with more is shown as it was written.
const MAX_PIECES: usize = 10_000;

/// The most elements around a text. Deeper ones are left out, but not what they contain.
const MAX_DEPTH: usize = 24;

/// A piece of a formatted text. As JSON it is a string, a list, or null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Piece {
    /// Text.
    Text(String),
    /// The start of an element with this name; with the address of a link, or the first number of a list.
    Open(&'static str, Option<String>),
    /// The end of the element that began last.
    Close,
}

/// Reads Markdown; none if it has too many pieces.
pub fn pieces(text: &str) -> Option<Vec<Piece>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page::default();
    for event in Parser::new_ext(text, options) {
        page.event(event);
        if page.pieces.len() > MAX_PIECES {
            return None;
        }
    }
    Some(page.pieces)
}

/// The pieces so far, and the elements that are open.
#[derive(Default)]
struct Page {
    pieces: Vec<Piece>,
    /// For each open tag, true if its element is in the pieces.
    open: Vec<bool>,
    depth: usize,
    /// All texts so far.
    shown: String,
    /// The addresses of the open links and images, with the length of the texts before each.
    links: Vec<(String, usize)>,
    is_in_head: bool,
}

impl Page {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => {
                self.open(Some("code"), None);
                self.text(&text);
                self.close();
            }
            Event::SoftBreak => self.text("\n"),
            Event::HardBreak => self.empty("br"),
            Event::Rule => self.empty("hr"),
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
            // Of extensions that are off.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let name = match tag {
            Tag::Paragraph => "p",
            // The page has two levels of its own.
            Tag::Heading { level: HeadingLevel::H1 | HeadingLevel::H2, .. } => "h3",
            Tag::Heading { .. } => "h4",
            Tag::BlockQuote(_) => "blockquote",
            Tag::CodeBlock(_) | Tag::HtmlBlock => "pre",
            Tag::List(None) => "ul",
            Tag::List(Some(first)) => return self.open(Some("ol"), Some(first.to_string())),
            Tag::Item => "li",
            Tag::Emphasis => "em",
            Tag::Strong => "strong",
            Tag::Strikethrough => "del",
            Tag::Table(_) => "table",
            Tag::TableHead | Tag::TableRow => {
                self.is_in_head = matches!(tag, Tag::TableHead);
                "tr"
            }
            Tag::TableCell if self.is_in_head => "th",
            Tag::TableCell => "td",
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => return self.link(&dest_url),
            _ => return self.open(None, None),
        };
        self.open(Some(name), None);
    }

    fn end(&mut self, tag: TagEnd) {
        self.close();
        if let TagEnd::Link | TagEnd::Image = tag
            && let Some((address, before)) = self.links.pop()
        {
            // A text that looks like another address deceives nobody.
            if self.shown[before..] != address {
                self.text(&format!(" ({address})"));
            }
        }
    }

    /// Begins a link, or for an address that must not be opened only a text. A picture is a link to it, since nothing
    /// is loaded that a person does not ask for.
    fn link(&mut self, address: &str) {
        let shown = printable_lines(address).into_owned();
        let start = address.get(..8).unwrap_or(address).to_ascii_lowercase();
        let is_web = start.starts_with("http://") || start.starts_with("https://");
        // What is opened is what is shown.
        let is_plain = shown == address && !address.contains(char::is_whitespace);
        self.open((is_web && is_plain).then_some("a"), Some(shown.clone()));
        self.links.push((shown, self.shown.len()));
    }

    fn open(&mut self, name: Option<&'static str>, detail: Option<String>) {
        let name = name.filter(|_| self.depth < MAX_DEPTH);
        if let Some(name) = name {
            self.pieces.push(Piece::Open(name, detail));
            self.depth += 1;
        }
        self.open.push(name.is_some());
    }

    fn close(&mut self) {
        if self.open.pop() == Some(true) {
            self.pieces.push(Piece::Close);
            self.depth -= 1;
        }
    }

    fn empty(&mut self, name: &'static str) {
        self.open(Some(name), None);
        self.close();
    }

    /// Adds text. A reference such as `&#27;` may have become a control character by now.
    fn text(&mut self, text: &str) {
        let shown = printable_lines(text);
        self.shown.push_str(&shown);
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(&shown),
            _ => self.pieces.push(Piece::Text(shown.into_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces in the form of HTML, to read.
    fn shown(text: &str) -> String {
        let mut names = Vec::new();
        let write = |piece: Piece| match piece {
            Piece::Text(text) => text,
            Piece::Open(name, detail) => {
                names.push(name);
                format!("<{name}{}>", detail.map(|detail| format!(" {detail}")).unwrap_or_default())
            }
            Piece::Close => format!("</{}>", names.pop().expect("an open element")),
        };
        let shown = pieces(text).expect("few pieces").into_iter().map(write).collect();
        assert!(names.is_empty(), "{names:?}");
        shown
    }

    #[test]
    fn markdown_is_formatted() {
        let text = "# Title\n**bold** *`a`* ~~b~~\n\n> q\n\n3. x\n   - [x] y\n\n```rust\nlet a = 1;\n```\n---\n| h |\n|---|\n| c |";
        let expected = "<h3>Title</h3><p><strong>bold</strong> <em><code>a</code></em> <del>b</del></p>\
            <blockquote><p>q</p></blockquote><ol 3><li>x<ul><li>☑ y</li></ul></li></ol><pre>let a = 1;\n</pre><hr></hr>\
            <table><tr><th>h</th></tr><tr><td>c</td></tr></table>";
        assert_eq!(shown(text), expected);
        let json = serde_json::to_string(&pieces("a *b*")).expect("JSON");
        assert_eq!(json, r#"[["p",null],"a ",["em",null],"b",null,null]"#);
    }

    /// A link shows where it leads, and leads only to the web. Nothing else becomes one.
    #[test]
    fn links_show_their_target() {
        let cases = [
            ("[a](https://a.b/c?d#e)", "<a https://a.b/c?d#e>a</a> (https://a.b/c?d#e)"),
            ("<https://a.b>", "<a https://a.b>https://a.b</a>"),
            ("[https://good](HTTP://bad)", "<a HTTP://bad>https://good</a> (HTTP://bad)"),
            ("![i](https://a.b/i.png)", "<a https://a.b/i.png>i</a> (https://a.b/i.png)"),
            (
                "[![i](https://a/i)](https://b)",
                "<a https://b><a https://a/i>i</a> (https://a/i)</a> (https://b)",
            ),
            ("[a](javascript:alert(1))", "a (javascript:alert(1))"),
            ("[a](JaVaScRiPt&colon;alert(1))", "a (JaVaScRiPt:alert(1))"),
            ("[a](&#1;javascript:x)", "a (\\u{1}javascript:x)"),
            ("[a](<http://a b>)", "a (http://a b)"),
            ("[a](https://a&#x202e;b)", "a (https://a\\u{202e}b)"),
            ("![i](data:image/svg+xml,<svg/onload=x>)", "i (data:image/svg+xml,<svg/onload=x>)"),
            (
                "[a](vbscript:x) [b](file:///etc) [c](//a.b) [d](x.html)",
                "a (vbscript:x) b (file:///etc) c (//a.b) d (x.html)",
            ),
            ("mail <me@a.b> or [x](x)", "mail me@a.b or x"),
            ("[*a*.b c](a.b)", "<em>a</em>.b c (a.b)"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), format!("<p>{expected}</p>"), "{text}");
        }
    }

    /// Tags of the model are text, and no reference brings a control character.
    #[test]
    fn tags_are_text() {
        let cases = [
            ("a <script>x()</script> b", "<p>a <script>x()</script> b</p>"),
            ("<script>\nx()\n</script>", "<pre><script>\nx()\n</script></pre>"),
            ("<div onclick=x>\n\n*a*", "<pre><div onclick=x>\n</pre><p><em>a</em></p>"),
            ("&lt;img src=x&gt; &#x1b;[2J &#x202e;", "<p><img src=x> \\u{1b}[2J \\u{202e}</p>"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
            let names = pieces(text).into_iter().flatten().filter_map(|piece| match piece {
                Piece::Open(name, _) => Some(name),
                _ => None,
            });
            assert!(
                names.clone().all(|name| ["p", "pre", "em"].contains(&name)),
                "{:?}",
                names.collect::<Vec<_>>()
            );
        }
    }

    /// Depth and size have limits, and every beginning of a text is read.
    #[test]
    fn any_text_is_bounded() {
        let open = ["> ", "- ", "*a _b ", "[", "![", "<b>", "`", "|a", "1. "];
        let texts = open.map(|sign| (sign, format!("{}x", sign.repeat(20_000))));
        let nested = format!("{}x{}", "![".repeat(10_900), "](u)".repeat(10_900));
        for (sign, text) in texts.into_iter().chain([("nested", nested)]) {
            let mut depth = 0;
            for piece in pieces(&text).into_iter().flatten() {
                depth = match piece {
                    Piece::Open(..) => depth + 1,
                    Piece::Close => depth - 1,
                    Piece::Text(_) => depth,
                };
                assert!(depth <= MAX_DEPTH, "{sign}");
            }
            assert_eq!(depth, 0);
        }
        assert_eq!(pieces(&"*a* ".repeat(MAX_PIECES)), None);
        let table = format!("|{}\n|{}\n{}", "a|".repeat(3000), "-|".repeat(3000), "|a\n".repeat(3000));
        assert_eq!(pieces(&table), None);
        let text =
            "- **a** `b`\n  > *c* ![i](u)\n\n| x |\n|---|\n| <i> |\n\n```sh\nls\n```\n1. z\n\n   ~~q~~";
        for (end, _) in text.char_indices() {
            shown(&text[..end]);
        }
    }
}
