//! The programs of the demo: a turn, and the examples of the SDK.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Model;
use crate::{cargo, paths};

/// A program that the demo runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Program {
    /// A turn that is explained while it runs.
    Turn,
    /// An example that is a package of its own.
    Package(String),
    /// An example of the SDK's package.
    Example(String),
}

impl Program {
    /// The program with this name.
    pub fn named(name: &str) -> Result<Self> {
        let all = Self::all(&paths::repo_root().join("sdk/examples"))?;
        let names = all.iter().map(Self::name).collect::<Vec<_>>().join(", ");
        let Some(found) = all.into_iter().find(|program| program.name() == name) else {
            bail!("there is no program {name:?} to show; there are {names}");
        };
        Ok(found)
    }

    /// All programs, with those in this folder.
    fn all(examples: &Path) -> Result<Vec<Self>> {
        let mut found = vec![];
        for entry in fs::read_dir(examples).with_context(|| format!("cannot read {}", examples.display()))? {
            let path = entry?.path();
            let name =
                || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if path.join("Cargo.toml").is_file() {
                found.push(Self::Package(name()));
            } else if path.join("main.rs").is_file() || path.extension().is_some_and(|end| end == "rs") {
                found.push(Self::Example(name()));
            }
        }
        found.sort_by(|one, other| one.name().cmp(other.name()));
        // It is no program to look at, but one that tests start.
        found.retain(|program| program.name() != "fake_cli");
        found.insert(0, Self::Turn);
        Ok(found)
    }

    fn name(&self) -> &str {
        match self {
            Self::Turn => "turn",
            Self::Package(name) | Self::Example(name) => name,
        }
    }

    /// The program in words, at the beginning of a sentence.
    pub fn in_words(&self) -> String {
        match self {
            Self::Turn => "A turn".to_owned(),
            Self::Package(name) | Self::Example(name) => format!("The example {name}"),
        }
    }

    /// Builds the program, and returns the command that runs it with this model.
    pub fn command(&self, model: &Model) -> Result<Command> {
        let program = match self {
            Self::Turn => cargo::example("demo")?,
            Self::Package(name) => {
                let manifest = format!("sdk/examples/{name}/Cargo.toml");
                cargo::program(name, &["--manifest-path", &manifest])?
            }
            Self::Example(name) => {
                let features = "--features=full,memory-files,schemars,testing,transcript";
                cargo::program(name, &["--package", "copilot-session", features, "--example", name])?
            }
        };
        let is_turn = *self == Self::Turn;
        let mut command = match model {
            Model::Script if !is_turn => self.scripted(program)?,
            _ => Command::new(program),
        };
        model.apply(&mut command);
        if is_turn && matches!(model, Model::Login { .. }) {
            command.arg("--login");
        }
        Ok(command)
    }

    /// The command that runs a program with the scripted model, whose sessions are apart from the user's.
    fn scripted(&self, program: PathBuf) -> Result<Command> {
        let folder = paths::target_dir().join("demo");
        let work = folder.join("work");
        fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
        // The script deletes this file, if it is allowed to.
        fs::write(work.join("notes.txt"), "Buy an umbrella.\n").context("cannot write notes.txt")?;
        let mut command = Command::new(cargo::example("scripted")?);
        command.arg(program).env("COPILOT_HOME", folder.join("home"));
        // The reviewer reads the repository that it is started in; the others get a folder to play in.
        if self.name() != "review" {
            command.current_dir(work);
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() -> Result<()> {
        assert_eq!(Program::named("turn")?, Program::Turn);
        assert_eq!(Program::named("policies")?, Program::Example("policies".into()));
        let missing = Program::named("chess").unwrap_err().to_string();
        assert!(missing.starts_with("there is no program \"chess\" to show; there are turn, "), "{missing}");
        assert!(missing.contains("session_fs") && !missing.contains("fake_cli"), "{missing}");
        Ok(())
    }

    #[test]
    fn a_folder_with_a_manifest_is_a_package() -> Result<()> {
        let folder = tempfile::tempdir()?;
        for path in ["desk/Cargo.toml", "plain/main.rs", "common/mod.rs", "ask.rs", "README.md"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().context("a parent")?)?;
            fs::write(path, "")?;
        }
        let found = Program::all(folder.path())?;
        let example = |name: &str| Program::Example(name.into());
        assert_eq!(found, [Program::Turn, example("ask"), Program::Package("desk".into()), example("plain")]);
        Ok(())
    }
}
