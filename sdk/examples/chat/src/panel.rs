//! The panel with the dialog that waits for the user.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use crate::dialog::{Decide, Dialog, Question};
use crate::form::{Field, FieldValue, Form};
use crate::input::Input;
use crate::theme::{Role, Theme};
use crate::wrap::{columns, safe, shorten, wrap, wrap_text};

/// The rows of a dialog.
pub struct Panel {
    /// Its title.
    pub title: &'static str,
    /// The rows of the request, the question or the purpose of the form.
    head: Vec<Line<'static>>,
    /// The rows of the choices or fields.
    body: Vec<Line<'static>>,
    /// The row of the body that the user is at.
    at: usize,
    /// The keys.
    foot: Vec<Line<'static>>,
    /// True if the panel shows the whole request.
    is_all: bool,
}

impl Panel {
    /// Lays out a dialog at this width.
    pub fn new(dialog: &Dialog, width: usize, theme: Theme) -> Self {
        match dialog {
            Dialog::Decide(decide) => Self::decide(decide, width, theme),
            Dialog::Question(question) => Self::question(question, width, theme),
            Dialog::Form(form) => Self::form(form, width, theme),
        }
    }

    /// The number of rows.
    pub fn height(&self) -> usize {
        self.head.len() + self.body.len() + self.foot.len()
    }

    /// Cuts the panel to this number of rows, and returns true if they have all that it is about.
    pub fn fit(mut self, height: usize) -> (Vec<Line<'static>>, bool) {
        let room = height.saturating_sub(self.foot.len());
        let for_body = self.body.len().min((room / 2).max(room.saturating_sub(self.head.len())));
        let first = (self.at + 1).saturating_sub(for_body.max(1)).min(self.body.len() - for_body);
        let for_head = room - for_body;
        let is_whole = self.head.len() <= for_head && self.foot.len() <= height;
        if !is_whole {
            self.head.truncate(for_head.saturating_sub(1));
            self.head.push(Line::raw("…"));
            self.head.truncate(for_head);
        }
        let body = self.body.into_iter().skip(first).take(for_body);
        let rows = self.head.into_iter().chain(body).chain(self.foot).take(height);
        (rows.collect(), is_whole && self.is_all)
    }

    fn decide(decide: &Decide, width: usize, theme: Theme) -> Self {
        let mut head = wrap_text(&decide.summary, Style::new(), width, "", "");
        let always = decide.always.as_deref().unwrap_or_else(|why| why);
        let keys = match (decide.is_summary_all, &decide.always) {
            (false, _) => "w read all of it  n no",
            (true, Err(_)) => "y yes  n no  w why",
            (true, Ok(_)) => "y yes  a always  n no  w why",
        };
        if decide.is_summary_all {
            head.extend(wrap_text(always, theme.style(Role::Dim), width, "always: ", "  "));
        }
        let (foot, is_all) = (foot(keys, width, theme), decide.is_summary_all);
        Self { title: "Allow this?", head, body: Vec::new(), at: 0, foot, is_all }
    }

    fn question(question: &Question, width: usize, theme: Theme) -> Self {
        let is_plan = question.plan.is_some();
        let mut head = wrap_text(&question.text, Style::new(), width, "", "");
        if is_plan {
            let place = "The plan is at the end of the conversation: pgup, pgdn.";
            head.extend(wrap_text(place, theme.style(Role::Dim), width, "", ""));
        }
        let has_words = question.words.as_ref().is_some_and(|words| !words.is_empty());
        let (mut body, mut at) = (Vec::new(), 0);
        for (index, choice) in question.choices.iter().enumerate() {
            let is_selected = index == question.selected && !has_words;
            let (sign, style) = match is_selected {
                true => ("▸ ", theme.style(Role::Selected)),
                false => ("  ", Style::new()),
            };
            body.extend(wrap_text(&safe(choice), style, width, sign, "  "));
            if is_selected {
                at = body.len() - 1;
            }
        }
        if let Some(words) = &question.words {
            let (rows, _) = edited(words, width.saturating_sub(2));
            let signs = std::iter::once("› ").chain(std::iter::repeat("  "));
            body.extend(rows.into_iter().zip(signs).map(|(mut row, sign)| {
                row.spans.insert(0, Span::styled(sign, theme.style(Role::Prompt)));
                row
            }));
            if has_words || question.choices.is_empty() {
                at = body.len() - 1;
            }
        }
        let (title, keys) = match (is_plan, question.choices.is_empty()) {
            (true, _) if has_words => ("The agent has a plan", "enter refuses, and says this"),
            (true, _) => {
                ("The agent has a plan", "↑↓ choose  enter accepts  write what to change  esc refuses")
            }
            (false, true) => ("The agent asks", "enter answers  esc does not"),
            (false, false) => ("The agent asks", "↑↓ choose  enter answers  esc does not"),
        };
        Self { title, head, body, at, foot: foot(keys, width, theme), is_all: true }
    }

    fn form(form: &Form, width: usize, theme: Theme) -> Self {
        let mut head = wrap_text(&form.message, Style::new(), width, "", "");
        if let Some(error) = &form.error {
            head.extend(wrap_text(error, theme.style(Role::Bad), width, "✗ ", "  "));
        }
        let rows = form.fields.iter().enumerate();
        let body =
            rows.map(|(index, field)| field_row(field, index == form.selected, width, theme)).collect();
        let keys = match form.fields.get(form.selected).map(|field| &field.value) {
            Some(FieldValue::Choice(..) | FieldValue::Flag(_)) => "↑↓ field  ←→ change  ",
            _ => "↑↓ field  ",
        };
        let keys = match form.selected + 1 < form.fields.len() {
            true => format!("{keys}enter next  esc closes"),
            false => format!("{keys}enter sends  esc closes"),
        };
        let foot = foot(&keys, width, theme);
        Self { title: "The agent asks", head, body, at: form.selected, foot, is_all: true }
    }
}

/// The rows with the keys. Two spaces separate one key from the next, and only there a row ends.
fn foot(keys: &str, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let together = keys.replace("  ", "\n").replace(' ', "\u{a0}").replace('\n', "  ");
    wrap(&[Span::styled(together, theme.style(Role::Ask))], width, &[], &[])
}

fn field_row(field: &Field, is_selected: bool, width: usize, theme: Theme) -> Line<'static> {
    let star = if field.is_required { "*" } else { "" };
    let sign = if is_selected { "▸ " } else { "  " };
    let title = shorten(&format!("{sign}{}{star}: ", safe(&field.title)), width * 2 / 3);
    let room = width.saturating_sub(columns(&title));
    let title_span = Span::styled(title, theme.style(if is_selected { Role::Prompt } else { Role::Dim }));
    let mut spans = vec![title_span];
    match &field.value {
        // The row with the cursor stands for a text of several rows.
        FieldValue::Text(_, input) if is_selected => {
            let (mut rows, at) = edited(input, room);
            spans.extend(rows.swap_remove(at).spans);
        }
        _ => {
            let style = if is_selected { theme.style(Role::Selected) } else { Style::new() };
            spans.push(Span::styled(shorten(&safe(&field.shown()), room), style));
        }
    }
    Line::from(spans)
}

/// The rows of a text with a cell in reverse as its cursor, and the row that this is in.
fn edited(input: &Input, width: usize) -> (Vec<Line<'static>>, usize) {
    let (rows, (at, column)) = input.rows(width.max(1));
    let lines = rows.into_iter().enumerate().map(|(index, row)| {
        if index != at {
            return Line::raw(row);
        }
        let (mut before, mut cursor, mut after, mut used) = (String::new(), String::new(), String::new(), 0);
        for letter in row.graphemes(true) {
            let part = match used {
                _ if used < column => &mut before,
                _ if cursor.is_empty() => &mut cursor,
                _ => &mut after,
            };
            part.push_str(letter);
            used += columns(letter);
        }
        let cursor = if cursor.is_empty() { " ".to_owned() } else { cursor };
        let reversed = Style::new().add_modifier(Modifier::REVERSED);
        Line::from(vec![Span::raw(before), Span::styled(cursor, reversed), Span::raw(after)])
    });
    (lines.collect(), at)
}
