//! `cargo xtask gallery`: makes a page of each recording, or the pictures of the docs.

use std::process::Command;

use anyhow::Result;

use crate::{cargo, cli, paths};

/// The folder of the pictures. It is not packaged.
const PICTURES: &str = "sdk/examples/pictures";

#[derive(clap::Args)]
pub struct Args {
    /// Make the pictures of sdk/examples/README.md instead. One that would have the same words stays as it is; delete
    /// it first to make it again
    #[arg(long)]
    pictures: bool,
}

pub fn run(args: &Args) -> Result<()> {
    if args.pictures {
        return pictures();
    }
    let mut command = Command::new(cargo::example("gallery")?);
    command.current_dir(paths::repo_root()).arg(paths::target_dir().join("gallery"));
    cargo::run(&mut command, "the gallery cannot be written")
}

fn pictures() -> Result<()> {
    let mut command = Command::new(cargo::example("pictures")?);
    command.arg(paths::repo_root().join(PICTURES));
    for package in ["chat", "desk", "review"] {
        command.arg(cargo::program(package, &["--package", package])?);
    }
    command.arg(cargo::example("demo")?).env(cli::PATH_VARIABLE, cli::choose(None)?);
    cargo::run(&mut command, "the pictures cannot be made")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// The most bytes of a picture with this ending.
    fn most(name: &str) -> u64 {
        if name.ends_with(".svg") { 40 << 10 } else { 100 << 10 }
    }

    #[test]
    fn the_pages_show_all_pictures_and_they_are_small() -> Result<()> {
        let root = paths::repo_root();
        let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "-.".contains(letter);
        let mut shown = BTreeSet::new();
        for page in ["README.md", "sdk/examples/README.md"] {
            let text = fs::read_to_string(root.join(page))?;
            let names = text.split("pictures/").skip(1);
            shown.extend(
                names.map(|rest| rest.split(|letter| !is_of_name(letter)).next().unwrap_or("").to_owned()),
            );
        }
        let (mut found, mut all) = (BTreeSet::new(), 0);
        for entry in fs::read_dir(root.join(PICTURES))? {
            let (entry, name) = entry.map(|entry| (entry.metadata(), entry.file_name()))?;
            let (bytes, name) = (entry?.len(), name.to_string_lossy().into_owned());
            assert!(bytes <= most(&name), "{name} has {bytes} bytes");
            all += bytes;
            found.insert(name);
        }
        assert_eq!(shown, found);
        assert!(all <= 500 << 10, "{all} bytes");
        Ok(())
    }
}
