//! The turns of a log, and what took time in them.

use std::collections::HashMap;

/// The kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call of the model.
    Model,
    Tool,
    SubAgent,
    /// The CLI waits for a person: permission, question, plan, form.
    Person,
    /// The CLI waits for the program, which runs one of its tools or hooks.
    App,
    /// Work of the CLI itself.
    Cli,
}

impl Kind {
    /// The name of the kind, in the legend and as a class of the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tool => "tool",
            Self::SubAgent => "sub-agent",
            Self::Person => "waits",
            Self::App => "app",
            Self::Cli => "cli",
        }
    }
}

/// Something that took time. Times are in milliseconds since 1970, by the clock of the CLI.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub kind: Kind,
    pub name: String,
    /// The span in the same turn that this one is part of.
    pub parent: Option<usize>,
    pub start: i64,
    pub end: Option<i64>,
    /// From the start of a model call to its first token, in milliseconds.
    pub first_token: Option<f64>,
    /// Input and output tokens of a model call.
    pub tokens: Option<[u64; 2]>,
    pub failed: bool,
    /// The outcome, such as `approved`; may be empty.
    pub note: String,
    /// The number of the line that began it.
    pub line: u64,
}

/// One of the three at the ends of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    App,
    Cli,
    Model,
}

/// An arrow of the sequence diagram.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub from: Party,
    pub to: Party,
    pub label: String,
    /// A few words about the first message.
    pub brief: String,
    /// The number of messages that the arrow stands for.
    pub count: u64,
    pub failed: bool,
    /// The time of the log, in milliseconds.
    pub t_ms: u64,
    /// The number of the first line.
    pub line: u64,
}

/// The most arrows of a turn. The diagram of a turn with more says how many it leaves out.
const MOST_STEPS: usize = 200;

/// A turn, or what happens before the next one.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub start: Option<i64>,
    /// The number of the client that wrote its start, from 1.
    pub client: usize,
    /// True if another client began before it had ended, and then came the next prompt.
    pub is_cut_off: bool,
    pub spans: Vec<Span>,
    pub steps: Vec<Step>,
    /// The number of arrows beyond the most.
    pub more_steps: u64,
}

/// A span to draw.
pub(crate) struct Row<'a> {
    pub depth: usize,
    pub span: &'a Span,
}

/// The longest time, in milliseconds, by which a span may begin before the prompt of its turn, as a hook that looks at
/// the prompt does.
const BEFORE_PROMPT: i64 = 1_000;

impl Turn {
    pub fn step(&mut self, step: Step) {
        // A request that does not name its session comes together with its response.
        let place = self.steps.partition_point(|other| other.line <= step.line);
        if let Some(before) = self.steps[..place].last_mut()
            && (before.from, before.to, &before.label, before.failed)
                == (step.from, step.to, &step.label, step.failed)
        {
            before.count += step.count;
        } else if self.steps.len() < MOST_STEPS {
            self.steps.insert(place, step);
        } else {
            self.more_steps += step.count;
        }
    }

    /// Begins the turn with its prompt. Of the arrows before it, only the last few are kept.
    pub fn begin(&mut self, start: Option<i64>, client: usize) {
        const KEPT: usize = 4;
        self.start = start;
        self.client = client;
        self.steps.drain(..self.steps.len().saturating_sub(KEPT));
        self.more_steps = 0;
    }

    /// The spans in the order of a tree: each is followed by its parts.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut parts: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
        let earliest = self.start.map_or(i64::MIN, |start| start - BEFORE_PROMPT);
        let is_shown = |span: &Span| span.start >= earliest;
        for (index, span) in self.spans.iter().enumerate().filter(|(_, span)| is_shown(span)) {
            // A part comes after its whole, so there is no circle.
            let parent = span.parent.filter(|parent| *parent < index && is_shown(&self.spans[*parent]));
            parts.entry(parent).or_default().push(index);
        }
        let mut rows = Vec::new();
        let mut waiting: Vec<(usize, usize)> = Vec::new();
        let push = |waiting: &mut Vec<(usize, usize)>, depth, parent| {
            waiting.extend(parts.get(&parent).into_iter().flatten().rev().map(|index| (depth, *index)));
        };
        push(&mut waiting, 0, None);
        while let Some((depth, index)) = waiting.pop() {
            rows.push(Row { depth, span: &self.spans[index] });
            push(&mut waiting, depth + 1, Some(index));
        }
        rows
    }
}

/// The tokens that a model read and wrote: `28,703 tokens in, 173 out`.
pub(crate) fn tokens_in_words(tokens: [u64; 2]) -> String {
    let [input, output] = tokens.map(|number| {
        let digits = number.to_string();
        let comma = |at: usize| if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
        digits.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect::<String>()
    });
    format!("{input} tokens in, {output} out")
}

/// A duration of so many milliseconds for people: `26 ms`, `1.3 s`, `2 min 5 s`.
pub(crate) fn readable(millis: f64) -> String {
    match millis.max(0.0) {
        millis if millis < 999.5 => format!("{millis:.0} ms"),
        millis if millis < 59_950.0 => format!("{:.1} s", millis / 1000.0),
        millis => {
            let seconds = (millis / 1000.0).round() as u64;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}
