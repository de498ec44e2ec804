//! Policies, which decide permission requests without a person.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::paths::{self, Place};
use super::{Decision, PermissionRequest};
use crate::types::PermissionDetails as Details;
use crate::wire::redact;

/// A policy that approves the permission requests it names, and refuses all others. Pass it to
/// [`SessionBuilder::policy`](crate::SessionBuilder::policy), or call [`decide`](Self::decide) in a handler of your
/// own.
///
/// It always refuses writing, URLs, MCP servers, memory, extensions, running outside the sandbox, requests that only
/// a person may approve, and kinds of requests that this crate does not know. The module
/// [`policies`](crate::policies) has examples.
///
/// A call of a tool that was refused ends with `tool.execution_complete`, whose error has the code `denied` and the
/// reason. The [guide](crate::guide#see-what-was-refused) shows how to list these calls.
#[derive(Clone)]
#[must_use = "a policy applies to a session that is opened with it"]
pub struct Policy {
    /// The folder in which files may be read, if any.
    folder: Option<PathBuf>,
    tools: BTreeSet<String>,
    commands: BTreeSet<String>,
}

impl Policy {
    /// Allows nothing, not even reading, except the tools and shell lines that are added:
    ///
    /// ```
    /// # use copilot_session::{Policy, SessionBuilder};
    /// # fn example(session: SessionBuilder) -> SessionBuilder {
    /// session.policy(Policy::deny_all().allow_tool("weather").allow_command("git --version"))
    /// # }
    /// ```
    pub fn deny_all() -> Self {
        Self { folder: None, tools: BTreeSet::new(), commands: BTreeSet::new() }
    }

    /// Allows reading files within this folder, except those that may contain keys. It allows nothing else: no shell
    /// line and no tool, unless these are added.
    ///
    /// A file is within the folder if its path leads there with every link resolved, as described at
    /// [`PermissionRequest::is_within`]. A relative folder is resolved against the working directory of this process;
    /// a folder that does not exist contains no files.
    ///
    /// It also refuses some files within the folder: each file and folder whose name begins with a dot (`.env`,
    /// `.ssh`, `.git`, `.aws`, `.npmrc`), names that are usual for keys (`id_rsa`, `server.pem`, `credentials.json`,
    /// in any case), and all of `/proc`, `/dev`, `/sys` and `/run/secrets`, even if that is the folder of the policy.
    /// No list of names is complete: keep keys out of the folder.
    ///
    /// Listing a folder and searching for file names in it are allowed where reading is. A search in files is allowed
    /// if reading each file below its folder is allowed, not following links, and if there are at most 10,000 files
    /// and folders.
    ///
    /// # Limits
    /// The CLI opens the file after the decision. A process that can change the folder meanwhile, such as the agent's
    /// shell, can replace a file that the policy checked by a link. A hard link to a file elsewhere looks like any
    /// other file. The paths are those of this machine: the CLI must run on it, and see the same files.
    pub fn read_within(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..Self::deny_all() }
    }

    /// Allows calls of the tool with this name that was registered with
    /// [`SessionBuilder::tool`](crate::SessionBuilder::tool) or by another client of the session.
    pub fn allow_tool(mut self, name: impl Into<String>) -> Self {
        self.tools.insert(name.into());
        self
    }

    /// Allows exactly this shell line.
    ///
    /// The policy does not check the programs that the line starts: `cargo test` runs the code in the folder, and
    /// `git` the programs that the repository's configuration names.
    pub fn allow_command(mut self, line: impl Into<String>) -> Self {
        self.commands.insert(line.into());
        self
    }

    /// Decides a request. It reads the file system, so it may block.
    /// [`SessionBuilder::policy`](crate::SessionBuilder::policy) calls it on a blocking thread; in a handler, call it
    /// in [`tokio::task::spawn_blocking`].
    pub fn decide(&self, request: &PermissionRequest) -> Decision {
        let allows = match request.details() {
            _ if request.is_for_a_person() => false,
            Details::Read(read) => self.allows_reading(request, &read.intention),
            Details::Shell(shell) => self.commands.contains(&shell.full_command_text),
            Details::CustomTool(tool) => self.tools.contains(&tool.tool_name),
            _ => false,
        };
        match allows {
            true => Decision::approve(),
            false => Decision::deny("the policy of this session does not allow it"),
        }
    }

    fn allows_reading(&self, request: &PermissionRequest, intention: &str) -> bool {
        let places = self.folder.as_deref().and_then(|folder| request.places(folder));
        let Some(places) = places.filter(|places| !places.is_empty()) else { return false };
        // Of all requests for a folder, only these two do not open its files.
        let names_only = ["List directory: ", "Search for files matching pattern in: "];
        let names_only = names_only.iter().any(|start| intention.starts_with(start));
        places.iter().all(|place| {
            !holds_keys(place)
                && (names_only
                    || !place.real.is_dir()
                    || nothing_below_holds_keys(&place.real).unwrap_or(false))
        })
    }
}

/// Returns true if this file may contain a key.
fn holds_keys(place: &Place) -> bool {
    const SYSTEM: [&str; 6] =
        ["/proc", "/dev", "/sys", "/run/secrets", "/run/credentials", "/var/run/secrets"];
    let below = place.below.iter().map(|name| name.to_string_lossy());
    SYSTEM.iter().any(|folder| place.real.starts_with(folder))
        || below.into_iter().any(|name| is_name_of_keys(&name))
        || place.written.iter().any(|name| is_name_of_keys(name))
}

/// Returns true if a file or folder of this name may contain keys: its name begins with a dot, or is usual for keys.
fn is_name_of_keys(name: &str) -> bool {
    /// Anywhere in a name.
    const WORDS: [&str; 11] = [
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "private_key",
        "private-key",
        "privatekey",
        "credential",
        "service-account",
        "service_account",
        "kubeconfig",
    ];
    /// In the names of data files. Source files with such names are usually code that handles keys.
    const WORDS_IN_DATA: [&str; 8] =
        ["secret", "passw", "token", "apikey", "api_key", "api-key", "netrc", "htpasswd"];
    const DATA: [&str; 14] = [
        "",
        "bak",
        "cfg",
        "conf",
        "config",
        "csv",
        "ini",
        "json",
        "properties",
        "toml",
        "txt",
        "xml",
        "yaml",
        "yml",
    ];
    const EXTENSIONS: [&str; 19] = [
        "env", "pem", "key", "keys", "ppk", "p8", "p12", "pfx", "pkcs12", "jks", "keystore", "kdb", "kdbx",
        "gpg", "pgp", "asc", "ovpn", "tfstate", "tfvars",
    ];
    if name.starts_with('.') {
        return true;
    }
    // File systems that ignore case compare names in this way: a long s is an s. On Windows a stream and a final dot
    // are no part of a name.
    let name: String = name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ', '~']);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let is_data = DATA.contains(&extension);
    says(&WORDS)
        || (is_data && (says(&WORDS_IN_DATA) || stem.ends_with("_rsa")))
        || (is_data && !extension.is_empty() && matches!(stem, "key" | "keys"))
        || name.starts_with("secret")
        || name.split('.').skip(1).any(|part| EXTENSIONS.contains(&part.trim_end_matches('~')))
}

/// Returns true if a search in this folder opens no file that would be refused. It follows no links.
fn nothing_below_holds_keys(folder: &Path) -> std::io::Result<bool> {
    const MOST: usize = 10_000;
    let (mut folders, mut seen) = (vec![folder.to_path_buf()], 0);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            seen += 1;
            if seen > MOST || is_name_of_keys(&entry.file_name().to_string_lossy()) {
                return Ok(false);
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(true)
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commands: Vec<_> = self.commands.iter().map(|line| redact::text(line)).collect();
        f.debug_struct("Policy")
            .field("folder", &self.folder)
            .field("tools", &self.tools)
            .field("commands", &commands)
            .finish()
    }
}

impl PermissionRequest {
    /// Returns the places of the requested files in this folder; none if one of them lies elsewhere or is not known.
    pub(super) fn places(&self, folder: &Path) -> Option<Vec<Place>> {
        let base = self.0.directory.as_deref();
        self.files()?.into_iter().map(|path| paths::place(path, base, folder)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys() {
        let keys = [
            ".env",
            ".ENV",
            ".ſsh",
            ".git",
            ".npmrc",
            "prod.env",
            "id_rsa",
            "ID_RSA.bak",
            "id_ed25519.pub",
            "a.pem",
            "a.PEM.old",
            "a.key~",
            "a.key.",
            "a.pem::$DATA",
            "a.key ",
            "Credentials",
            "credentials.json",
            "application_default_credentials.json",
            "secrets.yaml",
            "service-account-7.json",
            "_netrc",
            "terraform.tfstate",
            "htpasswd",
            "..",
            "...",
        ];
        for name in keys {
            assert!(is_name_of_keys(name), "{name}");
        }
        for name in [
            "main.rs",
            "README.md",
            "token.rs",
            "keyboard.c",
            "environment.md",
            "monkey",
            "a.txt",
            "keys",
            "env",
        ] {
            assert!(!is_name_of_keys(name), "{name}");
        }
    }
}
