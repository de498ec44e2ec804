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
    Field count "count",
    Field many "many",
    Field name "name",
    Field at "at",
    Field data "data",
    Field raw "raw",
    Field said "said",
    Field list "list",
    Field either "either",
});

impl Limited {
    /// Sets [`count`](Self::count).
    #[inline]
    pub fn count(mut self, count: i64) -> Self {
        self.count = Some(count);
        self
    }
    /// Sets [`many`](Self::many).
    #[inline]
    pub fn many(mut self, many: i64) -> Self {
        self.many = Some(many);
        self
    }
    /// Sets [`name`](Self::name).
    #[inline]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
    /// Sets [`at`](Self::at).
    #[inline]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = Some(at.into());
        self
    }
    /// Sets [`data`](Self::data).
    #[inline]
    pub fn data(mut self, data: impl Into<String>) -> Self {
        self.data = Some(data.into());
        self
    }
    /// Sets [`raw`](Self::raw).
    #[inline]
    pub fn raw(mut self, raw: impl Into<String>) -> Self {
        self.raw = Some(raw.into());
        self
    }
    /// Sets [`said`](Self::said).
    #[inline]
    pub fn said(mut self, said: bool) -> Self {
        self.said = Some(said);
        self
    }
    /// Sets [`list`](Self::list).
    #[inline]
    pub fn list(mut self, list: Vec<String>) -> Self {
        self.list = Some(list);
        self
    }
    /// Sets [`either`](Self::either).
    #[inline]
    pub fn either(mut self, either: LimitedEither) -> Self {
        self.either = Some(either);
        self
    }
}

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
