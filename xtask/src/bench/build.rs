//! Measures cold builds of an empty project that depends on a crate, for this SDK and the official one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::table;
use crate::{cargo, paths};

#[derive(clap::Args, Default)]
pub struct Args {
    /// Measure one of the two only
    #[arg(long, value_enum)]
    only: Option<Subject>,
    /// Measure `cargo check` as well
    #[arg(long)]
    check: bool,
    /// Measure `cargo build --release` as well
    #[arg(long)]
    release: bool,
    /// Print JSON in place of tables
    #[arg(long)]
    json: bool,
}

/// Whose build is measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// This workspace's sdk folder, with its default features
    Ours,
    /// The official crate, without its default features, which bring the CLI along
    Alternative,
}

/// What one build took and left.
pub struct Figures {
    pub package: &'static str,
    pub wall_seconds: f64,
    /// Of cargo and all it started; not measured on Windows.
    pub cpu_seconds: Option<f64>,
    /// Of the largest process; not measured on Windows.
    pub peak_bytes: Option<u64>,
    pub crates: usize,
    pub rlib_bytes: Option<u64>,
    pub rmeta_bytes: Option<u64>,
}

pub fn run(args: &Args) -> Result<()> {
    let mut modes = vec!["build"];
    modes.extend(args.check.then_some("check"));
    modes.extend(args.release.then_some("build --release"));
    let subjects = match args.only {
        Some(subject) => vec![subject],
        None => vec![Subject::Ours, Subject::Alternative],
    };
    let rustc = Command::new("rustc").arg("--version").output().context("cannot run rustc")?;
    let rustc = String::from_utf8_lossy(&rustc.stdout).trim().to_owned();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builds = Vec::new();
    for mode in modes {
        // One after the other, so that both have the machine to themselves and find it in the same state.
        let figures = subjects.iter().map(|subject| measure(*subject, mode)).collect::<Result<Vec<_>>>()?;
        if args.json {
            builds.extend(figures.iter().map(|figures| figures.json(mode)));
        } else {
            println!(
                "Cold `cargo {mode}` of an empty project, {rustc}, {cpus} CPUs\n{}",
                table::render(&figures)
            );
        }
    }
    if args.json {
        println!("{:#}", json!({"rustc": rustc, "cpus": cpus, "builds": builds}));
    }
    Ok(())
}

impl Subject {
    fn package(self) -> &'static str {
        match self {
            Self::Ours => "copilot-session",
            Self::Alternative => "github-copilot-sdk",
        }
    }

    /// The specification of the dependency, in TOML.
    fn dependency(self) -> Result<String> {
        Ok(match self {
            Self::Ours => {
                let sdk = paths::repo_root().join("sdk");
                // A JSON string is a TOML string as well.
                format!("{{ path = {} }}", serde_json::to_string(&sdk)?)
            }
            Self::Alternative => r#"{ version = "=1.0.29-preview.4", default-features = false }"#.to_owned(),
        })
    }
}

/// Builds a new project in empty folders.
fn measure(subject: Subject, mode: &str) -> Result<Figures> {
    let package = subject.package();
    let project = project(package, &subject.dependency()?)?;
    eprintln!("Fetching what {package} depends on, then measuring `cargo {mode}`");
    cargo::run(command(project.path()).args(["fetch", "--quiet"]), "cannot fetch the dependencies")?;
    let mut command = command(project.path());
    command.args(mode.split(' ')).args(["--offline", "--message-format=json-render-diagnostics"]);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut messages = String::new();
    // The pipe ends when cargo does, so the wait below is short.
    child.stdout.take().context("cargo has no output")?.read_to_string(&mut messages)?;
    let (status, cpu_seconds, peak_bytes) = wait(&mut child)?;
    let wall_seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "`cargo {mode}` of {package} failed ({status}); see above");
    let built = Built::read(&messages, &package.replace('-', "_"))?;
    let size = |extension: &str| {
        let file =
            built.files.iter().find(|file| Path::new(file).extension().is_some_and(|it| it == extension));
        file.and_then(|file| fs::metadata(file).ok()).map(|metadata| metadata.len())
    };
    Ok(Figures {
        package,
        wall_seconds,
        cpu_seconds,
        peak_bytes,
        crates: built.crates,
        rlib_bytes: size("rlib"),
        rmeta_bytes: size("rmeta"),
    })
}

/// A library that does nothing but offer the other one.
fn project(package: &str, dependency: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    // A workspace of its own, in case the temporary folder lies inside of another.
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{package} = {dependency}\n\n[workspace]\n"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("src/lib.rs"), format!("pub use {};\n", package.replace('-', "_")))?;
    Ok(folder)
}

/// Cargo, with the settings that both sides get.
fn command(project: &Path) -> Command {
    let mut command = cargo::anywhere();
    let target = project.join("target");
    command
        .current_dir(project)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_BUILD_BUILD_DIR", &target)
        .env("CARGO_INCREMENTAL", "0")
        .env("COPILOT_SKIP_CLI_DOWNLOAD", "1")
        // A compiler cache would be measured in place of the compiler.
        .env("RUSTC_WRAPPER", "")
        .env("RUSTC_WORKSPACE_WRAPPER", "")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Waits for a process and tells the CPU seconds of it and all it started, and the memory of the largest.
#[cfg(unix)]
fn wait(child: &mut Child) -> Result<(ExitStatus, Option<f64>, Option<u64>)> {
    use wait4::Wait4;
    let ended = child.wait4().context("cannot wait for cargo")?;
    let cpu = ended.rusage.utime + ended.rusage.stime;
    Ok((ended.status, Some(cpu.as_secs_f64()), Some(ended.rusage.maxrss)))
}

/// Waits for a process; Windows tells only its own CPU time, and the work is done by others.
#[cfg(not(unix))]
fn wait(child: &mut Child) -> Result<(ExitStatus, Option<f64>, Option<u64>)> {
    Ok((child.wait().context("cannot wait for cargo")?, None, None))
}

/// What cargo said it built.
struct Built {
    crates: usize,
    /// The files of the library that is measured.
    files: Vec<String>,
}

impl Built {
    fn read(messages: &str, library: &str) -> Result<Self> {
        let mut packages = BTreeSet::new();
        let mut files = Vec::new();
        for line in messages.lines() {
            let message: Value = serde_json::from_str(line).context("cargo did not answer in JSON")?;
            if message["reason"] != "compiler-artifact" || message["target"]["name"] == "probe" {
                continue;
            }
            packages.insert(message["package_id"].to_string());
            let kinds = message["target"]["kind"].as_array().into_iter().flatten();
            if message["target"]["name"] == library && kinds.into_iter().any(|kind| kind == "lib") {
                let names = message["filenames"].as_array().into_iter().flatten();
                files.extend(names.filter_map(Value::as_str).map(str::to_owned));
            }
        }
        if files.is_empty() {
            bail!("cargo built no library {library}");
        }
        Ok(Self { crates: packages.len(), files })
    }
}

impl Figures {
    fn json(&self, mode: &str) -> Value {
        json!({
            "package": self.package,
            "command": format!("cargo {mode}"),
            "wall_seconds": self.wall_seconds,
            "cpu_seconds": self.cpu_seconds,
            "peak_bytes": self.peak_bytes,
            "crates": self.crates,
            "rlib_bytes": self.rlib_bytes,
            "rmeta_bytes": self.rmeta_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_once_and_the_library_is_found() -> Result<()> {
        let artifact = |package: &str, name: &str, kind: &str, file: &str| {
            let target = json!({"name": name, "kind": [kind]});
            json!({"reason": "compiler-artifact", "package_id": package, "target": target, "filenames": [file]})
        };
        let messages = [
            artifact("a", "build-script-build", "custom-build", "b"),
            artifact("a", "a", "lib", "liba.rmeta"),
            artifact("copilot-session", "copilot_session", "lib", "libc.rlib"),
            artifact("probe", "probe", "lib", "libprobe.rlib"),
            json!({"reason": "build-finished", "success": true}),
        ];
        let messages = messages.map(|message| message.to_string()).join("\n");
        let built = Built::read(&messages, "copilot_session")?;
        assert_eq!((built.crates, built.files), (2, vec!["libc.rlib".to_owned()]));
        assert!(Built::read(&messages, "other").is_err());
        Ok(())
    }

    #[test]
    fn the_project_is_empty_but_for_its_dependency() -> Result<()> {
        let folder = project("copilot-session", &Subject::Ours.dependency()?)?;
        let manifest = fs::read_to_string(folder.path().join("Cargo.toml"))?;
        assert!(manifest.contains("\ncopilot-session = { path = \""), "{manifest}");
        assert_eq!(fs::read_to_string(folder.path().join("src/lib.rs"))?, "pub use copilot_session;\n");
        Ok(())
    }
}
