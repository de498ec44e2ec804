//! The chat in a terminal of the test, on the real CLI, with a model whose answers the tests write.
#![cfg(unix)]

use std::time::Duration;

use copilot_session_model::{MODEL_NAME, ModelServer, Reply, Script, Stall};
use copilot_session_tests::cli::cli_path;
use copilot_session_tests::demonstration::demonstration;
use copilot_session_tests::terminal::Terminal;
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

/// A folder to work in, the home of the CLI, and a model.
struct Rig {
    model: ModelServer,
    folder: TempDir,
}

impl Rig {
    async fn new(script: Script) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("work")).expect("a folder");
        Self { model: ModelServer::start(script).await.expect("the scripted model"), folder }
    }

    /// Starts the chat with the model in a terminal with 100 columns and 30 rows.
    fn chat(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let url = self.model.base_url();
        let model = ["--provider-url", &url, "--model", MODEL_NAME];
        self.program(&[&model[..], arguments].concat(), environment)
    }

    /// Starts the chat with these arguments.
    fn program(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let home = self.folder.path().join("home");
        let program = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_chat"))
            .env("COPILOT_DEMO_API_KEY", "scripted")
            .arg("--home")
            .arg(home)
            .args(arguments)
            .current_dir(self.folder.path().join("work"))
            .env("COPILOT_CLI_PATH", cli_path())
            .env("TERM", "xterm-256color")
            .env_remove("COLORTERM")
            .env_remove("NO_COLOR")
            .envs(environment.iter().copied());
        Terminal::start(program, 30, 100)
    }
}

/// A call of a shell command that writes a file.
fn touch(file: &str) -> Reply {
    Reply::text("I **make** a file.")
        .then_tool_call("bash", json!({ "command": format!("touch {file}"), "description": "A step" }))
}

/// A conversation from its first prompt to its resumption: streaming, a permission, a question, an abort, another size.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation() {
    let (pause, stall) = (Stall::new(), Stall::new());
    let question = json!({ "question": "Tea or coffee?", "choices": ["tea", "coffee"] });
    let script = Script::replies([
        touch("made").usage(4321, 10),
        Reply::text("It is ").stall(&pause).then_text("*there*."),
        Reply::tool_call("ask_user", question),
        Reply::text("So it be."),
        Reply::text("I begin").stall(&stall),
    ]);
    let rig = Rig::new(script).await;
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");

    chat.send("Make a file\r");
    chat.wait_for("run `touch made`");
    assert!(chat.screen().contains("I make a file."), "{}", chat.screen());
    assert!(!rig.folder.path().join("work/made").exists());
    chat.press_until("y", "✓ bash touch made");
    assert!(rig.folder.path().join("work/made").exists());
    // The first half of the answer is there while the model pauses.
    chat.wait_for("It is");
    assert!(chat.screen().contains("working · scripted"), "{}", chat.screen());
    pause.release();
    chat.wait_for("It is there.");
    chat.wait_for("ctrl-r sessions");
    assert!(chat.screen().contains("scripted · 4.4k in 20 out"), "{}", chat.screen());

    chat.send("Ask me\r");
    chat.wait_for("▸ tea");
    chat.press_until("\u{1b}[B", "▸ coffee");
    chat.press_until("\r", "So it be.");
    assert!(rig.model.requests()[3].tool_results()[1].1.contains("coffee"));

    chat.send("Begin\r");
    chat.wait_for("I begin");
    chat.send("\u{3}");
    chat.wait_for("■ stopped");
    stall.abandoned().await;

    chat.resize(12, 40);
    chat.wait_until("the narrow screen", |screen| screen.contains("■ stopped") && !screen.contains("Tools"));
    chat.send("\u{3}");
    chat.wait_for("Ctrl-c again");
    chat.send("\u{3}");
    assert_eq!(chat.end(), Some(0));

    let chat = rig.chat(&["--resume"], &[]);
    chat.wait_for("So it be.");
    chat.send("\u{12}");
    chat.wait_for("Sessions");
    chat.wait_for("Make a file");
    chat.send("\u{3}");
    chat.send("\u{3}");
    assert_eq!(chat.end(), Some(0));
}

/// A plan is refused with words, which the model reads, and then accepted. Also an agent that goes on by itself asks
/// before it runs a command.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan() {
    let plan = |summary: &str| {
        let ways = json!(["autopilot", "interactive", "exit_only"]);
        let plan = json!({ "summary": summary, "actions": ways, "recommendedAction": "interactive" });
        Reply::tool_call("exit_plan_mode", plan)
    };
    let complete = Reply::tool_call("task_complete", json!({ "summary": "Painted." }));
    let script = [plan("1. **Burn** it"), plan("1. **Paint** it"), touch("painted"), complete];
    let rig = Rig::new(Script::replies(script)).await;
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("\u{1b}[Z");
    chat.wait_for("plans · scripted");
    chat.send("What do you plan?\r");
    chat.wait_for("1. Burn it");
    chat.press_until("x", "enter\u{a0}refuses");
    chat.send("\r");
    chat.wait_for("1. Paint it");
    assert!(rig.model.requests()[1].tool_results()[0].1.contains('x'), "{:?}", rig.model.requests()[1]);
    chat.press_until("\u{1b}[A", "▸ go on by itself");
    chat.press_until("\r", "run `touch painted`");
    assert!(!chat.screen().contains("plans ·"), "{}", chat.screen());
    chat.press_until("y", "Painted.");
    assert!(rig.folder.path().join("work/painted").exists());
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));
}

/// The to-dos of the agent are shown while they change, and again when the session is resumed.
#[tokio::test(flavor = "multi_thread")]
async fn todos() {
    let sql =
        |query: &str| Reply::tool_call("sql", json!({ "query": query, "description": "Note what is to do" }));
    let add = "INSERT INTO todos (id, title, description, status) VALUES ('a', 'Buy paint', '', 'done'), ('b', 'Paint it', '', 'pending')";
    let script =
        [sql(add), sql("UPDATE todos SET status = 'in_progress' WHERE id = 'b'"), Reply::text("I paint.")];
    let rig = Rig::new(Script::replies(script)).await;
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("Paint it\r");
    chat.wait_for("I paint.");
    chat.wait_for("… Paint it");
    assert!(chat.screen().contains("✓ Buy paint") && chat.screen().contains("1/2 done"), "{}", chat.screen());
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));
    let chat = rig.chat(&["--resume"], &[]);
    chat.wait_for("… Paint it");
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));
}

/// The scripted model of demonstrations has a plan in plan mode, also for an agent that then goes on by itself, and a list
/// of what is to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration() {
    let rig = Rig::new(demonstration(Duration::ZERO)).await;
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("A plan, please\r");
    chat.wait_for("I only plan in plan mode");
    let ask_for_a_plan = || {
        chat.wait_for("plans · ");
        chat.send("Make a plan\r");
        chat.wait_for("The agent has a plan");
    };
    chat.send("\u{1b}[Z");
    ask_for_a_plan();
    chat.press_until("x", "enter\u{a0}refuses");
    chat.press_until("\r", "Then I plan again.");
    chat.wait_for("ctrl-c quits");
    ask_for_a_plan();
    chat.press_until("\r", "All of it is done.");
    chat.wait_for("ctrl-c quits");
    assert!(
        chat.screen().contains("✓ Write a summary") && chat.screen().contains("3/3 done"),
        "{}",
        chat.screen()
    );
    chat.send("\u{1b}[Z");
    ask_for_a_plan();
    chat.press_until("\u{1b}[A", "▸ go on by itself");
    chat.press_until("\r", "✓ task_complete");
    chat.wait_for("ctrl-c quits");
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));
}

/// A command can be allowed for the rest of the session only if the CLI inspects commands; otherwise the chat says so.
#[tokio::test(flavor = "multi_thread")]
async fn commands_that_are_always_allowed() {
    let script = [touch("one"), Reply::text("One."), touch("two"), touch("three"), Reply::text("Three.")];
    let rig = Rig::new(Script::replies(script)).await;
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("Go\r");
    chat.wait_for("run `touch one`");
    chat.wait_for("always: only with");
    assert!(!chat.screen().contains("a\u{a0}always"), "{}", chat.screen());
    chat.press_until("y", "One.");
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));

    let chat = rig.chat(&["--script-safety"], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("Go\r");
    chat.wait_for("run `touch two`");
    chat.press_until("a", "Three.");
    assert!(rig.folder.path().join("work/three").exists());
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));
}

/// Another model is used from the next prompt on, by its name or from the list of a login.
#[tokio::test(flavor = "multi_thread")]
async fn models() {
    let rig = Rig::new(Script::replies([Reply::text("One."), Reply::text("Two.")])).await;
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("/model other\r");
    chat.wait_for("Model changed from scripted to other");
    chat.send("Hello\r");
    chat.wait_for("One.");
    chat.wait_for("\nother · ");
    assert_eq!(rig.model.requests()[0].model(), "other");
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));

    let login = rig.model.github_env();
    let login = login.each_ref().map(|(name, value)| (*name, value.as_str()));
    let chat = rig.program(&[], &login);
    chat.wait_for("Ask the agent something.");
    chat.send("/model\r");
    chat.wait_for("Models");
    chat.wait_for(&format!("▸ {MODEL_NAME}"));
    chat.press_until("\r", "Model changed to: ");
    chat.send("Hello\r");
    chat.wait_for("Two.");
    chat.wait_for(&format!("\n{MODEL_NAME} · "));
    chat.signal(Signal::TERM);
    assert_eq!(chat.end(), Some(0));
}

/// No byte that a model, a tool or a pasted text contains controls the terminal.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_raw() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}31mx";
    let script = Script::replies([
        Reply::text(&format!("a{evil} &#x1b;]0;owned&#7;"))
            .then_tool_call("bash", json!({ "command": format!("echo '{evil}'"), "description": evil })),
        Reply::text("b"),
    ]);
    let rig = Rig::new(script).await;
    let chat = rig.chat(&[], &[("COLORTERM", "truecolor")]);
    chat.wait_for("Ask the agent something.");
    chat.send(&format!("\u{1b}[200~one\n{}two\u{1b}[201~\r", evil.replace('\u{1b}', "")));
    chat.wait_for("a\\u{1b}]0;owned\\u{7}");
    chat.wait_for("run `echo");
    chat.press_until("w", "n no  w back");
    chat.press_until("\u{1b}[6~", "intention: \\u{1b}]0;owned");
    chat.press_until("n", "✗ bash");
    chat.wait_for("ctrl-r sessions");
    assert!(!chat.bytes().windows(7).any(|bytes| bytes == b"\x1b]0;own"));
    assert!(!chat.bytes().contains(&7), "a bell");
    chat.send("\u{3}");
    chat.send("\u{3}");
    assert_eq!(chat.end(), Some(0));
}

/// A signal ends the program and leaves the terminal as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal() {
    let stall = Stall::new();
    let rig = Rig::new(Script::replies([Reply::text("I begin").stall(&stall)])).await;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let chat = rig.chat(&[], &[("NO_COLOR", "1")]);
        chat.wait_for("Ask the agent something.");
        if signal == Signal::TERM {
            chat.send("Begin\r");
            chat.wait_for("I begin");
        }
        chat.signal(signal);
        assert_eq!(chat.end(), Some(0), "{signal:?}");
    }
}

/// A CLI that dies says how. Nothing that the agent runs finds the key of the model server in its environment.
#[tokio::test(flavor = "multi_thread")]
async fn the_cli_dies() {
    let line = "sh ./die $PPID";
    let kill = Reply::tool_call("bash", json!({ "command": line, "description": "A step" }));
    let rig = Rig::new(Script::replies([kill])).await;
    let die = "echo \"key:$COPILOT_DEMO_API_KEY.\" > seen\nkill -KILL \"$1\"\n";
    std::fs::write(rig.folder.path().join("work/die"), die).expect("a file");
    let chat = rig.chat(&[], &[]);
    chat.wait_for("Ask the agent something.");
    chat.send("Go\r");
    chat.wait_for("run `sh ./die");
    chat.press_until("y", "error: ");
    assert_eq!(chat.end(), Some(1));
    let seen = std::fs::read_to_string(rig.folder.path().join("work/seen"));
    assert_eq!(seen.expect("the command ran"), "key:.\n");
    assert!(chat.screen().contains("signal"), "{}", chat.screen());
}

/// The colours are those that the terminal has.
#[tokio::test(flavor = "multi_thread")]
async fn colors() {
    let rig = Rig::new(Script::replies([])).await;
    let full: &[u8] = b"\x1b[38;2;";
    for (variable, has_full) in [(("COLORTERM", "truecolor"), true), (("NO_COLOR", "1"), false)] {
        let chat = rig.chat(&[], &[variable]);
        chat.wait_for("Ask the agent something.");
        assert_eq!(chat.bytes().windows(full.len()).any(|bytes| bytes == full), has_full, "{variable:?}");
        chat.send("\u{4}");
        assert_eq!(chat.end(), Some(0));
    }
}

/// A login that is missing, or a session, is an error on the usual screen.
#[tokio::test(flavor = "multi_thread")]
async fn errors() {
    let rig = Rig::new(Script::replies([])).await;
    let chat = rig.chat(&["--resume"], &[]);
    chat.wait_for("error: there is no stored session");
    assert_eq!(chat.end(), Some(1));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_chat")).output().expect("the chat");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: the chat needs a terminal\n");
}
