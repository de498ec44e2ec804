//! The wire log contains no secret of the messages.

use copilot_session::testing::FakeCli;
use copilot_session::{Client, WireLog};
use serde_json::{Value, json};

use super::{File, SECRET};

/// The log of a client that receives these messages as they are.
pub async fn log_of(messages: impl IntoIterator<Item = Vec<u8>>) -> String {
    let (fake, file) = (FakeCli::start(), File::default());
    let log = WireLog::new(file.clone()).hide("KNOWNKNOWN");
    let client = fake.connect(Client::builder().wire_log(log)).await.expect("the greeting");
    for message in messages {
        let header = format!("Content-Length: {}\r\n\r\n", message.len());
        fake.raw([header.into_bytes(), message].concat());
    }
    fake.settle().await;
    client.stop().await;
    file.text()
}

/// The log line of one message, which must be JSON.
async fn logged(message: impl Into<Vec<u8>>) -> String {
    let text = log_of([message.into()]).await;
    // The lines of the handshake come first.
    let line = text.lines().nth(2).unwrap_or_else(|| panic!("no line of the message: {text}"));
    serde_json::from_str::<&serde_json::value::RawValue>(line)
        .unwrap_or_else(|error| panic!("{error}: {line}"));
    line.to_owned()
}

fn notice(params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": "x", "params": params}).to_string()
}

#[tokio::test(start_paused = true)]
async fn secrets_by_their_keys() {
    for key in [
        "token",
        "gitHubToken",
        "x-api-key",
        "API_KEY",
        "api key",
        "clientSecret",
        "secretKey",
        "privateKey",
        "private_key",
        "passwd",
        "passphrase",
        "password",
        "cookies",
        "Set-Cookie",
        "hmac",
        "Proxy-Authorization",
        "credentials",
        "headersJson",
        "Headers",
        "extraHeaders",
        "httpHeaders",
        "requestHeaders",
        "env",
        "environmentVariables",
        "secrets",
        "tokens",
        "passwords",
        "sshKey",
        "connectionString",
        "passwordConfirm",
        "token_old",
        "secretString",
        "privateKeyPem",
        "tokensByHost",
        "creds",
        "newPasswordAgain",
        "keyMaterial",
        "pwd",
        "signature",
        "X-Amz-Signature",
        "apiKey2",
        "GITHUB_TOKEN_1",
    ] {
        for value in [
            json!(SECRET),
            json!([SECRET]),
            json!([["a", SECRET]]),
            json!({"a": SECRET}),
            json!({"a": {"b": [SECRET]}}),
            json!([{"name": "a", "value": SECRET}]),
            json!([{"key": SECRET}]),
        ] {
            if key == "environmentVariables" && value == json!([SECRET]) {
                continue; // The items are names of variables.
            }
            let line = logged(notice(json!({"list": [{key: value}]}))).await;
            assert!(!line.contains(SECRET) && line.contains("[redacted]"), "{line}");
        }
    }
    let line = logged(notice(json!({"token": 1234567890123456789_i64, "inputTokens": 12345678}))).await;
    assert!(!line.contains("1234567890123456789") && line.contains("12345678"), "{line}");
}

/// A value belongs to the name beside it, whichever comes first.
#[tokio::test(start_paused = true)]
async fn secrets_before_their_names() {
    for params in [
        format!(r#"{{"value": "{SECRET}", "name": "API_KEY"}}"#),
        format!(r#"{{"value":"{SECRET}","other":[1],"key":"token","more":"{SECRET}"}}"#),
        format!(r#"{{"list":[{{"value":{{"value":["{SECRET}"],"name":"token"}},"key":"token"}}]}}"#),
        json!({"text": format!(r#"{{"value":"{SECRET}","name":"token"}}"#)}).to_string(),
        format!(r#"{{"values":["{SECRET}",{{"a":"{SECRET}"}}],"name":"secret"}}"#),
    ] {
        let line = logged(format!(r#"{{"jsonrpc":"2.0","method":"x","params":{params}}}"#)).await;
        assert!(!line.contains(SECRET) && line.contains("[redacted]"), "{line}");
    }
    for plain in [r#"{"value":"shown","name":"colour"}"#, r#"{"value":null,"name":"token"}"#] {
        let line = logged(format!(r#"{{"jsonrpc":"2.0","method":"x","params":{plain}}}"#)).await;
        assert!(line.contains(plain), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_in_texts() {
    for text in [
        format!("https://user:{SECRET}@x/y"),
        format!("user:{SECRET}@x/y"),
        format!("x/y?api_key={SECRET}"),
        format!("x/y?a=b&code={SECRET}"),
        format!("x#access_token={SECRET}"),
        format!("Authorization: Bearer {SECRET}"),
        format!("authorization: {SECRET}"),
        format!("bearer {SECRET}"),
        format!("Bearer={SECRET}"),
        format!("Bearer: {SECRET}"),
        format!("Basic {SECRET}"),
        format!("{{\"access_token\":\"{SECRET}\"}}"),
        format!("{{ 'access_token' : '{SECRET}' }}"),
        json!(json!({"body": json!({"token": SECRET}).to_string()}).to_string()).to_string(),
        format!("data: {{\"headers\":{{\"X\":\"{SECRET}\"}}}}\n\n"),
        format!("[{{\"env\":{{\"A\":\"{SECRET}\"}}}}"),
        format!("run --api-key {SECRET} x"),
        format!("run --token={SECRET} x"),
        format!("run --password '{SECRET}'"),
        format!("curl -u me:{SECRET} x"),
        format!("GITHUB_TOKEN={SECRET} gh"),
        format!("set-cookie: a={SECRET}; b"),
        format!("password: {SECRET}1"),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END"),
    ] {
        for params in [json!({"line": text}), json!([text]), json!({text.clone(): 1})] {
            let line = logged(notice(params)).await;
            assert!(!line.contains(SECRET) && line.contains("[redacted]"), "{line}");
        }
    }
    for args in [json!(["--api-key", SECRET]), json!(["--token", SECRET, "x"]), json!(["-u", SECRET])] {
        let line = logged(notice(json!({"mcpServers": {"a": {"args": args}}}))).await;
        assert!(!line.contains(SECRET), "{line}");
    }
}

/// A known secret is removed from every place and in every form.
#[tokio::test(start_paused = true)]
async fn secrets_that_are_known() {
    for known in ["KNOWNKNOWN", "S05PV05LTk9XTg==", "eDpLTk9XTktOT1dO", "\\u004bNOWNKNOWN"] {
        for message in
            [r#"{"params":{"a KNOWN b":1},"method":"x"}"#, r#"{"params":["<KNOWN>"],"method":"x"}"#]
        {
            let line = logged(message.replace("KNOWN", known)).await;
            assert!(line.contains("[redacted]") && !line.contains(known), "{line}");
        }
    }
    // There may be many of them.
    let token = |index: usize| format!("rotating-token-{index:04}");
    let notices = (0..2000).map(|index| notice(json!({"token": token(index)})).into_bytes());
    let later =
        (0..2000).map(|index| notice(json!({"text": format!("it is {}", token(index))})).into_bytes());
    let text = log_of(notices.chain(later)).await;
    assert_eq!(text.lines().filter(|line| line.contains("it is [redacted]")).count(), 2000);
    assert!(!text.contains("rotating-token-"), "{text}");
}

/// A message that the reader can decode is redacted, however odd; of any other only the length is logged.
#[tokio::test(start_paused = true)]
async fn odd_messages() {
    let with = |rest: &str| format!(r#"{{"method":"x","params":{{"token":"{SECRET}"{rest}"#);
    let deep = |levels: usize| with(&format!(r#","x":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels)));
    for message in [
        with(r#","text":"\ud800"}}"#).into_bytes(),
        with(r#","\udc00":"\ud800\ud83e\udd80"}}"#).into_bytes(),
        [with(r#","text":""#).as_bytes(), b"\xff", br#""}}"#].concat(),
        deep(140).into_bytes(),
        deep(100_000).into_bytes(),
        with("}} x").into_bytes(),
        with(r#","token":"b"}}"#).into_bytes(),
        format!("[{}]", with("}}")).into_bytes(),
        with("\n  }\r\n}\n").into_bytes(),
    ] {
        let line = logged(message).await;
        assert!(!line.contains(SECRET) && line.contains(r#""token":"[redacted]""#), "{line}");
    }
    for message in
        [with(""), with("}"), with(r#","a":"\x"}}"#), with(",}}"), SECRET.to_owned(), format!("{{{SECRET}}}")]
    {
        let length = message.len();
        let line = logged(message).await;
        assert!(
            !line.contains(SECRET) && line.contains(&format!("{length} bytes that is not JSON")),
            "{line}"
        );
    }
}

/// Params and results of methods about secrets are redacted as a whole, those of others by key.
#[tokio::test(start_paused = true)]
async fn secrets_of_methods() {
    let request =
        |method: &str, params: Value| json!({"id": 7, "method": method, "params": params}).to_string();
    for message in [
        request("sandbox.proxySecret.get", json!({"a": SECRET})),
        format!(r#"{{"params":{{"a":"{SECRET}"}},"id":7,"method":"any.secrets.list"}}"#),
        format!("[{}]", request("any.secrets.list", json!([SECRET]))),
        request("installations.confirm", json!({"confirmationId": SECRET})),
        request("x", json!({"card": {"data": SECRET}})),
        request("x", json!({"source": [{"url": SECRET}]})),
    ] {
        let line = logged(message).await;
        assert!(!line.contains(SECRET) && line.contains("[redacted]"), "{line}");
    }
}
