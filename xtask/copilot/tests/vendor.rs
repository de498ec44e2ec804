//! The sources of the SDK for another version of the CLI, in a project that depends on the SDK.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

const API: &str = "api.schema.json";
const EVENTS: &str = "session-events.schema.json";

/// The version of schemas that were never published.
const MADE_UP: &str = "1.0.999";

/// A project outside of the repository.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        project.patch(&root().join("sdk"));
        project.write("src/lib.rs", "");
        // Cargo removes what the project does not need, and downloads nothing.
        fs::copy(root().join("Cargo.lock"), project.path().join("Cargo.lock")).expect("a copy");
        project
    }

    /// Depends on the SDK of the registry, which is another one by a patch.
    fn patch(&self, sdk: &Path) {
        let package = "[workspace]\n\n[package]\nname = \"dependant\"\nedition = \"2024\"\n\n";
        let dependency = format!("[dependencies]\ncopilot-session = \"{}\"\n\n", env!("CARGO_PKG_VERSION"));
        let patch = format!("[patch.crates-io]\ncopilot-session = {{ path = {sdk:?} }}\n");
        self.write("Cargo.toml", &[package, &dependency, &patch].concat());
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be created");
        fs::write(path, text).expect("it can be written");
    }

    /// A folder with the schemas of the SDK as those of the version [`MADE_UP`], one of which is changed.
    fn schemas(&self, name: &str, file: &str, change: impl FnOnce(&mut Value)) -> String {
        let read = |file: &str| fs::read_to_string(root().join("schema").join(file)).expect("a schema");
        for other in [API, EVENTS] {
            self.write(&format!("{name}/{other}"), &read(other));
        }
        let mut schema = serde_json::from_str(&read(file)).expect("JSON");
        change(&mut schema);
        self.write(&format!("{name}/{file}"), &schema.to_string());
        self.write(&format!("{name}/VERSION.json"), &json!({"cli": MADE_UP, "files": {}}).to_string());
        name.to_owned()
    }

    /// The content of all files in a folder.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path().join(folder);
        let (mut files, mut folders) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).expect("it is below").to_owned();
                    files.insert(name, fs::read(path).expect("a file"));
                }
            }
        }
        files
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).env("CARGO_NET_OFFLINE", "true");
        // Kept, so that dependencies are built once.
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("vendor"));
        command.output().expect("it runs")
    }

    /// Runs a vendor command that ends with an exit code, and returns what it printed.
    fn vendor(&self, code: i32, arguments: &[&str]) -> String {
        let command = ["copilot", "vendor"];
        let output = self.run(env!("CARGO_BIN_EXE_cargo-copilot"), &[&command[..], arguments].concat());
        let printed = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
        printed
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the repository").to_owned()
}

#[test]
fn a_project_uses_the_sdk_generated_for_another_cli() {
    let project = Project::new();
    let newer = project.schemas("newer", API, |schema| {
        let fly = json!({"rpcMethod": "session.mode.fly", "result": {"type": "null"}});
        schema["session"]["mode"]["fly"] = fly;
    });
    project.write("own/file", "");
    let printed = project.vendor(1, &["--cli", &newer, "--out", "own"]);
    assert!(printed.contains("did not write it"), "{printed}");

    let printed = project.vendor(0, &["--cli", &newer, "--out", "vendor/sdk"]);
    assert!(printed.contains("copilot-session = { path = \"vendor/sdk\" }"), "{printed}");
    project.patch(Path::new("vendor/sdk"));
    let calls = "pub async fn fly(session: &copilot_session::Session) {\n    \
                 let _ = session.rpc().mode().fly().await;\n}\n";
    project.write("src/lib.rs", calls);
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = project.run(&cargo, &["check", "--quiet"]);
    assert!(output.status.success(), "{}", text(&output));

    // From then on these are the sources that are written again, and kept if the new ones do not compile.
    let version = || fs::read_to_string(project.path().join("vendor/sdk/src/generated/version.rs"));
    assert!(version().expect("a file").contains(MADE_UP));
    let without = project.schemas("without", EVENTS, |schema| {
        let data = &mut schema["definitions"]["UserMessageData"];
        data["properties"].as_object_mut().expect("an object").remove("content").expect("the key");
        data["required"].as_array_mut().expect("a list").retain(|key| key != "content");
    });
    let before = project.files("vendor");
    let printed = project.vendor(1, &["--cli", &without, "--out", "vendor/sdk"]);
    assert!(printed.contains("does not compile with these schemas, so nothing was written"), "{printed}");
    assert!(printed.contains("error[E0"), "{printed}");
    assert_eq!(project.files("vendor"), before);
    project.write("vendor/sdk/.git/HEAD", "");
    project.write("vendor/sdk/README.md", "changed");
    project.vendor(0, &["--cli", &without, "--out", "vendor/sdk", "--no-check"]);
    let after = project.files("vendor");
    assert_ne!(after, before);
    assert!(after.contains_key(Path::new("sdk/.git/HEAD")));
    assert_eq!(after[Path::new("sdk/README.md")], b"changed");
}
