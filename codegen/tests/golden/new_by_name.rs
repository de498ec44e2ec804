// --- types/full/others.rs

/// `Alike` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Alike {
    /// `a` on the wire.
    pub a: String,
    /// `b` on the wire.
    pub b: String,
    /// `c` on the wire.
    pub c: Text,
    /// `n` on the wire.
    pub n: Option<i64>,
    /// `o` on the wire.
    pub o: Option<String>,
}
record!(Alike ["kind" "alike"] {
    Required a "a",
    Required b "b",
    Required c "c",
    Nullable n "n",
    Optional o "o",
});
builder!(Alike {
    o: impl Into<String>,
});

/// The required fields of [`Alike`], for [`Alike::new`].
#[derive(Clone)]
pub struct AlikeFields {
    pub a: String,
    pub b: String,
    pub c: Text,
    pub n: Option<i64>,
}
debug_fields!(AlikeFields Alike);

impl Alike {
    /// Creates a value with the required fields; the others are unset.
    #[inline]
    pub fn new(fields: AlikeFields) -> Self {
        Self {
            a: fields.a,
            b: fields.b,
            c: fields.c,
            n: fields.n,
            o: None,
        }
    }
}

/// `Apart` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct Apart {
    /// `a` on the wire.
    pub a: String,
    /// `b` on the wire.
    pub b: String,
    /// `n` on the wire.
    pub n: i64,
    /// `c` on the wire.
    pub c: String,
}
record!(Apart {
    Required a "a",
    Required b "b",
    Required n "n",
    Required c "c",
});
builder!(Apart new(a: impl Into<String>, b: impl Into<String>, n: i64, c: impl Into<String>) {});

/// `Text` of the protocol.
pub type Text = String;
