//! One change between two sets of schemas, and its effects.

use serde::Serialize;

/// The effect of a change on source that uses the generated API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Source that uses the item no longer compiles.
    Breaking,
    /// Source compiles, and may behave differently.
    Behaviour,
    /// Something was added.
    Additive,
}

/// The effect of a change on a running program that was built for the older schemas, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeImpact {
    /// The SDK cannot decode what the CLI sends: a `Malformed` event, or an error in place of a result.
    Malformed,
    /// The CLI may reject what the program sends.
    Refused,
    /// The SDK decodes what the CLI sends as `Unrecognized`, or responds that the method is unknown.
    Unknown,
    /// The program works as before.
    Decodes,
}

/// The kind of a changed item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Method,
    Event,
    Type,
    Field,
    Variant,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Removed,
    /// Inferred, since schemas keep no record of former names.
    Renamed,
    Changed,
    Added,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The heading it is listed under, such as `session.model` or `events`.
    pub namespace: String,
    pub what: What,
    /// A method's or event's name on the wire, a type's name, `Type.key` or `Type::Variant`.
    pub item: String,
    pub how: How,
    /// The new name of a renamed item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Details for people; empty where the other fields say everything.
    pub detail: String,
    pub source: Source,
    pub running: RuntimeImpact,
    /// True if the newer set always sends what the older one may omit or send as `null`.
    #[serde(rename = "leftOut", skip_serializing_if = "is_false")]
    pub left_out: bool,
    /// True if source that names the item fails to compile, and not only source that constructs its type.
    #[serde(skip)]
    pub breaks_item: bool,
    /// True if it changes the parameters of the type's `new`.
    #[serde(skip)]
    pub new: bool,
    /// True if the type's setter for it is removed or has another parameter.
    #[serde(skip)]
    pub setter: bool,
    /// True if the type loses its `new` and its setters.
    #[serde(skip)]
    pub loses_constructor: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// The kind of a change, its details and its effects.
pub type Verdict = (How, String, Source, RuntimeImpact);

impl Change {
    /// A change with a verdict, and the defaults of the other fields.
    pub fn new(what: What, item: String, (how, detail, source, running): Verdict) -> Self {
        Self {
            namespace: String::new(),
            what,
            item,
            how,
            to: None,
            detail,
            source,
            running,
            left_out: false,
            breaks_item: how != How::Added,
            new: false,
            setter: false,
            loses_constructor: false,
        }
    }

    /// The type that the item is a part of, and its name there.
    pub fn owner(&self) -> Option<(&str, &str)> {
        match self.what {
            What::Field => self.item.split_once('.'),
            What::Variant => self.item.split_once("::"),
            _ => None,
        }
    }
}
