//! The tool calls of a turn, with their outcomes.

use std::collections::HashMap;

use crate::events::SessionEvent;
use crate::types::{ToolExecutionCompleteError, ToolExecutionStartData};
use crate::wire::{self, peek, peek::keys};

/// A tool call of a turn, as [`Answer::tool_calls`](crate::Answer::tool_calls) returns it. The transcript has a type of
/// its own, with the progress and the result.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ToolCall<'a> {
    /// The name of the tool, its arguments and more (`tool.execution_start`).
    pub start: &'a ToolExecutionStartData,
    /// The outcome.
    pub outcome: ToolOutcome<'a>,
}

/// The outcome of a tool call (`tool.execution_complete`).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ToolOutcome<'a> {
    /// The tool succeeded.
    Succeeded,
    /// The tool failed with this error.
    Failed(&'a ToolExecutionCompleteError),
    /// A permission handler, a hook or the tool itself refused the call: the code of the error is `denied` or
    /// `rejected`.
    Refused(&'a ToolExecutionCompleteError),
    /// The CLI had reported no end when the turn ended: the tool still ran, or was cancelled by an abort.
    Unfinished,
}

/// Maximum length in bytes of the code of an error that is kept without its message. The codes of the CLI are short.
const MAX_CODE: usize = 64;

type Outcome = Result<(), Box<ToolExecutionCompleteError>>;

/// The outcomes of the tool calls of a turn.
#[derive(Clone, Default)]
pub(crate) struct Outcomes {
    /// In the order of the starts; none for a tool that runs.
    outcomes: Vec<Option<Outcome>>,
    /// The place of the latest call with each id, since some model servers use an id again.
    latest: HashMap<String, usize>,
}

impl Outcomes {
    /// Records the start of a tool call.
    pub fn start(&mut self, event: &SessionEvent) {
        let [id] = event.pick(keys!(ToolExecutionStartData, ["toolCallId"]));
        if let Some(id) = id.and_then(peek::string) {
            self.latest.insert(id.into_owned(), self.outcomes.len());
        }
        self.outcomes.push(None);
    }

    /// Records the end of a tool call whose start is recorded. `room` is the size in bytes that the JSON of an error
    /// may have; of a larger one only the code is kept, unless that is long, too. Returns the size of what is kept.
    pub fn complete(&mut self, event: &SessionEvent, room: usize) -> usize {
        let [id, success, error] =
            event.pick(keys!(ToolExecutionCompleteData, ["toolCallId", "success", "error"]));
        let latest = id.and_then(peek::string).and_then(|id| self.latest.get(&*id));
        let Some(outcome) = latest.and_then(|at| self.outcomes.get_mut(*at)) else { return 0 };
        if success == Some("true") {
            *outcome = Some(Ok(()));
            return 0;
        }
        let json = error.unwrap_or_default();
        let none = || ToolExecutionCompleteError { message: String::new(), code: None, remediation: None };
        let mut error = wire::from_json(json).unwrap_or_else(|_| none());
        let fits = json.len() <= room;
        if !fits {
            let code = error.code.filter(|code| code.len() <= MAX_CODE);
            error = ToolExecutionCompleteError { code, ..none() };
        }
        *outcome = Some(Err(Box::new(error)));
        if fits { json.len() } else { 0 }
    }

    /// Returns them in the order of the starts.
    pub fn iter(&self) -> impl Iterator<Item = ToolOutcome<'_>> {
        self.outcomes.iter().map(|outcome| match outcome {
            None => ToolOutcome::Unfinished,
            Some(Ok(())) => ToolOutcome::Succeeded,
            Some(Err(error)) if matches!(error.code.as_deref(), Some("denied" | "rejected")) => {
                ToolOutcome::Refused(error)
            }
            Some(Err(error)) => ToolOutcome::Failed(error),
        })
    }
}
