//! The versions of the CLI to which a fix or a part of the supplement applies, as far as they are known.

use semver::Version;
use serde_json::{Map, Value};

use crate::Error;

/// The versions to which something applies; a missing end is open. A span that ends before it begins has a gap: it
/// applies before and after.
#[derive(Debug, Default, Clone)]
pub struct Span {
    since: Option<Change>,
    until: Option<Change>,
}

/// A change between two examined versions, written as `last..first`: the last version before it and the first after it.
/// Versions between them may be on either side.
#[derive(Debug, Clone)]
struct Change {
    last: Version,
    first: Version,
}

impl Span {
    /// Reads `x-since` and `x-until` of a schema; `None` if it has neither.
    pub fn of_schema(schema: &Map<String, Value>, place: &str) -> Result<Option<Self>, Error> {
        let text = |key: &str| schema.get(key).map(|value| value.as_str().unwrap_or_default());
        let span = Self::new(text("x-since"), text("x-until"), place)?;
        Ok((span.since.is_some() || span.until.is_some()).then_some(span))
    }

    /// Makes a span between two changes, each written as `last..first`; `None` is an open end.
    pub fn new(since: Option<&str>, until: Option<&str>, place: &str) -> Result<Self, Error> {
        let change = |text: Option<&str>| text.map(|text| Change::read(text, place)).transpose();
        Ok(Self { since: change(since)?, until: change(until)? })
    }

    /// Returns true if the span includes the version; `None` if that is unknown.
    pub fn holds(&self, version: &Version) -> Option<bool> {
        let begun = self.since.as_ref().map_or(Some(true), |change| change.is_past(version));
        let ended = self.until.as_ref().map_or(Some(false), |change| change.is_past(version));
        match (begun, ended) {
            (Some(true), _) | (_, Some(false)) if self.is_gap() => Some(true),
            (Some(false), Some(true)) if self.is_gap() => Some(false),
            _ if self.is_gap() => None,
            (Some(false), _) | (_, Some(true)) => Some(false),
            (Some(true), Some(false)) => Some(true),
            _ => None,
        }
    }

    fn is_gap(&self) -> bool {
        matches!((&self.since, &self.until), (Some(since), Some(until)) if until.first <= since.last)
    }
}

impl Change {
    fn read(text: &str, place: &str) -> Result<Self, Error> {
        let wrong = || Error::shape(place, format!("`{text}` is not a change between two versions"));
        let (last, first) = text.split_once("..").ok_or_else(wrong)?;
        let change = Self { last: read(last, place)?, first: read(first, place)? };
        if change.last < change.first { Ok(change) } else { Err(wrong()) }
    }

    fn is_past(&self, version: &Version) -> Option<bool> {
        match version {
            version if *version <= self.last => Some(false),
            version if *version >= self.first => Some(true),
            _ => None,
        }
    }
}

/// Parses a version of the CLI.
pub fn read(text: &str, place: &str) -> Result<Version, Error> {
    Version::parse(text).map_err(|_| Error::shape(place, format!("`{text}` is not a version")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_holds_where_it_was_seen_to_hold() -> Result<(), Error> {
        let schema = json!({"x-since": "1.0.84-4..1.0.90", "x-until": "1.0.95..1.0.102"});
        let span = Span::of_schema(schema.as_object().expect("an object"), "here")?.expect("a span");
        for (version, holds) in [
            ("1.0.50", Some(false)),
            ("1.0.84-4", Some(false)),
            ("1.0.84", None),
            ("1.0.90", Some(true)),
            ("1.0.95", Some(true)),
            ("1.0.101", None),
            ("1.0.102", Some(false)),
        ] {
            assert_eq!(span.holds(&read(version, "here")?), holds, "{version}");
        }
        assert_eq!(Span::default().holds(&read("0.0.1", "here")?), Some(true));
        Ok(())
    }

    #[test]
    fn a_span_that_ends_before_it_begins_has_a_gap() -> Result<(), Error> {
        let schema = json!({"x-until": "1.0.50..1.0.52", "x-since": "1.0.59..1.0.61"});
        let span = Span::of_schema(schema.as_object().expect("an object"), "here")?.expect("a span");
        for (version, holds) in [
            ("1.0.10", Some(true)),
            ("1.0.50", Some(true)),
            ("1.0.51", None),
            ("1.0.52", Some(false)),
            ("1.0.59", Some(false)),
            ("1.0.60", None),
            ("1.0.61", Some(true)),
        ] {
            assert_eq!(span.holds(&read(version, "here")?), holds, "{version}");
        }
        Ok(())
    }

    #[test]
    fn invalid_changes_are_refused() {
        for wrong in ["", "1.0.1", "1.0.2..1.0.1", "1.0.1..1.0.1", "1.0..1.1", "1.0.1..", "..1.0.1"] {
            let error = Span::new(Some(wrong), None, "here").expect_err(wrong);
            assert!(error.to_string().starts_with("here: "), "{error}");
        }
    }
}
