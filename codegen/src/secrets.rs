//! Which keys hold secrets: the one list by which `Debug` and logs hide values.

use serde_json::Value;

/// Ends of keys whose values are secrets. Keys are compared by their letters and digits in lower case, and a key with an
/// `s` behind one of these holds several.
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

/// Ends of keys whose values are maps from names, which may be shown, to values, which may be secrets.
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

/// Words of descriptions that speak of a secret.
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

/// Words of sentences that say where no secret is.
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

/// Properties whose descriptions speak of a secret that is elsewhere, such as one that stands beside it. A new property
/// whose description speaks of one is hidden until it stands here.
const NOT_SECRET: &[&str] = &[
    "AccountStatus.authSource",
    "AgentRegistrySpawnValidationError.message",
    "AuthIdentity.envVar",
    "AuthIdentity.registrationId",
    "AuthWrite: SetCredentials.login",
    "ForceLoginOrgsDecision.denial",
    "GitHubOwnersListRequest.authInfo",
    "GitHubOwnersListResult.throwError",
    "ManagedSettingsIngestParams.sessionId",
    "ManagedSettingsResolveDeviceForceLoginOrgsGateParams.authInfo",
    "ManagedSettingsResolveStartupPolicyParams.sessionId",
    "McpConfigRemoveRequest.authClientIdMetadataUrl",
    "McpHeadersHandlePendingHeadersRefreshRequest: Error.message",
    "McpInstallationInput.value",
    "McpOauthAuthenticationStateChangedRequest.serverName",
    "McpOauthRequiredStaticClientConfig.grantType",
    "McpPlanSecretPlaceholder.key",
    "McpRegistrySearchRequest.authInfo",
    "SandboxConfigUserPolicyNetworkProxy.url",
    "SandboxConfigUserPolicyNetworkProxy.username",
    "SandboxMaskedEnvVar.injectHosts",
    "SandboxProxySecretLocation.configDir",
    "SandboxProxySecretLocation.secretId",
    "SessionSettingsRepoSnapshot.secretScanningUrl",
    "TokenAuthInfo.registrationId",
];

/// The letters and digits of a key in lower case, by which keys are compared.
pub fn normal(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Whether what stands under the key is hidden wherever the key stands.
pub fn is_hidden(key: &str) -> bool {
    let key = normal(key);
    let ends = |key: &str| ENDS.iter().any(|end| key.ends_with(end));
    ends(&key) || key.strip_suffix('s').is_some_and(ends) || MAPS.iter().any(|end| key.ends_with(end))
}

/// Whether a property is secret in its type, beyond what its key says. `place` is where it stands, `schema` its flat
/// schema.
pub fn is_secret(place: &str, property: &Value, schema: &Value) -> bool {
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    property.get("x-secret").is_some()
        || (holds_text(schema) && speaks_of_secret(description) && !NOT_SECRET.contains(&place))
}

/// Whether the value may be text, of any words.
fn holds_text(schema: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => schema.get("enum").is_none() && schema.get("const").is_none(),
        Some("array") => schema.get("items").is_some_and(holds_text),
        Some("object") => schema.get("additionalProperties").is_some_and(holds_text),
        Some(_) => false,
        None => schema == &serde_json::json!({}),
    }
}

fn speaks_of_secret(description: &str) -> bool {
    let text = description.to_ascii_lowercase();
    let contains = |sentence: &str, words: &[&str]| words.iter().any(|word| sentence.contains(word));
    text.split(". ").any(|sentence| contains(sentence, WORDS) && !contains(sentence, NEGATIONS))
}
