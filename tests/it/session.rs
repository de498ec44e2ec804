//! Sessions: made, watched and ended.

mod create;
mod end;
mod events;
mod observers;
mod pause;
