//! Builds of a program that uses the SDK.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::table::{self, row};
use crate::{cargo, paths};

/// A program that streams typed events and has a tool, a permission policy and a call, and its dependencies.
pub struct Program {
    /// The package that is measured.
    pub package: &'static str,
    pub dependencies: String,
    pub source: &'static str,
}

const HEADINGS: [&str; 8] = ["", "time", "CPU time", "memory", "rebuild", "crates", "rlib", "rmeta"];

/// The dependencies of both programs.
const SHARED: &str = r#"serde_json = "1"
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
"#;

/// The program with this SDK and some of its features.
pub fn ours(features: &[&str]) -> Result<Program> {
    // A JSON string is also a TOML string.
    let path = serde_json::to_string(&paths::repo_root().join("sdk"))?;
    Ok(Program {
        package: "copilot-session",
        dependencies: format!("copilot-session = {{ path = {path}, features = {features:?} }}\n{SHARED}"),
        source: include_str!("programs/ours.rs"),
    })
}

/// The program with the official crate, without its default features, which download the CLI.
fn official() -> Program {
    let dependencies = r#"async-trait = "0.1"
github-copilot-sdk = { version = "=1.0.29-preview.4", default-features = false, features = ["runtime"] }
"#;
    Program {
        package: "github-copilot-sdk",
        dependencies: format!("{dependencies}{SHARED}"),
        source: include_str!("programs/official.rs"),
    }
}

pub fn run(alone: bool, release: bool) -> Result<()> {
    println!("{}", row(HEADINGS.map(str::to_owned)));
    println!("{}", measure("copilot-session", &ours(&[])?, release)?);
    println!("{}", measure("with `full`", &ours(&["full"])?, release)?);
    if !alone {
        println!("{}", measure("github-copilot-sdk", &official(), release)?);
    }
    Ok(())
}

/// Builds a program in empty folders, and again after a change of its source, and returns its row of the table.
fn measure(title: &str, program: &Program, release: bool) -> Result<String> {
    let project = project(program)?;
    cargo::run(command(project.path()).args(["fetch", "--quiet"]), "cannot fetch the dependencies")?;
    let started = Instant::now();
    let (messages, cpu_seconds, peak_bytes) = build(project.path(), release)?;
    let wall_seconds = started.elapsed().as_secs_f64();
    let Built { crates, rlib_bytes, rmeta_bytes } =
        Built::read(&messages, &program.package.replace('-', "_"))?;
    fs::write(project.path().join("src/main.rs"), program.source.replace("hello", "hello again"))?;
    let (_, rebuild_seconds, _) = build(project.path(), release)?;
    Ok(row([
        title.to_owned(),
        table::seconds(wall_seconds),
        cpu_seconds.map_or_else(unknown, table::seconds),
        peak_bytes.map_or_else(unknown, megabytes),
        rebuild_seconds.map_or_else(unknown, table::seconds),
        crates.to_string(),
        rlib_bytes.map_or_else(unknown, megabytes),
        rmeta_bytes.map_or_else(unknown, megabytes),
    ]))
}

/// Runs `cargo build` and returns its messages, its CPU seconds, and the memory of the largest process.
fn build(project: &Path, release: bool) -> Result<(Vec<u8>, Option<f64>, Option<u64>)> {
    let mut command = command(project);
    command.args(["build", "--offline", "--message-format=json-render-diagnostics"]);
    command.args(release.then_some("--release"));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut messages = Vec::new();
    // The pipe is closed when cargo ends.
    child.stdout.take().context("cargo has no output")?.read_to_end(&mut messages)?;
    let (status, cpu_seconds, peak_bytes) = wait(&mut child)?;
    ensure!(status.success(), "the build failed ({status}); see above");
    Ok((messages, cpu_seconds, peak_bytes))
}

fn unknown() -> String {
    "-".to_owned()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Writes a program to a new folder.
pub fn project(program: &Program) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    // It is a workspace, since the temporary folder may lie inside of another one. A crate in a folder is built as one
    // of a registry, which is not compiled incrementally.
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{}\n[workspace]\n\n\
         [profile.dev.package.{}]\nincremental = false\n",
        program.dependencies, program.package
    );
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("src/main.rs"), program.source)?;
    Ok(folder)
}

/// Cargo, with the same settings for each package.
pub fn command(project: &Path) -> Command {
    let mut command = cargo::anywhere();
    let target = project.join("target");
    command
        .current_dir(project)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_BUILD_BUILD_DIR", &target)
        .env_remove("CARGO_INCREMENTAL")
        .env_remove("CARGO_PROFILE_DEV_DEBUG")
        .env("COPILOT_SKIP_CLI_DOWNLOAD", "1")
        // A compiler cache would be measured in place of the compiler.
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Waits for a process and returns the CPU seconds of it and its descendants, and the memory of the largest.
#[cfg(unix)]
fn wait(child: &mut Child) -> Result<(ExitStatus, Option<f64>, Option<u64>)> {
    use wait4::Wait4;
    let ended = child.wait4().context("cannot wait for cargo")?;
    let cpu = ended.rusage.utime + ended.rusage.stime;
    Ok((ended.status, Some(cpu.as_secs_f64()), Some(ended.rusage.maxrss)))
}

/// Waits for a process; Windows knows the CPU time of cargo alone, and not that of the compilers.
#[cfg(not(unix))]
fn wait(child: &mut Child) -> Result<(ExitStatus, Option<f64>, Option<u64>)> {
    Ok((child.wait().context("cannot wait for cargo")?, None, None))
}

/// The figures of a build.
#[derive(Debug, PartialEq)]
struct Built {
    crates: usize,
    rlib_bytes: Option<u64>,
    rmeta_bytes: Option<u64>,
}

impl Built {
    fn read(messages: &[u8], library: &str) -> Result<Self> {
        let mut artifacts = cargo::artifacts(messages)?;
        artifacts.retain(|artifact| artifact.target.name != "probe");
        let measured = artifacts.iter().find(|built| built.target.name == library && built.target.is_lib());
        let files = &measured.with_context(|| format!("cargo built no library {library}"))?.filenames;
        let size = |extension: &str| {
            let file = files.iter().find(|file| file.extension() == Some(extension))?;
            Some(fs::metadata(file).ok()?.len())
        };
        let (rlib_bytes, rmeta_bytes) = (size("rlib"), size("rmeta"));
        let crates: BTreeSet<_> = artifacts.iter().map(|artifact| &artifact.package_id).collect();
        Ok(Self { crates: crates.len(), rlib_bytes, rmeta_bytes })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn packages_are_counted_once_and_the_library_is_found() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let rlib = folder.path().join("lib.rlib");
        fs::write(&rlib, [0; 7])?;
        let artifact = |package: &str, name: &str, kind: &str| {
            let target = json!({"name": name, "kind": [kind], "src_path": "", "required-features": []});
            let profile =
                json!({"opt_level": "0", "debug_assertions": true, "overflow_checks": true, "test": false});
            json!({
                "reason": "compiler-artifact", "package_id": package, "target": target, "profile": profile,
                "features": [], "filenames": [rlib], "fresh": false,
            })
        };
        let messages = [
            artifact("a", "build-script-build", "custom-build"),
            artifact("a", "a", "lib"),
            artifact("copilot-session", "copilot_session", "lib"),
            artifact("probe", "probe", "lib"),
            json!({"reason": "build-finished", "success": true}),
        ];
        let messages = messages.map(|message| message.to_string()).join("\n");
        let built = Built::read(messages.as_bytes(), "copilot_session")?;
        assert_eq!(built, Built { crates: 2, rlib_bytes: Some(7), rmeta_bytes: None });
        assert!(Built::read(messages.as_bytes(), "other").is_err());
        Ok(())
    }

    #[test]
    fn the_project_has_its_dependencies() -> Result<()> {
        let folder = project(&ours(&["full"])?)?;
        let manifest = fs::read_to_string(folder.path().join("Cargo.toml"))?;
        assert!(manifest.contains("features = [\"full\"] }\n"), "{manifest}");
        Ok(())
    }
}
