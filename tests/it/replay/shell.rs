//! Shell commands of the user.

use copilot_session::types::{
    ShellCancelUserRequestedRequest, ShellExecRequest, ShellExecuteUserRequestedRequest, ShellKillRequest,
};
use copilot_session::{Session, wire};
use serde_json::{Value, json};

use super::recording::Request;
use super::sent::{Sent, create, leave, request};
use super::stage::Stage;

const TO_ITS_END: &str = "echo out1; echo err1 >&2; sleep 0.3; echo out2; exit 3";
const TO_BE_KILLED: &str = "echo started; sleep 30";
const BYTES: &str = "printf 'caf\\303\\251 \\377\\n'; head -c 200000 /dev/zero | tr '\\\\0' x";

/// By `session.shell.exec`: through [`Session::shell`] where the CLI sends the output, else by the typed
/// methods.
pub async fn exec(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let sent = match stage.version() {
        "1.0.102" => exec_without_output(stage, &session).await,
        _ => exec_with_output(&session).await,
    };
    session.disconnect().await.expect("the end");
    [vec![create()], sent, vec![leave(stage)]].concat()
}

async fn exec_with_output(session: &Session) -> Vec<Sent> {
    let output = session.shell(TO_ITS_END).await.expect("its output");
    let streams = (output.stdout(), output.stderr(), output.exit_code());
    assert_eq!(streams, ("out1\nout2\n".to_owned(), "err1\n".to_owned(), Some(3)));
    assert_eq!(session.shell("pwd").await.expect("its output").output(), "/workspace\n");
    // The recording has the output and exit of a process that this client did not start; they must not end
    // this command.
    let run = session.shell(TO_BE_KILLED).start().await.expect("a running command");
    run.kill().await.expect("the kill");
    let output = run.await.expect("the end");
    assert_eq!((&*output.output(), output.exit_code()), ("", Some(1)));
    assert_eq!(session.shell("no-such-cmd-xyz").await.expect("the end").exit_code(), Some(127));
    assert!(session.shell(BYTES).await.expect("its output").is_success());
    let exec = |command: &str| {
        let longest = i64::from(i32::MAX);
        request("session.shell.exec", json!({"command": command, "timeout": longest}))
    };
    let kill = request("session.shell.kill", json!({"processId": "process 3"}));
    vec![exec(TO_ITS_END), exec("pwd"), exec(TO_BE_KILLED), kill, exec("no-such-cmd-xyz"), exec(BYTES)]
}

async fn exec_without_output(stage: &Stage, session: &Session) -> Vec<Sent> {
    let mut expected = Vec::new();
    let mut processes: Vec<Value> = Vec::new();
    let shell = || session.rpc().shell();
    for recorded in stage.recording.requests().filter(|request| request.method.starts_with("session.shell."))
    {
        let mut params = recorded.params.clone();
        params.as_object_mut().expect("an object").remove("sessionId");
        let text = params.to_string();
        let answer = stage.recording.answer_to(recorded.id).expect("a response").as_ref();
        if recorded.method == "session.shell.exec" {
            let started = shell().exec(&wire::from_json::<ShellExecRequest>(&text).expect("a command")).await;
            let process = started.as_ref().map(|started| json!(started.process_id));
            assert_eq!(process.as_ref().ok(), answer.ok().map(|answer| &answer["processId"]));
            assert_eq!(started.is_err(), params["cwd"] == "/nonexistent", "{params}");
            processes.extend(process);
        } else {
            let killed = shell().kill(&wire::from_json::<ShellKillRequest>(&text).expect("a process")).await;
            assert_eq!(json!(killed.expect("a response").killed), answer.expect("a response")["killed"]);
            let index = processes.iter().position(|process| *process == params["processId"]);
            params["processId"] = format!("process {}", index.expect("a started process") + 1).into();
        }
        expected.push(request(&recorded.method, params));
    }
    assert_eq!(expected.len(), 13);
    expected
}

/// On versions that send the output: commands in another folder or with a time limit of the CLI, and the
/// signals to one of them, none of which [`Session::shell`] supports.
pub fn is_not_supported(request: &Request) -> bool {
    let command = request.params["command"].as_str().unwrap_or_default();
    let has = |key: &str| request.params.get(key).is_some();
    request.version != "1.0.102"
        && match request.method.as_str() {
            "session.shell.exec" => has("cwd") || has("timeout") || command.starts_with("trap"),
            "session.shell.kill" => request.id > 8,
            _ => false,
        }
}

const SHORT: &str = "echo out1; echo err1 >&2; exit 3";
const LONG: &str = "echo a; sleep 1; echo b; sleep 20";

/// By `session.shell.executeUserRequested`: through [`Session::shell`] where that uses it.
pub async fn user_requested(stage: &Stage) -> Vec<Sent> {
    let session = stage.session().approve_all().create().await.expect("the session");
    let ids = match stage.version() {
        "1.0.102" => {
            by_shell(&session).await;
            ["of our own", "of our own"]
        }
        _ => {
            by_methods(stage, &session).await;
            ["req-1", "req-2"]
        }
    };
    let nobodys = session.rpc().shell();
    match nobodys.cancel_user_requested(&ShellCancelUserRequestedRequest::new("nope")).await {
        Ok(result) => assert!(!result.cancelled),
        Err(error) => assert!(stage.is_old() && error.is_method_not_found(), "{error}"),
    }
    session.disconnect().await.expect("the end");
    let execute = |id: &str, command: &str| {
        request("session.shell.executeUserRequested", json!({"requestId": id, "command": command}))
    };
    let cancel = |id: &str| request("session.shell.cancelUserRequested", json!({ "requestId": id }));
    vec![
        create(),
        execute(ids[0], SHORT),
        execute(ids[1], LONG),
        cancel(ids[1]),
        cancel("nope"),
        leave(stage),
    ]
}

async fn by_shell(session: &Session) {
    let output = session.shell(SHORT).await.expect("its output");
    let streams = (output.stdout(), output.stderr(), output.exit_code());
    assert_eq!(streams, ("out1\n".to_owned(), "err1\n".to_owned(), Some(3)));
    let mut run = session.shell(LONG).start().await.expect("a running command");
    assert_eq!(run.next().await.expect("some output").text, "a\n");
    assert_eq!(run.next().await.expect("some output").text, "b\n");
    run.kill().await.expect("the kill");
    let output = run.await.expect("the end");
    assert_eq!((&*output.output(), output.exit_code()), ("a\nb\n", None));
}

async fn by_methods(stage: &Stage, session: &Session) {
    let execute = async |id: &str, command: &str| {
        let params = ShellExecuteUserRequestedRequest::new(id, command);
        match session.rpc().shell().execute_user_requested(&params).await {
            Ok(result) => Some((result.output, result.success)),
            Err(error) => {
                assert!(stage.is_old() && error.is_method_not_found(), "{error}");
                None
            }
        }
    };
    let known = |output: &str| (!stage.is_old()).then(|| (output.to_owned(), false));
    assert_eq!(execute("req-1", SHORT).await, known("out1\nerr1"));
    let cancel = async {
        let cancelled = session.rpc().shell();
        let cancelled = cancelled.cancel_user_requested(&ShellCancelUserRequestedRequest::new("req-2")).await;
        assert_eq!(cancelled.is_ok_and(|result| result.cancelled), !stage.is_old());
    };
    let (output, ()) = tokio::join!(execute("req-2", LONG), cancel);
    assert_eq!(output, known("a\nb"));
}
