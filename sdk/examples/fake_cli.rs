//! A fake Copilot CLI as a program, so that a test can run a whole program that uses this crate: set `COPILOT_CLI_PATH`
//! to its path, and `FAKE_CLI_SCRIPT` to the path of a script.
//!
//! `copilot_session::testing::FakeCli::script` describes the format of a script; a recording works, too.

fn main() {
    let path = std::env::var_os("FAKE_CLI_SCRIPT").expect("FAKE_CLI_SCRIPT is set");
    let script = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    copilot_session::testing::run(&script)
}
