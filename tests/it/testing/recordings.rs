//! Wire logs that are recorded and replayed.

use std::io::Write;
use std::sync::{Arc, Mutex};

use copilot_session::testing::{FakeCli, error};
use copilot_session::types::{ProviderConfig, SandboxProxySecretSaveRequest};
use copilot_session::{Client, Error, WireLog};
use serde_json::{Value, json};

use super::complaint;

/// A file in memory.
#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the file").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl File {
    /// Waits until the file contains this part, and returns the text.
    async fn text_with(&self, part: &str) -> String {
        while !self.text().contains(part) {
            tokio::task::yield_now().await;
        }
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("the file").clone()).expect("text")
    }
}

/// One turn of a session.
async fn turn(client: &Client) -> Result<String, Error> {
    let provider = ProviderConfig::new("http://localhost").api_key("sk-1");
    let session = client.session().approve_all().provider(provider).model("m").create().await?;
    let answer = session.send_and_wait("say s3cret").await?;
    session.disconnect().await?;
    Ok(answer.text().to_owned())
}

/// A wire log has every message and no secret, and can be replayed.
#[tokio::test(start_paused = true)]
async fn recorded_and_played() {
    let (fake, file) = (FakeCli::start(), File::default());
    let log = WireLog::new(file.clone()).hide("s3cret");
    let builder = Client::builder().connection_token("t0ken").github_token("gh0").wire_log(log);
    let client = fake.connect(builder).await.expect("the greeting");
    fake.answer("the s3cret is out, not t0ken nor gh0");
    assert_eq!(turn(&client).await.expect("the answer"), "the s3cret is out, not t0ken nor gh0");

    client.stop().await;
    let text = file.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let methods: Vec<&str> = lines
        .iter()
        .filter(|line| line["dir"] == "client")
        .filter_map(|line| line["msg"]["method"].as_str())
        .collect();
    assert_eq!(methods, fake.methods());
    assert!(lines.len() > methods.len() * 2 && lines.iter().all(|line| line["t_ms"].is_u64()), "{text}");
    for secret in ["sk-1", "t0ken", "s3cret", "gh0"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }

    let played = FakeCli::replay(&text);
    assert_eq!(
        turn(&played.client().await).await.expect("the answer"),
        "the [redacted] is out, not [redacted] nor [redacted]"
    );
}

/// Secrets are found by their keys, at any depth, and similar keys are not redacted.
#[tokio::test(start_paused = true)]
async fn secrets_by_key() {
    let (fake, file) = (FakeCli::start(), File::default());
    let client = fake.connect(Client::builder().wire_log(WireLog::new(file.clone())));
    let client = client.await.expect("the greeting");
    let secrets = json!([
        {"gitHubToken": "hush", "list": [{"bearerToken": "hush", "x-api-key": "hush"}]},
        {"Authorization": "Bearer hush", "env": {"PATH": "hush"}, "secret": {"of": "hush"}},
        {"headers": [{"name": "Accept", "value": "hush"}, "hush", {"name": "hush"}, 1, ["hush"]]},
        {"headers": "hush", "requestHeaders": {"a": ["hush"]}, "callbackUrl": "hush", "headersJson": "hush"},
    ]);
    let plain = json!({"token": null, "inputTokens": 5, "tokenizer": "kept", "headers": [1]});
    fake.notify_raw("custom", json!({"shown": secrets, "plain": plain}));
    fake.settle().await;
    let text = file.text_with("custom").await;
    let notice = text.lines().find(|line| line.contains("custom")).expect("a line of the notification");
    let notice: Value = serde_json::from_str(notice).expect("JSON");
    let hidden = secrets.to_string().replace("Bearer hush", "hush").replace("hush", "[redacted]");
    assert_eq!(notice["msg"]["params"]["shown"].to_string(), hidden);
    assert_eq!(notice["msg"]["params"]["plain"], plain);
    // Params and results of methods about secrets are redacted as a whole.
    fake.on_raw("sandbox.proxySecret.get", |_| Ok(json!({"value": "hush-hush"})));
    let save = SandboxProxySecretSaveRequest::new("hush-hush");
    fake.on_raw("sandbox.proxySecret.save", |_| Err(error(1, "hush-hush")));
    let secrets = client.rpc();
    assert_eq!(secrets.sandbox().proxy_secret().get().await.expect("it").value.as_deref(), Some("hush-hush"));
    secrets.sandbox().proxy_secret().save(&save).await.expect_err("an error");
    client.stop().await;
    assert!(file.text().contains("proxySecret") && !file.text().contains("hush-hush"), "{}", file.text());
}

/// A log contains the end of the connection, and a replay ends in the same way. A log that is cut off in its
/// last line is replayed up to there.
#[tokio::test(start_paused = true)]
async fn a_sudden_end() {
    let (fake, file) = (FakeCli::start(), File::default());
    let client = fake.connect(Client::builder().wire_log(WireLog::new(file.clone())));
    let client = client.await.expect("the greeting");
    let hang_up = async {
        fake.received_raw("session.send").await;
        fake.settle().await;
        fake.hang_up();
    };
    let (failed, ()) = tokio::join!(turn(&client), hang_up);
    assert!(failed.expect_err("the end").is_closed());
    client.closed().await;
    let text = file.text();
    let last: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["dir"], &last["end"]["reason"]), (&json!("server"), &json!("the stream ended")));

    let cut_off = format!("{text}{{\"t_ms\": 5, \"dir\": \"ser");
    for recording in [text, cut_off] {
        let played = FakeCli::replay(&recording);
        let failed = turn(&played.client().await).await.expect_err("the same end");
        assert!(failed.is_closed(), "{failed:?}");
    }
}

/// The recording of a real CLI answers the current client.
#[tokio::test(start_paused = true)]
async fn a_real_recording() {
    let fake = FakeCli::replay(include_str!("../../recordings/1.0.102-streaming.jsonl"));
    let client = fake.client().await;
    let session = client.session().approve_all().create().await.expect("the session");
    let answer = session.send_and_wait("What is 2+2?").await.expect("the answer");
    assert_eq!(answer.text(), "The answer is 4.");
}

/// A client that behaves otherwise than the recorded one fails the test.
#[tokio::test(start_paused = true)]
async fn another_client() {
    let fake = FakeCli::replay(include_str!("../../recordings/1.0.102-streaming.jsonl"));
    let client = fake.client().await;
    let session = client.session().approve_all().create().await.expect("the session");
    session.events().next().await.expect("the first event");
    let mut turn = session.events();
    while turn.next().await.is_some() {}
    let complaint = complaint(fake);
    assert!(complaint.contains("the client's request `session.send` was not received"), "{complaint}");
}

#[test]
#[should_panic(expected = "line 2 is not a line of a recording")]
fn no_recording() {
    drop(FakeCli::replay("{\"dir\":\"client\",\"msg\":{}}\n{\"msg\":{}}"));
}
