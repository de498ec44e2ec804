//! The tests that need a real browser. All but those of `page` also need the real CLI.

mod attacks;
mod page;
mod pictures;
// It reads about processes in /proc.
#[cfg(target_os = "linux")]
mod program;
mod rig;
mod sessions;
