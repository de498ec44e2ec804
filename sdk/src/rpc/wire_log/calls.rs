//! Calls whose responses are secret because of their methods.

use std::collections::HashMap;

use crate::generated::secrets::METHODS;
use crate::wire::peek;
use crate::wire::redact::Message;

/// Maximum number of remembered calls. A peer that responds to none could send any number; beyond this many
/// all responses count as secret.
const MAX_CALLS: usize = 4096;

/// Open calls with secret responses: true for a call of the client, and its id as JSON.
#[derive(Default)]
pub(super) struct Calls {
    open: HashMap<(bool, String), Message>,
    is_full: bool,
}

impl Calls {
    /// Returns the parts to hide of the message that begins with this text. `of_client` is true for our own
    /// messages.
    pub(super) fn look(&mut self, of_client: bool, message: &str) -> Message {
        let [id, method] = peek::pick(message, ["id", "method"]).unwrap_or_default();
        match method.and_then(peek::string) {
            Some(method) => {
                let hidden = of_method(&method);
                let is_secret = !hidden.whole.is_empty() || !hidden.below.is_empty();
                if let Some(id) = id.filter(|_| is_secret) {
                    self.is_full |= self.open.len() >= MAX_CALLS;
                    if !self.is_full {
                        self.open.insert((of_client, normalize(id)), hidden.clone());
                    }
                }
                hidden
            }
            None if self.is_full => Message { whole: WHOLE, below: Vec::new() },
            None => id.and_then(|id| self.open.remove(&(!of_client, normalize(id)))).unwrap_or_default(),
        }
    }
}

/// Normalizes an id, since a number may come back as a string.
fn normalize(id: &str) -> String {
    id.trim_matches('"').to_owned()
}

/// The parts of a message that may be hidden as a whole.
const WHOLE: &[&str] = &["params", "result", "error"];

/// Returns the parts to hide of a method's messages: everything for a method named after secrets, such as
/// `sandbox.proxySecret.save`, and single keys for others.
fn of_method(method: &str) -> Message {
    let has_secret = method.to_ascii_lowercase().contains("secret");
    let below = METHODS.iter().filter(|(name, _)| *name == method).map(|(_, key)| *key).collect();
    Message { whole: if has_secret { WHOLE } else { &[] }, below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_open_calls_than_are_remembered_hide_all_responses() {
        let mut calls = Calls::default();
        let request = |id: usize| format!(r#"{{"id":{id},"method":"a.secret"}}"#);
        assert_eq!(calls.look(true, &request(0)).whole, WHOLE);
        assert_eq!(calls.look(false, r#"{"id":"0","result":1}"#).whole, WHOLE);
        assert!(calls.look(false, r#"{"id":0,"result":1}"#).whole.is_empty());
        for id in 0..=MAX_CALLS {
            calls.look(true, &request(id));
        }
        assert_eq!(calls.open.len(), MAX_CALLS);
        assert_eq!(calls.look(false, &format!(r#"{{"id":{MAX_CALLS},"result":1}}"#)).whole, WHOLE);
    }
}
