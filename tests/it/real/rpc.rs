//! Typed calls on the real CLI.

mod reads;
