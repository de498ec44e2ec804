//! The W3C trace context of a span.

use std::collections::HashMap;

/// A span in the form of W3C trace context: the `traceparent` and `tracestate` of `session.create`,
/// `session.resume`, `session.send` and of tool calls.
///
/// For OpenTelemetry it converts from and to a map of headers, which the propagator of every version writes and reads.
/// The span of each prompt:
///
/// ```
/// # use copilot_session::{Client, TraceContext};
/// # use std::collections::HashMap;
/// use opentelemetry::global::get_text_map_propagator;
///
/// let client = Client::builder().trace_context(|| {
///     let (current, mut headers) = (opentelemetry::Context::current(), HashMap::new());
///     get_text_map_propagator(|propagator| propagator.inject_context(&current, &mut headers));
///     TraceContext::from_headers(&headers)
/// });
/// ```
///
/// The parent of what a tool does, of [`ToolContext::trace_context`](crate::ToolContext::trace_context):
///
/// ```
/// # use opentelemetry::global::get_text_map_propagator;
/// # let trace_context = copilot_session::TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
/// let parent = get_text_map_propagator(|propagator| propagator.extract(&trace_context.to_headers()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TraceContext {
    parent: String,
    state: Option<String>,
}

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

impl TraceContext {
    /// Creates a context from a `traceparent`, such as
    /// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`. It is not validated; the CLI ignores one
    /// that is malformed.
    pub fn new(traceparent: impl Into<String>) -> Self {
        Self { parent: traceparent.into(), state: None }
    }

    /// Sets the `tracestate`.
    pub fn state(mut self, tracestate: impl Into<String>) -> Self {
        self.state = Some(tracestate.into());
        self
    }

    /// Returns the context of the headers `traceparent` and `tracestate`, whose names are in lower case; none without
    /// `traceparent`. Not validated, as in [`new`](Self::new).
    pub fn from_headers(headers: &HashMap<String, String>) -> Option<Self> {
        let state = headers.get(STATE).filter(|state| !state.is_empty());
        Some(Self { parent: headers.get(PARENT)?.clone(), state: state.cloned() })
    }

    /// Returns the headers `traceparent` and `tracestate`.
    pub fn to_headers(&self) -> HashMap<String, String> {
        let headers = [(PARENT, Some(&self.parent)), (STATE, self.state.as_ref())];
        headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.clone()))).collect()
    }

    /// The `traceparent`.
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// The `tracestate`, if any.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_convert_both_ways() {
        let bare = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        for context in [bare.clone(), bare.clone().state("vendor=value")] {
            assert_eq!(TraceContext::from_headers(&context.to_headers()), Some(context));
        }
        // As a propagator writes it.
        let mut headers = bare.to_headers();
        headers.insert(STATE.to_owned(), String::new());
        assert_eq!(TraceContext::from_headers(&headers), Some(bare));
        assert_eq!(TraceContext::from_headers(&HashMap::new()), None);
    }
}
