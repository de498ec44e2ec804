//! A file system of the client, which the CLI uses during other requests.

use std::collections::{HashMap, VecDeque};
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use copilot_session::methods::client::{
    SessionFsAppendFile, SessionFsExists, SessionFsMkdir, SessionFsReadFile, SessionFsReaddirWithTypes,
    SessionFsRename, SessionFsStat, SessionFsWriteFile,
};
use copilot_session::types::SessionFsSetProviderRequest;
use copilot_session::{ClientMethod, RpcError, SessionBuilder, wire};
use serde_json::{Value, json};

use super::recording::Line;
use super::sent::{Sent, answer, create, leave, prompt, request};
use super::stage::Stage;

/// The recorded responses to each method, in order.
type Replies = Arc<Mutex<HashMap<String, VecDeque<Value>>>>;

/// Answers each request of a method with the next recorded response.
fn as_recorded<M: ClientMethod>(session: SessionBuilder, replies: &Replies) -> SessionBuilder {
    let replies = Arc::clone(replies);
    session.handle::<M>(move |_, _| {
        let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = replies.get_mut(M::NAME).and_then(VecDeque::pop_front).expect("a recorded one");
        let reply = wire::from_json::<M::Result>(&reply.to_string());
        ready(reply.map_err(|error| RpcError::new(RpcError::INTERNAL_ERROR, error.to_string())))
    })
}

fn with_files(session: SessionBuilder, replies: &Replies) -> SessionBuilder {
    let session = as_recorded::<SessionFsReadFile>(session.approve_all(), replies);
    let session = as_recorded::<SessionFsReaddirWithTypes>(session, replies);
    let session = as_recorded::<SessionFsStat>(session, replies);
    let session = as_recorded::<SessionFsExists>(session, replies);
    // The result of these is `null`.
    let session = as_recorded::<SessionFsWriteFile>(session, replies);
    let session = as_recorded::<SessionFsAppendFile>(session, replies);
    let session = as_recorded::<SessionFsRename>(session, replies);
    as_recorded::<SessionFsMkdir>(session, replies)
}

/// The files are used before the session is created, during its turns, and when it is disconnected.
pub async fn session_fs(stage: &Stage) -> Vec<Sent> {
    let (replies, expected) = recorded(stage);
    let params = json!({"initialCwd": "/workspace", "sessionStatePath": "/state", "conventions": "posix"});
    let provider: SessionFsSetProviderRequest = wire::from_json(&params.to_string()).expect("a provider");
    assert!(stage.client.rpc().session_fs().set_provider(&provider).await.expect("a response").success);
    let session = with_files(stage.session(), &replies).create().await.expect("the session");
    assert_eq!(session.send_and_wait("hello").await.expect("an answer").text(), "a");
    session.disconnect().await.expect("the end");
    let again = with_files(stage.session_of(1), &replies).resume(session.id());
    again.await.expect("the session").disconnect().await.expect("the end");
    expected
}

/// The recorded responses by method, and all messages that the client should send.
fn recorded(stage: &Stage) -> (Replies, Vec<Sent>) {
    let mut replies: HashMap<String, VecDeque<Value>> = HashMap::new();
    let mut methods: HashMap<String, &str> = HashMap::new();
    let mut expected = Vec::new();
    for line in &stage.recording.lines {
        match line {
            Line::Ask { id, method, .. } => drop(methods.insert(id.to_string(), method)),
            Line::Reply { id, result } => {
                let method = methods[&id.to_string()];
                replies.entry(method.to_owned()).or_default().push_back(result.clone());
                expected.push(answer(method, result.clone()));
            }
            Line::Request(asked) => expected.extend(match asked.method.as_str() {
                "ping" => None,
                "session.create" => Some(create()),
                "session.send" => Some(prompt("hello")),
                "session.resume" => Some(request("session.resume", json!({}))),
                "session.destroy" => Some(leave(stage)),
                other => Some(request(other, asked.params.clone())),
            }),
            _ => {}
        }
    }
    assert!(replies.values().map(VecDeque::len).sum::<usize>() > 50);
    expected.push(leave(stage));
    (Arc::new(Mutex::new(replies)), expected)
}
