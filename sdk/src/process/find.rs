//! Finds the CLI: the path given, else the one in `COPILOT_CLI_PATH`, else `copilot` on `PATH`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf, absolute};

use super::npm;
use crate::printable::printable;

/// The environment variable that names the CLI.
const VARIABLE: &str = "COPILOT_CLI_PATH";

/// What Windows tries when `PATHEXT` does not say.
const DEFAULT_EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// A program and the arguments that come before the CLI's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// The file to run.
    pub(crate) path: PathBuf,
    /// The CLI's script, when `path` is Node.
    pub(crate) args: Vec<OsString>,
}

/// There is no Copilot CLI where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotFound {
    /// The places looked at, in order, with what was wrong where something was there.
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

/// What the search depends on besides the files.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// `COPILOT_CLI_PATH`.
    pub(super) cli_path: Option<OsString>,
    /// `PATH`.
    pub(super) path: Option<OsString>,
    /// `PATHEXT`.
    pub(super) extensions: Option<OsString>,
    /// The operating system, by Rust's name for it.
    pub(super) os: &'static str,
}

impl Environment {
    /// The environment of this process.
    fn current() -> Self {
        Self {
            cli_path: env::var_os(VARIABLE),
            path: env::var_os("PATH"),
            extensions: env::var_os("PATHEXT"),
            os: env::consts::OS,
        }
    }

    /// Whether the rules of Windows hold.
    fn is_windows(&self) -> bool {
        self.os == "windows"
    }

    /// The folders on `PATH`. Relative ones are left out, lest the current folder choose the program.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        env::split_paths(self.path.as_deref().unwrap_or_default()).filter(|folder| folder.is_absolute())
    }

    /// The files that a path without its extension may mean.
    fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        if !self.is_windows() || Kind::of(path, self).is_some() {
            return vec![path.to_owned()];
        }
        let listed = self.extensions.as_ref().map(|list| list.to_string_lossy());
        let listed = listed.as_deref().filter(|list| !list.is_empty()).unwrap_or(DEFAULT_EXTENSIONS);
        // Programs win over scripts; npm's PowerShell shims are not in the list but may stand alone.
        let extensions = [".exe"].into_iter().chain(listed.split(';')).chain([".ps1"]);
        let files = extensions.map(|extension| {
            let mut file = path.as_os_str().to_owned();
            file.push(extension.trim().to_ascii_lowercase());
            PathBuf::from(file)
        });
        files.filter(|file| Kind::of(file, self).is_some()).collect()
    }
}

/// How a file is run.
#[derive(Clone, Copy)]
enum Kind {
    /// As it is.
    Program,
    /// By Node.
    Script,
    /// Not at all: it is a batch or PowerShell script by npm that stands for another file.
    Shim,
}

impl Kind {
    /// Tells by the name; there is no way to run other files on Windows.
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

/// Finds the CLI in the environment of this process.
pub(crate) fn find(explicit: Option<&Path>) -> Result<Program, NotFound> {
    find_in(explicit, &Environment::current())
}

/// Finds the CLI in an environment.
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

/// A search under way.
struct Search<'a> {
    /// Where it takes place.
    environment: &'a Environment,
    /// The places looked at so far.
    tried: Vec<String>,
}

impl Search<'_> {
    /// A CLI that was asked for: a bare name is looked up on `PATH`, as in a shell.
    fn named(&mut self, path: &Path) -> Option<Program> {
        let mut parts = path.components();
        if let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) {
            return self.on_path(name);
        }
        // A relative path would be taken from the child's directory instead of the host's.
        match absolute(path) {
            Ok(path) => self.at(&path),
            Err(error) => {
                self.tried.push(format!("{} ({error})", path.display()));
                None
            }
        }
    }

    /// A program in one of the folders on `PATH`.
    fn on_path(&mut self, name: &OsStr) -> Option<Program> {
        let mut folders = self.environment.folders().peekable();
        if folders.peek().is_none() {
            self.tried.push(format!("{} on PATH, which has no folders", name.display()));
        }
        folders.find_map(|folder| self.at(&folder.join(name)))
    }

    /// A program at a path, which may lack its extension on Windows.
    fn at(&mut self, path: &Path) -> Option<Program> {
        let place = path.display().to_string();
        if self.tried.contains(&place) {
            return None;
        }
        self.tried.push(place);
        let files = self.environment.candidates(path);
        files.into_iter().filter(|file| file.is_file()).find_map(|file| self.runnable(file))
    }

    /// How to run a file that exists; where npm made it, by what it stands for.
    fn runnable(&mut self, file: PathBuf) -> Option<Program> {
        let kind = Kind::of(&file, self.environment)?;
        if let Kind::Shim = kind {
            let packages = npm::packages_of_shim(&file);
            let found = packages.iter().find_map(|package| self.packaged(package));
            return found.or_else(|| self.reject(&file, "a script without a Copilot CLI behind it"));
        }
        // On Windows npm makes no links, and resolved paths take a form that Node does not understand.
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

    /// The CLI of an npm package.
    fn packaged(&mut self, package: &Path) -> Option<Program> {
        match npm::native(package, self.environment.os) {
            Some(native) => Some(Program { path: native, args: Vec::new() }),
            None => npm::script(package).and_then(|script| self.scripted(script)),
        }
    }

    /// A script, run by Node.
    fn scripted(&mut self, script: PathBuf) -> Option<Program> {
        let name = if self.environment.is_windows() { "node.exe" } else { "node" };
        let mut nodes = self.environment.folders().map(|folder| folder.join(name));
        match nodes.find(|node| node.is_file() && is_executable(node)) {
            Some(node) => Some(Program { path: node, args: vec![script.into_os_string()] }),
            None => self.reject(&script, "no Node on PATH to run it"),
        }
    }

    /// Notes why a file that is there is passed over.
    fn reject(&mut self, file: &Path, reason: &str) -> Option<Program> {
        let place = file.display().to_string();
        self.tried.pop_if(|last| *last == place);
        self.tried.push(format!("{place} ({reason})"));
        None
    }
}

/// Whether the file may be run by somebody; whether that is us, the system says when it is.
#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

/// Whether the file may be run, which Windows tells by its name.
#[cfg(not(unix))]
fn is_executable(_file: &Path) -> bool {
    true
}
