//! The tests that need the real CLI and a real browser.

mod attacks;
mod browser;
mod pictures;
mod program;
mod rig;
mod sessions;
