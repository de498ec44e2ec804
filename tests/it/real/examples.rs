//! The examples of the SDK, each as a program on the real CLI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use copilot_session_model::{GITHUB_TOKEN, MODEL_NAME, ModelRequest, ModelServer, Reply, Script};
use copilot_session_tests::cli::{CLI_PATH_VARIABLE, cli_path};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::SemaphorePermit;

use super::rig::{SHELL, place, soon};

/// A scripted model and a folder for programs, with a file `notes.txt` and a home for the CLI.
struct Stage {
    model: ModelServer,
    folder: TempDir,
    _place: SemaphorePermit<'static>,
}

impl Stage {
    async fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(Script::replies(replies)).await
    }

    async fn with(script: Script) -> Self {
        let place = place().await;
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("work")).expect("a folder to work in");
        fs::write(folder.path().join("work/notes.txt"), "Buy milk.\n").expect("a file");
        Self { model: ModelServer::start(script).await.expect("the model"), folder, _place: place }
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("work/notes.txt")
    }

    /// The command of a program that uses the model.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        for token in ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "RUST_LOG"] {
            command.env_remove(token);
        }
        command
            .args(arguments)
            .current_dir(self.folder.path().join("work"))
            .env("COPILOT_HOME", self.folder.path().join("home"))
            .env("COPILOT_DEMO_PROVIDER_URL", self.model.base_url())
            .env("COPILOT_DEMO_MODEL", MODEL_NAME)
            .env(CLI_PATH_VARIABLE, cli_path())
            .kill_on_drop(true);
        command
    }

    /// Runs a program, and returns what it prints on standard output. Panics if it fails.
    async fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = run(&mut self.command(program, arguments), "").await;
        let (stdout, stderr) = texts(&output);
        assert!(output.status.success(), "{program}: {}\n{stdout}\n{stderr}", output.status);
        stdout
    }

    /// The results of all tools that the model has read.
    fn results(&self) -> Vec<String> {
        let last = self.model.requests().pop().expect("a request");
        last.tool_results().into_iter().map(|(_, text)| text).collect()
    }
}

/// Runs a command with this input to its end.
async fn run(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("an input");
    // A program that has ended reads no more.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    soon("the program to end", child.wait_with_output()).await.expect("its output")
}

/// The standard output and the standard error of a program.
fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A call of the shell that deletes the notes.
fn delete_notes() -> Reply {
    Reply::tool_call(SHELL, json!({ "command": "rm notes.txt", "description": "Delete the notes" }))
}

#[tokio::test]
async fn ask() {
    let view = Reply::tool_call("view", json!({ "path": "notes.txt" }));
    let stage = Stage::new([view, delete_notes(), Reply::text("A note.")]).await;
    assert_eq!(stage.run(env!("CARGO_BIN_EXE_ask"), &["What is in this folder?"]).await, "A note.\n");
    let asked = stage.model.requests()[0].last_user_text().unwrap_or_default();
    assert!(asked.contains("What is in this folder?"), "{asked}");
    assert!(stage.results()[0].contains("Buy milk.") && stage.notes().exists(), "{:?}", stage.results());
}

/// A program that knows nothing of the test runs on the model, too: the server stands in for GitHub.
#[tokio::test]
async fn with_a_login() {
    let stage = Stage::new([Reply::text("A heron is a bird.")]).await;
    let mut command = stage.command(env!("CARGO_BIN_EXE_ask"), &["What is a heron?"]);
    command.env_remove("COPILOT_DEMO_PROVIDER_URL").env_remove("COPILOT_DEMO_MODEL");
    let (stdout, stderr) = texts(&run(command.envs(stage.model.github_env()), "").await);
    assert_eq!(stdout, "A heron is a bird.\n", "{stderr}");
    let authorized = format!("Bearer {GITHUB_TOKEN}");
    assert_eq!(stage.model.requests()[0].header("authorization"), Some(&*authorized));
}

/// The answer is on standard output; the steps of the agent and the log are on standard error. An escape sequence of
/// the model is escaped.
#[tokio::test]
async fn stream() {
    let stage = Stage::with(Script::from_fn(|request| match request.index() {
        0 => Reply::tool_call("view", json!({ "path": "notes.txt" })),
        _ => Reply::reasoning("Let me see. ").then_text("Buy \u{1b}[31mmilk."),
    }))
    .await;
    let mut command = stage.command(env!("CARGO_BIN_EXE_stream"), &["What is in notes.txt?"]);
    let (stdout, stderr) = texts(&run(command.env("RUST_LOG", "copilot_session=debug"), "").await);
    assert_eq!(stdout, "Buy \\u{1b}[31mmilk.\n", "{stderr}");
    for part in ["[view runs]", "Let me see.", "20 tokens]", "DEBUG copilot_session"] {
        assert!(stderr.contains(part), "{part} is not in {stderr}");
    }
}

#[tokio::test]
async fn tools() {
    let buy = |count: u32| Reply::tool_call("buy", json!({ "item": "milk", "count": count }));
    let list = Reply::tool_call("list", json!({}));
    let stage = Stage::new([buy(0), buy(2), list, Reply::text("Two of milk.")]).await;
    let stdout = stage.run(env!("CARGO_BIN_EXE_tools"), &[]).await;
    assert!(stdout.ends_with("list {}\nTwo of milk.\nOn the list: {\"milk\": 2}\n"), "{stdout}");
    let [refused, bought, listed] = stage.results().try_into().expect("three results");
    assert!(refused.contains("the count must be at least 1"), "{refused}");
    assert_eq!(bought, "2 × milk on the list");
    assert_eq!(listed, "{\"milk\":2}");
}

/// A person answers the model's question, and decides on a command.
#[tokio::test]
async fn ask_user() {
    for (answer, deleted) in [("yes", true), ("no", false), ("", false)] {
        let question = json!({ "question": "Which \u{1b}[2J file?", "choices": ["notes.txt", "none"] });
        let question = Reply::tool_call("ask_user", question);
        let stage = Stage::new([question, delete_notes(), Reply::text("Done.")]).await;
        let mut command = stage.command(env!("CARGO_BIN_EXE_ask_user"), &[]);
        let (stdout, stderr) = texts(&run(&mut command, &format!("notes.txt\n{answer}\n")).await);
        let expected =
            "Which \\u{1b}[2J file? (notes.txt, none)\nMay the agent run `rm notes.txt`? (yes, no)\nDone.\n";
        assert_eq!(stdout, expected, "{stderr}");
        assert!(stage.results()[0].contains("notes.txt"), "{:?}", stage.results());
        assert_eq!(stage.notes().exists(), !deleted, "{answer}");
    }
}

#[tokio::test]
async fn structured() {
    let city = json!({ "name": "Venice", "people": 250_000, "reason": "It stands in water." });
    let stage = Stage::new([Reply::text(&city.to_string()), Reply::text("Venice.")]).await;
    let program = env!("CARGO_BIN_EXE_structured");
    let stdout = stage.run(program, &[]).await;
    assert!(stdout.starts_with("Venice has 250000 inhabitants. It stands in water.\n"), "{stdout}");
    assert!(stdout.contains("1 call(s) of the model, 100 tokens in, 10 out"), "{stdout}");
    assert_eq!(stage.model.requests()[0].body()["response_format"]["json_schema"]["name"], "City");
    let stdout = stage.run(program, &[]).await;
    assert!(stdout.starts_with("not a city: ") && stdout.contains("\nVenice.\n"), "{stdout}");
}

/// The second run shows what was said in the first, and its model knows it.
#[tokio::test]
async fn resume() {
    let stage = Stage::new([Reply::text("Hello, Ada."), Reply::text("Ada.")]).await;
    let program = env!("CARGO_BIN_EXE_resume");
    assert_eq!(stage.run(program, &["My name is Ada."]).await, "\nHello, Ada.\n");
    let stdout = stage.run(program, &["What is my name?"]).await;
    assert!(stdout.contains("My name is Ada.") && stdout.contains("Hello, Ada."), "{stdout}");
    assert!(stdout.ends_with("\nAda.\n"), "{stdout}");
    assert!(stage.model.requests()[1].body()["messages"].to_string().contains("My name is Ada."));
}

/// Each session has an answer of its own, and one that fails does not end the others.
#[tokio::test]
async fn sessions() {
    let stage = Stage::with(Script::from_fn(|request: &ModelRequest| match request.system_text() {
        text if text.contains("Answer like a poet") => Reply::text("A day of light."),
        text if text.contains("Answer like a lawyer") => Reply::error(400, "objection").not_retried(),
        text => panic!("{text}"),
    }))
    .await;
    let stdout = stage.run(env!("CARGO_BIN_EXE_sessions"), &["a poet", "a lawyer"]).await;
    let mut lines: Vec<&str> = stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{stdout}");
    assert!(lines[0].starts_with("a lawyer did not answer: ") && lines[0].contains("objection"), "{stdout}");
    assert_eq!(lines[1], "a poet: A day of light.");
}

#[tokio::test]
async fn two_programs() {
    let stage = Stage::new([Reply::text("The first one.")]).await;
    let stdout = stage.run(env!("CARGO_BIN_EXE_two_programs"), &[]).await;
    for line in [
        "first: somebody asks \"Who is there?\"",
        "first: the model says \"The first one.\"",
        "second: The first one.",
    ] {
        assert!(stdout.lines().any(|shown| shown == line), "{stdout}");
    }
}

/// The key reaches the model's server.
#[tokio::test]
async fn provider() {
    let stage = Stage::new([Reply::text("A bird.")]).await;
    let url = stage.model.base_url();
    let mut command = stage.command(env!("CARGO_BIN_EXE_provider"), &[&url, "heron-1", "What is a heron?"]);
    let (stdout, stderr) = texts(&run(command.env("PROVIDER_KEY", "key-of-the-test"), "").await);
    assert!(stdout.contains("heron-1") && stdout.ends_with("A bird.\n"), "{stdout}\n{stderr}");
    let request = &stage.model.requests()[0];
    assert_eq!(request.header("authorization"), Some("Bearer key-of-the-test"));
    assert_eq!(request.model(), "heron-1");
}

#[tokio::test]
async fn hooks() {
    let view = Reply::tool_call("view", json!({ "path": "notes.txt" }));
    let stage = Stage::new([delete_notes(), view, Reply::text("It stays.")]).await;
    let stdout = stage.run(env!("CARGO_BIN_EXE_hooks"), &[]).await;
    assert!(stdout.contains(&format!("refused: {SHELL} ")) && stdout.ends_with("It stays.\n"), "{stdout}");
    assert!(stage.results()[0].contains("only reading here"), "{:?}", stage.results());
    assert!(stage.notes().exists());
    let system = stage.model.requests()[0].body()["messages"].to_string();
    assert!(system.contains("The user is at a terminal in "), "{system}");
}

/// A failure that passes is tried again. One that stays ends the program, and its text has the advice.
#[tokio::test]
async fn errors() {
    let stage = Stage::new([Reply::error(503, "busy").not_retried(), Reply::text("A bird.")]).await;
    let mut command = stage.command(env!("CARGO_BIN_EXE_errors"), &[]);
    let (stdout, stderr) = texts(&run(&mut command, "").await);
    assert_eq!(stdout, "A bird.\n", "{stderr}");
    assert!(stderr.contains("attempted again") && stderr.contains("busy"), "{stderr}");

    let output = run(command.env(CLI_PATH_VARIABLE, Path::new("no-such-cli")), "").await;
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), &*stdout), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("error: ") && stderr.contains("install it with `npm"), "{stderr}");
}

#[tokio::test]
async fn policies() {
    let view = Reply::tool_call("view", json!({ "path": "notes.txt" }));
    let stage = Stage::new([view, delete_notes(), Reply::text("Milk.")]).await;
    let program = env!("CARGO_BIN_EXE_policies");
    let mut command = stage.command(program, &["read_one_folder", "What is in notes.txt?"]);
    let (stdout, stderr) = texts(&run(&mut command, "").await);
    assert_eq!(stdout, "Milk.\n", "{stderr}");
    let refused: Vec<_> = stderr.lines().filter(|line| line.starts_with("refused: ")).collect();
    let [refused] = refused.try_into().expect("one refusal");
    assert!(refused.contains("rm notes.txt") && refused.contains("does not allow it"), "{refused}");
    assert!(stage.results()[0].contains("Buy milk.") && stage.notes().exists(), "{:?}", stage.results());
    let (_, stderr) = texts(&run(&mut stage.command(program, &["read_everything", "x"]), "").await);
    assert!(stderr.contains("no policy named") && stderr.contains("ask_a_person"), "{stderr}");
}

/// The files of the session are in the program's memory, not in the CLI's home.
#[cfg(unix)]
#[tokio::test]
async fn session_fs() {
    let stage = Stage::new([Reply::text("Nothing.")]).await;
    let stdout = stage.run(env!("CARGO_BIN_EXE_session_fs"), &[]).await;
    assert!(stdout.starts_with("Nothing.\n/state/"), "{stdout}");
    assert!(stdout.contains("events.jsonl"), "{stdout}");
}

#[tokio::test]
async fn tested() {
    let weather = Reply::tool_call("weather", json!({ "name": "Oslo" }));
    let stage = Stage::new([weather, Reply::text("Yes.")]).await;
    assert_eq!(stage.run(env!("CARGO_BIN_EXE_tested"), &[]).await, "Yes.\n");
    assert_eq!(stage.results(), ["It rains in Oslo."]);
}
