//! The connection to a CLI: the handshake, messages on the stream, calls both ways.

mod calls;
mod ending;
mod framing;
mod handshake;
mod limits;
mod requests;
mod text;
mod unreadable;
