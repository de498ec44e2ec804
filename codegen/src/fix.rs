//! Stage two: upstream's oddities, one named function each. A fix that finds nothing to fix is an error.

use serde_json::{Value, json};

use crate::Error;
use crate::read::Source;

pub fn fix(source: &mut Source) -> Result<(), Error> {
    let fixes: &[(&str, fn(&mut Source) -> bool)] = &[];
    for (name, fix) in fixes {
        if !fix(source) {
            return Err(Error::Fix { fix: (*name).to_owned() });
        }
    }
    Ok(())
}

/// Required keys that older supported versions of the CLI leave out.
pub fn is_absent_in_older_versions(_place: &str) -> bool {
    false
}

/// Keys whose value must not show in `Debug`: credentials, and maps that commonly carry them.
pub fn is_secret(key: &str, schema: &Value) -> bool {
    const STRINGS: &[&str] = &[
        "accessToken", "apiKey", "authToken", "authorization", "bearerToken", "clientSecret", "gitHubToken",
        "githubToken", "idToken", "password", "refreshToken", "secret", "token",
    ];
    const MAPS: &[&str] = &["env", "headers", "requestHeaders"];
    match schema.get("type") {
        Some(kind) if kind == "string" => STRINGS.contains(&key),
        Some(kind) if kind == "object" => MAPS.contains(&key),
        // Opaque or named, such as the open map of HTTP headers.
        None => MAPS.contains(&key) || (schema == &json!({}) && STRINGS.contains(&key)),
        _ => false,
    }
}
