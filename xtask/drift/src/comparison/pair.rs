//! Two protocols side by side: the types that correspond to each other, and the effect of the older decoder on newer
//! JSON.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session_codegen::compare;
use copilot_session_codegen::model::{
    Constant, Discriminator, Field, Model, Shape, StringVariant, Ty, Variant,
};

use super::change::RuntimeImpact;
use super::lost::Lost;
use super::{lost, rename};

/// The depth to which types without counterparts are compared, which ends cycles.
const DEPTH: usize = 12;

/// The older and the newer protocol.
pub struct Pair<'s> {
    pub old: &'s Model,
    pub new: &'s Model,
    /// Types with another name in the newer one.
    pub renamed: BTreeMap<&'s str, &'s str>,
    /// Words that were replaced by others in many names.
    words: BTreeMap<String, String>,
    /// Keys that the newer set always sends and the older one may omit, by their place in the newer set.
    pub left_out: BTreeSet<String>,
    /// Types of the older set that no longer cross the wire.
    pub lost: Lost<'s>,
    /// Removed names and added names, in the words of the newer set.
    reworded: (BTreeMap<String, String>, BTreeMap<String, String>),
}

impl<'s> Pair<'s> {
    /// Pairs two protocols, whose renamed types are not known yet.
    pub fn new(old: &'s Model, new: &'s Model) -> Self {
        let mut pair = Self {
            old,
            new,
            renamed: BTreeMap::new(),
            words: BTreeMap::new(),
            left_out: compare(new, old).missing_in_older,
            lost: lost::find(old, new),
            reworded: Default::default(),
        };
        let (removed, added) = rename::removed_and_added(old, new);
        pair.words = rename::words(&removed, &added);
        let newer = |names: BTreeSet<String>, pair: &Self, old: bool| {
            names.into_iter().map(|name| (name.clone(), pair.in_new_words(&name, old))).collect()
        };
        pair.reworded = (newer(removed, &pair, true), newer(added, &pair, false));
        pair
    }

    /// The words of a name, those of the older set replaced by those of the newer.
    fn in_new_words(&self, name: &str, old: bool) -> String {
        let words = rename::split(name);
        let now = words.iter().map(|word| if old { self.words.get(word).unwrap_or(word) } else { word });
        now.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Returns true if two names differ only in words that were replaced by others.
    pub fn reworded(&self, old: &str, new: &str) -> bool {
        // Each of many names is compared with each of many.
        match (self.reworded.0.get(old), self.reworded.1.get(new)) {
            (Some(old), Some(new)) => old == new,
            _ => self.in_new_words(old, true) == self.in_new_words(new, false),
        }
    }

    /// The similarity of two names, from 0 to 1.
    pub fn names_alike(&self, old: &str, new: &str) -> f64 {
        if self.reworded(old, new) { 1.0 } else { rename::similarity(old, new) }
    }

    /// The name in the newer protocol of a type of the older one, if it still exists.
    pub fn counterpart(&self, name: &'s str) -> Option<&'s str> {
        let same = || self.new.types.contains_key(name).then_some(name);
        self.renamed.get(name).copied().or_else(same)
    }

    /// Returns true if two types are the same in Rust, except for the names of renamed types.
    pub fn same(&self, old: &'s Ty, new: &'s Ty) -> bool {
        // Changes in a type are reported for the type, and not where it is used.
        if let (Ty::Named(old), Ty::Named(new)) = (old, new)
            && self.counterpart(old) == Some(new.as_str())
        {
            return true;
        }
        match (self.old.resolve(old), self.new.resolve(new)) {
            (Ty::Named(old), Ty::Named(new)) => {
                self.counterpart(old).is_some_and(|name| name == new) || (old == new && !self.knows(old))
            }
            (Ty::Option(old), Ty::Option(new))
            | (Ty::List(old), Ty::List(new))
            | (Ty::Map(old), Ty::Map(new))
            | (Ty::Entries(old), Ty::Entries(new)) => self.same(old, new),
            (old, new) => old == new,
        }
    }

    /// Returns true if a type is in either protocol. Hand-written types are in neither.
    fn knows(&self, name: &str) -> bool {
        self.old.types.contains_key(name) || self.new.types.contains_key(name)
    }

    /// The impact of decoding a value of the newer type with the older decoder.
    pub fn reads(&self, old: &'s Ty, new: &'s Ty) -> RuntimeImpact {
        self.reads_within(old, new, DEPTH)
    }

    fn reads_within(&self, old: &'s Ty, new: &'s Ty, depth: usize) -> RuntimeImpact {
        let (old, new) = (self.old.resolve(old), self.new.resolve(new));
        // Counterparts are compared by themselves.
        if depth == 0 || self.same(old, new) {
            return RuntimeImpact::Decodes;
        }
        match (old, new) {
            (Ty::Json | Ty::Unit, _) | (Ty::Float, Ty::Integer) | (Ty::Option(_), Ty::Unit) => {
                RuntimeImpact::Decodes
            }
            (Ty::Option(old), Ty::Option(new))
            | (Ty::List(old), Ty::List(new))
            | (Ty::Map(old), Ty::Map(new))
            | (Ty::Entries(old), Ty::Entries(new)) => self.reads_within(old, new, depth - 1),
            (Ty::Option(old), new) => self.reads_within(old, new, depth - 1),
            (Ty::Named(old), _) => match self.old.types.get(old) {
                Some(old) => self.reads_shape(&old.shape, new, depth - 1),
                None => RuntimeImpact::Malformed,
            },
            (old, Ty::Named(new)) => match (old, self.new.types.get(new).map(|ty| &ty.shape)) {
                (Ty::String, Some(Shape::Strings(_))) => RuntimeImpact::Decodes,
                (Ty::Map(values), Some(Shape::Record(_))) if **values == Ty::Json => RuntimeImpact::Decodes,
                _ => RuntimeImpact::Malformed,
            },
            _ => RuntimeImpact::Malformed,
        }
    }

    fn reads_shape(&self, old: &'s Shape, new: &'s Ty, depth: usize) -> RuntimeImpact {
        match (old, new, self.new.shape(new)) {
            // The fallback `Unrecognized` is for values, and `null` is none.
            (_, Ty::Option(_), _) => RuntimeImpact::Malformed,
            (Shape::Strings(_), Ty::String, _) => RuntimeImpact::Unknown,
            (old, _, Some(new)) => self.reads_as(old, new, depth),
            (Shape::Union(old), _, None) if old.tag.is_none() => RuntimeImpact::Unknown,
            _ => RuntimeImpact::Malformed,
        }
    }

    /// The impact of decoding a value of the newer shape with the older decoder.
    pub fn reads_as(&self, old: &'s Shape, new: &'s Shape, depth: usize) -> RuntimeImpact {
        match (old, new) {
            (Shape::Alias(old), Shape::Alias(new)) => self.reads_within(old, new, depth),
            (Shape::Strings(old), Shape::Strings(new)) => {
                let known = new.iter().all(|new| old.contains(new));
                if known { RuntimeImpact::Decodes } else { RuntimeImpact::Unknown }
            }
            (Shape::Record(old), Shape::Record(new)) => {
                let reads = old.fields.iter().map(|old| match new.field(&old.key) {
                    None => self.reads_without(old, new.constant(&old.key)),
                    Some(new) if plain(old) && !plain(new) => RuntimeImpact::Malformed,
                    Some(new) => self.reads_within(&old.ty, &new.ty, depth.saturating_sub(1)),
                });
                reads.min().unwrap_or(RuntimeImpact::Decodes)
            }
            (Shape::Record(_), Shape::Union(new)) => {
                let reads = new.variants.iter().map(|variant| match self.new.shape(&variant.ty) {
                    Some(new) if depth > 0 => self.reads_as(old, new, depth - 1),
                    _ => RuntimeImpact::Malformed,
                });
                reads.min().unwrap_or(RuntimeImpact::Malformed)
            }
            (Shape::Union(old), Shape::Union(new)) if old.tag == new.tag => {
                let reads = new.variants.iter().map(|new| {
                    match old.variants.iter().find(|old| self.same_test(old, new)) {
                        Some(old) => self.reads_within(&old.ty, &new.ty, depth.saturating_sub(1)),
                        None => RuntimeImpact::Unknown,
                    }
                });
                reads.min().unwrap_or(RuntimeImpact::Decodes)
            }
            (Shape::Union(_), Shape::Union(_) | Shape::Record(_)) => RuntimeImpact::Unknown,
            (Shape::Union(old), _) if old.tag.is_none() => RuntimeImpact::Unknown,
            _ => RuntimeImpact::Malformed,
        }
    }

    /// The impact of decoding an object without a field, or with a constant in its place.
    pub fn reads_without(&self, old: &'s Field, constant: Option<&Constant>) -> RuntimeImpact {
        match constant {
            Some(constant) => self.reads_constant(&old.ty, constant),
            None if plain(old) => RuntimeImpact::Malformed,
            None => RuntimeImpact::Decodes,
        }
    }

    /// Returns true if the same values are of both variants, but for keys that the older decoder does without.
    pub fn same_test(&self, old: &Variant, new: &Variant) -> bool {
        let mut known = new.discriminator.clone();
        if let (Discriminator::Test(test), Some(record)) = (&mut known, self.old.record(&old.ty)) {
            let required = |key: &str| record.field(key).is_none_or(|field| field.missing_in_older.is_none());
            test.keys.retain(|(key, _)| required(key));
        }
        old.discriminator == new.discriminator || old.discriminator == known
    }

    fn reads_constant(&self, old: &'s Ty, constant: &Constant) -> RuntimeImpact {
        let old = self.old.resolve(old);
        match (old, constant, self.old.shape(old)) {
            (Ty::Option(old), ..) => self.reads_constant(old, constant),
            (Ty::Json | Ty::Unit, ..)
            | (Ty::String, Constant::String(_), _)
            | (Ty::Bool, Constant::Bool(_), _) => RuntimeImpact::Decodes,
            (_, Constant::String(value), Some(Shape::Strings(values))) => {
                if has(values, value) {
                    RuntimeImpact::Decodes
                } else {
                    RuntimeImpact::Unknown
                }
            }
            (_, _, Some(Shape::Union(old))) if old.tag.is_none() => RuntimeImpact::Unknown,
            _ => RuntimeImpact::Malformed,
        }
    }

    /// Returns true if the newer CLI accepts the constant that an older program sends for a key.
    pub fn accepts_constant(&self, constant: &Constant, new: &'s Ty) -> bool {
        let new = self.new.resolve(new);
        match (constant, new, self.new.shape(new)) {
            (_, Ty::Option(new), _) => self.accepts_constant(constant, new),
            (_, Ty::Json, _) | (Constant::String(_), Ty::String, _) | (Constant::Bool(_), Ty::Bool, _) => {
                true
            }
            (Constant::String(value), _, Some(Shape::Strings(values))) => has(values, value),
            _ => false,
        }
    }

    /// The impact of sending values of the older type to the newer CLI.
    pub fn sends(&self, old: &'s Ty, new: &'s Ty) -> RuntimeImpact {
        if self.accepts(old, new, DEPTH) { RuntimeImpact::Decodes } else { RuntimeImpact::Refused }
    }

    fn accepts(&self, old: &'s Ty, new: &'s Ty, depth: usize) -> bool {
        let (old, new) = (self.old.resolve(old), self.new.resolve(new));
        if depth == 0 || self.same(old, new) {
            return true;
        }
        match (old, new) {
            (Ty::Unit, Ty::Named(_)) => {
                let record = self.new.record(new);
                record.is_some_and(|record| record.fields.iter().all(|field| !field.required))
            }
            // A method without params ignores them.
            (_, Ty::Json | Ty::Unit) | (Ty::Integer, Ty::Float) => true,
            (Ty::Option(old), Ty::Option(new)) => self.accepts(old, new, depth - 1),
            (Ty::Option(_), Ty::Named(new)) | (Ty::Json, Ty::Named(new)) => self.accepts_anything(new),
            (Ty::Option(_), _) => false,
            (old, Ty::Option(new)) => self.accepts(old, new, depth - 1),
            (Ty::List(old), Ty::List(new))
            | (Ty::Map(old), Ty::Map(new))
            | (Ty::Entries(old), Ty::Entries(new)) => self.accepts(old, new, depth - 1),
            (Ty::Named(old), Ty::Named(new)) => match (self.old.types.get(old), self.new.types.get(new)) {
                (Some(old), Some(new)) => self.accepts_as(&old.shape, &new.shape, depth - 1),
                _ => false,
            },
            (Ty::Named(_), Ty::String) => matches!(self.old.shape(old), Some(Shape::Strings(_))),
            (old, Ty::Named(_)) => match self.new.shape(new) {
                Some(Shape::Union(new)) => {
                    new.variants.iter().any(|variant| self.accepts(old, &variant.ty, depth - 1))
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn accepts_anything(&self, new: &str) -> bool {
        matches!(self.new.types.get(new).map(|ty| &ty.shape), Some(Shape::Alias(Ty::Json)))
    }

    /// Returns true if the newer CLI accepts every value of the older shape.
    pub fn accepts_as(&self, old: &'s Shape, new: &'s Shape, depth: usize) -> bool {
        match (old, new) {
            (Shape::Strings(old), Shape::Strings(new)) => old.iter().all(|value| new.contains(value)),
            (Shape::Record(old), Shape::Record(new)) => {
                let same = new.constants.iter().all(|(key, value)| old.constant(key) == Some(value));
                let accepted = |new: &'s Field| match old.field(&new.key) {
                    None => match old.constant(&new.key) {
                        Some(constant) => self.accepts_constant(constant, &new.ty),
                        None => !new.required,
                    },
                    Some(old) if new.required && !old.required => false,
                    Some(old) if old.nullable && !new.nullable => false,
                    Some(old) => self.accepts(&old.ty, &new.ty, depth.saturating_sub(1)),
                };
                same && new.fields.iter().all(accepted)
            }
            (Shape::Union(old), Shape::Union(new)) => old.variants.iter().all(|old| {
                let same = new.variant(&old.name).into_iter();
                same.chain(&new.variants).any(|new| self.accepts(&old.ty, &new.ty, depth.saturating_sub(1)))
            }),
            (_, Shape::Union(new)) => new.variants.iter().any(|variant| {
                let new = self.new.shape(&variant.ty);
                new.is_some_and(|new| depth > 0 && self.accepts_as(old, new, depth - 1))
            }),
            _ => false,
        }
    }
}

/// Returns true if a string is one of an enum's.
pub fn has(values: &[StringVariant], value: &str) -> bool {
    values.iter().any(|known| known.value == value)
}

/// Returns true if a field is not an option.
pub fn plain(field: &Field) -> bool {
    field.options(false) == 0
}

/// The Rust type of a field with a number of options around its value.
pub fn rust_field(field: &Field, options: usize) -> String {
    (0..options).fold(rust(&field.ty), |text, _| format!("Option<{text}>"))
}

/// A type in Rust syntax.
pub fn rust(ty: &Ty) -> String {
    match ty {
        Ty::Unit => "()".to_owned(),
        Ty::String => "String".to_owned(),
        Ty::Bool => "bool".to_owned(),
        Ty::Integer => "i64".to_owned(),
        Ty::Float => "f64".to_owned(),
        Ty::Json => "Value".to_owned(),
        Ty::Named(name) => name.clone(),
        Ty::Option(inner) => format!("Option<{}>", rust(inner)),
        Ty::List(inner) => format!("Vec<{}>", rust(inner)),
        Ty::Map(inner) => format!("BTreeMap<String, {}>", rust(inner)),
        Ty::Entries(inner) => format!("Vec<(String, {})>", rust(inner)),
        Ty::Boxed(inner) => format!("Box<{}>", rust(inner)),
    }
}
