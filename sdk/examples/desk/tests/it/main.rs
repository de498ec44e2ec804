//! The tests of the desk: its state, its routes on the fake CLI, attacks on them, a flood of events, and the whole on the
//! real CLI in a real browser.

mod attacks;
mod browser;
mod flood;
mod real;
mod rig;
mod routes;
mod state;
