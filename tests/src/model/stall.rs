//! A handle on a point where a stream waits for the test.

use std::sync::Arc;

use tokio::sync::watch;

/// Holds a reply open where [`Reply::stall`](super::Reply::stall) put it,
/// until the test releases it or the server is dropped. No clock is involved.
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

    /// Waits until a stream is held. What comes before has been sent, though
    /// the CLI may not have passed it on yet: wait for its events where that
    /// matters.
    pub async fn reached(&self) {
        self.wait_for(|phase| phase.reached).await;
    }

    /// Lets the stream go on, now and whenever it comes here again.
    pub fn release(&self) {
        self.0.send_modify(|phase| phase.released = true);
    }

    /// Waits until the CLI has closed the connection of a stream held here.
    pub async fn abandoned(&self) {
        self.wait_for(|phase| phase.abandoned).await;
    }

    /// What the stream does when it comes here.
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

/// Tells that a held stream is gone: a dropped connection drops what waits.
struct AbandonNotice<'a>(&'a Stall);

impl Drop for AbandonNotice<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|phase| phase.abandoned = !phase.released);
    }
}
