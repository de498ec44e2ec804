// --- types/full/others.rs

/// `Holder` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Holder {
    /// `mode` on the wire.
    pub mode: Option<HolderMode>,
    /// `more` on the wire.
    pub more: Mode,
}
record!(received Holder {
    Nullable mode "mode",
    Nullable more "more",
});

/// `Holder.mode` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum HolderMode {
    /// `a`.
    A,
    /// `b`.
    B,
    /// A value that this version of the crate does not know.
    Unrecognized(String),
}
string_enum!(HolderMode {
    A "a",
    B "b",
});

/// `Mode` of the protocol.
pub type Mode = Option<ModeValue>;

/// `Mode` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum ModeValue {
    /// `on`.
    On,
    /// `off`.
    Off,
    /// A value that this version of the crate does not know.
    Unrecognized(String),
}
string_enum!(ModeValue {
    On "on",
    Off "off",
});
