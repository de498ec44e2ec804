//! Two versions of the protocol side by side: what stands at the same place of the wire in both.
//!
//! The walk starts at the methods and events that both have and follows what they carry, so types meet by
//! what they are for, whatever they are called.

use std::collections::BTreeSet;

use crate::model::{Field, Method, Model, Origin, Record, Shape, TaggedVariant, Ty};

/// How an older version differs from a newer one.
#[derive(Debug, Default)]
pub struct Difference {
    /// Keys that the newer version always sends and the older one may leave out or set to `null`, each as
    /// `place.key` of the newer, and results, each as `method: result`.
    pub left_out: BTreeSet<String>,
    /// Places where the two have JSON of different kinds, told of what is received only.
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
    /// Where the name comes from.
    pub reason: Reason,
}

/// Why a type has another Rust name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The schema calls the definition otherwise, or uses another one.
    Definition,
    /// What was inline became a definition, or the other way round.
    Named,
    /// It is inline in both and called after what it stands in.
    Inline,
}

pub fn compare(newer: &Model, older: &Model) -> Difference {
    let mut walk = Walk { newer, older, seen: BTreeSet::new(), found: Difference::default() };
    // What is received first: a pair of types that is met again as sent has nothing more to tell.
    for received in [true, false] {
        for method in &newer.methods {
            let same = |other: &&Method| other.name == method.name && other.group == method.group;
            let Some(before) = older.methods.iter().find(same) else { continue };
            let params = format!("{}: params", method.name);
            if method.group.is_ours() != received {
                walk.pair(&method.params, &before.params, &params, received);
            } else {
                walk.result(method, before, received);
            }
        }
    }
    for event in &newer.events {
        if let Some(before) = older.events.iter().find(|other| other.name == event.name) {
            walk.pair(&event.data, &before.data, &format!("{}: data", event.name), true);
        }
    }
    walk.found
}

struct Walk<'m> {
    newer: &'m Model,
    older: &'m Model,
    /// Pairs of types that were met, and whether as received.
    seen: BTreeSet<(&'m str, &'m str, bool)>,
    found: Difference,
}

impl<'m> Walk<'m> {
    fn result(&mut self, method: &'m Method, before: &'m Method, received: bool) {
        let place = result_place(method);
        let (newer, older) = (&method.result, &before.result);
        let nothing = |model, ty: &Ty| *ty == Ty::Unit || is_option(model, ty);
        let is_json = matches!(bare(self.newer, newer), Ty::Json);
        if received && nothing(self.older, older) && !nothing(self.newer, newer) && !is_json {
            self.found.left_out.insert(place.clone());
        }
        self.pair(newer, older, &place, received);
    }

    fn pair(&mut self, newer: &'m Ty, older: &'m Ty, place: &str, received: bool) {
        let (newer, older) = (bare(self.newer, newer), bare(self.older, older));
        match (newer, older) {
            (Ty::List(newer), Ty::List(older)) | (Ty::Map(newer), Ty::Map(older)) => {
                self.pair(newer, older, place, received);
            }
            (Ty::Named(newer), Ty::Named(older)) => self.types(newer, older, received),
            // Nothing is known of what is opaque in either; what nobody reads may be anything.
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
            (Shape::Tagged { tag, variants }, Shape::Tagged { tag: before, variants: older })
                if tag == before =>
            {
                for (newer, older) in both(variants, older) {
                    self.pair(&newer.ty, &older.ty, place, received);
                }
            }
            (Shape::Untagged(newer), Shape::Untagged(older)) => {
                for newer in newer {
                    if let Some(older) = older.iter().find(|other| other.name == newer.name) {
                        self.pair(&newer.ty, &older.ty, place, received);
                    }
                }
            }
            // An object that became a union, or a union that became an object, may be any of its objects.
            (Shape::Tagged { .. } | Shape::Untagged(_), Shape::Record(_)) => {
                for variant in objects(self.newer, name) {
                    self.types(variant, name_before, received);
                }
            }
            (Shape::Record(_), Shape::Tagged { .. } | Shape::Untagged(_)) => {
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
            let before = older.fields.iter().find(|other| other.key == field.key);
            let constant = older.constants.iter().any(|(key, _)| *key == field.key);
            if received && !constant && !self.fits(field, before) {
                self.found.left_out.insert(place.clone());
            }
            if let Some(before) = before {
                self.pair(&field.ty, &before.ty, &place, received);
            }
        }
        if let (Some(newer), Some(older)) = (&newer.rest, &older.rest) {
            self.pair(newer, older, place, received);
        }
    }

    /// Whether a key can be read that is there, or is not, as `before` says.
    fn fits(&self, field: &Field, before: Option<&Field>) -> bool {
        let is_json = matches!(bare(self.newer, &field.ty), Ty::Json);
        is_option(self.newer, &field.ty)
            || before.is_some_and(|before| !is_option(self.older, &before.ty) || is_json && before.required)
    }

    fn changed(&mut self, place: &str, received: bool) {
        if received {
            self.found.changed.insert(place.to_owned());
        }
    }
}

/// What a method's result is called among the keys that are left out.
pub fn result_place(method: &Method) -> String {
    format!("{}: result", method.name)
}

/// Whether a missing key can be read as the type.
pub fn is_option(model: &Model, ty: &Ty) -> bool {
    match ty {
        Ty::Option(_) => true,
        Ty::Named(name) => match model.types.get(name).map(|ty| &ty.shape) {
            Some(Shape::Alias(target)) => is_option(model, target),
            _ => false,
        },
        _ => false,
    }
}

/// The type without options and other names around it.
fn bare<'m>(model: &'m Model, ty: &'m Ty) -> &'m Ty {
    match ty {
        Ty::Option(inner) => bare(model, inner),
        Ty::Named(name) => match model.types.get(name).map(|ty| &ty.shape) {
            Some(Shape::Alias(target)) => bare(model, target),
            _ => ty,
        },
        _ => ty,
    }
}

/// The kind of JSON a type is read from, as far as that alone decides: an open set of strings is any string.
fn same_json<'m>(model: &'m Model, ty: &'m Ty) -> &'m Ty {
    match ty {
        Ty::Named(name) if matches!(model.types.get(name).map(|ty| &ty.shape), Some(Shape::Strings(_))) => {
            &Ty::String
        }
        // A whole number is a number too; the other way round is told when it comes.
        Ty::Integer => &Ty::Float,
        _ => ty,
    }
}

/// The variants of two unions that mean the same.
fn both<'m>(
    newer: &'m [TaggedVariant],
    older: &'m [TaggedVariant],
) -> impl Iterator<Item = (&'m TaggedVariant, &'m TaggedVariant)> {
    newer.iter().flat_map(move |newer| {
        let same = |other: &&TaggedVariant| other.values.iter().any(|value| newer.values.contains(value));
        older.iter().filter(same).map(move |older| (newer, older))
    })
}

/// The variants of a union that are objects.
fn objects<'m>(model: &'m Model, union: &str) -> impl Iterator<Item = &'m str> {
    let named = model.types.get(union).map(Model::references).unwrap_or_default();
    let is_object =
        |name: &&str| matches!(model.types.get(*name).map(|ty| &ty.shape), Some(Shape::Record(_)));
    named.into_iter().filter(is_object)
}
