//! The schemas that the SDK of this version was generated from.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use copilot_session_codegen::Protocol;
use serde_json::Value;

use crate::older::{self, Older};
use crate::schema::{self, SUPPLEMENT, SchemaSet};
use crate::sets;

/// The schemas of the SDK, and what the generator knows besides.
pub struct Ours {
    pub set: SchemaSet,
    /// The hand-written schema of what the CLI's own schemas lack, for every version.
    pub supplement: String,
    pub older: Older,
}

impl Ours {
    /// Those in this package.
    pub fn built_in() -> Result<Self> {
        let older = Older::parse(include_str!(concat!(env!("SCHEMAS"), "/older.json")))?;
        Ok(Self {
            set: schemas()?,
            supplement: include_str!(concat!(env!("SCHEMAS"), "/supplement.schema.json")).to_owned(),
            older,
        })
    }

    /// Those of an SDK that was made for a version of the CLI. It is another one than in this package if the SDK is of
    /// another release, or its sources were generated again.
    pub fn made_for(cli: &str) -> Result<Self> {
        let mut ours = Self::built_in()?;
        if ours.set.version != cli {
            let set = schema::of_version(cli);
            let set = set.with_context(|| {
                format!("the SDK is made for Copilot CLI {cli}, and this package is for {}", ours.set.version)
            })?;
            ours = ours.again_for(set)?;
        }
        Ok(ours)
    }

    /// Those of an SDK that is generated from another set. It also supports the version of these.
    pub fn again_for(self, set: SchemaSet) -> Result<Self> {
        let mut older = self.older.clone();
        let missing = self.survey(&set)?.compare(&self.survey(&self.set)?).missing_in_older;
        for key in missing {
            older.left_out.entry(key).or_insert_with(|| self.set.version.clone());
        }
        older.versions.push(self.set.version);
        older.versions.retain(|version| *version != set.version);
        Ok(Self { set, older, ..self })
    }

    /// Those in a folder as they are, whatever checksums it has.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self {
            set: sets::in_folder(folder)?,
            supplement: read(SUPPLEMENT)?,
            older: Older::parse(&read(older::NAME)?)?,
        })
    }

    /// The protocol of a set.
    pub fn survey(&self, set: &SchemaSet) -> Result<Protocol> {
        let protocol = Protocol::survey(set.input(&self.supplement));
        protocol.with_context(|| format!("cannot read the schemas of {}", set.version))
    }

    /// Makes the keys optional that older versions omit, as in the generated source.
    pub fn allow_older(&self, protocol: &mut Protocol) {
        let left_out = self.older.left_out.iter();
        protocol.make_optional(left_out.map(|(key, last)| (key.as_str(), last.as_str())));
    }
}

/// The schemas in this package.
pub fn schemas() -> Result<SchemaSet> {
    let (api, events) = (
        include_str!(concat!(env!("SCHEMAS"), "/api.schema.json")),
        include_str!(concat!(env!("SCHEMAS"), "/session-events.schema.json")),
    );
    Ok(SchemaSet { version: version()?, api: api.to_owned(), events: events.to_owned() })
}

/// The version of the CLI that the SDK was generated for.
pub fn version() -> Result<String> {
    let record: Value = serde_json::from_str(include_str!(concat!(env!("SCHEMAS"), "/VERSION.json")))?;
    record["cli"].as_str().map(str::to_owned).context("the package has no version of its schemas")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_sdk_for_a_newer_cli_does_without_what_it_adds() -> Result<()> {
        let ours = Ours::built_in()?;
        let own = ours.set.version.clone();
        let mut events: Value = serde_json::from_str(&ours.set.events)?;
        let data = &mut events["definitions"]["AssistantMessageData"];
        data["properties"]["fresh"] = json!({"type": "string"});
        data["required"].as_array_mut().context("a list")?.push(json!("fresh"));
        let newer =
            SchemaSet { version: "1.0.999".to_owned(), events: events.to_string(), ..ours.set.clone() };
        let again = ours.again_for(newer)?;
        assert_eq!(again.older.left_out.get("AssistantMessageData.fresh"), Some(&own));
        assert_eq!(again.older.versions.last(), Some(&own));
        assert!(again.older.versions.len() > 1 && again.older.left_out.len() > 1);
        assert_eq!(again.set.version, "1.0.999");
        Ok(())
    }

    #[test]
    fn an_sdk_for_another_cli_needs_its_schemas() -> Result<()> {
        let own = version()?;
        assert_eq!(Ours::made_for(&own)?.set.version, own);
        let error = Ours::made_for("nonsense").err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("made for Copilot CLI nonsense") && error.contains(&own), "{error}");
        Ok(())
    }
}
