//! The layout of an npm installation: a small script that starts the CLI, and the program in a package per
//! platform.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The package with the script, within `node_modules`.
const PACKAGE: &str = "@github/copilot";

/// The scripts that start the CLI, newest first.
const SCRIPTS: [&str; 2] = ["npm-loader.js", "index.js"];

/// The possible folders of the package of a shim: for a global installation, and for a project's `.bin`.
pub(super) fn packages_of_shim(shim: &Path) -> Vec<PathBuf> {
    let Some(folder) = shim.parent() else { return Vec::new() };
    let mut packages = vec![folder.join("node_modules").join(PACKAGE)];
    if folder.file_name() == Some(OsStr::new(".bin")) {
        packages.extend(folder.parent().map(|modules| modules.join(PACKAGE)));
    }
    packages
}

/// The package that a script belongs to.
pub(super) fn package_of_script(script: &Path) -> Option<&Path> {
    let name = script.file_name()?.to_str()?;
    script.parent().filter(|folder| folder.ends_with(PACKAGE) && SCRIPTS.contains(&name))
}

/// The script that starts the CLI of a package.
pub(super) fn script(package: &Path) -> Option<PathBuf> {
    SCRIPTS.iter().map(|name| package.join(name)).find(|script| script.is_file())
}

/// The program that the script of a package starts.
pub(super) fn native(package: &Path, os: &str) -> Option<PathBuf> {
    let scope = package.parent()?;
    // The package's own dependencies precede those next to it, as in Node.
    let scopes = [package.join("node_modules").join(scope.file_name()?), scope.to_owned()];
    scopes.iter().find_map(|scope| only_platform(scope, os))
}

/// The program of the only installed platform. If there are several, only the script can choose.
fn only_platform(scope: &Path, os: &str) -> Option<PathBuf> {
    let (systems, binary): (&[&str], _) = match os {
        "linux" => (&["linux", "linuxmusl"], "copilot"),
        "macos" => (&["darwin"], "copilot"),
        "windows" => (&["win32"], "copilot.exe"),
        _ => return None,
    };
    let packages =
        systems.iter().flat_map(|system| ["x64", "arm64"].map(|arch| format!("copilot-{system}-{arch}")));
    let mut programs = packages.map(|package| scope.join(package).join(binary)).filter(|path| path.is_file());
    programs.next().filter(|_| programs.next().is_none())
}
