//! Markdown as rows of a terminal.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::theme::{Role, Theme};
use crate::wrap::{columns, safe, wrap};

/// The most levels of lists and quotes that are indented.
const MAX_LEVELS: usize = 6;

/// Renders Markdown, which may end anywhere: it is rendered while it is written.
pub fn render(text: &str, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page { width, theme, ..Page::default() };
    for event in Parser::new_ext(text, options) {
        page.event(event);
    }
    page.flush();
    page.rows
}

/// The rows so far, and the elements that are open.
#[derive(Default)]
struct Page {
    width: usize,
    theme: Theme,
    rows: Vec<Line<'static>>,
    /// The text of the current paragraph or cell.
    spans: Vec<Span<'static>>,
    styles: Vec<Style>,
    /// The starts of each row, one for each open list item and quote.
    prefixes: Vec<Span<'static>>,
    /// The number of open list items and quotes below those, which are not indented.
    deeper: usize,
    /// The sign of a list item whose first row is not written yet.
    marker: Option<String>,
    /// True at the start of a quote or list item.
    is_fresh: bool,
    /// The number of the next item of each open list; none without numbers.
    lists: Vec<Option<u64>>,
    /// The code block that is open.
    code: Option<String>,
    /// The address of the link that is open, and its number of spans before.
    link: Option<(String, usize)>,
    /// The cells of the table that is open.
    table: Vec<Vec<Vec<Span<'static>>>>,
}

impl Page {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.push(&text),
            },
            Event::Code(text) => {
                self.styles.push(self.theme.style(Role::Code));
                self.push(&text);
                self.styles.pop();
            }
            Event::Html(text) | Event::InlineHtml(text) => self.push(text.trim_end_matches('\n')),
            Event::SoftBreak => self.push(" "),
            Event::HardBreak => self.flush(),
            Event::Rule => {
                self.blank();
                let rule = "─".repeat(self.width.saturating_sub(self.indentation()));
                self.spans.push(Span::styled(rule, self.theme.style(Role::Dim)));
                self.flush();
            }
            Event::TaskListMarker(done) => self.push(if done { "[x] " } else { "[ ] " }),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.blank(),
            Tag::Heading { level, .. } => {
                self.blank();
                self.styles.push(self.theme.style(Role::Heading));
                if level as usize > 2 {
                    self.push("· ");
                }
            }
            Tag::BlockQuote(_) => {
                self.blank();
                self.indent("▏ ".to_owned());
            }
            Tag::CodeBlock(kind) => {
                self.blank();
                self.code = Some(String::new());
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    self.spans.push(Span::styled(safe(&language), self.theme.style(Role::Dim)));
                    self.flush();
                }
            }
            Tag::List(first) => {
                match self.lists.is_empty() {
                    true => self.blank(),
                    false => self.flush(),
                }
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Emphasis => self.style(Modifier::ITALIC),
            Tag::Strong => self.style(Modifier::BOLD),
            Tag::Strikethrough => self.style(Modifier::CROSSED_OUT),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some((dest_url.into_string(), self.spans.len()));
                self.styles.push(self.theme.style(Role::Link));
            }
            Tag::Table(_) => self.blank(),
            Tag::TableHead | Tag::TableRow => self.table.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.flush(),
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.flush();
                match self.deeper {
                    0 => drop(self.prefixes.pop()),
                    _ => self.deeper -= 1,
                }
                self.marker = None;
            }
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                if let Some(row) = self.table.last_mut() {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.end_table(),
            _ => {}
        }
    }

    /// Adds text to the current paragraph.
    fn push(&mut self, text: &str) {
        let style = self.styles.iter().fold(Style::new(), |style, more| style.patch(*more));
        self.spans.push(Span::styled(safe(text), style));
    }

    fn style(&mut self, modifier: Modifier) {
        self.styles.push(Style::new().add_modifier(modifier));
    }

    fn item(&mut self) {
        self.flush();
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number = number.saturating_add(1);
                format!("{}. ", number.saturating_sub(1))
            }
            _ => "• ".to_owned(),
        };
        self.indent(" ".repeat(columns(&marker)));
        self.marker = Some(marker).filter(|_| self.deeper == 0);
    }

    fn indent(&mut self, prefix: String) {
        match self.prefixes.len() < MAX_LEVELS {
            true => self.prefixes.push(Span::styled(prefix, self.theme.style(Role::Dim))),
            false => self.deeper += 1,
        }
        self.is_fresh = true;
    }

    fn indentation(&self) -> usize {
        self.prefixes.iter().map(|prefix| columns(&prefix.content)).sum()
    }

    /// Ends the current paragraph, and separates the next block from it.
    fn blank(&mut self) {
        self.flush();
        if !self.is_fresh && !self.rows.is_empty() && self.lists.is_empty() {
            self.rows.push(Line::from(self.prefixes.clone()));
        }
    }

    /// Writes the rows of the current paragraph.
    fn flush(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        self.is_fresh = false;
        let spans = std::mem::take(&mut self.spans);
        let mut first = self.prefixes.clone();
        if let (Some(marker), Some(last)) = (self.marker.take(), first.last_mut()) {
            last.content = marker.into();
        }
        self.rows.extend(wrap(&spans, self.width, &first, &self.prefixes));
    }

    fn end_code(&mut self) {
        let code = self.code.take().unwrap_or_default();
        self.prefixes.push(Span::raw("  "));
        // A list item may begin with code.
        self.marker = None;
        for line in code.trim_end_matches('\n').split('\n') {
            self.spans.push(Span::styled(safe(line), self.theme.style(Role::Code)));
            self.flush();
        }
        self.prefixes.pop();
    }

    fn end_link(&mut self) {
        self.styles.pop();
        let Some((address, before)) = self.link.take() else { return };
        let shown: String = self.spans.iter().skip(before).map(|span| &*span.content).collect();
        let address = safe(&address);
        if shown != address {
            self.spans.push(Span::styled(format!(" ({address})"), self.theme.style(Role::Dim)));
        }
    }

    fn end_table(&mut self) {
        let table = std::mem::take(&mut self.table);
        let wide = |cell: &Vec<Span<'_>>| cell.iter().map(|span| columns(&span.content)).sum::<usize>();
        let count = table.iter().map(Vec::len).max().unwrap_or_default();
        let widths: Vec<usize> = (0..count)
            .map(|at| table.iter().filter_map(|row| row.get(at)).map(wide).max().unwrap_or_default())
            .collect();
        // A table that is too wide is not aligned, since its rows are wrapped.
        let fits = widths.iter().map(|width| width + 3).sum::<usize>() <= self.width + 3;
        for (index, row) in table.into_iter().enumerate() {
            for (at, cell) in row.into_iter().enumerate() {
                let missing = if fits && at + 1 < count { widths[at] - wide(&cell) } else { 0 };
                if at > 0 {
                    self.spans.push(Span::styled(" │ ", self.theme.style(Role::Dim)));
                }
                let bold = if index == 0 { Modifier::BOLD } else { Modifier::empty() };
                self.spans
                    .extend(cell.into_iter().map(|span| span.patch_style(Style::new().add_modifier(bold))));
                self.spans.push(Span::raw(" ".repeat(missing)));
            }
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Colors;

    fn rows(text: &str, width: usize) -> Vec<String> {
        let rows = render(text, width, Theme(Colors::None));
        rows.iter().map(|row| row.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn blocks() {
        let text = "# Title\nText with **bold** and `code`.\n\n> A quote\n> of two lines\n\n---\n```rust\nfn main() {\n    \
            one();\n}\n```\nEnd";
        let expected = [
            "Title",
            "",
            "Text with bold and",
            "code.",
            "",
            "▏ A quote of two",
            "▏ lines",
            "",
            "────────────────────",
            "",
            "rust",
            "  fn main() {",
            "      one();",
            "  }",
            "",
            "End",
        ];
        assert_eq!(rows(text, 20), expected);
    }

    #[test]
    fn lists_and_links() {
        let text = "1. one\n2. two words here\n   - inner\n   - [x] done\n\nSee [docs](https://a.b) and <https://c.d>.";
        let expected = [
            "1. one",
            "2. two words",
            "   here",
            "   • inner",
            "   • [x] done",
            "",
            "See docs",
            "(https://a.b)",
            "and https://c.d.",
        ];
        assert_eq!(rows(text, 16), expected);
    }

    #[test]
    fn tables() {
        let text = "| a | long head |\n|---|---|\n| longer | 1 |\n";
        assert_eq!(rows(text, 30), ["a      │ long head", "longer │ 1"]);
        assert_eq!(rows(text, 12), ["a │ long", "head", "longer │ 1"]);
    }

    /// Neither the text nor a character reference brings a control character to the terminal.
    #[test]
    fn nothing_raw() {
        let text = "a\u{1b}[2Jb &#x1b;[31m [l\u{202e}](http://x/&#27;) `c\u{7}`\n```\u{1b}\n\u{1b}\tx\n```\n<b\u{1b}>";
        let rows = rows(text, 200).join("\n");
        assert_eq!(copilot_session::printable_lines(&rows), rows);
        assert!(rows.contains("a\\u{1b}[2Jb \\u{1b}[31m l\\u{202e} (http://x/\\u{1b}) c\\u{7}"), "{rows}");
        assert!(rows.contains("\n  \\u{1b}    x"), "{rows}");
    }

    /// Levels without end cost no more for each row than a few do.
    #[test]
    fn levels_without_end() {
        for sign in ["> ", "- "] {
            let text = format!("{}x\n\n{sign}y", sign.repeat(1000));
            let rows = render(&text, 80, Theme(Colors::None));
            assert!(rows.iter().all(|row| row.spans.len() <= MAX_LEVELS + 1), "{rows:?}");
            let last = rows.last().map(ToString::to_string);
            assert!(last.is_some_and(|row| row.ends_with('y') && columns(&row) == 3), "{rows:?}");
        }
    }

    /// Every prefix of a text can be rendered, at any width, and has no row that is too long.
    #[test]
    fn while_it_is_written() {
        let text = "- **a** `b`\n  > *c* ![i](u)\n\n| x | y |\n|---|---|\n| 日本 | <i> |\n\n```sh\nls\n```\n1. z\n\n   p ~~q~~";
        for (end, _) in text.char_indices() {
            for width in [1, 2, 10, 80] {
                render(&text[..end], width, Theme(Colors::Full));
            }
            for row in rows(&text[..end], 12) {
                assert!(columns(&row) <= 12, "{row:?}");
            }
        }
    }
}
