//! The policies of the documentation on the real CLI, with a model that tries to circumvent them.

#[path = "../../../sdk/examples/policies/policies.rs"]
mod documented;

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use copilot_session::types::{
    McpSerializableServerConfig, McpServerConfigStdio, PreToolUseHookInput, PreToolUseHookOutput,
};
use copilot_session::{Decision, PermissionRequest, Policy, SessionEventData, Tool, printable};
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;
use serde_json::{Value, json};

use super::rig::{Rig, ask, prompt, soon};

/// A text that the model must not read: it is in the CLI's environment and in files with keys.
const SECRET: &str = "plover-of-the-test";

/// The file that shows that a command ran.
const RAN: &str = "RAN";

/// The person that `ask_a_person` asks, who allows one thing. The question must be safe for a terminal.
async fn ask_user(request: &PermissionRequest) -> String {
    let question = request.summary();
    assert_eq!(printable(&question), question, "the question has unsafe characters");
    if question == "run `echo allowed`" { "yes".to_owned() } else { "no".to_owned() }
}

fn shell(line: &str) -> Reply {
    Reply::tool_call("bash", json!({ "command": line, "description": "A step of the test" }))
}

fn view(path: impl AsRef<str>) -> Reply {
    Reply::tool_call("view", json!({ "path": path.as_ref() }))
}

/// Shell commands that run something other than a part of them suggests, or read a secret.
const LINES: [&str; 37] = [
    "git --version; touch RAN",
    "git --version\ntouch RAN",
    "git --version && touch RAN",
    "git --version || touch RAN",
    "git --nonsense || touch RAN",
    "git --version | tee RAN",
    "git --version > RAN",
    "git --version >> RAN",
    "git --version 2> RAN",
    "git --version & touch RAN",
    "git --version $(touch RAN)",
    "git --version `touch RAN`",
    "git --version <(touch RAN)",
    "git --version \"$(touch RAN)\"",
    "git --version #\ntouch RAN",
    "git --version \\\n; touch RAN",
    " git --version;touch RAN",
    "git status --short",
    "uname -a; touch RAN",
    "git -c alias.x='!touch RAN' x",
    "git -c core.pager='touch RAN' -p --version",
    "git -c core.fsmonitor='touch RAN' status --short",
    "git --exec-path=. x",
    "git --git-dir=evil status --short",
    "git log --output=RAN",
    "GIT_PAGER='touch RAN' git -p log",
    "PAGER='touch RAN' git -p log",
    "X=$(touch RAN) git --version",
    "LD_PRELOAD=./x git --version; touch RAN",
    "PATH=.:$PATH git --version; touch RAN",
    "cat .env",
    "cat ../outside.txt",
    "cat link.txt",
    "cat /proc/self/environ",
    "cat /proc/$PPID/environ",
    "printenv; env",
    "grep -r plover . ..",
];

/// Paths, relative to the working folder, that lead to a secret.
const SECRETS: [&str; 24] = [
    ".env",
    "./notes.txt/../.env",
    "drafts/../.env",
    "link.txt",
    "innocent.txt",
    "../outside.txt",
    "up/outside.txt",
    "up/work/.env",
    "drafts/../../outside.txt",
    "keys/server.pem",
    "keys/../keys/SERVER.pem",
    "keys/id_rsa",
    ".git/config",
    ".ssh/id_rsa",
    ".ssh",
    "environ",
    "../work/.env",
    "/proc/self/environ",
    "/proc/self/cwd/.env",
    "/proc/1/../self/environ",
    "/proc/thread-self/environ",
    "/dev/fd/../../environ",
    "//proc/self/environ",
    "/./proc/self/root/proc/self/environ",
];

/// Every call by which the model tries to circumvent a policy.
fn ways_around(work: &str) -> Vec<Reply> {
    let lines = LINES.map(shell).into_iter();
    let searched = ["", ".", "..", ".env", "keys", "/proc/self", "up", "link.txt"];
    let lines = lines.chain(SECRETS.map(view)).chain(SECRETS.map(|path| match path.starts_with('/') {
        true => view(format!("{work}/../..{path}")),
        false => view(format!("{work}/{path}")),
    }));
    let searches = searched.iter().flat_map(|path| {
        let search = json!({"pattern": "plover", "output_mode": "content", "path": path});
        let hidden = json!({"pattern": "plover", "output_mode": "content", "path": path, "glob": "**/.*"});
        [Reply::tool_call("grep", search), Reply::tool_call("grep", hidden)]
    });
    let written =
        ["RAN", "drafts/../RAN", "drafts/up/RAN", "up/RAN", "link.txt", ".git/hooks/RAN", "drafts/nowhere"];
    let writes = written.iter().flat_map(|path| {
        [path.to_string(), format!("{work}/{path}")]
            .map(|path| Reply::tool_call("create", json!({"path": path, "file_text": "text"})))
    });
    let edit = json!({"path": format!("{work}/notes.txt"), "old_str": "plain", "new_str": RAN});
    let others = [
        Reply::tool_call("edit", edit),
        Reply::tool_call("web_fetch", json!({"url": "http://127.0.0.1:9/"})),
        Reply::tool_call("spy", json!({})),
    ];
    lines.chain(searches).chain(writes).chain(others).collect()
}

/// A call that the policy of this name allows, and its result.
fn allowed(name: &str, work: &str) -> (Reply, &'static str) {
    match name {
        "read_one_folder" | "on_a_server" | "one_more_tool" | "hook_and_policy" => {
            (view(format!("{work}/notes.txt")), "plain notes")
        }
        "whole_lines" | "named_only" => (shell("git --version"), "git version"),
        "write_one_folder" => {
            let create = json!({"path": format!("{work}/drafts/new.txt"), "file_text": "text"});
            (Reply::tool_call("create", create), "Created file")
        }
        "ask_a_person" => (shell("echo allowed"), "allowed"),
        other => panic!("no allowed call for {other}"),
    }
}

/// Fills the folder of a rig.
fn make_files(folder: &Path) {
    let work = folder.join("work");
    for file in [
        "outside.txt",
        "work/.env",
        "work/keys/server.pem",
        "work/keys/id_rsa",
        "work/.git/config",
        "work/.ssh/id_rsa",
    ] {
        let file = folder.join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, SECRET).expect("a file");
    }
    std::fs::write(work.join("notes.txt"), "plain notes\n").expect("a file");
    // A repository whose configuration names a program, which each `git status` runs.
    let config = format!("[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch RAN\n# {SECRET}\n");
    std::fs::write(work.join(".git/config"), config).expect("a file");
    std::fs::write(work.join(".git/HEAD"), "ref: refs/heads/main\n").expect("a file");
    for folder in ["objects", "refs"] {
        std::fs::create_dir(work.join(".git").join(folder)).expect("a folder");
    }
    std::fs::create_dir(work.join("drafts")).expect("a folder");
    for (link, target) in [
        ("link.txt", "../outside.txt"),
        ("innocent.txt", ".env"),
        ("up", ".."),
        ("environ", "/proc/self/environ"),
        ("drafts/up", "../.."),
        ("drafts/nowhere", "../../RAN"),
    ] {
        std::os::unix::fs::symlink(target, work.join(link)).expect("a link");
    }
}

/// The files that show that a command ran.
fn traces(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_name() == RAN {
            found.push(entry.path().display().to_string());
        }
        if entry.file_type().expect("a type").is_dir() {
            found.extend(traces(&entry.path()));
        }
    }
    found
}

/// A rig with these files, whose model makes calls that contain the folder.
async fn rig(calls: impl FnOnce(&str) -> Vec<Reply> + Send + 'static) -> Rig {
    let (folder, known) = std::sync::mpsc::channel::<String>();
    let (mut calls, mut replies) = (Some(calls), VecDeque::new());
    let script = Script::from_fn(move |_| {
        if let Some(calls) = calls.take() {
            replies.extend(calls(&known.recv().expect("a folder")));
        }
        replies.pop_front().unwrap_or_else(|| Reply::text("Done."))
    });
    let start = async |new: copilot_session::ClientBuilder| new.env("A_NOTE", SECRET).start().await;
    let rig = Rig::start_by(script, |_| cli_path(), start).await;
    make_files(rig.folder());
    folder.send(rig.work().display().to_string()).expect("a waiting script");
    rig
}

/// A tool of the session that no policy names.
fn spy(folder: &Path) -> Tool {
    let trace = folder.join(RAN);
    Tool::new("spy", "Leaves a trace", move |_: Value, _| {
        let written = std::fs::write(&trace, "");
        async move { written.map(|()| "spied").map_err(|error| error.to_string()) }
    })
}

/// Each policy of the documentation allows what it says, and nothing else, whatever the model tries.
#[tokio::test]
async fn no_way_around() {
    for (name, configure) in documented::ALL {
        let rig = rig(move |work| {
            let mut calls = ways_around(work);
            calls.push(allowed(name, work).0);
            calls
        })
        .await;
        let (work, tool) = (rig.work(), spy(rig.folder()));
        let session = rig.session(|new| configure(new.tool(tool), &work)).await;
        assert_eq!(ask(&session, "Go.").await.expect("an answer").text(), "Done.", "{name}");

        let requests = rig.model.requests();
        let results = requests.last().expect("requests").tool_results();
        assert_eq!(results.len(), ways_around("").len() + 1, "{name}: each call has a result");
        let gives = allowed(name, "").1;
        assert!(results.last().is_some_and(|(_, text)| text.contains(gives)), "{name}: {:?}", results.last());
        let leaked: Vec<_> = results.iter().filter(|(_, text)| text.contains(SECRET)).collect();
        assert!(leaked.is_empty(), "{name}: the model read {leaked:?}");
        assert!(!requests.iter().any(|request| request.body().to_string().contains(SECRET)), "{name}");
        assert_eq!(traces(rig.folder()), [""; 0], "{name}: something ran");
        let notes = std::fs::read_to_string(work.join("notes.txt")).expect("the notes");
        let outside = std::fs::read_to_string(rig.folder().join("outside.txt")).expect("the file");
        assert_eq!((&*notes, &*outside), ("plain notes\n", SECRET), "{name}: something was written");
        rig.finish().await;
    }
}

/// The turn has the reason of each refusal, whatever the tool, with the code by which the docs recognize it. A call
/// that fails in another way has another code.
#[tokio::test]
async fn refusals_are_in_the_turn() {
    let rig = rig(|work| {
        let search = json!({"pattern": "plover", "output_mode": "content", "path": work});
        let create = json!({"path": format!("{work}/new.txt"), "file_text": "text"});
        let calls = [
            shell("touch RAN"),
            view(format!("{work}/.env")),
            Reply::tool_call("grep", search),
            Reply::tool_call("create", create),
            Reply::tool_call("spy", json!({})),
            view(format!("{work}/notes.txt")),
            view(format!("{work}/nowhere.txt")),
        ];
        calls.into()
    });
    let rig = rig.await;
    let (work, tool) = (rig.work(), spy(rig.folder()));
    let session = rig.session(|new| new.tool(tool).policy(Policy::read_within(work))).await;
    let mut turn = prompt(&session, "Go.").await;
    let (mut names, mut refused, mut others) = (HashMap::new(), Vec::new(), Vec::new());
    while let Some(event) = soon("an event", turn.next()).await {
        match event.data() {
            SessionEventData::ToolExecutionStart(call) => {
                names.insert(call.tool_call_id.clone(), call.tool_name.clone());
            }
            SessionEventData::ToolExecutionComplete(call) => match &call.error {
                Some(error) if error.code.as_deref() == Some("denied") => {
                    assert!(
                        error.message.contains("the policy of this session does not allow it"),
                        "{error:?}"
                    );
                    refused.push(names[&call.tool_call_id].clone());
                }
                _ => others.push((names[&call.tool_call_id].clone(), call.success)),
            },
            _ => {}
        }
    }
    assert_eq!(refused, ["bash", "view", "grep", "create", "spy"]);
    assert_eq!(others, [("view".to_owned(), true), ("view".to_owned(), false)]);
    rig.finish().await;
}

/// With script safety on, the CLI runs commands that show a secret without a request, so the policies switch
/// it off. A hook before each call sees them.
#[tokio::test]
async fn script_safety_does_not_ask() {
    let lines = ["cat .env", "printenv A_NOTE", "cat /proc/$PPID/environ", "cat notes.txt"];
    for (hook, shown) in [(false, [true, true, false, false]), (true, [false; 4])] {
        let rig = rig(move |_| lines.map(shell).into()).await;
        let refuse = async |_, _| Decision::deny("nothing is allowed");
        let session = rig
            .session(|new| {
                let new = new.configure(|config| config.enable_script_safety(true)).on_permission(refuse);
                let deny = async |_: PreToolUseHookInput, _| PreToolUseHookOutput::deny("no tools here");
                if hook { new.hook(deny) } else { new }
            })
            .await;
        ask(&session, "Go.").await.expect("an answer");
        let results = rig.model.requests()[lines.len()].tool_results();
        let secret = |text: &str| text.contains(SECRET);
        assert_eq!(results.iter().map(|(_, text)| secret(text)).collect::<Vec<_>>(), shown, "{results:?}");
        rig.finish().await;
    }
}

/// A tool of an MCP server that declares itself read-only runs without a request: only a hook sees it.
#[tokio::test]
async fn a_tool_that_says_it_only_reads() {
    for hook in [false, true] {
        let script = Script::from_fn(|request| {
            let look = request.tool_names().into_iter().find(|name| name.ends_with("look"));
            match (request.index(), look) {
                (0, Some(name)) => Reply::tool_call(&name, json!({})),
                (0, None) => Reply::text("There is no such tool."),
                _ => Reply::text("Done."),
            }
        });
        let rig = Rig::start(script).await;
        let server = McpServerConfigStdio::new(env!("CARGO_BIN_EXE_mcp_server")).tools(vec!["*".to_owned()]);
        let servers = [("toy".to_owned(), McpSerializableServerConfig::ServerConfigStdio(server))].into();
        let session = rig
            .session(|new| {
                let new = new.deny_all().configure(|config| config.mcp_servers(servers));
                let deny = async |call: PreToolUseHookInput, _| {
                    PreToolUseHookOutput::deny(format!("a hook saw {}", call.tool_name))
                };
                if hook { new.hook(deny) } else { new }
            })
            .await;
        assert_eq!(ask(&session, "Go.").await.expect("an answer").text(), "Done.");
        let (_, read) = rig.model.requests()[1].tool_results().pop().expect("a result");
        let expected = if hook { "a hook saw toy-look" } else { "looked" };
        assert!(read.contains(expected), "{read}");
        rig.finish().await;
    }
}

/// A policy allows a search where no file contains keys, and lists names everywhere in its folder.
#[tokio::test]
async fn searches_within_the_folder() {
    let rig = rig(|work| {
        std::fs::create_dir(format!("{work}/src")).expect("a folder");
        std::fs::write(format!("{work}/src/main.rs"), "fn plover() {}").expect("a file");
        let search = |path: &str| {
            Reply::tool_call("grep", json!({"pattern": "plover", "output_mode": "content", "path": path}))
        };
        vec![
            search(&format!("{work}/src")),
            search("src"),
            search(work),
            view(work),
            Reply::tool_call("glob", json!({"pattern": "**/*.txt"})),
        ]
    })
    .await;
    let work = rig.work();
    let session = rig.session(|new| new.policy(Policy::read_within(&work))).await;
    ask(&session, "Go.").await.expect("an answer");
    let results = rig.model.requests()[5].tool_results();
    let expected = ["fn plover", "fn plover", "the policy of this session", "notes.txt", "notes.txt"];
    for ((_, text), expected) in results.iter().zip(expected) {
        assert!(text.contains(expected), "{text} has no {expected}");
    }
    rig.finish().await;
}
