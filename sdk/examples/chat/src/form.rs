//! A form with fields that an MCP server asks the user to fill in (`elicitation.requested`).

use crossterm::event::{KeyCode, KeyEvent};
use serde_json::{Number, Value};
use tokio::sync::oneshot;

use crate::dialog::{Outcome, send};
use crate::input::Input;

/// A form.
#[derive(Debug)]
pub struct Form {
    /// The purpose of the form.
    pub message: String,
    /// The fields.
    pub fields: Vec<Field>,
    /// The field that the user is at.
    pub selected: usize,
    /// The reason why the form could not be sent.
    pub error: Option<String>,
    /// The way of the values to the agent; none if the user closed the form.
    pub reply: Option<oneshot::Sender<Option<Values>>>,
}

/// The values of a form by the names of their fields.
pub type Values = Vec<(String, Value)>;

/// A field of a form.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The words to show for it.
    pub title: String,
    /// True if it must have a value.
    pub is_required: bool,
    /// Its value so far.
    pub value: FieldValue,
}

/// The value of a field by its kind.
#[derive(Debug)]
pub enum FieldValue {
    /// Text, a number, or a list of texts with commas between.
    Text(TextKind, Input),
    /// Yes or no; none if it is open.
    Flag(Option<bool>),
    /// One of these values, which are shown by these words; none if it is open.
    Choice(Vec<(Value, String)>, Option<usize>),
}

/// The format that a text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Anything.
    Any,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Texts with commas between.
    List,
}

impl Field {
    /// Reads the schema of a field.
    pub fn new(name: &str, schema: &Value, is_required: bool) -> Self {
        let title = schema["title"].as_str().or(schema["description"].as_str()).unwrap_or(name).to_owned();
        let default = &schema["default"];
        let choices = choices(schema);
        let text = |kind| {
            let start = if default.is_null() { String::new() } else { plain(default) };
            FieldValue::Text(kind, Input::new(start))
        };
        let value = match schema["type"].as_str() {
            _ if !choices.is_empty() => {
                let start = choices.iter().position(|(value, _)| value == default);
                FieldValue::Choice(choices, start)
            }
            Some("boolean") => FieldValue::Flag(default.as_bool()),
            Some("integer") => text(TextKind::Integer),
            Some("number") => text(TextKind::Number),
            Some("array") => text(TextKind::List),
            _ => text(TextKind::Any),
        };
        Self { name: name.to_owned(), title, is_required, value }
    }

    /// The value to show.
    pub fn shown(&self) -> String {
        match &self.value {
            FieldValue::Text(_, input) => input.text().to_owned(),
            FieldValue::Flag(flag) => flag.map_or("-", |flag| if flag { "yes" } else { "no" }).to_owned(),
            FieldValue::Choice(choices, at) => at.map_or("-".to_owned(), |at| choices[at].1.clone()),
        }
    }

    /// The value to send; none if the field is open.
    fn value(&self) -> Result<Option<Value>, String> {
        Ok(match &self.value {
            FieldValue::Text(_, input) if input.is_empty() => None,
            FieldValue::Text(kind, input) => {
                Some(kind.read(input.text()).map_err(|what| format!("{}: {what}", self.title))?)
            }
            FieldValue::Flag(flag) => flag.map(Value::Bool),
            FieldValue::Choice(choices, at) => at.map(|at| choices[at].0.clone()),
        })
    }

    fn key(&mut self, key: KeyEvent) {
        match &mut self.value {
            FieldValue::Text(_, input) => drop(input.key(key)),
            FieldValue::Flag(flag) => match key.code {
                KeyCode::Char('y') => *flag = Some(true),
                KeyCode::Char('n') => *flag = Some(false),
                KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right => *flag = Some(!flag.unwrap_or(false)),
                _ => {}
            },
            FieldValue::Choice(choices, at) => {
                let count = choices.len();
                *at = match key.code {
                    KeyCode::Right | KeyCode::Char(' ') => Some(at.map_or(0, |at| (at + 1) % count)),
                    KeyCode::Left => Some(at.map_or(count - 1, |at| (at + count - 1) % count)),
                    _ => *at,
                };
            }
        }
    }
}

impl TextKind {
    fn read(self, text: &str) -> Result<Value, &'static str> {
        Ok(match self {
            Self::Any => text.into(),
            Self::Integer => text.trim().parse::<i64>().map_err(|_| "not a whole number")?.into(),
            Self::Number => {
                let number = text.trim().parse().ok().and_then(Number::from_f64);
                number.ok_or("not a number")?.into()
            }
            Self::List => text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect(),
        })
    }
}

/// The values that a schema lists, with the words for each.
fn choices(schema: &Value) -> Vec<(Value, String)> {
    let names = schema["enumNames"].as_array();
    let plain_values = schema["enum"].as_array().into_iter().flatten().enumerate().map(|(at, value)| {
        let name = names.and_then(|names| names.get(at)?.as_str());
        (value.clone(), name.map_or_else(|| plain(value), str::to_owned))
    });
    let titled = ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    let titled = titled.filter(|choice| !choice["const"].is_null()).map(|choice| {
        let value = choice["const"].clone();
        let title = choice["title"].as_str().map_or_else(|| plain(&value), str::to_owned);
        (value, title)
    });
    plain_values.chain(titled).collect()
}

/// A value as a person writes it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Form {
    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> Outcome {
        let last = self.fields.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return send(&mut self.reply, None),
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => self.selected = (self.selected + 1).min(last),
            KeyCode::Enter if self.selected < last => self.selected += 1,
            KeyCode::Enter => match self.values() {
                Ok(values) => return send(&mut self.reply, Some(values)),
                Err(error) => self.error = Some(error),
            },
            _ => {
                self.error = None;
                if let Some(field) = self.fields.get_mut(self.selected) {
                    field.key(key);
                }
            }
        }
        Outcome::Open
    }

    /// Inserts text that the user pasted.
    pub fn paste(&mut self, text: &str) {
        if let Some(Field { value: FieldValue::Text(_, input), .. }) = self.fields.get_mut(self.selected) {
            input.insert(text);
        }
    }

    /// Returns true if the agent no longer awaits the values.
    pub fn is_over(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn values(&self) -> Result<Values, String> {
        let mut values = Values::new();
        for field in &self.fields {
            match field.value()? {
                Some(value) => values.push((field.name.clone(), value)),
                None if field.is_required => return Err(format!("{}: required", field.title)),
                None => {}
            }
        }
        Ok(values)
    }
}
