//! A model that answers with a script, by OpenAI's chat completions on a loopback port.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// The name of the model.
pub const NAME: &str = "scripted";

/// The greatest request that is read.
const MOST: u64 = 64 << 20;

/// The deltas of each answer to come, the next one last.
type Script = Arc<Mutex<Vec<Vec<Value>>>>;

/// Starts a server, which ends with this program, and returns its address.
pub fn start(mut answers: Vec<Vec<Value>>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    answers.reverse();
    let script = Arc::new(Mutex::new(answers));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = Arc::clone(&script);
            // A connection that fails is noticed by the CLI.
            thread::spawn(move || answer(&stream, &script));
        }
    });
    Ok(address)
}

/// An answer in pieces of text.
pub fn text(pieces: &[&str]) -> Vec<Value> {
    pieces.iter().map(|piece| json!({"content": piece})).collect()
}

/// An answer that is a call of a tool.
pub fn tool_call(id: &str, name: &str, arguments: &Value) -> Vec<Value> {
    let function = json!({"name": name, "arguments": arguments.to_string()});
    vec![json!({"tool_calls": [{"index": 0, "id": id, "type": "function", "function": function}]})]
}

/// Answers one request and closes the connection.
fn answer(mut stream: &TcpStream, script: &Script) -> io::Result<()> {
    let (path, body) = read(&mut BufReader::new(stream))?;
    let (status, kind, text) = if path.ends_with("/models") {
        let models = json!([{"id": NAME, "object": "model", "owned_by": "script"}]);
        ("200 OK", "application/json", json!({"object": "list", "data": models}).to_string())
    } else if path.ends_with("/chat/completions")
        && body["stream"] == true
        && let Some(deltas) = script.lock().unwrap_or_else(PoisonError::into_inner).pop()
    {
        ("200 OK", "text/event-stream", events(&deltas))
    } else {
        let error = json!({"error": {"message": "not in the script"}});
        ("404 Not Found", "application/json", error.to_string())
    };
    let length = text.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    )
}

/// Reads the path and the JSON of a request.
fn read(stream: &mut impl BufRead) -> io::Result<(String, Value)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = Vec::new();
    stream.take(length.min(MOST)).read_to_end(&mut body)?;
    Ok((path, serde_json::from_slice(&body).unwrap_or_default()))
}

/// An answer as server-sent events.
fn events(deltas: &[Value]) -> String {
    let calls = deltas.iter().any(|delta| delta.get("tool_calls").is_some());
    let mut all = vec![chunk(&json!({"role": "assistant", "content": ""}), Value::Null)];
    all.extend(deltas.iter().map(|delta| chunk(delta, Value::Null)));
    all.push(chunk(&json!({}), if calls { "tool_calls" } else { "stop" }.into()));
    let mut usage = object(json!([]));
    usage["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20});
    all.push(usage);
    let text: String = all.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    text + "data: [DONE]\n\n"
}

fn chunk(delta: &Value, finish: Value) -> Value {
    object(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
}

fn object(choices: Value) -> Value {
    json!({"id": "script", "object": "chat.completion.chunk", "created": 0, "model": NAME, "choices": choices})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_with_the_next_answer() {
        let address = start(vec![text(&["Yes", "."])]).expect("a server");
        let ask = |head: &str, body: &str| {
            let mut stream = TcpStream::connect(address).expect("a connection");
            let length = body.len();
            write!(stream, "{head} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").expect("it is sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            answer
        };
        let answer = ask("POST /v1/chat/completions", "{\"stream\": true}");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("data: [DONE]\n\n"), "{answer}");
        assert!(answer.contains("\"content\":\"Yes\"") && answer.contains("\"stop\""), "{answer}");
        assert!(ask("POST /v1/chat/completions", "{\"stream\": true}").starts_with("HTTP/1.1 404"));
        assert!(ask("GET /v1/models", "").contains(NAME));
    }
}
