//! Turns the CLI's JSON schemas into the source files of `sdk/src/generated`.
//!
//! A pure library: schema text in, file paths and text out; no file is read or written and nothing
//! depends on time or place, so the same input gives the same bytes. The stages, each a function of
//! the one before:
//!
//! read (texts to definitions, methods and events) → fix (upstream's oddities) → flatten (inline
//! types get names, unions are told apart) → convert (typify turns definitions into Rust types) →
//! emit (one file per namespace).

mod compare;
mod convert;
mod direction;
mod emit;
mod event_requests;
mod fix;
mod flatten;
mod hooks;
mod keywords;
mod lock;
mod model;
mod names;
mod older;
mod read;
mod secrets;
mod sound;
mod supplement;
pub mod survey;
mod union;
pub mod untimed;
mod versions;

use std::collections::BTreeMap;

pub use compare::{Difference, Reason, Renamed};
pub use lock::Names;
use model::Model;

/// The schema texts of one CLI version.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The CLI's version, such as `1.0.102`.
    pub version: &'a str,
    /// `api.schema.json`.
    pub api: &'a str,
    /// `session-events.schema.json`.
    pub events: &'a str,
    /// `supplement.schema.json`: what is spoken on the wire but in neither of the two.
    pub supplement: &'a str,
}

/// The generated source and the account of what went into it.
#[derive(Debug)]
pub struct Output {
    /// File text by path below `sdk/src/generated`.
    pub files: BTreeMap<String, String>,
    /// What was read and what became of it.
    pub report: Report,
}

/// How many of each thing the schemas hold and where each went.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Definitions in the CLI's two files, a name that stands in both counted once.
    pub definitions: usize,
    /// Of those, emitted as types.
    pub types: usize,
    /// Of those, the event envelopes, which are one hand-written type.
    pub envelopes: usize,
    /// Types for inline objects, enums and unions, named after where they stand.
    pub inline_types: usize,
    /// Methods by who calls whom: `(group, count)`.
    pub methods: Vec<(&'static str, usize)>,
    /// Events.
    pub events: usize,
    /// Definitions, methods and notifications of the supplement.
    pub supplement: (usize, usize, usize),
}

/// Why generation was refused. Every message names the place in the schema.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is not JSON.
    #[error("{file}: not JSON: {error}")]
    Json {
        /// Which of the input files.
        file: &'static str,
        /// What the parser says.
        error: serde_json::Error,
    },
    /// A schema has a keyword or shape that the generator does not know.
    #[error("{path}: {problem}")]
    Shape {
        /// The place in the schema.
        path: String,
        /// What is not understood.
        problem: String,
    },
    /// Two schema places ask for the same Rust name.
    #[error("the name {name} is claimed by {first} and by {second}; settle it in codegen/src/names.rs")]
    Name {
        /// The Rust name.
        name: String,
        /// One place.
        first: String,
        /// The other.
        second: String,
    },
    /// Two generated items have the same key in the list of names.
    #[error(
        "the key `{key}` of the list of names is that of {first} and of {second}; settle it in codegen/src/lock.rs"
    )]
    Key {
        /// The key.
        key: String,
        /// One item.
        first: String,
        /// The other.
        second: String,
    },
    /// A fix of an upstream oddity found nothing to fix in a version that it is for, or something in one
    /// that it is not for.
    #[error("the fix {fix} {problem} in {version}; correct its span in codegen/src/fix.rs")]
    Fix {
        /// The function's name.
        fix: &'static str,
        /// What it did.
        problem: &'static str,
        /// The version of the schemas.
        version: String,
    },
    /// typify, or the Rust it wrote, was not as expected.
    #[error("typify: {0}")]
    Typify(String),
}

impl Error {
    fn shape(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Shape { path: path.into(), problem: problem.into() }
    }
}

/// The protocol of one CLI version, read from its schemas.
#[derive(Debug)]
pub struct Protocol {
    version: String,
    model: Model,
    report: Report,
}

impl Protocol {
    /// Reads the schemas.
    ///
    /// # Errors
    /// When a text is not JSON, when a schema holds anything the generator does not know, when a name
    /// is none in Rust or that of something else, or when a fix is not for this version.
    pub fn read(input: Input<'_>) -> Result<Self, Error> {
        let mut source = read::read(input)?;
        fix::fix(&mut source)?;
        let flat = flatten::flatten(&source)?;
        let mut model = convert::convert(flat)?;
        model.hooks = hooks::find(&model.types)?;
        model.event_requests = event_requests::find(&source, &model)?;
        sound::check(&model)?;
        direction::mark(&mut model);
        let report = model.report(&source);
        Ok(Self { version: input.version.to_owned(), model, report })
    }

    /// How an older version differs from this one.
    pub fn compare(&self, older: &Self) -> Difference {
        compare::compare(&self.model, &older.model)
    }

    /// Makes optional what older versions leave out of what they send, as `older.json` lists it.
    ///
    /// # Errors
    /// When the text is not JSON, or lists what this version does not send or does not require.
    pub fn allow_older(&mut self, older: &str) -> Result<(), Error> {
        older::allow(&mut self.model, older)
    }

    /// The Rust path of everything that is generated, by where it stands on the wire.
    ///
    /// # Errors
    /// When two things have the same key.
    pub fn names(&self) -> Result<Names, Error> {
        lock::names(&self.model)
    }

    /// The source of the protocol.
    pub fn generate(&self) -> Output {
        Output { files: emit::emit(&self.model, &self.version), report: self.report.clone() }
    }
}
