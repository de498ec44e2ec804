//! The registry of Rust names. A name depends only on its own place in the schema.

use std::collections::BTreeMap;

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

use crate::Error;

/// Names of string variants that cannot be derived from the text: `(text, name)`.
const VARIANTS: &[(&str, &str)] = &[("*", "All"), ("", "Empty"), ("+1", "PlusOne"), ("-1", "MinusOne")];

/// Names that have another meaning in the generated files, by an import or the prelude.
const RESERVED: &[&str] = &[
    "AsRef",
    "BTreeMap",
    "Box",
    "Call",
    "Caller",
    "Clone",
    "Debug",
    "DecodeError",
    "Default",
    "Eq",
    "Err",
    "From",
    "Into",
    "MalformedEvent",
    "Method",
    "Node",
    "None",
    "Ok",
    "Option",
    "PartialEq",
    "Result",
    "Self",
    "ServerRpc",
    "SessionEventData",
    "SessionRpc",
    "Some",
    "String",
    "Unrecognized",
    "UnrecognizedEvent",
    "Value",
    "Vec",
    "Wire",
];

/// New names of types whose own name is that of a type at the root of the crate: `(wire, name)`. So both can be
/// imported by `*`.
pub const RENAMED: &[(&str, &str)] =
    &[("PermissionRequest", "PermissionDetails"), ("Tool", "ToolInfo"), ("ToolResult", "ToolResultValue")];

/// Words for keys that no field can have as its name, or no setter: `(key, name)`.
const NATURAL: &[(&str, &str)] = &[
    ("const", "value"),
    ("default", "default_value"),
    ("enum", "values"),
    ("ref", "git_ref"),
    ("type", "kind"),
];

/// Returns the name of a type.
pub fn type_name(wire: &str) -> String {
    let twin = RENAMED.iter().find(|(twin, _)| *twin == wire);
    twin.map_or_else(|| camel(wire), |(_, name)| (*name).to_owned())
}

/// The text with `GitHub` and `OAuth` as words, which heck would split.
pub fn joined(wire: &str) -> String {
    let text = wire.replace("GitHub", "Github").replace("OAuth", "Oauth");
    match (text.strip_prefix("gitHub"), text.strip_prefix("oAuth")) {
        (Some(rest), _) => format!("github{rest}"),
        (_, Some(rest)) => format!("oauth{rest}"),
        _ => text,
    }
}

/// The words of the text with a capital each.
fn camel(wire: &str) -> String {
    joined(wire).to_upper_camel_case().replace("Github", "GitHub")
}

/// The words of the text in lower case.
pub fn words(wire: &str) -> String {
    joined(wire).to_snake_case()
}

/// The name of a constant.
pub fn constant_name(wire: &str) -> String {
    joined(wire).to_shouty_snake_case()
}

/// The name of the field of a key, among the `others` of its record. Without one of the [`NATURAL`] words, it is
/// typify's: a keyword gets an underscore.
pub fn field_name(key: &str, typify: String, others: &[&str]) -> String {
    let natural = NATURAL.iter().find(|(of, _)| *of == key).map(|(_, name)| *name);
    match natural.filter(|name| !others.iter().any(|other| words(other) == *name)) {
        Some(name) => name.to_owned(),
        None => typify,
    }
}

/// Returns true if a search for the wire name finds the item only by an alias: the names differ by more than case and
/// separators.
pub fn needs_alias(wire: &str, name: &str) -> bool {
    let bare = |text: &str| text.replace(['_', '-', '.', ' '], "").to_lowercase();
    bare(wire) != bare(name)
}

/// The name of an enum's variant.
pub fn variant_name(wire: &str) -> String {
    if let Some((_, name)) = VARIANTS.iter().find(|(text, _)| *text == wire) {
        return (*name).to_owned();
    }
    let name = camel(wire);
    match name.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("V{name}"),
        // `Self` is a keyword.
        Some(_) if !is_identifier(&name) => format!("{name}_"),
        _ => name,
    }
}

/// Trait methods of every generated handle and type. A function of the same name would hide one, and calls of it, such
/// as those in a derive, would not compile.
const TRAIT_METHODS: &[&str] = &[
    "as_ref",
    "borrow",
    "borrow_mut",
    "clone",
    "clone_from",
    "clone_into",
    "drop",
    "fmt",
    "from",
    "into",
    "to_owned",
    "try_from",
    "try_into",
    "type_id",
];

/// The further trait methods of records, and the constructor.
const RECORD_METHODS: &[&str] =
    &["default", "deserialize", "empty", "eq", "ne", "new", "null", "read", "serialize", "write"];

/// The name of a module or argument; a keyword gets an underscore.
pub fn snake(wire: &str) -> String {
    let name = words(wire);
    if is_identifier(&name) || name.is_empty() { name } else { format!("{name}_") }
}

/// Returns true if a character is shown where it stands. rustc refuses others in comments.
pub fn is_visible(char: char) -> bool {
    let turns_text = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !char.is_control() && !turns_text
}

/// Returns true if Rust takes the text for a name, and not for a keyword.
pub fn is_identifier(text: &str) -> bool {
    // Edition 2024 reserves `gen`, which syn accepts.
    syn::parse_str::<syn::Ident>(text).is_ok() && text != "gen"
}

/// The name of a function of a handle.
pub fn function_name(wire: &str) -> String {
    let name = snake(wire);
    if TRAIT_METHODS.contains(&&*name) { format!("{name}_") } else { name }
}

/// The name of the setter of a record's field.
pub fn setter_name(field: &str) -> String {
    let is_taken = TRAIT_METHODS.contains(&field) || RECORD_METHODS.contains(&field);
    if is_taken { format!("{field}_") } else { field.to_owned() }
}

/// The name of the type with the required fields of a record, by which `new` takes them.
pub fn fields_name(record: &str) -> String {
    format!("{record}Fields")
}

/// Fails if a name has another meaning in the generated files.
pub fn is_free(name: &str, place: &str) -> Result<(), Error> {
    let taken = Error::Name {
        name: name.to_owned(),
        first: "the generated code itself".to_owned(),
        second: place.to_owned(),
    };
    if RESERVED.contains(&name) { Err(taken) } else { Ok(()) }
}

/// The place of each claimed name.
#[derive(Debug, Default)]
pub struct Names {
    places: BTreeMap<String, String>,
}

impl Names {
    /// Claims `name` for a place in the schema; fails if another place has it.
    pub fn claim(&mut self, name: &str, place: &str) -> Result<(), Error> {
        is_free(name, place)?;
        match self.places.insert(name.to_owned(), place.to_owned()) {
            Some(first) if first != place => {
                Err(Error::Name { name: name.to_owned(), first, second: place.to_owned() })
            }
            _ => Ok(()),
        }
    }
}
