//! Two surveys side by side: the types that correspond to each other, and the effect of the older decoder on newer
//! JSON.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session_codegen::survey::{Constant, Field, Shape, Survey, Ty, Type};

use super::change::RuntimeImpact;
use super::lost::Lost;
use super::{left_out, lost, rename};

/// The depth to which types without counterparts are compared, which ends cycles.
const DEPTH: usize = 12;

/// The older and the newer survey.
pub struct Pair<'s> {
    pub old: &'s Survey,
    pub new: &'s Survey,
    /// Types with another name in the newer survey.
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
    /// Pairs two surveys, whose renamed types are not known yet.
    pub fn new(old: &'s Survey, new: &'s Survey) -> Self {
        let mut pair = Self {
            old,
            new,
            renamed: BTreeMap::new(),
            words: BTreeMap::new(),
            left_out: BTreeSet::new(),
            lost: lost::find(old, new),
            reworded: Default::default(),
        };
        pair.left_out = left_out::find(&pair);
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

    /// The name in the newer survey of a type of the older one, if it still exists.
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
        match (resolve(self.old, old), resolve(self.new, new)) {
            (Ty::Named(old), Ty::Named(new)) => {
                self.counterpart(old).is_some_and(|name| name == new) || (old == new && !self.knows(old))
            }
            (Ty::Option(old), Ty::Option(new))
            | (Ty::List(old), Ty::List(new))
            | (Ty::Map(old), Ty::Map(new)) => self.same(old, new),
            (old, new) => old == new,
        }
    }

    /// Returns true if a type is in either survey. Hand-written types are in neither.
    fn knows(&self, name: &str) -> bool {
        self.old.types.contains_key(name) || self.new.types.contains_key(name)
    }

    /// The impact of decoding a value of the newer type with the older decoder.
    pub fn reads(&self, old: &'s Ty, new: &'s Ty) -> RuntimeImpact {
        self.reads_within(old, new, DEPTH)
    }

    fn reads_within(&self, old: &'s Ty, new: &'s Ty, depth: usize) -> RuntimeImpact {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
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
            | (Ty::Map(old), Ty::Map(new)) => self.reads_within(old, new, depth - 1),
            (Ty::Option(old), new) => self.reads_within(old, new, depth - 1),
            (Ty::Named(old), _) => match self.old.types.get(old) {
                Some(old) => self.reads_shape(&old.shape, new, depth - 1),
                None => RuntimeImpact::Malformed,
            },
            (old, Ty::Named(new)) => match (old, self.new.types.get(new).map(|ty| &ty.shape)) {
                (Ty::String, Some(Shape::Strings(_))) => RuntimeImpact::Decodes,
                (Ty::Map(values), Some(Shape::Record { .. })) if **values == Ty::Json => {
                    RuntimeImpact::Decodes
                }
                _ => RuntimeImpact::Malformed,
            },
            _ => RuntimeImpact::Malformed,
        }
    }

    fn reads_shape(&self, old: &'s Shape, new: &'s Ty, depth: usize) -> RuntimeImpact {
        match (old, new, named(self.new, new)) {
            // The fallback `Unrecognized` is for values, and `null` is none.
            (_, Ty::Option(_), _) => RuntimeImpact::Malformed,
            (Shape::Strings(_), Ty::String, _) => RuntimeImpact::Unknown,
            (old, _, Some(new)) => self.reads_as(old, new, depth),
            (Shape::Union { tag: None, .. }, _, None) => RuntimeImpact::Unknown,
            _ => RuntimeImpact::Malformed,
        }
    }

    /// The impact of decoding a value of the newer shape with the older decoder.
    pub fn reads_as(&self, old: &'s Shape, new: &'s Shape, depth: usize) -> RuntimeImpact {
        match (old, new) {
            (Shape::Alias(old), Shape::Alias(new)) => self.reads_within(old, new, depth),
            (Shape::Strings(old), Shape::Strings(new)) => {
                let known = new.keys().all(|value| old.contains_key(value));
                if known { RuntimeImpact::Decodes } else { RuntimeImpact::Unknown }
            }
            (Shape::Record { fields: old, .. }, Shape::Record { constants, fields: new, .. }) => {
                let reads = old.iter().map(|old| match new.iter().find(|new| new.key == old.key) {
                    None => self.reads_without(old, constants.get(&old.key)),
                    Some(new) if plain(old) && !plain(new) => RuntimeImpact::Malformed,
                    Some(new) => self.reads_within(&old.ty, &new.ty, depth.saturating_sub(1)),
                });
                reads.min().unwrap_or(RuntimeImpact::Decodes)
            }
            (Shape::Record { .. }, Shape::Union { variants, .. }) => {
                let reads = variants.values().map(|variant| match named(self.new, &variant.ty) {
                    Some(new) if depth > 0 => self.reads_as(old, new, depth - 1),
                    _ => RuntimeImpact::Malformed,
                });
                reads.min().unwrap_or(RuntimeImpact::Malformed)
            }
            (Shape::Union { tag: old_tag, variants: old }, Shape::Union { tag, variants })
                if old_tag == tag =>
            {
                let reads = variants.values().map(|new| {
                    match old.values().find(|old| old.discriminator == new.discriminator) {
                        Some(old) => self.reads_within(&old.ty, &new.ty, depth.saturating_sub(1)),
                        None => RuntimeImpact::Unknown,
                    }
                });
                reads.min().unwrap_or(RuntimeImpact::Decodes)
            }
            (Shape::Union { .. }, Shape::Union { .. } | Shape::Record { .. }) => RuntimeImpact::Unknown,
            (Shape::Union { tag: None, .. }, _) => RuntimeImpact::Unknown,
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

    fn reads_constant(&self, old: &'s Ty, constant: &Constant) -> RuntimeImpact {
        let old = resolve(self.old, old);
        match (old, constant, named(self.old, old)) {
            (Ty::Option(old), ..) => self.reads_constant(old, constant),
            (Ty::Json | Ty::Unit, ..)
            | (Ty::String, Constant::String(_), _)
            | (Ty::Bool, Constant::Bool(_), _) => RuntimeImpact::Decodes,
            (_, Constant::String(value), Some(Shape::Strings(values))) => {
                if values.contains_key(value) {
                    RuntimeImpact::Decodes
                } else {
                    RuntimeImpact::Unknown
                }
            }
            (_, _, Some(Shape::Union { tag: None, .. })) => RuntimeImpact::Unknown,
            _ => RuntimeImpact::Malformed,
        }
    }

    /// Returns true if the newer CLI accepts the constant that an older program sends for a key.
    pub fn accepts_constant(&self, constant: &Constant, new: &'s Ty) -> bool {
        let new = resolve(self.new, new);
        match (constant, new, named(self.new, new)) {
            (_, Ty::Option(new), _) => self.accepts_constant(constant, new),
            (_, Ty::Json, _) | (Constant::String(_), Ty::String, _) | (Constant::Bool(_), Ty::Bool, _) => {
                true
            }
            (Constant::String(value), _, Some(Shape::Strings(values))) => values.contains_key(value),
            _ => false,
        }
    }

    /// The impact of sending values of the older type to the newer CLI.
    pub fn sends(&self, old: &'s Ty, new: &'s Ty) -> RuntimeImpact {
        if self.accepts(old, new, DEPTH) { RuntimeImpact::Decodes } else { RuntimeImpact::Refused }
    }

    fn accepts(&self, old: &'s Ty, new: &'s Ty, depth: usize) -> bool {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        if depth == 0 || self.same(old, new) {
            return true;
        }
        match (old, new) {
            (Ty::Unit, Ty::Named(new)) => {
                let shape = self.new.types.get(new).map(|ty| &ty.shape);
                matches!(shape, Some(Shape::Record { fields, .. }) if fields.iter().all(|field| !field.required))
            }
            // A method without params ignores them.
            (_, Ty::Json | Ty::Unit) | (Ty::Integer, Ty::Float) => true,
            (Ty::Option(old), Ty::Option(new)) => self.accepts(old, new, depth - 1),
            (Ty::Option(_), Ty::Named(new)) | (Ty::Json, Ty::Named(new)) => self.accepts_anything(new),
            (Ty::Option(_), _) => false,
            (old, Ty::Option(new)) => self.accepts(old, new, depth - 1),
            (Ty::List(old), Ty::List(new)) | (Ty::Map(old), Ty::Map(new)) => {
                self.accepts(old, new, depth - 1)
            }
            (Ty::Named(old), Ty::Named(new)) => match (self.old.types.get(old), self.new.types.get(new)) {
                (Some(old), Some(new)) => self.accepts_as(&old.shape, &new.shape, depth - 1),
                _ => false,
            },
            (Ty::Named(old), Ty::String) => {
                matches!(self.old.types.get(old).map(|ty| &ty.shape), Some(Shape::Strings(_)))
            }
            (old, Ty::Named(new)) => match self.new.types.get(new).map(|ty| &ty.shape) {
                Some(Shape::Union { variants, .. }) => {
                    variants.values().any(|variant| self.accepts(old, &variant.ty, depth - 1))
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
            (Shape::Strings(old), Shape::Strings(new)) => old.keys().all(|value| new.contains_key(value)),
            (
                Shape::Record { constants: written, fields: old, .. },
                Shape::Record { constants, fields: new, .. },
            ) => {
                let same = constants.iter().all(|(key, constant)| written.get(key) == Some(constant));
                let accepted = |new: &'s Field| match old.iter().find(|old| old.key == new.key) {
                    None => match written.get(&new.key) {
                        Some(constant) => self.accepts_constant(constant, &new.ty),
                        None => !new.required,
                    },
                    Some(old) if new.required && !old.required => false,
                    Some(old) if old.nullable && !new.nullable => false,
                    Some(old) => self.accepts(&old.ty, &new.ty, depth.saturating_sub(1)),
                };
                same && new.iter().all(accepted)
            }
            (Shape::Union { variants: old, .. }, Shape::Union { variants: new, .. }) => {
                old.iter().all(|(name, old)| {
                    let same = new.get(name).into_iter();
                    same.chain(new.values())
                        .any(|new| self.accepts(&old.ty, &new.ty, depth.saturating_sub(1)))
                })
            }
            (_, Shape::Union { variants, .. }) => variants.values().any(|variant| {
                let new = named(self.new, &variant.ty);
                new.is_some_and(|new| depth > 0 && self.accepts_as(old, new, depth - 1))
            }),
            _ => false,
        }
    }
}

/// The target of an alias, or the type itself. To the compiler they are the same type.
pub fn resolve<'s>(survey: &'s Survey, mut ty: &'s Ty) -> &'s Ty {
    // An alias of itself does not compile, and no schema has one; the bound ends the loop if one ever does.
    for _ in 0..DEPTH {
        match named(survey, ty) {
            Some(Shape::Alias(target)) if matches!(ty, Ty::Named(_)) => ty = target,
            _ => break,
        }
    }
    ty
}

fn named<'s>(survey: &'s Survey, ty: &'s Ty) -> Option<&'s Shape> {
    match ty {
        Ty::Named(name) => survey.types.get(name).map(|ty| &ty.shape),
        _ => None,
    }
}

/// Returns true if a field is not an option.
pub fn plain(field: &Field) -> bool {
    field.required && !field.nullable && !field.missing_in_older
}

/// The number of options around the value of a field.
pub fn options(ty: &Type, field: &Field) -> usize {
    match (field.required, field.nullable) {
        (true, false) => 0,
        // For the CLI `null` may differ from an absent key.
        (false, true) if ty.sent => 2,
        _ => 1,
    }
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
    }
}
