//! Changing sections of the system message (`systemMessage.transform`).

use copilot_session::SessionBuilder;
use copilot_session::types::{
    ProtocolSystemMessageConfig, ProtocolSystemMessageCustomizeConfig, ProtocolSystemMessageReplaceConfig,
};
use copilot_session::wire::from_json;
use serde_json::{Value, json};

use super::{Does, FAILURES, invalid};
use crate::rig::{Rig, assert_alive};

const METHOD: &str = "systemMessage.transform";

/// A session that transforms two sections, one of them as `does` says.
fn changing(session: SessionBuilder, does: Does) -> SessionBuilder {
    session
        .transform_section("tone", |text: String, _| Does::Work.reply_with(format!("{text}!")))
        .transform_section("identity", move |text: String, _| does.reply_with(text.to_uppercase()))
}

fn sections(tone: &str, identity: &str, other: &str) -> Value {
    let section = |text: &str| json!({ "content": text });
    json!({"sections": {"tone": section(tone), "identity": section(identity), "other": section(other)}})
}

/// The system message of the configuration with transforms of two sections.
async fn configured(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Value {
    let rig = Rig::with(|session| changing(configure(session.approve_all()), Does::Work)).await;
    rig.fake.received_raw("session.create").await["systemMessage"].clone()
}

/// Each section with a transform is changed. A section whose transform fails stays as it is, and so do all
/// others.
#[tokio::test(start_paused = true)]
async fn sections_change() {
    let rig = Rig::with(|session| changing(session.approve_all(), Does::Work)).await;
    let asked = sections("calm \"æ\"", "an agent", "text");
    let changed = Ok(sections("calm \"æ\"!", "AN AGENT", "text"));
    assert_eq!(rig.ask(METHOD, asked.clone()).await, changed);
    assert_eq!(rig.ask(METHOD, asked.clone()).await, changed, "the second request");
    assert_eq!(rig.ask(METHOD, json!({"sections": {}})).await, Ok(json!({"sections": {}})));
    for (does, _) in FAILURES {
        let rig =
            Rig::with(|session| changing(session.approve_all().handler_timeout(super::LIMIT), does)).await;
        assert_eq!(
            rig.ask(METHOD, asked.clone()).await,
            Ok(sections("calm \"æ\"!", "an agent", "text")),
            "{does:?}"
        );
        assert_alive(&rig.client).await;
    }
}

/// Params that cannot be decoded are an error, at which the CLI keeps its text. Without a transform the
/// method is unknown.
#[tokio::test(start_paused = true)]
async fn errors() {
    let rig = Rig::with(|session| changing(session.approve_all(), Does::Work)).await;
    let broken = json!({"sections": {"tone": {"content": 5}}});
    assert_eq!(
        rig.ask(METHOD, broken).await,
        invalid("at $.sections.tone.content: expected a string, found 5")
    );
    let rig = Rig::start().await;
    assert_eq!(rig.ask(METHOD, sections("", "", "")).await.expect_err("an error")["code"], -32601);
    assert_eq!(rig.fake.received_raw("session.create").await.get("systemMessage"), None);
}

/// The sections are announced beside other settings of the system message, unless it is replaced as a whole.
#[tokio::test(start_paused = true)]
async fn announcements() {
    let ours = json!({"tone": {"action": "transform"}, "identity": {"action": "transform"}});
    assert_eq!(configured(|session| session).await, json!({"mode": "customize", "sections": ours}));
    assert_eq!(
        configured(|session| session.append_system_message("Be brief.")).await,
        json!({"mode": "customize", "content": "Be brief.", "sections": ours})
    );
    let custom = json!({
        "mode": "customize", "content": "Be brief.",
        "sections": {"tone": {"action": "remove"}, "safety": {"action": "append", "content": "Be safe."}},
    });
    let parsed: ProtocolSystemMessageCustomizeConfig = from_json(&custom.to_string()).expect("a message");
    let parsed = ProtocolSystemMessageConfig::Customize(parsed);
    let mut both = custom;
    both["sections"]["tone"] = json!({"action": "transform"});
    both["sections"]["identity"] = json!({"action": "transform"});
    assert_eq!(configured(|session| session.configure(|config| config.system_message(parsed))).await, both);
    let whole = ProtocolSystemMessageReplaceConfig::new("All of it.");
    let whole = ProtocolSystemMessageConfig::Replace(whole);
    assert_eq!(
        configured(|session| session.configure(|config| config.system_message(whole))).await,
        json!({"mode": "replace", "content": "All of it."})
    );
}
