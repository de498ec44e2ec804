//! Generates the source files of `sdk/src/generated` from the CLI's JSON schemas.
//!
//! A pure library: it maps schema texts to file texts, and neither reads nor writes a file. The same input produces the
//! same bytes. The stages, each a function of the result of the one before:
//!
//! read (parses definitions, methods and events) → fix (corrects oddities of the schemas) → flatten (makes the model:
//! names inline types, finds the discriminators of unions, and asks typify for Rust types) → emit (writes files by
//! namespace, and apart those that need the feature `full`). Comparison, names and the list of what older versions omit
//! are functions of models.

mod compare;
mod direction;
mod emit;
mod event_requests;
mod features;
mod fix;
mod flatten;
mod hooks;
mod json;
mod keywords;
mod lists;
mod lock;
pub mod model;
mod names;
mod older;
mod read;
mod recursion;
mod schema;
mod secrets;
mod sound;
mod space;
mod supplement;
mod union;
mod untimed;
mod versions;

use std::collections::BTreeMap;

pub use compare::{Difference, Reason, Renamed, compare};
pub use lock::Names;
use model::Model;
use serde_json::Value;

/// The schema texts of one CLI version.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The CLI's version, such as `1.0.102`.
    pub version: &'a str,
    /// `api.schema.json`.
    pub api: &'a str,
    /// `session-events.schema.json`.
    pub events: &'a str,
    /// `supplement.schema.json`: the part of the protocol that neither of the two describes.
    pub supplement: &'a str,
}

/// The generated source and a report on it.
#[derive(Debug)]
pub struct Output {
    /// File text by path below `sdk/src/generated`.
    pub files: BTreeMap<String, String>,
    /// The text of a table of all types, with which a test decodes and encodes each.
    pub table: String,
    /// The numbers of schemas that were read and of items generated from them.
    pub report: Report,
}

/// The numbers of definitions, methods and events in the schemas, and of the types made of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Definitions in the CLI's two files; a name in both counts once.
    pub definitions: usize,
    /// Of those, emitted as types.
    pub types: usize,
    /// Of those, the event envelopes, which are one hand-written type.
    pub envelopes: usize,
    /// Types of inline objects, enums and unions, named after their place.
    pub inline_types: usize,
    /// Methods by group: `(group, count)`.
    pub methods: Vec<(&'static str, usize)>,
    /// Events.
    pub events: usize,
    /// Definitions, methods and notifications of the supplement.
    pub supplement: (usize, usize, usize),
}

/// An error of the generator. Every message names the place in the schema.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is not JSON.
    #[error("{file}: not JSON: {error}")]
    Json {
        /// The input file.
        file: &'static str,
        /// The parser's error.
        error: serde_json::Error,
    },
    /// A schema has a keyword or shape that the generator does not know.
    #[error("{path}: {problem}")]
    Shape {
        /// The place in the schema.
        path: String,
        /// The unsupported keyword or shape.
        problem: String,
    },
    /// Two places of the schema need the same Rust name.
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
        "the key `{key}` of the list of names belongs to both {first} and {second}; settle it in codegen/src/lock.rs"
    )]
    Key {
        /// The key.
        key: String,
        /// One item.
        first: String,
        /// The other.
        second: String,
    },
    /// A fix found nothing to fix in a version of its span, or something in another version.
    #[error("the fix {fix} {problem} in {version}; correct its span in codegen/src/fix.rs")]
    Fix {
        /// The function's name.
        fix: &'static str,
        /// The mismatch.
        problem: &'static str,
        /// The version of the schemas.
        version: String,
    },
    /// A list of the generator names something that the schemas do not have.
    #[error("codegen/src/{list} names {entry:?}, which the schemas do not have; correct the list")]
    List {
        /// The list, with its file in `codegen/src`.
        list: &'static str,
        /// The name.
        entry: String,
    },
    /// typify failed, or its output has an unexpected form.
    #[error("typify: {0}")]
    Typify(String),
}

/// The definitions that the generator reads otherwise than they stand in the schemas, since the CLI is known to send
/// something else, each by its name.
///
/// # Errors
/// When a text is not JSON, or not one of the CLI's schemas.
pub fn fixed(input: Input<'_>) -> Result<BTreeMap<String, Value>, Error> {
    Ok(fix::changed(read::read(input)?.0))
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
    problems: Vec<Error>,
}

impl Protocol {
    /// Reads the schemas, to generate source from them.
    ///
    /// # Errors
    /// When a text is not JSON, when a schema holds anything that the generator does not support, when a name is
    /// invalid in Rust or taken, or when the span of a fix is wrong for this version.
    pub fn read(input: Input<'_>) -> Result<Self, Error> {
        let (mut protocol, wrong_fixes) = Self::build(input)?;
        let problem = wrong_fixes.into_iter().chain(protocol.problems.drain(..)).next();
        problem.map_or(Ok(protocol), Err)
    }

    /// Reads the part of the schemas that is supported, and keeps the [`problems`](Self::problems) of the rest, since a
    /// comparison is needed most when a version has something new.
    ///
    /// # Errors
    /// When a text is not JSON, or not one of the CLI's schemas.
    pub fn survey(input: Input<'_>) -> Result<Self, Error> {
        Ok(Self::build(input)?.0)
    }

    /// Reads the schemas, and returns with the protocol the errors of fixes whose span is wrong for this version, which
    /// hide nothing of it.
    fn build(input: Input<'_>) -> Result<(Self, Vec<Error>), Error> {
        let (mut source, mut problems) = read::read(input)?;
        let wrong_fixes = fix::fix(&mut source);
        let mut model = flatten::flatten(&source, &mut problems);
        problems.extend(recursion::break_cycles(&mut model).err());
        model.hooks = hooks::find(&model.types, &mut problems);
        model.event_requests = event_requests::find(&source, &model, &mut problems);
        problems.extend(sound::check(&model).err());
        direction::mark(&mut model);
        let report = model.report(&source);
        Ok((Self { version: input.version.to_owned(), model, report, problems }, wrong_fixes))
    }

    /// The protocol in Rust terms.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The errors of the generator. In their places, the model accepts any JSON.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Returns the errors of the generator's own lists, such as that of the keys in order: entries that name nothing in
    /// this version. The lists are for the newest version, so older ones lack some.
    pub fn unused_lists(&self) -> Vec<Error> {
        lists::unused(&self.model)
    }

    /// Compares an older version with this one.
    pub fn compare(&self, older: &Self) -> Difference {
        compare(&self.model, &older.model)
    }

    /// Makes the keys and results optional that older versions omit, according to `older.json`.
    ///
    /// # Errors
    /// When the text is not JSON, or lists a key that is not received or not required in this version.
    pub fn allow_older(&mut self, older: &str) -> Result<(), Error> {
        older::allow(&mut self.model, older)
    }

    /// Makes keys and results optional, as `place.key` and `method: result`, each with the last version that omits it.
    /// Those that are not received or not required stay as they are.
    pub fn make_optional<'k>(&mut self, missing_in_older: impl IntoIterator<Item = (&'k str, &'k str)>) {
        older::make_optional(&mut self.model, &missing_in_older.into_iter().collect());
    }

    /// The Rust path of every generated item, by its place in the schema.
    ///
    /// # Errors
    /// When two items have the same key.
    pub fn names(&self) -> Result<Names, Error> {
        lock::names(&self.model)
    }

    /// Generates the source of the protocol.
    pub fn generate(&self) -> Output {
        Output {
            files: emit::emit(&self.model, &self.version),
            table: emit::table(&self.model, &self.version),
            report: self.report.clone(),
        }
    }
}
