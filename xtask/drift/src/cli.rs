//! The Copilot CLI on this machine, and versions that are installed to the user's cache.

mod script;
mod sum;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use semver::Version;
use serde_json::Value;
use tempfile::TempDir;

use crate::{cache, npm, platform, process};

/// The prefix of the folders of unfinished installs.
const TEMP_PREFIX: &str = ".installing-";
/// The package whose versions are those of the CLI.
pub const PACKAGE: &str = "@github/copilot";
/// The variable with the path of the CLI, for the SDK and the tests.
pub const PATH_VARIABLE: &str = "COPILOT_CLI_PATH";
/// The time limit for a CLI to print its version. At its first start it also unpacks itself.
const VERSION_TIMEOUT: Duration = Duration::from_secs(60);

/// The binary at a given path, as an absolute one.
pub fn given(path: &Path) -> Result<PathBuf> {
    // The CLI is started in another folder.
    let path = std::path::absolute(path).with_context(|| format!("cannot use {}", path.display()))?;
    ensure!(path.is_file(), "there is no file {}", path.display());
    Ok(path)
}

/// The CLI that the SDK would start: the one in the variable, or else on the PATH.
pub fn found() -> Result<PathBuf> {
    let Some(path) = variable() else {
        return which::which("copilot").map_err(|_| {
            anyhow!(
                "there is no Copilot CLI on the PATH; run `npm install -g @github/copilot`, or set {PATH_VARIABLE} to \
                 the path of one"
            )
        });
    };
    let given = if is_name(Path::new(&path)) {
        which::which(&path).with_context(|| format!("there is no `{}` on the PATH", path.display()))
    } else {
        given(Path::new(&path))
    };
    given.with_context(|| format!("{PATH_VARIABLE} names no Copilot CLI"))
}

/// The place that decides which CLI is [`found`].
pub fn found_by() -> &'static str {
    if variable().is_some() { PATH_VARIABLE } else { "PATH" }
}

fn variable() -> Option<OsString> {
    env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty())
}

/// Returns true for a name without a folder, which is searched on the PATH.
fn is_name(path: &Path) -> bool {
    let mut parts = path.components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// A version in the cache.
pub struct Installed {
    /// The CLI's binary, or its script.
    pub program: PathBuf,
    /// The folder of the Node to run the script with.
    pub node: Option<PathBuf>,
}

/// A version, which is installed if necessary: its binary or, if it was published without one for this platform, its
/// script with a Node to run it.
pub fn install_any(version: &str) -> Result<Installed> {
    check_version(version)?;
    let binary = |program| Installed { program, node: None };
    if let Some(program) = installed(version)? {
        return Ok(binary(program));
    }
    if let Some(script) = script::installed(version)? {
        return Ok(script);
    }
    if has_binary(version)? { install(version).map(binary) } else { script::install(version) }
}

/// All published versions.
pub fn published() -> Result<Vec<String>> {
    npm::versions(PACKAGE)
}

/// The newest published version.
pub fn latest() -> Result<String> {
    npm::latest(PACKAGE).context("cannot find the newest version of the Copilot CLI; give a version")
}

/// Returns true if a version was published with a binary for this platform.
fn has_binary(version: &str) -> Result<bool> {
    let published = npm::versions(&platform::package(platform::current()?))?;
    Ok(published.iter().any(|other| other == version))
}

/// The versions whose binaries are in the cache, the oldest first.
pub fn all_installed() -> Result<Vec<(Version, PathBuf)>> {
    let (cache, platform) = (cache::clis()?, platform::current()?);
    let mut found = Vec::new();
    // There is no folder before the first install.
    for entry in fs::read_dir(&cache).into_iter().flatten().flatten() {
        let version = entry.file_name().to_str().and_then(|name| Version::parse(name).ok());
        let binary = binary_of(&entry.path().join(platform)).ok();
        found.extend(version.zip(binary));
    }
    found.sort();
    Ok(found)
}

/// The binary of a version, if it is installed. A binary that was changed since is an error.
pub fn installed(version: &str) -> Result<Option<PathBuf>> {
    // It is a part of a path.
    check_version(version)?;
    intact(&cache::clis()?.join(version).join(platform::current()?), binary_of)
}

/// The program in a package of the cache, if the package exists and its checksum is right.
fn intact(package: &Path, program: Find) -> Result<Option<PathBuf>> {
    // Only a complete folder has this name.
    let Ok(program) = program(package) else { return Ok(None) };
    Ok(sum::check(package)?.then_some(program))
}

/// Finds the program in a package.
type Find = fn(&Path) -> Result<PathBuf>;

/// A package that npm installed to a temporary folder.
struct Fetched {
    folder: PathBuf,
    integrity: Option<String>,
}

/// The binary of a version, which is installed if necessary.
pub fn install(version: &str) -> Result<PathBuf> {
    check_version(version)?;
    let platform = platform::current()?;
    if let Some(binary) = installed(version)? {
        return Ok(binary);
    }
    let target = cache::clis()?.join(version).join(platform);
    let binary = cached(&target, binary_of, |temp| {
        let package = download(platform, version, temp)?;
        verify(Command::new(binary_of(&package.folder)?), version, temp)?;
        Ok(package)
    })?;
    eprintln!("Installed Copilot CLI {version}");
    Ok(binary)
}

/// Puts a package into the cache unless it is there, and returns the program in it.
fn cached(target: &Path, program: Find, fetch: impl FnOnce(&TempDir) -> Result<Fetched>) -> Result<PathBuf> {
    let cache = cache::clis()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let _lock = lock(&cache)?;
    remove_stale(&cache);
    // Another process may have installed it during the wait for the lock.
    if let Some(program) = intact(target, program)? {
        return Ok(program);
    }
    if target.exists() {
        eprintln!("{} has no checksum and is installed again", target.display());
    }
    let temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .tempdir_in(&cache)
        .with_context(|| format!("cannot write to {}", cache.display()))?;
    let package = fetch(&temp)?;
    sum::forget(target);
    move_into_place(&package.folder, target)?;
    sum::keep(target, package.integrity)?;
    program(target)
}

/// A program that may be deleted with this value.
pub struct Borrowed {
    pub program: PathBuf,
    _temp: Option<TempDir>,
}

/// The binary or the script of a version: the installed one, or one in a temporary folder.
pub fn borrow(version: &str) -> Result<Borrowed> {
    check_version(version)?;
    if let Some(program) = installed(version)? {
        return Ok(Borrowed { program, _temp: None });
    }
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    let program = if has_binary(version)? || !script::is_published(version)? {
        let binary = binary_of(&download(platform::current()?, version, &temp)?.folder)?;
        verify(Command::new(&binary), version, &temp)?;
        binary
    } else {
        script::fetch(version, &temp)?
    };
    Ok(Borrowed { program, _temp: Some(temp) })
}

/// Accepts only an exact version, since the version of a range or a tag changes over time.
pub(crate) fn check_version(version: &str) -> Result<()> {
    if Version::parse(version).is_err() {
        bail!("`{version}` is not a version; give an exact one, such as 1.0.102");
    }
    Ok(())
}

/// Locks the cache for one install at a time. The system releases the lock of a process that dies.
fn lock(cache: &Path) -> Result<File> {
    let path = cache.join(".lock");
    let failed = || format!("cannot lock {}", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(&path).with_context(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("Waiting for another install to finish");
            file.lock().with_context(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
    }
    Ok(file)
}

/// Removes the folders of interrupted installs. Under the lock, no other install is running.
fn remove_stale(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
            // A folder that cannot be removed does no harm; the next install tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Downloads the package of a platform to a temporary folder.
fn download(platform: &str, version: &str, temp: &TempDir) -> Result<Fetched> {
    let package = platform::package(platform);
    let spec = format!("{package}@{version}");
    let explain = |error: anyhow::Error| match error.downcast_ref::<npm::Failure>() {
        Some(failure) if failure.not_published() => not_published(platform, version, error),
        _ => error.context(format!("cannot install {spec}")),
    };
    eprintln!("Installing Copilot CLI {version} for {platform} with npm, which may take some minutes");
    fetch_package(&package, &spec, temp).map_err(explain)
}

/// Downloads a package to a temporary folder.
fn fetch_package(package: &str, spec: &str, temp: &TempDir) -> Result<Fetched> {
    let integrity = npm::integrity(spec)?;
    npm::install(spec, temp.path())?;
    Ok(Fetched { folder: temp.path().join("node_modules").join(package), integrity })
}

/// The error for a version that npm does not find, with the nearest versions that exist.
fn not_published(platform: &str, version: &str, error: anyhow::Error) -> anyhow::Error {
    let package = platform::package(platform);
    // Without the list the error is merely less helpful.
    let published = npm::versions(&package).unwrap_or_default();
    if published.is_empty() || published.iter().any(|other| other == version) {
        return error.context(format!("cannot install {package}@{version}"));
    }
    let elsewhere = npm::versions("@github/copilot").unwrap_or_default();
    let problem = if elsewhere.iter().any(|other| other == version) {
        format!("version {version} of the Copilot CLI has no package for {platform}")
    } else {
        format!("version {version} of the Copilot CLI does not exist")
    };
    anyhow!(
        "{problem}\n  nearest for {platform}: {}\n  to see all: npm view {package} versions",
        nearest(&published, version).join(", ")
    )
}

/// The published versions next to a given one, and the newest.
fn nearest(published: &[String], wanted: &str) -> Vec<String> {
    let mut versions: Vec<Version> =
        published.iter().filter_map(|version| Version::parse(version).ok()).collect();
    versions.sort();
    let Ok(wanted) = Version::parse(wanted) else {
        return Vec::new();
    };
    let above = versions.partition_point(|version| *version < wanted);
    let mut near = versions[above.saturating_sub(1)..(above + 1).min(versions.len())].to_vec();
    near.extend(versions.last().cloned());
    near.dedup();
    near.iter().map(Version::to_string).collect()
}

/// The binary that a package names as its command.
fn binary_of(package: &Path) -> Result<PathBuf> {
    let manifest = package.join("package.json");
    let text =
        fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let json: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not valid JSON", manifest.display()))?;
    let name = match &json["bin"] {
        Value::Object(commands) => commands.values().next().and_then(Value::as_str),
        other => other.as_str(),
    };
    let Some(name) = name.filter(|name| !name.ends_with(".js")) else {
        bail!("this version of the Copilot CLI comes without a binary of its own");
    };
    let binary = package.join(name);
    match fs::metadata(&binary) {
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => Ok(binary),
        _ => bail!("the Copilot CLI's package lacks its binary, {name}"),
    }
}

/// Checks that a CLI runs on this machine and is of the expected version.
fn verify(command: Command, version: &str, temp: &TempDir) -> Result<()> {
    let failed = || format!("cannot use the Copilot CLI {version} that was downloaded");
    let found = own_version(command, temp.path()).with_context(failed)?;
    ensure!(found == version, "the Copilot CLI that was downloaded as {version} is of version {found}");
    Ok(())
}

/// Runs a CLI for its version, with its home and its cache below `temp`.
pub fn own_version(mut command: Command, temp: &Path) -> Result<String> {
    isolate(&mut command, temp);
    // Without the flag the CLI starts the newest version it finds unpacked instead of itself.
    command.args(["--no-auto-update", "--version"]);
    let output = process::run(&mut command, Some(VERSION_TIMEOUT))
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let version = version_in(&output.stdout).filter(|_| output.status.success());
    version.with_context(|| {
        let printed = [output.stdout.trim(), output.stderr.trim()].concat();
        let program = command.get_program().display();
        format!("{program} printed no version of the Copilot CLI ({}): {printed:?}", output.status)
    })
}

/// The first version in a text.
fn version_in(text: &str) -> Option<String> {
    let mut words = text.split_whitespace().map(|word| word.trim_end_matches('.'));
    words.find(|word| Version::parse(word).is_ok()).map(str::to_owned)
}

/// Keeps the CLI from using the user's settings, cache and tokens.
fn isolate(command: &mut Command, temp: &Path) {
    command.env("COPILOT_HOME", temp.join("home")).env("COPILOT_CACHE_HOME", temp.join("cache"));
    // Early versions ignore both variables and use the user's home.
    for variable in ["HOME", "USERPROFILE", "LOCALAPPDATA"] {
        command.env(variable, temp);
    }
    let inherited = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];
    let tokens = ["COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];
    for variable in inherited.into_iter().chain(tokens) {
        command.env_remove(variable);
    }
}

fn move_into_place(package: &Path, target: &Path) -> Result<()> {
    let failed = || format!("cannot put the Copilot CLI into {}", target.display());
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).with_context(failed)?;
    }
    if target.exists() {
        // It has no usable binary or no checksum, or it would have been used.
        fs::remove_dir_all(target).with_context(failed)?;
    }
    fs::rename(package, target).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn list(versions: &[&str]) -> Vec<String> {
        versions.iter().map(|&version| version.to_owned()).collect()
    }

    #[test]
    fn only_exact_versions_are_accepted() {
        assert!(check_version("1.0.102").is_ok());
        assert!(check_version("1.0.84-4").is_ok());
        for wrong in ["latest", "^1.0", "1.0", "", "../1.0.1", "v1.0.102", "1.0.102\n"] {
            assert!(check_version(wrong).is_err(), "{wrong}");
            assert!(installed(wrong).is_err() && schema::cached(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_version_is_found_in_what_the_cli_prints() {
        let printed = "GitHub Copilot CLI 1.0.84-4.\nRun 'copilot update' to check for updates.\n";
        assert_eq!(version_in(printed).as_deref(), Some("1.0.84-4"));
        assert_eq!(version_in("no such option"), None);
    }

    #[test]
    fn a_changed_package_is_not_run() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let package = cache.path().join("linux-x64");
        assert_eq!(intact(&package, binary_of)?, None, "the folder is missing");
        fs::create_dir(&package)?;
        fs::write(package.join("package.json"), r#"{"bin": "copilot"}"#)?;
        fs::write(package.join("copilot"), "the program")?;
        assert_eq!(intact(&package, binary_of)?, None, "there is no checksum");
        sum::keep(&package, None)?;
        assert_eq!(intact(&package, binary_of)?, Some(package.join("copilot")));
        fs::write(package.join("copilot"), "another one")?;
        assert!(intact(&package, binary_of).is_err(), "it was changed");
        Ok(())
    }

    #[test]
    fn the_nearest_and_the_newest_versions_are_suggested() {
        let published = list(&["1.0.92", "1.0.9", "1.0.102", "1.0.89-0", "1.0.89"]);
        assert_eq!(nearest(&published, "1.0.50"), list(&["1.0.9", "1.0.89-0", "1.0.102"]));
        assert_eq!(nearest(&published, "1.0.101"), list(&["1.0.92", "1.0.102"]));
        assert_eq!(nearest(&published, "9.9.9"), list(&["1.0.102"]));
        assert_eq!(nearest(&published, "0.0.1"), list(&["1.0.9", "1.0.102"]));
        assert_eq!(nearest(&[], "1.0.1"), list(&[]));
    }

    #[test]
    fn the_binary_is_found_by_the_manifest() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("package.json");
        fs::write(&manifest, r#"{"bin": {"copilot-linux-x64": "copilot"}}"#)?;
        assert!(binary_of(folder.path()).is_err());
        fs::write(folder.path().join("copilot"), "x")?;
        assert_eq!(binary_of(folder.path())?, folder.path().join("copilot"));
        fs::write(&manifest, r#"{"bin": "npm-loader.js"}"#)?;
        assert!(binary_of(folder.path()).is_err());
        Ok(())
    }
}
