//! Every method that the CLI may call on a client, by its own types.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session::methods::client;
use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{SessionFsError, SessionFsErrorCode, SessionFsWriteFileRequest};
use copilot_session::wire::{from_json, to_json};
use copilot_session::{Client, ClientBuilder, ClientMethod, HandlerContext, RpcError, SessionBuilder};
use copilot_session_tests::sample::Schemas;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::{Rig, assert_alive};

/// A method, with a handler that records its params and returns a result, all as JSON.
pub struct Method {
    pub name: &'static str,
    on_session: fn(SessionBuilder, Recorder) -> SessionBuilder,
    pub on_client: fn(ClientBuilder, Recorder) -> ClientBuilder,
}

/// The result of a handler, and the channel that records its params.
#[derive(Clone)]
pub struct Recorder {
    pub result: Value,
    pub sender: mpsc::UnboundedSender<Value>,
}

impl Recorder {
    fn record<M: ClientMethod>(&self, params: &M::Params) -> Result<M::Result, RpcError> {
        let params = serde_json::from_str(&to_json(params)).expect("JSON");
        self.sender.send(params).expect("an open channel");
        from_json(&self.result.to_string()).map_err(|error| RpcError::new(0, error.to_string()))
    }
}

fn method<M: ClientMethod + 'static>() -> Method {
    Method {
        name: M::NAME,
        on_session: |session, received| {
            session.handle::<M>(move |params, _| std::future::ready(received.record::<M>(&params)))
        },
        on_client: |client, received| {
            client.handle::<M>(move |params, _| std::future::ready(received.record::<M>(&params)))
        },
    }
}

macro_rules! methods {
    ($($method:ident),* $(,)?) => {
        &[$(method::<client::$method>),*]
    };
}

const METHODS: &[fn() -> Method] = methods![
    AutoModeSwitchRequest,
    CanvasActionInvoke,
    CanvasClose,
    CanvasOpen,
    ExitPlanModeRequest,
    ExtensionLaunchProviderResolve,
    GitHubTokenGetToken,
    HooksInvoke,
    HostMaterializeSession,
    HostRegisterSession,
    HostShutdown,
    HostUnregisterSession,
    InstallationsConfirm,
    LlmInferenceHttpRequestChunk,
    LlmInferenceHttpRequestStart,
    ProviderTokenGetToken,
    SessionFsAppendFile,
    SessionFsExists,
    SessionFsMkdir,
    SessionFsReadFile,
    SessionFsReadFileBytes,
    SessionFsReaddir,
    SessionFsReaddirWithTypes,
    SessionFsRename,
    SessionFsRm,
    SessionFsSqliteExists,
    SessionFsSqliteQuery,
    SessionFsSqliteTransaction,
    SessionFsStat,
    SessionFsWriteFile,
    SessionFsWriteFileBytes,
    SkillProviderList,
    SkillProviderRead,
    SystemMessageTransform,
    TasksCancel,
    UiThreadRun,
    UserInputRequest,
    WorkflowAbort,
    WorkflowExecute,
];

/// The samples that the schemas have of a method.
pub struct Sample {
    pub of_session: bool,
    pub params: Value,
    pub result: Value,
}

pub fn samples() -> BTreeMap<String, Sample> {
    let schemas = Schemas::read();
    let methods = schemas.client_methods();
    methods
        .map(|(name, of_session, params, result)| (name.to_owned(), Sample { of_session, params, result }))
        .collect()
}

/// Each method of the schemas with its code. Fails unless the list above has all of them.
pub fn all() -> Vec<(Method, Sample)> {
    let mut samples = samples();
    let methods = METHODS.iter().map(|method| method());
    let all = methods.map(|method| {
        let sample = samples.remove(method.name).unwrap_or_else(|| panic!("{} is listed twice", method.name));
        (method, sample)
    });
    let all: Vec<_> = all.collect();
    assert_eq!(samples.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "not in the list");
    all
}

/// Calls a method and checks the params of its handler and the result that comes back.
async fn check(
    fake: &FakeCli,
    name: &str,
    params: Value,
    received: &mut mpsc::UnboundedReceiver<Value>,
    sample: &Sample,
) {
    let answer = fake.request_raw(name, params).await;
    assert_eq!(answer, Ok(sample.result.clone()), "{name}");
    let mut received = received.try_recv().expect("the params");
    if received.is_null() {
        // No params are an empty object on the wire.
        received = json!({});
    }
    // The params of some methods hold the session's id beside their own keys.
    if let Some(received) = received.as_object_mut().filter(|_| sample.of_session) {
        received.remove("sessionId");
    }
    assert_eq!(received, sample.params, "{name}");
}

#[test]
fn their_number() {
    let all = all();
    assert_eq!(all.len(), 39);
    let in_supplement: BTreeSet<_> =
        ["userInput.request", "exitPlanMode.request", "autoModeSwitch.request", "systemMessage.transform"]
            .into();
    assert_eq!(all.iter().filter(|(method, _)| !in_supplement.contains(method.name)).count(), 35);
}

/// A session answers each of its methods with typed params and results.
#[tokio::test(start_paused = true)]
async fn on_a_session() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let rig = Rig::with(|session| {
        all().into_iter().fold(session.approve_all(), |session, (method, sample)| {
            (method.on_session)(session, Recorder { result: sample.result, sender: sender.clone() })
        })
    })
    .await;
    for (method, sample) in all().iter().filter(|(_, sample)| sample.of_session) {
        let mut params = sample.params.clone();
        params["sessionId"] = rig.session.id().into();
        check(&rig.fake, method.name, params, &mut received, sample).await;
    }
    assert_alive(&rig.client).await;
}

/// A client answers every method: those without a session, and those that the session has no handler for.
#[tokio::test(start_paused = true)]
async fn on_a_client() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let fake = FakeCli::start();
    let builder = all().into_iter().fold(Client::builder(), |client, (method, sample)| {
        (method.on_client)(client, Recorder { result: sample.result, sender: sender.clone() })
    });
    let client = fake.connect(builder).await.expect("the handshake");
    let session = client.session().approve_all().create().await.expect("a session");
    for (method, sample) in &all() {
        for id in [session.id(), "another"] {
            let mut params = sample.params.clone();
            if sample.of_session {
                params["sessionId"] = id.into();
            }
            check(&fake, method.name, params, &mut received, sample).await;
        }
    }
    assert_alive(&client).await;
}

/// The methods whose error the CLI would treat as a yes.
const FAIL_CLOSED: [&str; 3] = ["hooks.invoke", "exitPlanMode.request", "autoModeSwitch.request"];

/// Each method without a handler is unknown, on a session as on the client.
#[tokio::test(start_paused = true)]
async fn unhandled() {
    let rig = Rig::start().await;
    for (method, sample) in all() {
        let unknown = format!("Unhandled method {}", method.name);
        let unknown = match method.name {
            "exitPlanMode.request" => {
                Ok(json!({"approved": false, "feedback": "the plan was neither approved nor rejected"}))
            }
            "autoModeSwitch.request" => Ok(json!({"response": "no"})),
            _ => Err(error(-32601, &unknown)),
        };
        let mut params = sample.params;
        assert_eq!(rig.fake.request_raw(method.name, params.clone()).await, unknown);
        params["sessionId"] = rig.session.id().into();
        assert_eq!(rig.fake.request_raw(method.name, params).await, unknown);
    }
    assert_alive(&rig.client).await;
}

/// Each method rejects params that it cannot decode, unless its params have no fixed shape.
#[tokio::test(start_paused = true)]
async fn undecodable() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let rig = Rig::with(|session| {
        all().into_iter().fold(session.approve_all(), |session, (method, sample)| {
            (method.on_session)(session, Recorder { result: sample.result, sender: sender.clone() })
        })
    })
    .await;
    let mut refused = 0;
    for (method, sample) in all().iter().filter(|(_, sample)| sample.of_session) {
        let keys = sample.params.as_object().expect("an object").keys();
        let mut params: Value =
            keys.map(|key| (key.clone(), json!({"a": [{}]}))).collect::<serde_json::Map<_, _>>().into();
        let shapeless = params.as_object().is_some_and(serde_json::Map::is_empty);
        params["sessionId"] = rig.session.id().into();
        let answer = rig.fake.request_raw(method.name, params).await;
        if shapeless {
            assert_eq!(answer, Ok(sample.result.clone()), "{}", method.name);
            continue;
        }
        match answer {
            Err(error) => assert_eq!(error["code"], -32602, "{}", method.name),
            // The CLI would treat an error as a yes.
            Ok(no) => assert!(FAIL_CLOSED.contains(&method.name), "{} {no}", method.name),
        }
        refused += 1;
    }
    assert!(refused > 20, "{refused}");
    assert!(
        std::iter::from_fn(|| received.try_recv().ok()).count() < 4,
        "handlers ran with params that cannot be decoded"
    );
}

/// The result of `sessionFs.writeFile` is null or an error.
#[tokio::test(start_paused = true)]
async fn the_result_of_a_write() {
    let handle = async |request: SessionFsWriteFileRequest, _: HandlerContext| {
        let missing = SessionFsError::new(SessionFsErrorCode::Enoent);
        Ok((request.path == "/missing").then_some(missing))
    };
    let rig = Rig::with(|session| session.approve_all().handle::<client::SessionFsWriteFile>(handle)).await;
    let write = |path: &str| rig.ask("sessionFs.writeFile", json!({"path": path, "content": ""}));
    assert_eq!(write("/there").await, Ok(Value::Null));
    assert_eq!(write("/missing").await, Ok(json!({"code": "ENOENT"})));
}
