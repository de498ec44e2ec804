//! Permission requests in the form of the CLI, for
//! [`FakeCli::expect_permission`](super::FakeCli::expect_permission) and
//! [`events::permission`](super::events::permission).
//!
//! Each is the JSON of a [`types::PermissionDetails`](crate::types::PermissionDetails) with its required
//! keys. Others can be added by `request["warning"] = "careful".into()`.

use serde_json::{Value, json};

/// Runs this shell line: one command that may change something. The CLI describes it in more detail with
/// `enable_script_safety`.
pub fn shell(command: &str) -> Value {
    json!({
        "kind": "shell",
        "fullCommandText": command,
        "intention": "run a command",
        "commands": [{"identifier": command, "readOnly": false}],
        "possiblePaths": [],
        "possibleUrls": [],
        "hasWriteFileRedirection": false,
        "canOfferSessionApproval": false,
    })
}

/// Reads the file or folder at this path.
pub fn read(path: &str) -> Value {
    json!({"kind": "read", "path": path, "intention": "read a file"})
}

/// Writes the file at this path. `diff` is the change.
pub fn write(path: &str, diff: &str) -> Value {
    json!({
        "kind": "write",
        "fileName": path,
        "diff": diff,
        "intention": "write a file",
        "canOfferSessionApproval": false,
    })
}

/// Fetches this URL.
pub fn url(url: &str) -> Value {
    json!({"kind": "url", "url": url, "intention": "fetch a page"})
}

/// Calls a tool of a client.
pub fn custom_tool(name: &str, arguments: Value) -> Value {
    json!({"kind": "custom-tool", "toolName": name, "toolDescription": "a tool", "args": arguments})
}

/// Calls a tool of an MCP server, which may change something.
pub fn mcp(server: &str, tool: &str, arguments: Value) -> Value {
    json!({
        "kind": "mcp",
        "serverName": server,
        "toolName": tool,
        "toolTitle": tool,
        "args": arguments,
        "readOnly": false,
    })
}
