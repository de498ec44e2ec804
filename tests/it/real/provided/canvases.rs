//! Canvases that a client provides to the agent.

use std::sync::{Arc, Mutex};

use copilot_session::providers::{Canvas, canvas};
use copilot_session::types::{
    CanvasAction, CanvasCloseRequest, CanvasDeclaration, CanvasDeclarationFields, CanvasProviderCloseRequest,
    CanvasProviderInvokeActionRequest, CanvasProviderOpenRequest, CanvasProviderOpenResult,
};
use copilot_session::{HandlerContext, RpcError, SessionBuilder};
use copilot_session_model::{Reply, Script};
use serde_json::{Value, json};

use super::super::rig::{Rig, ask, soon};

/// A board that the agent may open, write on and wipe; each call is logged.
struct Board(Arc<Mutex<Vec<String>>>);

impl Board {
    fn log(&self, done: String) {
        self.0.lock().unwrap().push(done);
    }
}

impl Canvas for Board {
    async fn open(
        &self,
        open: CanvasProviderOpenRequest,
        _: HandlerContext,
    ) -> Result<CanvasProviderOpenResult, RpcError> {
        let input = open.input.unwrap_or_default();
        self.log(format!("open {} {} {input}", open.canvas_id, open.instance_id));
        Ok(CanvasProviderOpenResult::default().title("The board").status("clean"))
    }

    async fn action_invoke(
        &self,
        action: CanvasProviderInvokeActionRequest,
        _: HandlerContext,
    ) -> Result<Value, RpcError> {
        let input = action.input.unwrap_or_default();
        self.log(format!("{} {} {input}", action.action_name, action.instance_id));
        match action.action_name.as_str() {
            "write" => Ok(json!({ "lines": 1 })),
            _ => Err("it is not to be wiped".into()),
        }
    }

    async fn close(&self, close: CanvasProviderCloseRequest, _: HandlerContext) -> Result<(), RpcError> {
        self.log(format!("close {} {}", close.canvas_id, close.instance_id));
        Ok(())
    }
}

fn with_board(new: SessionBuilder, log: &Arc<Mutex<Vec<String>>>) -> SessionBuilder {
    let actions = vec![CanvasAction::new("write").description("Writes a line"), CanvasAction::new("wipe")];
    let board = CanvasDeclaration::new(CanvasDeclarationFields {
        id: "board".to_owned(),
        display_name: "Board".to_owned(),
        description: "A board to write on".to_owned(),
    })
    .actions(actions);
    new.approve_all()
        .configure(|config| config.canvases(vec![board]).request_canvas_renderer(true))
        .provide(canvas(Board(Arc::clone(log))))
}

/// The agent opens a canvas, calls its actions, and reads their results; the host closes it.
#[tokio::test]
async fn the_agent_uses_a_canvas() {
    let on_board = |action: &str| {
        let arguments = json!({ "instanceId": "b1", "actionName": action, "input": { "line": "Hello" } });
        Reply::tool_call("invoke_canvas_action", arguments)
    };
    let open = json!({ "canvasId": "board", "instanceId": "b1", "input": { "color": "green" } });
    let script = [
        Reply::tool_call("list_canvas_capabilities", json!({ "canvasId": "board" })),
        Reply::tool_call("open_canvas", open),
        on_board("write"),
        on_board("wipe"),
        Reply::text("Written."),
    ];
    let rig = Rig::start(Script::replies(script)).await;
    let log = Arc::default();
    let session = rig.session(|new| with_board(new, &log)).await;
    assert!(session.capabilities().canvases);
    assert_eq!(ask(&session, "Write on the board.").await.expect("an answer").text(), "Written.");
    let results: Vec<_> = rig.model.requests()[4].tool_results().into_iter().map(|(_, text)| text).collect();
    assert!(rig.model.requests()[0].body().to_string().contains("A board to write on"));
    assert!(results[0].contains("Writes a line") && results[0].contains("wipe"), "{results:?}");
    assert!(results[1].contains("clean"), "{results:?}");
    assert!(results[2].contains(r#""lines": 1"#), "{results:?}");
    assert!(results[3].contains("it is not to be wiped"), "{results:?}");
    soon("the canvas to close", session.rpc().canvas().close(&CanvasCloseRequest::new("b1")))
        .await
        .expect("a close");
    let expected = [
        r#"open board b1 {"color":"green"}"#,
        r#"write b1 {"line":"Hello"}"#,
        r#"wipe b1 {"line":"Hello"}"#,
        "close board b1",
    ];
    assert_eq!(*log.lock().unwrap(), expected);
    rig.finish().await;
}
