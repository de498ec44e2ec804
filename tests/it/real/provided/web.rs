//! A small web server, for the CLI's HTTP requests to others than the model.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Method and path: `GET /`.
    pub what: String,
    pub authorization: Option<String>,
    /// The body, or null if it is no JSON.
    pub body: Value,
}

/// A response: status, one header, and a body.
pub struct Page(pub u16, pub (&'static str, String), pub Value);

impl Page {
    pub fn json(body: Value) -> Self {
        Self(200, ("content-type", "application/json".to_owned()), body)
    }

    pub fn bare(status: u16) -> Self {
        Self(status, ("content-length", "0".to_owned()), Value::Null)
    }
}

/// A server on a free loopback port, until it is dropped.
pub struct Web {
    pub url: String,
    visits: Arc<Mutex<Vec<Visit>>>,
    _connections: JoinSet<()>,
}

impl Web {
    /// Answers each request by this function of the server's address and the request.
    pub async fn start(answer: fn(&str, &Visit) -> Page) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let visits = Arc::<Mutex<Vec<Visit>>>::default();
        let (address, seen) = (url.clone(), Arc::clone(&visits));
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (address, seen) = (address.clone(), Arc::clone(&seen));
                let service = service_fn(move |request| {
                    let (address, seen) = (address.clone(), Arc::clone(&seen));
                    async move {
                        let visit = read(request).await;
                        seen.lock().unwrap().push(visit.clone());
                        Ok::<_, Infallible>(page(answer(&address, &visit)))
                    }
                });
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, visits, _connections: accepting }
    }

    /// The requests so far.
    pub fn visits(&self) -> Vec<Visit> {
        self.visits.lock().unwrap().clone()
    }
}

async fn read(request: Request<Incoming>) -> Visit {
    let what = format!("{} {}", request.method(), request.uri().path());
    let authorization = request.headers().get("authorization");
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = request.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Visit { what, authorization, body: serde_json::from_slice(&body).unwrap_or_default() }
}

fn page(Page(status, (name, value), body): Page) -> Response<Full<Bytes>> {
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let response = Response::builder().status(status).header(name, value);
    response.body(Full::new(body)).expect("a response")
}
