//! The tests that need a real browser, and all but those of `page` the real CLI.

mod attacks;
mod browser;
mod page;
mod pictures;
// It reads about processes in /proc.
#[cfg(target_os = "linux")]
mod program;
mod rig;
mod sessions;
