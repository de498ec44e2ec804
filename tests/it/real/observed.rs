//! The CLI's own traces and metrics.

use std::convert::Infallible;

use copilot_session::{ClientBuilder, SessionBuilder, TelemetryConfig};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::mpsc;

use super::rig::{Rig, SHELL, ask, soon};

/// A request to the collector.
struct Report {
    path: String,
    authorization: String,
    body: Bytes,
}

/// Starts a collector, and returns its address and what it receives.
async fn collector() -> (String, mpsc::UnboundedReceiver<Report>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, reports) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let collect = hyper::service::service_fn(move |request: Request<Incoming>| {
                let sender = sender.clone();
                async move {
                    let header = request.headers().get("authorization");
                    let authorization =
                        header.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
                    let path = request.uri().path().to_owned();
                    if let Ok(body) = request.into_body().collect().await {
                        drop(sender.send(Report { path, authorization, body: body.to_bytes() }));
                    }
                    Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), collect),
            );
        }
    });
    (address, reports)
}

/// The collector gets the spans with the header, which the commands of the agent do not find in their environment. The
/// prompt is not in the spans, unless it is asked for.
#[tokio::test]
async fn spans_reach_a_collector() {
    for captures in [false, true] {
        let (address, mut reports) = collector().await;
        let print =
            json!({"command": "echo \"headers: $OTEL_EXPORTER_OTLP_HEADERS.\"", "description": "Prints"});
        let script = Script::replies([Reply::tool_call(SHELL, print), Reply::text("Printed.")]);
        let observed = async |new: ClientBuilder| {
            let config = TelemetryConfig::otlp(address).header("authorization", "Bearer a b,c=d");
            new.telemetry(config.source_name("the-desk").capture_content(captures)).start().await
        };
        let rig = Rig::start_by(script, |_| cli_path(), observed).await;
        let session = rig.session(SessionBuilder::approve_all).await;
        ask(&session, "Print the secret headers.").await.expect("an answer");
        if cfg!(unix) {
            let results = rig.model.requests()[1].tool_results();
            assert!(results[0].1.contains("headers: ."), "{results:?}");
        }
        rig.finish().await;
        let mut spans = String::new();
        while !spans.contains("invoke_agent") {
            let report = soon("the spans", reports.recv()).await.expect("a report");
            assert_eq!(report.authorization, "Bearer a b,c=d");
            if report.path == "/v1/traces" {
                spans += &String::from_utf8_lossy(&report.body);
            }
        }
        assert!(spans.contains("the-desk"), "{spans}");
        assert_eq!(spans.contains("Print the secret headers."), captures, "{spans}");
    }
}

/// Every secret in the environment is kept from the commands of the agent, whichever others there are.
#[cfg(unix)]
#[tokio::test]
async fn several_secrets_in_the_environment() {
    let print = json!({"command": "env | sort", "description": "Prints"});
    let script = Script::replies([Reply::tool_call(SHELL, print), Reply::text("Printed.")]);
    let start = async |new: ClientBuilder| {
        let config =
            TelemetryConfig::otlp("http://127.0.0.1:1").header("authorization", "SECRET-of-the-collector");
        let new = new.arg("--secret-env-vars=MINE").env("MINE", "SECRET-of-mine");
        new.github_token_in_environment("SECRET-of-the-login").telemetry(config).start().await
    };
    let rig = Rig::start_by(script, |_| cli_path(), start).await;
    let session = rig.session(SessionBuilder::approve_all).await;
    ask(&session, "Print the environment.").await.expect("an answer");
    let results = rig.model.requests()[1].tool_results();
    assert!(results[0].1.contains("PATH=") && !results[0].1.contains("SECRET"), "{results:?}");
    rig.finish().await;
}
