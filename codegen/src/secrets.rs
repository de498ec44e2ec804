//! The keys that hold secrets: the one list by which `Debug` and logs hide values.

use serde_json::Value;

/// Suffixes of keys whose values are secrets. Keys are compared by their letters and digits in lower case; a key with
/// an `s` after the suffix holds several secrets.
pub const ENDS: &[&str] = &[
    "accesskey",
    "accesssignature",
    "accountkey",
    "amzsignature",
    "apikey",
    "authcode",
    "authkey",
    "authorization",
    "authorizationcode",
    "basicauth",
    "bearer",
    "bearerauth",
    "callbackurl",
    "clientassertion",
    "clientkey",
    "codeverifier",
    "connectionstring",
    "cookie",
    "credential",
    "creds",
    "devicecode",
    "encryptionkey",
    "githubpat",
    "headersjson",
    "hmac",
    "hmackey",
    "jwt",
    "keymaterial",
    "masterkey",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "refreshkey",
    "secret",
    "secretkey",
    "secretvalue",
    "sessionkey",
    "sharedkey",
    "signingkey",
    "sshkey",
    "subscriptionkey",
    "token",
    "tokenvalue",
    "verificationcode",
];

/// Suffixes of keys whose values are maps from names, which are shown, to values, which may be secrets.
pub const MAPS: &[&str] = &[
    "env",
    "environ",
    "environment",
    "environmentvariables",
    "envmap",
    "envvars",
    "header",
    "headerlist",
    "headermap",
    "headers",
    "headerslist",
    "headersmap",
    "trailers",
];

/// Keys that must match as a whole, since many words end like them.
pub const SHORT: &[&str] = &["mnemonic", "otp", "pass", "pat", "pwd", "sas", "seed", "signature", "xauth"];

/// Endings of keys that do not change the meaning, such as `old` or `base64`.
pub const TAILS: &[&str] = &[
    "again",
    "base64",
    "byhost",
    "bytes",
    "confirm",
    "confirmation",
    "encoded",
    "forhost",
    "hex",
    "info",
    "new",
    "old",
    "pem",
    "plain",
    "plaintext",
    "raw",
    "string",
    "text",
];

/// Header names that are shown in lists of names and values. Any other string there may be a value.
pub const HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "cache-control",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "etag",
    "host",
    "location",
    "proxy-authorization",
    "retry-after",
    "server",
    "set-cookie",
    "user-agent",
    "www-authenticate",
    "x-api-key",
    "x-request-id",
];

/// Words by which a description mentions a secret.
const WORDS: &[&str] = &[
    "access token",
    "api key",
    "authentication token",
    "bearer token",
    "cookie",
    "credential",
    "hmac",
    "never log",
    "passphrase",
    "password",
    "private key",
    "secret",
];

/// Words of sentences that mention a secret but say that the value is none.
const NEGATIONS: &[&str] = &[
    "credential-free",
    "must not be embedded",
    "never a credential",
    "never contains",
    "never echoes",
    "no credential",
    "non-secret",
    "secret value is never",
    "without",
];

/// Properties whose descriptions mention a secret that is elsewhere, by the reason. A new property whose description
/// mentions a secret is hidden until it is listed here.
pub const NOT_SECRET: &[&str] = &[
    // Names and identifiers by which the secret is found elsewhere.
    "AuthIdentity.envVar",
    "AuthIdentity.registrationId",
    "McpPlanSecretPlaceholder.key",
    "SandboxProxySecretLocation.configDir",
    "SandboxProxySecretLocation.secretId",
    "TokenAuthInfo.registrationId",
    // The user, server, session or host that the secret is of or for.
    "AuthWrite: SetCredentials.login",
    "ManagedSettingsIngestParams.sessionId",
    "ManagedSettingsResolveStartupPolicyParams.sessionId",
    "McpOauthAuthenticationStateChangedRequest.serverName",
    "SandboxConfigUserPolicyNetworkProxy.username",
    "SandboxMaskedEnvVar.injectHosts",
    // Kinds of sources and grants.
    "AccountStatus.authSource",
    "McpOauthRequiredStaticClientConfig.grantType",
    // Texts for people, without the secret.
    "AgentRegistrySpawnValidationError.message",
    "ForceLoginOrgsDecision.denial",
    "GitHubOwnersListResult.throwError",
    "McpHeadersHandlePendingHeadersRefreshRequest: Error.message",
    // Addresses, in which a password or a token is hidden by its form.
    "McpConfigRemoveRequest.authClientIdMetadataUrl",
    "SandboxConfigUserPolicyNetworkProxy.url",
    "SessionSettingsRepoSnapshot.secretScanningUrl",
    // An input that is no secret; those that are have a type of their own.
    "McpInstallationInput.value",
    // Objects whose secrets have keys of their own.
    "GitHubOwnersListRequest.authInfo",
    "ManagedSettingsResolveDeviceForceLoginOrgsGateParams.authInfo",
    "McpRegistrySearchRequest.authInfo",
];

/// The letters and digits of a key in lower case, for comparison.
pub fn normalized(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Returns true if values of the key are hidden in any type.
pub fn is_hidden(key: &str) -> bool {
    let key = normalized(key);
    let ends = |key: &str| ENDS.iter().any(|end| key.ends_with(end));
    ends(&key) || key.strip_suffix('s').is_some_and(ends) || MAPS.iter().any(|end| key.ends_with(end))
}

/// Returns true if a property is secret by its `x-secret` or its description. `place` is its place in the schema,
/// `schema` its normalized schema.
pub fn is_secret(place: &str, property: &Value, schema: &Value) -> bool {
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    property.get("x-secret").is_some()
        || (holds_text(schema) && mentions_secret(description) && !NOT_SECRET.contains(&place))
}

/// Returns true if the value may be or contain arbitrary text.
fn holds_text(schema: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => schema.get("enum").is_none() && schema.get("const").is_none(),
        Some("array") => schema.get("items").is_some_and(holds_text),
        Some("object") => schema.get("additionalProperties").is_some_and(holds_text),
        Some(_) => false,
        None => schema == &serde_json::json!({}),
    }
}

fn mentions_secret(description: &str) -> bool {
    let text = description.to_ascii_lowercase();
    let contains = |sentence: &str, words: &[&str]| words.iter().any(|word| sentence.contains(word));
    text.split(". ").any(|sentence| contains(sentence, WORDS) && !contains(sentence, NEGATIONS))
}
