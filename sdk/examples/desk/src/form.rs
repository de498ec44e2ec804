//! A form that a tool or an MCP server wants a person to fill in.

use copilot_session::types::ElicitationRequestedSchema;
use copilot_session::{printable, printable_lines};
use serde::Serialize;
use serde_json::{Map, Value};

/// A field of a form, with texts that are safe to show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// The label.
    pub label: String,
    /// The description; may be empty.
    pub hint: String,
    /// The kind of input.
    pub input: Input,
    /// True if it must be filled in.
    pub required: bool,
    /// The value to begin with: a text, a number, true or false, or the numbers of options; null if there is none.
    pub default: Value,
    /// The key of the value in the answer.
    #[serde(skip)]
    key: String,
    /// The values of the options.
    #[serde(skip)]
    values: Vec<Value>,
}

/// The kind of input that a field takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Input {
    /// A text.
    Text,
    /// A number.
    Number {
        /// True if it is a whole number.
        whole: bool,
    },
    /// Yes or no.
    Flag,
    /// One of these options, by its number.
    One {
        /// The labels of the options.
        options: Vec<String>,
    },
    /// Any of these options, by their numbers.
    Any {
        /// The labels of the options.
        options: Vec<String>,
    },
}

impl Input {
    /// The labels of its options.
    pub fn options(&self) -> &[String] {
        match self {
            Self::One { options } | Self::Any { options } => options,
            Self::Text | Self::Number { .. } | Self::Flag => &[],
        }
    }
}

/// Reads the fields of a form.
pub fn fields(schema: Option<&ElicitationRequestedSchema>) -> Vec<Field> {
    let Some(schema) = schema else { return Vec::new() };
    let required = schema.required.as_deref().unwrap_or_default();
    let field = |(key, described): &(String, Value)| field(key, described, required.contains(key));
    schema.properties.iter().map(field).collect()
}

fn field(key: &str, schema: &Value, required: bool) -> Field {
    let text = |name: &str| schema[name].as_str().map(|text| printable_lines(text).into_owned());
    let (mut options, several) = (options(schema), schema["type"] == "array");
    if several {
        options = self::options(&schema["items"]);
    }
    let (values, labels): (Vec<_>, Vec<_>) = options.into_iter().unzip();
    let number = |value: &Value| values.iter().position(|option| option == value);
    let default = match &schema["default"] {
        Value::Array(chosen) => chosen.iter().filter_map(number).collect(),
        chosen if !values.is_empty() => number(chosen).map_or(Value::Null, Value::from),
        default => default.clone(),
    };
    let input = match schema["type"].as_str() {
        _ if several => Input::Any { options: labels },
        _ if !labels.is_empty() => Input::One { options: labels },
        Some("boolean") => Input::Flag,
        Some("number") => Input::Number { whole: false },
        Some("integer") => Input::Number { whole: true },
        _ => Input::Text,
    };
    let mut field = Field {
        label: text("title").unwrap_or_else(|| printable_lines(key).into_owned()),
        hint: text("description").unwrap_or_default(),
        input,
        required,
        default,
        key: key.to_owned(),
        values,
    };
    // A person would send what the input cannot show without seeing it.
    let is_hidden = field.default.as_str().is_some_and(|text| printable(text) != text);
    if is_hidden || field.value(&field.default).is_none() {
        field.default = Value::Null;
    }
    field
}

/// The values that a schema allows, with their labels; none if it allows any.
fn options(schema: &Value) -> Vec<(Value, String)> {
    let shown = |value: &Value| match value.as_str() {
        Some(text) => printable_lines(text).into_owned(),
        None => printable_lines(&value.to_string()).into_owned(),
    };
    if let Some(values) = schema["enum"].as_array() {
        let label = |at: usize, value: &Value| shown(schema["enumNames"].get(at).unwrap_or(value));
        return values.iter().enumerate().map(|(at, value)| (value.clone(), label(at, value))).collect();
    }
    let titled = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    let option = |option: &Value| {
        let value = option.get("const")?;
        Some((value.clone(), shown(option.get("title").unwrap_or(value))))
    };
    titled.into_iter().flatten().filter_map(option).collect()
}

/// Returns the content of the answer for what was filled in: a value for each field in order, null for an empty one.
///
/// # Errors
/// The mistake in what was filled in, as a text for the person.
pub fn content(fields: &[Field], filled: &[Value]) -> Result<Map<String, Value>, String> {
    let mut content = Map::new();
    for (at, field) in fields.iter().enumerate() {
        match filled.get(at).filter(|value| !value.is_null()) {
            None if field.required => return Err(format!("“{}” is missing", field.label)),
            None => {}
            Some(value) => {
                let value =
                    field.value(value).ok_or_else(|| format!("“{}” has no such value", field.label))?;
                content.insert(field.key.clone(), value);
            }
        }
    }
    Ok(content)
}

impl Field {
    /// The value for what was filled in; none if it does not fit.
    fn value(&self, filled: &Value) -> Option<Value> {
        let chosen = |number: &Value| self.values.get(usize::try_from(number.as_u64()?).ok()?).cloned();
        match &self.input {
            Input::Text => filled.is_string().then(|| filled.clone()),
            Input::Flag => filled.is_boolean().then(|| filled.clone()),
            Input::Number { whole: true } => filled.is_i64().then(|| filled.clone()),
            Input::Number { whole: false } => filled.is_number().then(|| filled.clone()),
            Input::One { .. } => chosen(filled),
            Input::Any { .. } => filled.as_array()?.iter().map(chosen).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Vec<Field> {
        let schema = r#"{
            "type": "object",
            "properties": {
                "city": { "type": "string", "title": "Ci\u202ety" },
                "nights": { "type": "integer", "default": 2 },
                "room": { "type": "string", "enum": ["s", "d"], "enumNames": ["single", "double"], "default": "d" },
                "extras": { "type": "array", "items": { "anyOf": [{ "const": "b", "title": "breakfast" }] } },
                "quiet": { "type": "boolean" }
            },
            "required": ["city"]
        }"#;
        fields(Some(&copilot_session::wire::from_json(schema).expect("a form")))
    }

    #[test]
    fn fields_are_read() {
        let fields = form();
        assert_eq!(fields[0].label, "Ci\\u{202e}ty");
        assert!(fields[0].required);
        let inputs: Vec<_> = fields.iter().map(|field| (field.key.as_str(), &field.input)).collect();
        let options = |label: &[&str]| label.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(
            inputs,
            [
                ("city", &Input::Text),
                ("nights", &Input::Number { whole: true }),
                ("room", &Input::One { options: options(&["single", "double"]) }),
                ("extras", &Input::Any { options: options(&["breakfast"]) }),
                ("quiet", &Input::Flag),
            ]
        );
        assert_eq!(fields[2].default, 1);
    }

    /// A field does not begin with a text that is not as it looks, or with a value that it would not take.
    #[test]
    fn a_value_to_begin_with_is_one_that_a_person_sees() {
        let begins = |kind: &str, default: Value| {
            field("f", &json!({ "type": kind, "default": default }), false).default
        };
        for (kind, default) in [("string", json!("a b")), ("number", json!(1.5)), ("boolean", json!(false))] {
            assert_eq!(begins(kind, default.clone()), default);
        }
        let wrong = [
            ("string", json!("safe\u{202e}txt.exe")),
            ("string", json!("one\ntwo")),
            ("string", json!({ "a": 1 })),
            ("string", json!(["a"])),
            ("integer", json!(1.5)),
            ("integer", json!("one")),
            ("boolean", json!("true")),
        ];
        for (kind, default) in wrong {
            assert_eq!(begins(kind, default.clone()), Value::Null, "{kind} {default}");
        }
    }

    #[test]
    fn what_was_filled_in_is_checked() {
        let fields = form();
        let fill = |values: Value| content(&fields, values.as_array().expect("a list"));
        let filled = json!(["Oslo", 3, 0, [0], true]);
        let expected = json!({ "city": "Oslo", "extras": ["b"], "nights": 3, "quiet": true, "room": "s" });
        assert_eq!(Value::Object(fill(filled.clone()).expect("a content")), expected);
        assert!(fill(json!([])).expect_err("no city").contains("missing"));
        assert_eq!(fill(json!(["Oslo", null])).expect("a content").len(), 1);
        for (at, wrong) in [
            (0, json!(1)),
            (1, json!("3")),
            (1, json!(1.5)),
            (2, json!(9)),
            (3, json!([7])),
            (4, json!("yes")),
        ] {
            let mut filled = filled.clone();
            filled[at] = wrong;
            assert!(fill(filled.clone()).is_err(), "{filled}");
        }
    }
}
