//! A mission control for the sessions of the Copilot CLI, in the browser.
//!
//! ```sh
//! cargo xtask demo desk       # with a scripted model, in a clone of the repository
//! cargo run -p desk -- --open # with your login, in your browser
//! ```
//!
//! It prints an address with a secret. The page there lists the stored and the running sessions, opens them, shows what
//! their agents do as a tree along the time, and asks the person what the agents ask. Any number of browsers can watch,
//! each in five tabs at most: a tab keeps a connection, and a browser has six.
//!
//! The modules from the bottom to the top:
//!
//! * [`markdown`], [`node`], [`tree`], [`form`], [`state`]: the state of a session, made of its events. Plain values.
//! * [`feed`]: the state and its latest changes, for any number of readers.
//! * [`ask`]: handlers of the SDK that wait for the answer of a person.
//! * [`sessions`]: opens sessions and follows their events.
//! * [`auth`], [`watch`], [`routes`], [`server`]: the web server. [`wire_log`]: the log to download.
//! * `page/`: the page, without a build step.

pub mod ask;
pub mod auth;
pub mod feed;
pub mod form;
pub mod markdown;
pub mod node;
pub mod random;
pub mod routes;
pub mod server;
pub mod sessions;
pub mod state;
pub mod tree;
pub mod watch;
pub mod wire_log;
