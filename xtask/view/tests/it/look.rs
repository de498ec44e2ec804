//! The look of the page in narrow and wide windows, in light and dark, and its use without a mouse or a screen.

use std::path::PathBuf;

use base64::Engine as _;
use copilot_session_tests::browser::Page;
use serde_json::{Value, json};

use crate::browser::open;
use crate::{event_at, recording};

const WINDOWS: [(u32, u32); 3] = [(390, 844), (1200, 800), (1600, 900)];

/// The folder for pictures, to look at.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("view");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Writes a picture of the whole page.
async fn keep(page: &Page, name: &str) {
    let shot = json!({"format": "png", "captureBeyondViewport": true});
    let shot = page.call("Page.captureScreenshot", shot).await;
    let shot = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().expect("a picture"));
    std::fs::write(folder().join(name).with_extension("png"), shot.expect("base64"))
        .expect("a picture on disk");
}

/// A log with everything that a page can show, with names and texts that are long.
fn everything() -> String {
    let long = |name: &str| format!("{name}_with_a_name_that_is_as_long_as_a_server_of_tools_can_make_it");
    let call = |id: &str, name: &str| json!({"toolCallId": id, "toolName": name, "arguments": {"path": long("file")}});
    let ended =
        |id: &str| json!({"toolCallId": id, "success": true, "result": {"content": "done ".repeat(500)}});
    let agent = |id: &str| json!({"toolCallId": id, "agentName": "helper", "agentDisplayName": "h", "agentDescription": ""});
    let mut events = vec![
        (0, "user.message", json!({"content": "Do everything. ".repeat(40), "messageId": "p"})),
        (5, "hook.start", json!({"hookInvocationId": "h", "hookType": "preToolUse"})),
        (9, "hook.end", json!({"hookInvocationId": "h", "hookType": "preToolUse", "success": true})),
        (10, "assistant.turn_start", json!({"turnId": "0", "model": long("model")})),
        (400, "assistant.reasoning_delta", json!({"reasoningId": "r", "deltaContent": "Hm."})),
        (500, "assistant.message_delta", json!({"messageId": "m", "deltaContent": "I will"})),
        (
            900,
            "assistant.message",
            json!({"messageId": "m", "content": "I will do it.", "reasoningText": "Hm."}),
        ),
        (
            901,
            "assistant.usage",
            json!({"model": long("model"), "inputTokens": 123_456, "outputTokens": 7_890}),
        ),
        (910, "tool.execution_start", call("t0", &long("server"))),
        (911, "permission.requested", json!({"requestId": "q", "permissionRequest": {"toolCallId": "t0"}})),
        (
            1500,
            "permission.completed",
            json!({"requestId": "q", "result": {"kind": "denied-interactively-by-user"}}),
        ),
        (
            1510,
            "tool.execution_complete",
            json!({"toolCallId": "t0", "success": false, "error": {"message": "no"}}),
        ),
        (1520, "session.compaction_start", json!({})),
        (1600, "session.warning", json!({"warningType": "w", "message": long("a warning about")})),
        (1700, "session.compaction_complete", json!({"success": true})),
    ];
    for depth in 1..5 {
        let [this, below] = [depth, depth + 1].map(|depth| format!("a{depth}"));
        let data = call(&this, "task");
        events.push((1_800 + depth * 10, "tool.execution_start", data));
        events.push((1_801 + depth * 10, "subagent.started", agent(&this)));
        let message = json!({"messageId": below, "content": "A step.", "parentToolCallId": this});
        events.push((1_802 + depth * 10, "assistant.message", message));
    }
    for number in 0..120 {
        events.push((3_000 + number * 9, "tool.execution_start", call(&format!("b{number}"), "bash")));
        events.push((3_005 + number * 9, "tool.execution_complete", ended(&format!("b{number}"))));
    }
    events.push((
        65_000,
        "session.error",
        json!({"errorType": "query", "message": "It failed. ".repeat(30)}),
    ));
    events.push((65_001, "session.idle", json!({})));
    let events = events.into_iter().map(|(millis, kind, data)| event_at(millis, kind, data));
    let message =
        |t_ms: u64, dir: &str, message: Value| json!({"t_ms": t_ms, "dir": dir, "msg": message}).to_string();
    let method = "session.permissions.handlePendingPermissionRequestOfAnotherClient";
    let request =
        json!({"id": 1, "method": method, "params": {"sessionId": "s", "prompt": "words ".repeat(30)}});
    let answer = json!({"id": 1, "error": {"code": 1, "message": "refused"}});
    let other = json!({"method": method, "params": {"sessionId": "other", "name": "n"}});
    let ends = [
        json!({"t_ms": 70_000, "dir": "client", "leftOut": 3}).to_string(),
        json!({"t_ms": 70_000, "dir": "server", "end": {"reason": "the CLI exited"}}).to_string(),
    ];
    let start = [message(0, "client", request), message(0, "server", answer), message(0, "server", other)];
    start.into_iter().chain(events).chain(ends).collect::<Vec<_>>().join("\n")
}

/// The parts of the page that are cut off by an edge of the window.
const CUT: &str = "
    [...document.querySelectorAll('a, button, h1, h2, h3, input, label, li, p, pre, select, summary, text')]
        .filter(item => item.checkVisibility())
        .filter(item => { const box = item.getBoundingClientRect(); return box.left < -1 || box.right > innerWidth + 1; })
        .map(item => item.outerHTML.slice(0, 200))";

/// The labels of drawings that overlap, or that another part of the page covers.
const OVERLAPS: &str = "
    (() => {
        const found = [];
        for (const drawing of document.querySelectorAll('svg, .rows a')) {
            const labels = [...drawing.querySelectorAll('text, .label, .at, svg')].filter(item => item.checkVisibility());
            const boxes = labels.map(item => item.getBoundingClientRect());
            boxes.forEach((one, place) => boxes.slice(place + 1).forEach(other => {
                const apart = one.right <= other.left || other.right <= one.left || one.bottom <= other.top + 1 || other.bottom <= one.top + 1;
                if (!apart) found.push(drawing.outerHTML.slice(0, 300));
            }));
        }
        return found;
    })()";

/// The texts whose contrast with what is behind them is below 4.5, the limit of WCAG AA, and the bars whose contrast is
/// below 3.
const FAINT: &str = r"
    (() => {
        const numbers = color => color.match(/[\d.]+/g).map(Number);
        const light = ([r, g, b]) => {
            const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const behind = item => {
            for (; item; item = item.parentElement) {
                const color = numbers(getComputedStyle(item).backgroundColor);
                if (color.length < 4 || color[3] > 0) return color;
            }
            return [255, 255, 255];
        };
        const contrast = (color, item) => {
            const [a, b] = [light(numbers(color)), light(behind(item))];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        };
        const hasText = item => [...item.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        const visible = [...document.body.querySelectorAll('*')].filter(item => item.checkVisibility() && !item.closest(':disabled'));
        const texts = visible.filter(hasText).map(item => {
            const style = getComputedStyle(item);
            return [contrast(item instanceof SVGElement ? style.fill : style.color, item) / 4.5, item];
        });
        const inputs = visible.filter(item => item.placeholder)
            .map(item => [contrast(getComputedStyle(item, '::placeholder').color, item) / 4.5, item]);
        const bars = visible.filter(item => item.matches('rect.bar, .swatch')).map(item => {
            const style = getComputedStyle(item);
            return [contrast(item.matches('rect') ? style.fill : style.backgroundColor, item.closest('a, li')) / 3, item];
        });
        return [...texts, ...inputs, ...bars].filter(([part]) => part < 1).map(([part, item]) => part.toFixed(2) + ' ' + item.outerHTML.slice(0, 120));
    })()";

/// Checks the page in each window, and keeps a picture of it.
async fn look(page: &Page, name: &str) {
    for (width, height) in WINDOWS {
        for scheme in ["light", "dark"] {
            page.resize((width, height), scheme).await;
            keep(page, &format!("{name}-{width}-{scheme}")).await;
            let wide = page.eval("document.documentElement.scrollWidth > innerWidth").await;
            assert_eq!(wide, false, "{name} is wider than {width} pixels");
            for (what, wrong) in [("cut", CUT), ("overlapping", OVERLAPS), ("faint", FAINT)] {
                let found = page.eval(wrong).await;
                assert_eq!(found, json!([]), "{what} in {name} at {width} pixels, {scheme}");
            }
        }
    }
}

#[tokio::test]
async fn every_window_shows_all() {
    let opened = open(everything().as_bytes(), "#message-12").await;
    let open_some =
        "[...document.querySelectorAll('details')].slice(0, 3).forEach((item) => (item.open = true))";
    opened.page.eval(open_some).await;
    look(&opened.page, "everything").await;
    opened.close().await;
    let opened = open(&recording("1.0.102-subagent"), "").await;
    look(&opened.page, "subagent").await;
    opened.close().await;
}

/// Notes each control that gets the focus, and if it shows that.
const NOTE: &str = "
    window.noted = [];
    addEventListener('focusin', ({ target }) => {
        const style = getComputedStyle(target);
        const isSeen = target.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
        noted.push([target, isSeen]);
    });";

/// The controls that the tabulator has not reached, or that did not show it.
const NOT_NOTED: &str = "
    [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')]
        .filter(item => item.checkVisibility() && !item.disabled)
        .filter(item => !noted.some(([target, isSeen]) => target === item && isSeen))
        .map(item => item.outerHTML.slice(0, 200))";

/// Every control can be reached with the tabulator, and shows that it has the focus.
#[tokio::test]
async fn the_page_can_be_used_without_a_mouse() {
    let opened = open(everything().as_bytes(), "#message-12").await;
    let page = &opened.page;
    for (width, height) in [WINDOWS[0], WINDOWS[1]] {
        page.resize((width, height), "light").await;
        page.eval("document.activeElement.blur(); scrollTo(0, 0); getSelection().collapse(document.body, 0)")
            .await;
        page.eval(NOTE).await;
        let controls = page.eval("document.querySelectorAll('a[href], button, input, select, summary, [tabindex], pre').length").await;
        for _ in 0..controls.as_u64().expect("a number") + 1 {
            for kind in ["rawKeyDown", "keyUp"] {
                let key = json!({"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9});
                page.call("Input.dispatchKeyEvent", key).await;
            }
        }
        assert_eq!(page.eval(NOT_NOTED).await, json!([]), "{width}");
    }
    // The keys do what a click does.
    page.eval("document.querySelector('#rows a').focus()").await;
    let enter = json!({"type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"});
    page.call("Input.dispatchKeyEvent", enter).await;
    page.until(
        "document.activeElement.closest('#list li') && document.activeElement.ariaExpanded === 'true'",
    )
    .await;
    opened.close().await;
}

/// A screen reader finds the parts of the page, and each control and picture has a name.
#[tokio::test]
async fn the_page_can_be_used_without_a_screen() {
    let opened = open(everything().as_bytes(), "#message-12").await;
    let page = &opened.page;
    page.call("Accessibility.enable", json!({})).await;
    let tree = page.call("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().expect("nodes");
    let named = |node: &Value| {
        let text = |key: &str| node[key]["value"].as_str().unwrap_or_default().trim().to_owned();
        (text("role"), text("name"))
    };
    let shown = nodes.iter().filter(|node| node["ignored"] == false);
    let all: Vec<(String, String)> = shown.map(named).collect();
    let controls = [
        "link",
        "button",
        "combobox",
        "searchbox",
        "checkbox",
        "image",
        "region",
        "navigation",
        "group",
        "list",
    ];
    for (role, name) in all.iter().filter(|(role, _)| controls.contains(&role.as_str())) {
        // The messages are a list below their heading, and the kinds of bars explain themselves.
        assert!(!name.is_empty() || ["list", "group"].contains(&role.as_str()), "a {role} has no name");
    }
    let expected = [
        ("banner", ""),
        ("main", ""),
        ("navigation", "Parts of the page"),
        ("search", ""),
        ("heading", "Timeline"),
        ("heading", "Sequence"),
        ("heading", "Conversation"),
        ("heading", "Messages"),
        ("region", "Timeline"),
        ("combobox", "Turn"),
        ("searchbox", "Search"),
        ("list", "What took time in the turn"),
        ("list", "Messages between program, CLI and model"),
        ("group", "Pages of the timeline"),
        ("button", "Next page of the timeline"),
    ];
    for (role, name) in expected {
        assert!(all.iter().any(|(of, text)| (&**of, &**text) == (role, name)), "no {role} {name}: {all:?}");
    }
    // A row says all that its bar shows.
    let row = "waits permission 589 ms, denied interactively by user at 911 ms";
    assert!(all.contains(&("link".to_owned(), row.to_owned())), "{all:?}");
    let levels =
        page.eval("[...document.querySelectorAll('h1, h2, h3')].map(item => Number(item.tagName[1]))").await;
    let levels: Vec<u8> = serde_json::from_value(levels).expect("numbers");
    assert!(levels[0] == 1 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    opened.close().await;
}

/// The parts of a conversation that paper does not show: what is closed, and what would have to be scrolled.
const UNPRINTED: &str = "
    [...document.querySelectorAll('#entries pre')]
        .filter(item => !item.checkVisibility({ contentVisibilityAuto: true }) || item.clientHeight === 0 || item.scrollHeight > item.clientHeight)
        .map(item => item.outerHTML.slice(0, 100))";

/// On paper the conversation is whole, and nothing is there that needs a mouse; also if the screen is dark.
#[tokio::test]
async fn the_page_can_be_printed() {
    let opened = open(everything().as_bytes(), "").await;
    let page = &opened.page;
    page.resize((794, 1123), "dark").await;
    assert_ne!(page.eval(UNPRINTED).await, json!([]), "the screen shows all anyway");
    let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
    page.call("Emulation.setEmulatedMedia", json!({"media": "print", "features": features})).await;
    for (what, wrong) in [("left out", UNPRINTED), ("cut", CUT), ("overlapping", OVERLAPS), ("faint", FAINT)]
    {
        assert_eq!(page.eval(wrong).await, json!([]), "{what}");
    }
    let buttons =
        "[...document.querySelectorAll('button, input')].filter(item => item.checkVisibility()).length";
    assert_eq!(page.eval(buttons).await, 0);
    assert_eq!(page.eval("getComputedStyle(document.body).backgroundColor").await, "rgb(255, 255, 255)");
    let pdf = page.call("Page.printToPDF", json!({})).await;
    let pdf = base64::engine::general_purpose::STANDARD.decode(pdf["data"].as_str().expect("a file"));
    std::fs::write(folder().join("everything.pdf"), pdf.expect("base64")).expect("a file on disk");
    opened.close().await;
}
