//! Calls whose responses are secret because of their methods.

use std::collections::HashMap;

use crate::generated::secrets::METHODS;
use crate::wire::redact::Message;

/// Maximum number of remembered calls. A peer that responds to none could send any number; beyond this many
/// all responses count as secret.
const MAX_CALLS: usize = 4096;

/// Open calls with secret responses: true for a call of the client, and its id.
#[derive(Default)]
pub(super) struct Calls {
    open: HashMap<(bool, String), Message>,
    is_full: bool,
}

impl Calls {
    /// Returns the parts to hide of the message with this id and method. `of_client` is true for our own messages.
    pub(super) fn look(&mut self, of_client: bool, id: Option<&str>, method: Option<&str>) -> Message {
        match method {
            Some(method) => {
                let hidden = of_method(method);
                if let Some(id) = id.filter(|_| hidden.is_secret || !hidden.below.is_empty()) {
                    self.is_full |= self.open.len() >= MAX_CALLS;
                    if !self.is_full {
                        self.open.insert((of_client, id.to_owned()), hidden.clone());
                    }
                }
                hidden
            }
            None if self.is_full => Message { is_secret: true, below: Vec::new() },
            None => id.and_then(|id| self.open.remove(&(!of_client, id.to_owned()))).unwrap_or_default(),
        }
    }
}

/// Returns the parts to hide of a method's messages: everything for a method named after secrets, such as
/// `sandbox.proxySecret.save`, and single keys for others.
fn of_method(method: &str) -> Message {
    let below = METHODS.iter().filter(|(name, _)| *name == method).map(|(_, key)| *key).collect();
    Message { is_secret: method.to_ascii_lowercase().contains("secret"), below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_open_calls_than_are_remembered_hide_all_responses() {
        let mut calls = Calls::default();
        assert!(calls.look(true, Some("0"), Some("a.secret")).is_secret);
        assert!(calls.look(false, Some("0"), None).is_secret);
        assert!(!calls.look(false, Some("0"), None).is_secret);
        for id in 0..=MAX_CALLS {
            calls.look(true, Some(&id.to_string()), Some("a.secret"));
        }
        assert_eq!(calls.open.len(), MAX_CALLS);
        assert!(calls.look(false, Some(&MAX_CALLS.to_string()), None).is_secret);
    }
}
