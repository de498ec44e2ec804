//! Stage four: typify turns the flat definitions into Rust types, which syn parses.
//!
//! typify decides the Rust name and type of every field. Unions, enums, constants and optionality are decided here,
//! because typify makes closed enums and does not distinguish an absent list from an empty one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::Error;
use crate::flatten::{Flat, FlatField, FlatMethod, FlatShape, FlatType, FlatVariant, doc};
use crate::model::{
    Doc, Event, Field, Method, Model, Record, Shape, StringVariant, TaggedVariant, Ty, Type, UntaggedVariant,
};
use crate::names::{type_name, variant_name};

/// An artificial definition whose properties are all types that are not fields of an object.
const USES: &str = "Uses";

pub fn convert(flat: Flat) -> Result<Model, Error> {
    let mut request = Request::default();
    let types: Vec<(String, Pending)> =
        flat.types.into_iter().map(|(name, ty)| (name.clone(), request.add(&name, ty))).collect();
    let methods: Vec<(FlatMethod, Use, Use)> = flat
        .methods
        .into_iter()
        .map(|method| {
            let params = request.use_of(&method.params);
            let result = request.use_of(&method.result);
            (method, params, result)
        })
        .collect();
    let events: Vec<_> = flat.events.into_iter().map(|event| (request.use_of(&event.data), event)).collect();

    let converted = request.convert()?;
    let mut model = Model::default();
    for (name, pending) in types {
        let ty = converted.finish(&name, pending)?;
        model.types.insert(name, ty);
    }
    mark_nullable_references(&mut model);
    for (method, params, result) in methods {
        let params = converted.ty(params)?;
        model.methods.push(Method {
            marker: type_name(&method.source.name),
            group: method.source.group,
            doc: doc(&method.source.leaf),
            accepts_login: has_key(&model, &params, TOKEN),
            params,
            result: converted.ty(result)?,
            missing_in_older: None,
            supplement: method.source.supplement,
            name: method.source.name,
        });
    }
    for (data, event) in events {
        model.events.push(Event {
            variant: variant_name(&event.source.name),
            data: converted.ty(data)?,
            doc: Doc { text: event_text(&event.source.schema), ..doc(&event.source.schema) },
            name: event.source.name,
        });
    }
    model.methods.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(model)
}

/// The key by which params carry a GitHub token.
const TOKEN: &str = "gitHubToken";

/// Returns true if the type is a record with this key.
fn has_key(model: &Model, ty: &Ty, key: &str) -> bool {
    let record = ty.named().and_then(|name| model.types.get(name));
    record.is_some_and(
        |ty| matches!(&ty.shape, Shape::Record(record) if record.fields.iter().any(|field| field.key == key)),
    )
}

/// Marks required fields whose type is an alias of an option: an unset one is sent as `null`, not omitted.
fn mark_nullable_references(model: &mut Model) {
    let is_option = |ty: &Type| matches!(ty.shape, Shape::Alias(Ty::Option(_)));
    let options: BTreeSet<String> =
        model.types.iter().filter(|(_, ty)| is_option(ty)).map(|(name, _)| name.clone()).collect();
    for ty in model.types.values_mut() {
        if let Shape::Record(record) = &mut ty.shape {
            for field in &mut record.fields {
                field.nullable |= matches!(&field.ty, Ty::Named(name) if options.contains(name));
            }
        }
    }
}

/// The description of an event without the sentence that repeats its type.
fn event_text(schema: &Map<String, Value>) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    match text.split_once("\". ") {
        Some((lead, rest)) if lead.starts_with("Session event \"") => rest.to_owned(),
        _ => text.to_owned(),
    }
}

/// The index of a property of [`USES`]; `None` for the unit type.
type Use = Option<usize>;

/// A type whose fields typify has not converted yet.
struct Pending {
    ty: FlatType,
    uses: Vec<Use>,
}

#[derive(Default)]
struct Request {
    definitions: Map<String, Value>,
    uses: Vec<Value>,
}

impl Request {
    fn use_of(&mut self, schema: &Value) -> Use {
        if schema.is_null() {
            return None;
        }
        self.uses.push(schema.clone());
        Some(self.uses.len() - 1)
    }

    fn add(&mut self, name: &str, ty: FlatType) -> Pending {
        let mut uses = Vec::new();
        let definition = match &ty.shape {
            FlatShape::Record { fields, rest, .. } => {
                uses.extend(rest.iter().map(|rest| self.use_of(rest)));
                let properties: Map<String, Value> =
                    fields.iter().map(|field| (field.key.clone(), field.schema.clone())).collect();
                let required: Vec<&String> = properties.keys().collect();
                json!({ "type": "object", "required": required, "properties": properties })
            }
            FlatShape::Strings(values) => {
                let values: Vec<&String> = values.iter().map(|(value, _)| value).collect();
                json!({ "type": "string", "enum": values })
            }
            FlatShape::Tagged { variants, .. } => {
                uses.extend(variants.iter().map(|variant| self.use_of(&variant.schema)));
                json!({ "type": "string" })
            }
            FlatShape::Untagged(variants) => {
                uses.extend(variants.iter().map(|variant| self.use_of(&variant.schema)));
                json!({ "type": "string" })
            }
            FlatShape::Alias(schema) => {
                uses.push(self.use_of(schema));
                json!({ "type": "string" })
            }
        };
        // typify refuses strings that it can't name, such as `*`; `names` has names for them.
        if !matches!(ty.shape, FlatShape::Strings(_)) {
            self.definitions.insert(name.to_owned(), definition);
        } else {
            self.definitions.insert(name.to_owned(), json!({ "type": "string" }));
        }
        Pending { ty, uses }
    }

    fn convert(mut self) -> Result<Converted, Error> {
        let properties: Map<String, Value> = self
            .uses
            .into_iter()
            .enumerate()
            .map(|(index, schema)| (format!("use_{index}"), schema))
            .collect();
        let required: Vec<&String> = properties.keys().collect();
        let uses = json!({ "type": "object", "required": required, "properties": properties });
        self.definitions.insert(USES.to_owned(), uses);
        self.definitions.insert("SessionEvent".to_owned(), json!({ "type": "string" }));

        let schema: schemars::schema::RootSchema =
            serde_json::from_value(json!({ "definitions": self.definitions })).map_err(failed)?;
        let mut space = typify::TypeSpace::new(&typify::TypeSpaceSettings::default());
        space.add_root_schema(schema).map_err(failed)?;
        let file: syn::File = syn::parse2(space.to_stream()).map_err(failed)?;
        let mut records = BTreeMap::new();
        for item in file.items {
            if let syn::Item::Struct(item) = item
                && let syn::Fields::Named(fields) = item.fields
            {
                let fields = fields.named.iter().map(read_field).collect::<Result<_, _>>()?;
                records.insert(item.ident.to_string(), fields);
            }
        }
        Ok(Converted { records })
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Typify(error.to_string())
}

/// The fields of each object after conversion: Rust name and type by wire key.
struct Converted {
    records: BTreeMap<String, BTreeMap<String, (String, Ty)>>,
}

impl Converted {
    fn ty(&self, of: Use) -> Result<Ty, Error> {
        let Some(index) = of else { return Ok(Ty::Unit) };
        let field = self.records.get(USES).and_then(|uses| uses.get(&format!("use_{index}")));
        Ok(field.ok_or_else(|| Error::Typify(format!("no type for use {index}")))?.1.clone())
    }

    fn finish(&self, name: &str, pending: Pending) -> Result<Type, Error> {
        let Pending { ty, uses } = pending;
        let mut uses = uses.into_iter().map(|of| self.ty(of));
        let mut next = || uses.next().unwrap_or_else(|| Err(Error::Typify(format!("{name} lacks a use"))));
        let shape = match ty.shape {
            FlatShape::Record { constants, fields, rest } => {
                let rest = rest.map(|_| next()).transpose()?;
                let fields =
                    fields.into_iter().map(|field| self.field(name, field)).collect::<Result<_, _>>()?;
                Shape::Record(Record { constants, fields, rest })
            }
            FlatShape::Strings(values) => Shape::Strings(strings(values, &ty.place)?),
            FlatShape::Tagged { tag, variants } => {
                let tagged = |variant: FlatVariant<Vec<String>>| {
                    Ok(TaggedVariant {
                        name: variant.name,
                        values: variant.discriminator,
                        doc: variant.doc,
                        ty: next()?,
                    })
                };
                Shape::Tagged {
                    tag,
                    variants: variants.into_iter().map(tagged).collect::<Result<_, Error>>()?,
                }
            }
            FlatShape::Untagged(variants) => {
                let untagged = |variant: FlatVariant<_>| {
                    Ok(UntaggedVariant {
                        name: variant.name,
                        test: variant.discriminator,
                        doc: variant.doc,
                        ty: next()?,
                    })
                };
                Shape::Untagged(variants.into_iter().map(untagged).collect::<Result<_, Error>>()?)
            }
            FlatShape::Alias(_) => Shape::Alias(next()?),
        };
        Ok(Type { place: ty.place, doc: ty.doc, origin: ty.origin, shape, sent: ty.sent, received: false })
    }

    fn field(&self, record: &str, field: FlatField) -> Result<Field, Error> {
        let field_type = self.records.get(record).and_then(|fields| fields.get(&field.key));
        let (name, ty) =
            field_type.ok_or_else(|| Error::Typify(format!("no field {record}.{}", field.key)))?.clone();
        let optional = !field.required || field.nullable;
        let ty = if optional { Ty::Option(Box::new(ty)) } else { ty };
        Ok(Field {
            key: field.key,
            name,
            ty,
            doc: field.doc,
            required: field.required,
            nullable: field.nullable,
            secret: field.secret,
            missing_in_older: None,
        })
    }
}

fn strings(values: Vec<(String, String)>, place: &str) -> Result<Vec<StringVariant>, Error> {
    let mut variants: Vec<StringVariant> = Vec::new();
    for (value, doc) in values {
        let name = variant_name(&value);
        if let Some(other) = variants.iter().find(|other| other.name == name) {
            return Err(Error::Name {
                name,
                first: format!("{place}: {}", other.value),
                second: format!("{place}: {value}"),
            });
        }
        variants.push(StringVariant { value, name, doc });
    }
    Ok(variants)
}

/// The wire key, the Rust name and the type of a field that typify generated.
fn read_field(field: &syn::Field) -> Result<(String, (String, Ty)), Error> {
    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut key = name.clone();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute
            .parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    key = meta.value()?.parse::<syn::LitStr>()?.value();
                } else if meta.input.peek(syn::Token![=]) {
                    meta.value()?.parse::<syn::Lit>()?;
                }
                Ok(())
            })
            .map_err(failed)?;
    }
    Ok((key, (name, read_type(&field.ty)?)))
}

fn read_type(ty: &syn::Type) -> Result<Ty, Error> {
    let syn::Type::Path(path) = ty else {
        return Err(Error::Typify("a type that is not a path".to_owned()));
    };
    let last = path.path.segments.last().ok_or_else(|| Error::Typify("an empty path".to_owned()))?;
    let mut arguments = Vec::new();
    if let syn::PathArguments::AngleBracketed(list) = &last.arguments {
        for argument in &list.args {
            if let syn::GenericArgument::Type(ty) = argument {
                arguments.push(read_type(ty)?);
            }
        }
    }
    let name = last.ident.to_string();
    Ok(match (name.as_str(), arguments.pop()) {
        ("String", None) => Ty::String,
        ("bool", None) => Ty::Bool,
        ("i64", None) => Ty::Integer,
        ("f64", None) => Ty::Float,
        ("Value", None) => Ty::Json,
        ("Option", Some(inner)) => Ty::Option(Box::new(inner)),
        ("Vec", Some(inner)) => Ty::List(Box::new(inner)),
        // typify boxes recursive types; `sound` refuses those.
        ("Box", Some(inner)) => inner,
        ("HashMap" | "Map", Some(inner)) => Ty::Map(Box::new(inner)),
        (_, None) if path.path.segments.len() == 1 => Ty::Named(name),
        _ => return Err(Error::Typify(format!("a type of unknown form: {name}"))),
    })
}
