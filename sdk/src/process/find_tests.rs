//! The search for the CLI in folders created for it, by the rules of each system.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::find::{Environment, Program, find_in};

/// A folder for one test, removed with the value.
struct Folder(PathBuf);

impl Folder {
    /// Creates an empty folder.
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("copilot-find-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path.canonicalize().expect("a real path"))
    }

    /// Creates an executable file.
    fn file(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, "").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        path
    }

    /// Creates a link to a file.
    fn link(&self, name: &str, target: &Path) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        symlink(target, &path).expect("a link");
        path
    }

    /// An environment with these folders on `PATH`.
    fn environment(&self, os: &'static str, folders: &[&str]) -> Environment {
        let path = env::join_paths(folders.iter().map(|folder| self.0.join(folder))).expect("a PATH");
        Environment { path: Some(path), os, ..Environment::default() }
    }

    /// A path in the folder as shown in messages.
    fn show(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that is run directly.
fn direct(path: PathBuf) -> Program {
    Program { path, args: Vec::new() }
}

/// A script that Node runs.
fn by_node(node: PathBuf, script: PathBuf) -> Program {
    Program { path: node, args: vec![script.into_os_string()] }
}

#[test]
fn the_configured_path_precedes_the_variable_and_that_precedes_path() {
    let folder = Folder::new();
    let (given, named, there) = (folder.file("given"), folder.file("named"), folder.file("bin/copilot"));
    let mut environment = folder.environment("linux", &["empty", "bin"]);
    assert_eq!(find_in(None, &environment), Ok(direct(there.clone())));
    environment.cli_path = Some(OsString::new());
    assert_eq!(find_in(None, &environment), Ok(direct(there)));
    environment.cli_path = Some(named.clone().into());
    assert_eq!(find_in(None, &environment), Ok(direct(named)));
    assert_eq!(find_in(Some(&given), &environment), Ok(direct(given.clone())));
}

#[test]
fn a_wrong_path_is_not_replaced_by_another() {
    let folder = Folder::new();
    folder.file("bin/copilot");
    let mut environment = folder.environment("linux", &["bin"]);
    let missing = folder.0.join("missing");
    let error = find_in(Some(&missing), &environment).expect_err("it is missing");
    assert_eq!(error.tried, [folder.show("missing")]);
    environment.cli_path = Some(missing.into());
    let error = find_in(None, &environment).expect_err("it is missing");
    assert_eq!(error.tried, [format!("COPILOT_CLI_PATH={}", folder.show("missing"))]);
    let error = find_in(Some(Path::new("")), &environment).expect_err("it is empty");
    assert_eq!(error.tried, [" (cannot make an empty path absolute)"]);
}

#[test]
fn every_place_is_listed() {
    let folder = Folder::new();
    let file = folder.file("plain/copilot");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("permissions");
    fs::create_dir_all(folder.0.join("folder/copilot")).expect("a folder");
    let mut environment = folder.environment("linux", &["plain", "folder", "none", "none"]);
    let error = find_in(None, &environment).expect_err("there is none");
    let plain = format!("{} (not executable)", folder.show("plain/copilot"));
    assert_eq!(error.tried, [plain, folder.show("folder/copilot"), folder.show("none/copilot")]);
    environment.path = Some("relative".into());
    let error = find_in(None, &environment).expect_err("there is none");
    let end = "install it with `npm install -g @github/copilot` or set COPILOT_CLI_PATH";
    let start = "the Copilot CLI was not found; tried: copilot on PATH, which contains no folders";
    assert_eq!(error.to_string(), format!("{start}; {end}"));
}

#[test]
fn bare_names_are_for_path_and_relative_paths_for_the_current_folder() {
    let folder = Folder::new();
    let other = folder.file("bin/copilot-next");
    let environment = folder.environment("linux", &["bin"]);
    assert_eq!(find_in(Some(Path::new("copilot-next")), &environment), Ok(direct(other)));
    let error = find_in(Some(Path::new("no/copilot")), &environment).expect_err("it is missing");
    let absolute = env::current_dir().expect("a folder").join("no/copilot");
    assert_eq!(error.tried, [absolute.display().to_string()]);
}

#[test]
fn scripts_run_by_node() {
    let folder = Folder::new();
    let script = folder.file("cli/index.js");
    let error = find_in(Some(&script), &folder.environment("linux", &["bin"])).expect_err("no Node");
    assert_eq!(error.tried, [format!("{} (no Node on PATH to run it)", script.display())]);
    let node = folder.file("bin/node");
    let environment = folder.environment("linux", &["bin"]);
    assert_eq!(find_in(Some(&script), &environment), Ok(by_node(node, script.clone())));
}

#[test]
fn npms_script_is_replaced_by_the_program() {
    let folder = Folder::new();
    let loader = folder.file("lib/node_modules/@github/copilot/npm-loader.js");
    let link = folder.link("bin/copilot", &loader);
    let environment = folder.environment("linux", &["bin"]);
    assert_eq!(find_in(None, &environment), Ok(direct(link.clone())));
    let hoisted = folder.file("lib/node_modules/@github/copilot-linux-x64/copilot");
    assert_eq!(find_in(None, &environment), Ok(direct(hoisted.clone())));
    assert_eq!(find_in(Some(&loader), &environment), Ok(direct(hoisted)));
    let nested = "lib/node_modules/@github/copilot/node_modules/@github/copilot-linuxmusl-arm64/copilot";
    let nested = folder.file(nested);
    assert_eq!(find_in(None, &environment), Ok(direct(nested)));
    let mac = folder.file("lib/node_modules/@github/copilot-darwin-arm64/copilot");
    assert_eq!(find_in(None, &folder.environment("macos", &["bin"])), Ok(direct(mac)));
}

#[test]
fn several_platforms_are_left_to_npms_script() {
    let folder = Folder::new();
    let loader = folder.file("modules/@github/copilot/npm-loader.js");
    folder.file("modules/@github/copilot-linux-x64/copilot");
    folder.file("modules/@github/copilot-linuxmusl-x64/copilot");
    let link = folder.link("bin/copilot", &loader);
    assert_eq!(find_in(None, &folder.environment("linux", &["bin"])), Ok(direct(link)));
}

#[test]
fn windows_prefers_programs_and_resolves_shims() {
    let folder = Folder::new();
    let environment = folder.environment("windows", &["odd", "npm"]);
    folder.file("odd/copilot");
    folder.file("odd/copilot.vbs");
    folder.file("npm/copilot");
    folder.file("npm/copilot.cmd");
    let script = folder.file("npm/node_modules/@github/copilot/npm-loader.js");
    let error = find_in(None, &environment).expect_err("no Node");
    let no_node = format!("{} (no Node on PATH to run it)", script.display());
    let no_cli = format!("{} (a script that belongs to no Copilot CLI)", folder.show("npm/copilot.cmd"));
    assert_eq!(error.tried, [folder.show("odd/copilot"), folder.show("npm/copilot"), no_node, no_cli]);
    let node = folder.file("odd/node.exe");
    assert_eq!(find_in(None, &environment), Ok(by_node(node, script)));
    let packaged = folder.file("npm/node_modules/@github/copilot-win32-x64/copilot.exe");
    assert_eq!(find_in(None, &environment), Ok(direct(packaged.clone())));
    assert_eq!(find_in(Some(&folder.0.join("npm/copilot")), &environment), Ok(direct(packaged)));
    let program = folder.file("npm/copilot.exe");
    assert_eq!(find_in(None, &environment), Ok(direct(program)));
}

#[test]
fn windows_resolves_a_projects_shims_and_knows_pathext() {
    let folder = Folder::new();
    let mut environment = folder.environment("windows", &["node_modules/.bin"]);
    folder.file("node_modules/.bin/copilot.ps1");
    let packaged = folder.file("node_modules/@github/copilot-win32-arm64/copilot.exe");
    folder.file("node_modules/@github/copilot/npm-loader.js");
    assert_eq!(find_in(None, &environment), Ok(direct(packaged)));
    let command = folder.file("node_modules/.bin/copilot.com");
    assert_eq!(find_in(None, &environment), Ok(direct(command.clone())));
    environment.extensions = Some(".BAT;.CMD".into());
    assert_ne!(find_in(None, &environment), Ok(direct(command.clone())));
    environment.extensions = Some("".into());
    assert_eq!(find_in(None, &environment), Ok(direct(command)));
}
