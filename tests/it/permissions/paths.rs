//! The paths of permission requests, and the policy that reads within a folder, on a real file system.

use std::fs;
use std::path::Path;

use copilot_session::testing::FakeCli;
use copilot_session::{Policy, SessionBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rig::Rig;

/// A folder `project` with files that may be read and files that may not, and files outside of it.
fn files() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let work = folder.path().join("project");
    for file in [
        "project/notes.txt",
        "project/src/main.rs",
        "project/src/deep/lib.rs",
        "project/.env",
        "project/.git/config",
        "project/.ssh/id_rsa",
        "project/keys/server.PEM",
        "project/keys/id_rsa",
        "project/keys/credentials.json",
        "outside.txt",
        "projectshop/a.txt",
    ] {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, "text").expect("a file");
    }
    #[cfg(unix)]
    for (link, target) in [
        ("in.txt", "notes.txt"),
        ("innocent.txt", ".env"),
        ("out.txt", "../outside.txt"),
        ("out", ".."),
        ("up", "src/deep"),
        ("nowhere", "../not-there"),
        ("loop", "loop"),
        ("proc", "/proc/self"),
    ] {
        std::os::unix::fs::symlink(target, work.join(link)).expect("a link");
    }
    folder
}

fn read(path: &str) -> Value {
    json!({"kind": "read", "toolCallId": "1", "intention": format!("Read file: {path}"), "path": path})
}

fn write(path: &str) -> Value {
    json!({
        "kind": "write", "toolCallId": "1", "intention": "Create file", "fileName": path, "canOfferSessionApproval": true,
        "diff": format!("\ndiff --git a{path} b{path}\n--- a{path}\n+++ b{path}\n@@ -1,0 +1,1 @@\n+a\n"),
    })
}

/// A session in this folder, which approves requests within it.
async fn within(folder: &Path) -> Rig {
    let folder = folder.to_path_buf();
    let directory = folder.display().to_string();
    let configure = |session: SessionBuilder| {
        session.current_dir(directory).on_permission(move |request, _| {
            let within = request.is_within(&folder);
            async move {
                match within {
                    true => copilot_session::Decision::approve(),
                    false => copilot_session::Decision::deny("elsewhere"),
                }
            }
        })
    };
    Rig::with(configure).await
}

impl Rig {
    async fn approves(&self, request: Value) -> bool {
        self.decision(request).await["kind"] == "approve-once"
    }
}

/// A path is within a folder if it leads there.
#[tokio::test(start_paused = true)]
async fn within_a_folder() {
    let files = files();
    let work = files.path().join("project").display().to_string();
    let rig = within(&files.path().join("project")).await;
    let inside = [
        "",
        "/",
        "/notes.txt",
        "/./src//main.rs",
        "/src/../notes.txt",
        "/../project/notes.txt",
        "/new.txt",
        "/new/deep/file.txt",
        "/.env",
        "/in.txt",
        "/up/lib.rs",
        "/up/new.rs",
    ];
    let outside = [
        "/..",
        "/../outside.txt",
        "/../projectshop/a.txt",
        "shop/a.txt",
        "/out.txt",
        "/out/outside.txt",
        "/out/new.txt",
        "/up/../../../outside.txt",
        "/nowhere",
        "/nowhere/new.txt",
        "/loop",
        "/proc/environ",
        "/src/main.rs/x",
        "/new/../../outside.txt",
        "\\..\\outside.txt",
        "/src\\..\\..\\outside.txt",
    ];
    for path in inside {
        assert!(rig.approves(read(&format!("{work}{path}"))).await, "{path}");
        assert!(rig.approves(write(&format!("{work}{path}"))).await, "{path}");
    }
    for path in outside {
        assert!(!rig.approves(read(&format!("{work}{path}"))).await, "{path}");
        assert!(!rig.approves(write(&format!("{work}{path}"))).await, "{path}");
    }
    // A `..` after a link leads elsewhere for the system than in the text, and only one of the two is inside.
    for path in ["/out/../notes.txt", "/up/../../notes.txt"] {
        assert!(!rig.approves(read(&format!("{work}{path}"))).await, "{path}");
    }
    for elsewhere in
        ["/", "/etc/passwd", "/proc/self/environ", "C:\\Windows", "\\\\?\\C:\\x", "\\\\server\\share\\x", ""]
    {
        assert!(!rig.approves(read(elsewhere)).await, "{elsewhere}");
    }
    // Relative paths start at the configured working directory.
    for (path, is_inside) in [
        ("notes.txt", true),
        ("./new", true),
        ("..", false),
        ("../outside.txt", false),
        ("~/x", false),
        ("file:///etc/passwd", false),
    ] {
        assert_eq!(rig.approves(read(path)).await, is_inside, "{path}");
    }
}

/// A path through `/proc` leads to another file in the CLI's process than in this one, also behind a link.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn through_proc() {
    use std::os::fd::AsRawFd;

    let files = files();
    let work = files.path().join("project").canonicalize().expect("a folder");
    let open = fs::File::open(work.join("notes.txt")).expect("a file");
    let (number, shown) = (open.as_raw_fd(), work.display());
    let ways = [
        format!("/proc/self/root{shown}/notes.txt"),
        format!("/proc/thread-self/root{shown}/notes.txt"),
        format!("/proc/{}/root{shown}/notes.txt", std::process::id()),
        format!("/etc/../proc/self/root{shown}/notes.txt"),
        format!("/proc/self/fd/{number}"),
        format!("/dev/fd/{number}"),
    ];
    for (number, way) in ways.iter().enumerate() {
        std::os::unix::fs::symlink(way, work.join(format!("way{number}"))).expect("a link");
    }
    std::os::unix::fs::symlink("way0", work.join("way-to-way")).expect("a link");
    let asked = within(&work).await;
    let policy = Rig::with(|session| session.policy(Policy::read_within(&work))).await;
    for rig in [asked, policy] {
        assert!(rig.approves(read(&format!("{shown}/notes.txt"))).await);
        for (number, way) in ways.iter().enumerate() {
            assert!(!rig.approves(read(way)).await, "{way}");
            assert!(!rig.approves(read(&format!("{shown}/way{number}"))).await, "a link to {way}");
        }
        assert!(!rig.approves(read(&format!("{shown}/way-to-way"))).await);
    }
}

/// The file that the CLI itself names counts too, and a request that is not about files is within no folder.
#[tokio::test(start_paused = true)]
async fn other_names_of_the_file() {
    let files = files();
    let work = files.path().join("project");
    let rig = within(&work).await;
    let path = work.join("notes.txt").display().to_string();
    let mut request = read(&path);
    request["resolvedPath"] = json!(path);
    assert!(rig.approves(request.clone()).await);
    request["resolvedPath"] = "/etc/passwd".into();
    assert!(!rig.approves(request).await);
    // A file that is moved, as CLI 1.0.102 requests it, and without the key that older ones lack.
    let mut moved = write(&path);
    let other = files.path().join("outside.txt");
    for edits in [
        json!(null),
        json!([{"before": {"path": other, "content": ""}, "after": {"path": path, "content": ""}}]),
    ] {
        moved["diff"] = format!("\ndiff --git a{} b{path}\n--- a{0}\n+++ b{path}\n", other.display()).into();
        moved["fileEdits"] = edits;
        assert!(!rig.approves(moved.clone()).await, "the file comes from elsewhere: {moved}");
    }
    let other = work.join("src/main.rs").display().to_string();
    moved["diff"] = format!("\ndiff --git a{other} b{path}\n--- a{other}\n+++ b{path}\n").into();
    moved["fileEdits"][0]["before"]["path"] = other.into();
    assert!(rig.approves(moved).await, "a file of the same folder");
    let mut line = super::shell("cat notes.txt");
    line["possiblePaths"] = json!([path]);
    assert!(!rig.approves(line).await, "a shell line may reach anything");
    assert!(!rig.approves(json!({"kind": "url", "intention": "", "url": format!("file://{path}")})).await);
}

/// The working directory is the last one that an event named. A relative path is within no folder before
/// that.
#[tokio::test(start_paused = true)]
async fn relative_paths() {
    let files = files();
    let work = files.path().join("project");
    let folder = work.clone();
    let configure = |session: SessionBuilder| {
        session.on_permission(move |request, _| {
            let within = request.is_within(&folder);
            async move {
                if within {
                    copilot_session::Decision::approve()
                } else {
                    copilot_session::Decision::deny("no")
                }
            }
        })
    };
    let rig = Rig::on(FakeCli::start(), configure).await;
    let moved = |kind: &str, data: Value| json!({"type": kind, "data": data});
    let emit = |event: Value| rig.emit(event);
    assert!(!rig.approves(read("notes.txt")).await);
    emit(moved("session.context_changed", json!({"cwd": work})));
    assert!(rig.approves(read("notes.txt")).await);
    assert!(rig.approves(read("src/main.rs")).await);
    emit(moved("session.context_changed", json!({"cwd": files.path()})));
    assert!(!rig.approves(read("notes.txt")).await);
    assert!(rig.approves(read("project/notes.txt")).await);
    emit(moved("session.resume", json!({"context": {"cwd": work}})));
    assert!(rig.approves(read("notes.txt")).await);
    let mut of_sub_agent = moved("session.context_changed", json!({"cwd": files.path()}));
    of_sub_agent["agentId"] = "sub".into();
    emit(of_sub_agent);
    assert!(rig.approves(read("notes.txt")).await, "the event of a sub-agent does not count");
    emit(moved("session.context_changed", json!({"cwd": "project"})));
    assert!(!rig.approves(read("notes.txt")).await, "a relative working directory");
}

/// The policy without a folder allows no reading, wherever the session works, and what it names.
#[tokio::test(start_paused = true)]
async fn the_policy_without_a_folder() {
    let files = files();
    let work = files.path().join("project");
    let policy = Policy::deny_all().allow_tool("lookup").allow_command("git status");
    let rig = Rig::with(|session| session.current_dir(work.display().to_string()).policy(policy)).await;
    for path in ["notes.txt", "/", "."] {
        assert!(!rig.approves(read(path)).await, "{path}");
    }
    assert!(!rig.approves(read(&work.join("notes.txt").display().to_string())).await);
    let tool = |name: &str| json!({"kind": "custom-tool", "toolName": name, "toolDescription": ""});
    for refused in [write("notes.txt"), tool("other"), super::shell("git diff")] {
        assert!(!rig.approves(refused.clone()).await, "{refused}");
    }
    assert!(rig.approves(tool("lookup")).await && rig.approves(super::shell("git status")).await);
}

/// The policy allows reading files without secrets, and the tools and commands that it names.
#[tokio::test(start_paused = true)]
async fn the_policy_that_reads() {
    let files = files();
    let work = files.path().join("project");
    let policy = Policy::read_within(&work).allow_tool("lookup").allow_command("git status");
    let directory = work.display().to_string();
    let rig = Rig::with(|session| session.current_dir(directory).policy(policy)).await;
    assert_eq!(rig.fake.received_raw("session.create").await["enableScriptSafety"], false);
    let source = ["src/tokenizer.rs", "src/password_reset.rs", "keyboard.json"];
    for path in ["notes.txt", "src/main.rs", "in.txt", "up/lib.rs", "not-there.txt"].into_iter().chain(source)
    {
        assert!(rig.approves(read(path)).await, "{path}");
        assert!(rig.approves(read(&work.join(path).display().to_string())).await, "{path}");
    }
    for path in [
        ".env",
        "./src/../.env",
        ".ENV",
        "innocent.txt",
        ".git/config",
        ".ssh/id_rsa",
        "keys/server.PEM",
        "keys/ID_RSA",
        "keys/credentials.json",
        "keys/deploy_id_rsa",
        "keys/server_rsa",
        "keys/key.json",
        "private_key",
        "aws-credentials",
        "my-secrets.yml",
        "passwords.txt",
        "github_token",
        "proc/environ",
        "out.txt",
        "../outside.txt",
        "/proc/self/environ",
        "/dev/null",
        ".env.",
        ".env::$DATA",
        "keys/server.pem.",
        "keys/server.pem::$DATA",
        "not-there/.aws/credentials",
    ] {
        assert!(!rig.approves(read(path)).await, "{path}");
        assert!(!rig.approves(read(&work.join(path).display().to_string())).await, "{path}");
    }
    let mut bypass = read("notes.txt");
    bypass["requestSandboxBypass"] = true.into();
    let mut managed = super::shell("git status");
    managed["managedApprovalRequired"] = true.into();
    let tool = |name: &str| json!({"kind": "custom-tool", "toolName": name, "toolDescription": ""});
    // A newer CLI may send these keys for other kinds.
    let (mut tool_bypass, mut tool_managed) = (tool("lookup"), tool("lookup"));
    tool_bypass["requestSandboxBypass"] = true.into();
    tool_managed["managedApprovalRequired"] = "yes".into();
    for refused in [
        write("notes.txt"),
        bypass,
        managed,
        tool_bypass,
        tool_managed,
        tool("other"),
        tool("Lookup"),
        super::shell("git status "),
        super::shell("git status; touch x"),
        super::shell("git status\n"),
        super::shell("git"),
        json!({"kind": "url", "intention": "", "url": "http://x/"}),
        json!({"kind": "mcp", "serverName": "toy", "toolName": "lookup", "toolTitle": "", "readOnly": true}),
        json!({"kind": "hook", "toolName": "lookup"}),
        json!({"kind": "memory", "fact": "x"}),
        json!({"kind": "of the future", "path": "notes.txt"}),
    ] {
        assert!(!rig.approves(refused.clone()).await, "{refused}");
    }
    assert!(rig.approves(tool("lookup")).await);
    assert!(rig.approves(super::shell("git status")).await);
}

/// The names in a folder may be listed; a search opens all its files, so it is allowed only without secrets.
#[tokio::test(start_paused = true)]
async fn the_policy_and_folders() {
    let files = files();
    let work = files.path().join("project");
    let rig = Rig::with(|session| session.policy(Policy::read_within(&work))).await;
    let asked = |does: &str, path: &str| {
        let path = work.join(path).display().to_string();
        json!({"kind": "read", "toolCallId": "1", "intention": format!("{does}: {path}"), "path": path})
    };
    for (path, searched, listed) in [
        ("", false, true),
        ("src", true, true),
        ("src/deep", true, true),
        ("keys", false, true),
        (".git", false, false),
        ("..", false, false),
        ("out", false, false),
    ] {
        assert_eq!(rig.approves(asked("Search in directory", path)).await, searched, "{path}");
        assert_eq!(rig.approves(asked("Of the future", path)).await, searched, "{path}");
        assert_eq!(rig.approves(asked("List directory", path)).await, listed, "{path}");
        let names = "Search for files matching pattern in";
        assert_eq!(rig.approves(asked(names, path)).await, listed, "{path}");
    }
    fs::write(work.join("src/deep/token.key"), "key").expect("a file");
    assert!(!rig.approves(asked("Search in directory", "src")).await);
    let many = work.join("many");
    fs::create_dir(&many).expect("a folder");
    for number in 0..=10_000 {
        fs::write(many.join(number.to_string()), "").expect("a file");
    }
    assert!(!rig.approves(asked("Search in directory", "many")).await, "too many files to check");
}

/// A policy on a folder that does not exist, or on a system folder, allows nothing.
#[tokio::test(start_paused = true)]
async fn the_policy_on_other_folders() {
    for (folder, path) in [
        ("/not/there", "/not/there/a"),
        ("/proc", "/proc/version"),
        ("/dev", "/dev/null"),
        ("/", "/proc/version"),
    ] {
        let rig = Rig::with(|session| session.policy(Policy::read_within(folder))).await;
        assert!(!rig.approves(read(path)).await, "{path}");
    }
}
