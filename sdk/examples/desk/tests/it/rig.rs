//! A desk for one test, on the fake CLI without a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use copilot_session::Client;
use copilot_session::testing::FakeCli;
use desk::auth::{Guard, Token};
use desk::routes::{Shared, routes};
use desk::server::{Limits, serve};
use desk::sessions::{Desk, Settings};
use desk::wire_log::LogFile;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

pub use copilot_session_tests::browser::soon;

/// The address that the desk of a [`Fake`] believes to have.
pub const ADDRESS: &str = "127.0.0.1:7000";

/// A desk on the fake CLI, without a socket.
pub struct Fake {
    pub cli: FakeCli,
    pub desk: Arc<Desk>,
    pub routes: Router,
    pub token: Token,
    _folder: TempDir,
}

impl Fake {
    pub async fn start() -> Self {
        Self::at(ADDRESS, 1 << 20).await
    }

    /// A desk that believes to have this address, with a wire log of at most this many bytes.
    pub async fn at(address: &str, most: u64) -> Self {
        let cli = FakeCli::start();
        cli.on_raw("session.list", |_| Ok(json!({ "sessions": [] })));
        cli.on_raw("sessions.checkInUse", |_| Ok(json!({ "inUse": [] })));
        let folder = tempfile::tempdir().expect("a folder");
        let (log, wire_log) = LogFile::new(most).expect("a log");
        let client = cli.connect(Client::builder().wire_log(wire_log)).await.expect("a client");
        let settings = Settings { folder: folder.path().to_owned(), ..Settings::default() };
        let desk = Desk::new(client, settings);
        let token = Token::random().expect("a token");
        let guard = Guard::new(token.clone(), address.parse().expect("an address"));
        let routes = routes(Shared { desk: Arc::clone(&desk), log: Arc::new(log) }, guard);
        Self { cli, desk, routes, token, _folder: folder }
    }

    /// A request as the page sends it.
    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, ADDRESS)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .header("sec-fetch-site", "same-origin")
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        soon("a response", self.routes.clone().oneshot(request)).await.expect("a response")
    }

    /// Calls as the page does, and returns the status and the text of the response.
    pub async fn call(&self, path: &str, body: &Value) -> (StatusCode, String) {
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "application/json");
        let response = self.send(request.body(Body::from(body.to_string())).expect("a request")).await;
        let status = response.status();
        (status, text(response).await)
    }

    /// Creates a session, and returns its id.
    pub async fn session(&self) -> String {
        let (status, body) = self.call("/api/sessions", &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let created: Value = serde_json::from_str(&body).expect("JSON");
        created["id"].as_str().expect("an id").to_owned()
    }

    /// Opens the stream of a session, behind the message with this id.
    pub async fn watch(&self, session: &str, last: Option<&str>) -> Watching {
        let mut request = self.request("GET", &format!("/api/events?session={session}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = self.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::OK);
        Watching { body: response.into_body(), text: String::new() }
    }
}

/// The whole text of a response.
pub async fn text(response: Response<Body>) -> String {
    let bytes = soon("the body", response.into_body().collect()).await.expect("a body").to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A browser's end of a stream.
pub struct Watching {
    body: Body,
    text: String,
}

/// A message of a stream.
#[derive(Debug)]
pub struct Seen {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

impl Watching {
    /// The next message; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Seen> {
        // One limit for all, since the frames that keep the connection open come for ever.
        soon("a message", self.read()).await
    }

    async fn read(&mut self) -> Option<Seen> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let seen = field("event").map(|kind| Seen {
                    id: field("id").unwrap_or_default().to_owned(),
                    kind: kind.to_owned(),
                    data: field("data").and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default(),
                });
                self.text = rest.to_owned();
                match seen {
                    Some(seen) => return Some(seen),
                    // A comment that keeps the connection open.
                    None => continue,
                }
            }
            let frame = self.body.frame().await?.expect("a frame");
            let data = frame.into_data().expect("data");
            self.text += std::str::from_utf8(&data).expect("text");
        }
    }

    /// The next message of this kind.
    pub async fn next_of(&mut self, kind: &str) -> Seen {
        loop {
            let seen =
                self.next().await.unwrap_or_else(|| panic!("the stream ended before a message {kind}"));
            if seen.kind == kind {
                return seen;
            }
        }
    }

    /// The next change that fits, with the id of its message.
    pub async fn change(&mut self, fits: impl Fn(&Value) -> bool) -> (Value, String) {
        loop {
            let seen = self.next_of("changes").await;
            if let Some(change) = seen.data.as_array().expect("changes").iter().find(|change| fits(change)) {
                return (change.clone(), seen.id);
            }
        }
    }
}

/// Serves a desk on a free port.
pub async fn serve_desk(
    desk: &Arc<Desk>,
    log: LogFile,
    limits: Limits,
) -> (SocketAddr, Token, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let token = Token::random().expect("a token");
    let shared = Shared { desk: Arc::clone(desk), log: Arc::new(log) };
    let routes = routes(shared, Guard::new(token.clone(), address));
    let serving = tokio::spawn(serve(listener, routes, limits, desk.closing().clone()));
    (address, token, serving)
}
