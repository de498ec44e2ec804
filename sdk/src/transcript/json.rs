//! The JSON form of a conversation, for `Serialize` and `Deserialize`.

use super::entries::Entry;
use super::list::Entries;
use super::{Transcript, TurnState};
use crate::types::ErrorData;
use crate::wire::{DecodeError, Kind, Node, Wire, Writer};

/// `{"turns": […], "droppedTurns": 3}`. The limit and the ids of the events are not part of it.
impl Wire for Transcript {
    fn empty() -> Self {
        Self::default()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        node.read_fields(KEYS, &mut [&mut self.turns, &mut self.dropped_turns])
    }
    fn write(&self, out: &mut Writer) {
        out.object(KEYS, &[Kind::Required; 2], &[&self.turns, &self.dropped_turns]);
    }
}

const KEYS: &[&str] = &["turns", "droppedTurns"];

equality!(Transcript);
common!(Transcript);

impl Wire for Entries {
    fn empty() -> Self {
        Self::default()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        self.list.read(node)?;
        self.index();
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        self.list.write(out);
    }
}

/// An object with one key, which says what its value is: `{"message": {…}}`.
impl Wire for Entry {
    fn empty() -> Self {
        Self::Notice(Wire::empty())
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        let (kind, value) = only_field(node)?;
        *self = match kind {
            "message" => Self::Message(value.decode()?),
            "reasoning" => Self::Reasoning(value.decode()?),
            "toolCall" => Self::ToolCall(value.decode()?),
            "subAgent" => Self::SubAgent(value.decode()?),
            "prompt" => Self::Prompt(value.decode()?),
            "notice" => Self::Notice(value.decode()?),
            _ => return Err(node.mismatch("an entry")),
        };
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        let (kind, content): (_, &dyn Wire) = match self {
            Self::Message(text) => ("message", text),
            Self::Reasoning(text) => ("reasoning", text),
            Self::ToolCall(call) => ("toolCall", call),
            Self::SubAgent(agent) => ("subAgent", agent),
            Self::Prompt(prompt) => ("prompt", prompt),
            Self::Notice(notice) => ("notice", notice),
        };
        write_field(out, kind, content);
    }
}

equality!(Entry);
common!(Entry);

/// `"running"`, `"finished"`, `"aborted"` or `{"failed": {…}}`.
impl Wire for TurnState {
    fn empty() -> Self {
        Self::default()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        if node.is_object() {
            let (kind, value) = only_field(node)?;
            let mut error = Box::<ErrorData>::empty();
            value.is_object().then(|| error.read(value)).transpose()?;
            *self = Self::Failed(error);
            return if kind == "failed" { Ok(()) } else { Err(node.mismatch("the state of a turn")) };
        }
        *self = match node.string()? {
            "running" => Self::Running,
            "finished" => Self::Finished,
            "aborted" => Self::Aborted,
            _ => return Err(node.mismatch("the state of a turn")),
        };
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Running => out.string("running"),
            Self::Finished => out.string("finished"),
            Self::Aborted => out.string("aborted"),
            Self::Failed(error) => write_field(out, "failed", error),
        }
    }
}

equality!(TurnState);

/// `{"ok": …}` or `{"error": …}`.
impl<T: Wire> Wire for Result<T, String> {
    fn empty() -> Self {
        Err(String::new())
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        let (key, value) = only_field(node)?;
        *self = match key {
            "ok" => Ok(value.decode()?),
            "error" => Err(value.decode()?),
            _ => return Err(node.mismatch("a result")),
        };
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        match self {
            Ok(value) => write_field(out, "ok", value),
            Err(error) => write_field(out, "error", error),
        }
    }
}

/// The key and the value of an object with one field.
fn only_field(node: Node<'_>) -> Result<(&str, Node<'_>), DecodeError> {
    let mut fields = node.fields()?;
    match (fields.next(), fields.next()) {
        (Some(field), None) => Ok(field),
        _ => Err(node.mismatch("an object with one key")),
    }
}

fn write_field(out: &mut Writer, key: &str, value: &dyn Wire) {
    out.raw("{");
    out.key(key);
    out.value_or(value, "null");
    out.raw("}");
}
