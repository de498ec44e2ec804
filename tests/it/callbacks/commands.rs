//! Slash commands (`command.execute`).

use copilot_session::types::CommandExecuteData;
use copilot_session::{HandlerContext, SessionBuilder};
use serde_json::{Value, json};

use super::Broadcast;
use crate::rig::Rig;

const ANSWER: &str = "session.commands.handlePendingCommand";

/// A command is run; an error is reported to its caller.
#[tokio::test(start_paused = true)]
async fn a_command() {
    let broadcast = Broadcast {
        event: "command.execute",
        data: json!({"command": "/deploy all", "commandName": "deploy", "args": "all"}),
        broken: json!({"command": "/deploy all", "commandName": "deploy"}),
        handle: |session, does| session.command("deploy", "Deploys", move |_, _| does.reply_with(())),
        method: ANSWER,
    };
    let failed = |reason: &str| json!({ "error": reason });
    broadcast.check(json!({}), failed, "at $.args: expected a string, found nothing").await;
}

fn execute(id: &str, name: &str) -> Value {
    let data = json!({"requestId": id, "command": format!("/{name} a \"b\""), "commandName": name, "args": "a \"b\""});
    json!({"type": "command.execute", "data": data})
}

/// Each command has its own handler, which receives the arguments and the session. A command without a
/// handler is an error, since the CLI asks only the client that declared it.
#[tokio::test(start_paused = true)]
async fn several_commands() {
    let configure = |session: SessionBuilder| {
        session
            .approve_all()
            .command("list", "Replaced", async |_, _| -> () { panic!("not to be run") })
            .command("list", "Lists", async |request: CommandExecuteData, context: HandlerContext| {
                Err::<(), _>(format!("{} {} {}", request.command, request.args, context.session_id()))
            })
            .command("deploy", "Deploys", async |_, _| {})
    };
    let rig = Rig::with(configure).await;
    assert_eq!(
        rig.fake.received_raw("session.create").await["commands"],
        json!([{"name": "deploy", "description": "Deploys"}, {"name": "list", "description": "Lists"}])
    );
    let answer = |id: &str, fields: Value| {
        let mut params = fields;
        params["sessionId"] = rig.session.id().into();
        params["requestId"] = id.into();
        [(ANSWER.to_owned(), params)]
    };
    assert_eq!(rig.sent_after(execute("1", "deploy")).await, answer("1", json!({})));
    let listed = format!("/list a \"b\" a \"b\" {}", rig.session.id());
    assert_eq!(rig.sent_after(execute("2", "list")).await, answer("2", json!({ "error": listed })));
    assert_eq!(
        rig.sent_after(execute("3", "other")).await,
        answer("3", json!({"error": "Unknown command: other"}))
    );
}
