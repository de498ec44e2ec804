//! Notifications of shell commands, which name a process and no session, go to the session that started it.

use std::sync::{Arc, Mutex};

use copilot_session::methods::notification::ShellOutput;
use copilot_session::testing::FakeCli;
use copilot_session::types::ShellExecRequest;
use copilot_session::{Error, Session, SessionBuilder, Subscription};
use serde_json::json;

use crate::rig::{Rig, assert_alive};

/// The notifications that a session received, as `process: text`.
type Log = Arc<Mutex<Vec<String>>>;

fn watch(session: &Session) -> Log {
    let log = Log::default();
    let (outputs, exits) = (Arc::clone(&log), Arc::clone(&log));
    session.on_shell_output(move |output| {
        let output = output.expect("an output");
        outputs.lock().expect("the story").push(format!("{}: {}", output.process_id, output.data));
    });
    session.on_shell_exit(move |exit| {
        let exit = exit.expect("an exit");
        exits.lock().expect("the story").push(format!("{}: exit {}", exit.process_id, exit.exit_code));
    });
    log
}

/// The notifications since the last call, sorted: output and exits are watched by two observers.
fn received(log: &Log) -> Vec<String> {
    let mut received = std::mem::take(&mut *log.lock().expect("the story"));
    received.sort();
    received
}

async fn two_sessions() -> (Rig, Session, [Log; 2]) {
    let rig = Rig::on(FakeCli::of_version("1.0.81"), SessionBuilder::approve_all).await;
    let other = rig.client.session().approve_all().create().await.expect("another session");
    rig.fake.on_raw("session.shell.exec", |params| Ok(json!({"processId": params["command"]})));
    let stories = [watch(&rig.session), watch(&other)];
    (rig, other, stories)
}

async fn exec(session: &Session, process: &str) {
    let started = session.rpc().shell().exec(&ShellExecRequest::new(process)).await.expect("a process");
    assert_eq!(started.process_id, process);
}

impl Rig {
    fn output(&self, process: &str, text: &str) {
        self.fake.notify_raw("shell.output", json!({"processId": process, "stream": "stdout", "data": text}));
    }

    fn exit(&self, process: &str, code: i64) {
        self.fake.notify_raw("shell.exit", json!({"processId": process, "exitCode": code}));
    }
}

/// Each session receives the notifications of its own processes, until they have ended.
#[tokio::test(start_paused = true)]
async fn two_sessions_apart() {
    let (rig, other, [a, b]) = two_sessions().await;
    let mut everything = rig.client.notifications::<ShellOutput>();
    exec(&rig.session, "p1").await;
    exec(&other, "p2").await;
    rig.output("p1", "one");
    rig.output("p2", "two");
    rig.output("unheard", "nobody's");
    rig.exit("p1", 0);
    rig.output("p1", "after its end");
    rig.exit("p2", 3);
    rig.exit("p2", 4);
    rig.fake.settle().await;
    assert_eq!(received(&a), ["p1: exit 0", "p1: one"]);
    assert_eq!(received(&b), ["p2: exit 3", "p2: two"]);
    for text in ["one", "two", "nobody's", "after its end"] {
        let output = everything.next().await.expect("a notification").expect("an output");
        assert_eq!(output.data, text, "an observer of the client sees all output");
    }
    assert_alive(&rig.client).await;
}

/// Notifications that come before the response that names their process are kept until then.
#[tokio::test(start_paused = true)]
async fn before_the_answer() {
    let (rig, other, [a, b]) = two_sessions().await;
    rig.fake.hold("session.shell.exec");
    let request = ShellExecRequest::new("any");
    let answering = async {
        let calls = [
            rig.fake.received_call("session.shell.exec").await,
            rig.fake.received_call("session.shell.exec").await,
        ];
        rig.output("p1", "one");
        rig.output("p2", "two");
        rig.exit("p1", 0);
        rig.output("p3", "nobody's");
        rig.fake.settle().await;
        assert_eq!((received(&a), received(&b)), (vec![], vec![]), "delivered before the process was known");
        for (call, process) in calls.iter().zip(["p1", "p2"]) {
            rig.fake.reply(call, Ok(json!({ "processId": process })));
        }
    };
    let (ours, others, ()) =
        tokio::join!(rig.session.rpc().shell().exec(&request), other.rpc().shell().exec(&request), answering);
    assert_eq!(
        (ours.expect("ours").process_id, others.expect("the other's").process_id),
        ("p1".into(), "p2".into())
    );
    rig.output("p1", "after its end");
    rig.exit("p2", 1);
    rig.fake.settle().await;
    assert_eq!(received(&a), ["p1: exit 0", "p1: one"]);
    assert_eq!(received(&b), ["p2: exit 1", "p2: two"]);
}

/// A process is routed even if the caller gave up on the call that started it; a call that failed started
/// none.
#[tokio::test(start_paused = true)]
async fn a_call_given_up_by_its_caller() {
    let (rig, _other, [a, b]) = two_sessions().await;
    rig.fake.hold("session.shell.exec");
    let (shell, request) = (rig.session.rpc().shell(), ShellExecRequest::new("any"));
    let second = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(second, shell.exec(&request)).await.is_err());
    let call = rig.fake.received_call("session.shell.exec").await;
    rig.output("p1", "early");
    rig.fake.reply(&call, Ok(json!({"processId": "p1"})));
    rig.output("p1", "late");
    rig.fake.settle().await;
    assert_eq!(received(&a), ["p1: early", "p1: late"]);

    assert!(tokio::time::timeout(second, shell.exec(&request)).await.is_err());
    let call = rig.fake.received_call("session.shell.exec").await;
    rig.output("p2", "early");
    rig.fake.reply(&call, Err(json!({"code": -32603, "message": "no"})));
    rig.output("p2", "late");
    rig.fake.settle().await;
    assert_eq!((received(&a), received(&b)), (vec![], vec![]));
}

/// A session that has ended receives nothing, even if a new session has the same id.
#[tokio::test(start_paused = true)]
async fn after_disconnect() {
    let (rig, other, [a, b]) = two_sessions().await;
    exec(&rig.session, "p1").await;
    exec(&other, "p2").await;
    rig.session.disconnect().await.expect("the end");
    let again = rig.client.session().approve_all().resume(rig.session.id()).await.expect("the session");
    let c = watch(&again);
    rig.output("p1", "one");
    rig.output("p2", "two");
    rig.fake.settle().await;
    assert_eq!((received(&a), received(&b), received(&c)), (vec![], vec!["p2: two".to_owned()], vec![]));
}

/// Notifications that cannot be decoded disturb nothing.
#[tokio::test(start_paused = true)]
async fn unreadable() {
    let (rig, _other, [a, _]) = two_sessions().await;
    exec(&rig.session, "p1").await;
    for params in [json!({}), json!({"processId": 5}), json!({"processId": "p1", "stream": 5}), json!([])] {
        rig.fake.notify_raw("shell.output", params.clone());
        rig.fake.notify_raw("shell.exit", json!({"processId": {}}));
    }
    rig.output("p1", "one");
    rig.fake.settle().await;
    assert_eq!(received(&a), ["p1: one"]);
    assert_alive(&rig.client).await;
}

/// A command whose output or exit does not fit its schema fails instead of waiting for ever, and one of
/// another session is not affected. Observers of the session receive the malformed notification.
#[tokio::test(start_paused = true)]
async fn malformed_notifications() {
    let (rig, _other, _stories) = two_sessions().await;
    let exit = json!({"processId": "p1", "exitCode": "zero"});
    let output = json!({"processId": "p1", "stream": "stdout"});
    for (name, broken) in [("shell.exit", exit), ("shell.output", output)] {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (outputs, exits) = (Arc::clone(&shown), Arc::clone(&shown));
        let watching = [
            rig.session.on_shell_output(move |output| {
                outputs.lock().expect("the list").extend(output.err().map(|error| error.params));
            }),
            rig.session.on_shell_exit(move |exit| {
                exits.lock().expect("the list").extend(exit.err().map(|error| error.params));
            }),
        ];
        let run = rig.session.shell("p1").start().await.expect("a command");
        let others = rig.session.shell("p2").start().await.expect("another command");
        rig.fake.notify_raw(name, broken.clone());
        rig.exit("p2", 0);
        let error = run.await.expect_err("a malformed notification");
        assert!(matches!(&error, Error::Decode { method, .. } if method == name), "{error:?}");
        assert_eq!(others.await.expect("the end").exit_code(), Some(0));
        rig.fake.settle().await;
        assert_eq!(*shown.lock().expect("the list"), [broken.to_string().into()]);
        watching.into_iter().for_each(Subscription::unsubscribe);
    }
    assert_alive(&rig.client).await;
}
