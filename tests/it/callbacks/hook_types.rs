//! The hooks whose input has a type of its own, each with samples of its schema.

use copilot_session::types::*;
use copilot_session::wire::to_json;
use copilot_session::{Hook, IntoReply, SessionBuilder};
use copilot_session_tests::sample::{Sample, Schemas};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::rig::Rig;

/// A type of hook: its name, and a handler that records its input and returns no output.
struct Kind {
    name: &'static str,
    handle: fn(SessionBuilder, mpsc::UnboundedSender<String>) -> SessionBuilder,
}

fn kind<H: Hook>() -> Kind
where
    H::Output: IntoReply<H::Output>,
{
    let handle = |session: SessionBuilder, sender: mpsc::UnboundedSender<String>| {
        session.hook(move |input: H, _| {
            sender.send(to_json(&input)).expect("an open channel");
            std::future::ready(H::Output::default())
        })
    };
    Kind { name: H::TYPE, handle }
}

const KINDS: [fn() -> Kind; 17] = [
    kind::<PreToolUseHookInput>,
    kind::<PreMcpToolCallHookInput>,
    kind::<PostToolUseHookInput>,
    kind::<PostToolUseFailureHookInput>,
    kind::<UserPromptSubmittedHookInput>,
    kind::<UserPromptTransformedHookInput>,
    kind::<SessionStartHookInput>,
    kind::<SessionEndHookInput>,
    kind::<PostResultHookInput>,
    kind::<PrePrDescriptionHookInput>,
    kind::<ErrorOccurredHookInput>,
    kind::<AgentStopHookInput>,
    kind::<SubagentStartHookInput>,
    kind::<SubagentStopHookInput>,
    kind::<PreCompactHookInput>,
    kind::<PermissionRequestHookInput>,
    kind::<NotificationHookInput>,
];

/// The definition of a type's input in the schemas.
fn place(kind: &str) -> String {
    let (first, rest) = kind.split_at(1);
    format!("{}{rest}HookInput", first.to_uppercase())
}

/// The handler of each type receives every sample of its input, and no other type's.
#[tokio::test(start_paused = true)]
async fn each_type() {
    let schemas = Schemas::read();
    for kind in KINDS.map(|kind| kind()) {
        let (sender, mut inputs) = mpsc::unbounded_channel();
        let rig = Rig::with(|session| (kind.handle)(session.approve_all(), sender)).await;
        let samples = schemas.of_place(&place(kind.name));
        assert!(!samples.is_empty(), "{} is not in the schemas", place(kind.name));
        for sample in &samples {
            let answer = rig.ask("hooks.invoke", params(kind.name, sample)).await;
            assert_eq!(answer, Ok(json!({"output": {}})), "{}", kind.name);
            let input: Value = serde_json::from_str(&inputs.try_recv().expect("the input")).expect("JSON");
            assert_eq!(input, sample.json, "{}", kind.name);
        }
        for other in KINDS.map(|kind| kind().name).into_iter().filter(|other| *other != kind.name) {
            assert_eq!(rig.ask("hooks.invoke", params(other, &samples[0])).await, Ok(json!({})), "{other}");
        }
        assert!(inputs.is_empty(), "{} was called for another", kind.name);
    }
}

fn params(kind: &str, sample: &Sample) -> Value {
    json!({"hookType": kind, "input": sample.json})
}
