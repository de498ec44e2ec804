//! A program that starts a CLI and ends in one of several ways. Its arguments: the CLI's program, and the
//! way: `drop` ends after dropping its client, `exit` and `abort` end without dropping it, and `stay` waits
//! to be killed. It prints a line once the CLI has started.

use std::error::Error;

use copilot_session::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, way] = &arguments[..] else { return Err("two arguments are needed".into()) };
    let client = Client::builder().program(program).start().await?;
    println!("started");
    match way.as_str() {
        "drop" => drop(client),
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        _ => std::future::pending().await,
    }
    Ok(())
}
