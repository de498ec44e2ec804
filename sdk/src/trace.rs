//! The spans of the program's own tracing, and the context that carries a span to the CLI and back.

pub(crate) mod context;
pub(crate) mod spans;
pub(crate) mod turn;
