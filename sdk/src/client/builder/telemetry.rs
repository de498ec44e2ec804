//! The CLI's own traces and metrics.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::client::Setup;
use crate::client::builder::ClientBuilder;
use crate::process::Launch;
use crate::wire::encode;

/// The variable from which the CLI reads the headers.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// The variables by which the environment of this program may name another destination, or headers for one. Headers are
/// keys, which no other destination may get.
const OTHERS: [&str; 8] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    HEADERS,
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
];

/// The destination of the CLI's own traces and metrics (OpenTelemetry); see [`ClientBuilder::telemetry`].
///
/// The CLI reads it from its environment: `COPILOT_OTEL_…` and `OTEL_…`.
#[derive(Clone)]
#[must_use = "`ClientBuilder::telemetry` sets it"]
pub struct TelemetryConfig {
    /// Variables and their values.
    env: Vec<(&'static str, OsString)>,
    /// Names and values.
    headers: Vec<(String, String)>,
}

impl TelemetryConfig {
    fn new(exporter: &str, destination: &'static str, value: OsString) -> Self {
        let env = [("COPILOT_OTEL_ENABLED", "true"), ("COPILOT_OTEL_EXPORTER_TYPE", exporter)];
        let mut env: Vec<_> = env.map(|(name, value)| (name, value.into())).into();
        env.push((destination, value));
        Self { env, headers: Vec::new() }
    }

    /// A collector that accepts OTLP over HTTP, such as `http://localhost:4318`, to which the CLI adds `/v1/traces` and
    /// `/v1/metrics` (`OTEL_EXPORTER_OTLP_ENDPOINT`).
    pub fn otlp(endpoint: impl Into<OsString>) -> Self {
        Self::new("otlp-http", "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.into())
    }

    /// A file with lines of JSON (`COPILOT_OTEL_FILE_EXPORTER_PATH`).
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::new("file", "COPILOT_OTEL_FILE_EXPORTER_PATH", path.into().into_os_string())
    }

    /// Adds a header to each request to the collector, such as one with a key (`OTEL_EXPORTER_OTLP_HEADERS`).
    ///
    /// The CLI removes the headers from the environment of the commands that the agent runs (`--secret-env-vars`). A
    /// command can nevertheless read them in the environment of the CLI, as
    /// [`github_token_in_environment`](ClientBuilder::github_token_in_environment) explains.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The name of the source of the spans (`COPILOT_OTEL_SOURCE_NAME`). Default: the CLI's own.
    pub fn source_name(mut self, name: impl Into<OsString>) -> Self {
        self.env.push(("COPILOT_OTEL_SOURCE_NAME", name.into()));
        self
    }

    /// Includes the texts of prompts, answers and tools in the spans, or leaves them out
    /// (`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`). Default: the value in the environment of this program;
    /// without one, they are left out.
    pub fn capture_content(mut self, captures: bool) -> Self {
        let value = if captures { "true" } else { "false" };
        self.env.push(("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value.into()));
        self
    }
}

impl ClientBuilder {
    /// Sends the CLI's traces and metrics to this destination: each turn, model call and tool call is a span. The spans
    /// of a prompt are children of the span that [`trace_context`](Self::trace_context) returns. A later call replaces
    /// the whole destination. The CLI inherits no other destination, and no headers, from the environment of this
    /// program (`OTEL_EXPORTER_OTLP_…`); what [`env`](Self::env) sets overrides it.
    ///
    /// It has no effect on a CLI that [`connect`](Self::connect) or [`connect_tcp`](Self::connect_tcp) joins.
    pub fn telemetry(self, config: TelemetryConfig) -> Self {
        self.set(|builder| builder.telemetry = Some(config))
    }
}

impl TelemetryConfig {
    /// Sets the variables of the CLI, before those of the program. Returns the argument that keeps the headers secret,
    /// if there are any.
    pub(super) fn apply(self, launch: &mut Launch, setup: &mut Setup) -> Option<String> {
        let others = OTHERS.map(|name| (name.into(), None)).into_iter();
        let ours = self.env.into_iter().map(|(name, value)| (name.into(), Some(value)));
        let mut env: Vec<_> = others.chain(ours).collect();
        // Encoded, since they may hold the separators of the list.
        let header = |(name, value): &(String, String)| {
            format!("{}={}", encode::percent(name), encode::percent(value))
        };
        let headers = self.headers.iter().map(header).collect::<Vec<_>>().join(",");
        let secret = (!headers.is_empty()).then(|| {
            setup.secrets.extend(self.headers.into_iter().map(|(_, value)| value));
            setup.secrets.push(headers.clone());
            env.push((HEADERS.into(), Some(headers.into())));
            format!("--secret-env-vars={HEADERS}")
        });
        launch.env.splice(..0, env);
        secret
    }
}

impl std::fmt::Debug for TelemetryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The headers are secret, and an endpoint may have a password.
        let mut names: Vec<_> = self.env.iter().map(|(name, _)| *name).collect();
        names.extend((!self.headers.is_empty()).then_some(HEADERS));
        f.debug_struct("TelemetryConfig").field("env", &names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    /// The value of a variable of the CLI, or none if it does not inherit it.
    fn value(builder: &ClientBuilder, name: &str) -> Option<Option<OsString>> {
        let all = builder.launch.env.iter().rev();
        all.filter(|(other, _)| other == name).map(|(_, value)| value.clone()).next()
    }

    #[test]
    fn headers_are_encoded_and_secret() {
        let config = TelemetryConfig::otlp("http://localhost").header("authorization", "Bearer a,b=c%ü");
        let mut builder = ClientBuilder::new().telemetry(config.clone().header("x", "y"));
        assert!(!format!("{config:?} {builder:?}").contains("Bearer"));
        builder.complete_arguments([]);
        let headers = value(&builder, HEADERS).expect("a variable");
        let expected = "authorization=Bearer%20a%2Cb%3Dc%25%C3%BC,x=y";
        assert_eq!(headers.as_deref(), Some(expected.as_ref()));
        for secret in ["Bearer a,b=c%ü", expected] {
            assert!(builder.setup.secrets.iter().any(|known| known == secret), "{secret}");
        }
        assert!(!format!("{config:?} {builder:?}").contains("Bearer"));
    }

    /// The headers of one destination are not sent to another.
    #[test]
    fn a_later_destination_replaces_the_first() {
        let first = TelemetryConfig::otlp("http://first").header("key", "SECRET").capture_content(true);
        let second = TelemetryConfig::otlp("http://second");
        let mut builder = ClientBuilder::new().telemetry(first).telemetry(second).env("OTHER", "1");
        builder.complete_arguments([]);
        let set = builder.launch.env.iter().filter(|(_, value)| value.is_some());
        let names: Vec<_> = set.filter_map(|(name, _)| name.to_str()).collect();
        let exporter = ["COPILOT_OTEL_ENABLED", "COPILOT_OTEL_EXPORTER_TYPE", "OTEL_EXPORTER_OTLP_ENDPOINT"];
        assert_eq!(names, [&exporter[..], &["OTHER"]].concat());
        assert!(!builder.launch.args.iter().any(|argument| argument.to_string_lossy().contains(HEADERS)));
        assert!(builder.setup.secrets.is_empty());
    }

    /// Our headers go to no destination of the environment, and its headers do not go to ours.
    #[test]
    fn no_destination_is_inherited() {
        let ours = TelemetryConfig::otlp("http://ours").header("key", "SECRET");
        let of_ours = [Some("http://ours"), Some("key=SECRET")];
        for (config, [endpoint, headers]) in [(ours, of_ours), (TelemetryConfig::file("spans"), [None; 2])] {
            let mut builder =
                ClientBuilder::new().telemetry(config).env("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "mine");
            builder.complete_arguments([]);
            for name in OTHERS {
                let value = value(&builder, name).expect("a variable that is not inherited");
                let expected = match name {
                    "OTEL_EXPORTER_OTLP_TRACES_HEADERS" => Some("mine"),
                    "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint,
                    HEADERS => headers,
                    _ => None,
                };
                assert_eq!(value.as_deref(), expected.map(OsStr::new), "{name}");
            }
        }
    }
}
