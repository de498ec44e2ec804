//! The drawings of a turn: its timeline, the messages between the three parties, and its conversation.

use copilot_session::transcript::TurnState;
use maud::{Markup, PreEscaped, html};

use crate::chart::Chart;
use crate::span::{Kind, Party, Row, Step, readable};

/// The height of a row of the timeline, and of one of the sequence diagram.
const ROW: usize = 38;
const STEP: usize = 34;

pub(super) fn turn(chart: &Chart<'_>) -> Markup {
    let state = match chart.state {
        TurnState::Aborted => ", aborted",
        TurnState::Failed(_) => ", failed",
        TurnState::Running => ", not ended",
        _ => "",
    };
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline" }
            p {
                (readable(chart.length())) (state)
                @if let Some(usage) = chart.usage() { ", " (usage) }
            }
            @if chart.rows.is_empty() {
                p class="notice" { "Nothing in this turn took time." }
            } @else {
                (legend(chart))
                (timeline(chart))
                (table(chart))
            }
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
            (PreEscaped(chart.conversation.to_html()))
        }
    }
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

fn timeline(chart: &Chart<'_>) -> Markup {
    let height = chart.rows.len() * ROW + 22;
    html! {
        svg class="timeline" width="100%" height=(height) role="group" aria-label="Timeline of the turn" {
            @for quarter in 0..=4 {
                @let part = f64::from(quarter) / 4.0;
                line class="grid" x1=(percent(part)) x2=(percent(part)) y1="16" y2=(height) {}
                @let anchor = match quarter { 0 => "start", 4 => "end", _ => "middle" };
                text class="tick" x=(percent(part)) y="12" text-anchor=(anchor) { (readable(chart.length() * part)) }
            }
            @for (index, row) in chart.rows.iter().enumerate() {
                (bar(chart, row, index * ROW + 22))
            }
        }
    }
}

fn bar(chart: &Chart<'_>, row: &Row<'_>, y: usize) -> Markup {
    let span = row.span;
    let (start, token, end) = (chart.start_of(span), chart.token_of(span), chart.end_of(span));
    let failed = if span.failed { " failed" } else { "" };
    let open = if span.end.is_none() { " open" } else { "" };
    let words = chart.in_words(span);
    html! {
        a href={ "#message-" (span.line) } aria-label={ (span.kind.name()) " " (span.name) ": " (words) } {
            rect class="hit" x="0" y=(y) width="100%" height=(ROW) {}
            text class="label" x=(row.depth * 14 + 4) y=(y + 14) {
                tspan class="kind" { (span.kind.name()) " " }
                tspan class="name" { (span.name) }
                tspan class={ "words" (failed) } { " · " (words) }
            }
            rect class={ "bar " (span.kind.name()) (failed) (open) } x=(percent(start)) y=(y + 21)
                width=(percent((end - start).max(0.0))) height="10" {}
            @if token > start {
                rect class="until-token" x=(percent(start)) y=(y + 21) width=(percent(token - start)) height="10" {}
            }
        }
    }
}

/// The same as the timeline, for those who do not see it.
fn table(chart: &Chart<'_>) -> Markup {
    html! {
        details {
            summary { "The timeline as a table" }
            div class="wide" {
                table {
                    thead { tr { th scope="col" { "What" } th scope="col" { "Start" } th scope="col" { "Duration" } } }
                    tbody {
                        @for row in &chart.rows {
                            tr {
                                th scope="row" class={ "depth-" (row.depth.min(6)) } {
                                    a href={ "#message-" (row.span.line) } { (row.span.kind.name()) " " (row.span.name) }
                                }
                                td { (readable(chart.start_of(row.span) * chart.length())) }
                                td { (chart.in_words(row.span)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sequence(steps: &[Step]) -> Markup {
    let height = steps.len() * STEP + 34;
    let parties = [(Party::App, "Program"), (Party::Cli, "CLI"), (Party::Model, "Model")];
    html! {
        svg class="sequence" width="100%" height=(height) role="group" aria-label="Messages between program, CLI and model" {
            defs {
                marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse" {
                    path d="M0 0L8 4L0 8z" {}
                }
            }
            @for (party, name) in parties {
                text class="party" x=(x(party)) y="14" text-anchor="middle" { (name) }
                line class="life" x1=(x(party)) x2=(x(party)) y1="20" y2=(height) {}
            }
            @for (index, step) in steps.iter().enumerate() {
                (arrow(step, index * STEP + 26))
            }
        }
    }
}

fn arrow(step: &Step, y: usize) -> Markup {
    let names = |party| match party {
        Party::App => "program",
        Party::Cli => "CLI",
        Party::Model => "model",
    };
    let count = if step.count > 1 { format!(" ×{}", step.count) } else { String::new() };
    let left = if [step.from, step.to].contains(&Party::Model) { Party::Cli } else { Party::App };
    let failed = if step.failed { " failed" } else { "" };
    html! {
        a href={ "#message-" (step.line) }
            aria-label={ (names(step.from)) " to " (names(step.to)) ": " (step.label) (count) " " (step.brief) }
        {
            title { (readable(step.t_ms as f64)) " " (step.label) (count) " " (step.brief) }
            rect class="hit" x="0" y=(y) width="100%" height=(STEP) {}
            text class={ "message" (failed) } x=(x(left)) dx="8" y=(y + 15) {
                (step.label) (count)
                tspan class="brief" { " " (few(&step.brief)) }
            }
            line class={ "arrow" (failed) } x1=(x(step.from)) x2=(x(step.to)) y1=(y + 23) y2=(y + 23) marker-end="url(#arrow)" {}
        }
    }
}

/// The first words of a text, for a place with little room.
fn few(text: &str) -> String {
    const MOST: usize = 28;
    let start: String = text.chars().take(MOST).collect();
    if start.len() < text.len() { start + "…" } else { start }
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
