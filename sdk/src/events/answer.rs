//! The outcome of a turn.

use crate::error::Error;
use crate::events::SessionEvent;
use crate::types::AssistantMessageData;
#[cfg(feature = "schemars")]
use crate::types::{JsonSchemaResponseFormat, ResponseFormat};

/// The outcome of a turn.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) message_id: String,
    pub(crate) message: Option<(SessionEvent, AssistantMessageData)>,
    pub(crate) aborted: bool,
}

impl Answer {
    /// The text of the agent's last message; empty when there was none.
    pub fn text(&self) -> &str {
        self.message().map_or("", |message| &message.content)
    }

    /// The text as JSON of this type, as when a form was asked for with
    /// [`SendRequest::response_format`](crate::types::SendRequest::response_format).
    ///
    /// # Errors
    /// [`Error::Answer`] when the text is something else.
    pub fn json<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, Error> {
        let text = self.text();
        serde_json::from_str(without_fence(text))
            .map_err(|error| Error::Answer { text: text.to_owned(), reason: error.to_string() })
    }

    /// The agent's last message: the last `assistant.message` of the turn that is not a sub-agent's.
    pub fn message(&self) -> Option<&AssistantMessageData> {
        self.message.as_ref().map(|(_, message)| message)
    }

    /// The event of the agent's last message.
    pub fn event(&self) -> Option<&SessionEvent> {
        self.message.as_ref().map(|(event, _)| event)
    }

    /// The id of the prompt, as `session.send` answered.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// Tells whether the turn was aborted, or its prompt dropped by the CLI before the agent took it up: see
    /// [`turns`](crate::turns).
    pub fn is_aborted(&self) -> bool {
        self.aborted
    }
}

/// Models that are only asked for JSON often write it as a block of Markdown.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text)
}

/// The form of an answer that is asked for.
#[cfg(feature = "schemars")]
pub(crate) fn format_of<T: schemars::JsonSchema>() -> ResponseFormat {
    let mut schema = crate::handlers::tool::schema_of::<T>();
    close(&mut schema);
    // Providers take letters, digits, _ and - in the name.
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = T::schema_name().chars().map(plain).take(64).collect();
    ResponseFormat::new(JsonSchemaResponseFormat::new(name, schema).strict(true))
}

/// Providers keep to a schema only when its objects have no other keys and none that is optional; what
/// is optional in Rust may be null.
#[cfg(feature = "schemars")]
fn close(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(object) => {
            let keys = object.get("properties").and_then(serde_json::Value::as_object);
            if let Some(keys) = keys.map(|keys| keys.keys().cloned().collect::<Vec<_>>()) {
                object.insert("required".to_owned(), keys.into());
                object.entry("additionalProperties").or_insert(false.into());
            }
            object.values_mut().for_each(close);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
