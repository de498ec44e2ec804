//! The version of the CLI, and the features that depend on it.
//!
//! The protocol's own version stays 3 from CLI 0.0.423 to 1.0.102, while the behaviour changes.

use std::ops::RangeInclusive;

use crate::generated::version::CLI_VERSION;

/// The oldest version of the CLI that this crate supports, though only in part; the page on
/// [versions](crate::cli_versions) has a table. An older one may work, but was not examined.
pub const OLDEST_CLI_VERSION: &str = "1.0.10";

/// The oldest version of the CLI that this crate supports in full, apart from what that CLI cannot do. A program that
/// accepts no other gives it to [`ClientBuilder::min_version`](crate::ClientBuilder::min_version).
pub const OLDEST_FULL_CLI_VERSION: &str = "1.0.65";

/// The numbers of [`OLDEST_CLI_VERSION`].
const OLDEST: [u64; 3] = [1, 0, 10];

/// The version of a CLI, such as `1.0.102` or `1.0.84-4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliVersion {
    text: String,
    numbers: [u64; 3],
    compatibility: Compatibility,
}

/// The versions of the CLI that a program accepts.
pub(crate) struct Required {
    /// The version, or the oldest one.
    pub version: String,
    /// True if no other version is accepted, false if newer ones are.
    pub exact: bool,
}

impl Required {
    /// Returns true if this version is accepted. An unknown version counts as the newest, but is none in particular.
    pub fn accepts(&self, found: &CliVersion) -> bool {
        match self.exact {
            true => found.text == self.version,
            false => !found.is_numbered() || order(&found.text) >= order(&self.version),
        }
    }
}

/// A feature that only some versions of the CLI have; see [`CliVersion::has`]. Not every version was
/// examined, so a feature may begin some versions earlier than documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Permission decisions are `approve-once` and the like, instead of `approved`. The two sets do not
    /// overlap, and the wrong one fails the tool call. Since 1.0.35.
    NewPermissionWords,
    /// `session.detach` disconnects a client from a session and keeps it open for others. Since 1.0.81.
    Detach,
    /// `session.abort` drops the waiting prompts, and the `abort` event precedes its response. Since
    /// 1.0.81.
    AbortDropsPrompts,
    /// An abort sends `external_tool.completed` for the tool calls that were pending. Since 1.0.92.
    AbortCompletesTools,
    /// `session.send` responds with the id that `user.message` carries. Since 1.0.92.
    MessageIds,
    /// `session.shell.exec` sends its output and its end as `shell.output` and `shell.exit`. From 1.0.7 to
    /// 1.0.89.
    ShellNotifications,
    /// `session.shell.executeUserRequested` runs a command and returns its output. Since 1.0.65.
    UserRequestedShell,
    /// `tool.shell_output` reports the output of such a command while it runs. Since 1.0.92.
    LiveShellOutput,
    /// `session.tools.set` replaces a session's tools. Since 1.0.81.
    ReplaceTools,
    /// The hook `preToolUse` receives the arguments of the tool as an object, not as a JSON string. Since
    /// 1.0.81.
    HookArgumentsAsObject,
    /// Single calls accept a GitHub token: `session.create`, `session.resume`, and calls about an account,
    /// such as `models.list`. Since 1.0.39.
    GitHubTokenByCall,
    /// A TCP server requires its connection token. Since 1.0.65.
    ConnectionToken,
}

/// The relation of a CLI to this version of the crate; see [`CliVersion::compatibility`]. Its text follows "the CLI
/// is", such as "older than 1.0.102, which this crate is made for".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compatibility {
    /// A CLI before [`OLDEST_CLI_VERSION`]. It may work in part.
    Unsupported,
    /// An older CLI than [`CLI_VERSION`](crate::CLI_VERSION). All that it sends can be read if it is
    /// [`OLDEST_FULL_CLI_VERSION`] or later; what it cannot do fails with
    /// [`Error::Unsupported`](crate::Error::Unsupported). The page on [versions](crate::cli_versions) has a table.
    Older,
    /// The CLI that this version of the crate is made for.
    Same,
    /// A newer CLI, or one whose version is unknown. What it sends and the crate does not know is kept as JSON; the
    /// page on [newer CLIs](crate::newer) shows how to use what it adds. A method or a key that it no longer has fails
    /// or does nothing.
    Newer,
}

impl Feature {
    /// The versions in which the feature was observed. The examined ones, unless noted otherwise: 1.0.10, 1.0.40,
    /// 1.0.65, 1.0.81, 1.0.92, 1.0.102.
    fn versions(self) -> RangeInclusive<[u64; 3]> {
        let since = |patch| [1, 0, patch]..=[u64::MAX; 3];
        match self {
            // Absent in 1.0.34, present in 1.0.35.
            Self::NewPermissionWords => since(35),
            // Absent in 1.0.34, present in 1.0.39.
            Self::GitHubTokenByCall => since(39),
            Self::UserRequestedShell | Self::ConnectionToken => since(65),
            Self::Detach | Self::AbortDropsPrompts => since(81),
            Self::ReplaceTools | Self::HookArgumentsAsObject => since(81),
            Self::AbortCompletesTools | Self::MessageIds | Self::LiveShellOutput => since(92),
            // Present in all available versions from 1.0.7 to 1.0.89; 1.0.90 and 1.0.91 were not available.
            Self::ShellNotifications => [1, 0, 7]..=[1, 0, 89],
        }
    }
}

impl Compatibility {
    fn of(version: [u64; 3]) -> Self {
        let made_for = numbers(CLI_VERSION);
        match version {
            [0, 0, 0] => Self::Newer,
            found if found < OLDEST => Self::Unsupported,
            found if found < made_for => Self::Older,
            found if found == made_for => Self::Same,
            _ => Self::Newer,
        }
    }
}

impl CliVersion {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let numbers = numbers(&text);
        Self { text, numbers, compatibility: Compatibility::of(numbers) }
    }

    /// The version as reported by the CLI; empty if unknown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The major, minor and patch number, for comparisons; zeros if unknown.
    pub fn numbers(&self) -> [u64; 3] {
        self.numbers
    }

    /// Returns true if the version has numbers; without them it is unknown.
    pub(crate) fn is_numbered(&self) -> bool {
        self.numbers != [0; 3]
    }

    /// Returns true if this version has the feature. An unknown version counts as the newest.
    pub fn has(&self, feature: Feature) -> bool {
        let numbers = if self.is_numbered() { self.numbers } else { [u64::MAX; 3] };
        feature.versions().contains(&numbers)
    }

    /// Returns true for the version that the crate is made for, and older ones. A newer one may write messages in forms
    /// that are not known yet.
    pub(crate) fn is_known(&self) -> bool {
        self.compatibility() != Compatibility::Newer
    }

    /// Returns the relation of this version of the CLI to the version that the crate is made for.
    pub fn compatibility(&self) -> Compatibility {
        self.compatibility
    }

    /// Returns true for a text such as `1.0.102` or `1.0.84-4`.
    pub(crate) fn is_valid(text: &str) -> bool {
        let (release, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
        let is_number = |part: &str| !part.starts_with('+') && part.parse::<u64>().is_ok();
        release.split('.').count() == 3
            && release.split('.').all(is_number)
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte))
    }

    /// The method that disconnects a client from a session.
    pub(crate) fn detach_method(&self) -> &'static str {
        if self.has(Feature::Detach) { "session.detach" } else { "session.destroy" }
    }
}

/// The parts of a pre-release, in the order that npm has for them: numbers by size, and before words.
type PreRelease<'a> = Vec<(u64, &'a str)>;

/// Returns a value in whose order versions are, the oldest first. A pre-release, such as `1.0.84-4`, is older than its
/// release.
fn order(text: &str) -> ([u64; 3], bool, PreRelease<'_>) {
    let text = text.split('+').next().unwrap_or_default();
    let (release, pre_release) = text.split_once('-').unwrap_or((text, ""));
    let part = |part| str::parse(part).map_or((u64::MAX, part), |number| (number, ""));
    (numbers(release), pre_release.is_empty(), pre_release.split('.').map(part).collect())
}

/// Returns the major, minor and patch number of a version; zero for what is no number.
fn numbers(text: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    let release = text.split(['-', '+']).next().unwrap_or_default();
    for (number, part) in numbers.iter_mut().zip(release.split('.')) {
        *number = part.parse().unwrap_or(0);
    }
    numbers
}

impl std::fmt::Display for CliVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::printable::printable(&self.text))
    }
}

impl std::fmt::Display for Compatibility {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsupported => {
                write!(f, "older than {OLDEST_CLI_VERSION}, the oldest that this crate supports")
            }
            Self::Older => write!(f, "older than {CLI_VERSION}, which this crate is made for"),
            Self::Same => write!(f, "{CLI_VERSION}, which this crate is made for"),
            Self::Newer => {
                write!(f, "newer than {CLI_VERSION}, which this crate is made for, or of unknown version")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_by_version() {
        let has = |version: &str, feature| CliVersion::new(version).has(feature);
        assert!(CliVersion::new("1.0.84-4").numbers() > [1, 0, 9]);
        assert!(!has("1.0.34", Feature::NewPermissionWords));
        assert!(has("1.0.35", Feature::NewPermissionWords));
        assert!(has("1.0.81", Feature::ShellNotifications));
        assert!(has("1.0.84-4", Feature::ShellNotifications));
        assert!(!has("1.0.92", Feature::ShellNotifications));
        assert!(!has("1.0.4", Feature::ShellNotifications));
        assert!(has("2.0.0", Feature::MessageIds));
    }

    #[test]
    fn compatibility_with_this_crate() {
        let compatibility = |version: &str| CliVersion::new(version).compatibility();
        assert_eq!(compatibility("1.0.9"), Compatibility::Unsupported);
        assert_eq!(compatibility(OLDEST_CLI_VERSION), Compatibility::Older);
        assert_eq!(numbers(OLDEST_CLI_VERSION), OLDEST);
        assert!(OLDEST < numbers(OLDEST_FULL_CLI_VERSION));
        assert_eq!(compatibility(CLI_VERSION), Compatibility::Same);
        let [major, minor, patch] = numbers(CLI_VERSION);
        assert_eq!(compatibility(&format!("{major}.{minor}.{}", patch + 1)), Compatibility::Newer);
        assert_eq!(compatibility(""), Compatibility::Newer);
    }

    #[test]
    fn compatibility_in_words() {
        for (version, words) in [
            ("1.0.9", "older than 1.0.10, the oldest that this crate supports".to_owned()),
            ("1.0.10", format!("older than {CLI_VERSION}, which this crate is made for")),
            (CLI_VERSION, format!("{CLI_VERSION}, which this crate is made for")),
            ("", format!("newer than {CLI_VERSION}, which this crate is made for, or of unknown version")),
        ] {
            assert_eq!(CliVersion::new(version).compatibility().to_string(), words);
        }
    }

    #[test]
    fn texts_that_are_no_versions() {
        for text in ["1.0.92", "1.0.84-4", "2.10.0-beta.1"] {
            assert!(CliVersion::is_valid(text), "{text}");
        }
        let too_large = "99999999999999999999.0.0";
        for text in [
            "", "1.0", "v1.0.92", ">=1.0.92", " 1.0.92", "1.0.92\n", "1.0.x", "1.0.92.1", "1.0.9-\n",
            "1.+0.9",
        ]
        .into_iter()
        .chain([too_large])
        {
            assert!(!CliVersion::is_valid(text), "{text:?}");
        }
    }

    #[test]
    fn a_pre_release_is_older_than_its_release() {
        let versions =
            ["1.0.83", "1.0.84-4", "1.0.84-10", "1.0.84-beta", "1.0.84-beta.1", "1.0.84", "1.0.85-0"];
        for (place, required) in versions.iter().enumerate() {
            let required = Required { version: (*required).to_owned(), exact: false };
            let accepted = versions.map(|found| required.accepts(&CliVersion::new(found)));
            assert_eq!(accepted, std::array::from_fn(|found| found >= place), "{}", required.version);
        }
    }

    #[test]
    fn an_unknown_version_counts_as_the_newest() {
        let unknown = CliVersion::new("");
        assert!(!unknown.is_known() && !CliVersion::new("99.0.0").is_known());
        assert!(CliVersion::new(crate::CLI_VERSION).is_known() && CliVersion::new("1.0.81").is_known());
        assert!(unknown.has(Feature::MessageIds));
        assert!(!unknown.has(Feature::ShellNotifications));
    }
}
