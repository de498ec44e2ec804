//! `cargo xtask cli`: installs a version of the Copilot CLI into the user's cache.

mod script;
mod sum;

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use semver::Version;
use serde_json::Value;
use tempfile::TempDir;

use crate::{npm, paths, platform, process, schema};

/// Marks the folders of installs that are under way.
const TEMP_PREFIX: &str = ".installing-";
/// The package whose versions are those of the CLI.
const PACKAGE: &str = "@github/copilot";
/// The variable by which the SDK and the tests are told which binary to run.
pub const PATH_VARIABLE: &str = "COPILOT_CLI_PATH";
/// The time limit for a CLI to print its version. At its first start it also unpacks itself.
const VERSION_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// The version to install [default: the one in schema/VERSION.json]
    #[arg(long)]
    version: Option<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let version = match &args.version {
        Some(version) => version.clone(),
        None => schema::pinned_version(&paths::schema_dir())
            .context("no default version; give one with --version")?,
    };
    println!("{}", install(&version)?.display());
    Ok(())
}

/// The binary at a given path, or else that of the schemas' version, installed first if need be.
pub fn choose(given: Option<&Path>) -> Result<PathBuf> {
    let Some(given) = given else {
        return install(&schema::pinned_version(&paths::schema_dir())?);
    };
    // What is run next starts in another folder.
    let path = std::path::absolute(given).with_context(|| format!("cannot use {}", given.display()))?;
    ensure!(path.is_file(), "there is no file {}", path.display());
    Ok(path)
}

/// The CLI that the SDK would start: the one in the variable, else on the path.
pub fn found() -> Result<PathBuf> {
    if let Some(given) = env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()) {
        return choose(Some(Path::new(&given)));
    }
    which::which("copilot").with_context(|| format!("no Copilot CLI in {PATH_VARIABLE} or on the PATH"))
}

/// A version in the cache.
pub struct Installed {
    /// What to run: the CLI's binary, or its script.
    pub program: PathBuf,
    /// The folder of the Node to run the script with.
    pub node: Option<PathBuf>,
}

/// A version, which is installed first when it is not there yet: its binary, or its script with a Node to
/// run it where it was published without a binary for this platform.
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

/// Every published version, and the newest of them.
pub fn published() -> Result<Vec<String>> {
    npm::versions(PACKAGE)
}

pub fn latest() -> Result<String> {
    npm::latest(PACKAGE).context("cannot ask for the newest version of the Copilot CLI; give one")
}

/// Whether a version was published with a binary for this platform.
fn has_binary(version: &str) -> Result<bool> {
    let published = npm::versions(&platform::package(platform::current()?))?;
    Ok(published.iter().any(|other| other == version))
}

/// The binary of a version, when it is installed. One that was changed since is an error.
fn installed(version: &str) -> Result<Option<PathBuf>> {
    intact(&paths::cli_cache()?.join(version).join(platform::current()?), binary_of)
}

/// The program in a package of the cache, when the package is there and is known to be as it was installed.
fn intact(package: &Path, program: Find) -> Result<Option<PathBuf>> {
    // A folder gets its name only when it is complete.
    let Ok(program) = program(package) else { return Ok(None) };
    Ok(sum::check(package)?.then_some(program))
}

/// Finds the program in a package.
type Find = fn(&Path) -> Result<PathBuf>;

/// A package that npm brought into a temporary folder.
struct Fetched {
    folder: PathBuf,
    integrity: Option<String>,
}

/// The binary of a version, which is installed first when it is not there yet.
pub fn install(version: &str) -> Result<PathBuf> {
    check_version(version)?;
    let platform = platform::current()?;
    if let Some(binary) = installed(version)? {
        return Ok(binary);
    }
    let target = paths::cli_cache()?.join(version).join(platform);
    let binary = cached(&target, binary_of, |temp| {
        let package = download(platform, version, temp)?;
        verify(Command::new(binary_of(&package.folder)?), version, temp)?;
        Ok(package)
    })?;
    eprintln!("Installed Copilot CLI {version}");
    Ok(binary)
}

/// Puts a package into the cache, unless it is there, and gives the program that is looked for in it.
fn cached(target: &Path, program: Find, fetch: impl FnOnce(&TempDir) -> Result<Fetched>) -> Result<PathBuf> {
    let cache = paths::cli_cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let _lock = lock(&cache)?;
    remove_stale(&cache);
    // Another run may have installed it while this one waited for the lock.
    if let Some(program) = intact(target, program)? {
        return Ok(program);
    }
    if target.exists() {
        eprintln!("There is no checksum of {}, so it is installed again", target.display());
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

/// A program that may vanish with this value.
pub struct Borrowed {
    pub program: PathBuf,
    _temp: Option<TempDir>,
}

/// The binary of a version, or its script, for a look at its package: the installed one, or one that is not kept.
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

/// Accepts an exact version only: a range or a tag would name something else another day.
fn check_version(version: &str) -> Result<()> {
    if Version::parse(version).is_err() {
        bail!("`{version}` is not a version; give an exact one, such as 1.0.102");
    }
    Ok(())
}

/// Lets one install at a time work in the cache; the system frees the lock when a run dies.
fn lock(cache: &Path) -> Result<File> {
    let path = cache.join(".lock");
    let failed = || format!("cannot lock {}", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(&path).with_context(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("Waiting for another install to end");
            file.lock().with_context(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
    }
    Ok(file)
}

/// Removes what interrupted installs left; under the lock no other can be under way.
fn remove_stale(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
            // What cannot be removed now wastes space but harms nothing; the next install tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Brings the package of a platform into a temporary folder.
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

/// Brings a package into a temporary folder.
fn fetch_package(package: &str, spec: &str, temp: &TempDir) -> Result<Fetched> {
    let integrity = npm::integrity(spec)?;
    npm::install(spec, temp.path())?;
    Ok(Fetched { folder: temp.path().join("node_modules").join(package), integrity })
}

/// Says what there is instead of a version that npm does not find.
fn not_published(platform: &str, version: &str, error: anyhow::Error) -> anyhow::Error {
    let package = platform::package(platform);
    // Without the list the answer is only less helpful.
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

/// The published versions next to a wanted one, and the newest.
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
        format!("{} printed no version ({}): {printed}", command.get_program().display(), output.status)
    })
}

/// The first version in a text.
fn version_in(text: &str) -> Option<String> {
    let mut words = text.split_whitespace().map(|word| word.trim_end_matches('.'));
    words.find(|word| Version::parse(word).is_ok()).map(str::to_owned)
}

/// Keeps a run of the CLI away from the user's own settings and cache.
fn isolate(command: &mut Command, temp: &Path) {
    command.env("COPILOT_HOME", temp.join("home")).env("COPILOT_CACHE_HOME", temp.join("cache"));
    // Early versions know neither variable and go by the user's home alone.
    for variable in ["HOME", "USERPROFILE", "LOCALAPPDATA"] {
        command.env(variable, temp);
    }
    for variable in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env_remove(variable);
    }
}

fn move_into_place(package: &Path, target: &Path) -> Result<()> {
    let failed = || format!("cannot put the Copilot CLI into {}", target.display());
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).with_context(failed)?;
    }
    if target.exists() {
        // It is there but has no usable binary or no checksum, or this run would have ended long before.
        fs::remove_dir_all(target).with_context(failed)?;
    }
    fs::rename(package, target).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(versions: &[&str]) -> Vec<String> {
        versions.iter().map(|&version| version.to_owned()).collect()
    }

    #[test]
    fn only_exact_versions_are_accepted() {
        assert!(check_version("1.0.102").is_ok());
        assert!(check_version("1.0.84-4").is_ok());
        for wrong in ["latest", "^1.0", "1.0", "", "../1.0.1", "v1.0.102"] {
            assert!(check_version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_version_is_found_in_what_the_cli_prints() {
        let printed = "GitHub Copilot CLI 1.0.84-4.\nRun 'copilot update' to check for updates.\n";
        assert_eq!(version_in(printed).as_deref(), Some("1.0.84-4"));
        assert_eq!(version_in("no such option"), None);
    }

    #[test]
    fn only_what_is_as_it_was_installed_is_run() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let package = cache.path().join("linux-x64");
        assert_eq!(intact(&package, binary_of)?, None, "there is nothing");
        fs::create_dir(&package)?;
        fs::write(package.join("package.json"), r#"{"bin": "copilot"}"#)?;
        fs::write(package.join("copilot"), "the program")?;
        assert_eq!(intact(&package, binary_of)?, None, "no checksum was kept");
        sum::keep(&package, None)?;
        assert_eq!(intact(&package, binary_of)?, Some(package.join("copilot")));
        fs::write(package.join("copilot"), "another one")?;
        assert!(intact(&package, binary_of).is_err(), "it was changed");
        Ok(())
    }

    #[test]
    fn neighbours_and_the_newest_are_suggested() {
        let published = list(&["1.0.92", "1.0.9", "1.0.102", "1.0.89-0", "1.0.89"]);
        assert_eq!(nearest(&published, "1.0.50"), list(&["1.0.9", "1.0.89-0", "1.0.102"]));
        assert_eq!(nearest(&published, "1.0.101"), list(&["1.0.92", "1.0.102"]));
        assert_eq!(nearest(&published, "9.9.9"), list(&["1.0.102"]));
        assert_eq!(nearest(&published, "0.0.1"), list(&["1.0.9", "1.0.102"]));
        assert_eq!(nearest(&[], "1.0.1"), list(&[]));
    }

    #[test]
    fn the_binary_is_the_one_the_package_names() -> Result<()> {
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
