//! The page in a real browser: Chromium, in `CHROMIUM_PATH` or else on the `PATH`.

use std::fs;

use copilot_session_tests::browser::{Browser, Page};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{event_at, large, page, recording};

/// A page in a browser.
pub struct Opened {
    pub page: Page,
    browser: Browser,
    _folder: TempDir,
}

/// Opens the page of a log, and waits until it is ready. The address may end with a message.
pub async fn open(log: &[u8], message: &str) -> Opened {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.html");
    fs::write(&path, page(log).0).expect("a file");
    let browser = Browser::start().await;
    let page = browser.open(&format!("file://{}{message}", path.display())).await;
    page.until("at('count').textContent !== ''").await;
    Opened { page, browser, _folder: folder }
}

impl Opened {
    /// Ends the browser, and checks that no page had a problem.
    pub async fn close(self) {
        assert_eq!(
            self.page.eval("at('problem').hidden").await,
            true,
            "{}",
            self.page.text("#problem").await
        );
        assert_eq!(self.browser.complaints(), [""; 0]);
    }

    /// The JSON of the message that is open.
    async fn json(&self) -> String {
        self.page.until("document.querySelector('[aria-expanded=true] + .json pre')").await;
        let all = self
            .page
            .eval(
                "{ const box = document.querySelector('[aria-expanded=true] + .json');
                   for (const more = box.querySelector('button'); !more.hidden; ) more.click();
                   [...box.querySelectorAll('pre')].map(pre => pre.textContent).join('') }",
            )
            .await;
        all.as_str().expect("a text").to_owned()
    }

    /// The number of elements of the page.
    async fn elements(&self) -> u64 {
        self.page.eval("document.querySelectorAll('*').length").await.as_u64().expect("a number")
    }
}

fn parsed(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("JSON")
}

#[tokio::test]
async fn a_page_shows_its_first_turn_and_messages() {
    let log = recording("1.0.102-subagent");
    let opened = open(&log, "").await;
    let page = &opened.page;
    assert_eq!(page.text("#count").await, "115 of 115 messages.");
    assert_eq!(page.text("#list-pager output").await, "Page 1 of 2");
    assert_eq!(page.eval("document.querySelectorAll('#list > li').length").await, 100);
    let group = page.eval("document.querySelector('#turns optgroup').label").await;
    assert!(group.as_str().is_some_and(|label| label.starts_with("session f23a4b09-")), "{group}");
    assert_eq!(page.eval("document.querySelectorAll('#rows li').length").await, 5);
    assert!(page.text("#entries").await.contains("sub answer"));
    assert_eq!(page.eval("document.querySelector('[aria-expanded=true]')").await, Value::Null);

    // A click on the last arrow opens its message, whose JSON is that of the log, but for spaces.
    page.click(".steps li:last-child a").await;
    let json = parsed(opened.json().await.as_bytes());
    let message =
        page.eval("Number(document.querySelector('[aria-expanded=true]').parentElement.id.slice(8))").await;
    let number = message.as_u64().expect("a number") as usize;
    let line = log.split(|byte| *byte == b'\n').nth(number - 1).expect("the line");
    assert!(number > 100 && json == parsed(line), "message {number}: {json}");
    assert_eq!(page.text("#list-pager output").await, "Page 2 of 2");
    opened.close().await;
}

/// A line with a notification.
fn notification(t_ms: usize, params: &Value) -> String {
    json!({"t_ms": t_ms, "dir": "server", "msg": {"method": "note", "params": params}}).to_string()
}

#[tokio::test]
async fn a_log_of_many_blocks_is_shown_and_searched() {
    let word = |number: usize| if number % 500 == 1 { "Needle" } else { "hay" };
    let lines: Vec<String> = (1..=4_000)
        .map(|number| notification(number, &json!({"word": word(number), "filler": "x".repeat(450)})))
        .collect();
    let log = lines.join("\n");
    assert!(log.len() > 2 << 20);
    assert!(page(log.as_bytes()).1.contains_key("messages-3"), "it has less than four blocks");

    let opened = open(log.as_bytes(), "#message-3990").await;
    assert_eq!(parsed(opened.json().await.as_bytes()), parsed(lines[3_989].as_bytes()));
    assert_eq!(opened.page.text("#list-pager output").await, "Page 40 of 40");

    opened.page.enter("#text", "needle").await;
    opened.page.until("at('count').textContent === '8 of 4000 messages.'").await;
    let found = opened.page.eval("[...at('list').children].map(line => line.id)").await;
    let expected: Vec<String> = (1..4_000).step_by(500).map(|number| format!("message-{number}")).collect();
    assert_eq!(found, json!(expected));
    opened.close().await;
}

/// The time to show a message is proportional to its length, and so is the memory.
#[tokio::test]
async fn long_messages_are_shown() {
    let many: Vec<_> = (0..20_000).map(|number| json!({"n": number, "none": []})).collect();
    let long = "\"\\ and \n".repeat(1 << 20);
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    let params = [json!(many), json!(long)].map(|value| value.to_string()).into_iter().chain([deep]);
    let lines: Vec<String> = params
        .map(|params| {
            format!("{{\"t_ms\":1,\"dir\":\"server\",\"msg\":{{\"method\":\"x\",\"params\":{params}}}}}")
        })
        .collect();
    for (index, line) in lines.iter().enumerate() {
        let opened = open(lines.join("\n").as_bytes(), &format!("#message-{}", index + 1)).await;
        let bare: String = opened.json().await.lines().map(str::trim_start).collect();
        assert!(bare.replace("\": ", "\":") == *line, "message {}", index + 1);
        opened.close().await;
    }
}

/// Of a long message the page shows a part, whatever its JSON is made of, and more of it on request.
#[tokio::test]
async fn a_long_message_is_shown_in_parts() {
    let many: Vec<_> = (0..200_000).map(|number| json!({"n": number})).collect();
    // A part of 1 << 17 characters would end in the middle of the first crab. Crabs are few, since a browser that has
    // no font for them looks for one at each.
    let text = format!("{}🦀{}", "a".repeat((1 << 17) - 2), "some words, é, \"\\\n".repeat(1 << 10));
    for params in [json!(text.repeat(64)), json!(many)] {
        let line = notification(1, &params);
        let opened = open(line.as_bytes(), "#message-1").await;
        let page = &opened.page;
        page.until("document.querySelector('.json pre')").await;
        let length = "document.querySelector('.json').textContent.length";
        let first = page.eval(length).await.as_u64().expect("a number");
        assert!((1 << 17..(1 << 18) + 64).contains(&first), "{first} characters");
        let told = page.text(".json button").await;
        assert!(told.starts_with("Show more of ") && told.ends_with(" characters"), "{told}");
        page.click(".json button").await;
        page.until(&format!("{length} > {first} + (1 << 17)")).await;
        let most =
            "Math.max(...[...document.querySelectorAll('.json pre')].map(pre => pre.textContent.length))";
        assert!(page.eval(most).await.as_u64().is_some_and(|most| most <= 4096));
        assert!(parsed(opened.json().await.as_bytes()) == parsed(line.as_bytes()), "the parts are the whole");
        assert_eq!(page.eval("document.querySelector('.json button').checkVisibility()").await, false);
        opened.close().await;
    }
}

/// The JSON of a message is copied as it is, although the page has it in several elements, some of which are not laid
/// out yet.
#[tokio::test]
async fn the_json_is_copied_as_it_is() {
    let line = notification(1, &json!(["one string ".repeat(2_000), (0..2_000).collect::<Vec<_>>()]));
    let opened = open(line.as_bytes(), "#message-1").await;
    let page = &opened.page;
    page.until("document.querySelectorAll('.json pre').length > 5").await;
    let laid_out = "getComputedStyle(document.querySelector('.json pre')).contentVisibility";
    assert_eq!(page.eval(laid_out).await, "auto");
    let copied = page
        .eval(
            "{ const box = document.querySelector('.json');
               getSelection().selectAllChildren(box);
               const copy = new ClipboardEvent('copy', { clipboardData: new DataTransfer(), bubbles: true });
               box.querySelector('pre').dispatchEvent(copy);
               copy.clipboardData.getData('text/plain') }",
        )
        .await;
    assert_eq!(parsed(copied.as_str().expect("a text").as_bytes()), parsed(line.as_bytes()));
    opened.close().await;
}

/// A part that is slow to unpack does not replace one that was chosen after it.
#[tokio::test]
async fn the_last_choice_is_shown() {
    let prompt = |number: u64| {
        event_at(number, "user.message", json!({"content": format!("prompt {number}"), "messageId": "p"}))
    };
    let log = [1, 2, 3].map(prompt).join("\n");
    let opened = open(log.as_bytes(), "").await;
    let page = &opened.page;
    // The drawings of a turn are its conversation, then the rest.
    for slow in [vec![], vec![2, 3], vec![4, 5], vec![2], vec![3]] {
        let choose = format!(
            "(async () => {{
                const real = drawing, slow = {slow:?}, asked = [];
                drawing = (number) => {{
                    const found = (async () => {{
                        if (slow.includes(number)) await new Promise((done) => setTimeout(done, 300));
                        return real(number);
                    }})();
                    asked.push(found);
                    return found;
                }};
                for (const turn of [1, 2]) {{
                    at('turns').value = turn;
                    at('turns').dispatchEvent(new Event('change'));
                }}
                for (let waited = 0; waited < asked.length; waited += 1) await asked[waited];
                await new Promise((done) => setTimeout(done));
                drawing = real;
            }})()"
        );
        page.eval(&choose).await;
        let turn = page.text("#turn").await;
        assert!(turn.contains("prompt 3") && !turn.contains("prompt 2"), "{slow:?}: {turn}");
    }

    // A person types while the page goes to a message.
    page.eval(
        "const real = filter;
        filter = async () => { await real(); filter = real; at('text').value = 'prompt 1'; await real(); };
        shown = [];
        location.hash = '#message-2';",
    )
    .await;
    page.until("at('count').textContent === '1 of 3 messages.'").await;
    opened.close().await;
}

/// A script in a log would change the title.
#[tokio::test]
async fn a_script_in_a_log_does_not_run() {
    const HOSTILE: &str =
        "</pre></script><script>document.title='run'</script><img src=x onerror=document.title='run'>";
    let call = json!({"toolCallId": "t", "toolName": HOSTILE, "arguments": {HOSTILE: HOSTILE}});
    let log = [
        event_at(0, "user.message", json!({"content": HOSTILE, "messageId": "m"})),
        event_at(1, HOSTILE, json!({"content": HOSTILE})),
        event_at(2, "tool.execution_start", call),
    ]
    .join("\n")
    .replace("\"s\"", &json!(HOSTILE).to_string());
    let opened = open(log.as_bytes(), "#message-2").await;
    assert!(opened.json().await.contains("<img src=x"));
    assert_eq!(opened.page.eval("document.title").await, "bug.jsonl");
    assert_eq!(
        opened.page.eval("document.querySelectorAll('img, #turn script, #list script').length").await,
        0
    );
    opened.close().await;
}

/// The JSON of a message shows the characters that disguise others, and has the same value.
#[tokio::test]
async fn nothing_disguises_the_json() {
    let text = "rm \u{202e}fdp.exe\u{200b} \u{7f}\u{e0041} größe 🦀 \\u202e";
    let line = notification(1, &json!({ text: [text, 1] }));
    let opened = open(line.as_bytes(), "#message-1").await;
    let json = opened.json().await;
    assert!(json.contains(r"rm \u202efdp.exe\u200b \u007f\udb40\udc41 größe 🦀 \\u202e"), "{json}");
    assert_eq!(parsed(json.as_bytes()), parsed(line.as_bytes()));
    opened.close().await;
}

/// The most elements of a page, whatever the log is.
const MOST_ELEMENTS: u64 = 5_000;

#[tokio::test]
async fn a_large_turn_is_shown_in_parts() {
    let opened = open(large::calls(33_000).as_bytes(), "").await;
    let page = &opened.page;
    let first = opened.elements().await;
    assert!(first < MOST_ELEMENTS, "{first} elements");
    assert_eq!(page.text("#rows-pager output").await, "Page 1 of 330");
    assert_eq!(page.text("#entries-pager output").await, "Page 1 of 661");
    page.click("#rows-pager button:nth-of-type(4)").await;
    page.until("at('rows').textContent.includes('Rows 32901 to 33000 of 33000')").await;
    assert_eq!(page.eval("at('rows-pager').querySelectorAll(':disabled').length").await, 2);
    page.click("#rows-pager button:nth-of-type(2)").await;
    page.until("at('rows').textContent.includes('Rows 32801 to 32900 of 33000')").await;
    page.click("#entries-pager button:nth-of-type(3)").await;
    page.until("!at('entries').textContent.includes('work')").await;
    assert_eq!(page.text("#entries-pager output").await, "Page 2 of 661");
    let later = opened.elements().await;
    assert!(later < MOST_ELEMENTS, "{later} elements");
    opened.close().await;
}

#[tokio::test]
async fn many_turns_are_chosen_in_parts() {
    let opened = open(large::turns(3, 1_000).as_bytes(), "").await;
    let page = &opened.page;
    let elements = opened.elements().await;
    assert!(elements < MOST_ELEMENTS, "{elements} elements");
    let choose = |last: bool| {
        let place = if last { "at('turns').options.length - 1" } else { "0" };
        format!("at('turns').selectedIndex = {place}; at('turns').dispatchEvent(new Event('change'))")
    };
    page.eval(&choose(true)).await;
    page.until("at('entries').textContent.includes('prompt 500')").await;
    page.eval(&choose(true)).await;
    page.until("at('turns').selectedOptions[0].label.startsWith('1. prompt 0 ')").await;
    assert_eq!(page.eval("at('turns').selectedOptions[0].parentElement.label").await, "session s1");
    page.eval(&choose(false)).await;
    page.until("at('entries').textContent.includes('prompt 999')").await;
    page.click("#after").await;
    page.until("at('entries').textContent.includes('prompt 0')").await;
    assert!(page.eval("at('turns').options.length").await.as_u64() <= Some(502));
    opened.close().await;
}
