//! Emits the tables of secret keys, whose values are hidden in `Debug` and logs.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Field, Model, Shape, Ty};
use crate::secrets::{ENDS, HEADERS, MAPS, SHORT, TAILS, normalized};

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let keys = keys(model);
    let here = |field: &&Field| field.secret && !keys.contains(&normalized(&field.key));
    let pairs: BTreeSet<(String, String)> = fields(model)
        .flat_map(|field| {
            let inner = secret_fields(model, &field.ty, &mut BTreeSet::new());
            inner.into_iter().filter(here).map(|inner| (normalized(&field.key), normalized(&inner.key)))
        })
        .collect();
    let methods: BTreeSet<(&str, String)> = model
        .methods
        .values()
        .flat_map(|method| {
            let types = [&method.params, &method.result];
            let inner = types.into_iter().flat_map(|ty| secret_fields(model, ty, &mut BTreeSet::new()));
            inner.filter(here).map(|inner| (method.name.as_str(), normalized(&inner.key)))
        })
        .collect();
    let pairs = pairs.iter().map(|(outer, key)| quote!((#outer, #key)));
    let methods = methods.iter().map(|(method, key)| quote!((#method, #key)));
    let (numbers, names) = (numbers(model), names(model));
    let (keys, numbers, names) = (keys.iter(), numbers.iter(), names.iter());
    let (ends, short, tails) = (ENDS.iter(), SHORT.iter(), TAILS.iter());
    let (maps, headers) = (MAPS.iter(), HEADERS.iter());
    files.insert(
        "secrets.rs".to_owned(),
        quote! {
            #![doc = " The keys that hold secrets, each reduced to its letters and digits in lower case."]
            #[doc = " Suffixes of keys whose values are secrets; a key with an `s` after the suffix holds several."]
            pub const ENDS: &[&str] = &[#(#ends),*];
            #[doc = " Keys that are secret only as a whole, since many words end like them."]
            pub const SHORT: &[&str] = &[#(#short),*];
            #[doc = " Endings of keys that do not change the meaning."]
            pub const TAILS: &[&str] = &[#(#tails),*];
            #[doc = " Suffixes of keys whose values are maps from names to values that may be secrets."]
            pub const MAPS: &[&str] = &[#(#maps),*];
            #[doc = " Names of headers that are shown."]
            pub const HEADERS: &[&str] = &[#(#headers),*];
            #[doc = " Keys with such a suffix that hold lists of names."]
            pub const NAMES: &[&str] = &[#(#names),*];
            #[doc = " Keys with the suffix of a secret that hold numbers."]
            pub const NUMBERS: &[&str] = &[#(#numbers),*];
            #[doc = " Keys that are secret in any type."]
            pub const KEYS: &[&str] = &[#(#keys),*];
            #[doc = " Keys that are secret in the object under another key, or in a list of such objects."]
            pub const PAIRS: &[(&str, &str)] = &[#(#pairs),*];
            #[doc = " Keys that are secret in the params or the result of a method."]
            pub const METHODS: &[(&str, &str)] = &[#(#methods),*];
        },
    );
}

fn fields(model: &Model) -> impl Iterator<Item = &Field> {
    model.fields().map(|(_, field)| field)
}

/// The keys that are secret in every type with such a key.
fn keys(model: &Model) -> BTreeSet<String> {
    let keys = |secret: bool| fields(model).filter(move |field| field.secret == secret);
    let plain: BTreeSet<String> = keys(false).map(|field| normalized(&field.key)).collect();
    keys(true).map(|field| normalized(&field.key)).filter(|key| !plain.contains(key)).collect()
}

/// The keys that end like a secret's but hold a number in every type with such a key.
fn numbers(model: &Model) -> BTreeSet<String> {
    let of_secrets = || {
        let end = |field: &&Field| ENDS.iter().any(|end| normalized(&field.key).ends_with(end));
        fields(model).filter(end)
    };
    let is_number = |field: &&Field| matches!(field.ty, Ty::Integer | Ty::Float);
    let others: BTreeSet<String> =
        of_secrets().filter(|field| !is_number(field)).map(|field| normalized(&field.key)).collect();
    let numbers = of_secrets().filter(is_number).map(|field| normalized(&field.key));
    numbers.filter(|key| !others.contains(key)).collect()
}

/// The keys that end like a map's but hold a list of names in every type with such a key.
fn names(model: &Model) -> BTreeSet<String> {
    let of_maps =
        || fields(model).filter(|field| MAPS.iter().any(|end| normalized(&field.key).ends_with(end)));
    let is_list = |field: &&Field| matches!(&field.ty, Ty::List(of) if **of == Ty::String);
    let others: BTreeSet<String> =
        of_maps().filter(|field| !is_list(field)).map(|field| normalized(&field.key)).collect();
    of_maps()
        .filter(is_list)
        .map(|field| normalized(&field.key))
        .filter(|key| !others.contains(key))
        .collect()
}

/// The secret fields of a type; for a union, those of all its variants.
fn secret_fields<'m>(model: &'m Model, ty: &'m Ty, seen: &mut BTreeSet<&'m str>) -> Vec<&'m Field> {
    let Some((name, ty)) = ty.named().and_then(|name| Some((name, model.types.get(name)?))) else {
        return Vec::new();
    };
    if !seen.insert(name) {
        return Vec::new();
    }
    match &ty.shape {
        Shape::Record(record) => record.fields.iter().filter(|field| field.secret).collect(),
        Shape::Strings(_) => Vec::new(),
        Shape::Union(union) => {
            union.variants.iter().flat_map(|variant| secret_fields(model, &variant.ty, seen)).collect()
        }
        Shape::Alias(ty) => secret_fields(model, ty, seen),
    }
}
