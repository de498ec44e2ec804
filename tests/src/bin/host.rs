//! A program that uses the CLI, for a test to kill. It sends a prompt, runs a command for the user, and waits
//! for both. Its arguments: `stdio` or `tcp`, the CLI's program, a folder that contains `home` and `work`,
//! the model's address, the program of an MCP server, and the command.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::IntoFuture;
use std::path::Path;

use copilot_session::Client;
use copilot_session::types::{McpSerializableServerConfig, McpServerConfigStdio, ProviderConfig};
use copilot_session_model::MODEL_NAME;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [transport, program, folder, model, server, command] = &arguments[..] else {
        return Err("six arguments are needed".into());
    };
    let folder = Path::new(folder);
    let client = Client::builder().program(program).no_login();
    let client = client.home_dir(folder.join("home")).current_dir(folder.join("work"));
    let client = match transport.as_str() {
        "tcp" => client.start_tcp(0).await?,
        _ => client.start().await?,
    };
    let server = McpServerConfigStdio::new(server).tools(vec!["*".to_owned()]);
    let server = McpSerializableServerConfig::ServerConfigStdio(server);
    let session = client
        .session()
        .approve_all()
        .provider(ProviderConfig::new(model).api_key("scripted"))
        .model(MODEL_NAME)
        .configure(|config| config.mcp_servers(BTreeMap::from([("server".to_owned(), server)])))
        .create()
        .await?;
    let turn = session.prompt("Go.").await?;
    let (answer, output) = tokio::join!(turn.into_future(), session.shell(command).into_future());
    Err(format!("it is over: {answer:?}, {output:?}").into())
}
