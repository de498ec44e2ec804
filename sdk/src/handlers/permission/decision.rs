//! Decisions on permission requests, in the form of the CLI's version.

use serde_json::json;

use crate::handlers::reply::replies;
use crate::types::{PermissionDecision, PermissionDecisionContext};
use crate::wire;
use crate::wire::peek;

/// The answer to a permission request.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    kind: Kind,
    /// `PermissionDecisionContext` as JSON.
    context: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Approve,
    Deny(String),
    Unavailable,
    LeaveToOthers,
    /// A `PermissionDecision` as JSON.
    Exact(String),
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // JSON of the program may contain secrets.
        let hidden = |json: &String| wire::redact::json(json);
        let kind = match &self.kind {
            Kind::Exact(json) => Kind::Exact(hidden(json)),
            kind => kind.clone(),
        };
        let context = self.context.as_ref().map(hidden);
        f.debug_struct("Decision").field("kind", &kind).field("context", &context).finish()
    }
}

replies!(Decision);

impl Decision {
    /// Approves this request only.
    pub fn approve() -> Self {
        Kind::Approve.into()
    }

    /// Refuses the request; the model reads the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Kind::Deny(reason.into()).into()
    }

    /// Refuses the request because no user is available to decide. A handler that fails has the same effect.
    pub fn unavailable() -> Self {
        Kind::Unavailable.into()
    }

    /// Sends no answer, so that another client of the same session can decide. If there is none, the agent waits
    /// until the turn is aborted.
    pub fn leave_to_others() -> Self {
        Kind::LeaveToOthers.into()
    }

    /// Adds the context of the decision for the CLI's records. It has no other effect.
    #[inline]
    pub fn context(mut self, context: &PermissionDecisionContext) -> Self {
        self.context = Some(wire::to_json(context));
        self
    }

    pub(super) fn exact(decision: String) -> Self {
        Kind::Exact(decision).into()
    }

    /// Returns the fields of the answer in the form of the CLI's version; none if no answer is to be sent.
    pub(super) fn fields(self, new_words: bool) -> Option<String> {
        let result = match self.kind {
            Kind::Approve => approve(new_words),
            Kind::Deny(reason) => deny(new_words, Some(&reason)),
            Kind::Unavailable => unavailable(new_words),
            Kind::Exact(decision) => translated(decision, new_words),
            Kind::LeaveToOthers => return None,
        };
        Some(match self.context {
            Some(context) if new_words => format!(r#""result":{result},"decisionContext":{context}"#),
            _ => format!(r#""result":{result}"#),
        })
    }
}

impl From<Kind> for Decision {
    fn from(kind: Kind) -> Self {
        Self { kind, context: None }
    }
}

/// Any decision of the protocol, such as an approval for one location. It is converted to the form of the connected
/// CLI.
///
/// A CLI before 1.0.35 can only approve once, so every approval becomes that. A later one has one kind of refusal,
/// whose feedback is built from the rules or the message of the decision. A decision of an unknown kind is a refusal.
impl From<PermissionDecision> for Decision {
    #[inline]
    fn from(decision: PermissionDecision) -> Self {
        Self::exact(wire::to_json(&decision))
    }
}

/// The kinds of CLIs before 1.0.35 for a request without a user to decide it, and for a refusal.
const COULD_NOT_ASK: &str = "denied-no-approval-rule-and-could-not-request-from-user";
const DENIED: &str = "denied-interactively-by-user";

fn approve(new_words: bool) -> String {
    let kind = if new_words { "approve-once" } else { "approved" };
    json!({ "kind": kind }).to_string()
}

fn deny(new_words: bool, reason: Option<&str>) -> String {
    let kind = if new_words { "reject" } else { DENIED };
    match reason {
        Some(reason) => json!({ "kind": kind, "feedback": reason }).to_string(),
        None => json!({ "kind": kind }).to_string(),
    }
}

fn unavailable(new_words: bool) -> String {
    let kind = if new_words { "user-not-available" } else { COULD_NOT_ASK };
    json!({ "kind": kind }).to_string()
}

/// Converts a `PermissionDecision` to the kinds of the CLI's version. Old and new CLIs have different kinds, and a
/// wrong one makes the tool call fail.
fn translated(decision: String, new_words: bool) -> String {
    let keys = ["kind", "feedback", "message", "rules", "approval", "locationKey"];
    let picked = peek::pick(&decision, keys).unwrap_or_default();
    let [kind, feedback, message, rules, approval, location] = picked;
    let text = |value: Option<&str>| value.and_then(peek::string).map(|text| text.into_owned());
    let Some(kind) = text(kind) else { return unavailable(new_words) };
    let approval = approval.unwrap_or("null");
    match (&*kind, new_words) {
        ("approved" | "approve-once", _) => approve(new_words),
        ("approved-for-session", true) => {
            format!(r#"{{"kind":"approve-for-session","approval":{approval}}}"#)
        }
        ("approved-for-location", true) => {
            let location = location.unwrap_or("null");
            format!(r#"{{"kind":"approve-for-location","approval":{approval},"locationKey":{location}}}"#)
        }
        (
            "approve-for-session"
            | "approve-read-only-for-session"
            | "approve-for-location"
            | "approve-permanently"
            | "approved-for-session"
            | "approved-for-location",
            false,
        ) => approve(false),
        ("user-not-available" | COULD_NOT_ASK, _) | ("cancelled", false) => unavailable(new_words),
        ("denied-by-rules", true) => deny(true, Some(&rules_in_words(rules))),
        ("denied-by-rules" | "denied-by-content-exclusion-policy" | DENIED, false) => decision,
        (DENIED, true) => deny(true, text(feedback).as_deref()),
        ("denied-by-content-exclusion-policy", true) | ("denied-by-permission-request-hook", _) => {
            deny(new_words, text(message).as_deref())
        }
        // A kind that this crate does not know may be one of a newer CLI.
        (_, true) => decision,
        (_, false) => deny(false, text(feedback).as_deref()),
    }
}

/// Returns the rules that forbid it as a text for the model: `denied by the rules shell(git push), write`.
fn rules_in_words(rules: Option<&str>) -> String {
    let rules: serde_json::Value = rules.and_then(|rules| wire::from_json(rules).ok()).unwrap_or_default();
    let in_words = |rule: &serde_json::Value| {
        let kind = rule["kind"].as_str()?;
        Some(rule["argument"].as_str().map_or_else(|| kind.to_owned(), |what| format!("{kind}({what})")))
    };
    let rules: Vec<String> = rules.as_array().into_iter().flatten().filter_map(in_words).collect();
    match rules.is_empty() {
        true => "denied by rules".to_owned(),
        false => format!("denied by the rules {}", rules.join(", ")),
    }
}
