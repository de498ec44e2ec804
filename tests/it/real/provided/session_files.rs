//! The files of a session, kept by the client (`sessionFs`).

use std::path::Path;
use std::sync::{Arc, Mutex};

use copilot_session::methods::client::SessionFsWriteFile;
use copilot_session::providers::{MemoryFiles, session_fs};
use copilot_session::types::{SessionFsSetProviderConventions, SessionFsSetProviderRequest};
use copilot_session::{Client, ClientBuilder, Error, RpcError, SessionBuilder};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;

use super::super::rig::{Rig, ask, soon, unreadable};

/// Registers the client as the file system of the CLI's sessions.
async fn keep_files(client: &Client, rig: &Rig) {
    let conventions = SessionFsSetProviderConventions::Posix;
    let work = rig.work().display().to_string();
    let provider = SessionFsSetProviderRequest::new(work, "/state", conventions);
    let set = soon("the provider", client.rpc().session_fs().set_provider(&provider)).await;
    assert!(set.expect("a response").success);
}

/// A CLI whose client keeps the files of all sessions.
async fn rig_with(memory: &MemoryFiles, script: Script) -> Rig {
    let serve = async |new: ClientBuilder| new.provide(session_fs(memory.clone())).start().await;
    let rig = Rig::start_by(script, |_| cli_path(), serve).await;
    keep_files(&rig.client, &rig).await;
    rig
}

/// The files below the folder that have this text in their path or content.
fn mentions(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let content = std::fs::read(&path).unwrap_or_default();
        if path.to_string_lossy().contains(text) || String::from_utf8_lossy(&content).contains(text) {
            found.push(path.display().to_string());
        }
        found.extend(mentions(&path, text));
    }
    found
}

/// A turn is written to the client's files and not to the disk. From these files another CLI, with another
/// home, continues the conversation.
#[tokio::test]
async fn a_session_lives_in_memory() {
    let memory = MemoryFiles::default();
    let rig = rig_with(&memory, Script::replies([Reply::text("Noted: the word is plover.")])).await;
    let session = rig.session(|new: SessionBuilder| {
        // The CLI's own database of all sessions is always on disk.
        new.deny_all().configure(|config| config.enable_session_store(false))
    });
    let session = session.await;
    let id = session.id().to_owned();
    ask(&session, "Remember a word, not on disk.").await.expect("an answer");
    let before = soon("the history", session.messages()).await.expect("a history");
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let events = memory.files().remove("/state/events.jsonl").expect("a file of events");
    for text in ["session.start", "not on disk", "the word is plover"] {
        assert!(events.contains(text), "no {text} in {events}");
    }
    assert_eq!(mentions(&rig.folder().join("home"), "not on disk"), [""; 0]);
    rig.finish().await;

    let rig = rig_with(&memory, Script::replies([Reply::text("Plover.")])).await;
    let session = rig.resume(&id, SessionBuilder::deny_all).await.expect("the session");
    let after = soon("the history", session.messages()).await.expect("a history");
    assert_eq!(after.iter().filter_map(unreadable).collect::<Vec<_>>(), [""; 0]);
    let ids = |events: &[copilot_session::SessionEvent]| -> Vec<String> {
        events.iter().map(|event| event.id().to_owned()).collect()
    };
    assert_eq!(ids(&after[..before.len()]), ids(&before));
    assert_eq!(ask(&session, "Which word?").await.expect("an answer").text(), "Plover.");
    let seen = rig.model.requests()[0].body()["messages"].to_string();
    assert!(seen.contains("not on disk") && seen.contains("the word is plover"), "{seen}");
    rig.finish().await;
}

/// The handlers of a session are called before it exists, and keep its files as those of a client do.
#[tokio::test]
async fn a_session_keeps_its_own_files() {
    let memory = MemoryFiles::default();
    let rig = Rig::start(Script::replies([Reply::text("Noted.")])).await;
    keep_files(&rig.client, &rig).await;
    let session = rig.session(|new| new.deny_all().provide(session_fs(memory.clone()))).await;
    ask(&session, "Remember a word.").await.expect("an answer");
    soon("the disconnect", session.disconnect()).await.expect("a disconnect");
    let files = memory.files();
    assert!(files["/state/events.jsonl"].contains("Remember a word."), "{files:?}");
    rig.finish().await;
}

/// Files that do not fit into memory fail the session, not the program.
#[tokio::test]
async fn files_that_have_no_room() {
    let rig = rig_with(&MemoryFiles::new(1000), Script::replies([])).await;
    let made = soon("the session", rig.builder_on(&rig.client).deny_all().create()).await;
    let error = made.expect_err("files without room");
    assert!(error.to_string().contains("no room"), "{error}");
    rig.finish().await;
}

/// A client that cannot write the files gets an error with its own text when it creates the session.
#[tokio::test]
async fn files_that_cannot_be_written() {
    let memory = MemoryFiles::default();
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let serve = async |new: ClientBuilder| {
        let refuse = move |_, _| {
            *count.lock().unwrap() += 1;
            async { Err(RpcError::new(RpcError::INTERNAL_ERROR, "the memory is full")) }
        };
        new.provide(session_fs(memory.clone())).handle::<SessionFsWriteFile>(refuse).start().await
    };
    let rig = Rig::start_by(Script::replies([]), |_| cli_path(), serve).await;
    keep_files(&rig.client, &rig).await;
    let made = soon("the session", rig.builder_on(&rig.client).deny_all().create()).await;
    let error = made.expect_err("files that cannot be written");
    assert!(*asked.lock().unwrap() > 0);
    assert!(matches!(&error, Error::Rpc { .. }), "{error:?}");
    assert!(error.to_string().contains("the memory is full"), "{error}");
    rig.finish().await;
}
