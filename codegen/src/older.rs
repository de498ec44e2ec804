//! What older CLIs leave out of what they send, so that the types that read it allow for that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Error;
use crate::compare::{is_option, result_place};
use crate::model::{Model, Shape, Ty, UntaggedVariant};

/// Makes the keys and results optional that `older.json` lists, by `place.key` or `method: result` with the last
/// version that leaves them out.
pub fn allow(model: &mut Model, text: &str) -> Result<(), Error> {
    let older: Value =
        serde_json::from_str(text).map_err(|error| Error::Json { file: "older.json", error })?;
    let mut left_out = BTreeMap::new();
    for (key, version) in older["leftOut"].as_object().into_iter().flatten() {
        let version =
            version.as_str().ok_or_else(|| Error::shape("older.json", format!("{key}: no version")))?;
        left_out.insert(key.as_str(), version);
    }
    let done = make_optional(model, &left_out);
    match left_out.keys().find(|key| !done.contains(*key)) {
        Some(key) => Err(Error::shape(
            format!("older.json: {key}"),
            "nothing that is received and required; run `cargo xtask versions`",
        )),
        None => Ok(()),
    }
}

/// Makes keys and results optional, each given with the last version that leaves it out, and returns those that were
/// received and required.
pub fn make_optional<'k>(model: &mut Model, left_out: &BTreeMap<&'k str, &str>) -> BTreeSet<&'k str> {
    let needed = optional_already(model);
    let mut done = BTreeSet::new();
    for ty in model.types.values_mut().filter(|ty| ty.received) {
        let Shape::Record(record) = &mut ty.shape else { continue };
        for field in &mut record.fields {
            let place = format!("{}.{}", ty.place, field.key);
            if let Some((key, version)) = left_out.get_key_value(place.as_str())
                && !needed.contains(&place)
            {
                field.left_out = Some((*version).to_owned());
                field.ty = Ty::Option(Box::new(field.ty.clone()));
                done.insert(*key);
            }
        }
    }
    for method in model.methods.iter_mut().filter(|method| method.group.is_ours()) {
        let place = result_place(method);
        if let Some((key, version)) = left_out.get_key_value(place.as_str())
            && !needed.contains(&place)
        {
            method.left_out = Some((*version).to_owned());
            method.result = Ty::Option(Box::new(method.result.clone()));
            done.insert(*key);
        }
    }
    forget_tests(model);
    done
}

/// The keys and results that may be missing as it is.
fn optional_already(model: &Model) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for ty in model.types.values() {
        let Shape::Record(record) = &ty.shape else { continue };
        let optional = record.fields.iter().filter(|field| is_option(model, &field.ty));
        found.extend(optional.map(|field| format!("{}.{}", ty.place, field.key)));
    }
    let optional =
        model.methods.iter().filter(|method| method.result == Ty::Unit || is_option(model, &method.result));
    found.extend(optional.map(result_place));
    found
}

/// A variant of a union is not to be told by a key that an older CLI leaves out, when it can be told without.
fn forget_tests(model: &mut Model) {
    let mut left_out: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, ty) in &model.types {
        let Shape::Record(record) = &ty.shape else { continue };
        let fields = record.fields.iter().filter(|field| field.left_out.is_some());
        left_out.extend(fields.map(|field| (name.clone(), field.key.clone())));
    }
    for ty in model.types.values_mut() {
        let Shape::Untagged(variants) = &mut ty.shape else { continue };
        let mut tests: Vec<_> = variants.iter().map(|variant| variant.test.clone()).collect();
        for (test, UntaggedVariant { ty, .. }) in tests.iter_mut().zip(&*variants) {
            let Some(name) = ty.named() else { continue };
            test.keys.retain(|(key, _)| !left_out.contains(&(name.to_owned(), key.clone())));
        }
        let distinct = tests.iter().enumerate().all(|(index, test)| !tests[..index].contains(test));
        if distinct {
            for (variant, test) in variants.iter_mut().zip(tests) {
                variant.test = test;
            }
        }
    }
}
