//! What depends on the CLI's version, each border where it was seen.
//!
//! The protocol's own version stays 3 from CLI 0.0.423 to 1.0.102 while behaviour changes inside it.

/// The version of a CLI, such as `1.0.102` or `1.0.84-4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliVersion {
    text: String,
    numbers: [u64; 3],
}

/// Something that some versions of the CLI do and others do not; see [`CliVersion::has`]. Not all versions were
/// looked at, so a border may lie some versions before the first that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Permission answers are `approve-once` and its kin, instead of `approved`. The two sets of words do
    /// not overlap, and a wrong word fails the tool call. Since 1.0.35.
    NewPermissionWords,
    /// `session.detach` ends a client's part in a session and leaves the session to other clients. Since 1.0.81.
    Detach,
    /// `session.abort` drops the prompts that wait, and the `abort` event comes before its answer. Since 1.0.81.
    AbortDropsPrompts,
    /// An abort sends `external_tool.completed` for the tool calls that were pending. Since 1.0.92.
    AbortCompletesTools,
    /// `session.send` answers with the id that `user.message` carries. Since 1.0.92.
    MessageIds,
    /// `session.shell.exec` tells its output and its end by `shell.output` and `shell.exit`. From 1.0.7 to 1.0.89.
    ShellNotifications,
    /// `session.shell.executeUserRequested` runs a command and gives its output. Since 1.0.65.
    UserRequestedShell,
    /// `tool.shell_output` tells the output of such a command while it runs. Since 1.0.92.
    LiveShellOutput,
    /// `session.tools.set` replaces a session's tools. Since 1.0.81.
    ReplaceTools,
    /// The hook `preToolUse` gets the tool's arguments as an object, not as a string of JSON. Since 1.0.81.
    HookArgumentsAsObject,
    /// A GitHub token is taken by a call: by `session.create` and `session.resume`, and by what asks about an
    /// account, such as `models.list`. Since 1.0.39.
    GitHubTokenByCall,
    /// A TCP server serves only those who know its token. Since 1.0.65.
    ConnectionToken,
}

/// From which version on, and up to which, a feature was seen; and where it was looked for.
struct Seen {
    feature: Feature,
    from: [u64; 3],
    to: Option<[u64; 3]>,
}

const fn from(feature: Feature, from: [u64; 3]) -> Seen {
    Seen { feature, from, to: None }
}

/// Versions looked at, unless it says otherwise: 1.0.10, 1.0.40, 1.0.65, 1.0.81, 1.0.92, 1.0.102.
const TABLE: &[Seen] = &[
    // The border lies between 1.0.34 and 1.0.35.
    from(Feature::NewPermissionWords, [1, 0, 35]),
    from(Feature::Detach, [1, 0, 81]),
    from(Feature::AbortDropsPrompts, [1, 0, 81]),
    from(Feature::AbortCompletesTools, [1, 0, 92]),
    from(Feature::MessageIds, [1, 0, 92]),
    // Seen on all from 1.0.7 to 1.0.89 that were to be had; 1.0.90 and 1.0.91 were not.
    Seen { feature: Feature::ShellNotifications, from: [1, 0, 7], to: Some([1, 0, 89]) },
    from(Feature::UserRequestedShell, [1, 0, 65]),
    from(Feature::LiveShellOutput, [1, 0, 92]),
    from(Feature::ReplaceTools, [1, 0, 81]),
    from(Feature::HookArgumentsAsObject, [1, 0, 81]),
    // The border lies between 1.0.34 and 1.0.39.
    from(Feature::GitHubTokenByCall, [1, 0, 39]),
    from(Feature::ConnectionToken, [1, 0, 65]),
];

impl CliVersion {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut numbers = [0; 3];
        let release = text.split(['-', '+']).next().unwrap_or_default();
        for (number, part) in numbers.iter_mut().zip(release.split('.')) {
            *number = part.parse().unwrap_or(0);
        }
        Self { text, numbers }
    }

    /// The version as the CLI gave it; empty when it gave none.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Major, minor and patch number, for comparisons; zeroes when the CLI told none.
    pub fn numbers(&self) -> [u64; 3] {
        self.numbers
    }

    /// Tells whether this version has the feature. A CLI that did not tell its version counts as the newest.
    pub fn has(&self, feature: Feature) -> bool {
        let numbers = if self.numbers == [0; 3] { [u64::MAX; 3] } else { self.numbers };
        let seen = TABLE.iter().find(|seen| seen.feature == feature);
        seen.is_some_and(|seen| seen.from <= numbers && seen.to.is_none_or(|to| numbers <= to))
    }

    /// The method that ends a client's part in a session.
    pub(crate) fn leave(&self) -> &'static str {
        if self.has(Feature::Detach) { "session.detach" } else { "session.destroy" }
    }
}

impl std::fmt::Display for CliVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::printable::printable(&self.text))
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
    fn an_untold_version_counts_as_the_newest() {
        let untold = CliVersion::new("");
        assert!(untold.has(Feature::MessageIds));
        assert!(!untold.has(Feature::ShellNotifications));
    }
}
