//! The configuration of the system message, and the transforms of its sections.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::handlers::context::HandlerContext;
use crate::handlers::handler::{self, Handler};
use crate::handlers::reply;
use crate::methods;
use crate::types::{
    ProtocolMarkerSectionOverride, ProtocolMarkerSectionOverrideTransform, ProtocolSectionOverride,
    ProtocolSystemMessageAppendConfig, ProtocolSystemMessageConfig, ProtocolSystemMessageCustomizeConfig,
    SystemMessageSectionContent, SystemMessageTransformResult,
};
use crate::wire;

/// Returns the configuration with more text at the end, also in a message that is replaced as a whole.
#[inline]
pub(crate) fn appended(
    message: Option<ProtocolSystemMessageConfig>,
    text: String,
) -> ProtocolSystemMessageConfig {
    let longer = |before: Option<String>| match before {
        Some(before) => format!("{before}\n\n{text}"),
        None => text.clone(),
    };
    match message {
        Some(ProtocolSystemMessageConfig::Customize(mut config)) => {
            config.content = Some(longer(config.content.take()));
            ProtocolSystemMessageConfig::Customize(config)
        }
        Some(ProtocolSystemMessageConfig::Replace(mut config)) => {
            config.content = longer(Some(std::mem::take(&mut config.content)));
            ProtocolSystemMessageConfig::Replace(config)
        }
        Some(ProtocolSystemMessageConfig::Append(mut config)) => {
            config.content = Some(longer(config.content.take()));
            ProtocolSystemMessageConfig::Append(config)
        }
        _ => {
            let append = ProtocolSystemMessageAppendConfig::default().content(text);
            ProtocolSystemMessageConfig::Append(append)
        }
    }
}

/// Returns the configuration with which the CLI sends these sections to this client. Appended text is kept; a message
/// that is replaced as a whole has no sections.
#[inline]
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

/// Code that changes a section.
pub(crate) type Transform = Arc<dyn Fn(String, HandlerContext) -> reply::Replying<String> + Send + Sync>;

/// Returns the handler of `systemMessage.transform`. A section whose transform fails is unchanged.
pub(crate) fn handler(by_section: HashMap<String, Transform>) -> Handler<HandlerContext> {
    let by_section = Arc::new(by_section);
    Arc::new(move |params, context| {
        let by_section = Arc::clone(&by_section);
        Box::pin(async move {
            let params = handler::decode::<methods::client::SystemMessageTransform>(&params)?;
            let mut sections = BTreeMap::new();
            for (id, section) in params.sections {
                let content = match by_section.get(&id) {
                    Some(transform) => {
                        let changed = transform(section.content.clone(), context.clone()).await;
                        changed.unwrap_or_else(|failure| {
                            tracing::warn!(section = id, failure, "a section transform failed");
                            section.content
                        })
                    }
                    None => section.content,
                };
                sections.insert(id, SystemMessageSectionContent::new(content));
            }
            Ok(wire::to_json(&SystemMessageTransformResult::new(sections)))
        })
    })
}
