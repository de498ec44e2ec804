//! The tests of the desk: its routes on the fake CLI, attacks on them, a flood of events, and the whole on the real CLI
//! in a real browser.

mod attacks;
mod browser;
mod flood;
mod pictures;
mod program;
mod real;
mod rig;
mod routes;
mod state;
