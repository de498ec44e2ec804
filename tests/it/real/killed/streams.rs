//! The CLI is killed while a process that it left behind holds its streams open, so that they do not end.

use copilot_session::SessionBuilder;
use copilot_session_model::Script;

use super::Doomed;
use crate::real::lifeline;
use crate::real::rig::soon;

/// The death is noticed all the same.
#[tokio::test]
async fn streams_that_do_not_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (take, loose) = lifeline::lifeline(folder.path(), "holder.lifeline");
    // A session of its own is out of reach of a signal to the CLI's process group.
    let words = format!("setsid sh -c \"{}; exec sleep 100000\" & true", take.replace('$', "\\$"));
    let program = |folder: &std::path::Path| lifeline::program_after(folder, &words);
    let doomed = Doomed::start_by(Script::replies([]), program, async |new| new.start().await).await;
    let holder = loose.taken().await;
    let session = doomed.rig.session(SessionBuilder::deny_all).await;
    let client = doomed.rig.client.clone();
    let closed = async { Err::<(), _>(copilot_session::Error::Closed(client.closed().await)) };
    let dead = doomed.kill("held streams", closed).await;
    assert!(holder.is_alive(), "the holder ended");
    holder.kill();
    soon("its end", holder.cut("the holder")).await;
    dead.check(Some(&session)).await;
}
