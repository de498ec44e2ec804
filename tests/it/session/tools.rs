//! Tools that are replaced while the model calls them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use copilot_session::Tool;
use copilot_session::testing::events as say;
use serde_json::{Value, json};

use crate::rig::{Rig, assert_alive};

/// This many tools, and one that is in every set.
fn tools(others: usize) -> impl Iterator<Item = Tool> {
    let names = (0..others).map(|number| format!("other{number}")).chain(["keep".to_owned()]);
    names.map(|name| Tool::with_schema(name, "", json!({"type": "object"}), async |_: Value, _| "ok"))
}

/// A tool that is in both sets can be called at every moment: none of its calls is ignored.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tool_in_both_sets_is_always_there() {
    const CALLS: usize = 5_000;
    let rig = Rig::with(|session| session.approve_all().tool(tools(0).next().expect("one"))).await;
    rig.fake.on_raw("session.tools.set", |_| Ok(json!({})));
    let done = Arc::new(AtomicBool::new(false));
    let changing = tokio::spawn({
        let (session, done) = (rig.session.clone(), Arc::clone(&done));
        async move {
            let mut changes = 0;
            while !done.load(Ordering::SeqCst) {
                session.set_tools(tools(changes % 60)).await.expect("the tools");
                changes += 1;
            }
            changes
        }
    });
    let id = rig.session.id();
    for number in 0..CALLS {
        rig.emit(say::tool_call(id, &format!("call {number}"), "keep", json!({})));
        if number % 100 == 0 {
            assert_alive(&rig.client).await;
        }
    }
    let answered = || {
        let answers = rig.fake.calls_raw("session.tools.handlePendingToolCall");
        answers.iter().map(|answer| answer["requestId"].to_string()).collect::<HashSet<_>>().len()
    };
    let all = async {
        while answered() < CALLS {
            assert_alive(&rig.client).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(30), all).await;
    done.store(true, Ordering::SeqCst);
    let changes = changing.await.expect("the changes");
    assert!(outcome.is_ok(), "{} of {CALLS} were answered, with {changes} changes", answered());
    assert!(changes > 10, "{changes}");
}
