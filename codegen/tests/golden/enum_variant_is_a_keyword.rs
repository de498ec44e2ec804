// --- types/full/others.rs

/// `Who` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum Who {
    /// `other`.
    Other,
    /// `self`.
    Self_,
    /// A value that this version of the crate does not know.
    Unrecognized(String),
}
string_enum!(Who {
    Other "other",
    Self_ "self",
});
