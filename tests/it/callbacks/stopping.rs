//! Handlers that end their own client, session or turn.

use copilot_session::testing::{FakeCli, events as say, requests};
use copilot_session::{Client, Decision, Error, HandlerContext, Session, SessionBuilder, Tool, ToolContext};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::rig::{Rig, assert_alive};

/// The call that a handler makes on its client or its session.
#[derive(Debug, Clone, Copy)]
enum End {
    Stop,
    Disconnect,
    Abort,
    Delete,
    SetTools,
}

/// A session whose handlers make such a call and report its result.
struct Ending {
    rig: Rig,
    /// Passes the client and the session to the handlers.
    targets: watch::Sender<Option<(Client, Session)>>,
    results: mpsc::UnboundedReceiver<Result<(), Error>>,
}

async fn ending(ends: End) -> Ending {
    let (targets, known) = watch::channel(None::<(Client, Session)>);
    let (sender, results) = mpsc::unbounded_channel();
    let end = move || {
        let (mut known, sender) = (known.clone(), sender.clone());
        async move {
            let (client, session) =
                known.wait_for(Option::is_some).await.expect("a value").clone().expect("both");
            let result = match ends {
                End::Stop => {
                    client.stop().await;
                    Ok(())
                }
                End::Disconnect => session.disconnect().await,
                End::Abort => session.abort().await,
                End::Delete => client.delete_session(session.id()).await,
                End::SetTools => session.set_tools([]).await,
            };
            sender.send(result).expect("an open channel");
        }
    };
    let (in_tool, in_permission) = (end.clone(), end.clone());
    let tool = move |_: Value, _: ToolContext| {
        let end = in_tool();
        async move {
            end.await;
            "done"
        }
    };
    let fake = FakeCli::start();
    fake.on_raw("session.tools.set", |_| Ok(json!({})));
    let configure = |session: SessionBuilder| {
        session
            .tool(Tool::with_schema("end", "Ends something", json!({"type": "object"}), tool))
            .on_permission(move |_, _: HandlerContext| {
                let end = in_permission();
                async move {
                    end.await;
                    Decision::approve()
                }
            })
            .on_user_input(move |_, _| {
                let end = end();
                async move {
                    end.await;
                    "done"
                }
            })
    };
    let rig = Rig::on(fake, configure).await;
    if let End::Abort = ends {
        let (fake, id) = (rig.fake.clone(), rig.session.id().to_owned());
        rig.fake.on_raw("session.abort", move |_| {
            for kind in ["permission.completed", "external_tool.completed"] {
                fake.emit(&id, say::event(kind, json!({"requestId": "request"})));
            }
            Ok(json!({"success": true}))
        });
    }
    if let End::Delete = ends {
        let (fake, id) = (rig.fake.clone(), rig.session.id().to_owned());
        rig.fake.on_raw("session.delete", move |_| {
            fake.notify_raw("session.lifecycle", json!({"type": "session.deleted", "sessionId": id}));
            Ok(json!({"success": true}))
        });
    }
    targets.send_replace(Some((rig.client.clone(), rig.session.clone())));
    Ending { rig, targets, results }
}

impl Ending {
    async fn check(mut self, ends: End, place: &str) {
        let results = tokio::time::timeout(std::time::Duration::from_secs(60), self.results.recv()).await;
        let result = results.unwrap_or_else(|_| panic!("{ends:?} in {place} does not return"));
        result.expect("a result").unwrap_or_else(|error| panic!("{ends:?} in {place}: {error}"));
        match ends {
            End::Stop => assert_eq!(self.rig.client.closed().await.reason, "the client was stopped"),
            _ => assert_alive(&self.rig.client).await,
        }
        self.targets.send_replace(None);
    }
}

/// Each call returns, from a handler of every kind.
#[tokio::test(start_paused = true)]
async fn in_handlers() {
    for ends in [End::Stop, End::Disconnect, End::Abort, End::Delete, End::SetTools] {
        let ending = ending(ends).await;
        ending.rig.emit(say::tool_call(ending.rig.session.id(), "request", "end", json!({})));
        ending.check(ends, "a tool").await;

        let ending = self::ending(ends).await;
        ending.rig.emit(say::permission("request", requests::shell("ls")));
        ending.check(ends, "a permission handler").await;

        let ending = self::ending(ends).await;
        let params = json!({"sessionId": ending.rig.session.id(), "question": "Well?"});
        ending.rig.fake.send_request(&json!(1), "userInput.request", params);
        ending.check(ends, "a question").await;
    }
}

/// A stop that is dropped half way closes the connection all the same.
#[tokio::test(start_paused = true)]
async fn a_stop_that_is_dropped() {
    let rig = Rig::start().await;
    rig.fake.hold("session.detach");
    let stopping = rig.client.stop();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(1), stopping).await.is_err());
    assert_eq!(rig.client.closed().await.reason, "the client was stopped");
}
