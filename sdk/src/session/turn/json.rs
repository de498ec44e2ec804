//! Answers as JSON of a Rust type.

use crate::error::Error;
use crate::events::answer::Answer;
#[cfg(feature = "schemars")]
use crate::handlers::tool::schema_of;
#[cfg(feature = "schemars")]
use crate::types::{JsonSchemaResponseFormat, ResponseFormat};

impl Answer {
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
    let mut schema = schema_of::<T>();
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
