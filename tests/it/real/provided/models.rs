//! A client that answers the CLI's model requests (`llmInference`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use copilot_session::providers::{LlmInference, llm_inference};
use copilot_session::types::{
    LlmInferenceHeaders, LlmInferenceHttpRequestChunkRequest, LlmInferenceHttpRequestChunkResult,
    LlmInferenceHttpRequestStartRequest, LlmInferenceHttpRequestStartResult,
    LlmInferenceHttpResponseChunkError, LlmInferenceHttpResponseChunkRequest,
    LlmInferenceHttpResponseStartRequest,
};
use copilot_session::{ClientBuilder, ClientContext, Error, RpcError};
use copilot_session_model::Script;
use copilot_session_tests::cli::cli_path;
use serde_json::{Value, json};

use super::super::rig::{Rig, soon};

/// A complete request to a model.
#[derive(Debug, Clone)]
pub struct Asked {
    pub start: LlmInferenceHttpRequestStartRequest,
    pub body: String,
}

/// A response (status, headers and body), or the reason for having none.
pub type Response = Result<(i64, LlmInferenceHeaders, String), &'static str>;

/// Answers each request by a function, and records the requests.
#[derive(Clone)]
pub struct Models {
    open: Arc<Mutex<BTreeMap<String, Asked>>>,
    done: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<dyn Fn(&Asked) -> Response + Send + Sync>,
}

impl Models {
    pub fn new(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        Self { open: Arc::default(), done: Arc::default(), answer: Arc::new(answer) }
    }

    /// The complete requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.done.lock().unwrap().clone()
    }

    /// A CLI whose client has these options and answers its model requests.
    pub async fn rig(&self, options: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Rig {
        let start = async |new| options(new).provide(llm_inference(self.clone())).start().await;
        let rig = Rig::start_by(Script::replies([]), |_| cli_path(), start).await;
        let set = soon("the provider", rig.client.rpc().llm_inference().set_provider()).await;
        assert!(set.expect("a response").success);
        rig
    }

    /// Adds to the body of a request, and returns the request when it is complete.
    fn read(&self, id: &str, data: &str, end: bool) -> Option<Asked> {
        let mut open = self.open.lock().unwrap();
        open.get_mut(id).expect("a request that began").body.push_str(data);
        let asked = end.then(|| open.remove(id)).flatten()?;
        self.done.lock().unwrap().push(asked.clone());
        Some(asked)
    }
}

impl LlmInference for Models {
    async fn http_request_start(
        &self,
        start: LlmInferenceHttpRequestStartRequest,
        _: ClientContext,
    ) -> Result<LlmInferenceHttpRequestStartResult, RpcError> {
        let id = start.request_id.clone();
        self.open.lock().unwrap().insert(id, Asked { start, body: String::new() });
        Ok(LlmInferenceHttpRequestStartResult::default())
    }

    async fn http_request_chunk(
        &self,
        chunk: LlmInferenceHttpRequestChunkRequest,
        context: ClientContext,
    ) -> Result<LlmInferenceHttpRequestChunkResult, RpcError> {
        if let Some(asked) = self.read(&chunk.request_id, &chunk.data, chunk.end == Some(true)) {
            respond(&context, &chunk.request_id, (self.answer)(&asked)).await?;
        }
        Ok(LlmInferenceHttpRequestChunkResult::default())
    }
}

/// Sends the response to a request, or its failure.
async fn respond(context: &ClientContext, id: &str, response: Response) -> Result<(), Error> {
    let rpc = context.rpc();
    let end = LlmInferenceHttpResponseChunkRequest::new(id, "").end(true);
    let (status, headers, body) = match response {
        Ok(response) => response,
        Err(reason) => {
            let failed = end.error(LlmInferenceHttpResponseChunkError::new(reason));
            return rpc.llm_inference().http_response_chunk(&failed).await.map(drop);
        }
    };
    let start = LlmInferenceHttpResponseStartRequest::new(id, status, headers);
    rpc.llm_inference().http_response_start(&start).await?;
    rpc.llm_inference().http_response_chunk(&LlmInferenceHttpResponseChunkRequest::new(id, body)).await?;
    rpc.llm_inference().http_response_chunk(&end).await.map(drop)
}

/// A text as a stream of chat completions.
pub fn stream(text: &str) -> Response {
    costly_stream(text, 0)
}

/// The same with its cost, in AI credits. GitHub's servers count in billionths of one.
pub fn costly_stream(text: &str, credits: u64) -> Response {
    let chunk = |choices: Value| json!({ "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "own", "choices": choices });
    let said = json!({ "role": "assistant", "content": text });
    let mut last = chunk(json!([]));
    last["usage"] = json!({ "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 });
    if credits > 0 {
        let detail =
            json!({ "batch_size": 1, "cost_per_batch": 1, "token_count": 100, "token_type": "input" });
        last["copilot_usage"] =
            json!({ "token_details": [detail], "total_nano_aiu": credits * 1_000_000_000 });
    }
    let chunks = [
        chunk(json!([{ "index": 0, "delta": said, "finish_reason": null }])),
        chunk(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }])),
        last,
    ];
    let body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    Ok((200, headers([("content-type", "text/event-stream")]), format!("{body}data: [DONE]\n\n")))
}

/// A response with a JSON body, such as a catalog or an error.
pub fn whole<const N: usize>(status: i64, more: [(&str, &str); N], body: &Value) -> Response {
    let mut headers = headers(more);
    headers.insert("content-type".to_owned(), vec!["application/json".to_owned()]);
    Ok((status, headers, body.to_string()))
}

fn headers<const N: usize>(headers: [(&str, &str); N]) -> LlmInferenceHeaders {
    headers.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).into()
}
