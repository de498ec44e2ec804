//! The one registry of Rust names. A name depends on its own place in the schema and nothing else.

use std::collections::BTreeMap;

use heck::{ToSnakeCase, ToUpperCamelCase};

use crate::Error;

/// Names of string variants whose text gives none: `(text, name)`.
const VARIANTS: &[(&str, &str)] = &[("*", "All"), ("", "Empty"), ("+1", "PlusOne"), ("-1", "MinusOne")];

/// Names the generated files use for something else.
const RESERVED: &[&str] = &[
    "String",
    "Option",
    "Vec",
    "Box",
    "BTreeMap",
    "Value",
    "Self",
    "Result",
    "Some",
    "None",
    "Ok",
    "Err",
    "Call",
    "Method",
    "Unrecognized",
];

/// A type's name.
pub fn type_name(wire: &str) -> String {
    wire.to_upper_camel_case()
}

/// The name of an enum's variant.
pub fn variant_name(wire: &str) -> String {
    if let Some((_, name)) = VARIANTS.iter().find(|(text, _)| *text == wire) {
        return (*name).to_owned();
    }
    let name = wire.to_upper_camel_case();
    match name.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("V{name}"),
        _ => name,
    }
}

/// The name of a method or module.
pub fn snake(wire: &str) -> String {
    let name = wire.to_snake_case();
    match name.as_str() {
        "type" | "ref" | "match" | "move" | "self" | "use" | "where" | "async" | "mod" | "box" | "final"
        | "override" | "loop" | "in" | "static" | "enum" | "struct" | "continue" | "yield" | "do" | "try"
        | "as" | "abstract" => {
            format!("{name}_")
        }
        _ => name,
    }
}

/// Who holds which name.
#[derive(Debug, Default)]
pub struct Names {
    places: BTreeMap<String, String>,
}

impl Names {
    /// Claims `name` for the schema place, or fails when another place holds it.
    pub fn claim(&mut self, name: &str, place: &str) -> Result<(), Error> {
        if RESERVED.contains(&name) {
            return Err(Error::Name {
                name: name.to_owned(),
                first: "the generated code itself".to_owned(),
                second: place.to_owned(),
            });
        }
        match self.places.insert(name.to_owned(), place.to_owned()) {
            Some(first) if first != place => {
                Err(Error::Name { name: name.to_owned(), first, second: place.to_owned() })
            }
            _ => Ok(()),
        }
    }
}
