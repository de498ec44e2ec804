//! GitHub, as far as the CLI calls it: an account on a loopback port, and models behind the client.

use copilot_session::{ClientBuilder, SessionBuilder};
use serde_json::{Value, json};

use super::super::rig::Rig;
use super::models::{Asked, Models, Response, whole};
use super::web::{Page, Visit, Web};

/// The token of the account.
pub const TOKEN: &str = "gho_scripted";

/// The models of the catalog.
pub const MODELS: [&str; 2] = ["gpt-5.1", "gpt-5-mini"];

/// A CLI, the models that its client serves, and the server of the account.
pub struct GitHub {
    pub rig: Rig,
    pub models: Models,
    pub web: Web,
}

impl GitHub {
    /// Starts a CLI whose completions are answered by this function. `options` configures the client, such as
    /// a login.
    pub async fn start(
        options: impl FnOnce(ClientBuilder) -> ClientBuilder,
        complete: impl Fn(&Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        let web = Web::start(account).await;
        let models = Models::new(move |asked| match asked.start.url.ends_with("/models") {
            true => whole(200, [], &json!({ "object": "list", "data": MODELS.map(model) })),
            false => complete(asked),
        });
        let rig =
            models.rig(|new| options(new.env("COPILOT_DEBUG_GITHUB_API_URL", &web.url).no_telemetry())).await;
        Self { rig, models, web }
    }

    /// A session with the first model.
    pub fn session(&self) -> SessionBuilder {
        self.rig.watched(self.rig.client.session().model(MODELS[0]).deny_all())
    }

    /// The requests for completions.
    pub fn completions(&self) -> Vec<Asked> {
        let asked = self.models.asked().into_iter();
        asked.filter(|asked| asked.start.url.ends_with("/chat/completions")).collect()
    }
}

fn account(url: &str, visit: &Visit) -> Page {
    let known = format!("Bearer {TOKEN}");
    match visit.what.as_str() {
        _ if visit.authorization.as_ref().is_none_or(|token| !token.eq_ignore_ascii_case(&known)) => {
            Page::bare(401)
        }
        "GET /copilot_internal/user" => Page::json(json!({
            "login": "octo", "copilot_plan": "individual_pro", "chat_enabled": true, "endpoints": { "api": url },
        })),
        _ => Page::bare(404),
    }
}

/// A model as the catalog describes it.
fn model(id: &str) -> Value {
    let limits = json!({ "max_context_window_tokens": 128_000, "max_output_tokens": 16_000, "max_prompt_tokens": 128_000 });
    let capabilities = json!({
        "family": id, "type": "chat", "object": "model_capabilities", "tokenizer": "o200k_base", "limits": limits,
        "supports": { "streaming": true, "tool_calls": true },
    });
    json!({
        "id": id, "name": id, "object": "model", "vendor": "tests", "version": id, "model_picker_enabled": true,
        "preview": false, "policy": { "state": "enabled", "terms": "" }, "capabilities": capabilities,
        "supported_endpoints": ["/chat/completions"],
    })
}
