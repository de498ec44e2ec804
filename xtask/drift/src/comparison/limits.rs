//! Keywords that restrict values, such as `maxLength`, named as in a survey.

use serde_json::{Map, Value};

/// Returns true if an added or changed limit may reject a value. A default is no limit.
pub fn stricter(old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    new.iter().any(|(key, value)| {
        let Some(before) = old.get(key) else { return key != "default" && *value != false };
        match (key.rsplit('.').next().unwrap_or(key), before.as_f64(), value.as_f64()) {
            ("default", ..) => false,
            (
                "maxItems" | "maxLength" | "maxProperties" | "maximum" | "exclusiveMaximum",
                Some(before),
                Some(now),
            ) => now < before,
            (
                "minItems" | "minLength" | "minProperties" | "minimum" | "exclusiveMinimum",
                Some(before),
                Some(now),
            ) => now > before,
            ("uniqueItems", ..) => *before == false && *value == true,
            _ => before != value,
        }
    })
}

/// The changed limits, such as `maxLength: 10 → 20`.
pub fn differing(old: &Map<String, Value>, new: &Map<String, Value>) -> String {
    let text = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let differ = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let words = differ.map(|key| format!("{key}: {} → {}", text(old.get(key)), text(new.get(key))));
    words.collect::<Vec<_>>().join(", ")
}
