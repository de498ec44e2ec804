//! Sessions in the browser: approvals, questions, steering, resuming, taking over.

use std::sync::Arc;

use copilot_session::types::{ProviderConfig, UiElicitationRequest};
use copilot_session::{Client, Decision};
use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script, Stall};
use copilot_session_tests::browser::Browser;
use desk::wire_log::LogFile;
use serde_json::json;
use tokio::sync::Notify;

use super::rig::{Real, builder};
use crate::rig::soon;

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
        other.reload().await;
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

    page.reload().await;
    page.until("document.querySelector('.node.turn.done')").await;
    assert_eq!(page.structure().await, structure);
    assert_eq!(browser.complaints(), [] as [String; 0]);
    real.stop().await;
}

/// The agent asks, a form is filled in, and a command is denied: all by clicks.
#[tokio::test]
async fn questions_are_answered_by_clicks() {
    let question = json!({ "question": "Tea or coffee?", "choices": ["tea", "coffee"] });
    let command = json!({ "command": "touch no.txt", "description": "Make a file" });
    let script = Script::replies([
        Reply::tool_call("ask_user", question.clone()),
        Reply::tool_call("ask_user", question),
        Reply::tool_call("bash", command),
        Reply::text("As you like."),
    ]);
    let (real, browser) = tokio::join!(Real::start(script), Browser::start());
    let page = browser.open(&real.url()).await;
    page.click("#create button").await;
    page.enter("#prompt", "Ask me.").await;
    page.click("#send").await;

    page.until("document.querySelector('.ask.question')").await;
    assert_eq!(page.text(".ask .whole").await, "Tea or coffee?");
    page.click(".ask .choice").await;
    page.until("document.querySelectorAll('.node.tool.done').length === 1").await;
    page.enter(".ask.question input", "cocoa").await;
    page.click(".ask .text").await;
    page.enter(".ask.permission input", "no more files").await;
    page.click(".ask .deny").await;
    page.until("document.querySelector('.node.turn.done')").await;
    let results = real.model.requests()[3].tool_results();
    assert!(results[0].1.contains("User selected: tea"), "{results:?}");
    assert!(results[1].1.contains("User responded: cocoa"), "{results:?}");
    assert!(results[2].1.contains("no more files"), "{results:?}");
    assert!(!real.work().join("no.txt").exists());

    // A form, as an MCP server or the program itself sends one.
    let id = page.eval("document.querySelector('.ask, #list a').hash.split('=')[1]").await;
    let session = real.desk.room(id.as_str().expect("an id")).expect("a session").session.clone();
    let schema = json!({
        "type": "object",
        "properties": {
            "city": { "type": "string", "title": "City" },
            "nights": { "type": "integer" },
            "room": { "type": "string", "enum": ["s", "d"], "enumNames": ["single", "double"] },
        },
        "required": ["city"],
    });
    let schema = copilot_session::wire::from_json(&schema.to_string()).expect("a schema");
    let form = UiElicitationRequest::new("Where to?", schema);
    let clicking = async {
        page.click(".ask.form .fill").await;
        page.until("document.querySelector('.ask .problem').textContent.includes('missing')").await;
        page.enter(".ask.form input[type=text]", "Oslo").await;
        page.enter(".ask.form input[type=number]", "3").await;
        page.eval("document.querySelector('.ask.form select').value = 1").await;
        page.click(".ask.form .fill").await;
    };
    let (filled, ()) = tokio::join!(soon("the form", session.elicit(&form)), clicking);
    let filled = copilot_session::wire::to_json(&filled.expect("a response"));
    assert_eq!(filled, r#"{"action":"accept","content":{"city":"Oslo","nights":3,"room":"d"}}"#);
    let complaints = browser.complaints();
    assert!(matches!(&*complaints, [missing] if missing.contains("422")), "{complaints:?}");
    drop(session);
    real.stop().await;
}

/// A turn is steered and stopped while the model writes; then the session is closed and resumed, and all is still there.
#[tokio::test]
async fn a_turn_is_steered_stopped_and_resumed() {
    let (first, second) = (Stall::new(), Stall::new());
    let script = Script::replies([
        Reply::text("Let me think")
            .stall(&first)
            .then_tool_call("ask_user", json!({ "question": "May I?", "choices": ["yes"] })),
        Reply::text("On and on").stall(&second),
        Reply::text("Here again."),
    ]);
    let (real, browser) = tokio::join!(Real::start(script), Browser::start());
    let page = browser.open(&real.url()).await;
    page.click("#create button").await;
    page.enter("#prompt", "Think hard.").await;
    page.click("#send").await;
    page.until("document.querySelector('.node.model.running .text')?.textContent.includes('think')").await;
    page.enter("#prompt", "But not too hard.").await;
    page.click("#send").await;
    page.until("document.querySelector('#prompt').value === ''").await;
    first.release();
    page.click(".ask .choice").await;
    soon("the model to be asked again", real.model.request(1)).await;
    let asked = real.model.requests()[1].body().to_string();
    assert!(asked.contains("But not too hard."), "{asked}");
    page.until("[...document.querySelectorAll('.node.model .text')].at(-1).textContent.includes('On')").await;
    page.click("#abort").await;
    page.until("document.querySelector('.node.turn.stopped')").await;
    assert_eq!(page.text("#head .facts span").await, "idle");

    page.click("#close").await;
    page.until("document.querySelector('#open').checkVisibility()").await;
    assert_eq!(page.text("#open").await, "Resume");
    page.click("#open").await;
    page.until("document.querySelector('#composer').checkVisibility()").await;
    let structure = page.structure().await;
    assert!(structure[0].ends_with("Think hard."), "{structure:?}");
    assert!(structure.iter().any(|step| step.trim() == "note done: But not too hard."), "{structure:?}");
    page.enter("#prompt", "Are you there?").await;
    page.click("#send").await;
    page.until("[...document.querySelectorAll('.node.model .text')].at(-1).textContent === 'Here again.'")
        .await;
    assert_eq!(browser.complaints(), [] as [String; 0]);
    second.release();
    real.stop().await;
}

/// A session that another program has open on the same CLI, in the middle of a turn: a click takes it over, and the
/// permission that the other program left undecided is asked for here.
#[tokio::test]
async fn a_running_session_is_taken_over() {
    let command = json!({ "command": "touch taken.txt", "description": "Make a file" });
    let script = [Reply::tool_call("bash", command), Reply::text("Taken over.")];
    let model = ModelServer::start(Script::replies(script)).await.expect("a model");
    let folder = tempfile::tempdir().expect("a folder");
    let (log, wire_log) = LogFile::new(1 << 20).expect("a log");
    let (_, others_log) = LogFile::new(0).expect("a log");
    let other = soon("the CLI", builder(&folder, others_log).start_tcp(0)).await.expect("the CLI");
    std::fs::create_dir(folder.path().join("work")).expect("a folder to work in");
    let provider = ProviderConfig::new(model.base_url()).api_key("scripted");
    let asked = Arc::new(Notify::new());
    let asking = Arc::clone(&asked);
    let session = other
        .session()
        .provider(provider)
        .model(MODEL_NAME)
        .current_dir(folder.path().join("work"))
        .on_permission(move |_, _| {
            asking.notify_one();
            std::future::pending::<Decision>()
        })
        .create();
    let session = soon("a session", session).await.expect("a session");
    soon("the prompt", session.send("Make a file.")).await.expect("a prompt");
    soon("the other program to be asked", asked.notified()).await;

    let token = other.connection_token().unwrap_or_default().to_owned();
    let client = Client::builder().connection_token(token).wire_log(wire_log);
    let client = client.connect_tcp(other.address().expect("an address"));
    let client = soon("a client", client).await.expect("a client");
    let (real, browser) = tokio::join!(Real::on(client, model, folder, log), Browser::start());
    let page = browser.open(&real.url()).await;
    page.click(&format!("#list a[href='#session={}']", session.id())).await;
    page.click("#open").await;
    page.click(".ask.permission .approve").await;
    page.until("document.querySelector('.node.turn.done')").await;
    assert!(real.work().join("taken.txt").exists());
    assert_eq!(page.text(".node.model:last-child .text").await, "Taken over.");
    real.stop().await;
    drop(session);
    soon("the CLI to stop", other.stop()).await;
}
