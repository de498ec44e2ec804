//! Attacks in a real browser: by other pages, and by what the agent works with.

use copilot_session_model::{Reply, Script};
use copilot_session_tests::browser::Browser;
use desk::server::Limits;
use desk::wire_log::LogFile;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::rig::Real;
use crate::rig::{serve_desk, soon};

/// Markup in a prompt, a command, its output and a file name stays text in the real page, and no script of it runs.
#[tokio::test]
async fn scripts_stay_text() {
    let script = "<img src=x onerror=document.title=777><script>document.title=777</script>";
    let command = format!("touch '{}'; echo '{script}'; ls", "<b onclick=alert(1)>.txt");
    let replies = Script::replies([
        Reply::text(script).then_tool_call("bash", json!({ "command": command, "description": script })),
        Reply::text("</pre><script>document.title=777</script>"),
    ]);
    let (real, browser) = tokio::join!(Real::start(replies), Browser::start());
    let page = browser.open(&real.url()).await;
    page.click("#create button").await;
    page.enter("#prompt", script).await;
    page.click("#send").await;
    page.until("document.querySelector('.ask.permission')").await;
    assert_eq!(page.text(".ask .whole").await, command);
    page.click(".ask .approve").await;
    page.until("document.querySelector('.node.turn.done')").await;
    let output = page.text(".node.tool .text").await;
    assert!(output.contains(script) && output.contains("<b onclick=alert(1)>.txt"), "{output}");
    assert_eq!(page.text(".node.model .text").await, script);
    let made = page.eval("document.querySelectorAll('img, b, main script').length").await;
    assert_eq!(made, 0, "markup became elements");
    assert!(!page.eval("document.title").await.to_string().starts_with("\"777"));
    assert_eq!(browser.complaints(), [] as [String; 0]);
    real.stop().await;
}

/// Markdown becomes elements, but what could run, load or lead elsewhere stays text: tags, scripts, pictures, and links
/// that do not lead to the web.
#[tokio::test]
async fn markdown_is_formatted_without_harm() {
    let answer = "## Found *it*\n\n1. `one`\n\n[docs](https://example.com/a) [bad](javascript:document.title=777) \
        ![i](https://example.com/i.png) ![d](data:image/png;base64,AAAA)\n\n<script>document.title=777</script>\n\n\
        <img src=x onerror=document.title=777>\n\n<a href=javascript:x>c</a> &lt;b&gt; &#x202e;\n\n| a |\n|---|\n| b |";
    let (real, browser) = tokio::join!(Real::start(Script::replies([Reply::text(answer)])), Browser::start());
    let page = browser.open(&real.url()).await;
    page.click("#create button").await;
    page.enter("#prompt", "Go").await;
    page.click("#send").await;
    page.until("document.querySelector('.node.turn.done')").await;
    let text = "document.querySelector('.node.model .text')";
    let names = format!("[...new Set([...{text}.querySelectorAll('*')].map(item => item.localName))].sort()");
    let made = json!(["a", "code", "em", "h3", "li", "ol", "p", "pre", "table", "td", "th", "tr"]);
    assert_eq!(page.eval(&names).await, made);
    let links =
        format!("[...{text}.querySelectorAll('a')].map(link => [link.textContent, link.href, link.rel])");
    let expected = json!([
        ["docs", "https://example.com/a", "noopener noreferrer"],
        ["i", "https://example.com/i.png", "noopener noreferrer"],
    ]);
    assert_eq!(page.eval(&links).await, expected);
    let shown = page.text(".node.model .text").await;
    for part in [
        "docs (https://example.com/a)",
        "bad (javascript:document.title=777)",
        "d (data:image/png;base64,AAAA)",
        "<script>document.title=777</script>",
        "<img src=x onerror=",
        "<a href=javascript:x>c</a> <b> \\u{202e}",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!page.eval("document.title").await.to_string().starts_with("\"777"));
    assert_eq!(browser.complaints(), [] as [String; 0]);
    // The pieces of a server that is not ours make no other elements, and no other links.
    let forged = r#"import("./format.js").then(({ format }) => {
        const div = document.createElement("div");
        div.append(format([["script"], "x", null, ["iframe"], null, ["a", "javascript:x"], "y", null, null, null, "z"]));
        return div.innerHTML;
    })"#;
    assert_eq!(page.eval(forged).await, "<span>x</span><span></span><a>y</a>z");
    real.stop().await;
}

/// A page of another port on the same machine, in the same browser, can neither read nor drive the desk.
#[tokio::test]
async fn a_page_of_another_port_cannot_drive_it() {
    let (real, browser) = tokio::join!(Real::start(Script::replies([])), Browser::start());
    let (log, _wire_log) = LogFile::new(1 << 20).expect("a log");
    // The other page comes from a second desk, whose own policy would forbid the calls: so they are made without it.
    let (other, _, serving) = serve_desk(&real.desk, log, Limits::default()).await;
    let page = browser.open("about:blank").await;
    page.call("Page.setBypassCSP", json!({ "enabled": true })).await;
    page.call("Page.navigate", json!({ "url": format!("http://{other}/") })).await;
    page.until("document.readyState === 'complete' && location.host").await;
    let (desk, token) = (format!("http://{}", real.address), real.token.reveal());
    for (mode, headers) in
        [("cors", format!("{{ authorization: 'Bearer {token}' }}")), ("no-cors", "{}".to_owned())]
    {
        let outcome = page
            .eval(&format!(
                "fetch('{desk}/api/sessions', {{ method: 'POST', mode: '{mode}', headers: {headers}, body: '{{}}' }})
                    .then(response => response.type + response.status, () => 'refused')"
            ))
            .await;
        assert!(outcome == "refused" || outcome == "opaque0", "{mode}: {outcome}");
    }
    // A browser without these rules of its own, with the token: the desk itself refuses.
    let calls = [
        (real.address, other, "403"),
        (other, other, "421"),
        // As its own page does, to show that the rest of the call is right.
        (real.address, real.address, "201"),
    ];
    for (host, origin, status) in calls {
        let created = real.work().join(status);
        std::fs::create_dir(&created).expect("a folder");
        let body = json!({ "folder": created }).to_string();
        let call = format!(
            "POST /api/sessions HTTP/1.1\r\nhost: {host}\r\norigin: http://{origin}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = soon("a connection", TcpStream::connect(real.address)).await.expect("a connection");
        stream.write_all(call.as_bytes()).await.expect("a call");
        let mut response = String::new();
        soon("a response", stream.read_to_string(&mut response)).await.expect("a response");
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
    let mut list = real.desk.list();
    let listed = soon("the session", list.wait_for(|list| list.contains("/201"))).await.expect("a list");
    assert_eq!(
        listed.matches("\"state\":\"idle\"").count(),
        1,
        "another page has created a session: {}",
        *listed
    );
    drop(listed);
    real.stop().await;
    soon("the server", serving).await.expect("no panic");
}

/// The list, too, shows the titles of sessions as text.
#[tokio::test]
async fn a_session_of_the_list_is_text() {
    let script = Script::replies([Reply::text("Yes.")]);
    let (real, browser) = tokio::join!(Real::start(script), Browser::start());
    let page = browser.open(&real.url()).await;
    page.click("#create button").await;
    page.enter("#prompt", "<i>slanted</i>\u{202e}").await;
    page.click("#send").await;
    page.until("document.querySelector('.node.turn.done')").await;
    page.until("document.querySelector('#list a').textContent.includes('<i>slanted</i>\\\\u{202e}')").await;
    assert_eq!(page.eval("document.querySelectorAll('#list i').length").await, 0);
    real.stop().await;
}
