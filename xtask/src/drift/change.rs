//! One change between two sets of schemas, and what it does.

use serde::Serialize;

/// What a change does to source that uses the generated API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Source that uses the item no longer compiles.
    Breaking,
    /// It compiles, and what it does may differ.
    Behaviour,
    /// There is more than there was.
    Additive,
}

/// What a change does to a running program that was built for the older schemas. The worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Running {
    /// What the CLI sends is no longer read: a `Malformed` event, or an error in place of a result.
    Malformed,
    /// What the program sends may no longer be taken.
    Refused,
    /// What the CLI sends is read as `Unrecognized`, or answered as an unknown method.
    Unknown,
    /// All goes on as before.
    Decodes,
}

/// What kind of thing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Method,
    Event,
    Type,
    Field,
    Variant,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    Removed,
    /// By all looks, since schemas keep no record of it.
    Renamed,
    Changed,
    Added,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where it belongs, such as `session.model` or `events`.
    pub namespace: String,
    pub what: What,
    /// A method's or event's name on the wire, a type's name, `Type.key` or `Type::Variant`.
    pub item: String,
    pub how: How,
    /// What a renamed item is called now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What is to be said beside; empty where the rest says all.
    pub detail: String,
    pub source: Source,
    pub running: Running,
    /// Whether the newer set always sends what the older one may leave out or send as `null`.
    #[serde(rename = "leftOut", skip_serializing_if = "is_false")]
    pub left_out: bool,
    /// Whether source that names the item fails; else only what makes its type does.
    #[serde(skip)]
    pub itself: bool,
    /// Whether the type's `new` takes other parameters for it.
    #[serde(skip)]
    pub new: bool,
    /// Whether the type's setter for it is gone, or takes something else.
    #[serde(skip)]
    pub setter: bool,
    /// Whether the type is no longer made.
    #[serde(skip)]
    pub unmade: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A change without what it is a change of.
pub type Told = (How, String, Source, Running);

impl Change {
    /// A change of which nothing more is said yet.
    pub fn new(what: What, item: String, (how, detail, source, running): Told) -> Self {
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
            itself: how != How::Added,
            new: false,
            setter: false,
            unmade: false,
        }
    }

    /// The type that the item is a part of, and its own name there.
    pub fn owner(&self) -> Option<(&str, &str)> {
        match self.what {
            What::Field => self.item.split_once('.'),
            What::Variant => self.item.split_once("::"),
            _ => None,
        }
    }
}
