//! Types that answer a whole namespace of methods.

use std::collections::BTreeMap;

use copilot_session::methods::client::SessionFsStat;
use copilot_session::providers::{
    Canvas, Host, LlmInference, SessionFs, SkillProvider, Workflow, canvas, host, llm_inference, session_fs,
    skill_provider, workflow,
};
use copilot_session::testing::{FakeCli, error};
use copilot_session::types::*;
use copilot_session::{Client, ClientBuilder, Error, HandlerContext, RpcError, SessionBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::methods::{Recorder, all};
use crate::rig::{Rig, assert_alive};

/// Implements no method of any namespace.
struct Nothing;

impl<Context> Canvas<Context> for Nothing {}
impl Host for Nothing {}
impl LlmInference for Nothing {}
impl<Context> SessionFs<Context> for Nothing {}
impl<Context> SkillProvider<Context> for Nothing {}
impl<Context> Workflow<Context> for Nothing {}

fn nothing_on_client(client: ClientBuilder) -> ClientBuilder {
    let client = client.provide(canvas(Nothing)).provide(host(Nothing)).provide(llm_inference(Nothing));
    client.provide(session_fs(Nothing)).provide(skill_provider(Nothing)).provide(workflow(Nothing))
}

fn nothing_on_session(session: SessionBuilder) -> SessionBuilder {
    let session = session.provide(canvas(Nothing)).provide(session_fs(Nothing));
    session.provide(skill_provider(Nothing)).provide(workflow(Nothing))
}

/// A client with a handler for every method that the CLI may call, and the receiver of their params.
fn handles_all() -> (ClientBuilder, mpsc::UnboundedReceiver<Value>) {
    let (sender, params) = mpsc::unbounded_channel();
    let client = all().into_iter().fold(Client::builder(), |client, (method, sample)| {
        (method.on_client)(client, Recorder { result: sample.result, sender: sender.clone() })
    });
    (client, params)
}

/// True for a method of a namespace that has several.
fn is_one_of_several() -> impl Fn(&str) -> bool {
    let namespace = |method: &str| method.split('.').next().unwrap_or_default().to_owned();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (method, _) in all() {
        *counts.entry(namespace(method.name)).or_default() += 1;
    }
    move |method| counts[&namespace(method)] > 1
}

fn unknown(method: &str) -> Result<Value, Value> {
    Err(error(-32601, &format!("Unhandled method {method}")))
}

/// A provider of a client takes over each method of its namespace and no other.
#[tokio::test(start_paused = true)]
async fn nothing_implemented_on_a_client() {
    let fake = FakeCli::start();
    let (client, _params) = handles_all();
    let client = fake.connect(nothing_on_client(client)).await.expect("the handshake");
    let is_provided = is_one_of_several();
    let mut provided = 0;
    for (method, mut sample) in all() {
        if sample.of_session {
            sample.params["sessionId"] = "any".into();
        }
        let answer = fake.request_raw(method.name, sample.params).await;
        match is_provided(method.name) {
            true => assert_eq!(answer, unknown(method.name)),
            false => assert_eq!(answer, Ok(sample.result), "{}", method.name),
        }
        provided += usize::from(is_provided(method.name));
    }
    assert_eq!(provided, 28);
    assert_alive(&client).await;
}

/// The provider of a session comes before the handlers of the client, also in what it does not implement.
#[tokio::test(start_paused = true)]
async fn nothing_implemented_on_a_session() {
    let fake = FakeCli::start();
    let (client, _params) = handles_all();
    let client = fake.connect(client).await.expect("the handshake");
    let session = nothing_on_session(client.session().approve_all()).create().await.expect("a session");
    assert_eq!(fake.received_raw("session.create").await["hasSkillProvider"], true);
    let is_provided = is_one_of_several();
    for (method, sample) in all().into_iter().filter(|(_, sample)| sample.of_session) {
        let ask = |id: &str| {
            let mut params = sample.params.clone();
            params["sessionId"] = id.into();
            fake.request_raw(method.name, params)
        };
        let own = if is_provided(method.name) { unknown(method.name) } else { Ok(sample.result.clone()) };
        assert_eq!(ask(session.id()).await, own, "{}", method.name);
        assert_eq!(ask("another").await, Ok(sample.result.clone()), "{}", method.name);
    }
    assert_alive(&client).await;
}

/// Some methods of a file system, with each kind of answer.
struct Files;

impl SessionFs for Files {
    async fn read_file(
        &self,
        file: SessionFsReadFileRequest,
        context: HandlerContext,
    ) -> Result<SessionFsReadFileResult, RpcError> {
        Ok(SessionFsReadFileResult::new(format!("{} of {}", file.path, context.session_id())))
    }

    async fn write_file(
        &self,
        file: SessionFsWriteFileRequest,
        _: HandlerContext,
    ) -> Result<Option<SessionFsError>, RpcError> {
        match file.path.as_str() {
            "/missing" => Ok(Some(SessionFsError::new(SessionFsErrorCode::Enoent))),
            "/full" => Err("the disk is full".into()),
            "/taken" => Err(format!("{} is taken", file.path).into()),
            "/refused" => Err(RpcError::new(1, "no")),
            "/late" => Err(Error::SessionEnded)?,
            "/panic" => panic!("a provider panics in a test"),
            _ => Ok(None),
        }
    }

    async fn sqlite_exists(&self, _: HandlerContext) -> Result<SessionFsSqliteExistsResult, RpcError> {
        Ok(SessionFsSqliteExistsResult::new(true))
    }
}

/// A provider's methods are typed, fail as handlers do, and may be replaced one by one.
#[tokio::test(start_paused = true)]
async fn some_methods() {
    let stat = async |_, _| Err(RpcError::new(2, "a handler's"));
    let rig =
        Rig::with(|session| session.approve_all().provide(session_fs(Files)).handle::<SessionFsStat>(stat));
    let rig = rig.await;
    let read = rig.ask("sessionFs.readFile", json!({"path": "/a"})).await;
    assert_eq!(read, Ok(json!({"content": format!("/a of {}", rig.session.id())})));
    assert_eq!(rig.ask("sessionFs.sqliteExists", json!({})).await, Ok(json!({"exists": true})));
    let write = |path: &str| rig.ask("sessionFs.writeFile", json!({"path": path, "content": ""}));
    assert_eq!(write("/there").await, Ok(Value::Null));
    assert_eq!(write("/missing").await, Ok(json!({"code": "ENOENT"})));
    assert_eq!(write("/full").await, Err(error(-32603, "the disk is full")));
    assert_eq!(write("/taken").await, Err(error(-32603, "/taken is taken")));
    assert_eq!(write("/refused").await, Err(error(1, "no")));
    assert_eq!(write("/late").await, Err(error(-32603, "the session has ended")));
    assert_eq!(write("/panic").await, Err(error(-32603, "the handler panicked")));
    assert_eq!(rig.ask("sessionFs.stat", json!({"path": "/a"})).await, Err(error(2, "a handler's")));
    assert_eq!(rig.ask("sessionFs.exists", json!({"path": "/a"})).await, unknown("sessionFs.exists"));
    assert_eq!(rig.ask("sessionFs.readFile", json!({})).await.expect_err("no path")["code"], -32602);
    assert_alive(&rig.client).await;
}

/// The `Debug` output of a provider lists the methods it handles.
#[test]
fn debug() {
    let provider = format!("{:?}", llm_inference(Nothing));
    assert_eq!(provider, r#"{"llmInference.httpRequestChunk", "llmInference.httpRequestStart"}"#);
}
