// --- types/full/others.rs

/// `ByFlag` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum ByFlag {
    /// Ok.
    Ok(ByFlagOk),
    /// NotOk.
    NotOk(ByFlagNotOk),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(ByFlag {
    Ok(ByFlagOk) is_object ["ok" = "true", "value"],
    NotOk(ByFlagNotOk) is_object ["ok" = "false"],
});

/// `ByFlag: NotOk` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByFlagNotOk {
    /// `error` on the wire.
    pub error: Option<String>,
}
record!(received ByFlagNotOk ["ok" false] {
    Optional error "error",
});

/// `ByFlag: Ok` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByFlagOk {
    /// `value` on the wire.
    pub value: serde_json::Value,
}
record!(received ByFlagOk ["ok" true] {
    Required value "value",
});

/// `ByKeys` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum ByKeys {
    /// IdPath.
    IdPath(ByKeysIdPath),
    /// IdUrl.
    IdUrl(ByKeysIdUrl),
    /// Id.
    Id(ByKeysId),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(ByKeys {
    IdPath(ByKeysIdPath) is_object ["path"],
    IdUrl(ByKeysIdUrl) is_object ["url"],
    Id(ByKeysId) is_object [],
});

/// `ByKeys: Id` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByKeysId {
    /// `id` on the wire.
    pub id: String,
}
record!(received ByKeysId {
    Required id "id",
});

/// `ByKeys: IdPath` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByKeysIdPath {
    /// `id` on the wire.
    pub id: String,
    /// `path` on the wire.
    pub path: String,
}
record!(received ByKeysIdPath {
    Required id "id",
    Required path "path",
});

/// `ByKeys: IdUrl` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByKeysIdUrl {
    /// `id` on the wire.
    pub id: String,
    /// `url` on the wire.
    pub url: String,
}
record!(received ByKeysIdUrl {
    Required id "id",
    Required url "url",
});

/// `ByNestedKeys` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub enum ByNestedKeys {
    /// SourceFromDisk.
    SourceFromDisk(ByNestedKeysSourceFromDisk),
    /// SourceFromNetwork.
    SourceFromNetwork(ByNestedKeysSourceFromNetwork),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(ByNestedKeys {
    SourceFromDisk(ByNestedKeysSourceFromDisk) is_object ["source/path"],
    SourceFromNetwork(ByNestedKeysSourceFromNetwork) is_object ["source/url"],
});

/// `ByNestedKeys: SourceFromDisk` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByNestedKeysSourceFromDisk {
    /// `source` on the wire.
    pub source: FromDisk,
}
record!(received ByNestedKeysSourceFromDisk {
    Required source "source",
});

/// `ByNestedKeys: SourceFromNetwork` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct ByNestedKeysSourceFromNetwork {
    /// `source` on the wire.
    pub source: FromNetwork,
}
record!(received ByNestedKeysSourceFromNetwork {
    Required source "source",
});

/// `FromDisk` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct FromDisk {
    /// `path` on the wire.
    pub path: String,
}
record!(received FromDisk {
    Required path "path",
});

/// `FromNetwork` of the protocol.
#[derive(Clone)]
#[non_exhaustive]
pub struct FromNetwork {
    /// `url` on the wire.
    pub url: String,
}
record!(received FromNetwork {
    Required url "url",
});

/// A scalar, a list or an object.
#[derive(Clone)]
#[non_exhaustive]
pub enum Setting {
    /// Flag.
    Flag(bool),
    /// Number.
    Number(f64),
    /// Text.
    Text(String),
    /// List.
    List(Vec<String>),
    /// Table.
    Table(SettingTable),
    /// JSON that this version of the crate does not know.
    Unrecognized(serde_json::Value),
}
untagged!(Setting {
    Flag(bool) is_bool [],
    Number(f64) is_number [],
    Text(String) is_string [],
    List(Vec<String>) is_array [],
    Table(SettingTable) is_object [],
});

/// `SettingTable` of the protocol.
pub type SettingTable = std::collections::BTreeMap<String, String>;
