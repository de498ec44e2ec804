//! The pages and calls of the server.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use copilot_session::types::{SendMode, SendRequest};
use copilot_session::{Error, ErrorKind, printable_lines};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::ask::{Answer, Refused};
use crate::auth::{self, Guard};
use crate::sessions::{Desk, Room};
use crate::watch;
use crate::wire_log::{LogFile, Snapshot};

/// The largest body of a call, in bytes.
const MAX_BODY: usize = 256 << 10;

/// The header with the number of messages that a download of the wire log lacks, for the page to say so.
const LEFT_OUT: &str = "left-out";

/// The state that all calls share.
#[derive(Clone)]
pub struct Shared {
    /// The sessions.
    pub desk: Arc<Desk>,
    /// The wire log.
    pub log: Arc<LogFile>,
}

/// The pages and calls, behind the guard.
pub fn routes(shared: Shared, guard: Guard) -> Router {
    let calls = Router::new()
        .route("/events", get(events))
        .route("/log", get(log))
        .route("/log/page", get(log_page))
        .route("/sessions", post(create))
        .route("/sessions/{id}/open", post(open))
        .route("/sessions/{id}/close", post(close))
        .route("/sessions/{id}/prompt", post(prompt))
        .route("/sessions/{id}/abort", post(abort))
        .route("/sessions/{id}/asks/{ask}", post(answer))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(guard.clone(), auth::require_token))
        .with_state(shared);
    let file =
        |kind: &'static str, text: &'static str| get(async move || ([(header::CONTENT_TYPE, kind)], text));
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("../page/index.html")))
        .route("/app.js", file("text/javascript; charset=utf-8", include_str!("../page/app.js")))
        .route("/view.js", file("text/javascript; charset=utf-8", include_str!("../page/view.js")))
        .route("/format.js", file("text/javascript; charset=utf-8", include_str!("../page/format.js")))
        .route("/asks.js", file("text/javascript; charset=utf-8", include_str!("../page/asks.js")))
        .route("/style.css", file("text/css; charset=utf-8", include_str!("../page/style.css")))
        .nest("/api", calls)
        .layer(from_fn_with_state(guard, auth::guard))
}

/// A call that failed: the status, and a text to show.
struct Problem(StatusCode, String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::SessionGone => StatusCode::NOT_FOUND,
            ErrorKind::AlreadyOpen => StatusCode::CONFLICT,
            _ if matches!(error, Error::Invalid(_)) => StatusCode::BAD_REQUEST,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self(status, printable_lines(&format!("{error:#}")).into_owned())
    }
}

/// The id of a session in a path. It becomes a part of paths on disk in the CLI, so only letters, digits, `-` and `_`
/// are accepted.
struct SessionId(String);

impl<S: Send + Sync> FromRequestParts<S> for SessionId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let named = Path::<Named>::from_request_parts(parts, state).await;
        let id = named.map(|Path(named)| named.id).unwrap_or_default();
        checked(&id).map(|()| Self(id))
    }
}

fn checked(id: &str) -> Result<(), Problem> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if id.is_empty() || id.len() > 128 || !id.chars().all(is_plain) {
        return Err(Problem(StatusCode::NOT_FOUND, "that is no id of a session".to_owned()));
    }
    Ok(())
}

/// The open session of a path.
struct Opened(Arc<Room>);

impl FromRequestParts<Shared> for Opened {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let SessionId(id) = SessionId::from_request_parts(parts, shared).await?;
        let not_open = || Problem(StatusCode::NOT_FOUND, "this session is not open".to_owned());
        shared.desk.room(&id).map(Self).ok_or_else(not_open)
    }
}

#[derive(Deserialize)]
struct Shown {
    session: Option<String>,
}

async fn events(
    State(shared): State<Shared>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    shown.session.as_deref().map_or(Ok(()), checked)?;
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok()).map(str::to_owned);
    Ok(watch::events(shared.desk, shown.session, last))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    folder: Option<String>,
    model: Option<String>,
}

async fn create(State(shared): State<Shared>, Json(wanted): Json<Create>) -> Result<Response, Problem> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let room = shared.desk.create(given(wanted.folder), given(wanted.model)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": room.session.id() }))).into_response())
}

async fn open(State(shared): State<Shared>, SessionId(id): SessionId) -> Result<StatusCode, Problem> {
    shared.desk.open(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn close(State(shared): State<Shared>, Opened(room): Opened) -> StatusCode {
    shared.desk.disconnect(room.session.id()).await;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompt {
    text: String,
    /// True to join the running turn; otherwise the prompt waits for its end.
    #[serde(default)]
    steer: bool,
}

async fn prompt(Opened(room): Opened, Json(prompt): Json<Prompt>) -> Result<StatusCode, Problem> {
    let mut request = SendRequest::new(prompt.text);
    if prompt.steer {
        request = request.mode(SendMode::Immediate);
    }
    room.session.send(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn abort(Opened(room): Opened) -> Result<StatusCode, Problem> {
    room.session.abort().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct AskPath {
    ask: u64,
}

async fn answer(
    Opened(room): Opened,
    Path(AskPath { ask }): Path<AskPath>,
    Json(answer): Json<Answer>,
) -> Result<StatusCode, Problem> {
    room.asks.answer(ask, answer).map_err(|refused| match refused {
        Refused::Gone => {
            Problem(StatusCode::GONE, "this has been answered, or is no longer asked".to_owned())
        }
        Refused::Unfit(why) => Problem(StatusCode::UNPROCESSABLE_ENTITY, why),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn log(State(shared): State<Shared>) -> Result<Response, Problem> {
    let Snapshot { head, gap, tail, end, left_out } = shared.log.snapshot().map_err(failed)?;
    let lines = |(file, bytes)| ReaderStream::new(tokio::fs::File::from_std(file).take(bytes));
    let [gap, end] = [gap, end].map(|line| stream::once(async move { Ok(line.into()) }));
    let body = lines(head).chain(gap).chain(stream::iter(tail).flat_map(lines)).chain(end);
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"))];
    Ok((headers, [(LEFT_OUT, HeaderValue::from(left_out))], Body::from_stream(body)).into_response())
}

async fn log_page(State(shared): State<Shared>) -> Result<Response, Problem> {
    let snapshot = shared.log.snapshot().map_err(failed)?;
    let left_out = snapshot.left_out;
    let page = tokio::task::spawn_blocking(|| snapshot.page()).await.map_err(failed)?.map_err(failed)?;
    let body = Body::from_stream(ReaderStream::new(tokio::fs::File::from_std(page)));
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
    Ok((headers, [(LEFT_OUT, HeaderValue::from(left_out))], body).into_response())
}

fn failed(error: impl std::fmt::Display) -> Problem {
    Problem(StatusCode::INTERNAL_SERVER_ERROR, printable_lines(&error.to_string()).into_owned())
}
