#![doc = include_str!("../README.md")]

// What this package promises.
mod check;
mod error;

pub use check::{Check, check, check_installed};
pub use comparison::{Change, How, RuntimeImpact, Source, What};
pub use error::Error;

// For `cargo copilot` and the chores of the repository, which are of the same version.
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod comparison;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod older;
#[doc(hidden)]
pub mod ours;
#[doc(hidden)]
pub mod platform;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod schema;
#[doc(hidden)]
pub mod sets;
#[doc(hidden)]
pub mod source;

mod cache; // the folders of the user's cache
mod npm; // the registry of the CLI
mod stream; // schemas, read while a package downloads
mod unpack; // schemas inside of a binary
