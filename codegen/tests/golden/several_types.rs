// --- types/full/others.rs

/// `Request` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// Whichever the server likes.
    pub id: Option<RequestId>,
}
record!(received Request {
    Nullable id "id",
});

/// Whichever the server likes.
#[derive(Clone)]
#[non_exhaustive]
pub enum RequestId {
    /// Text.
    Text(String),
    /// Number.
    Number(f64),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(RequestId {
    Text(String) is_string [],
    Number(f64) is_number [],
});
