//! The frame of the page: what is the same for every log, its style and its script.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::Log;
use crate::message::shortened;
use crate::span::readable;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page up to the data.
pub(super) fn head(title: &str) -> String {
    // Nothing is loaded, and no other script or style is valid, whatever the log contains.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let head = html! {
        meta charset="utf-8";
        meta http-equiv="Content-Security-Policy" content=(policy);
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (shortened(title)) }
        style { (PreEscaped(STYLE)) }
    };
    format!("{}<html lang=\"en\">\n<head>{}</head>\n<body>\n", DOCTYPE.into_string(), head.into_string())
}

/// The page after the data.
pub(super) fn body(title: &str, log: &Log) -> String {
    let body = html! {
        header {
            h1 { (shortened(title)) }
            p { (summary(log)) }
            @for remark in log.remarks() {
                p class="remark" { (remark) }
            }
            noscript { p class="remark" { "The page needs its script to unpack the log, and this browser runs none." } }
            p id="problem" class="remark" role="alert" hidden {}
            (choice(log))
        }
        main {
            div id="turn" {}
            (messages())
        }
    };
    format!("{}\n<script>{SCRIPT}</script>\n</body>\n</html>\n", body.into_string())
}

fn summary(log: &Log) -> String {
    let count = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let version = log.version.as_ref().map(|version| format!("Copilot CLI {version}, "));
    let sessions = count(log.sessions.len(), "session");
    let (turns, length) = (count(log.turns(), "turn"), readable(log.length() as f64));
    let lines = count(usize::try_from(log.lines()).unwrap_or(usize::MAX), "message");
    format!("{}{sessions}, {turns}, {lines} in {length}", version.unwrap_or_default())
}

fn choice(log: &Log) -> Markup {
    html! {
        nav aria-label="Parts of the page" {
            @if log.turns() > 0 {
                a href="#timeline" { "Timeline" }
                a href="#sequence" { "Sequence" }
                a href="#conversation" { "Conversation" }
            }
            a href="#messages" { "Messages" }
        }
        @if log.turns() == 0 {
            p class="notice" { "The log has no turn." }
        } @else {
            div class="choice" {
                label for="turns" { "Turn" }
                select id="turns" {}
                button type="button" id="before" { "Previous" }
                button type="button" id="after" { "Next" }
            }
        }
    }
}

fn messages() -> Markup {
    html! {
        section aria-labelledby="messages" {
            h2 id="messages" { "Messages" }
            form role="search" id="filter" {
                label { "Search " input type="search" id="text" autocomplete="off" placeholder="in the JSON" {} }
                label { "From " select id="side" {
                    option value="" { "both" }
                    option value="1" { "the program" }
                    option value="0" { "the CLI" }
                } }
                label { "Kind " select id="kind" { option value="" { "all" } } }
                label { "Session " select id="session" { option value="" { "all" } } }
                label { input type="checkbox" id="only" {} " of this turn only" }
            }
            p id="count" role="status" {}
            ol id="list" {}
            (pager("list-pager", "the messages"))
        }
    }
}

/// The buttons of a list of which the page shows a part at a time.
pub(super) fn pager(id: &str, of: &str) -> Markup {
    html! {
        div class="pager" id=(id) role="group" aria-label={ "Pages of " (of) } hidden {
            @for name in ["First", "Previous", "Next", "Last"] {
                button type="button" aria-label={ (name) " page of " (of) } { (name) }
            }
            output {}
        }
    }
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}
