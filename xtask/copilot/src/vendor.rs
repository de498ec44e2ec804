//! `cargo copilot vendor`: writes the sources of `copilot-session`, generated for another version of the CLI.

mod advice;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::semver::Version;
use copilot_session_codegen::Protocol;
use copilot_session_drift::ours::Ours;
use copilot_session_drift::schema::{self, SchemaSet};
use copilot_session_drift::{process, sets};
use flate2::read::GzDecoder;

use crate::project::{Sdk, cargo};

/// The folder of generated code in the sources.
const GENERATED: &str = "src/generated/";
/// The file that marks a folder as one of this command.
const MARK: &str = "VENDORED.md";
/// The files that cargo adds to a package, and the list of dependencies, which is the project's.
const ADDED: [&str; 4] = [".cargo-ok", ".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"];
/// The other names that a folder of sources may have, which stay.
const BESIDES: [&str; 2] = [".git", "target"];
/// The number of the compiler's lines that an error shows.
const SHOWN: usize = 20;
/// The features that need no further crates.
const FEATURES: &str = "full,memory-files,serde,testing,transcript";

const ABOUT: &str = "\
The sources are those of the copilot-session that the project uses, with the types, methods and events of the other
version. The SDK still supports the versions that it supported. For a dependency from crates.io, use them with

  [patch.crates-io]
  copilot-session = { path = \"DIR\" }

For another dependency, the command says what to change. Schemas of a version come from its package, which npm
verifies. Nothing is written if the generator does not support something in the schemas, or if the crate does not
compile with them.";

#[derive(clap::Args)]
#[command(after_help = ABOUT)]
pub struct Args {
    /// The version of the CLI, `installed`, or a folder with schemas
    #[arg(long, value_name = "VERSION")]
    cli: String,
    /// The folder to write to, which is replaced if this command wrote it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write sources that may not compile
    #[arg(long)]
    no_check: bool,
    /// The Cargo.toml of the project [default: that of the current folder]
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
}

/// The content of each file, by its path with slashes.
type Files = BTreeMap<String, Vec<u8>>;

pub fn run(args: &Args) -> Result<()> {
    let sdk = Sdk::find(args.manifest_path.as_deref())?;
    let sdk = sdk.context(
        "no project with copilot-session in this folder; name its Cargo.toml with --manifest-path",
    )?;
    let own = env!("CARGO_PKG_VERSION");
    ensure!(
        sdk.version == own,
        "this is cargo-copilot {own}, and the project uses copilot-session {version}, which another generator belongs \
         to; run `cargo install cargo-copilot --version {version}`",
        version = sdk.version
    );
    let out = std::path::absolute(&args.out).context("cannot use the folder to write to")?;
    check_out(&out)?;
    let set = find(&args.cli)?;
    let version = set.version.clone();
    let generated = generate(set)?;
    let mut files = sources(&sdk)?;
    replace_generated(&mut files, generated);
    files.insert(MARK.to_owned(), mark(own, &version).into_bytes());
    if !args.no_check {
        eprintln!("Checking copilot-session {own} with the schemas of Copilot CLI {version}");
        check(&sdk, &files)?;
    }
    put(&files, &out)?;
    crate::print(&format!(
        "Wrote copilot-session {own} for Copilot CLI {version} to {}\n{}",
        out.display(),
        advice::to_use(&sdk, &out)
    ))
}

/// Checks that nothing of the user's would be replaced.
fn check_out(out: &Path) -> Result<()> {
    let empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !out.exists(),
    };
    ensure!(
        empty || out.join(MARK).is_file(),
        "{} exists, and `cargo copilot vendor` did not write it; name another folder with --out",
        out.display()
    );
    Ok(())
}

/// The schemas to generate from. Those of a version are verified, since code is made of them.
fn find(word: &str) -> Result<SchemaSet> {
    ensure!(
        word != "latest",
        "give a version in place of `latest`, so that the same sources can be written again"
    );
    match word {
        "installed" => sets::installed_itself(),
        version if Version::parse(version).is_ok() => schema::keep(&schema::installed(version)?),
        folder => sets::in_folder(Path::new(folder)),
    }
}

/// Generates the code.
fn generate(set: SchemaSet) -> Result<BTreeMap<String, String>> {
    let ours = Ours::built_in()?.again_for(set)?;
    let protocol = Protocol::read(ours.set.input(&ours.supplement));
    let mut protocol = protocol.with_context(|| {
        format!(
            "the generator of this version does not support the schemas of Copilot CLI {}",
            ours.set.version
        )
    })?;
    ours.allow_older(&mut protocol);
    Ok(protocol.generate().files)
}

fn replace_generated(files: &mut Files, generated: BTreeMap<String, String>) {
    files.retain(|path, _| !path.starts_with(GENERATED));
    files.extend(generated.into_iter().map(|(path, text)| (format!("{GENERATED}{path}"), text.into_bytes())));
    files.retain(|path, _| !ADDED.contains(&path.as_str()));
}

fn mark(own: &str, version: &str) -> String {
    format!(
        "The sources of copilot-session {own} with the types, methods and events of Copilot CLI {version}, written by\n\
         `cargo copilot vendor --cli {version} --out DIR`. In a project that uses this folder, that command writes\n\
         src/generated again and keeps the other files as they are.\n"
    )
}

/// The files of the crate, as cargo publishes them.
fn sources(sdk: &Sdk) -> Result<Files> {
    let failed = || format!("cannot read the sources of copilot-session in {}", sdk.folder.display());
    // Those of a registry, or written by this command, were published. A clone shares settings with its workspace.
    if ["Cargo.toml.orig", MARK].iter().any(|file| sdk.folder.join(file).is_file()) {
        let mut files = Files::new();
        read_folder(&sdk.folder, "", &mut files).with_context(failed)?;
        return Ok(files);
    }
    packed(sdk).with_context(failed)
}

fn read_folder(root: &Path, below: &str, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok();
        let name = name.with_context(|| format!("the name of {} is not UTF-8", entry.path().display()))?;
        if below.is_empty() && BESIDES.contains(&&*name) {
            continue;
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        ensure!(!kind.is_symlink(), "{path} is a link");
        if kind.is_dir() {
            read_folder(root, &path, files)?;
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// The files of the package that cargo makes of a clone.
fn packed(sdk: &Sdk) -> Result<Files> {
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut command = cargo("package");
    command.args(["--package", "copilot-session", "--no-verify", "--allow-dirty", "--target-dir"]);
    let output = process::run(command.arg(temp.path()).current_dir(&sdk.folder), None)?;
    ensure!(output.status.success(), "cargo package failed: {}", output.stderr.trim());
    let name = format!("copilot-session-{}", sdk.version);
    let archive = fs::read(temp.path().join("package").join(format!("{name}.crate")))?;
    let mut files = Files::new();
    for entry in tar::Archive::new(GzDecoder::new(archive.as_slice())).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let words: Option<Vec<&str>> = path.components().map(word).collect();
        let Some([first, rest @ ..]) = words.as_deref() else { bail!("{} is no path", path.display()) };
        ensure!(*first == name && !rest.is_empty(), "{} is not in the package", path.display());
        let rest = rest.join("/");
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes)?;
        files.insert(rest, bytes);
    }
    Ok(files)
}

/// A part of a path that leads down.
fn word(part: Component<'_>) -> Option<&str> {
    match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    }
}

fn write(folder: &Path, files: &Files) -> Result<()> {
    for (path, bytes) in files {
        let path = folder.join(path);
        let failed = || format!("cannot write {}", path.display());
        fs::create_dir_all(path.parent().context("a file has no folder")?).with_context(failed)?;
        let mut file = fs::File::create(&path).with_context(failed)?;
        file.write_all(bytes).with_context(failed)?;
    }
    Ok(())
}

/// Compiles the sources with the dependencies of the project.
fn check(sdk: &Sdk, files: &Files) -> Result<()> {
    // Inside of the project, as its settings of cargo and its Rust count there.
    let target = sdk.target.join("copilot-vendor");
    let failed = || format!("cannot write to {}", target.display());
    fs::create_dir_all(&target).with_context(failed)?;
    let temp = tempfile::Builder::new().prefix("check-").tempdir_in(&target).with_context(failed)?;
    write(temp.path(), files)?;
    stand_alone(&temp.path().join("Cargo.toml"))?;
    // A project without the file has dependencies that cargo chooses.
    let _ = fs::copy(sdk.root.join("Cargo.lock"), temp.path().join("Cargo.lock"));
    let mut command = cargo("check");
    command.args(["--quiet", "--color=never", "--lib", "--message-format=short", "--features", FEATURES]);
    command.arg("--target-dir").arg(&target).current_dir(temp.path());
    let output = process::run(&mut command, None).context("cannot run cargo")?;
    let why = if output.stderr.contains("error[E") {
        "copilot-session does not compile with these schemas, so nothing was written: its hand-written code uses what \
         they lack or have in another form (--no-check writes it anyway)"
    } else {
        "cargo check failed, so nothing was written (--no-check writes without it)"
    };
    let shown = output.stderr.lines().take(SHOWN).collect::<Vec<_>>().join("\n");
    ensure!(output.status.success(), "{why}\n{shown}");
    Ok(())
}

/// Makes a package no part of the workspace around it.
fn stand_alone(manifest: &Path) -> Result<()> {
    let failed = || format!("cannot change {}", manifest.display());
    let text = fs::read_to_string(manifest).with_context(failed)?;
    if text.lines().any(|line| line.trim() == "[workspace]") {
        return Ok(());
    }
    fs::write(manifest, text + "\n[workspace]\n").with_context(failed)
}

/// Writes all files to a folder, which keeps its former files until the new ones are complete.
fn put(files: &Files, out: &Path) -> Result<()> {
    let failed = || format!("cannot write {}", out.display());
    let parent = out.parent().context("the folder to write to has no parent")?;
    fs::create_dir_all(parent).with_context(failed)?;
    let temp = tempfile::Builder::new().prefix(".vendoring-").tempdir_in(parent).with_context(failed)?;
    let (finished, former) = (temp.path().join("finished"), temp.path().join("former"));
    write(&finished, files)?;
    if !out.exists() {
        return fs::rename(finished, out).with_context(failed);
    }
    let replaced = replace(out, &finished, &former).with_context(failed);
    if replaced.is_err() && former.exists() {
        // Otherwise they would be deleted with the temporary folder.
        let kept = temp.keep();
        return replaced.with_context(|| format!("the former files are in {}", kept.display()));
    }
    replaced
}

/// Replaces a folder. After an error the former one is in its place or, if that fails as well, where it was put aside.
fn replace(out: &Path, finished: &Path, former: &Path) -> io::Result<()> {
    fs::rename(out, former)?;
    if let Err(error) = fs::rename(finished, out) {
        // The caller sees whether this failed.
        let _ = fs::rename(former, out);
        return Err(error);
    }
    for name in BESIDES {
        let besides = former.join(name);
        if besides.exists() {
            fs::rename(besides, out.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_files_are_sources() -> Result<()> {
        let temp = tempfile::tempdir()?;
        for folder in ["src/target", "target", ".git"] {
            fs::create_dir_all(temp.path().join(folder))?;
            fs::write(temp.path().join(folder).join("file"), "")?;
        }
        let mut files = Files::new();
        read_folder(temp.path(), "", &mut files)?;
        assert!(files.keys().eq(["src/target/file"]));
        std::os::unix::fs::symlink("/etc", temp.path().join("src/link"))?;
        assert!(read_folder(temp.path(), "", &mut files).is_err(), "it leads elsewhere");
        Ok(())
    }

    #[test]
    fn a_folder_that_cannot_be_replaced_stays() -> Result<()> {
        let temp = tempfile::tempdir()?;
        let [out, finished, former] = ["out", "finished", "former"].map(|name| temp.path().join(name));
        fs::create_dir_all(out.join(".git"))?;
        fs::write(out.join("old"), "")?;
        assert!(replace(&out, &finished, &former).is_err(), "there is no new folder");
        assert!(out.join("old").is_file() && !former.exists());
        fs::create_dir(&finished)?;
        replace(&out, &finished, &former)?;
        assert!(out.join(".git").is_dir() && !out.join("old").exists());
        Ok(())
    }
}
