//! Uses a model server of your own, such as Ollama, without a login to Copilot:
//! `cargo run --example provider -- http://localhost:11434/v1 llama3.2 "What is a heron?"`
//!
//! The server speaks OpenAI's protocol; `ProviderConfig::kind` has other ones. A key comes from `PROVIDER_KEY`, and
//! `RUST_LOG=copilot_session=debug` prints the log of the SDK and of the CLI.

use copilot_session::types::ProviderConfig;
use copilot_session::{Client, printable_lines};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted = EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(wanted).with_writer(std::io::stderr).init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, model, prompt] = arguments.as_slice() else {
        return Err("usage: provider URL MODEL PROMPT".into());
    };
    let mut provider = ProviderConfig::new(url);
    // The key is sent in a call, so that commands of the agent do not find it in the CLI's environment. But they
    // would find it in this program's environment, which the CLI inherits, so it is removed there.
    provider.api_key = std::env::var("PROVIDER_KEY").ok();
    let client = Client::builder().no_login().env_remove("PROVIDER_KEY").start().await?;

    // The CLI knows the limits of well-known models only.
    let provider = provider.max_prompt_tokens(32_000.0).max_output_tokens(4_000.0);
    let session = client.session().provider(provider).model(model).deny_all().create().await?;
    let answer = session.send_and_wait(prompt).await?;
    for call in answer.model_calls() {
        let model = printable_lines(&call.model);
        println!("[{}: {:?} tokens in, {:?} out]", model, call.input_tokens, call.output_tokens);
    }
    println!("{}", printable_lines(answer.text()));
    client.stop().await;
    Ok(())
}
