//! The connection to a CLI: the handshake, messages on the stream, calls in both directions.

mod calls;
mod ending;
mod endless;
mod framing;
mod handshake;
mod limits;
mod requests;
mod text;
mod unreadable;
