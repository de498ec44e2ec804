//! Keys and results that the newer set always sends and the older one may omit or send as `null`.
//!
//! The walk starts at the methods and events of both sets and follows what the CLI sends in them. It does not pair
//! types by name, since types of one name may be used in different places.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use copilot_session_codegen::survey::{Field, Method, Shape, Ty, Type, Variant};

use super::pair::{Pair, plain, resolve};
use crate::older::Older;

/// The keys and results, named as in `schema/older.json`, by their place in the newer set.
pub fn find(pair: &Pair<'_>) -> BTreeSet<String> {
    let mut walk = Walk { pair, visited: BTreeSet::new(), found: BTreeSet::new() };
    for (name, new) in &pair.new.methods {
        match pair.old.methods.get(name).filter(|old| old.group == new.group) {
            Some(old) if new.group.is_ours() => walk.result(name, old, new),
            Some(old) => walk.pair(&old.params, &new.params),
            None => {}
        }
    }
    for (name, new) in &pair.new.events {
        if let Some(old) = pair.old.events.get(name) {
            walk.pair(&old.data, &new.data);
        }
    }
    walk.found
}

/// The name of a field in `schema/older.json`.
pub fn key(ty: &Type, field: &str) -> String {
    format!("{}.{field}", ty.place)
}

/// The name of a method's result in `schema/older.json`.
pub fn result_key(method: &str) -> String {
    format!("{method}: result")
}

/// Checks that `older.json` lists what an older version omits, if it is one of those in the file.
pub fn check(older: &Older, version: &str, found: &BTreeSet<String>) -> Result<()> {
    let place = |version: &str| older.versions.iter().position(|other| other == version);
    let Some(from) = place(version) else { return Ok(()) };
    // A key is listed with the last version that omits it; an older version need not have its type.
    let listed = |key: &&String| {
        older.left_out.get(*key).and_then(|last| place(last)).is_some_and(|last| last >= from)
    };
    let lacking = found.iter().filter(|key| !listed(key));
    let last = older.left_out.iter().filter(|(_, last)| *last == version).map(|(key, _)| key);
    let wrong: Vec<&str> =
        lacking.chain(last.filter(|key| !found.contains(*key))).map(String::as_str).collect();
    ensure!(
        wrong.is_empty(),
        "schema/older.json disagrees on what {version} omits: {}; run `cargo xtask versions`",
        wrong.join(", ")
    );
    Ok(())
}

struct Walk<'p, 's> {
    pair: &'p Pair<'s>,
    /// Pairs of types that were compared.
    visited: BTreeSet<(&'s str, &'s str)>,
    found: BTreeSet<String>,
}

impl<'s> Walk<'_, 's> {
    fn result(&mut self, name: &str, old: &'s Method, new: &'s Method) {
        let nothing = |ty: &Ty| matches!(ty, Ty::Unit | Ty::Option(_));
        let (before, after) = (resolve(self.pair.old, &old.result), resolve(self.pair.new, &new.result));
        if nothing(before) && !nothing(after) && *after != Ty::Json {
            self.found.insert(result_key(name));
        }
        self.pair(before, after);
    }

    fn pair(&mut self, old: &'s Ty, new: &'s Ty) {
        match (self.bare(old, true), self.bare(new, false)) {
            (Ty::List(old), Ty::List(new)) | (Ty::Map(old), Ty::Map(new)) => self.pair(old, new),
            (Ty::Named(old), Ty::Named(new)) => self.types(old, new),
            _ => {}
        }
    }

    /// The type without options and aliases around it.
    fn bare(&self, ty: &'s Ty, old: bool) -> &'s Ty {
        let survey = if old { self.pair.old } else { self.pair.new };
        match resolve(survey, ty) {
            Ty::Option(inner) => self.bare(inner, old),
            ty => ty,
        }
    }

    fn types(&mut self, old_name: &'s str, new_name: &'s str) {
        let (Some(old), Some(new)) = (self.pair.old.types.get(old_name), self.pair.new.types.get(new_name))
        else {
            return;
        };
        if !self.visited.insert((old_name, new_name)) {
            return;
        }
        match (&old.shape, &new.shape) {
            (
                Shape::Record { constants, fields: before, rest: old_rest },
                Shape::Record { fields, rest: new_rest, .. },
            ) => {
                for field in fields {
                    self.field(new, field, before, constants.contains_key(&field.key));
                }
                if let (Some(old), Some(new)) = (old_rest, new_rest) {
                    self.pair(old, new);
                }
            }
            (Shape::Union { tag: old_tag, variants: old }, Shape::Union { tag, variants: new })
                if old_tag == tag =>
            {
                let meets = |name: &str, old: &Variant, other: &str, new: &Variant| match tag {
                    Some(_) => same_tags(old, new),
                    None => name == other,
                };
                for (other, new) in new {
                    for (_, old) in old.iter().filter(|(name, old)| meets(name, old, other, new)) {
                        self.pair(&old.ty, &new.ty);
                    }
                }
            }
            // An object that becomes a union, or the reverse, may be any object of the union.
            (Shape::Record { .. }, Shape::Union { variants, .. }) => {
                variants.values().filter_map(|new| new.ty.named()).for_each(|new| self.types(old_name, new));
            }
            (Shape::Union { variants, .. }, Shape::Record { .. }) => {
                variants.values().filter_map(|old| old.ty.named()).for_each(|old| self.types(old, new_name));
            }
            _ => {}
        }
    }

    /// Compares a field of a newer type with the fields of the older one.
    fn field(&mut self, ty: &Type, new: &'s Field, before: &'s [Field], constant: bool) {
        let old = before.iter().find(|old| old.key == new.key);
        let is_option = |ty: &Ty| matches!(ty, Ty::Option(_));
        let after = resolve(self.pair.new, &new.ty);
        let there = old.is_some_and(|old| {
            // Any JSON may be `null`.
            let any = *after == Ty::Json && old.required;
            any || (plain(old) && !is_option(resolve(self.pair.old, &old.ty)))
        });
        if plain(new) && !is_option(after) && !there && !constant {
            self.found.insert(key(ty, &new.key));
        }
        if let Some(old) = old {
            self.pair(&old.ty, &new.ty);
        }
    }
}

/// Returns true if two variants have a value of their union's tag in common.
pub fn same_tags(old: &Variant, new: &Variant) -> bool {
    old.discriminator.split(", ").any(|value| new.discriminator.split(", ").any(|other| other == value))
}
