//! The common part of the examples: their argument, their client and their session.
//!
//! In a program of your own, write `Client::builder()` in place of `common::client()`, and `client.session()` in place of
//! `common::session(&client)`.

use std::env::{args, var};

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, ClientBuilder, SessionBuilder};
use tracing_subscriber::EnvFilter;

/// The variable with the key of the model server.
const KEY_VARIABLE: &str = "COPILOT_DEMO_API_KEY";

/// Returns the first argument of the program, or this text.
#[allow(dead_code, reason = "some examples have other arguments")]
pub fn argument(default: &str) -> String {
    args().nth(1).unwrap_or_else(|| default.to_owned())
}

/// Configures a client as `Client::builder()` does, and prints errors of the log on standard error, or what `RUST_LOG`
/// names: `RUST_LOG=copilot_session=debug` is the log of the SDK and of the CLI.
///
/// The key of the model server is sent in a call; what the agent runs does not find it in the CLI's environment.
pub fn client() -> ClientBuilder {
    let log =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr);
    // It fails if the program has a log already.
    drop(log.try_init());
    Client::builder().env_remove(KEY_VARIABLE)
}

/// Configures a session as `client.session()` does, with a model of Copilot, which needs a login. If
/// `COPILOT_DEMO_PROVIDER_URL` and `COPILOT_DEMO_MODEL` are set, it uses that model at that OpenAI-compatible address,
/// with the key `COPILOT_DEMO_API_KEY` if there is one.
pub fn session(client: &Client) -> SessionBuilder {
    let mut session = client.session();
    if let Ok(url) = var("COPILOT_DEMO_PROVIDER_URL") {
        let mut provider = ProviderConfig::new(url);
        provider.api_key = var(KEY_VARIABLE).ok();
        session = session.provider(provider);
    }
    match var("COPILOT_DEMO_MODEL") {
        Ok(model) => session.model(model),
        Err(_) => session,
    }
}
