//! The folders of the user's cache.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// The variable that moves the cache to another folder.
const VARIABLE: &str = "COPILOT_SESSION_CACHE";

/// The folder of the installed versions of the CLI, as an absolute path.
pub fn clis() -> Result<PathBuf> {
    Ok(cache()?.join("cli"))
}

/// The folder of the schemas of other versions than the SDK's, as an absolute path.
pub fn schemas() -> Result<PathBuf> {
    Ok(cache()?.join("schema"))
}

fn cache() -> Result<PathBuf> {
    let cache = match folder_in(VARIABLE) {
        Some(dir) => dir,
        None => of_user()
            .with_context(|| format!("this user has no cache folder; set {VARIABLE} to a folder"))?
            .join("copilot-session"),
    };
    std::path::absolute(&cache).with_context(|| format!("cannot use the cache folder {}", cache.display()))
}

/// The cache folder that the system intends for a user.
fn of_user() -> Option<PathBuf> {
    if cfg!(windows) {
        return folder_in("LOCALAPPDATA");
    }
    let below_home =
        |path| env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(path));
    if cfg!(target_os = "macos") {
        return below_home("Library/Caches");
    }
    folder_in("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).or_else(|| below_home(".cache"))
}

fn folder_in(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
