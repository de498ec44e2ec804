//! All tests, in one binary.

mod real;
mod recordings;
