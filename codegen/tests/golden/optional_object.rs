// --- types/full/others.rs

/// `Note` of the protocol.
pub type Note = Option<NoteValue>;

/// `Note` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct NoteValue {
    /// `text` on the wire.
    pub text: Option<String>,
}
record!(received NoteValue {
    Optional text "text",
});
