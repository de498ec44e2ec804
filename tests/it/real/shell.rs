//! Commands that the user runs in the CLI's shell, without the agent.

use copilot_session::types::{ShellCancelUserRequestedRequest, ShellExecuteUserRequestedRequest};
use copilot_session::{SessionBuilder, SessionEventData};
use copilot_session_tests::model::Script;

use super::rig::{Rig, soon};

fn command(id: &str, text: &str) -> ShellExecuteUserRequestedRequest {
    ShellExecuteUserRequestedRequest::new(id, text)
}

/// A command's output and its exit code come back, 0 or not.
#[tokio::test]
async fn a_command_gives_output_and_exit_code() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let rpc = session.rpc().shell();

    let good = command("good", "echo out; echo err >&2; pwd");
    let good = soon("the command", rpc.execute_user_requested(&good)).await.expect("a result");
    assert!(good.success);
    assert_eq!(good.exit_code, Some(0));
    let folder = rig.work().canonicalize().expect("the folder");
    // The two streams are merged in no fixed order.
    let mut lines: Vec<&str> = good.output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, [&*folder.to_string_lossy(), "err", "out"]);

    let bad = command("bad", "echo oh; exit 3");
    let bad = soon("the command", rpc.execute_user_requested(&bad)).await.expect("a result");
    assert_eq!(bad.exit_code, Some(3));
    assert!(bad.output.contains("oh"), "{:?}", bad.output);
    rig.finish().await;
}

/// A running command can be cancelled: it ends without an exit code. What is over cannot.
#[tokio::test]
async fn a_command_can_be_cancelled() {
    let rig = Rig::start(Script::replies([])).await;
    let session = rig.session(SessionBuilder::deny_all).await;
    let mut events = session.events();
    let long = command("long", "echo started; sleep 1000; echo over");
    let cancel = ShellCancelUserRequestedRequest::new("long");

    let cancelling = async {
        loop {
            let event = soon("the command's first output", events.next()).await.expect("an event");
            match event.data() {
                SessionEventData::ToolShellOutput(output) if output.text.contains("started") => break,
                _ => {}
            }
        }
        session.rpc().shell().cancel_user_requested(&cancel).await
    };
    let running = soon("the cancelled command", session.rpc().shell().execute_user_requested(&long));
    let (ended, cancelled) = tokio::join!(running, cancelling);
    assert!(cancelled.expect("an answer").cancelled);
    let ended = ended.expect("a result");
    assert!(!ended.success, "{ended:?}");
    assert_eq!(ended.exit_code, None);

    let again = soon("the second cancel", session.rpc().shell().cancel_user_requested(&cancel)).await;
    assert!(!again.expect("an answer").cancelled);
    rig.finish().await;
}
