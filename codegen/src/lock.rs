//! The Rust path of every generated item, by its place in the schema.
//!
//! The first word of a key is the kind of the item. The rest depends on the item's own schema and not on its
//! neighbours, so that a key means the same in every version.

use std::collections::BTreeMap;

use crate::Error;
use crate::emit::rpc::Namespaces;
use crate::emit::{methods, providers};
use crate::model::{Constant, Discriminator, JsonKind, Model, Origin, Record, Shape, Ty, Type, Union};
use crate::names::fields_name;
use crate::read::Group;

/// Rust paths by key.
pub type Names = BTreeMap<String, String>;

pub fn names(model: &Model) -> Result<Names, Error> {
    let mut lock = Lock(Names::new());
    for (name, ty) in &model.types {
        lock.ty(model, name, ty)?;
    }
    for event in model.events.values() {
        lock.add(format!("event {}", event.name), format!("SessionEventData::{}", event.variant))?;
    }
    for method in model.methods.values() {
        let module = methods::module(method.group);
        lock.add(format!("method {}", method.name), format!("methods::{module}::{}", method.marker))?;
    }
    for group in [Group::Session, Group::Server] {
        for (key, path) in Namespaces::of(model, group).paths() {
            lock.add(key, path)?;
        }
    }
    for (key, path) in providers::paths(model) {
        lock.add(key, path)?;
    }
    Ok(lock.0)
}

struct Lock(Names);

impl Lock {
    fn add(&mut self, key: String, path: String) -> Result<(), Error> {
        match self.0.insert(key.clone(), path.clone()) {
            None => Ok(()),
            Some(first) => Err(Error::Key { key, first, second: path }),
        }
    }

    fn ty(&mut self, model: &Model, name: &str, ty: &Type) -> Result<(), Error> {
        let (place, path) = (&ty.place, format!("types::{name}"));
        let kind = if ty.origin == Origin::Inline { "inline" } else { "definition" };
        self.add(format!("{kind} {place}"), path.clone())?;
        match &ty.shape {
            Shape::Record(record) => {
                if ty.sent && model.new_by_name(record) {
                    self.add(format!("fields {place}"), format!("types::{}", fields_name(name)))?;
                }
                for field in &record.fields {
                    let rust = field.name.trim_start_matches("r#");
                    self.add(format!("key {place}.{}", field.key), format!("{path}::{rust}"))?;
                }
            }
            Shape::Strings(variants) => {
                for variant in variants {
                    let key = format!("string {place}: {}", variant.value);
                    self.add(key, format!("{path}::{}", variant.name))?;
                }
            }
            Shape::Union(Union { tag, variants }) => {
                for variant in variants {
                    let identity = match &variant.discriminator {
                        Discriminator::Tag(values) => {
                            format!("{}={}", tag.as_deref().unwrap_or_default(), values.join("|"))
                        }
                        Discriminator::Test(test) => identity(model, &variant.ty, test.kind),
                    };
                    self.add(format!("variant {place}: {identity}"), format!("{path}::{}", variant.name))?;
                }
            }
            Shape::Alias(_) => {}
        }
        Ok(())
    }
}

/// The identity of a variant by its own schema: the name of the definition, the keys of an inline object, or the kind
/// of JSON.
fn identity(model: &Model, variant: &Ty, kind: JsonKind) -> String {
    let ty = match variant {
        Ty::Named(name) => model.types.get(name),
        _ => None,
    };
    match (ty, ty.map(|ty| &ty.shape)) {
        (Some(ty), _) if ty.origin != Origin::Inline => ty.place.clone(),
        (_, Some(Shape::Record(record))) => format!("{{{}}}", keys(record).join(",")),
        _ => kind.word().to_owned(),
    }
}

/// The required keys of an object, with their values if these are constant.
fn keys(record: &Record) -> Vec<String> {
    let constants = record.constants.iter().map(|(key, value)| match value {
        Constant::String(value) => format!("{key}={value}"),
        Constant::Bool(value) => format!("{key}={value}"),
    });
    let fields = record.fields.iter().filter(|field| field.required).map(|field| field.key.clone());
    let mut keys: Vec<String> = constants.chain(fields).collect();
    keys.sort();
    keys
}
