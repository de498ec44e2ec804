//! Attacks of other pages and other programs. Those in a real browser are in the module `real`.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use desk::server::Limits;
use desk::wire_log::LogFile;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{ADDRESS, Fake, serve_desk, soon, text};

const CALLS: [(&str, &str); 4] = [
    ("GET", "/api/events"),
    ("GET", "/api/log"),
    ("POST", "/api/sessions"),
    ("POST", "/api/sessions/x/open"),
];

/// The status of a request with exactly these headers.
async fn status(fake: &Fake, method: &str, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    fake.send(request.body(Body::from("{}")).expect("a request")).await.status()
}

#[tokio::test(start_paused = true)]
async fn calls_need_the_token() {
    let fake = Fake::start().await;
    let token = fake.token.reveal().to_owned();
    let wrong = [
        String::new(),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}0"),
        format!("Basic {token}"),
        "Bearer ".to_owned(),
    ];
    for (method, path) in CALLS {
        for wrong in &wrong {
            let headers = [("host", ADDRESS), ("authorization", wrong)];
            assert_eq!(
                status(&fake, method, path, &headers).await,
                StatusCode::UNAUTHORIZED,
                "{path} {wrong}"
            );
        }
        // Neither the address nor a cookie counts, so an attacker cannot plant a token in the owner's browser.
        let cookie = format!("token={token}; desk={token}; session={token}");
        let headers = [("host", ADDRESS), ("cookie", &*cookie)];
        let address = format!("{path}?token={token}");
        assert_eq!(status(&fake, method, &address, &headers).await, StatusCode::UNAUTHORIZED);
    }
    fake.desk.close().await;
}

/// A name that was made to point to this machine, and requests of other pages, even if they knew the token.
#[tokio::test(start_paused = true)]
async fn other_names_and_pages_are_refused() {
    let fake = Fake::start().await;
    let bearer = format!("Bearer {}", fake.token.reveal());
    let own = format!("http://{ADDRESS}");
    let attacks: [&[(&str, &str)]; 12] = [
        &[("host", "evil.example")],
        &[("host", "evil.example:7000")],
        &[("host", "127.0.0.1")],
        &[("host", "127.0.0.1:7001")],
        &[("host", ADDRESS), ("host", "evil.example")],
        &[],
        &[("host", ADDRESS), ("origin", "http://evil.example")],
        &[("host", ADDRESS), ("origin", "null")],
        &[("host", ADDRESS), ("origin", "https://127.0.0.1:7000")],
        &[("host", ADDRESS), ("origin", "http://127.0.0.1:7001")],
        &[("host", ADDRESS), ("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("host", ADDRESS), ("sec-fetch-site", "same-site")],
    ];
    let paths = [("GET", "/"), ("GET", "/app.js")].into_iter().chain(CALLS);
    for (method, path) in paths {
        for attack in attacks {
            let mut headers = attack.to_vec();
            headers.push(("authorization", &bearer));
            let status = status(&fake, method, path, &headers).await;
            assert!(
                matches!(status, StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST),
                "{path} {attack:?}: {status}"
            );
        }
    }
    let fine =
        [("host", "localhost:7000"), ("origin", "http://localhost:7000"), ("sec-fetch-site", "same-origin")];
    assert_eq!(status(&fake, "GET", "/", &fine).await, StatusCode::OK);
    fake.desk.close().await;
}

/// A link of elsewhere may lead a tab to the page, which has no secret, but to nothing else, and to no frame.
#[tokio::test(start_paused = true)]
async fn a_link_of_elsewhere_leads_to_the_page_only() {
    let fake = Fake::start().await;
    let bearer = format!("Bearer {}", fake.token.reveal());
    let visit = |mode, dest| {
        [
            ("host", ADDRESS),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", dest),
        ]
    };
    assert_eq!(status(&fake, "GET", "/", &visit("navigate", "document")).await, StatusCode::OK);
    for (mode, dest) in
        [("navigate", "iframe"), ("no-cors", "script"), ("cors", "empty"), ("no-cors", "document")]
    {
        assert_eq!(
            status(&fake, "GET", "/", &visit(mode, dest)).await,
            StatusCode::FORBIDDEN,
            "{mode} {dest}"
        );
    }
    for (method, path) in [("POST", "/"), ("GET", "/app.js")].into_iter().chain(CALLS) {
        let mut headers = visit("navigate", "document").to_vec();
        headers.push(("authorization", &bearer));
        assert_eq!(status(&fake, method, path, &headers).await, StatusCode::FORBIDDEN, "{path}");
    }
    fake.desk.close().await;
}

/// Browsers leave out port 80 of an address.
#[tokio::test(start_paused = true)]
async fn the_usual_port_may_be_left_out() {
    let fake = Fake::at("127.0.0.1:80", 1 << 20).await;
    for host in ["127.0.0.1", "localhost", "127.0.0.1:80", "localhost:80"] {
        let origin = format!("http://{host}");
        let headers = [("host", host), ("origin", &origin), ("sec-fetch-site", "same-origin")];
        assert_eq!(status(&fake, "GET", "/", &headers).await, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "evil.example:80", "127.0.0.1:7000"] {
        let status = status(&fake, "GET", "/", &[("host", host)]).await;
        assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    fake.desk.close().await;
}

/// Only the files of the page are served, under their exact names, and every response has the protecting headers.
#[tokio::test(start_paused = true)]
async fn no_path_leads_elsewhere() {
    let fake = Fake::start().await;
    let paths = [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page/../app.js",
        "//etc/passwd",
        "/app.js/",
        "/app.js%00",
        "/.git/config",
    ];
    for path in paths {
        let response = fake.send(fake.request("GET", path).body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
    // An id never becomes a part of a path that the CLI opens.
    for id in ["..%2f..%2fetc", "%2e%2e", "a%00b", "a%2fb", "a%5cb", "%F0%9F%92%A9", &"x".repeat(129)] {
        for call in ["open", "close", "prompt", "abort", "asks/1"] {
            let (status, _) = fake.call(&format!("/api/sessions/{id}/{call}"), &json!({ "text": "" })).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{id}/{call}");
        }
        let request = fake.request("GET", &format!("/api/events?session={id}"));
        let response = fake.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{id}");
    }
    assert!(fake.cli.calls_raw("session.resume").is_empty());
    fake.desk.close().await;
}

#[tokio::test(start_paused = true)]
async fn huge_and_deep_bodies_are_refused() {
    let fake = Fake::start().await;
    let id = fake.session().await;
    let path = format!("/api/sessions/{id}/prompt");
    let huge = json!({ "text": "x".repeat(1 << 20) });
    assert_eq!(fake.call(&path, &huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let deep = "[".repeat(100_000);
    let request = fake.request("POST", &path).header("content-type", "application/json");
    let response = fake.send(request.body(Body::from(deep)).expect("a request")).await;
    assert!(response.status().is_client_error(), "{}", response.status());
    // A form, as another page could send without asking first.
    let request = fake.request("POST", &path).header("content-type", "text/plain");
    let response = fake.send(request.body(Body::from(r#"{"text":"x"}"#)).expect("a request")).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(!text(response).await.is_empty());
    fake.desk.close().await;
}

/// Strangers that open a thousand connections and say nothing, or too little, do not lock the owner out.
#[tokio::test]
async fn a_thousand_sockets() {
    let fake = Fake::start().await;
    let (log, _wire_log) = LogFile::new(1 << 20).expect("a log");
    // Long enough for the owner's own connection on a busy machine.
    let silence = Duration::from_secs(5);
    let limits = Limits { connections: 50, silence, farewell: Duration::from_secs(1) };
    let (address, token, serving) = serve_desk(&fake.desk, log, limits).await;
    let connect = async || soon("a connection", TcpStream::connect(address)).await.expect("a connection");
    let hello = format!(
        "GET /api/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        token.reveal()
    );
    // The owner's stream, from before the attack.
    let mut before = connect().await;
    before.write_all(hello.as_bytes()).await.expect("a request");
    let mut start = [0; 15];
    soon("a response", before.read_exact(&mut start)).await.expect("a response");
    assert_eq!(&start, b"HTTP/1.1 200 OK");

    let mut strangers = Vec::new();
    for number in 0..1000 {
        let mut stranger = connect().await;
        if number % 2 == 0 {
            // It may have been closed already.
            drop(stranger.write_all(b"GET / HTTP/1.1\r\nhost: ").await);
        }
        strangers.push(stranger);
    }
    let mut during = connect().await;
    during.write_all(hello.as_bytes()).await.expect("a request");
    soon("a response", during.read_exact(&mut start)).await.expect("a response");
    assert_eq!(&start, b"HTTP/1.1 200 OK");

    // Every stranger is closed in the end, and the stream from before still works.
    let mut rest = Vec::new();
    for mut stranger in strangers {
        rest.clear();
        // The end, or a reset.
        drop(soon("the end", stranger.read_to_end(&mut rest)).await);
    }
    fake.session().await;
    let mut seen = String::new();
    while !seen.contains("\"state\":\"idle\"") {
        let mut piece = [0; 4096];
        let length = soon("the list", before.read(&mut piece)).await.expect("an open stream");
        assert!(length > 0, "the stream ended: {seen}");
        seen += &String::from_utf8_lossy(&piece[..length]);
    }
    fake.desk.close().await;
    soon("the server", serving).await.expect("no panic");
}
