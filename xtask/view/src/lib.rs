#![doc = include_str!("../README.md")]

mod chart; // a turn to draw
mod error;
mod lines; // the lines of a log
mod log;
mod message; // what a message is
mod page; // the page
mod session; // from events to spans
mod span; // what took time
mod terminal; // bars of text

pub use error::Error;
pub use log::Log;
pub use page::write_page;
pub use terminal::Turns;
