//! All tests, in one binary.

mod generated;
mod real;
mod recordings;
