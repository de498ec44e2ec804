//! The fake as a program.

use copilot_session::types::PingRequest;
use copilot_session::{Client, Error};

/// A client of the example program with this script, and the folder of the script.
async fn client(script: &str) -> (Client, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("script.jsonl");
    std::fs::write(&path, script).expect("the script");
    let program = Client::builder().program(env!("CARGO_BIN_EXE_fake_cli")).env("FAKE_CLI_SCRIPT", path);
    (program.start().await.expect("the greeting"), folder)
}

async fn ask(client: &Client) -> Result<String, Error> {
    let session = client.session().deny_all().create().await?;
    Ok(session.send_and_wait("hello").await?.text().to_owned())
}

/// A script answers prompts and calls, and the program ends with its client.
#[tokio::test]
async fn a_script() {
    let (client, _folder) = client(
        r#"
        # Two prompts.
        {"answer": "Hello!"}
        {"turn": [{"type": "session.error", "data": {"errorType": "quota", "message": "no more"}}]}
        {"on": "ping", "error": {"code": -32000, "message": "no pings"}}
        "#,
    )
    .await;
    assert_eq!(ask(&client).await.expect("the answer"), "Hello!");
    let failed = ask(&client).await.expect_err("the failure");
    assert!(matches!(&failed, Error::Turn(data) if data.data.error_type == "quota"), "{failed:?}");
    let refused = client.rpc().ping(&PingRequest::default()).await.expect_err("the refusal");
    assert!(refused.to_string().contains("no pings"), "{refused}");
    client.stop().await;
    assert_eq!(client.closed().await.exit_code, Some(0));
}

/// The program dies where the script says so.
#[tokio::test]
async fn death() {
    let (client, _folder) = client(r#"{"on": "session.send", "exit": 7}"#).await;
    let closed = ask(&client).await.expect_err("the end");
    assert!(closed.is_closed(), "{closed:?}");
    assert_eq!(client.closed().await.exit_code, Some(7));
}

/// The program dies in the middle of a turn, after the events before.
#[tokio::test]
async fn death_in_a_turn() {
    let script = r#"{"turn": [{"type": "assistant.message", "data": {"messageId": "1", "content": "Wait."}}, {"exit": 3}]}"#;
    let (client, _folder) = client(script).await;
    let cut_off = ask(&client).await.expect_err("the end");
    assert!(
        cut_off.is_closed() && cut_off.answer().is_some_and(|answer| answer.text() == "Wait."),
        "{cut_off:?}"
    );
    assert_eq!(client.closed().await.exit_code, Some(3));
}

/// An unexpected call is reported by the program's exit status and stderr.
#[tokio::test]
async fn an_unexpected_call() {
    let (client, _folder) = client("").await;
    let unknown = client.rpc().models().list(&Default::default()).await.expect_err("an error");
    assert!(unknown.is_method_not_found(), "{unknown}");
    client.stop().await;
    let closed = client.closed().await;
    assert_eq!(closed.exit_code, Some(101));
    assert!(closed.to_string().contains("unexpected call of `models.list`"), "{closed}");
}

/// A recording is a script as well.
#[tokio::test]
async fn a_recording() {
    let (client, _folder) = client(include_str!("../../recordings/1.0.102-streaming.jsonl")).await;
    assert_eq!(ask(&client).await.expect("the answer"), "The answer is 4.");
    client.stop().await;
}

/// An invalid script is reported with its line.
#[tokio::test]
async fn no_script() {
    for (script, line) in [("{\"answer\": \"a\"}\n{\"anwser\": \"b\"}", "line 2"), ("nothing", "line 1")] {
        let fake = copilot_session::testing::FakeCli::start();
        let error = fake.script(script).expect_err("a mistake").to_string();
        assert!(error.starts_with(line), "{error}");
    }
}
