//! The programs at the moments that the pictures show.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use copilot_session::types::{CustomAgentConfig, ProviderConfig};
use copilot_session::{Client, Decision, WireLog};
use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script};
use copilot_session_tests::browser::{Browser, Page, soon};
use copilot_session_tests::cli::{CLI_PATH_VARIABLE, TOKENS, cli_path};
use copilot_session_tests::terminal::Terminal;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::AsyncBufReadExt as _;
use tokio::process::Command;

use crate::{png, svg};

type Done = Result<(), Box<dyn Error>>;

const PROMPT: &str = "Tidy up this folder, but ask before you delete anything.";

/// The size of a window with a page, in pixels.
const WINDOW: (u32, u32) = (1200, 1040);

/// The size of a telephone's window.
const NARROW: (u32, u32) = (390, 760);

/// The answers of the model to [`PROMPT`], up to a command that deletes files.
fn tidy() -> [Reply; 3] {
    let list = json!({ "command": "ls -R", "description": "List the files" });
    let question =
        json!({ "question": "Which of them may go?", "choices": ["both", "build/ only", "neither"] });
    let remove = json!({ "command": "rm -r build old.log", "description": "Remove the leftovers" });
    [
        Reply::reasoning("First look at what is there. ")
            .then_text("I look at the folder first. ")
            .then_tool_call("bash", list)
            .usage(9_412, 61),
        Reply::text(
            "Two things look like leftovers:\n\n\
             * `build/` has the object files of a build, which `make` writes again.\n\
             * `old.log` is empty. ",
        )
        .then_tool_call("ask_user", question)
        .usage(9_588, 74),
        Reply::text("Then I remove both. ").then_tool_call("bash", remove).usage(9_703, 38),
    ]
}

/// A model, and folders for a program to run in.
struct Stage {
    model: ModelServer,
    home: TempDir,
    work: PathBuf,
}

impl Stage {
    async fn new(replies: impl IntoIterator<Item = Reply>) -> Result<Self, Box<dyn Error>> {
        // Pictures show this path, so it is the same in each run.
        let work = std::env::temp_dir().join("copilot-session-pictures");
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        fs::create_dir_all(work.join("build"))?;
        for name in ["Makefile", "parser.c", "README.md", "old.log", "build/parser.o", "build/main.o"] {
            fs::write(work.join(name), "")?;
        }
        // A program that is stopped refuses what it asks for, and the CLI may still tell the model.
        let replies = replies.into_iter().chain([Reply::text("As you like.")]);
        Ok(Self {
            model: ModelServer::start(Script::replies(replies)).await?,
            home: tempfile::tempdir()?,
            work,
        })
    }

    /// The variables by which a program finds the model and the CLI.
    fn variables(&self) -> [(&'static str, OsString); 4] {
        [
            ("COPILOT_DEMO_PROVIDER_URL", self.model.base_url().into()),
            ("COPILOT_DEMO_MODEL", MODEL_NAME.into()),
            ("COPILOT_DEMO_API_KEY", "scripted".into()),
            (CLI_PATH_VARIABLE, cli_path().into()),
        ]
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // If it stays, the next run removes it.
        drop(fs::remove_dir_all(&self.work));
    }
}

/// A program for a terminal with all colours.
fn in_colors(program: &Path) -> pty_process::blocking::Command {
    let mut command = pty_process::blocking::Command::new(program)
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .env_remove("NO_COLOR");
    for token in TOKENS {
        command = command.env_remove(token);
    }
    command
}

/// The demo after its end.
pub fn demo(folder: &Path, program: &Path) -> Done {
    let mut command = in_colors(program).env(CLI_PATH_VARIABLE, cli_path());
    for variable in ["COPILOT_DEMO_PROVIDER_URL", "COPILOT_DEMO_MODEL", "COPILOT_DEMO_API_KEY"] {
        command = command.env_remove(variable);
    }
    let terminal = Terminal::start(command, 60, 100);
    if terminal.end() != Some(0) {
        return Err(format!("the demo has failed:\n{}", terminal.screen()).into());
    }
    svg::keep(&folder.join("demo.svg"), &terminal.cells())
}

/// The chat while the agent waits for a permission.
pub async fn chat(folder: &Path, program: &Path) -> Done {
    let stage = Stage::new(tidy()).await?;
    let command = in_colors(program).envs(stage.variables()).current_dir(&stage.work);
    let terminal = Terminal::start(command.arg("--home").arg(stage.home.path()), 22, 100);
    terminal.wait_for("Ask the agent something.");
    terminal.send(&format!("{PROMPT}\r"));
    terminal.wait_for("run `ls -R`");
    terminal.press_until("y", "▸ both");
    terminal.press_until("\r", "run `rm -r build old.log`");
    svg::keep(&folder.join("chat.svg"), &terminal.cells())?;
    terminal.signal(Signal::TERM);
    terminal.wait_for_end();
    Ok(())
}

/// The findings of the reviewer in a change with a mistake.
pub async fn review(folder: &Path, program: &Path) -> Done {
    let finding = json!({
        "file": "mean.py", "line": 2, "severity": "error", "title": "Divides by two, whatever the number of values",
        "explanation": "mean([3, 3, 3]) is 4.5 now. The tests have lists of two values only, so they still pass.",
        "suggestion": "Divide by len(values), and add a test with three values.",
    });
    let answer = json!({ "summary": "Shortens the mean of a list.", "findings": [finding] });
    let stage = Stage::new([Reply::text(&answer.to_string()).usage(9_211, 88)]).await?;
    let diff = "--- a/mean.py\n+++ b/mean.py\n@@ -1,2 +1,2 @@\n def mean(values):\n\
        -    return sum(values) / len(values)\n+    return sum(values) / 2\n";
    fs::write(stage.work.join("change.diff"), diff)?;
    let git =
        std::process::Command::new("git").args(["init", "--quiet"]).current_dir(&stage.work).status()?;
    let command = in_colors(Path::new("sh")).args(["-c", "\"$0\" --home \"$1\" < change.diff"]);
    let command = command.arg(program).arg(stage.home.path()).envs(stage.variables());
    let terminal = Terminal::start(command.current_dir(&stage.work), 10, 100);
    if !git.success() || terminal.end() != Some(1) {
        return Err(format!("the reviewer has found nothing:\n{}", terminal.screen()).into());
    }
    svg::keep(&folder.join("review.svg"), &terminal.cells())
}

/// The desk while one session waits for a permission and another one rests.
pub async fn desk(folder: &Path, program: &Path, browser: &Browser) -> Done {
    let first =
        Reply::text("It reads expressions such as `1 + 2 * 3`, and prints their trees.").usage(9_377, 22);
    let stage = Stage::new([first].into_iter().chain(tidy())).await?;
    let mut desk = Command::new(program);
    for token in TOKENS {
        desk.env_remove(token);
    }
    let mut desk = desk
        .envs(stage.variables())
        .arg("--home")
        .arg(stage.home.path())
        .current_dir(&stage.work)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = tokio::io::BufReader::new(desk.stdout.take().ok_or("the desk has no output")?).lines();
    let line = soon("the address of the desk", lines.next_line()).await?.ok_or("the desk has ended")?;
    let page = browser.open(line.strip_prefix("desk is at ").ok_or("it is no address")?).await;

    // A narrow window folds the list of sessions.
    page.resize(WINDOW, "light").await;
    ask(&page, "What does this program do?").await;
    page.until("document.querySelector('.node.turn.done')").await;
    ask(&page, PROMPT).await;
    page.click(".ask.permission .approve").await;
    page.click(".ask.question .choice").await;
    page.until("document.querySelector('.ask.permission .approve:enabled')").await;
    keep(&page, &folder.join("desk"), WINDOW).await?;
    keep(&page, &folder.join("desk-narrow"), NARROW).await?;

    let id = desk.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).ok_or("the desk has ended")?;
    kill_process(id, Signal::TERM)?;
    soon("the end of the desk", desk.wait()).await?;
    Ok(())
}

/// Creates a session of the desk with a prompt.
async fn ask(page: &Page, prompt: &str) {
    page.click("#create button").await;
    page.until("document.querySelector('#composer').checkVisibility() && !document.querySelector('.node')")
        .await;
    page.enter("#prompt", prompt).await;
    page.click("#send").await;
    page.until("document.querySelector('.node.turn')").await;
}

/// The answers of the model to [`PROMPT`]: a look at the folder, a sub-agent, and a command that deletes files.
fn delegated() -> [Reply; 5] {
    let list = json!({ "command": "ls -R", "description": "List the files" });
    let task = json!({
        "agent_type": "reader", "name": "reader", "mode": "sync",
        "description": "Find leftovers", "prompt": "Which of these files does make write again?",
    });
    let remove = json!({ "command": "rm -r build old.log", "description": "Remove the leftovers" });
    let paced = |reply: Reply, input, output| reply.paced(Duration::from_millis(60)).usage(input, output);
    [
        paced(Reply::text("I look at the folder first. ").then_tool_call("bash", list), 9_412, 61),
        paced(Reply::text("Another agent looks at the Makefile. ").then_tool_call("task", task), 9_588, 74),
        paced(Reply::text("It writes all of build/ again."), 2_120, 9),
        paced(Reply::text("Then I remove both. ").then_tool_call("bash", remove), 9_703, 38),
        paced(Reply::text("The folder is tidy: build/ and old.log are gone."), 9_761, 15),
    ]
}

/// The page of the viewer for a turn in which a person takes a while to allow a command.
pub async fn viewer(folder: &Path, browser: &Browser) -> Done {
    let stage = Stage::new(delegated()).await?;
    let log = tempfile::NamedTempFile::new()?;
    let client = Client::builder().program(cli_path()).no_login().home_dir(stage.home.path());
    let client = client.wire_log(WireLog::new(log.reopen()?)).start().await?;
    let reader = CustomAgentConfig::new("reader", "You read files.").tools(Some(vec!["view".to_owned()]));
    let session = client
        .session()
        .provider(ProviderConfig::new(stage.model.base_url()).api_key("needs-no-key"))
        .model(MODEL_NAME)
        .current_dir(&stage.work)
        .configure(|config| config.streaming(true).custom_agents(vec![reader]))
        .on_permission(async |request, _| {
            if request.command().is_some_and(|line| line.starts_with("rm")) {
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            Decision::approve()
        });
    session.create().await?.send_and_wait(PROMPT).await?;
    client.stop().await;

    let written = tempfile::Builder::new().suffix(".html").tempfile()?;
    copilot_session_view::write_page("tidy.jsonl", BufReader::new(log.reopen()?), written.as_file())?;
    let page = browser.open(&format!("file://{}", written.path().display())).await;
    page.until("document.getElementById('count').textContent !== ''").await;
    // It is below the picture, and in each run some messages have another order.
    page.eval("document.getElementById('list').remove()").await;
    keep(&page, &folder.join("viewer"), WINDOW).await
}

/// Keeps pictures of a page in both schemes of colours.
async fn keep(page: &Page, path: &Path, window: (u32, u32)) -> Done {
    for scheme in ["light", "dark"] {
        page.resize(window, scheme).await;
        let text = page.eval("document.body.innerText").await;
        let path = path.with_file_name(format!(
            "{}-{scheme}.png",
            path.file_name().unwrap_or_default().to_string_lossy()
        ));
        png::keep(&path, &page.picture().await, &without_figures(text.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// The lines without a number, such as a duration or an id, which would be another one in each run.
fn without_figures(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains(|letter: char| letter.is_ascii_digit()));
    lines.collect::<Vec<_>>().join("\n")
}
