//! A pause in a stream, which the test ends.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds a reply at the position of [`Reply::stall`](super::Reply::stall) until the test releases it, the CLI hangs up,
/// or the server is dropped. No clock is involved. All clones are the same stall.
#[derive(Clone, Debug, Default)]
pub struct Stall(Arc<watch::Sender<Phase>>);

#[derive(Debug, Default)]
struct Phase {
    reached: bool,
    released: bool,
    abandoned: bool,
}

impl Stall {
    /// A stall that holds until [`Stall::release`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until a stream is held here, without a timeout. The pieces before have been sent, but the CLI may not have
    /// forwarded them yet: wait for its events where that matters.
    pub async fn reached(&self) {
        self.wait_for(|phase| phase.reached).await;
    }

    /// Lets the stream continue, now and whenever it gets here again.
    pub fn release(&self) {
        self.0.send_modify(|phase| phase.released = true);
    }

    /// Waits until the CLI has closed the connection of a stream that is held here, without a timeout.
    pub async fn abandoned(&self) {
        self.wait_for(|phase| phase.abandoned).await;
    }

    /// Pauses the stream.
    pub(super) async fn hold(&self) {
        let _notice = AbandonNotice(self);
        self.0.send_modify(|phase| phase.reached = true);
        self.wait_for(|phase| phase.released).await;
    }

    async fn wait_for(&self, condition: impl FnMut(&Phase) -> bool) {
        let waited = self.0.subscribe().wait_for(condition).await.map(drop);
        waited.expect("self owns the sender");
    }
}

/// Reports that a paused stream is gone: the drop of its connection drops this value.
struct AbandonNotice<'a>(&'a Stall);

impl Drop for AbandonNotice<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|phase| phase.abandoned = !phase.released);
    }
}
