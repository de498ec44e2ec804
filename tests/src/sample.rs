//! Samples of the schemas, with the places in them that a test may change.
//!
//! They are made from the schema files alone, without the generator, so that tests can compare its types with
//! them.

mod schemas;

use serde_json::Value;

pub use schemas::Schemas;

/// JSON that fits a schema.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The JSON.
    pub json: Value,
    /// The places in it.
    pub spots: Vec<Spot>,
}

/// A value or key of a sample.
#[derive(Debug, Clone)]
pub struct Spot {
    /// The path from the outermost value.
    pub at: Vec<Step>,
    /// The kind of value at this path.
    pub what: What,
    /// True if the path passes a union, which may read a changed value as another variant.
    pub in_union: bool,
}

/// One step into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item of an array.
    Item(usize),
}

/// The kind of value at a spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A string of any text.
    Text,
    /// One of a set of strings.
    Enum,
    /// The only valid value.
    Constant,
    /// A constant of a union's variant, if each variant of the union has one.
    Tag,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A boolean.
    Flag,
    /// An array.
    List,
    /// An object of any keys.
    Map,
    /// An object with listed keys; one that is open keeps other keys too.
    Record {
        /// True if it keeps other keys.
        open: bool,
    },
    /// The key itself, not its value.
    Key {
        /// True if the key is required.
        required: bool,
        /// True if its value may be `null`.
        nullable: bool,
    },
}

impl Sample {
    /// The JSON with the value at `spot` changed.
    pub fn with(&self, spot: &Spot, change: impl FnOnce(&mut Value)) -> Value {
        let mut json = self.json.clone();
        change(spot.value(&mut json));
        json
    }

    fn of(json: Value, what: What) -> Self {
        Self { json, spots: vec![Spot { at: Vec::new(), what, in_union: false }] }
    }

    /// JSON in which nothing is changed.
    fn opaque(json: Value) -> Self {
        Self { json, spots: Vec::new() }
    }

    /// A sample of a definition without its inner spots, which are tried with the definition itself.
    fn closed(mut self) -> Self {
        self.spots.retain(|spot| spot.at.is_empty());
        self
    }

    /// Adds `inner` to this list or object.
    fn holding(mut self, step: &Step, inner: &Self) -> Self {
        match (&mut self.json, step) {
            (Value::Array(items), Step::Item(_)) => items.push(inner.json.clone()),
            (object, Step::Key(key)) => object[key] = inner.json.clone(),
            (other, Step::Item(_)) => panic!("{other} has no items"),
        }
        self.spots.extend(inner.spots.iter().map(|spot| {
            let at = [std::slice::from_ref(step), &spot.at].concat();
            Spot { at, ..spot.clone() }
        }));
        self
    }
}

impl Spot {
    /// The value at this spot in `json`, an unchanged sample.
    pub fn value<'v>(&self, json: &'v mut Value) -> &'v mut Value {
        step_into(json, &self.at)
    }

    /// The path to the value that contains it.
    pub fn parent(&self) -> &[Step] {
        self.at.split_last().map_or(&[], |(_, parent)| parent)
    }

    /// The path in the notation of errors.
    pub fn path(&self) -> String {
        self.at.iter().fold("$".to_owned(), |path, step| match step {
            Step::Key(key) => format!("{path}.{key}"),
            Step::Item(index) => format!("{path}[{index}]"),
        })
    }
}

/// The value at the end of a path.
pub fn step_into<'v>(json: &'v mut Value, way: &[Step]) -> &'v mut Value {
    way.iter().fold(json, |json, step| match step {
        Step::Key(key) => &mut json[key],
        Step::Item(index) => &mut json[index],
    })
}
