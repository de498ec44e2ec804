// --- types/full/others.rs

/// `Colour` of the protocol.
#[deprecated]
#[derive(Clone)]
#[non_exhaustive]
pub enum Colour {
    /// `red`.
    Red,
    /// `darkGreen`.
    DarkGreen,
    /// A value that this version of the crate does not know.
    Unrecognized(String),
}
string_enum!(Colour {
    Red "red",
    DarkGreen "darkGreen",
});

/// The mode of the agent.
#[derive(Clone)]
#[non_exhaustive]
pub enum Mode {
    /// Asks first.
    Interactive,
    /// `auto-pilot`.
    AutoPilot,
    /// `V2`.
    V2,
    /// `2nd`.
    #[doc(alias = "2nd")]
    V2nd,
    /// Whatever there is.
    #[doc(alias = "*")]
    All,
    /// `+1`.
    #[doc(alias = "+1")]
    PlusOne,
    /// `-1`.
    #[doc(alias = "-1")]
    MinusOne,
    /// ``.
    Empty,
    /// A value that this version of the crate does not know.
    Unrecognized(String),
}
string_enum!(Mode {
    Interactive "interactive",
    AutoPilot "auto-pilot",
    V2 "V2",
    V2nd "2nd",
    All "*",
    PlusOne "+1",
    MinusOne "-1",
    Empty "",
});

/// `Palette` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Palette {
    /// `main` on the wire.
    pub main: Colour,
    /// An enum of its own.
    pub finish: PaletteFinish,
}
record!(received Palette {
    Required main "main",
    Required finish "finish",
});

/// An enum of its own.
#[derive(Clone)]
#[non_exhaustive]
pub enum PaletteFinish {
    /// `matt`.
    Matt,
    /// `gloss`.
    Gloss,
    /// A value that this version of the crate does not know.
    Unrecognized(String),
}
string_enum!(PaletteFinish {
    Matt "matt",
    Gloss "gloss",
});
