//! Which responses are secret, for the methods that they answer.

use std::collections::HashMap;

use crate::generated::secrets::METHODS;
use crate::wire::peek;
use crate::wire::redact::Message;

/// How many requests are remembered whose responses have secrets. A peer whose ids are not answered could send any number;
/// beyond this many all responses count as secret.
const MOST: usize = 4096;

/// The requests whose responses have secrets: who asked, and the id as JSON.
#[derive(Default)]
pub(super) struct Calls {
    open: HashMap<(bool, String), Message>,
    is_full: bool,
}

impl Calls {
    /// What is to be hidden of the message that begins here, from the client or from the CLI.
    pub(super) fn look(&mut self, of_client: bool, message: &str) -> Message {
        let [id, method] = peek::pick(message, ["id", "method"]).unwrap_or_default();
        match method.and_then(peek::string) {
            Some(method) => {
                let hidden = of_method(&method);
                let is_secret = !hidden.whole.is_empty() || !hidden.below.is_empty();
                if let Some(id) = id.filter(|_| is_secret) {
                    self.is_full |= self.open.len() >= MOST;
                    if !self.is_full {
                        self.open.insert((of_client, plain(id)), hidden.clone());
                    }
                }
                hidden
            }
            None if self.is_full => Message { whole: WHOLE, below: Vec::new() },
            None => id.and_then(|id| self.open.remove(&(!of_client, plain(id)))).unwrap_or_default(),
        }
    }
}

/// An id as a number or a string; it may come back as the other.
fn plain(id: &str) -> String {
    id.trim_matches('"').to_owned()
}

/// The parts of a message that are hidden as a whole.
const WHOLE: &[&str] = &["params", "result", "error"];

/// All that a method says whose name speaks of secrets, such as `sandbox.proxySecret.save`, is one; of others that have
/// secrets some keys are.
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
        for id in 0..=MOST {
            calls.look(true, &request(id));
        }
        assert_eq!(calls.open.len(), MOST);
        assert_eq!(calls.look(false, &format!(r#"{{"id":{MOST},"result":1}}"#)).whole, WHOLE);
    }
}
