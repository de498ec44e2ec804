//! The tests that need a real browser, and all but those of `page` the real CLI.

mod attacks;
mod browser;
mod page;
mod pictures;
mod program;
mod rig;
mod sessions;
