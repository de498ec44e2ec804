//! Requests to the model.

use std::fmt;

use hyper::HeaderMap;
use serde_json::Value;

/// One completion request: its JSON body and its HTTP headers. A request that lacks what a method returns has none of
/// it: an empty text or list.
#[derive(Clone)]
pub struct ModelRequest {
    index: usize,
    headers: HeaderMap,
    body: Value,
}

impl ModelRequest {
    pub(super) fn new(index: usize, headers: HeaderMap, body: Value) -> Self {
        Self { index, headers, body }
    }

    /// The position of this request among those of its server, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The JSON body, in the form of OpenAI's chat completions.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The value of an HTTP header, whose name may be in any case. None if it is missing, or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The name of the requested model.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// Returns true if the answer is to be streamed.
    pub fn is_streaming(&self) -> bool {
        self.body["stream"] == true
    }

    /// The conversation so far, from the system message to the last result of a tool.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The text of the last user message. The CLI adds the time and hints to what the user said, so search for a part
    /// of it.
    pub fn last_user_text(&self) -> Option<String> {
        self.with_role("user").last().map(text_of)
    }

    /// The text of all system messages.
    pub fn system_text(&self) -> String {
        self.with_role("system").map(text_of).collect::<Vec<_>>().join("\n")
    }

    /// Every result of a tool in the conversation so far, as the model reads it: the id of its call and its text.
    pub fn tool_results(&self) -> Vec<(String, String)> {
        self.with_role("tool")
            .map(|message| {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                (id.to_owned(), text_of(message))
            })
            .collect()
    }

    /// The names of the tools that the model may call.
    pub fn tool_names(&self) -> Vec<String> {
        let tools = self.body["tools"].as_array().into_iter().flatten();
        tools.filter_map(|tool| tool["function"]["name"].as_str()).map(str::to_owned).collect()
    }

    /// Identifies this request in the messages about a failed script.
    pub(super) fn describe(&self) -> String {
        let last = self.messages().last();
        let role = last.and_then(|message| message["role"].as_str()).unwrap_or("no");
        let text: String = last.map(text_of).unwrap_or_default().chars().take(200).collect();
        format!("request {} (last message, of role {role}: {text:?})", self.index)
    }

    fn with_role(&self, role: &str) -> impl Iterator<Item = &Value> {
        self.messages().iter().filter(move |message| message["role"] == role)
    }
}

/// Without the headers, among which is a key.
impl fmt::Debug for ModelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelRequest")
            .field("index", &self.index)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// The text of a message, whose content is a string or a list of parts.
fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
