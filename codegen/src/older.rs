//! Makes the types accept messages of older CLIs, which omit some keys and results.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Error;
use crate::model::{Discriminator, Method, Model, Shape, Ty, Union};

/// Makes the keys and results optional that `older.json` lists, as `place.key` or `method: result` with the last
/// version that omits them.
pub fn allow(model: &mut Model, text: &str) -> Result<(), Error> {
    let older: Value =
        serde_json::from_str(text).map_err(|error| Error::Json { file: "older.json", error })?;
    let mut missing_in_older = BTreeMap::new();
    for (key, version) in older["leftOut"].as_object().into_iter().flatten() {
        let version =
            version.as_str().ok_or_else(|| Error::shape("older.json", format!("{key}: no version")))?;
        missing_in_older.insert(key.as_str(), version);
    }
    let done = make_optional(model, &missing_in_older);
    match missing_in_older.keys().find(|key| !done.contains(*key)) {
        Some(key) => Err(Error::shape(
            format!("older.json: {key}"),
            "not a key or result that is received and required; run `cargo xtask versions`",
        )),
        None => Ok(()),
    }
}

/// Makes keys and results optional, each with the last version that omits it, and returns those that were received and
/// required.
pub fn make_optional<'k>(model: &mut Model, missing_in_older: &BTreeMap<&'k str, &str>) -> BTreeSet<&'k str> {
    let needed = optional_already(model);
    let mut done = BTreeSet::new();
    for ty in model.types.values_mut().filter(|ty| ty.received) {
        let Shape::Record(record) = &mut ty.shape else { continue };
        for field in &mut record.fields {
            let place = format!("{}.{}", ty.place, field.key);
            if let Some((key, version)) = missing_in_older.get_key_value(place.as_str())
                && !needed.contains(&place)
            {
                field.missing_in_older = Some((*version).to_owned());
                done.insert(*key);
            }
        }
    }
    for method in model.methods.values_mut().filter(|method| method.group.is_ours()) {
        let place = method.result_place();
        if let Some((key, version)) = missing_in_older.get_key_value(place.as_str())
            && !needed.contains(&place)
        {
            method.missing_in_older = Some((*version).to_owned());
            method.result = Ty::Option(Box::new(method.result.clone()));
            done.insert(*key);
        }
    }
    drop_unreliable_tests(model);
    done
}

/// The keys and results that are already optional.
fn optional_already(model: &Model) -> BTreeSet<String> {
    let fields = model.fields().filter(|(_, field)| model.is_optional(field));
    let fields = fields.map(|(ty, field)| ty.key_place(&field.key));
    let methods = model.methods.values();
    let methods = methods.filter(|method| method.result == Ty::Unit || model.is_option(&method.result));
    fields.chain(methods.map(Method::result_place)).collect()
}

/// Removes keys that an older CLI omits from the tests of unions, where the tests still distinguish the variants
/// without them.
fn drop_unreliable_tests(model: &mut Model) {
    let mut missing_in_older: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, ty) in &model.types {
        let Shape::Record(record) = &ty.shape else { continue };
        let fields = record.fields.iter().filter(|field| field.missing_in_older.is_some());
        missing_in_older.extend(fields.map(|field| (name.clone(), field.key.clone())));
    }
    for ty in model.types.values_mut() {
        let Shape::Union(Union { tag: None, variants }) = &mut ty.shape else { continue };
        let reliable = variants.iter().map(|variant| {
            let mut discriminator = variant.discriminator.clone();
            if let (Discriminator::Test(test), Some(name)) = (&mut discriminator, variant.ty.named()) {
                test.keys.retain(|(key, _)| !missing_in_older.contains(&(name.to_owned(), key.clone())));
            }
            discriminator
        });
        let reliable: Vec<Discriminator> = reliable.collect();
        let distinct = reliable.iter().enumerate().all(|(index, test)| !reliable[..index].contains(test));
        if distinct {
            for (variant, discriminator) in variants.iter_mut().zip(reliable) {
                variant.discriminator = discriminator;
            }
        }
    }
}
