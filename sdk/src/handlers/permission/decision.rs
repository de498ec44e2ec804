//! Decisions on permission requests, in the form of the CLI's version.

use std::borrow::Cow;

use crate::handlers::reply::replies;
use crate::types::{PermissionDecision, PermissionDecisionContext};
use crate::wire::{self, peek, quote};

/// The answer to a permission request.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    /// `PermissionDecision` as JSON; none to send no answer.
    decision: Option<Cow<'static, str>>,
    /// `PermissionDecisionContext` as JSON.
    context: Option<String>,
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // JSON of the program may contain secrets.
        let [decision, context] =
            [self.decision.as_deref(), self.context.as_deref()].map(|json| json.map(wire::redact::json));
        f.debug_struct("Decision").field("decision", &decision).field("context", &context).finish()
    }
}

replies!(Decision);

impl Decision {
    /// Approves this request only.
    pub fn approve() -> Self {
        Self::exact(APPROVAL)
    }

    /// Refuses the request; the model reads the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::exact(worded(DENIED[1], Some(&reason.into())))
    }

    /// Refuses the request because no user is available to decide. A handler that fails has the same effect.
    pub fn unavailable() -> Self {
        Self::exact(worded(COULD_NOT_ASK[1], None))
    }

    /// Sends no answer, so that another client of the same session can decide. If there is none, the agent waits
    /// until the turn is aborted.
    pub fn leave_to_others() -> Self {
        Self { decision: None, context: None }
    }

    /// Adds the context of the decision for the CLI's records. It has no other effect.
    pub fn context(mut self, context: &PermissionDecisionContext) -> Self {
        self.context = Some(wire::to_json(context));
        self
    }

    pub(super) fn exact(decision: impl Into<Cow<'static, str>>) -> Self {
        Self { decision: Some(decision.into()), context: None }
    }

    /// Returns the fields of the answer in the form of the CLI's version; none if no answer is to be sent.
    pub(super) fn fields(self, new_words: bool) -> Option<String> {
        let result = translated(self.decision?, new_words);
        Some(match self.context {
            Some(context) if new_words => {
                [r#""result":"#, &result, r#","decisionContext":"#, &context].concat()
            }
            _ => [r#""result":"#, &result].concat(),
        })
    }
}

/// Any decision of the protocol, such as an approval for one location. It is converted to the form of the connected
/// CLI.
///
/// A CLI before 1.0.35 can only approve once, so every approval becomes that. A later one has one kind of refusal,
/// whose feedback is built from the rules or the message of the decision. A decision of an unknown kind is a refusal.
impl From<PermissionDecision> for Decision {
    fn from(decision: PermissionDecision) -> Self {
        Self::exact(wire::to_json(&decision))
    }
}

/// The kinds of an approval, of a refusal, and of a request without a user to decide it: of CLIs before 1.0.35, and of
/// later ones.
const APPROVED: [&str; 2] = ["approved", "approve-once"];
const DENIED: [&str; 2] = ["denied-interactively-by-user", "reject"];
const COULD_NOT_ASK: [&str; 2] =
    ["denied-no-approval-rule-and-could-not-request-from-user", "user-not-available"];

/// An approval in the words of later CLIs, which most decisions are.
const APPROVAL: &str = r#"{"kind":"approve-once"}"#;

fn worded(kind: &str, feedback: Option<&str>) -> Cow<'static, str> {
    let feedback = feedback.map(|feedback| [r#","feedback":"#, &quote(feedback)].concat());
    [r#"{"kind":""#, kind, "\"", &feedback.unwrap_or_default(), "}"].concat().into()
}

/// Converts a `PermissionDecision` to the kinds of the CLI's version. Old and new CLIs have different kinds, and a
/// wrong one makes the tool call fail.
fn translated(decision: Cow<'static, str>, new_words: bool) -> Cow<'static, str> {
    // Most decisions are these, which need no search in the JSON.
    let kind = decision.strip_prefix(r#"{"kind":""#).and_then(|rest| rest.split('"').next());
    if new_words && [APPROVED[1], DENIED[1]].map(Some).contains(&kind) {
        return decision;
    }
    let of_version = |kinds: [&'static str; 2]| kinds[usize::from(new_words)];
    let approved = || worded(of_version(APPROVED), None);
    let denied = |reason: Option<String>| worded(of_version(DENIED), reason.as_deref());
    let could_not_ask = || worded(of_version(COULD_NOT_ASK), None);
    let picked = peek::pick(&decision, ["kind", "feedback", "message", "rules"]).unwrap_or_default();
    let [kind, feedback, message, rules] = picked;
    let text = |value: Option<&str>| value.and_then(peek::string).map(|text| text.into_owned());
    let Some(kind) = text(kind) else { return could_not_ask() };
    match (&*kind, new_words) {
        ("approved" | "approve-once", _) => approved(),
        // The kind comes first.
        ("approved-for-session" | "approved-for-location", true) => {
            decision.replacen("approved-for", "approve-for", 1).into()
        }
        (
            "approve-for-session"
            | "approve-read-only-for-session"
            | "approve-for-location"
            | "approve-permanently"
            | "approved-for-session"
            | "approved-for-location",
            false,
        ) => approved(),
        ("denied-no-approval-rule-and-could-not-request-from-user" | "user-not-available", _)
        | ("cancelled", false) => could_not_ask(),
        ("denied-by-rules", true) => denied(Some(rules_in_words(rules))),
        (
            "denied-by-rules" | "denied-by-content-exclusion-policy" | "denied-interactively-by-user",
            false,
        ) => decision,
        ("denied-by-content-exclusion-policy", true) | ("denied-by-permission-request-hook", _) => {
            denied(text(message))
        }
        ("denied-interactively-by-user", true) | (_, false) => denied(text(feedback)),
        // A kind that this crate does not know may be one of a newer CLI.
        (_, true) => decision,
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
