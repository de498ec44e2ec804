//! Answers decoded from JSON into a Rust type.

use crate::error::Error;
use crate::events::answer::Answer;
#[cfg(feature = "schemars")]
use crate::handlers::tool::schema_of;
#[cfg(feature = "schemars")]
use crate::types::{JsonSchemaResponseFormat, ResponseFormat, SendRequest};
use crate::wire::redact;

impl Answer {
    /// Decodes the text as JSON of this type, for example after the form was set by
    /// [`SendRequest::response_format`](crate::types::SendRequest::response_format).
    ///
    /// # Errors
    /// [`Error::Answer`] if the text is not JSON of this type.
    pub fn json<T: serde_core::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(without_fence(self.text())).map_err(|error| {
            // It quotes values.
            let reason = redact::text(&error.to_string()).into_owned();
            Error::Answer { answer: Box::new(self.clone()), reason }
        })
    }
}

#[cfg(feature = "schemars")]
impl SendRequest {
    /// Requests an answer in the form of `T`, which [`Answer::json`] decodes. Requires the feature `schemars`.
    ///
    /// The schema of `T` is sent as the [`response_format`](Self::response_format), which the model's provider must
    /// support. [`Session::send_and_wait_as`](crate::Session::send_and_wait_as) does all in one step; use
    /// this for the stream and the timeouts of a [`Turn`](crate::Turn), and for the usage in an [`Answer`].
    pub fn answer_as<T: schemars::JsonSchema>(self) -> Self {
        let mut schema = schema_of::<T>();
        close(&mut schema);
        // Providers accept letters, digits, _ and - in the name.
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let name: String = T::schema_name().chars().map(plain).take(64).collect();
        self.response_format(ResponseFormat::new(JsonSchemaResponseFormat::new(name, schema).strict(true)))
    }
}

/// Removes a fence of Markdown, which models often add if only the prompt asks for JSON.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text)
}

/// Makes all keys of objects required and forbids others, since providers enforce only such schemas. A key that is
/// optional in Rust may be null.
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
