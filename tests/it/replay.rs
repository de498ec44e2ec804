//! Recorded traffic of real CLIs, replayed to the SDK's client, which must send what the protocol requires.
//!
//! The fake sends the CLI's messages in the same order. Where the recording has a request or a response of
//! its client, the fake waits for one of the SDK's client. The handshake is the SDK's own. Requests without a
//! fixed order, such as the results of two concurrent tool calls, are identified by the request that they
//! answer.

mod asked;
mod calls;
mod files;
mod handshake;
mod recording;
mod sent;
mod shell;
mod stage;
mod tools;
mod turns;

use std::collections::BTreeSet;

use recording::Request;
use sent::Sent;
use stage::Stage;

/// Scenarios that are not replayed, each with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("jsonrpc-errors", "malformed messages on purpose, which the SDK's client cannot send"),
    ("tcp-two-clients-tools", "three connections in one recording, whose responses cannot be separated"),
];

/// Replays every recording of a scenario, without the recorded requests that `but` selects, while `drive`
/// uses the client and returns the messages that the client should send after its handshake.
async fn play(scenario: &str, but: fn(&Request) -> bool, drive: impl AsyncFn(&Stage) -> Vec<Sent>) {
    let recordings = recording::of(scenario);
    assert!(!recordings.is_empty(), "no recording of {scenario}");
    for recording in recordings {
        let about = format!("{} {scenario}, part {}", recording.version, recording.part);
        let stage = Stage::open(recording, but).await;
        let ((), expected) = tokio::join!(stage.play(), drive(&stage));
        stage.fake.settle().await;
        let sent = sent::sent(&stage.fake, stage.version());
        for (index, (sent, expected)) in sent.iter().zip(&expected).enumerate() {
            assert_eq!(sent, expected, "{about}, message {index}");
        }
        assert_eq!(sent.len(), expected.len(), "{about}: {sent:?}");
    }
}

/// One test for each scenario, with the recorded requests that are left out.
macro_rules! scenarios {
    ($($test:ident: $scenario:literal, $drive:path, $but:expr;)*) => {
        const SCENARIOS: &[&str] = &[$($scenario),*];
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                play($scenario, $but, $drive).await;
            }
        )*
    };
}

fn nothing(_: &Request) -> bool {
    false
}

scenarios! {
    create_send_idle: "create-send-idle", turns::create_send_idle, nothing;
    streaming: "streaming", turns::streaming, nothing;
    model_error: "model-error-429", turns::model_error, nothing;
    abort: "abort-mid-stream", turns::abort, nothing;
    attachments: "send-attachments", turns::attachments, nothing;
    subagent: "subagent", turns::subagent, nothing;
    tool_success: "tool-call-success", tools::success, nothing;
    tool_failure: "tool-call-failure-result", tools::failure, nothing;
    tool_error: "tool-call-handler-error", tools::error, nothing;
    tools_in_parallel: "tool-call-parallel", tools::parallel, nothing;
    tool_of_the_responses_api: "responses-api", tools::responses_api, nothing;
    permission_approved: "permission-approve", asked::approve, nothing;
    permission_denied: "permission-deny", asked::deny, nothing;
    permission_to_write: "permission-write-tool", asked::approve_all, nothing;
    permission_left_to_others: "permission-approve", asked::leave_to_others, asked::is_permission;
    user_input: "user-input-answered", asked::user_input, nothing;
    hooks_that_deny: "hooks-deny", asked::hooks_deny, nothing;
    hooks_that_pass: "hooks-passthrough", asked::hooks_pass, nothing;
    mcp: "mcp", asked::mcp, nothing;
    session_fs: "session-fs", files::session_fs, nothing;
    transforms: "system-message-transform", asked::transforms, nothing;
    exit_plan_mode: "exit-plan-mode-handler", asked::exit_plan_mode, nothing;
    elicitation: "elicitation", asked::elicitation, asked::is_of_unsent_form;
    commands: "commands", calls::commands, nothing;
    log: "log", calls::log, nothing;
    set_model: "set-model", calls::set_model, nothing;
    messages: "get-messages", calls::messages, nothing;
    resume: "resume-new-process", calls::resume, calls::is_refused_here;
    detach: "detach", calls::detach, calls::is_after_the_end;
    shell_exec: "shell-exec", shell::exec, shell::is_not_supported;
    shell_user_requested: "shell-user-requested", shell::user_requested, nothing;
}

/// Every scenario is replayed or listed as left out.
#[test]
fn every_recording_is_played() {
    let played = SCENARIOS.iter().copied().chain([handshake::SCENARIO]);
    let known: BTreeSet<&str> = played.chain(LEFT_OUT.iter().map(|(scenario, _)| *scenario)).collect();
    let recorded = recording::scenarios();
    let recorded: BTreeSet<&str> = recorded.iter().map(String::as_str).collect();
    let difference: Vec<_> = known.symmetric_difference(&recorded).collect();
    assert!(difference.is_empty(), "neither replayed nor left out, or without a recording: {difference:?}");
    let (played, all) = (SCENARIOS.iter().chain([&handshake::SCENARIO]), LEFT_OUT);
    for scenario in played {
        assert!(all.iter().all(|(left_out, _)| left_out != scenario), "{scenario} is replayed and left out");
        let versions: BTreeSet<_> = recording::of(scenario).into_iter().map(|one| one.version).collect();
        // CLI 1.0.10 has no session file system.
        let old = *scenario == "session-fs" || versions.contains("1.0.10");
        // Only CLI 1.0.10 sends a write without `canOfferSessionApproval`.
        let new = *scenario == "permission-write-tool" || versions.contains("1.0.102");
        assert!(old && new, "{scenario}: {versions:?}");
    }
}
