//! The HTTP side: accepts connections, and turns replies into responses.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::reply::{Content, Piece, SHOULD_RETRY};
use super::wire::{Envelope, Step};
use super::{MODEL_NAME, Reply, Shared, github};

type Body = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

/// The pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until it is dropped, which closes them.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Such as too many open files, which passes once connections close.
                    shared.note_unexpected(format!("cannot accept: {error}"));
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        // Small chunks must arrive one by one, not 40 ms later.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| answer(Arc::clone(&shared), request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// Answers one request to any endpoint.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> hyper::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    if let Some((status, page)) = github::page(&shared.address.to_string(), head.uri.path(), &head.headers) {
        let status = StatusCode::from_u16(status).expect("a status");
        return Ok(bare(status, page.to_string()));
    }
    match (head.method, head.uri.path()) {
        (Method::POST, "/chat/completions") if !github::is_known(&head.headers) => {
            Ok(bare(StatusCode::UNAUTHORIZED, json!({ "message": "Bad credentials" }).to_string()))
        }
        (Method::POST, "/v1/chat/completions" | "/chat/completions") => {
            let body = body.collect().await?.to_bytes();
            Ok(complete(&shared, head.headers, &body))
        }
        (Method::GET, "/v1/models") => {
            let models = json!([{"id": MODEL_NAME, "object": "model", "owned_by": "tests"}]);
            Ok(bare(StatusCode::OK, json!({"object": "list", "data": models}).to_string()))
        }
        (method, path) => {
            Ok(refuse(&shared, StatusCode::NOT_FOUND, format!("no such endpoint: {method} {path}")))
        }
    }
}

/// Answers a completion request as the script says.
fn complete(shared: &Shared, headers: HeaderMap, body: &[u8]) -> Response<Body> {
    let body = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => {
            return refuse(shared, StatusCode::BAD_REQUEST, format!("a body that is not JSON: {error}"));
        }
    };
    let (request, reply) = shared.next_reply(headers, body);
    let Reply { headers, content } = match reply {
        Ok(reply) => reply,
        Err(why) => return refuse(shared, StatusCode::INTERNAL_SERVER_ERROR, why),
    };
    let mut response = match content {
        Content::Http { status, body } => bare(status, body),
        Content::Answer { pieces, usage } => {
            let calls = pieces.iter().filter(|piece| matches!(piece, Piece::ToolCall(..))).count();
            let envelope = Envelope {
                index: request.index(),
                model: request.model().to_owned(),
                first_call: shared.calls.fetch_add(calls, Ordering::Relaxed) + 1,
                usage,
            };
            if request.is_streaming() {
                respond(StatusCode::OK, "text/event-stream", envelope.stream(pieces))
            } else {
                respond(StatusCode::OK, "application/json", envelope.whole(pieces))
            }
        }
    };
    response.headers_mut().extend(headers);
    response
}

/// Records an unexpected request, and returns its error response.
fn refuse(shared: &Shared, status: StatusCode, why: String) -> Response<Body> {
    let body = json!({"error": {"message": why, "type": "unexpected"}}).to_string();
    shared.note_unexpected(why);
    let mut response = bare(status, body);
    // Retries would delay a test that has already failed.
    response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    response
}

fn bare(status: StatusCode, body: String) -> Response<Body> {
    respond(status, "application/json", vec![Step::Send(body.into())])
}

/// A response whose body is sent in steps.
fn respond(status: StatusCode, kind: &'static str, steps: Vec<Step>) -> Response<Body> {
    let frames = stream::iter(steps).filter_map(|step| async {
        match step {
            Step::Send(bytes) => Some(Ok(Frame::data(bytes))),
            Step::Hold(stall) => {
                stall.hold().await;
                None
            }
            Step::Wait(pause) => {
                sleep(pause).await;
                None
            }
            Step::Cut => {
                // Lets the connection send the previous step before the error closes it.
                yield_now().await;
                Some(Err(io::Error::other("cut by the script")))
            }
        }
    });
    let mut response = Response::new(StreamBody::new(frames.boxed()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
