//! The configuration of the system message, and the transforms of its sections.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::handlers::context::{HandlerContext, HandlerTimeout};
use crate::handlers::handler::{self, Handler};
use crate::handlers::reply::{self, Code};
use crate::methods;
use crate::types::*;
use crate::wire::{self, redact};

/// Returns the configuration with more text at the end, also in a message that is replaced as a whole.
pub(crate) fn appended(
    message: Option<ProtocolSystemMessageConfig>,
    text: String,
) -> ProtocolSystemMessageConfig {
    let mut message = message.unwrap_or_else(|| ProtocolSystemMessageConfig::Append(Default::default()));
    let content = match &mut message {
        ProtocolSystemMessageConfig::Customize(config) => config.content.get_or_insert_default(),
        ProtocolSystemMessageConfig::Append(config) => config.content.get_or_insert_default(),
        ProtocolSystemMessageConfig::Replace(config) => &mut config.content,
        ProtocolSystemMessageConfig::Unrecognized(_) => return appended(None, text),
    };
    if !content.is_empty() {
        content.push_str("\n\n");
    }
    content.push_str(&text);
    message
}

/// Returns the configuration with which the CLI sends these sections to this client. Appended text is kept; a message
/// that is replaced as a whole has no sections.
pub(crate) fn transformed<'a>(
    message: Option<ProtocolSystemMessageConfig>,
    sections: impl Iterator<Item = &'a String>,
) -> ProtocolSystemMessageConfig {
    let mut config = match message {
        Some(ProtocolSystemMessageConfig::Customize(config)) => config,
        Some(ProtocolSystemMessageConfig::Append(append)) => {
            let config = ProtocolSystemMessageCustomizeConfig::default();
            append.content.into_iter().fold(config, ProtocolSystemMessageCustomizeConfig::content)
        }
        Some(other) => return other,
        None => ProtocolSystemMessageCustomizeConfig::default(),
    };
    let overrides = config.sections.get_or_insert_default();
    for id in sections {
        let transform = ProtocolMarkerSectionOverrideTransform::default();
        let transform = ProtocolMarkerSectionOverride::Transform(transform);
        overrides.insert(id.clone(), ProtocolSectionOverride::Marker(transform));
    }
    ProtocolSystemMessageConfig::Customize(config)
}

/// Returns the handler of `systemMessage.transform`. A section whose transform fails is unchanged.
pub(crate) fn handler(by_section: HashMap<String, Code<String, String>>) -> Handler<HandlerContext> {
    let by_section = Arc::new(by_section);
    Arc::new(move |params, context| {
        let by_section = Arc::clone(&by_section);
        Box::pin(async move {
            let params = handler::decode::<methods::client::SystemMessageTransform>(&params)?;
            let mut sections = BTreeMap::new();
            for (id, SystemMessageSectionContent { mut content, .. }) in params.sections {
                if let Some(transform) = by_section.get(&id) {
                    let changing = async { transform(content.clone(), context.clone()).await };
                    match reply::caught(context.timeout(), changing).await.and_then(|changed| changed) {
                        Ok(changed) => content = changed,
                        Err(failure) => {
                            let failure = &*redact::text(&failure);
                            tracing::warn!(section = id, failure, "a section transform failed");
                        }
                    }
                }
                sections.insert(id, SystemMessageSectionContent::new(content));
            }
            Ok(wire::to_json(&SystemMessageTransformResult::new(sections)))
        })
    })
}
