//! The tests that need the real CLI and a real browser.

mod attacks;
mod pictures;
mod program;
mod sessions;
