//! Asks typify which Rust type a normalized schema is, and which name a field has.
//!
//! Unions, enums, constants and optionality are decided elsewhere, because typify makes closed enums and does not
//! distinguish an absent list from an empty one. So typify knows a named type only by its name.

use std::collections::BTreeMap;

use schemars::schema::Schema;
use serde_json::{Value, json};
use typify::{TypeDetails, TypeId, TypeSpace, TypeSpaceSettings};

use crate::Error;
use crate::model::Ty;
use crate::schema::reference;

pub struct Space {
    typify: TypeSpace,
    /// Our name of each named type.
    named: BTreeMap<TypeId, String>,
    /// The Rust names of fields by key.
    fields: BTreeMap<String, String>,
}

impl Space {
    pub fn new() -> Self {
        let typify = TypeSpace::new(&TypeSpaceSettings::default());
        Self { typify, named: BTreeMap::new(), fields: BTreeMap::new() }
    }

    /// Adds a named type, to which schemas may refer from now on.
    pub fn add(&mut self, name: &str) -> Result<(), Error> {
        let schema = parse(&json!({ "type": "string" }))?;
        self.typify.add_ref_types([(name, schema)]).map_err(failed)?;
        let id = self.typify.add_type(&parse(&reference(name))?).map_err(failed)?;
        self.named.insert(id, name.to_owned());
        Ok(())
    }

    /// The Rust type of a normalized schema; `null` stands for nothing.
    pub fn ty(&mut self, schema: &Value) -> Result<Ty, Error> {
        if schema.is_null() {
            return Ok(Ty::Unit);
        }
        let id = self.typify.add_type(&parse(schema)?).map_err(failed)?;
        self.read(&id)
    }

    fn read(&self, id: &TypeId) -> Result<Ty, Error> {
        if let Some(name) = self.named.get(id) {
            return Ok(Ty::Named(name.clone()));
        }
        let ty = self.typify.get_type(id).map_err(failed)?;
        let inner = |id: TypeId| Ok::<_, Error>(Box::new(self.read(&id)?));
        Ok(match ty.details() {
            TypeDetails::String => Ty::String,
            TypeDetails::Option(of) => Ty::Option(inner(of)?),
            TypeDetails::Vec(of) => Ty::List(inner(of)?),
            TypeDetails::Map(_, of) => Ty::Map(inner(of)?),
            TypeDetails::Builtin("bool") => Ty::Bool,
            TypeDetails::Builtin("i64") => Ty::Integer,
            TypeDetails::Builtin("f64") => Ty::Float,
            TypeDetails::Builtin("::serde_json::Value") => Ty::Json,
            _ => return Err(Error::Typify(format!("a type of unknown form: {}", ty.describe()))),
        })
    }

    /// The Rust name of a field.
    pub fn field(&mut self, key: &str) -> Result<String, Error> {
        if let Some(name) = self.fields.get(key) {
            return Ok(name.clone());
        }
        let object =
            json!({ "type": "object", "required": [key], "properties": { key: { "type": "string" } } });
        let hint = format!("Object{}", self.fields.len());
        let id = self.typify.add_type_with_name(&parse(&object)?, Some(hint)).map_err(failed)?;
        let ty = self.typify.get_type(&id).map_err(failed)?;
        let name = match ty.details() {
            TypeDetails::Struct(object) => object.properties().next().map(|(name, _)| name.to_owned()),
            _ => None,
        };
        let name = name.ok_or_else(|| Error::Typify(format!("no field for the key {key:?}")))?;
        self.fields.insert(key.to_owned(), name.clone());
        Ok(name)
    }
}

fn parse(schema: &Value) -> Result<Schema, Error> {
    serde_json::from_value(schema.clone()).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Typify(error.to_string())
}
