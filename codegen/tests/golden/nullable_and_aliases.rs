// --- types/full/others.rs

/// An alias of any JSON.
pub type Anything = serde_json::Value;

/// `Empty` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Empty {
    /// `optional` on the wire.
    pub optional: Option<String>,
}
record!(received Empty {
    Optional optional "optional",
});

/// An alias of a scalar. A UUID.
pub type Id = String;

/// `Ids` of the protocol.
pub type Ids = Vec<Id>;

/// `MaybeId` of the protocol.
pub type MaybeId = Option<Id>;

/// `Nullable` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Nullable {
    /// `byType` on the wire.
    pub by_type: Option<i64>,
    /// `byBranch` on the wire.
    pub by_branch: Option<Empty>,
    /// `inline` on the wire.
    pub inline: Option<NullableInline>,
    /// `union` on the wire.
    pub union: Option<NullableUnion>,
    /// `items` on the wire.
    pub items: Vec<Option<String>>,
    /// `any` on the wire.
    pub any: Option<serde_json::Value>,
}
record!(received Nullable {
    Nullable by_type "byType",
    Optional by_branch "byBranch",
    Optional inline "inline",
    Optional union "union",
    Required items "items",
    Optional any "any",
});

/// `Nullable.inline` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct NullableInline {
    /// `x` on the wire.
    pub x: Option<i64>,
}
record!(received NullableInline {
    Optional x "x",
});

/// `Nullable.union` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum NullableUnion {
    /// Text.
    Text(String),
    /// Number.
    Number(i64),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(NullableUnion {
    Text(String) is_string [],
    Number(i64) is_number [],
});
