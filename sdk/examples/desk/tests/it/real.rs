//! The whole: the real CLI with the scripted model, and a real browser.

use copilot_session_model::{Reply, Script};
use serde_json::json;

use crate::browser::Browser;
use crate::rig::Real;

/// A prompt, an approval by a click, the tool that runs, a reload, and a second browser that sees the same.
#[tokio::test]
async fn a_click_approves_a_command() {
    let command = json!({ "command": "echo made > made.txt && cat made.txt", "description": "Make a file" });
    let script = Script::replies([
        Reply::text("I make a file. ").then_tool_call("bash", command),
        Reply::text("It is **made**."),
    ]);
    let (real, browser) = tokio::join!(Real::start(script), Browser::start());
    let page = browser.open(&real.url()).await;
    page.until("document.querySelector('#connection').textContent === 'connected'").await;
    assert!(
        !page.eval("location.href").await.to_string().contains("token"),
        "the token stays in the address"
    );

    page.click("#create button").await;
    page.enter("#prompt", "Make a file.").await;
    page.click("#send").await;
    page.until("document.querySelector('.ask.permission')").await;
    assert_eq!(page.text(".ask .whole").await, "echo made > made.txt && cat made.txt");
    assert!(!real.work().join("made.txt").exists(), "it did not wait");
    page.until("document.querySelector('.node.wait.running')").await;

    // A second browser sees the question as well, before and after a reload.
    let other = browser.open(&real.url()).await;
    other.click("#list a").await;
    for _ in 0..2 {
        other.until("document.querySelector('.ask.permission .whole')").await;
        other.call("Page.reload", json!({})).await;
    }

    page.click(".ask .approve").await;
    for page in [&page, &other] {
        page.until("document.querySelector('.node.turn.done')").await;
        page.until("!document.querySelector('.ask')").await;
    }
    assert_eq!(std::fs::read_to_string(real.work().join("made.txt")).expect("the file"), "made\n");
    let structure = page.structure().await;
    assert_eq!(
        structure,
        [
            "turn done: Make a file.",
            "  model done: scripted",
            "  tool done: bash echo made > made.txt && cat made.txt",
            "    wait done: waits for permission",
            "  model done: scripted",
        ]
    );
    assert!(page.text(".node.tool .text").await.contains("made"), "no output");
    assert!(page.text("#head .facts").await.contains("2 calls"), "{}", page.text("#head .facts").await);
    assert_eq!(other.structure().await, structure);

    page.call("Page.reload", json!({})).await;
    page.until("document.querySelector('.node.turn.done')").await;
    assert_eq!(page.structure().await, structure);
    assert_eq!(browser.complaints(), [] as [String; 0]);
    real.stop().await;
}
