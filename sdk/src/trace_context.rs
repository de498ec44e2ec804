//! The W3C trace context of a span.

/// A span in the form of W3C trace context: the `traceparent` and `tracestate` of `session.create`,
/// `session.resume`, `session.send` and of tool calls.
///
/// With the feature `opentelemetry` it converts from and to the context of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct TraceContext {
    parent: String,
    state: Option<String>,
}

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

    /// The `traceparent`.
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// The `tracestate`, if any.
    pub fn tracestate(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

#[cfg(feature = "opentelemetry")]
mod opentelemetry_span {
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

    use super::TraceContext;

    impl TraceContext {
        /// Returns OpenTelemetry's current span of this thread; none if there is none. Requires the feature
        /// `opentelemetry`.
        pub fn current() -> Option<Self> {
            Self::from_span(opentelemetry::Context::current().span().span_context())
        }

        /// Converts a span of OpenTelemetry; none if it is invalid. Requires the feature `opentelemetry`.
        pub fn from_span(span: &SpanContext) -> Option<Self> {
            if !span.is_valid() {
                return None;
            }
            let flags = span.trace_flags().to_u8();
            let parent = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
            let state = Some(span.trace_state().header()).filter(|state| !state.is_empty());
            Some(Self { parent, state })
        }

        /// Converts to a span of OpenTelemetry, the parent of work done for the CLI; none if this is
        /// malformed. Requires the feature `opentelemetry`.
        pub fn to_span(&self) -> Option<SpanContext> {
            let mut parts = self.parent.split('-').skip(1);
            let trace = TraceId::from_hex(parts.next()?).ok()?;
            let span = SpanId::from_hex(parts.next()?).ok()?;
            let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
            let state = self.state.as_deref().and_then(|state| state.parse::<TraceState>().ok());
            let span = SpanContext::new(trace, span, flags, true, state.unwrap_or_default());
            span.is_valid().then_some(span)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::TraceContext;

        #[test]
        fn spans_convert_both_ways() {
            let context = TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                .state("vendor=value");
            let span = context.to_span().expect("a valid span");
            assert!(span.is_remote() && span.is_sampled());
            assert_eq!(TraceContext::from_span(&span), Some(context));
        }

        #[test]
        fn a_malformed_context_is_no_span() {
            for parent in ["", "00", "00-xyz-1-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"]
            {
                assert!(TraceContext::new(parent).to_span().is_none(), "{parent}");
            }
            assert!(TraceContext::current().is_none());
        }
    }
}
