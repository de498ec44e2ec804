//! The programs that are measured: the same rows with this SDK and with the official one, and the CLI that they talk
//! to.
//!
//! Each is a project of its own below the target folder, with its sources in `xtask/src/bench/programs/speed`, so that
//! it is built as a user would build it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::bench::build;
use crate::{cargo, paths};

/// The version of the official crate, without its default features, which download the CLI.
pub const OFFICIAL: &str = "1.0.29-preview.4";

/// A way to build a program.
#[derive(Clone, Copy, PartialEq)]
pub enum Build {
    Plain,
    /// With an allocator that counts.
    Counted,
    /// With all metrics of the runtime.
    Metrics,
}

/// The CLI, and a program for each SDK.
pub struct Programs {
    pub cli: PathBuf,
    programs: Vec<(Sdk, PathBuf)>,
}

impl Programs {
    pub fn build(sdks: &[Sdk], build: Build) -> Result<Self> {
        let cli = fake_cli()?;
        let programs = sdks.iter().map(|sdk| Ok((*sdk, sdk.build(build)?))).collect::<Result<_>>()?;
        Ok(Self { cli, programs })
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.programs.iter().map(|(_, path)| &**path)
    }

    /// The columns of a table, with one for the ratio.
    pub fn columns(&self) -> Vec<String> {
        let ratio = (self.programs.len() > 1).then(|| "ratio".to_owned());
        self.programs.iter().map(|(sdk, _)| sdk.name().to_owned()).chain(ratio).collect()
    }

    /// A further column for each SDK.
    pub fn each<'a>(&'a self, what: &'a str) -> impl Iterator<Item = String> + 'a {
        self.programs.iter().map(move |(sdk, _)| match sdk {
            Sdk::Ours => what.to_owned(),
            Sdk::Official => format!("{what}, official"),
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Sdk {
    Ours,
    Official,
}

impl Sdk {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "copilot-session",
            Self::Official => "github-copilot-sdk",
        }
    }

    /// Builds the program with this SDK and returns its path.
    fn build(self, build: Build) -> Result<PathBuf> {
        let (project, main, dependencies) = match self {
            Self::Ours => {
                // A JSON string is also a TOML string.
                let path = serde_json::to_string(&paths::repo_root().join("sdk"))?;
                ("ours", "client/ours.rs", format!("copilot-session = {{ path = {path} }}\n"))
            }
            Self::Official => {
                let dependencies = format!(
                    "async-trait = \"0.1\"\ngithub-copilot-sdk = {{ version = \"={OFFICIAL}\", \
                     default-features = false, features = [\"runtime\"] }}\n"
                );
                ("official", "client/official.rs", dependencies)
            }
        };
        let shared = r#"nix = { version = "0.30", default-features = false, features = ["sched", "time"] }
serde_json = "1"
stats_alloc = { version = "=0.1.10", optional = true }
tokio = { version = "1", features = ["rt-multi-thread", "time"] }

[features]
counted = ["dep:stats_alloc"]
"#;
        let folder = write(project, main, &(dependencies + shared))?;
        compile(&folder, build)
    }
}

/// Builds the CLI and returns its path.
fn fake_cli() -> Result<PathBuf> {
    let dependencies = r#"rustix = { version = "1", features = ["pipe"] }
serde_json = { version = "1", features = ["preserve_order", "raw_value"] }
"#;
    compile(&write("fake-cli", "fake_cli/main.rs", dependencies)?, Build::Plain)
}

/// Writes a project and returns its folder. It has the versions of this workspace, so that it changes only with them.
fn write(name: &str, main: &str, dependencies: &str) -> Result<PathBuf> {
    let folder = paths::target_dir().join("speed").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let main = paths::repo_root().join("xtask/src/bench/programs/speed").join(main);
    let main = serde_json::to_string(&main)?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [[bin]]\nname = \"{name}\"\npath = {main}\n\n\
         [dependencies]\n{dependencies}\n\
         [lints.rust]\nunexpected_cfgs = {{ level = \"warn\", check-cfg = [\"cfg(tokio_unstable)\"] }}\n\n\
         [workspace]\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(paths::repo_root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(folder)
}

fn compile(folder: &Path, kind: Build) -> Result<PathBuf> {
    let mut command = build::command(folder);
    command.args(["build", "--release", "--quiet", "--message-format=json-render-diagnostics"]);
    match kind {
        Build::Plain => &mut command,
        Build::Counted => command.args(["--features", "counted"]),
        Build::Metrics => command.args(["--target-dir", "metrics"]).env("RUSTFLAGS", "--cfg tokio_unstable"),
    };
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the program in {} cannot be built; see above", folder.display());
    let built = cargo::artifacts(&output.stdout)?.into_iter().find_map(|artifact| artifact.executable);
    let built = PathBuf::from(built.context("cargo built no program")?);
    // The next build replaces it.
    let kept = folder.join(match kind {
        Build::Plain => "plain",
        Build::Counted => "counted",
        Build::Metrics => "metrics-program",
    });
    fs::copy(&built, &kept).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(kept)
}

/// The version of a crate in the lock file of this workspace, which the programs have too.
pub fn locked(name: &str) -> Result<String> {
    let lock = fs::read_to_string(paths::repo_root().join("Cargo.lock"))?;
    let line = format!("name = \"{name}\"");
    let version = lock.lines().skip_while(|other| *other != line).nth(1);
    let version = version.and_then(|version| version.strip_prefix("version = "));
    Ok(version.with_context(|| format!("no {name} in Cargo.lock"))?.trim_matches('"').to_owned())
}
