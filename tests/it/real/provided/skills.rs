//! Skills that a client provides (`skillProvider`).

use std::sync::{Arc, Mutex};

use copilot_session::providers::{SkillProvider, skill_provider};
use copilot_session::types::{
    SkillProviderDescriptor, SkillProviderListResult, SkillProviderReadRequest, SkillProviderReadResult,
};
use copilot_session::{HandlerContext, RpcError, SessionBuilder};
use copilot_session_model::{Reply, Script};
use serde_json::json;

use super::super::rig::{Rig, ask};

fn skill(name: &str) -> Reply {
    Reply::tool_call("skill", json!({ "skill": name }))
}

/// One skill that can be read and one that cannot, and the names that were read.
struct Skills(Arc<Mutex<Vec<String>>>);

impl SkillProvider for Skills {
    async fn list(&self, _: HandlerContext) -> Result<SkillProviderListResult, RpcError> {
        let skills = [("origami", "Folds paper birds"), ("lost", "Nobody knows")];
        let skills = skills.map(|(name, text)| SkillProviderDescriptor::new(name, text));
        Ok(SkillProviderListResult::new(skills.into()))
    }

    async fn read(
        &self,
        skill: SkillProviderReadRequest,
        _: HandlerContext,
    ) -> Result<SkillProviderReadResult, RpcError> {
        self.0.lock().unwrap().push(skill.name.clone());
        match skill.name.as_str() {
            "origami" => Ok(SkillProviderReadResult::new(Some("First fold a corner.".to_owned()))),
            _ => Err("it was here yesterday".into()),
        }
    }
}

/// The model sees the skills in its catalog, and reads the one it loads. A skill that cannot be read fails
/// the call.
#[tokio::test]
async fn the_model_uses_a_skill() {
    let rig = Rig::start(Script::replies([skill("origami"), skill("lost"), Reply::text("Folded.")])).await;
    let read = Arc::new(Mutex::new(Vec::new()));
    let provider = Skills(Arc::clone(&read));
    let session = rig.session(|new: SessionBuilder| {
        new.approve_all().configure(|config| config.enable_skills(true)).provide(skill_provider(provider))
    });
    let session = session.await;
    assert_eq!(ask(&session, "Fold a bird.").await.expect("an answer").text(), "Folded.");
    let first = rig.model.requests()[0].body().to_string();
    assert!(first.contains("origami") && first.contains("Folds paper birds"), "{first}");
    let last = rig.model.requests()[2].clone();
    let body = last.body().to_string();
    assert!(body.contains("First fold a corner."), "{body}");
    assert_eq!(*read.lock().unwrap(), ["origami", "lost"]);
    rig.finish().await;
}
