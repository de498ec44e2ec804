//! The command line and its exit codes. No CLI runs here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const README: &str = include_str!("../README.md");
const EVENTS: &str = "session-events.schema.json";

fn copilot(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-copilot"));
    // Cargo adds the name.
    command.arg("copilot").args(arguments).current_dir(folder);
    command.env("COPILOT_SESSION_CACHE", folder.join("cache")).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text").replace("\r\n", "\n")
}

/// Runs a command that ends with an exit code, and returns what it printed to each stream.
fn ends(code: i32, folder: &Path, arguments: &[&str]) -> [String; 2] {
    let output = copilot(folder, arguments);
    let printed = [text(&output.stdout), text(&output.stderr)];
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{}\n{}", printed[0], printed[1]);
    printed
}

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema")
}

fn own_version() -> String {
    copilot_session_drift::ours::version().expect("the version of the schemas")
}

/// A folder with the schemas of the SDK, after a replacement in those of events.
fn changed(from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["api.schema.json", EVENTS, "VERSION.json"] {
        fs::copy(schemas().join(name), folder.path().join(name)).expect("a copy");
    }
    let path = folder.path().join(EVENTS);
    let text = fs::read_to_string(&path).expect("a text");
    assert_eq!(text.matches(from).count(), 1, "{from}");
    fs::write(path, text.replace(from, to)).expect("it can be written");
    folder
}

#[test]
fn the_readme_has_the_help() {
    let temp = tempfile::tempdir().expect("a folder");
    let [help, _] = ends(0, temp.path(), &["drift", "--help"]);
    assert!(README.contains(&format!("$ cargo copilot drift --help\n{help}```\n")), "{help}");
    let version = env!("CARGO_PKG_VERSION");
    assert!(README.contains(&format!("cargo install cargo-copilot --version {version} ")));
    let [help, _] = ends(0, temp.path(), &["--help"]);
    for command in ["drift", "audit", "cli", "vendor", "view"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        assert!(README.contains(&format!("cargo copilot {command} ")), "{command}");
    }
}

/// The help of each other command is that of its golden file, which `UPDATE=1` writes.
#[test]
fn the_help_of_each_command() {
    let temp = tempfile::tempdir().expect("a folder");
    for command in ["audit", "cli", "cli install", "cli path", "cli list", "vendor", "view"] {
        let arguments: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let [help, _] = ends(0, temp.path(), &arguments);
        let name = format!("tests/help/{}.txt", command.replace(' ', "-"));
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &help).expect("it can be written");
        }
        let expected = fs::read(&golden).map(|bytes| text(&bytes)).unwrap_or_default();
        assert_eq!(help, expected, "{}; set UPDATE=1 to accept it", golden.display());
    }
}

#[test]
fn mistakes_in_the_command_line_end_with_3() {
    let temp = tempfile::tempdir().expect("a folder");
    for arguments in [&[] as &[&str], &["fly"], &["drift", "--json", "--markdown"], &["vendor"], &["cli"]] {
        ends(3, temp.path(), arguments);
    }
    let [_, error] = ends(3, temp.path(), &["drift", "nonsense", "sdk"]);
    assert!(error.contains("`nonsense` is neither a version"), "{error}");
}

#[test]
fn other_commands_fail_with_1() {
    let temp = tempfile::tempdir().expect("a folder");
    let [_, error] = ends(1, temp.path(), &["cli", "path", "1.0.1"]);
    assert!(error.contains("cargo copilot cli install 1.0.1"), "{error}");
    let [_, error] = ends(1, temp.path(), &["cli", "install", "1.0"]);
    assert!(error.contains("`1.0` is not a version"), "{error}");
    let [_, error] = ends(1, temp.path(), &["vendor", "--cli", "installed", "--out", "here"]);
    assert!(error.contains("no project with copilot-session in this folder; name its Cargo.toml"), "{error}");
    let [listed, note] = ends(0, temp.path(), &["cli", "list"]);
    assert!(
        listed.is_empty()
            && note.starts_with("There is no version in the cache; `cargo copilot cli install`")
    );
}

/// The list marks the CLI that the SDK starts, or says which one it is, and where the choice comes from.
#[cfg(unix)]
#[test]
fn the_list_marks_the_cli_that_the_sdk_starts() {
    let temp = tempfile::tempdir().expect("a folder");
    let list = |cli: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-copilot"));
        command.args(["cli", "list"]).env("COPILOT_SESSION_CACHE", temp.path().join("cache"));
        let output = command.env("COPILOT_CLI_PATH", cli).output().expect("it runs");
        [text(&output.stdout), text(&output.stderr)]
    };
    let platform = copilot_session_drift::platform::current().expect("a platform");
    let folder = |version: &str| temp.path().join("cache/cli").join(version).join(platform);
    for version in ["1.0.1", "1.0.2"] {
        fs::create_dir_all(folder(version)).expect("a folder");
        fs::write(folder(version).join("package.json"), r#"{"bin": "copilot"}"#).expect("a manifest");
        fs::write(folder(version).join("copilot"), "a program").expect("a program");
    }
    let [listed, note] = list(&folder("1.0.2").join("copilot"));
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        matches!(&*lines, [one, two] if one.ends_with("/copilot")
        && two.ends_with("/copilot  <- the SDK starts this one, by COPILOT_CLI_PATH")),
        "{listed}"
    );
    assert_eq!(note, "");
    let [listed, note] = list(Path::new(env!("CARGO_BIN_EXE_cargo-copilot")));
    assert!(
        !listed.contains("<-") && note.contains(", by COPILOT_CLI_PATH; it is not in the cache."),
        "{note}"
    );
    let [listed, note] = list(Path::new("/nowhere/copilot"));
    assert_eq!(listed.lines().count(), 2);
    assert!(
        note.contains("COPILOT_CLI_PATH names no Copilot CLI: there is no file /nowhere/copilot"),
        "{note}"
    );
}

#[test]
fn outside_of_a_project_the_sdk_is_the_one_of_the_command() {
    let temp = tempfile::tempdir().expect("a folder");
    let own = schemas();
    let [report, note] = ends(0, temp.path(), &["drift", "sdk", own.to_str().expect("UTF-8")]);
    assert!(report.contains("nothing has changed"), "{report}");
    assert!(note.contains("no project with copilot-session in this folder"), "{note}");
}

#[test]
fn a_project_that_is_named_must_use_the_sdk() {
    let temp = tempfile::tempdir().expect("a folder");
    fs::create_dir(temp.path().join("src")).expect("a folder");
    fs::write(temp.path().join("src/lib.rs"), "").expect("it can be written");
    let manifest = "[workspace]\n\n[package]\nname = \"other\"\nedition = \"2024\"\n";
    fs::write(temp.path().join("Cargo.toml"), manifest).expect("it can be written");
    let own = schemas();
    let own = own.to_str().expect("UTF-8");
    ends(0, temp.path(), &["drift", "sdk", own]);
    let vendor = ["vendor", "--cli", own, "--out", "here"];
    for (code, command) in [(3, &["drift", "sdk", own] as &[&str]), (1, &vendor)] {
        let [_, error] = ends(code, temp.path(), &[command, &["--manifest-path", "Cargo.toml"]].concat());
        assert!(error.contains("the project does not use copilot-session"), "{error}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let temp = tempfile::tempdir().expect("a folder");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-copilot"));
    command.args(["cli", "path"]).env("COPILOT_CLI_PATH", env!("CARGO_BIN_EXE_cargo-copilot"));
    let status = command.current_dir(temp.path()).stdout(writer).status().expect("it runs");
    assert!(status.success(), "{status}");
}

#[cfg(unix)]
#[test]
fn the_error_of_a_cli_that_does_not_start_is_shown() {
    let temp = tempfile::tempdir().expect("a folder");
    // It prints its version, and is then gone. A file that this program had written itself could be busy.
    let write = r#"printf '#!/bin/sh\necho 1.0.102\nrm "$0"\n' > copilot && chmod +x copilot"#;
    let status = Command::new("sh").args(["-c", write]).current_dir(temp.path()).status().expect("it runs");
    assert!(status.success(), "{status}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-copilot"));
    command.arg("audit").env("COPILOT_CLI_PATH", temp.path().join("copilot")).current_dir(temp.path());
    let output = command.output().expect("it runs");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    assert!(!error.contains("there are no messages") && error.contains("was not found"), "{error}");
}

#[test]
fn a_change_decides_the_exit_code() {
    let temp = tempfile::tempdir().expect("a folder");
    let description = r#""description": "The assistant's text response content""#;
    let field = |kind: &str| format!("\"type\": \"{kind}\",\n          {description}");
    let broken = changed(&field("string"), &field("integer"));
    let reworded = changed(description, r#""description": "What the assistant wrote""#);
    let [broken, reworded] = [&broken, &reworded].map(|folder| folder.path().to_str().expect("UTF-8"));
    let own = own_version();
    let [report, _] = ends(2, temp.path(), &["drift", &own, broken, "--running"]);
    let line = "! field AssistantMessageData.content: String → i64  [malformed]";
    assert!(report.lines().any(|shown| shown.trim() == line), "{report}");
    let [json, _] = ends(2, temp.path(), &["drift", &own, broken, "--json"]);
    assert!(json.contains(r#""item": "AssistantMessageData.content""#), "{json}");
    let [markdown, _] = ends(2, temp.path(), &["drift", &own, broken, "--markdown"]);
    assert!(markdown.starts_with(&format!("# Copilot CLI {own} → {own}")), "{markdown}");
    let [report, _] = ends(0, temp.path(), &["drift", &own, reworded]);
    assert!(report.contains("One description was reworded."), "{report}");
}

#[test]
fn the_wire_logs_of_a_program_are_validated() {
    let temp = tempfile::tempdir().expect("a folder");
    let logs = temp.path().join("logs");
    fs::create_dir(&logs).expect("a folder");
    let [_, error] = ends(3, temp.path(), &["audit", "--logs", "logs"]);
    assert!(error.contains("there is no wire log (*.jsonl) in the folder logs"), "{error}");
    let line = |method: &str, params: &str| {
        format!("{{\"dir\":\"server\",\"msg\":{{\"method\":\"{method}\",\"params\":{params}}}}}\n")
    };
    let right = line("session.event", r#"{"sessionId":"s","event":{"type":"model.log","data":{}}}"#);
    fs::write(logs.join("a.jsonl"), &right).expect("it can be written");
    let [report, _] = ends(0, temp.path(), &["audit", "--logs", "logs"]);
    assert!(report.contains("Everything else is valid."), "{report}");
    // A file is read, whatever its name is.
    fs::write(temp.path().join("log.txt"), &right).expect("it can be written");
    let [report, _] = ends(0, temp.path(), &["audit", "--logs", "log.txt"]);
    assert!(report.contains("1 messages from the CLI"), "{report}");
    fs::write(temp.path().join("log.txt"), "{}\n").expect("it can be written");
    let [_, error] = ends(3, temp.path(), &["audit", "--logs", "log.txt"]);
    assert!(
        error.contains("in log.txt; a wire log is what a client writes with `ClientBuilder::wire_log`"),
        "{error}"
    );
    let [_, error] = ends(3, temp.path(), &["audit", "--logs", "nowhere"]);
    assert!(error.contains("cannot read nowhere: "), "{error}");
    fs::write(logs.join("b.jsonl"), line("bird.sing", "{}")).expect("it can be written");
    let [report, _] = ends(1, temp.path(), &["audit", "--logs", "logs"]);
    assert!(report.contains("2 messages from the CLI\n     1 × unknown method: bird.sing\n"), "{report}");
}

#[test]
fn a_log_becomes_a_page_or_bars() {
    let temp = tempfile::tempdir().expect("a folder");
    let recording =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/1.0.102-subagent.jsonl");
    fs::copy(recording, temp.path().join("bug.jsonl")).expect("a copy");
    let [written, _] = ends(0, temp.path(), &["view", "bug.jsonl"]);
    assert_eq!(written, "bug.html: 1 turn, 115 messages. Open it in a browser, or use --open.\n");
    let page = fs::read_to_string(temp.path().join("bug.html")).expect("a page");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    ends(3, temp.path(), &["view", "bug.jsonl", "--terminal", "--open"]);
    ends(0, temp.path(), &["view", "bug.jsonl", "-o", "other.html"]);
    assert_eq!(fs::read_to_string(temp.path().join("other.html")).expect("a page"), page);
    let [bars, _] = ends(0, temp.path(), &["view", "bug.jsonl", "--terminal"]);
    assert!(bars.contains("turn 1  delegate\n") && bars.contains("sub-agent helper"), "{bars}");
    // Into a pipe there is no colour.
    assert!(!bars.contains('\u{1b}'), "{bars}");
    for one in [&["--turn", "1"] as &[&str], &["--last"]] {
        let arguments = [&["view", "bug.jsonl", "--terminal"], one].concat();
        assert_eq!(ends(0, temp.path(), &arguments)[0], bars);
    }
    let [_, error] = ends(1, temp.path(), &["view", "bug.jsonl", "--terminal", "--turn", "2"]);
    assert_eq!(error, "error: cannot show bug.jsonl: the log has no turn 2; it has turn 1\n");
    for mistake in [&["--turn", "1"] as &[&str], &["--last"], &["--terminal", "--last", "--turn", "1"]] {
        ends(3, temp.path(), &[&["view", "bug.jsonl"], mistake].concat());
    }
    ends(3, temp.path(), &["view", "bug.jsonl", "--terminal", "--turn", "0"]);

    fs::write(temp.path().join("none.jsonl"), "{}\n").expect("a file");
    let [_, error] = ends(1, temp.path(), &["view", "none.jsonl"]);
    let expected = "error: cannot show none.jsonl: line 1 is no line of a wire log: missing field `t_ms`; a wire log \
                    is what a client writes with `ClientBuilder::wire_log`\n";
    assert_eq!(error, expected);
    assert!(!temp.path().join("none.html").exists());
    fs::copy(temp.path().join("bug.jsonl"), temp.path().join("bug.html")).expect("a copy");
    let absolute = temp.path().join("bug.jsonl").display().to_string();
    let onto_itself = |page| vec!["view", "bug.jsonl", "-o", page];
    for arguments in [vec!["view", "bug.html"], onto_itself("./bug.jsonl"), onto_itself(&absolute)] {
        let [_, error] = ends(1, temp.path(), &arguments);
        assert!(error.contains("would replace the log"), "{error}");
    }
    let [_, error] = ends(1, temp.path(), &["view", "nothing.jsonl"]);
    assert!(error.starts_with("error: cannot read nothing.jsonl"), "{error}");
    let [_, error] = ends(1, temp.path(), &["view", "bug.jsonl", "-o", "nowhere/bug.html"]);
    assert_eq!(error, "error: cannot show bug.jsonl: there is no folder nowhere for the page\n");
    let left = fs::read_dir(temp.path()).expect("the folder").count();
    assert_eq!(left, 4, "a temporary file was left");
}

#[test]
fn the_logs_of_a_folder_are_shown() {
    let temp = tempfile::tempdir().expect("a folder");
    let recording =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/1.0.102-subagent.jsonl");
    fs::create_dir(temp.path().join("logs")).expect("a folder");
    let [_, error] = ends(1, temp.path(), &["view", "logs"]);
    assert_eq!(error, "error: there is no wire log (*.jsonl) in the folder logs\n");
    for name in ["a", "b"] {
        fs::copy(&recording, temp.path().join(format!("logs/{name}.jsonl"))).expect("a copy");
    }
    let [written, _] = ends(0, temp.path(), &["view", "logs"]);
    assert_eq!(written.lines().count(), 2, "{written}");
    assert!(["a", "b"].iter().all(|name| temp.path().join(format!("logs/{name}.html")).is_file()));
    let [bars, _] = ends(0, temp.path(), &["view", "logs", "--terminal"]);
    let logs: Vec<&str> = bars.lines().filter_map(|line| line.strip_prefix("log ")).collect();
    assert_eq!(
        logs.iter().map(Path::new).collect::<Vec<_>>(),
        [Path::new("logs").join("a.jsonl"), Path::new("logs").join("b.jsonl"),]
    );
    for one in [&["--open"] as &[&str], &["-o", "page.html"]] {
        let [_, error] = ends(1, temp.path(), &[&["view", "logs"], one].concat());
        assert!(error.contains("logs has 2 logs; name one of them"), "{error}");
    }

    // A file that is no log does not hide the others.
    fs::write(temp.path().join("logs/aa.jsonl"), "{}\n").expect("a file");
    fs::remove_file(temp.path().join("logs/b.html")).expect("it can be removed");
    for option in [None, Some("--terminal")] {
        let arguments: Vec<&str> = ["view", "logs"].into_iter().chain(option).collect();
        let [shown, error] = ends(1, temp.path(), &arguments);
        assert!(shown.contains("b.html: ") || shown.matches("turn 1  delegate").count() == 2, "{shown}");
        let mut errors = error.lines();
        let first = errors.next().expect("an error");
        assert!(
            first.starts_with("error: cannot show logs") && first.contains("aa.jsonl: line 1 is no line")
        );
        assert_eq!(errors.collect::<Vec<_>>(), ["error: 1 of 3 logs cannot be shown"]);
    }
    assert!(temp.path().join("logs/b.html").is_file());
}

/// A name of a file, such as one of an archive, does not control the terminal.
#[cfg(unix)]
#[test]
fn names_of_logs_are_escaped() {
    let temp = tempfile::tempdir().expect("a folder");
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/1.0.102-log.jsonl");
    for name in ["\u{1b}[2Ja", "\u{202e}b"] {
        fs::copy(&recording, temp.path().join(format!("{name}.jsonl"))).expect("a copy");
    }
    fs::write(temp.path().join("\u{1b}[2Jc.jsonl"), "{}\n").expect("a file");
    for option in [None, Some("--terminal")] {
        let arguments: Vec<&str> = ["view", "."].into_iter().chain(option).collect();
        let printed = ends(1, temp.path(), &arguments);
        for (text, names) in printed.iter().zip([["\\u{1b}[2Ja", "\\u{202e}b"], ["\\u{1b}[2Jc"; 2]]) {
            assert!(names.iter().all(|name| text.contains(name)), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        }
    }
}

/// The page is opened by the program of the desktop, here one of the test. It blocks until the test reads its pipe, as
/// one does that is itself the browser.
#[cfg(target_os = "linux")]
#[test]
fn a_page_is_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::{sync::mpsc, thread, time::Duration};

    let temp = tempfile::tempdir().expect("a folder");
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings/1.0.102-log.jsonl");
    fs::copy(recording, temp.path().join("-bug.jsonl")).expect("a copy");
    let open = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-copilot"));
        command.args(["copilot", "view", "--open", "--", "-bug.jsonl"]).current_dir(temp.path());
        command.env("PATH", temp.path());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(command.output()));
        let output = receiver.recv_timeout(Duration::from_secs(60)).expect("it waits for the opener");
        let output = output.expect("it runs");
        let printed = text(&output.stdout);
        assert!(printed.starts_with("-bug.html: ") && printed.ends_with(" messages.\n"), "{printed}");
        (output.status.code(), text(&output.stderr))
    };
    let (code, error) = open();
    let expected = "error: cannot start a browser for -bug.html; open it by hand: ";
    assert!(code == Some(1) && error.starts_with(expected), "{error}");

    let [opener, opened] = ["xdg-open", "opened"].map(|name| temp.path().join(name));
    fs::write(&opener, "#!/bin/sh\nprintf %s \"$1\" >opened\n").expect("a program");
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).expect("it can be run");
    assert!(Command::new("mkfifo").arg(&opened).status().expect("it runs").success());
    assert_eq!(open(), (Some(0), String::new()));
    let opened = fs::read_to_string(opened).expect("its argument");
    let page = temp.path().join("-bug.html");
    assert_eq!(fs::canonicalize(opened).expect("a path"), fs::canonicalize(page).expect("the page"));
}
