//! Sessions: created, observed and ended.

mod again;
mod create;
mod dropped;
mod end;
mod events;
#[cfg(unix)]
mod ids;
mod observers;
mod outside;
mod pending;
mod takeover;
mod tools;
