//! Changes of the system message.

use copilot_session::SessionBuilder;
use copilot_session_model::{Reply, Script};

use super::rig::{Rig, ask};

/// The system message of a session's first turn, as the model read it.
async fn read_by_the_model(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> String {
    let rig = Rig::start(Script::replies([Reply::text("Hello.")])).await;
    let session = rig.session(|new| configure(new.deny_all())).await;
    ask(&session, "Hello?").await.expect("an answer");
    let text = rig.model.requests()[0].system_text();
    rig.finish().await;
    text
}

/// A section is changed by its transform; a transform that fails or panics leaves its section unchanged.
#[tokio::test]
async fn sections_are_transformed() {
    let plain = read_by_the_model(|new| new).await;
    let changed = read_by_the_model(|new| {
        new.append_system_message("Last words.")
            .transform_section("tone", async |text, _| format!("TONE BEGINS{text}TONE ENDS"))
            .transform_section("identity", async |_, _| Err::<String, _>("no idea"))
            .transform_section("safety", async |_, _| -> String { panic!("a transform panics in a test") })
    })
    .await;
    let (before, rest) = changed.split_once("TONE BEGINS").expect("the section");
    let (tone, after) = rest.split_once("TONE ENDS").expect("the end");
    assert!(tone.trim().len() > 20, "{tone:?}");
    assert!(plain.contains(tone.trim()), "the transform received another text: {tone:?}");
    assert!(after.contains("Last words."), "{after}");
    let identity = "You are GitHub Copilot";
    assert!(
        plain.contains(identity) && before.contains(identity),
        "the failed transform removed the section"
    );
}

/// Text is appended to the system message, or replaces it.
#[tokio::test]
async fn the_system_message_is_appended_or_replaced() {
    let twice =
        |new: SessionBuilder| new.append_system_message("Be brief.").append_system_message("Be kind.");
    let appended = read_by_the_model(twice).await;
    assert!(appended.contains("Be brief.\n\nBe kind.") && appended.len() > 1000, "{appended}");
    let replaced = read_by_the_model(|new| twice(new.system_message("You are a parrot."))).await;
    assert_eq!(replaced.trim(), "You are a parrot.\n\nBe brief.\n\nBe kind.");
}
