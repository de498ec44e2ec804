//! Handlers that end the very thing they work for.

use copilot_session::testing::{FakeCli, events as say, requests};
use copilot_session::{Client, Decision, Error, HandlerContext, Session, SessionBuilder, Tool, ToolContext};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::rig::{Rig, assert_alive};

/// What a handler does with its client or its session.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Stop,
    Disconnect,
    Abort,
    Delete,
    SetTools,
}

/// A session whose handlers end something, and say what came of it.
struct Ending {
    rig: Rig,
    /// Gives the handlers their client and session.
    whom: watch::Sender<Option<(Client, Session)>>,
    came: mpsc::UnboundedReceiver<Result<(), Error>>,
}

async fn ending(ends: Ends) -> Ending {
    let (whom, known) = watch::channel(None::<(Client, Session)>);
    let (sender, came) = mpsc::unbounded_channel();
    let end = move || {
        let (mut known, sender) = (known.clone(), sender.clone());
        async move {
            let (client, session) =
                known.wait_for(Option::is_some).await.expect("it is given").clone().expect("both");
            let result = match ends {
                Ends::Stop => client.stop().await,
                Ends::Disconnect => session.disconnect().await,
                Ends::Abort => session.abort().await,
                Ends::Delete => client.delete_session(session.id()).await,
                Ends::SetTools => session.set_tools([]).await,
            };
            sender.send(result).expect("the test listens");
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
    if let Ends::Abort = ends {
        let (fake, id) = (rig.fake.clone(), rig.session.id().to_owned());
        rig.fake.on_raw("session.abort", move |_| {
            for kind in ["permission.completed", "external_tool.completed"] {
                fake.emit(&id, say::event(kind, json!({"requestId": "request"})));
            }
            Ok(json!({"success": true}))
        });
    }
    if let Ends::Delete = ends {
        let (fake, id) = (rig.fake.clone(), rig.session.id().to_owned());
        rig.fake.on_raw("session.delete", move |_| {
            fake.notify_raw("session.lifecycle", json!({"type": "session.deleted", "sessionId": id}));
            Ok(json!({"success": true}))
        });
    }
    whom.send_replace(Some((rig.client.clone(), rig.session.clone())));
    Ending { rig, whom, came }
}

impl Ending {
    async fn check(mut self, ends: Ends, place: &str) {
        let came = tokio::time::timeout(std::time::Duration::from_secs(60), self.came.recv()).await;
        let result = came.unwrap_or_else(|_| panic!("{ends:?} in {place} does not come back"));
        result.expect("a result").unwrap_or_else(|error| panic!("{ends:?} in {place}: {error}"));
        match ends {
            Ends::Stop => assert_eq!(self.rig.client.closed().await.reason, "the client was stopped"),
            _ => assert_alive(&self.rig.client).await,
        }
        self.whom.send_replace(None);
    }
}

/// Each of these works in a handler and comes back to it.
#[tokio::test(start_paused = true)]
async fn in_handlers() {
    for ends in [Ends::Stop, Ends::Disconnect, Ends::Abort, Ends::Delete, Ends::SetTools] {
        let ending = ending(ends).await;
        ending.rig.emit(say::tool_call(ending.rig.session.id(), "request", "end", json!({})));
        ending.check(ends, "a tool").await;

        let ending = self::ending(ends).await;
        ending.rig.emit(say::permission("request", requests::shell("ls")));
        ending.check(ends, "a permission handler").await;

        let ending = self::ending(ends).await;
        let params = json!({"sessionId": ending.rig.session.id(), "question": "Well?"});
        ending.rig.fake.ask(&json!(1), "userInput.request", params);
        ending.check(ends, "a question").await;
    }
}

/// A stop that nobody waits for to its end closes the connection all the same.
#[tokio::test(start_paused = true)]
async fn a_stop_that_is_dropped() {
    let rig = Rig::start().await;
    rig.fake.hold("session.detach");
    let stopping = rig.client.stop();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(1), stopping).await.is_err());
    assert_eq!(rig.client.closed().await.reason, "the client was stopped");
}
