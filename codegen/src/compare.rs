//! Compares two versions of the protocol, place by place on the wire.
//!
//! The walk starts at the methods and events of both versions and follows the types that they carry, so types are
//! matched by their place and not by their name.

use std::collections::BTreeSet;

use crate::model::{Field, Method, Model, Origin, Record, Shape, Ty, Type, Union, Variant};

/// The differences of an older version from a newer one.
#[derive(Debug, Default)]
pub struct Difference {
    /// Keys that the newer version always sends and the older one may omit or set to `null`, each as `place.key` of the
    /// newer, and results, each as `method: result`.
    pub missing_in_older: BTreeSet<String>,
    /// Places of received types where the two versions have JSON of different kinds.
    pub changed: BTreeSet<String>,
    /// Types with another Rust name at the same place.
    pub renamed: BTreeSet<Renamed>,
}

/// A type that has another Rust name in another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renamed {
    /// The name in the older version.
    pub older: String,
    /// The name in the newer version.
    pub newer: String,
    /// The reason for the difference.
    pub reason: Reason,
}

/// The reason why a type has another Rust name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The definition has another name, or another definition is used.
    Definition,
    /// An inline type became a definition, or the other way round.
    Named,
    /// The type is inline in both versions and named after its place.
    Inline,
}

/// Compares an older version with a newer one.
pub fn compare(newer: &Model, older: &Model) -> Difference {
    let mut walk = Walk { newer, older, seen: BTreeSet::new(), found: Difference::default() };
    // Received types come first: a pair of types seen as received needs no second look as sent.
    for received in [true, false] {
        for method in newer.methods.values() {
            let before = older.methods.get(&method.name).filter(|before| before.group == method.group);
            let Some(before) = before else { continue };
            let params = format!("{}: params", method.name);
            if method.group.is_ours() != received {
                walk.pair(&method.params, &before.params, &params, received);
            } else {
                walk.result(method, before, received);
            }
        }
    }
    for event in newer.events.values() {
        if let Some(before) = older.events.get(&event.name) {
            walk.pair(&event.data, &before.data, &format!("{}: data", event.name), true);
        }
    }
    walk.found
}

struct Walk<'m> {
    newer: &'m Model,
    older: &'m Model,
    /// Visited pairs of types; the flag is true for received ones.
    seen: BTreeSet<(&'m str, &'m str, bool)>,
    found: Difference,
}

impl<'m> Walk<'m> {
    fn result(&mut self, method: &'m Method, before: &'m Method, received: bool) {
        let place = method.result_place();
        let (newer, older) = (&method.result, &before.result);
        let nothing = |model, ty: &Ty| *ty == Ty::Unit || Model::is_option(model, ty);
        let is_json = *self.newer.bare(newer) == Ty::Json;
        if received && nothing(self.older, older) && !nothing(self.newer, newer) && !is_json {
            self.found.missing_in_older.insert(place.clone());
        }
        self.pair(newer, older, &place, received);
    }

    fn pair(&mut self, newer: &'m Ty, older: &'m Ty, place: &str, received: bool) {
        let (newer, older) = (self.newer.bare(newer), self.older.bare(older));
        match (newer, older) {
            (Ty::List(newer), Ty::List(older))
            | (Ty::Map(newer), Ty::Map(older))
            | (Ty::Entries(newer), Ty::Entries(older)) => {
                self.pair(newer, older, place, received);
            }
            (Ty::Named(newer), Ty::Named(older)) => self.types(newer, older, received),
            // Opaque JSON can't be compared, and a value that is not read may have any type.
            (Ty::Json | Ty::Unit, _) | (_, Ty::Json | Ty::Unit) => {}
            (newer, older) if same_json(self.newer, newer) == same_json(self.older, older) => {}
            _ => self.changed(place, received),
        }
    }

    fn types(&mut self, name: &'m str, name_before: &'m str, received: bool) {
        let (Some(newer), Some(older)) = (self.newer.types.get(name), self.older.types.get(name_before))
        else {
            return;
        };
        let seen = self.seen.contains(&(name, name_before, true));
        if seen || !self.seen.insert((name, name_before, received)) {
            return;
        }
        if name != name_before {
            let reason = match (newer.origin == Origin::Inline, older.origin == Origin::Inline) {
                (true, true) => Reason::Inline,
                (false, false) => Reason::Definition,
                _ => Reason::Named,
            };
            let (older, newer) = (name_before.to_owned(), name.to_owned());
            self.found.renamed.insert(Renamed { older, newer, reason });
        }
        let place = newer.place.as_str();
        match (&newer.shape, &older.shape) {
            (Shape::Record(newer), Shape::Record(older)) => self.records(newer, older, place, received),
            (Shape::Strings(_), Shape::Strings(_)) => {}
            (Shape::Union(newer), Shape::Union(older)) if newer.tag == older.tag => {
                for (newer, older) in matching(newer, older) {
                    self.pair(&newer.ty, &older.ty, place, received);
                }
            }
            // An object that became a union, or the other way round, may correspond to any object of the union.
            (Shape::Union(_), Shape::Record(_)) => {
                for variant in objects(self.newer, name) {
                    self.types(variant, name_before, received);
                }
            }
            (Shape::Record(_), Shape::Union(_)) => {
                for variant in objects(self.older, name_before) {
                    self.types(name, variant, received);
                }
            }
            _ => self.changed(place, received),
        }
    }

    fn records(&mut self, newer: &'m Record, older: &'m Record, place: &str, received: bool) {
        for field in &newer.fields {
            let place = format!("{place}.{}", field.key);
            let before = older.field(&field.key);
            let constant = older.constant(&field.key).is_some();
            if received && !constant && !self.fits(field, before) {
                self.found.missing_in_older.insert(place.clone());
            }
            if let Some(before) = before {
                self.pair(&field.ty, &before.ty, &place, received);
            }
        }
        if let (Some(newer), Some(older)) = (&newer.rest, &older.rest) {
            self.pair(newer, older, place, received);
        }
    }

    /// Returns true if the newer field can be decoded from JSON of the older version, whose field is `before`.
    fn fits(&self, field: &Field, before: Option<&Field>) -> bool {
        let is_json = *self.newer.bare(&field.ty) == Ty::Json;
        self.newer.is_optional(field)
            || before.is_some_and(|before| !self.older.is_optional(before) || is_json && before.required)
    }

    fn changed(&mut self, place: &str, received: bool) {
        if received {
            self.found.changed.insert(place.to_owned());
        }
    }
}

/// The type that stands for the JSON a type is decoded from. An enum of strings is open, so it accepts any string.
fn same_json<'m>(model: &'m Model, ty: &'m Ty) -> &'m Ty {
    match ty {
        Ty::Named(name) if matches!(model.types.get(name).map(|ty| &ty.shape), Some(Shape::Strings(_))) => {
            &Ty::String
        }
        // An integer is a number, too. A number that became an integer fails to decode only if it has a fraction.
        Ty::Integer => &Ty::Float,
        _ => ty,
    }
}

/// The pairs of variants of two unions that share a value of the tag, or a name if there is no tag.
fn matching<'m>(newer: &'m Union, older: &'m Union) -> impl Iterator<Item = (&'m Variant, &'m Variant)> {
    newer.variants.iter().flat_map(move |after| {
        let same = move |before: &&Variant| match newer.tag {
            Some(_) => before.discriminator.shares_tag(&after.discriminator),
            None => before.name == after.name,
        };
        older.variants.iter().filter(same).map(move |before| (after, before))
    })
}

/// The types of the variants that are objects.
fn objects<'m>(model: &'m Model, union: &str) -> impl Iterator<Item = &'m str> {
    let parts = model.types.get(union).map(Type::references).unwrap_or_default();
    parts.into_iter().filter(|ty| model.record(ty).is_some()).filter_map(Ty::named)
}
