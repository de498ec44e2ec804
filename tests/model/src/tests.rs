//! Tests of the server alone, with a minimal HTTP client.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{GITHUB_LOGIN, GITHUB_TOKEN, MODEL_NAME, ModelServer, Reply, Script, Stall};

/// Sends a request without reading the response.
async fn send(model: &ModelServer, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(model.address).await.unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-test: yes\r\n");
    let request = format!("{head}content-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads the whole response: its head, and its body without chunk lengths. The last value is true if the body
/// was complete.
async fn receive(mut stream: TcpStream) -> (String, String, bool) {
    let mut bytes = Vec::new();
    // A connection that was cut may end with an error.
    let _ = stream.read_to_end(&mut bytes).await;
    let answer = String::from_utf8(bytes).unwrap();
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        match usize::from_str_radix(length, 16).unwrap() {
            0 => return (head.to_owned(), body, true),
            length => {
                body += &after[..length];
                rest = &after[length + 2..];
            }
        }
    }
    (head.to_owned(), body, false)
}

async fn complete(model: &ModelServer, body: Value) -> (String, String, bool) {
    receive(send(model, "POST", "/v1/chat/completions", &body.to_string()).await).await
}

fn streamed() -> Value {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hi"}]})
}

/// The JSON of every event of a stream.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn joined(body: &str, field: &str) -> String {
    let events = events(body);
    events.iter().filter_map(|event| event["choices"][0]["delta"][field].as_str()).collect()
}

#[tokio::test]
async fn streams_reasoning_text_and_tool_calls() {
    let first = Reply::reasoning("let me see").then_text("It is four.");
    let second = Reply::tool_call("add", json!({"a": 1})).then_raw_tool_call("sub", "{");
    let model = ModelServer::start(Script::replies([first, second.usage(7, 8)])).await.unwrap();

    let (head, body, complete_body) = complete(&model, streamed()).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/event-stream"), "{head}");
    assert!(complete_body && body.ends_with("data: [DONE]\n\n"), "{body}");
    assert_eq!(joined(&body, "reasoning_content"), "let me see");
    assert_eq!(joined(&body, "content"), "It is four.");

    let (_, body, _) = complete(&model, streamed()).await;
    let events = events(&body);
    let calls: Vec<_> =
        events[1..3].iter().map(|event| &event["choices"][0]["delta"]["tool_calls"][0]).collect();
    assert_eq!((&calls[0]["id"], &calls[0]["index"]), (&json!("call_1"), &json!(0)));
    assert_eq!((&calls[1]["id"], &calls[1]["index"]), (&json!("call_2"), &json!(1)));
    assert_eq!(calls[0]["function"], json!({"name": "add", "arguments": "{\"a\":1}"}));
    assert_eq!(calls[1]["function"], json!({"name": "sub", "arguments": "{"}));
    assert_eq!(events[3]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(events[4]["usage"]["total_tokens"], 15);
}

#[tokio::test]
async fn answers_in_one_body_when_no_stream_is_asked_for() {
    let reply = Reply::text("so be it").then_reasoning("hm").then_tool_call("t", json!({}));
    let model = ModelServer::start(Script::replies([reply])).await.unwrap();
    let (_, body, _) = complete(&model, json!({"messages": []})).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let message = &body["choices"][0]["message"];
    assert_eq!(message["content"], "so be it");
    assert_eq!(message["reasoning_content"], "hm");
    assert_eq!(message["tool_calls"][0]["id"], "call_1");
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test]
async fn records_requests_and_shows_them_to_the_script() {
    let script = Script::from_fn(|request| {
        let user = request.last_user_text().unwrap();
        Reply::text(&format!("{} {user} {}", request.index(), request.system_text()))
    });
    let model = ModelServer::start(script).await.unwrap();
    let messages = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "tool", "tool_call_id": "call_9", "content": "done"},
    ]);
    let tools = json!([{"type": "function", "function": {"name": "t"}}]);
    let body = json!({"stream": true, "messages": messages, "tools": tools});
    let (_, answer, _) = complete(&model, body).await;
    assert_eq!(joined(&answer, "content"), "0 ab be brief");

    let request = model.request(0).await;
    assert_eq!(request.tool_results(), [("call_9".to_owned(), "done".to_owned())]);
    assert_eq!(request.tool_names(), ["t"]);
    assert_eq!(request.header("X-Test"), Some("yes"));
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn plays_http_errors() {
    let reply = Reply::error(429, "slow down").header("retry-after", "1").not_retried();
    let model = ModelServer::start(Script::replies([reply])).await.unwrap();
    let (head, body, _) = complete(&model, streamed()).await;
    assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: 1"), "{head}");
    assert!(head.contains("x-should-retry: false"), "{head}");
    assert!(body.contains("slow down"), "{body}");
}

#[tokio::test]
async fn cuts_the_stream_after_what_came_before() {
    let reply = Reply::chunks(["one", "two"]).cut().then_text("never");
    let model = ModelServer::start(Script::replies([reply])).await.unwrap();
    let (_, body, complete_body) = complete(&model, streamed()).await;
    assert_eq!(joined(&body, "content"), "onetwo");
    assert!(!complete_body);
}

#[tokio::test]
async fn stalls_until_released() {
    let stall = Stall::new();
    let reply = Reply::text("before ").stall(&stall).then_text("after");
    let model = ModelServer::start(Script::replies([reply])).await.unwrap();
    let stream = send(&model, "POST", "/v1/chat/completions", &streamed().to_string()).await;
    stall.reached().await;
    stall.release();
    let (_, body, _) = receive(stream).await;
    assert_eq!(joined(&body, "content"), "before after");
}

/// The clock of the test moves when nothing else happens.
#[tokio::test(start_paused = true)]
async fn pauses_before_each_piece() {
    let reply = Reply::text("one two ").followed_by(Reply::text("three")).paced(Duration::from_secs(60));
    let model = ModelServer::start(Script::replies([reply])).await.unwrap();
    let started = Instant::now();
    let (_, body, _) = complete(&model, streamed()).await;
    assert_eq!(joined(&body, "content"), "one two three");
    assert!(started.elapsed() >= Duration::from_secs(180), "{:?}", started.elapsed());
}

/// The key of a request is not shown.
#[tokio::test]
async fn debug_shows_no_header() {
    let model = ModelServer::start(Script::replies([Reply::text("Hello.")])).await.unwrap();
    complete(&model, streamed()).await;
    let shown = format!("{:?} {model:?}", model.request(0).await);
    assert!(shown.contains("\"hi\"") && !shown.contains("x-test"), "{shown}");
}

#[tokio::test]
async fn reports_that_a_stalled_client_hangs_up() {
    let stall = Stall::new();
    let script = Script::replies([Reply::text("before").stall(&stall)]);
    let model = ModelServer::start(script).await.unwrap();
    let stream = send(&model, "POST", "/v1/chat/completions", &streamed().to_string()).await;
    stall.reached().await;
    drop(stream);
    stall.abandoned().await;
}

#[tokio::test]
async fn dropping_the_server_closes_a_stalled_stream() {
    let stall = Stall::new();
    let script = Script::replies([Reply::text("before").stall(&stall)]);
    let model = ModelServer::start(script).await.unwrap();
    let address = model.address;
    let stream = send(&model, "POST", "/v1/chat/completions", &streamed().to_string()).await;
    stall.reached().await;
    drop(model);
    let (_, body, complete_body) = receive(stream).await;
    assert_eq!((joined(&body, "content").as_str(), complete_body), ("before", false));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn lists_its_model() {
    let model = ModelServer::start(Script::replies([])).await.unwrap();
    let (_, body, _) = receive(send(&model, "GET", "/v1/models", "").await).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["data"][0]["id"], super::MODEL_NAME);
}

#[tokio::test]
async fn running_out_of_replies_is_an_error_that_says_so() {
    let model = ModelServer::start(Script::replies([])).await.unwrap();
    let (head, body, _) = complete(&model, streamed()).await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
    let expected = "the script has no reply for request 0 (last message, of role user: \"hi\")";
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["error"]["message"], expected);
    assert_eq!(model.take_unexpected(), [expected]);
}

#[tokio::test]
async fn unexpected_requests_fail_the_test_at_the_end() {
    let script = Script::from_fn(|_| panic!("no idea"));
    let model = ModelServer::start(script).await.unwrap();
    complete(&model, streamed()).await;
    receive(send(&model, "GET", "/elsewhere", "").await).await;
    let panic = catch_unwind(AssertUnwindSafe(|| drop(model))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("the script panicked at request 0"), "{message}");
    assert!(message.contains("no such endpoint: GET /elsewhere"), "{message}");
}

/// GitHub's pages are for requests with the token only.
#[tokio::test]
async fn github_requires_the_token() {
    let model = ModelServer::start(Script::replies([Reply::text("Hello.")])).await.unwrap();
    let completion = streamed().to_string();
    let github = [
        ("GET", "/copilot_internal/user", "", 200, GITHUB_LOGIN),
        ("GET", "/models", "", 200, MODEL_NAME),
        ("POST", "/chat/completions", &completion, 200, "chat.completion.chunk"),
        ("POST", "/mcp/readonly", "", 404, ""),
    ];
    for (method, path, body, status, text) in github {
        let known = format!("authorization: bearer {GITHUB_TOKEN}\r\n");
        for (header, status, text) in
            [("", 401, ""), ("authorization: Bearer gho_another\r\n", 401, ""), (&known, status, text)]
        {
            let mut stream = TcpStream::connect(model.address).await.unwrap();
            let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}");
            let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
            assert!(answer.contains(text), "{method} {path}: {answer}");
        }
    }
    assert!(model.take_unexpected().is_empty());
}
