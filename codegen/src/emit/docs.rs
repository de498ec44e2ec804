//! Emits docs: the prose of the schema, a word on stability, and the limits of values.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value};

use crate::model::{Doc, Ty};
use crate::names::is_visible;

/// Doc attributes, one per line of text, with the paragraphs of `more` after it. The first paragraph ends with a word
/// on the stability, so that lists of items show it.
pub fn doc(doc: &Doc, fallback: &str, more: &[String]) -> TokenStream {
    let text = if doc.text.trim().is_empty() { fallback } else { &doc.text };
    let mut lines = lines(text.trim());
    for line in more {
        lines.extend([String::new(), visible(line)]);
    }
    let lines: Vec<String> = lines.into_iter().skip_while(String::is_empty).collect();
    let end = lines.iter().position(String::is_empty).unwrap_or(lines.len());
    let stability = match doc {
        Doc { internal: true, .. } => Some("*Internal.*"),
        _ => (doc.stability.as_deref() == Some("experimental")).then_some("*Experimental.*"),
    };
    let lines = lines.iter().enumerate().map(|(index, line)| match stability {
        Some(stability) if index + 1 == end => format!(" {} {stability}", sentence(line)),
        _ if line.is_empty() => String::new(),
        _ => format!(" {line}"),
    });
    let deprecated = doc.deprecated.then(|| quote!(#[deprecated]));
    quote!(#(#[doc = #lines])* #deprecated)
}

/// Doc attributes of a text.
pub fn text_doc(text: &str, fallback: &str) -> TokenStream {
    doc(&Doc { text: text.to_owned(), ..Doc::default() }, fallback, &[])
}

/// The description with the limits of the values in the end.
pub fn with_limits(doc: &Doc, fallback: &str, limits: &Map<String, Value>, ty: &Ty) -> Doc {
    let text = if doc.text.trim().is_empty() { fallback } else { doc.text.trim() };
    let limits = self::limits(text, limits, ty);
    let text = match (limits.is_empty(), text.contains('\n')) {
        (true, _) => text.to_owned(),
        (false, false) => format!("{} {limits}", sentence(text)),
        // The last line may be that of a list.
        (false, true) => format!("{text}\n\n{limits}"),
    };
    Doc { text, ..doc.clone() }
}

/// The text with a full stop, unless it ends with a mark.
fn sentence(text: &str) -> String {
    let ends = text.trim_end_matches(['`', '"', ')']).ends_with(['.', '!', '?', ':']);
    if ends { text.to_owned() } else { format!("{text}.") }
}

/// The lines of a description, none of which rustdoc takes for the code of a test.
fn lines(text: &str) -> Vec<String> {
    let text = text.replace('\t', "    ");
    let (mut lines, mut fence) = (Vec::new(), None);
    for line in text.split(['\n', '\r']).map(str::trim_end) {
        let content = line.trim_start();
        let marks = &content[..content.len() - content.trim_start_matches(['`', '~']).len()];
        lines.push(match fence {
            None if marks.len() >= 3 && !content[marks.len()..].contains('`') => {
                fence = Some(marks);
                format!("{marks}text")
            }
            Some(opening) if content == marks && marks.starts_with(opening) => {
                fence = None;
                marks.to_owned()
            }
            Some(_) => visible(line),
            None => escaped(&visible(line)),
        });
    }
    lines.extend(fence.map(str::to_owned));
    lines
}

/// The line with escapes in place of what rustc refuses in comments.
fn visible(line: &str) -> String {
    let shown = |char: char| match is_visible(char) {
        true => char.to_string(),
        false => char.escape_unicode().to_string(),
    };
    line.chars().map(shown).collect()
}

/// The line of a description with `<` escaped outside of code, where rustdoc would take a word after it for HTML.
fn escaped(line: &str) -> String {
    let content = line.trim_start();
    // Four spaces would make code of it.
    let line = if line.len() - content.len() > 3 { format!("   {content}") } else { line.to_owned() };
    let parts = line.split('`').enumerate();
    let parts =
        parts.map(|(index, part)| if index % 2 == 0 { part.replace('<', r"\<") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

/// The limits of a value in sentences, those of its items or branches with a word before them.
fn limits(prose: &str, limits: &Map<String, Value>, ty: &Ty) -> String {
    let mut groups: Vec<(&str, Map<String, Value>)> = Vec::new();
    for (path, value) in limits {
        let (group, keyword) = path.split_once('.').unwrap_or(("", path));
        if !groups.iter().any(|(name, _)| *name == group) {
            groups.push((group, Map::new()));
        }
        if let Some((_, limits)) = groups.iter_mut().find(|(name, _)| *name == group) {
            limits.insert(keyword.to_owned(), value.clone());
        }
    }
    let sentences = groups.iter().map(|(group, limits)| {
        let parts = parts(prose, limits, group.is_empty().then_some(ty));
        let mut text = parts.join(", ");
        match *group {
            "" => capital(&mut text),
            _ if text.is_empty() => {}
            "items" => text.insert_str(0, "Each item: "),
            "additionalProperties" => text.insert_str(0, "Each value: "),
            kind => text.insert_str(0, &format!("As {}: ", with_article(kind))),
        }
        if text.is_empty() { text } else { text + "." }
    });
    sentences.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn with_article(kind: &str) -> String {
    if kind.starts_with(['a', 'i', 'o']) { format!("an {kind}") } else { format!("a {kind}") }
}

fn capital(text: &mut str) {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
}

/// The limits in phrases. What the prose says is left out.
fn parts(prose: &str, limits: &Map<String, Value>, ty: Option<&Ty>) -> Vec<String> {
    let prose = prose.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| prose.contains(word));
    let text = |key: &str| limits.get(key).and_then(Value::as_str);
    let range = |least: &str, most: &str, one: &str, many: &str| {
        range(limits.get(least), limits.get(most)).map(|(range, number)| {
            let unit = if number == 1 { one } else { many };
            format!("{range} {unit}").trim_end().to_owned()
        })
    };
    let is_text = ty.is_none_or(|ty| *ty == Ty::String);
    let format = match text("format") {
        Some("date-time") if !says(&["rfc 3339"]) => Some("a date and time as in RFC 3339".to_owned()),
        Some("uuid") if !says(&["uuid"]) => Some("a UUID".to_owned()),
        Some("uri") if !says(&["uri", "url"]) => Some("a URI".to_owned()),
        Some("duration") if is_text => Some("a duration as in ISO 8601".to_owned()),
        Some("date-time" | "uuid" | "uri" | "duration") | None => None,
        Some(other) => Some(format!("format {}", code(other))),
    };
    let default = limits.get("default").map(Value::to_string).filter(|default| {
        let bare = default.trim_matches('"').to_lowercase();
        !(says(&["default"]) && says(&[&bare]))
    });
    let more_than = limits.get("exclusiveMinimum").map(|least| format!("more than {least}"));
    let less_than = limits.get("exclusiveMaximum").map(|most| format!("less than {most}"));
    let multiple = limits.get("multipleOf").map(|of| format!("a multiple of {of}"));
    [
        format,
        text("contentEncoding").filter(|of| !says(&[*of])).map(|of| format!("encoded in {of}")),
        more_than,
        less_than,
        multiple,
        range("minimum", "maximum", "", ""),
        range("minLength", "maxLength", "character", "characters"),
        range("minItems", "maxItems", "item", "items"),
        range("minProperties", "maxProperties", "entry", "entries"),
        (limits.get("uniqueItems") == Some(&Value::Bool(true))).then(|| "no item twice".to_owned()),
        text("pattern").map(|pattern| format!("pattern {}", code(pattern))),
        default.map(|default| format!("default: {}", code(&default))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A range in words, and its last number.
fn range(least: Option<&Value>, most: Option<&Value>) -> Option<(String, i64)> {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some((format!("exactly {least}"), number(least))),
        (Some(least), Some(most)) => Some((format!("from {least} to {most}"), number(most))),
        (Some(least), None) => Some((format!("at least {least}"), number(least))),
        (None, Some(most)) => Some((format!("at most {most}"), number(most))),
        (None, None) => None,
    }
}

/// The text as code, which may have backticks.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
