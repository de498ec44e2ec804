//! The search for the CLI: the configured path, else the one in `COPILOT_CLI_PATH`, else `copilot` on
//! `PATH`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf, absolute};

use super::npm;
use crate::printable::printable;

/// The environment variable with the path of the CLI.
const VARIABLE: &str = "COPILOT_CLI_PATH";

/// Extensions to try on Windows if `PATHEXT` is not set.
const DEFAULT_EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// A program and the arguments that precede the CLI's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The file to run.
    pub(crate) path: PathBuf,
    /// The CLI's script, if `path` is Node.
    pub(crate) args: Vec<OsString>,
}

/// The Copilot CLI was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotFound {
    /// The places searched, in order, each with the problem if a file was there.
    pub tried: Vec<String>,
}

impl std::fmt::Display for NotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tried = self.tried.join(", ");
        let tried = printable(&tried);
        let advice = format!("install it with `npm install -g @github/copilot` or set {VARIABLE}");
        write!(f, "the Copilot CLI was not found; tried: {tried}; {advice}")
    }
}

impl std::error::Error for NotFound {}

/// The inputs of the search besides the files.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// `COPILOT_CLI_PATH`.
    pub(super) cli_path: Option<OsString>,
    /// `PATH`.
    pub(super) path: Option<OsString>,
    /// `PATHEXT`.
    pub(super) extensions: Option<OsString>,
    /// The operating system, as in [`std::env::consts::OS`].
    pub(super) os: &'static str,
}

impl Environment {
    /// The environment of this process.
    pub(super) fn current() -> Self {
        Self {
            cli_path: env::var_os(VARIABLE),
            path: env::var_os("PATH"),
            extensions: env::var_os("PATHEXT"),
            os: env::consts::OS,
        }
    }

    /// Returns true if the rules of Windows apply.
    fn is_windows(&self) -> bool {
        self.os == "windows"
    }

    /// The folders on `PATH`. Relative ones are ignored, so that the current folder cannot choose the
    /// program.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        env::split_paths(self.path.as_deref().unwrap_or_default()).filter(|folder| folder.is_absolute())
    }

    /// The files that a path without its extension may refer to, whether they can be run or not.
    fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        if !self.is_windows() || Kind::of(path, self).is_some() {
            return vec![path.to_owned()];
        }
        let listed = self.extensions.as_ref().map(|list| list.to_string_lossy());
        let listed = listed.as_deref().filter(|list| !list.is_empty()).unwrap_or(DEFAULT_EXTENSIONS);
        // Programs take precedence over scripts. npm's PowerShell shims are not in the list but may be the
        // only ones.
        let extensions = [".exe"].into_iter().chain(listed.split(';')).chain([".ps1"]);
        let file = |extension: &str| {
            let mut file = path.as_os_str().to_owned();
            file.push(extension.trim().to_ascii_lowercase());
            PathBuf::from(file)
        };
        extensions.map(file).collect()
    }
}

/// The way a file is run.
#[derive(Clone, Copy)]
enum Kind {
    /// Directly.
    Program,
    /// By Node.
    Script,
    /// Not run: it is a batch or PowerShell script by npm that stands for another file.
    Shim,
}

impl Kind {
    /// Determines the kind by the name; none for files that Windows cannot run.
    fn of(path: &Path, environment: &Environment) -> Option<Self> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("js" | "mjs" | "cjs") => Some(Self::Script),
            Some("cmd" | "bat" | "ps1") if environment.is_windows() => Some(Self::Shim),
            Some("exe" | "com") => Some(Self::Program),
            _ => (!environment.is_windows()).then_some(Self::Program),
        }
    }
}

/// Searches for the CLI in `environment`.
pub(super) fn find_in(explicit: Option<&Path>, environment: &Environment) -> Result<Program, NotFound> {
    let mut search = Search { environment, tried: Vec::new() };
    let variable = environment.cli_path.as_deref().filter(|path| !path.is_empty());
    let found = match (explicit, variable) {
        (Some(path), _) => search.named(path),
        (None, Some(path)) => {
            let found = search.named(Path::new(path));
            for place in &mut search.tried {
                place.insert_str(0, "COPILOT_CLI_PATH=");
            }
            found
        }
        (None, None) => search.on_path(OsStr::new("copilot")),
    };
    found.ok_or(NotFound { tried: search.tried })
}

/// A search in progress.
struct Search<'a> {
    /// The inputs.
    environment: &'a Environment,
    /// The places searched so far.
    tried: Vec<String>,
}

impl Search<'_> {
    /// Returns the configured CLI. A bare name is looked up on `PATH`, as in a shell.
    fn named(&mut self, path: &Path) -> Option<Program> {
        let mut parts = path.components();
        if let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) {
            return self.on_path(name);
        }
        // A relative path would be resolved in the child's directory instead of this program's.
        match absolute(path) {
            Ok(path) => self.at(&path),
            Err(error) => {
                self.tried.push(format!("{} ({error})", path.display()));
                None
            }
        }
    }

    /// Returns a program in one of the folders on `PATH`.
    fn on_path(&mut self, name: &OsStr) -> Option<Program> {
        let mut folders = self.environment.folders().peekable();
        if folders.peek().is_none() {
            self.tried.push(format!("{} on PATH, which contains no folders", name.display()));
        }
        folders.find_map(|folder| self.at(&folder.join(name)))
    }

    /// Returns the program at a path, which may lack its extension on Windows.
    fn at(&mut self, path: &Path) -> Option<Program> {
        let place = path.display().to_string();
        if self.tried.contains(&place) {
            return None;
        }
        self.tried.push(place);
        let files = self.environment.candidates(path);
        files.into_iter().filter(|file| file.is_file()).find_map(|file| self.runnable(file))
    }

    /// Returns how to run an existing file. A file of npm is replaced by the one it stands for.
    fn runnable(&mut self, file: PathBuf) -> Option<Program> {
        let kind = Kind::of(&file, self.environment)?;
        if let Kind::Shim = kind {
            let packages = npm::packages_of_shim(&file);
            let found = packages.iter().find_map(|package| self.packaged(package));
            return found.or_else(|| self.reject(&file, "a script that belongs to no Copilot CLI"));
        }
        // On Windows npm creates no links, and resolved paths have a form that Node does not understand.
        let real = if self.environment.is_windows() { None } else { file.canonicalize().ok() };
        let package = npm::package_of_script(real.as_deref().unwrap_or(&file));
        if let Some(native) = package.and_then(|package| npm::native(package, self.environment.os)) {
            return Some(Program { path: native, args: Vec::new() });
        }
        match kind {
            Kind::Script => self.scripted(file),
            _ if is_executable(&file) => Some(Program { path: file, args: Vec::new() }),
            _ => self.reject(&file, "not executable"),
        }
    }

    /// Returns the CLI of an npm package.
    fn packaged(&mut self, package: &Path) -> Option<Program> {
        match npm::native(package, self.environment.os) {
            Some(native) => Some(Program { path: native, args: Vec::new() }),
            None => npm::script(package).and_then(|script| self.scripted(script)),
        }
    }

    /// Returns a script, run by Node.
    fn scripted(&mut self, script: PathBuf) -> Option<Program> {
        let name = if self.environment.is_windows() { "node.exe" } else { "node" };
        let mut nodes = self.environment.folders().map(|folder| folder.join(name));
        match nodes.find(|node| node.is_file() && is_executable(node)) {
            Some(node) => Some(Program { path: node, args: vec![script.into_os_string()] }),
            None => self.reject(&script, "no Node on PATH to run it"),
        }
    }

    /// Records why an existing file is not used.
    fn reject(&mut self, file: &Path, reason: &str) -> Option<Program> {
        let place = file.display().to_string();
        self.tried.pop_if(|last| *last == place);
        self.tried.push(format!("{place} ({reason})"));
        None
    }
}

/// Returns true if the file is executable for any user. The system checks the rest when it runs.
#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// Returns true, since Windows decides by the name.
#[cfg(not(unix))]
fn is_executable(_file: &Path) -> bool {
    true
}
