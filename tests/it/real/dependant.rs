//! A project outside of the repository that depends on the crate: its test of the installed CLI, and `cargo copilot`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use copilot_session::CLI_VERSION;
use copilot_session_tests::cli::{CLI_PATH_VARIABLE, cli_path};
use serde_json::{Value, json};
use tempfile::TempDir;

const EVENTS: &str = "session-events.schema.json";

/// A project.
struct Project(TempDir);

impl Project {
    /// A project with a test of the installed CLI.
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a folder"));
        let manifest = format!(
            "[package]\nname = \"dependant\"\nedition = \"2024\"\n\n[dependencies]\ncopilot-session = {{ path = {:?} }}\n\n\
             [dev-dependencies]\ncopilot-session-drift = {{ path = {:?} }}\n",
            root().join("sdk"),
            root().join("xtask/drift")
        );
        project.write("Cargo.toml", &manifest);
        project.write("src/main.rs", "fn main() { println!(\"{}\", copilot_session::CLI_VERSION); }");
        let test = "#[test]\nfn the_installed_cli_is_readable() {\n    \
                    copilot_session_drift::check_installed(copilot_session::CLI_VERSION).unwrap().assert_readable();\n}\n";
        project.write("tests/cli.rs", test);
        // Cargo removes what the project does not need, and downloads nothing.
        fs::copy(root().join("Cargo.lock"), project.path().join("Cargo.lock")).expect("a copy");
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be created");
        fs::write(path, text).expect("it can be written");
    }

    /// Runs the project's test of the installed CLI, which is this one.
    fn test(&self, cli: &Path) -> (i32, String) {
        self.cargo(cli, &["test", "--quiet", "--test", "cli"])
    }

    /// Runs cargo in the project, in which this CLI is installed, and returns its exit code and what it printed to both
    /// streams.
    fn cargo(&self, cli: &Path, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(self.path());
        // What the repository has built already is not built again. Other tests run meanwhile.
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        command.env("CARGO_TARGET_DIR", target).env("CARGO_BUILD_JOBS", "1").env("CARGO_NET_OFFLINE", "true");
        let output = command.env(CLI_PATH_VARIABLE, cli).output().expect("cargo runs");
        let printed =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code().expect("an exit code"), printed.concat())
    }

    /// Runs `cargo copilot`, which must end with an exit code, and returns what it printed.
    fn copilot(&self, code: i32, arguments: &[&str]) -> String {
        let manifest = root().join("Cargo.toml");
        let command = ["run", "--quiet", "--package", "cargo-copilot", "--manifest-path"];
        let manifest = [manifest.to_str().expect("a path in UTF-8"), "--", "copilot"];
        let (found, printed) = self.cargo(&cli_path(), &[&command[..], &manifest, arguments].concat());
        assert_eq!(found, code, "{arguments:?}: {printed}");
        printed
    }

    /// The CLI in a package of this name, as npm installs it. It cannot run: its version is in the manifest.
    fn install(&self, name: &str, version: &str) -> PathBuf {
        self.write(&format!("{name}/package.json"), &json!({ "version": version }).to_string());
        self.write(&format!("{name}/copilot"), "");
        self.path().join(name).join("copilot")
    }

    /// A folder with the schemas of the SDK after a change of those of events.
    fn schemas(&self, name: &str, change: impl FnOnce(&mut Value)) -> String {
        let read = |file: &str| fs::read_to_string(root().join("schema").join(file)).expect("a schema");
        for file in ["api.schema.json", "VERSION.json"] {
            self.write(&format!("{name}/{file}"), &read(file));
        }
        let mut schema = serde_json::from_str(&read(EVENTS)).expect("JSON");
        change(&mut schema);
        self.write(&format!("{name}/{EVENTS}"), &schema.to_string());
        name.to_owned()
    }
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the repository")
}

#[test]
fn a_project_checks_the_installed_cli_and_compares_others() {
    let project = Project::new();
    let (code, printed) = project.test(&cli_path());
    assert!(code == 0 && printed.contains("1 passed"), "{printed}");

    let printed = project.copilot(0, &["drift", "--running"]);
    assert!(printed.contains(&format!("made for Copilot CLI {CLI_VERSION}")), "{printed}");
    assert!(printed.contains("nothing has changed"), "{printed}");
    for older in ["1.0.92", "1.0.65"] {
        // It lacks calls, and sends nothing that the SDK cannot decode.
        let printed = project.copilot(1, &["drift", "sdk", older, "--running"]);
        assert!(
            printed.contains(&format!("(SDK) → {older}: ")) && printed.contains("[refused]"),
            "{printed}"
        );
        assert!(!printed.contains("[malformed]"), "{printed}");
        // Its schemas are in the cache now, where the test finds those of an installed CLI, too.
        let (code, printed) = project.test(&project.install(older, older));
        assert!(code == 0 && printed.contains("1 passed"), "{older}: {printed}");
    }
    let printed = project.copilot(0, &["audit"]);
    assert!(
        printed.contains(" messages from the CLI") && printed.contains("verything else is valid."),
        "{printed}"
    );
    let broken = project.schemas("broken/schemas", |schema| {
        schema["definitions"]["AssistantMessageData"]["properties"]["content"] = json!({"type": "integer"});
    });
    let printed = project.copilot(2, &["drift", "sdk", &broken, "--running"]);
    assert!(printed.contains("! field AssistantMessageData.content: String → i64  [malformed]"), "{printed}");
    let (code, printed) = project.test(&project.install("broken", CLI_VERSION));
    assert!(code != 0 && printed.contains(&format!("may not read what {CLI_VERSION} sends")), "{printed}");
    assert!(printed.contains("field AssistantMessageData.content: String → i64"), "{printed}");
}
