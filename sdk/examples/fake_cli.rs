//! A fake Copilot CLI as a program, so that a test can run a whole program that uses this crate: give it as
//! `COPILOT_CLI_PATH`, and the path of its script as `FAKE_CLI_SCRIPT`.
//!
//! What a script says is told at `copilot_session::testing::FakeCli::script`; a recording will do too.

fn main() {
    let path = std::env::var_os("FAKE_CLI_SCRIPT").expect("FAKE_CLI_SCRIPT is set");
    let script = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    copilot_session::testing::run(&script)
}
