// --- types/full/others.rs

/// `Limited` of the protocol.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Limited {
    /// The number of items. From 1 to 100, default: `10`.
    pub count: Option<i64>,
    /// `many` on the wire. More than 0.
    pub many: Option<i64>,
    /// `name` on the wire. From 1 to 64 characters, pattern `` ^[a-z`]+$ ``.
    pub name: Option<String>,
    /// Lines:
    /// * one
    /// * two
    ///
    /// A date and time as in RFC 3339.
    pub at: Option<String>,
    /// The data in base64.
    pub data: Option<String>,
    /// `raw` on the wire. Encoded in base64.
    pub raw: Option<String>,
    /// Defaults to true.
    pub said: Option<bool>,
    /// `list` on the wire. At least 1 item, no item twice. Each item: a URI, at most 9 characters.
    pub list: Option<Vec<String>>,
    /// `either` on the wire. As a string: at least 2 characters. As an integer: at least 0.
    pub either: Option<LimitedEither>,
}
record!(Limited {
    Optional count "count",
    Optional many "many",
    Optional name "name",
    Optional at "at",
    Optional data "data",
    Optional raw "raw",
    Optional said "said",
    Optional list "list",
    Optional either "either",
});
builder!(Limited {
    count: i64,
    many: i64,
    name: impl Into<String>,
    at: impl Into<String>,
    data: impl Into<String>,
    raw: impl Into<String>,
    said: bool,
    list: Vec<String>,
    either: LimitedEither,
});

/// `Limited.either` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum LimitedEither {
    /// Text.
    Text(String),
    /// Number.
    Number(i64),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(LimitedEither {
    Text(String) is_string [],
    Number(i64) is_number [],
});

/// A letter. At most 1 character. *Experimental.*
pub type Short = String;
