//! Checks that the generated code will compile.
//!
//! Names are derived from the schema, so one may be invalid in Rust, two may become equal, and a function may have the
//! name of a trait method. A type may contain itself, and so have no size.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::emit::methods::{kind, module};
use crate::emit::{PRELUDE, kinds, providers, rpc};
use crate::features::{FULL, path};
use crate::model::{Discriminator, JsonKind, Method, Model, Shape, Ty, Type};
use crate::names::{fields_name, function_name, is_free, setter_name, snake, type_name};
use crate::untimed::WAITING;

/// Variants that the emitters add to enums.
const ADDED: &[&str] = &["Unrecognized", "Malformed"];

/// The longest name of a file, which is part of that of a type.
const LONGEST: usize = 100;

/// Fails if the name of an item is invalid or not unique.
pub fn check(model: &Model) -> Result<(), Error> {
    for (name, ty) in &model.types {
        is_module(name, &ty.place)?;
        check_type(ty)?;
    }
    let types = model.types.iter().map(|(name, ty)| (name.clone(), ty.place.clone()));
    let fields = model.types.iter().filter_map(|(name, ty)| match &ty.shape {
        Shape::Record(record) if model.new_by_name(record) => {
            Some((fields_name(name), format!("{}: the parameters of `new`", ty.place)))
        }
        _ => None,
    });
    distinct(types.chain(fields))?;
    let events = model.events.values().map(|event| (event.variant.clone(), event.name.clone()));
    distinct(events.chain(added()))?;
    let kinds = model.events.values().map(|event| (kinds::constant(event), event.name.clone()));
    distinct(kinds)?;
    check_providers(model)?;
    check_methods(model)?;
    model.methods.values().try_for_each(|method| check_params(model, method))?;
    check_impls(model)?;
    let mut markers: BTreeMap<&str, BTreeSet<_>> = BTreeMap::new();
    for method in model.methods.values() {
        let own = (method.marker.clone(), method.name.clone());
        markers
            .entry(module(method.group))
            .or_default()
            .extend(imports(&[kind(method.group)]).chain(imports(&PRELUDE)).chain([own]));
    }
    markers.into_values().try_for_each(distinct)
}

/// Checks the traits of the namespaces that the CLI calls, with what their file imports, and their functions.
fn check_providers(model: &Model) -> Result<(), Error> {
    let paths = providers::paths(model);
    let parts = paths.iter().map(|(place, path)| (place, path.split("::").skip(1).collect::<Vec<_>>()));
    let (mut traits, mut registrations): (Vec<(String, String)>, Vec<_>) = (Vec::new(), Vec::new());
    let mut functions: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (place, parts) in parts {
        match parts.as_slice() {
            [name, function] => {
                functions
                    .entry((*name).to_owned())
                    .or_default()
                    .push(((*function).to_owned(), place.clone()));
            }
            [name] => {
                is_free(name, place)?;
                let namespace = place.strip_prefix("provider ").unwrap_or(place);
                registrations.push((snake(namespace), place.clone()));
                traits.push(((*name).to_owned(), place.clone()));
            }
            _ => {}
        }
    }
    distinct(traits.into_iter().chain(imports(providers::IMPORTS)))?;
    distinct(registrations.into_iter().chain(imports(providers::IMPORTS)))?;
    functions.into_values().try_for_each(distinct)
}

/// Checks the params of a call, to which the SDK adds keys, and which it reads to decide on a timeout.
fn check_params(model: &Model, method: &Method) -> Result<(), Error> {
    let place = || format!("{}: params", method.name);
    let is_object = |params: &Ty| match (model.bare(params), model.shape(model.bare(params))) {
        (_, Some(Shape::Union(union))) => union.variants.iter().all(|variant| match &variant.discriminator {
            Discriminator::Tag(_) => true,
            Discriminator::Test(test) => test.kind == JsonKind::Object,
        }),
        (Ty::Unit | Ty::Json | Ty::Map(_), _) | (_, Some(Shape::Record(_))) => true,
        _ => false,
    };
    if method.group.is_ours() && !is_object(&method.params) {
        return Err(Error::shape(place(), "params that need not be an object"));
    }
    let wait = model.record(&method.params).and_then(|params| params.field("wait"));
    if WAITING.contains(&&*method.name)
        && wait.is_none_or(|wait| wait.declared(true) != Ty::Option(Ty::Bool.into()))
    {
        return Err(Error::shape(
            place(),
            "no optional boolean `wait`, by which codegen/src/untimed.rs decides",
        ));
    }
    Ok(())
}

/// Checks the types that implement a trait each: no two may be the same, and the output of a hook needs a default.
fn check_impls(model: &Model) -> Result<(), Error> {
    let hooks = model.hooks.iter().map(|hook| (&hook.name, &hook.input));
    let requests = model.event_requests.iter().map(|request| (&request.name, &request.data));
    for implementors in [hooks.collect::<Vec<_>>(), requests.collect()] {
        for (at, (name, ty)) in implementors.iter().enumerate() {
            let is_same = |(_, other): &&(&String, &Ty)| model.resolve(other) == model.resolve(ty);
            if let Some((other, _)) = implementors[..at].iter().find(is_same) {
                return Err(Error::shape(*name, format!("it has the same type as {other}")));
            }
        }
    }
    let has_default = |ty: &Ty| match model.shape(model.resolve(ty)) {
        Some(Shape::Record(record)) => record.required().next().is_none(),
        Some(_) => false,
        None => true,
    };
    match model.hooks.iter().find(|hook| !has_default(&hook.output)) {
        Some(hook) => Err(Error::shape(&*hook.name, "the output of the hook may not be empty")),
        None => Ok(()),
    }
}

fn imports(names: &[&str]) -> impl Iterator<Item = (String, String)> {
    names.iter().map(|name| ((*name).to_owned(), "an import of the file".to_owned()))
}

fn added() -> impl Iterator<Item = (String, String)> {
    ADDED.iter().map(|name| ((*name).to_owned(), "the generated code itself".to_owned()))
}

fn check_type(ty: &Type) -> Result<(), Error> {
    let of = |part: &str| format!("{}: {part}", ty.place);
    match &ty.shape {
        Shape::Record(record) => {
            let fields: Vec<_> =
                record.fields.iter().map(|field| (field.name.clone(), of(&field.key))).collect();
            let rest = record.rest.iter().map(|_| ("rest".to_owned(), of("the open keys")));
            distinct(fields.iter().cloned().chain(rest))?;
            let setters = record.fields.iter().filter(|field| !field.required);
            let setters = setters.map(|field| (setter_name(&field.name), of(&field.key)));
            distinct(setters.chain([("new".to_owned(), of("the constructor"))]))
        }
        Shape::Strings(variants) => {
            distinct_variants(variants.iter().map(|variant| (&*variant.name, &*variant.value)), &of)
        }
        Shape::Union(union) => {
            let variants = union.variants.iter();
            distinct_variants(variants.map(|variant| (&*variant.name, named(&variant.ty))), &of)
        }
        Shape::Alias(_) => Ok(()),
    }
}

fn named(ty: &Ty) -> &str {
    ty.named().unwrap_or("a branch without a name")
}

fn distinct_variants<'m>(
    variants: impl Iterator<Item = (&'m str, &'m str)>,
    of: &impl Fn(&str) -> String,
) -> Result<(), Error> {
    // Every enum has `Unrecognized`; only that of events has `Malformed`, too.
    distinct(variants.map(|(name, value)| (name.to_owned(), of(value))).chain(added().take(1)))
}

/// Checks the functions of each handle, which are its methods and namespaces, and the handles of each file together
/// with the types that the file imports.
fn check_methods(model: &Model) -> Result<(), Error> {
    let mut functions: BTreeMap<_, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut items: BTreeMap<_, BTreeSet<(String, String)>> = BTreeMap::new();
    for method in model.methods.values().filter(|method| method.group.is_ours()) {
        let session = method.group.has_session();
        let parts = path(method);
        let (own, namespaces) = parts.split_last().unwrap_or((&"", &[]));
        let file = items.entry((session, namespaces.first().copied())).or_default();
        file.extend(imports(rpc::IMPORTS).chain(imports(&PRELUDE)));
        let types = [&method.params, &method.result].into_iter().filter_map(Ty::named);
        file.extend(types.map(|name| (name.to_owned(), format!("the type {name}"))));
        let mut handle = String::new();
        for (index, namespace) in namespaces.iter().enumerate() {
            let wire = namespaces[..=index].join(".");
            let place = format!("the namespace {wire}");
            is_module(&type_name(&wire), &place)?;
            if handle.is_empty() && snake(namespace) == FULL {
                let first = format!("the modules of the feature `{FULL}`");
                return Err(Error::Name { name: FULL.to_owned(), first, second: place });
            }
            file.insert((type_name(&wire), place.clone()));
            functions.entry((session, handle)).or_default().insert((function_name(namespace), place));
            handle = wire;
        }
        functions.entry((session, handle)).or_default().insert((function_name(own), method.name.clone()));
    }
    functions.into_values().chain(items.into_values()).try_for_each(distinct)
}

/// Fails if a name is invalid or occurs twice.
fn distinct(names: impl IntoIterator<Item = (String, String)>) -> Result<(), Error> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (name, place) in names {
        is_name(&name, &place)?;
        if let Some(first) = seen.insert(name.clone(), place.clone()) {
            return Err(Error::Name { name, first, second: place });
        }
    }
    Ok(())
}

/// Fails if a name cannot be that of an item in a file named after it.
fn is_module(name: &str, place: &str) -> Result<(), Error> {
    is_name(name, place)?;
    if !name.is_ascii() {
        let problem = format!("{name:?} has letters that are not ASCII, so no module can be named after it");
        return Err(Error::shape(place, problem));
    }
    if name.len() > LONGEST {
        return Err(Error::shape(place, format!("{name:?} is too long for the name of a file")));
    }
    Ok(())
}

fn is_name(name: &str, place: &str) -> Result<(), Error> {
    let plain = name.strip_prefix("r#").unwrap_or(name);
    let is_name = match plain == name {
        true => syn::parse_str::<syn::Ident>(name).is_ok(),
        false => syn::parse_str::<syn::Ident>(&format!("{plain}_")).is_ok(),
    };
    let problem = || format!("{name:?} is not a valid name in Rust; settle it in codegen/src/names.rs");
    if is_name { Ok(()) } else { Err(Error::shape(place, problem())) }
}
