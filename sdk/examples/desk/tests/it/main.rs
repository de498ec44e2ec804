//! The tests of the desk: its state, its routes on the fake CLI, attacks on them, a flood of events, and with the
//! feature `_browser` the whole on the real CLI in a real browser.

mod asks;
mod attacks;
mod flood;
#[cfg(feature = "_browser")]
mod real;
mod rig;
mod routes;
mod state;
