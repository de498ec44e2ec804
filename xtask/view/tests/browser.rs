//! The page in a real browser: Chromium, in `CHROMIUM_PATH` or else on the `PATH`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, thread};

use copilot_session_view::write_page;
use serde_json::json;
use tempfile::TempDir;

fn chromium() -> PathBuf {
    if let Some(program) = env::var_os("CHROMIUM_PATH") {
        return program.into();
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut programs = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.find(|program| program.is_file()).unwrap_or_else(|| {
        panic!(
            "there is no Chromium; install it (`apt-get install chromium`), or set CHROMIUM_PATH to its path"
        )
    })
}

/// The time limit of a page. It is far more than any of them needs.
const DEADLINE: Duration = Duration::from_secs(100);

fn page(log: &[u8]) -> String {
    let mut page = Vec::new();
    write_page("a log", log, &mut page).expect("a page");
    String::from_utf8(page).expect("text")
}

/// Opens a page, and returns the document that its script has made. The address may end with a message.
fn shown(page: &str, message: &str) -> String {
    let temp = TempDir::new().expect("a folder");
    let path = temp.path().join("page.html");
    fs::write(&path, page).expect("a file");
    let mut browser = Command::new(chromium());
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    browser.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    browser.arg(format!("--user-data-dir={}", temp.path().join("profile").display()));
    // The time of the page, which passes as fast as the page has nothing to do.
    browser.args(["--virtual-time-budget=20000", "--dump-dom"]);
    browser.arg(format!("file://{}{message}", path.display())).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = browser.spawn().expect("Chromium");
    let mut stdout = child.stdout.take().expect("a pipe");
    let (document, whole) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let _ = document.send(stdout.read_to_string(&mut text).map(|_| text));
    });
    let document = whole.recv_timeout(DEADLINE);
    let _ = child.kill();
    child.wait().expect("Chromium ends");
    let document = document.expect("the page within the deadline").expect("text");
    let no_problem = "<p id=\"problem\" class=\"remark\" role=\"alert\" hidden=\"\"></p>";
    assert!(document.contains(no_problem), "{}", brief(&document));
    document
}

/// Opens a page in which another script acts like a person once the page is ready, and returns the document.
fn acted(page: &str, script: &str) -> String {
    let page = page.replacen("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"", 1);
    let (start, end) = page.rsplit_once("</body>").expect("an end");
    let ready = "at('count').textContent === '' ? setTimeout(act, 10) : person()";
    shown(
        &format!(
            "{start}<script>async function person() {{ {script} }}\nfunction act() {{ {ready} }}\nact();</script></body>{end}"
        ),
        "",
    )
}

/// The end of a document, after the data.
fn brief(document: &str) -> &str {
    document.rsplit_once("<header>").map_or(document, |(_, body)| body)
}

/// The JSON of the message that is open in a document.
fn opened(document: &str) -> String {
    let (_, open) = document.split_once("aria-expanded=\"true\"").expect("an open message");
    let (_, json) = open.split_once("<pre ").and_then(|(_, pre)| pre.split_once('>')).expect("its JSON");
    let (json, _) = json.split_once("</pre>").expect("an end");
    json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn parsed(json: &[u8]) -> serde_json::Value {
    serde_json::from_slice(json).expect("JSON")
}

#[test]
fn a_page_shows_its_first_turn_and_messages() {
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/1.0.102-subagent.jsonl");
    let log = fs::read(log).expect("a recording");
    let page = page(&log);
    let document = shown(&page, "");
    assert!(document.contains("115 of 115 messages. Page 1 of 2."), "{document}");
    assert!(document.contains("<optgroup label=\"session f23a4b09-"), "{document}");
    assert!(document.contains("<svg class=\"timeline\"") && document.contains("<svg class=\"sequence\""));
    assert_eq!(document.matches("<li id=\"message-").count(), 100);
    assert!(!document.contains("aria-expanded=\"true\""));

    // Its JSON is that of the log, but for spaces.
    let document = shown(&page, "#message-110");
    let line = log.split(|byte| *byte == b'\n').nth(109).expect("the line");
    assert_eq!(parsed(opened(&document).as_bytes()), parsed(line));
}

/// A line with a notification.
fn notification(t_ms: usize, params: &serde_json::Value) -> String {
    json!({"t_ms": t_ms, "dir": "server", "msg": {"method": "note", "params": params}}).to_string()
}

#[test]
fn a_log_of_many_blocks_is_shown_and_searched() {
    let word = |number: usize| if number % 500 == 1 { "Needle" } else { "hay" };
    let lines: Vec<String> = (1..=4_000)
        .map(|number| notification(number, &json!({"word": word(number), "filler": "x".repeat(450)})))
        .collect();
    let log = lines.join("\n");
    assert!(log.len() > 2 << 20);
    let page = page(log.as_bytes());
    assert!(page.contains("id=\"messages-3\""), "it has less than four blocks");

    let document = shown(&page, "#message-3990");
    assert!(document.contains("4000 of 4000 messages. Page 40 of 40."), "{}", brief(&document));
    assert_eq!(parsed(opened(&document).as_bytes()), parsed(lines[3_989].as_bytes()));

    let search =
        "at('text').value = 'needle'; at('text').dispatchEvent(new Event('input', {bubbles: true}));";
    let document = acted(&page, search);
    assert!(document.contains("8 of 4000 messages. Page 1 of 1."), "{}", brief(&document));
    for message in (1..4_000).step_by(500) {
        assert!(document.contains(&format!("<li id=\"message-{message}\">")), "message {message}");
    }
}

/// The time to show a message is proportional to its length, and so is the memory.
#[test]
fn long_messages_are_shown() {
    let many: Vec<_> = (0..20_000).map(|number| json!({"n": number, "none": []})).collect();
    let long = "\"\\ and \n".repeat(1 << 20);
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    let params = [json!(many), json!(long)].map(|value| value.to_string()).into_iter().chain([deep]);
    let lines: Vec<String> = params
        .map(|params| {
            format!("{{\"t_ms\":1,\"dir\":\"server\",\"msg\":{{\"method\":\"x\",\"params\":{params}}}}}")
        })
        .collect();
    let page = page(lines.join("\n").as_bytes());
    for (index, line) in lines.iter().enumerate() {
        let json = opened(&shown(&page, &format!("#message-{}", index + 1)));
        let bare: String = json.lines().map(str::trim_start).collect();
        assert!(bare.replace("\": ", "\":") == *line, "message {}", index + 1);
    }
}

/// A message that is slow to unpack does not replace one that was chosen after it.
#[test]
fn the_last_choice_is_shown() {
    let prompt = |number: usize| {
        let event = json!({"type": "user.message", "id": format!("{number}"), "timestamp": "2026-01-01T00:00:00.000Z",
            "data": {"content": format!("prompt {number}"), "messageId": format!("{number}")}});
        let params = json!({"sessionId": "s", "event": event});
        json!({"t_ms": number, "dir": "server", "msg": {"method": "session.event", "params": params}})
            .to_string()
    };
    let page = page([1, 2, 3].map(prompt).join("\n").as_bytes());
    let choose = |slow: &str| {
        format!(
            "const real = unpack;
            unpack = async (id) => {{
              const text = await real(id);
              if (id === '{slow}') await new Promise((resolve) => setTimeout(resolve, 1000));
              return text;
            }};
            for (const turn of [1, 2]) {{
              at('turns').value = turn;
              at('turns').dispatchEvent(new Event('change'));
            }}"
        )
    };
    for slow in ["none", "turn-1", "turn-2"] {
        let document = acted(&page, &choose(slow));
        let (_, turn) = brief(&document).split_once("<div id=\"turn\">").expect("a turn");
        let (turn, _) = turn.split_once("id=\"messages\"").expect("the list");
        assert!(turn.contains("prompt 3") && !turn.contains("prompt 2"), "{slow}: {turn}");
    }

    // A person types while the page goes to a message.
    let document = acted(
        &page,
        "const real = filter;
        filter = async () => { await real(); filter = real; at('text').value = 'prompt 1'; await real(); };
        shown = [];
        location.hash = '#message-2';",
    );
    assert!(document.contains("1 of 3 messages."), "{}", brief(&document));
}

/// A script in a log would change the title.
#[test]
fn a_script_in_a_log_does_not_run() {
    const HOSTILE: &str =
        "</pre></script><script>document.title='run'</script><img src=x onerror=document.title='run'>";
    let event = |kind: &str, data: serde_json::Value| {
        let event = json!({"type": kind, "id": kind, "timestamp": "2026-01-01T00:00:00.000Z", "data": data});
        let params = json!({"sessionId": HOSTILE, "event": event});
        json!({"t_ms": 1, "dir": "server", "msg": {"method": "session.event", "params": params}}).to_string()
    };
    let log = [
        event("user.message", json!({"content": HOSTILE, "messageId": "m"})),
        event(HOSTILE, json!({"content": HOSTILE})),
        event(
            "tool.execution_start",
            json!({"toolCallId": "t", "toolName": HOSTILE, "arguments": {HOSTILE: HOSTILE}}),
        ),
    ]
    .join("\n");
    let document = shown(&page(log.as_bytes()), "#message-2");
    assert!(document.contains("<title>a log</title>"), "{document}");
    assert!(document.contains("&lt;img src=x") && !document.contains("<img"), "{document}");
    assert!(document.contains("aria-expanded=\"true\""), "{document}");
}
