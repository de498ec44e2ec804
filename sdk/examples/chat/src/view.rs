//! The screen: the state in, cells out.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use crate::app::App;
use crate::calls;
use crate::conversation;
use crate::dialog::Dialog;
use crate::panel::Panel;
use crate::screen::{Item, Listed, Screen, Scroll};
use crate::theme::{Role, Theme};
use crate::wrap::{safe, shorten, wrap_text};

/// The least number of columns for a panel at the side.
const MIN_WIDE: u16 = 80;

/// The most rows of the prompt that are shown.
const MAX_PROMPT_ROWS: usize = 6;

const WELCOME: &str = "Ask the agent something.";

const KEYS: &str = "\
    enter      sends, alt-enter makes a new line\n\
    ctrl-c     stops the agent, or twice ends the chat\n\
    shift-tab  lets the agent plan first, or no longer\n\
    ctrl-o     shows a call of a tool with its output\n\
    /model     lists the models, /model NAME takes one\n\
    ctrl-r     lists the sessions, ctrl-n makes a new one\n\
    ↑↓         lead to the earlier prompts\n\
    pgup pgdn  go through the conversation";

/// The indentation of what does not fit beside a key.
const BESIDE_KEYS: &str = "           ";

/// Draws the screen.
pub fn draw(frame: &mut Frame<'_>, app: &mut App, theme: Theme) {
    let area = frame.area();
    match &app.screen {
        Screen::Chat => chat(frame, app, theme),
        Screen::Request(row) => {
            let row = request(frame, app, *row, theme);
            app.screen = Screen::Request(row);
        }
        Screen::Call(id, row) => {
            let (id, row) = (id.clone(), *row);
            let row = call(frame, app, &id, row, theme);
            app.screen = Screen::Call(id, row);
        }
        Screen::List(of, items, at) => list(frame, area, (*of, items, *at), theme),
    }
}

fn chat(frame: &mut Frame<'_>, app: &mut App, theme: Theme) {
    let area = frame.area();
    let (prompt, cursor) = app.input.rows(usize::from(area.width).saturating_sub(2));
    let shown = prompt.len().min(MAX_PROMPT_ROWS);
    let rows = [Constraint::Fill(1), Constraint::Length(length(shown) + 1), Constraint::Length(1)];
    let [top, bottom, status] = Layout::vertical(rows).areas(area);

    let is_wide = area.width >= MIN_WIDE;
    let side_width = if is_wide { (area.width / 3).min(56) } else { area.width };
    let panel =
        app.dialogs.front().map(|dialog| Panel::new(dialog, side_width.saturating_sub(2).into(), theme));
    let wanted = panel.as_ref().map_or(0, |panel| length(panel.height()) + 1);
    let (main, side, place) = if is_wide {
        let [main, side] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(side_width)]).areas(top);
        let [side, place] = Layout::vertical([Constraint::Fill(1), Constraint::Length(wanted)]).areas(side);
        (main, side, place)
    } else {
        let most = (top.height * 2 / 3).max(top.height.min(8));
        let [main, place] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(wanted.min(most))]).areas(top);
        (main, Rect::ZERO, place)
    };

    let shows_plan = conversation(frame, app, main, !is_wide, theme);
    if is_wide {
        tools_and_todos(frame, app, side, theme);
    }
    if let Some(panel) = panel {
        let borders = if is_wide { Borders::TOP | Borders::LEFT } else { Borders::TOP };
        let style = theme.style(if app.on_dialog { Role::Ask } else { Role::Dim });
        let title = match app.dialogs.len() {
            1 => panel.title.to_owned(),
            count => format!("{} 1/{count}", panel.title),
        };
        let block = Block::new().borders(borders).border_style(style).title(Span::styled(title, style));
        let inner = block.inner(place);
        let (rows, is_whole) = panel.fit(inner.height.into());
        // Once read, it stays read.
        app.sees_all |= is_whole && shows_plan;
        frame.render_widget(block, place);
        frame.render_widget(Paragraph::new(rows), inner);
    }
    input(frame, app, bottom, &prompt, cursor, theme);
    frame.render_widget(status_line(app, status.width.into(), theme), status);
}

/// Draws the calls of tools, and below them what is to do.
fn tools_and_todos(frame: &mut Frame<'_>, app: &App, area: Rect, theme: Theme) {
    let for_todos = match app.todos.len() {
        0 => 0,
        count => length(count + 1).min(area.height / 2),
    };
    let parts = Layout::vertical([Constraint::Fill(1), Constraint::Length(for_todos)]).areas(area);
    let [tools, todos]: [Rect; 2] = parts;
    let style = theme.style(Role::Dim);
    let block =
        |title| Block::new().borders(Borders::LEFT).border_style(style).title(Span::styled(title, style));
    let draw = |frame: &mut Frame<'_>, title, area, rows: &dyn Fn(usize, usize) -> Vec<Line<'static>>| {
        let block = block(title);
        let inner: Rect = block.inner(area);
        let rows = rows(inner.height.into(), inner.width.into());
        frame.render_widget(block, area);
        frame.render_widget(Paragraph::new(rows), inner);
    };
    draw(frame, "Tools (ctrl-o)", tools, &|count, width| conversation::tools(app, count, width, theme));
    draw(frame, "To do", todos, &|count, width| conversation::todos(app, count, width, theme));
}

/// Draws the conversation, and returns true if no part of a plan that waits for the user is out of sight.
fn conversation(frame: &mut Frame<'_>, app: &mut App, area: Rect, with_tools: bool, theme: Theme) -> bool {
    // A column stays free beside the panel.
    let (width, page) = (usize::from(area.width).saturating_sub(1), usize::from(area.height));
    app.scroll.page = page;
    if app.transcript.turns().is_empty() && app.sent.is_none() {
        let style = theme.style(Role::Dim);
        let mut rows = wrap_text(WELCOME, style, width, "", "");
        rows.push(Line::default());
        rows.extend(KEYS.lines().flat_map(|key| wrap_text(key, style, width, "", BESIDE_KEYS)));
        frame.render_widget(Paragraph::new(rows), area);
        return app.plan().is_none();
    }
    let all = if app.scroll.below == 0 { page } else { usize::MAX };
    let (rows, for_plan) = conversation::last_rows(app, all, width, theme, with_tools);
    let scroll = &mut app.scroll;
    if scroll.below > 0 {
        // What is new below does not move the rows that the user reads.
        scroll.below += rows.len().saturating_sub(scroll.total) * usize::from(scroll.total > 0);
        scroll.below = scroll.below.min(rows.len().saturating_sub(page));
        scroll.total = rows.len();
    }
    if scroll.below == 0 {
        scroll.total = 0;
    }
    let end = rows.len() - scroll.below;
    let shown = rows[end.saturating_sub(page)..end].to_vec();
    frame.render_widget(Paragraph::new(shown), area);
    for_plan == 0 || (app.scroll.below == 0 && for_plan <= page)
}

fn input(
    frame: &mut Frame<'_>,
    app: &App,
    area: Rect,
    rows: &[String],
    (row, column): (usize, usize),
    theme: Theme,
) {
    let style = theme.style(if app.on_dialog { Role::Dim } else { Role::Prompt });
    let mut block = Block::new().borders(Borders::TOP).border_style(style);
    if app.scroll.below > 0 {
        block = block.title(format!("{} rows below, pgdn", app.scroll.below));
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let first = (row + 1).saturating_sub(usize::from(inner.height));
    let lines = rows.iter().enumerate().skip(first).take(inner.height.into());
    let lines = lines.map(|(at, row)| {
        let sign = if at == 0 { "› " } else { "  " };
        Line::from(vec![Span::styled(sign, style), Span::raw(row.as_str())])
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inner);
    if !app.on_dialog && inner.height > 0 {
        let x = (inner.x + 2).saturating_add(length(column)).min(inner.right().saturating_sub(1));
        frame.set_cursor_position((x, inner.y + length(row - first)));
    }
}

fn status_line(app: &App, width: usize, theme: Theme) -> Line<'static> {
    let ask = theme.style(Role::Ask);
    if !app.notice.is_empty() {
        return Line::styled(shorten(&safe(&app.notice), width), ask);
    }
    let usage = conversation::usage(app);
    let mut parts = Vec::new();
    if app.is_running {
        parts.push("working".to_owned());
    }
    if app.is_planning {
        parts.push("plans".to_owned());
    }
    if !app.todos.is_empty() {
        let done = app.todos.iter().filter(|todo| todo.status == "done").count();
        parts.push(format!("{done}/{} done", app.todos.len()));
    }
    if !app.model.is_empty() {
        parts.push(safe(&app.model));
    }
    if usage.calls > 0 {
        parts.push(format!("{} in {} out", amount(usage.input_tokens), amount(usage.output_tokens)));
    }
    if let Some((tokens, limit)) = app.context.filter(|(_, limit)| *limit > 0) {
        parts.push(format!("{} % full", tokens.saturating_mul(100) / limit));
    }
    if usage.calls > 0 {
        parts.push(format!("{} call{}", usage.calls, if usage.calls == 1 { "" } else { "s" }));
    }
    if usage.cost > 0.0 {
        parts.push(format!("{:.2} requests", usage.cost));
    }
    let hint = match app.dialogs.len() {
        0 if app.is_running => "ctrl-c stops",
        0 => "ctrl-r sessions  ctrl-c quits",
        _ if app.on_dialog => "tab: to the prompt",
        _ => "tab: answer the agent",
    };
    let parts = parts.join(" · ");
    let room = width.saturating_sub(crate::wrap::columns(hint) + 2);
    let parts = shorten(&parts, room);
    let gap = " ".repeat(width.saturating_sub(crate::wrap::columns(&parts) + crate::wrap::columns(hint)));
    let role = if app.dialogs.is_empty() { Role::Dim } else { Role::Ask };
    Line::from(vec![Span::raw(parts), Span::raw(gap), Span::styled(hint, theme.style(role))])
}

/// A number with at most three digits and a unit.
fn amount(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        1000..100_000 => format!("{:.1}k", number as f64 / 1e3),
        100_000..1_000_000 => format!("{}k", number / 1000),
        _ => format!("{:.1}M", number as f64 / 1e6),
    }
}

/// Draws all of the first request or plan, and returns the row that it begins with.
fn request(frame: &mut Frame<'_>, app: &mut App, row: usize, theme: Theme) -> usize {
    let [top, foot] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let width = usize::from(top.width);
    let (rows, allow, others) = match app.dialogs.front() {
        Some(Dialog::Decide(decide)) => {
            let allow = if decide.always.is_ok() { "y yes  a always  " } else { "y yes  " };
            let rows = wrap_text(&decide.full, theme.style(Role::Code), width, "", "");
            (rows, allow.to_owned(), "n no  w back")
        }
        Some(Dialog::Question(question)) => {
            let choice = question.choices.get(question.selected).map(|choice| safe(choice));
            let mut rows = wrap_text(&question.text, Style::new(), width, "", "");
            rows.extend(question.plan.iter().flat_map(|plan| conversation::plan_rows(plan, width, theme)));
            (rows, format!("enter {}  ", choice.unwrap_or_default()), "esc back")
        }
        _ => return 0,
    };
    let (row, is_end, place) = page(frame, &mut app.scroll, top, rows, row);
    app.sees_all |= is_end;
    let allow = if app.sees_all { &*allow } else { "" };
    let keys = format!("{place}  {allow}{others}  ↑↓ pgup pgdn");
    frame.render_widget(Line::styled(shorten(&keys, foot.width.into()), theme.style(Role::Ask)), foot);
    row
}

/// Draws a call of a tool, and returns the row that it begins with.
fn call(frame: &mut Frame<'_>, app: &mut App, id: &str, row: usize, theme: Theme) -> usize {
    let [top, foot] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let calls = calls::all(&app.transcript);
    let at = calls::place(&calls, id);
    let rows = calls.get(at).map(|call| calls::rows(call, top.width.into(), theme)).unwrap_or_default();
    let (row, _, place) = page(frame, &mut app.scroll, top, rows, row);
    let (role, back) = match app.dialogs.is_empty() {
        true => (Role::Dim, "esc back"),
        false => (Role::Ask, "esc answer the agent"),
    };
    let keys = format!("{place}  {back}  ←→ call {} of {}  ↑↓ pgup pgdn", at + 1, calls.len());
    frame.render_widget(Line::styled(shorten(&keys, foot.width.into()), theme.style(role)), foot);
    row
}

/// Draws these rows from one of them on. Returns that one, true if the last one is in sight, and the place in words.
fn page(
    frame: &mut Frame<'_>,
    scroll: &mut Scroll,
    area: Rect,
    rows: Vec<Line<'static>>,
    row: usize,
) -> (usize, bool, String) {
    let page = usize::from(area.height);
    scroll.page = page;
    let row = row.min(rows.len().saturating_sub(page));
    let end = (row + page).min(rows.len());
    let (is_end, place) = (page > 0 && end == rows.len(), format!("{end}/{}", rows.len()));
    frame.render_widget(Paragraph::new(rows.into_iter().skip(row).take(page).collect::<Vec<_>>()), area);
    (row, is_end, place)
}

fn list(frame: &mut Frame<'_>, area: Rect, (of, items, at): (Listed, &[Item], usize), theme: Theme) {
    let rows = [Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)];
    let [head, body, foot] = Layout::vertical(rows).areas(area);
    let title = match (of, items.is_empty()) {
        (Listed::Sessions, true) => "There are no stored sessions.",
        (Listed::Sessions, false) => "Sessions",
        (Listed::Models, true) => "The CLI lists no models. /model NAME takes one by its name.",
        (Listed::Models, false) => "Models",
    };
    frame.render_widget(Line::styled(title, theme.style(Role::Heading)), head);
    let (page, width) = (usize::from(body.height).max(1), usize::from(body.width));
    let first = (at + 1).saturating_sub(page);
    let lines = items.iter().enumerate().skip(first).take(page).map(|(index, item)| {
        let sign = if index == at { "▸" } else { " " };
        let text = shorten(&format!("{sign} {}", safe(&item.text)), width);
        Line::styled(text, if index == at { theme.style(Role::Selected) } else { Default::default() })
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), body);
    let keys = shorten("↑↓ choose  enter takes it  esc closes", width);
    frame.render_widget(Line::styled(keys, theme.style(Role::Dim)), foot);
}

/// A number of cells; terminals have fewer than fit.
fn length(cells: usize) -> u16 {
    u16::try_from(cells).unwrap_or(u16::MAX)
}
