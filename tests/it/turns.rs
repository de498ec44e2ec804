//! Turns: from a prompt to its answer.

mod ends;
mod failures;
mod timeouts;
mod own;
mod recorded;
mod stream;
mod work;

use copilot_session::Turn;
use copilot_session::testing::{FakeCli, events as say};

use crate::rig::Rig;

/// A CLI whose events name the prompt they belong to, and one whose do not.
const VERSIONS: [&str; 2] = ["1.0.102", "1.0.65"];

impl Rig {
    /// A session on a CLI of this version.
    async fn of(version: &str) -> Self {
        Self::on(FakeCli::of_version(version), |session| session.approve_all()).await
    }

    /// A turn that the agent has begun.
    async fn turn(&self) -> Turn {
        let turn = self.session.prompt("hello").await.expect("the prompt");
        self.emit(say::user_message(turn.message_id()));
        turn
    }
}
