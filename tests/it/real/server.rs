//! The preset for servers: files in the working folder show which features are off.

use std::path::Path;

use copilot_session::SessionBuilder;
use copilot_session_model::{Reply, Script};
use copilot_session_tests::cli::cli_path;
use serde_json::json;

use super::rig::{Rig, ask};

/// Writes everything that the CLI can load from a folder: a skill, an agent, hooks, instructions, a
/// repository.
fn make_folder(folder: &Path) {
    let work = folder.join("work");
    let write = |path: &str, text: &str| {
        let path = work.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write(".github/skills/told/SKILL.md", "---\nname: told\ndescription: skill-of-the-folder\n---\nDo it.\n");
    write(".github/agents/told.agent.md", "---\nname: told\ndescription: agent-of-the-folder\n---\nHelp.\n");
    let trace = folder.join("hook-of-the-folder");
    let run = json!([{"type": "command", "bash": format!("touch '{}'", trace.display())}]);
    let hooks = json!({"version": 1, "hooks": {"sessionStart": run, "preToolUse": run}});
    write(".github/hooks/told.json", &hooks.to_string());
    write(".git/HEAD", "ref: refs/heads/main\n");
    write(".git/config", "[remote \"origin\"]\n\turl = https://github.com/owner/git-of-the-folder\n");
    write(".git/objects/README", "");
    write(".git/refs/README", "");
    write("notes.txt", "plain notes\n");
}

/// The parts of the folder that the CLI loaded: the names that the model reads, and the files that hooks
/// write.
async fn loaded(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Vec<&'static str> {
    let calls = [Reply::tool_call("view", json!({"path": "notes.txt"})), Reply::text("Done.")];
    let rig = Rig::start_by(Script::replies(calls), |_| cli_path(), async |new| new.start().await).await;
    make_folder(rig.folder());
    let session = rig.session(|new| configure(new.approve_all())).await;
    ask(&session, "Go.").await.expect("an answer");
    let body: String = rig.model.requests().iter().map(|request| request.body().to_string()).collect();
    let names = ["skill-of-the-folder", "agent-of-the-folder", "hook-of-the-folder", "git-of-the-folder"];
    let taken = names.into_iter().filter(|name| body.contains(name) || rig.folder().join(name).exists());
    let taken = taken.collect();
    assert!(body.contains("plain notes"), "the tool did not work");
    rig.finish().await;
    taken
}

/// A server loads nothing from the folder, even where the CLI would look for it.
#[tokio::test]
async fn nothing_is_loaded_from_the_folder() {
    let discovering = |new: SessionBuilder| new.configure(|config| config.enable_config_discovery(true));
    let all = ["skill-of-the-folder", "agent-of-the-folder", "hook-of-the-folder", "git-of-the-folder"];
    assert_eq!(loaded(discovering).await, all);
    assert_eq!(loaded(|new| new).await, ["hook-of-the-folder", "git-of-the-folder"]);
    assert_eq!(loaded(SessionBuilder::server_defaults).await, [""; 0]);
    // Later settings take precedence.
    let with_git = |new: SessionBuilder| {
        new.server_defaults().configure(|config| config.enable_host_git_operations(true))
    };
    assert_eq!(loaded(with_git).await, ["git-of-the-folder"]);
}
