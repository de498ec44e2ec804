//! The drawings of a turn: its timeline, in parts of a bounded size, and the messages between the three parties.

use maud::{Markup, html};

use super::frame::pager;
use crate::Error;
use crate::chart::{Chart, Scale};
use crate::span::{Kind, Party, Row, Step, readable};

/// Takes a part of a drawing.
pub(super) type Put<'a> = &'a mut dyn FnMut(&str) -> Result<(), Error>;

/// The most rows of a part of the timeline.
const MOST_ROWS: usize = 100;

/// The deepest level of rows that is further in than the one above.
const DEEPEST: usize = 6;

/// The turn without its timeline and its conversation, of which the page shows a part at a time.
///
/// `client` names the client that began it, if several have written the log.
pub(super) fn turn(chart: &Chart<'_>, client: Option<&str>) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline" }
            p {
                @if let Some(start) = chart.started() { (start) ", " }
                (readable(chart.scale.length()))
                @if let Some(state) = chart.state() { ", " (state) }
                @if let Some(usage) = chart.usage() { ", " (usage) }
                @if let Some(client) = client { ", " (client) }
            }
            @if chart.rows.is_empty() {
                p class="notice" { "Nothing in this turn took time." }
            } @else {
                (legend(chart))
            }
            div id="rows" {}
            (pager("rows-pager", "the timeline"))
        }
        section aria-labelledby="sequence" {
            h2 id="sequence" { "Sequence" }
            (sequence(&chart.turn.steps))
            @if chart.turn.more_steps > 0 {
                p class="notice" { (chart.turn.more_steps) " more messages are in the list below." }
            }
        }
        section aria-labelledby="conversation" {
            h2 id="conversation" { "Conversation" }
            div id="entries" {}
            (pager("entries-pager", "the conversation"))
        }
    }
}

/// Writes the timeline. `put` gets one part after another. If there are several, each shows its own stretch of time.
pub(super) fn timeline(chart: &Chart<'_>, put: Put<'_>) -> Result<(), Error> {
    let all = chart.rows.len();
    for (part, rows) in chart.rows.chunks(MOST_ROWS).enumerate() {
        let scale = if all > MOST_ROWS { chart.scale_of(rows) } else { chart.scale };
        let first = part * MOST_ROWS + 1;
        let html = html! {
            @if all > MOST_ROWS {
                p class="notice" {
                    "Rows " (first) " to " (first + rows.len() - 1) " of " (all) ". The scale is the time of these rows."
                }
            }
            (axis(chart, scale))
            (bars(chart, scale, rows))
        };
        put(&html.0)?;
    }
    Ok(())
}

fn legend(chart: &Chart<'_>) -> Markup {
    let kinds = [Kind::Model, Kind::Tool, Kind::SubAgent, Kind::Person, Kind::App, Kind::Cli];
    let meaning = |kind| match kind {
        Kind::Model => "model call (pale until the first token)",
        Kind::Tool => "tool",
        Kind::SubAgent => "sub-agent",
        Kind::Person => "waits for a person",
        Kind::App => "the program runs a tool or a hook",
        Kind::Cli => "work of the CLI",
    };
    html! {
        ul class="legend" {
            @for kind in kinds.into_iter().filter(|kind| chart.rows.iter().any(|row| row.span.kind == *kind)) {
                li { span class={ "swatch " (kind.name()) } {} (meaning(kind)) }
            }
        }
    }
}

/// The times above the bars.
fn axis(chart: &Chart<'_>, scale: Scale) -> Markup {
    html! {
        svg class="axis" width="100%" height="18" role="img" aria-label={
            "From " (chart.time_of(scale, 0.0)) " to " (chart.time_of(scale, 1.0)) " of the turn"
        } {
            @for quarter in 0..=4 {
                @let part = f64::from(quarter) / 4.0;
                @let anchor = match quarter { 0 => "start", 4 => "end", _ => "middle" };
                @let class = if quarter % 2 == 1 { "odd" } else { "even" };
                text class=(class) x=(percent(part)) y="13" text-anchor=(anchor) { (chart.time_of(scale, part)) }
            }
        }
    }
}

fn bars(chart: &Chart<'_>, scale: Scale, rows: &[Row<'_>]) -> Markup {
    html! {
        div class="rows" {
            svg class="grid" aria-hidden="true" {
                @for quarter in 1..=3 {
                    @let place = percent(f64::from(quarter) / 4.0);
                    line x1=(place) x2=(place) y1="0" y2="100%" {}
                }
            }
            ol role="list" aria-label="What took time in the turn" {
                @for row in rows { (bar(chart, scale, row)) }
            }
        }
    }
}

fn bar(chart: &Chart<'_>, scale: Scale, row: &Row<'_>) -> Markup {
    let span = row.span;
    let (start, token, end) = (scale.start_of(span), scale.token_of(span), scale.end_of(span));
    let failed = if span.failed { " failed" } else { "" };
    let open = if span.end.is_none() { " open" } else { "" };
    html! {
        li {
            a href={ "#message-" (span.line) } {
                span class={ "label depth-" (row.depth.min(DEEPEST)) } {
                    span class="kind" { (span.kind.name()) } " "
                    span class="name" { (span.name) } " "
                    span class={ "words" (failed) } { (chart.in_words(span, "not ended")) }
                }
                span class="at" { "at " (chart.time_of(scale, start)) }
                svg width="100%" height="12" aria-hidden="true" {
                    rect class={ "bar " (span.kind.name()) (failed) (open) } x=(percent(start)) y="1"
                        width=(percent((end - start).max(0.0))) height="10" {}
                    @if token > start {
                        rect class="until-token" x=(percent(start)) y="1" width=(percent(token - start)) height="10" {}
                    }
                }
            }
        }
    }
}

fn sequence(steps: &[Step]) -> Markup {
    let parties = [(Party::App, "Program"), (Party::Cli, "CLI"), (Party::Model, "Model")];
    html! {
        svg class="axis" width="100%" height="18" aria-hidden="true" {
            defs {
                marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse" {
                    path d="M0 0L8 4L0 8z" {}
                }
            }
            @for (party, name) in parties {
                text class="party" x=(x(party)) y="13" text-anchor="middle" { (name) }
            }
        }
        div class="rows steps" {
            svg class="grid" aria-hidden="true" {
                @for (party, _) in parties { line x1=(x(party)) x2=(x(party)) y1="0" y2="100%" {} }
            }
            ol role="list" aria-label="Messages between program, CLI and model" {
                @for step in steps { (arrow(step)) }
            }
        }
    }
}

fn arrow(step: &Step) -> Markup {
    let names = |party| match party {
        Party::App => "program",
        Party::Cli => "CLI",
        Party::Model => "model",
    };
    let count = if step.count > 1 { format!(" ×{}", step.count) } else { String::new() };
    let of_model = [step.from, step.to].contains(&Party::Model);
    let failed = if step.failed { " failed" } else { "" };
    html! {
        li {
            a href={ "#message-" (step.line) } title={ (readable(step.t_ms as f64)) " " (step.label) (count) " " (step.brief) }
                aria-label={ (names(step.from)) " to " (names(step.to)) ": " (step.label) (count) " " (step.brief) }
            {
                span class={ "label" (failed) @if of_model { " of-model" } } {
                    span class="message" { (step.label) (count) } " "
                    span class="brief" { (step.brief) }
                }
                svg width="100%" height="12" aria-hidden="true" {
                    line class={ "arrow" (failed) } x1=(x(step.from)) x2=(x(step.to)) y1="6" y2="6" marker-end="url(#arrow)" {}
                }
            }
        }
    }
}

/// The place of a party's line.
fn x(party: Party) -> &'static str {
    match party {
        Party::App => "10%",
        Party::Cli => "50%",
        Party::Model => "90%",
    }
}

fn percent(part: f64) -> String {
    format!("{:.2}%", part * 100.0)
}
