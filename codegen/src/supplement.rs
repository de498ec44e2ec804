//! Reduces the supplement to the entries that apply to one version.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Map, Value};

use crate::Error;
use crate::schema::target;
use crate::versions::Span;

/// The names that the CLI's own schemas of the version define.
pub struct Upstream {
    pub definitions: BTreeSet<String>,
    pub methods: BTreeSet<String>,
    pub events: BTreeSet<String>,
}

/// Removes the entries that do not apply to this version according to `x-since` and `x-until`, and returns with the
/// rest the removed keys of definitions, as `Type.key`.
///
/// Fails if a removed entry would fit the schemas of the version. The later stages fail if one that remains refers to
/// something undefined. For a version between the two of a change, an entry remains if it fits the schemas.
pub fn narrow(
    mut supplement: Map<String, Value>,
    version: &Version,
    upstream: &Upstream,
) -> Result<(Map<String, Value>, BTreeSet<String>), Error> {
    let own = supplement.get("definitions").cloned().unwrap_or_default();
    let mut narrowing = Narrowing { version, upstream, own, keys: BTreeSet::new() };
    narrowing.map(&mut supplement, "supplement")?;
    Ok((supplement, narrowing.keys))
}

struct Narrowing<'a> {
    version: &'a Version,
    upstream: &'a Upstream,
    /// All definitions of the supplement.
    own: Value,
    /// The removed keys.
    keys: BTreeSet<String>,
}

impl Narrowing<'_> {
    fn map(&mut self, map: &mut Map<String, Value>, place: &str) -> Result<(), Error> {
        let mut removed = Vec::new();
        for (key, value) in map.iter_mut() {
            let place = format!("{place}.{key}");
            if self.stays(key, value, &place)? {
                self.value(value, &place)?;
            } else {
                removed.push(key.clone());
            }
        }
        let object =
            place.strip_prefix("supplement.definitions.").and_then(|of| of.strip_suffix(".properties"));
        for key in &removed {
            map.shift_remove(key);
            self.keys.extend(object.map(|object| format!("{object}.{key}")));
        }
        if let Some(Value::Object(properties)) = map.get("properties") {
            let properties = properties.clone();
            if let Some(Value::Array(required)) = map.get_mut("required") {
                required.retain(|key| key.as_str().is_none_or(|key| properties.contains_key(key)));
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &mut Value, place: &str) -> Result<(), Error> {
        match value {
            Value::Object(map) => self.map(map, place),
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.value(item, place)),
            _ => Ok(()),
        }
    }

    fn stays(&self, key: &str, value: &Value, place: &str) -> Result<bool, Error> {
        let span = value.as_object().map(|map| Span::of_schema(map, place)).transpose()?.flatten();
        let Some(span) = span else { return Ok(true) };
        let possible = self.is_possible(key, value);
        match span.holds(self.version) {
            Some(false) if possible => Err(Error::shape(
                place,
                format!("its span excludes {}, whose schemas define all that it refers to", self.version),
            )),
            Some(holds) => Ok(holds),
            None => Ok(possible),
        }
    }

    /// Returns true if the schemas define everything that an entry refers to, but not the entry itself.
    fn is_possible(&self, key: &str, value: &Value) -> bool {
        if let Some(method) = value.get("answeredBy").and_then(Value::as_str) {
            return self.upstream.events.contains(key) && self.upstream.methods.contains(method);
        }
        let is_method = value.get("rpcMethod").and_then(Value::as_str);
        let defined = match is_method {
            Some(name) => self.upstream.methods.contains(name),
            None => self.own.get(key) == Some(value) && self.upstream.definitions.contains(key),
        };
        let mut seen = BTreeSet::new();
        !defined && self.resolves(value, &mut seen)
    }

    fn resolves(&self, value: &Value, seen: &mut BTreeSet<String>) -> bool {
        match value {
            Value::Object(map) => {
                let target = target(value).is_none_or(|name| match self.own.get(name) {
                    Some(own) => !seen.insert(name.to_owned()) || self.resolves(own, seen),
                    None => self.upstream.definitions.contains(name),
                });
                target && map.values().all(|value| self.resolves(value, seen))
            }
            Value::Array(items) => items.iter().all(|item| self.resolves(item, seen)),
            _ => true,
        }
    }
}
