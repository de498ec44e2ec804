//! Two surveys side by side: which type of the newer one stands for which of the older one, and what the
//! older decoder makes of the newer JSON.

use std::collections::{BTreeMap, BTreeSet};

use copilot_session_codegen::survey::{Constant, Field, Shape, Survey, Ty, Type};

use super::change::Running;
use super::lost::Lost;
use super::{left_out, lost, rename};

/// How deep types that have no counterpart are compared; a cycle in them ends there.
const DEPTH: usize = 12;

/// The older and the newer survey.
pub struct Pair<'s> {
    pub old: &'s Survey,
    pub new: &'s Survey,
    /// Types that are called otherwise in the newer survey.
    pub renamed: BTreeMap<&'s str, &'s str>,
    /// Words that gave way to others in many names.
    words: BTreeMap<String, String>,
    /// What the newer set always sends and the older one may leave out, by the newer place.
    pub left_out: BTreeSet<String>,
    /// Types of the older set that no longer cross the wire.
    pub lost: Lost<'s>,
    /// Names that went and names that came, in their newer words.
    reworded: (BTreeMap<String, String>, BTreeMap<String, String>),
}

impl<'s> Pair<'s> {
    /// Two surveys of which nothing is known yet.
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
        let (gone, came) = rename::gone_and_came(old, new);
        pair.words = rename::words(&gone, &came);
        let newer = |names: BTreeSet<String>, pair: &Self, old: bool| {
            names.into_iter().map(|name| (name.clone(), pair.in_new_words(&name, old))).collect()
        };
        pair.reworded = (newer(gone, &pair, true), newer(came, &pair, false));
        pair
    }

    /// The words of a name, those of the older set as the newer has them.
    fn in_new_words(&self, name: &str, old: bool) -> String {
        let words = rename::split(name);
        let now = words.iter().map(|word| if old { self.words.get(word).unwrap_or(word) } else { word });
        now.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Whether two names differ by words that gave way to others.
    pub fn reworded(&self, old: &str, new: &str) -> bool {
        // Each of many names is asked about with each of many.
        match (self.reworded.0.get(old), self.reworded.1.get(new)) {
            (Some(old), Some(new)) => old == new,
            _ => self.in_new_words(old, true) == self.in_new_words(new, false),
        }
    }

    /// How alike two names are, of 1.
    pub fn names_alike(&self, old: &str, new: &str) -> f64 {
        if self.reworded(old, new) { 1.0 } else { rename::similarity(old, new) }
    }

    /// What a type of the older survey is called in the newer one; none when it is gone.
    pub fn counterpart(&self, name: &'s str) -> Option<&'s str> {
        let same = || self.new.types.contains_key(name).then_some(name);
        self.renamed.get(name).copied().or_else(same)
    }

    /// Whether two types are the same in Rust, but for the names of types that were renamed.
    pub fn same(&self, old: &'s Ty, new: &'s Ty) -> bool {
        // What became of a type is told of the type, so what has it is the same.
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

    /// Whether a type is in either survey; the hand-written ones are in none.
    fn knows(&self, name: &str) -> bool {
        self.old.types.contains_key(name) || self.new.types.contains_key(name)
    }

    /// What the older decoder makes of a value of the newer type.
    pub fn reads(&self, old: &'s Ty, new: &'s Ty) -> Running {
        self.reads_within(old, new, DEPTH)
    }

    fn reads_within(&self, old: &'s Ty, new: &'s Ty, depth: usize) -> Running {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        // Counterparts are compared on their own.
        if depth == 0 || self.same(old, new) {
            return Running::Decodes;
        }
        match (old, new) {
            (Ty::Json | Ty::Unit, _) | (Ty::Float, Ty::Integer) | (Ty::Option(_), Ty::Unit) => {
                Running::Decodes
            }
            (Ty::Option(old), Ty::Option(new))
            | (Ty::List(old), Ty::List(new))
            | (Ty::Map(old), Ty::Map(new)) => self.reads_within(old, new, depth - 1),
            (Ty::Option(old), new) => self.reads_within(old, new, depth - 1),
            (Ty::Named(old), _) => match self.old.types.get(old) {
                Some(old) => self.reads_shape(&old.shape, new, depth - 1),
                None => Running::Malformed,
            },
            (old, Ty::Named(new)) => match (old, self.new.types.get(new).map(|ty| &ty.shape)) {
                (Ty::String, Some(Shape::Strings(_))) => Running::Decodes,
                (Ty::Map(values), Some(Shape::Record { .. })) if **values == Ty::Json => Running::Decodes,
                _ => Running::Malformed,
            },
            _ => Running::Malformed,
        }
    }

    fn reads_shape(&self, old: &'s Shape, new: &'s Ty, depth: usize) -> Running {
        match (old, new, named(self.new, new)) {
            // What falls back does so for a value, and `null` is none.
            (_, Ty::Option(_), _) => Running::Malformed,
            (Shape::Strings(_), Ty::String, _) => Running::Unknown,
            (old, _, Some(new)) => self.reads_as(old, new, depth),
            (Shape::Union { tag: None, .. }, _, None) => Running::Unknown,
            _ => Running::Malformed,
        }
    }

    /// What the older decoder makes of a value of the newer shape.
    pub fn reads_as(&self, old: &'s Shape, new: &'s Shape, depth: usize) -> Running {
        match (old, new) {
            (Shape::Alias(old), Shape::Alias(new)) => self.reads_within(old, new, depth),
            (Shape::Strings(old), Shape::Strings(new)) => {
                let known = new.keys().all(|value| old.contains_key(value));
                if known { Running::Decodes } else { Running::Unknown }
            }
            (Shape::Record { fields: old, .. }, Shape::Record { constants, fields: new, .. }) => {
                let reads = old.iter().map(|old| match new.iter().find(|new| new.key == old.key) {
                    None => self.reads_without(old, constants.get(&old.key)),
                    Some(new) if plain(old) && !plain(new) => Running::Malformed,
                    Some(new) => self.reads_within(&old.ty, &new.ty, depth.saturating_sub(1)),
                });
                reads.min().unwrap_or(Running::Decodes)
            }
            (Shape::Record { .. }, Shape::Union { variants, .. }) => {
                let reads = variants.values().map(|variant| match named(self.new, &variant.ty) {
                    Some(new) if depth > 0 => self.reads_as(old, new, depth - 1),
                    _ => Running::Malformed,
                });
                reads.min().unwrap_or(Running::Malformed)
            }
            (Shape::Union { tag: old_tag, variants: old }, Shape::Union { tag, variants })
                if old_tag == tag =>
            {
                let reads =
                    variants.values().map(|new| match old.values().find(|old| old.told_by == new.told_by) {
                        Some(old) => self.reads_within(&old.ty, &new.ty, depth.saturating_sub(1)),
                        None => Running::Unknown,
                    });
                reads.min().unwrap_or(Running::Decodes)
            }
            (Shape::Union { .. }, Shape::Union { .. } | Shape::Record { .. }) => Running::Unknown,
            (Shape::Union { tag: None, .. }, _) => Running::Unknown,
            _ => Running::Malformed,
        }
    }

    /// What the older decoder makes of an object without a field, or with one value for it.
    pub fn reads_without(&self, old: &'s Field, constant: Option<&Constant>) -> Running {
        match constant {
            Some(constant) => self.reads_constant(&old.ty, constant),
            None if plain(old) => Running::Malformed,
            None => Running::Decodes,
        }
    }

    fn reads_constant(&self, old: &'s Ty, constant: &Constant) -> Running {
        let old = resolve(self.old, old);
        match (old, constant, named(self.old, old)) {
            (Ty::Option(old), ..) => self.reads_constant(old, constant),
            (Ty::Json | Ty::Unit, ..)
            | (Ty::String, Constant::String(_), _)
            | (Ty::Bool, Constant::Bool(_), _) => Running::Decodes,
            (_, Constant::String(value), Some(Shape::Strings(values))) => {
                if values.contains_key(value) {
                    Running::Decodes
                } else {
                    Running::Unknown
                }
            }
            (_, _, Some(Shape::Union { tag: None, .. })) => Running::Unknown,
            _ => Running::Malformed,
        }
    }

    /// Whether the newer CLI takes what an older program always sends for a key.
    pub fn takes_constant(&self, constant: &Constant, new: &'s Ty) -> bool {
        let new = resolve(self.new, new);
        match (constant, new, named(self.new, new)) {
            (_, Ty::Option(new), _) => self.takes_constant(constant, new),
            (_, Ty::Json, _) | (Constant::String(_), Ty::String, _) | (Constant::Bool(_), Ty::Bool, _) => {
                true
            }
            (Constant::String(value), _, Some(Shape::Strings(values))) => values.contains_key(value),
            _ => false,
        }
    }

    /// Whether the newer CLI takes every value that an older program may send.
    pub fn takes(&self, old: &'s Ty, new: &'s Ty) -> Running {
        if self.taken(old, new, DEPTH) { Running::Decodes } else { Running::Refused }
    }

    fn taken(&self, old: &'s Ty, new: &'s Ty, depth: usize) -> bool {
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        if depth == 0 || self.same(old, new) {
            return true;
        }
        match (old, new) {
            (Ty::Unit, Ty::Named(new)) => {
                let shape = self.new.types.get(new).map(|ty| &ty.shape);
                matches!(shape, Some(Shape::Record { fields, .. }) if fields.iter().all(|field| !field.required))
            }
            // Any JSON is taken, and who reads no params takes any.
            (_, Ty::Json | Ty::Unit) | (Ty::Integer, Ty::Float) => true,
            (Ty::Option(old), Ty::Option(new)) => self.taken(old, new, depth - 1),
            (Ty::Option(_), Ty::Named(new)) | (Ty::Json, Ty::Named(new)) => self.takes_anything(new),
            (Ty::Option(_), _) => false,
            (old, Ty::Option(new)) => self.taken(old, new, depth - 1),
            (Ty::List(old), Ty::List(new)) | (Ty::Map(old), Ty::Map(new)) => self.taken(old, new, depth - 1),
            (Ty::Named(old), Ty::Named(new)) => match (self.old.types.get(old), self.new.types.get(new)) {
                (Some(old), Some(new)) => self.taken_as(&old.shape, &new.shape, depth - 1),
                _ => false,
            },
            (Ty::Named(old), Ty::String) => {
                matches!(self.old.types.get(old).map(|ty| &ty.shape), Some(Shape::Strings(_)))
            }
            (old, Ty::Named(new)) => match self.new.types.get(new).map(|ty| &ty.shape) {
                Some(Shape::Union { variants, .. }) => {
                    variants.values().any(|variant| self.taken(old, &variant.ty, depth - 1))
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn takes_anything(&self, new: &str) -> bool {
        matches!(self.new.types.get(new).map(|ty| &ty.shape), Some(Shape::Alias(Ty::Json)))
    }

    /// Whether the newer CLI takes every value of the older shape.
    pub fn taken_as(&self, old: &'s Shape, new: &'s Shape, depth: usize) -> bool {
        match (old, new) {
            (Shape::Strings(old), Shape::Strings(new)) => old.keys().all(|value| new.contains_key(value)),
            (
                Shape::Record { constants: written, fields: old, .. },
                Shape::Record { constants, fields: new, .. },
            ) => {
                let same = constants.iter().all(|(key, constant)| written.get(key) == Some(constant));
                let taken = |new: &'s Field| match old.iter().find(|old| old.key == new.key) {
                    None => match written.get(&new.key) {
                        Some(constant) => self.takes_constant(constant, &new.ty),
                        None => !new.required,
                    },
                    Some(old) if new.required && !old.required => false,
                    Some(old) if old.nullable && !new.nullable => false,
                    Some(old) => self.taken(&old.ty, &new.ty, depth.saturating_sub(1)),
                };
                same && new.iter().all(taken)
            }
            (Shape::Union { variants: old, .. }, Shape::Union { variants: new, .. }) => {
                old.iter().all(|(name, old)| {
                    let same = new.get(name).into_iter();
                    same.chain(new.values()).any(|new| self.taken(&old.ty, &new.ty, depth.saturating_sub(1)))
                })
            }
            (_, Shape::Union { variants, .. }) => variants.values().any(|variant| {
                let new = named(self.new, &variant.ty);
                new.is_some_and(|new| depth > 0 && self.taken_as(old, new, depth - 1))
            }),
            _ => false,
        }
    }
}

/// What an alias stands for, if a type is one. Aliases are the same type to the compiler.
pub fn resolve<'s>(survey: &'s Survey, mut ty: &'s Ty) -> &'s Ty {
    // An alias of itself would not compile, and no schema has one; the bound is for those that do.
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

/// Whether a field is a value and not an option of one.
pub fn plain(field: &Field) -> bool {
    field.required && !field.nullable && !field.left_out
}

/// How many options the Rust type of a field has around its value.
pub fn options(ty: &Type, field: &Field) -> usize {
    match (field.required, field.nullable) {
        (true, false) => 0,
        // To the CLI `null` may mean something else than nothing.
        (false, true) if ty.sent => 2,
        _ => 1,
    }
}

/// The Rust type of a field with so many options around its value.
pub fn rust_field(field: &Field, options: usize) -> String {
    (0..options).fold(rust(&field.ty), |text, _| format!("Option<{text}>"))
}

/// A type as it is written in Rust.
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
