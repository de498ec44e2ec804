//! The access to the desk, which only the person who started it has.
//!
//! A secret, the token, is in the address that the program prints, behind the `#`, which browsers never send. The page
//! keeps it for its tab and sends it in a header with every call. A cookie would not do: the browser sends it to every
//! port of this machine, and with calls of other pages.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use crate::random;

/// The secret of a desk.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Makes a new secret.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn random() -> io::Result<Self> {
        Ok(Self(random::hex::<32>()?))
    }

    /// The secret as text, for the address.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in constant time, so that the duration does not reveal how much is right.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given =
            headers.get(header::AUTHORIZATION).and_then(|given| given.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| constant_time_eq::constant_time_eq(given, self.0.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// The checks that every request must pass.
#[derive(Clone, Debug)]
pub struct Guard {
    token: Token,
    /// The names under which this server is known, with its port.
    hosts: Vec<String>,
    /// Cancelled by the first call with the token.
    used: CancellationToken,
}

/// Set once a connection has shown the token.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    /// Returns true if the connection has shown the token.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Guard {
    /// Creates the guard of a server at this address.
    pub fn new(token: Token, address: SocketAddr) -> Self {
        let mut hosts = vec![address.to_string(), format!("localhost:{}", address.port())];
        // Browsers leave out the port that is usual for HTTP.
        if address.port() == 80 {
            hosts.extend([address.ip().to_string(), "localhost".to_owned()]);
        }
        Self { token, hosts, used: CancellationToken::new() }
    }

    /// Is cancelled by the first call that shows the token: then a page has it.
    pub fn used(&self) -> &CancellationToken {
        &self.used
    }

    /// Returns true if the request names this server by a name of its own, not by another that resolves to its
    /// address.
    fn is_for_us(&self, headers: &HeaderMap) -> bool {
        only(headers, header::HOST).is_some_and(|host| self.hosts.iter().any(|ours| ours == host))
    }

    /// Returns true if no other page has sent the request.
    fn is_of_our_page(&self, headers: &HeaderMap) -> bool {
        let site = HeaderName::from_static("sec-fetch-site");
        let is_ours = |origin: &str| {
            origin.strip_prefix("http://").is_some_and(|host| only(headers, header::HOST) == Some(host))
        };
        // Programs other than browsers send neither.
        let origin =
            !headers.contains_key(header::ORIGIN) || only(headers, header::ORIGIN).is_some_and(is_ours);
        let by_us = |site: &str| matches!(site, "same-origin" | "none");
        origin && (!headers.contains_key(&site) || only(headers, site).is_some_and(by_us))
    }

    /// Returns true if a browser goes to the page in a tab of its own, as from the file of `--open`. The tab may still
    /// have the token of an earlier visit. Who sent it there learns nothing even so, since the page is alone in its
    /// group of tabs, and changes nothing, since the page waits for clicks.
    fn is_visit(request: &Request) -> bool {
        let is = |name, value| only(request.headers(), HeaderName::from_static(name)) == Some(value);
        let to_page = request.method() == Method::GET && request.uri().path() == "/";
        let alone = is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document");
        to_page && alone && !request.headers().contains_key(header::ORIGIN)
    }
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

/// Refuses requests under other names and of other pages, and sets the headers that protect the page.
pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = if !guard.is_for_us(request.headers()) {
        (StatusCode::MISDIRECTED_REQUEST, "this server has another name").into_response()
    } else if !guard.is_of_our_page(request.headers()) && !Guard::is_visit(&request) {
        (StatusCode::FORBIDDEN, "another page has sent this").into_response()
    } else {
        next.run(request).await
    };
    for (name, value) in PROTECTION {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Refuses requests without the token.
pub async fn require_token(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.token.is_in(request.headers()) {
        return (StatusCode::UNAUTHORIZED, "open the address that desk has printed").into_response();
    }
    guard.used.cancel();
    if let Some(known) = request.extensions().get::<Known>() {
        known.0.store(true, Ordering::Relaxed);
    }
    next.run(request).await
}

/// The headers of every response. The page loads nothing from elsewhere, runs no script that is not a file of its own,
/// and is shown in no frame.
const PROTECTION: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];
