//! `cargo copilot vendor`: writes the sources of `copilot-session`, generated for another version of the CLI.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
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
/// What cargo adds to a package, and the list of dependencies, which is the project's.
const ADDED: [&str; 4] = [".cargo-ok", ".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"];
/// The number of the compiler's lines that an error shows.
const SHOWN: usize = 20;
/// The features that need no further crates.
const FEATURES: &str = "full,serde,testing,transcript";

const ABOUT: &str = "\
The sources are those of the copilot-session that the project uses, with the types, methods and events of the other
version. The SDK still supports the versions that it supported. Use them with

  [patch.crates-io]
  copilot-session = { path = \"DIR\" }

Schemas of a version come from its package, which npm verifies. Nothing is written if the generator does not support
something in the schemas, or if the crate does not compile with them.";

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
    let sdk = sdk.context("the current folder has no project with copilot-session")?;
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
    println!("Wrote copilot-session {own} for Copilot CLI {version} to {}", out.display());
    println!("To use it:\n\n[patch.crates-io]\ncopilot-session = {{ path = {:?} }}", args.out);
    Ok(())
}

/// Checks that nothing of the user's would be replaced.
fn check_out(out: &Path) -> Result<()> {
    let empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !out.exists(),
    };
    ensure!(
        empty || out.join(MARK).is_file(),
        "{} exists, and `cargo copilot vendor` did not write it",
        out.display()
    );
    Ok(())
}

/// The schemas to generate from. Those of a version are verified, since code is made of them.
fn find(word: &str) -> Result<SchemaSet> {
    ensure!(word != "latest", "give the version, so that the same sources can be written again");
    let is_version = word.starts_with(|first: char| first.is_ascii_digit()) && !Path::new(word).is_dir();
    if is_version { schema::keep(&schema::installed(word)?) } else { sets::find(word) }
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
         `cargo copilot vendor --cli {version}`. A change in this folder is lost when that command runs again.\n"
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
        let name = entry.file_name().into_string().ok().context("a file has no name in UTF-8")?;
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
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
    // Not inside of the project, whose workspace they are no part of.
    let temp = tempfile::tempdir().context("cannot create a temporary folder")?;
    write(temp.path(), files)?;
    // A project without the file has dependencies that cargo chooses.
    let _ = fs::copy(sdk.root.join("Cargo.lock"), temp.path().join("Cargo.lock"));
    let mut command = cargo("check");
    command.args(["--quiet", "--lib", "--message-format=short", "--features", FEATURES, "--target-dir"]);
    command.arg(sdk.target.join("copilot-vendor")).current_dir(temp.path());
    let output = process::run(&mut command, None).context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "copilot-session does not compile with these schemas, so nothing was written: its hand-written code uses what \
         they lack or have in another form (--no-check writes it anyway)\n{}",
        output.stderr.lines().take(SHOWN).collect::<Vec<_>>().join("\n")
    );
    Ok(())
}

/// Writes all files to a folder, which has the former ones until then.
fn put(files: &Files, out: &Path) -> Result<()> {
    let failed = || format!("cannot write {}", out.display());
    let parent = out.parent().context("the folder to write to has no parent")?;
    fs::create_dir_all(parent).with_context(failed)?;
    let temp = tempfile::Builder::new().prefix(".vendoring-").tempdir_in(parent).with_context(failed)?;
    let finished = temp.path().join("finished");
    write(&finished, files)?;
    if out.exists() {
        fs::remove_dir_all(out).with_context(failed)?;
    }
    fs::rename(finished, out).with_context(failed)
}
