//! Emits the types, each in the file that the layout gives it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::with_limits;
use super::{doc, full_module, ident, layout, text_doc, ty};
use crate::model::{
    Constant, Discriminator, Field, JsonKind, Model, Origin, Record, Shape, StringVariant, Ty, Type, Union,
    Variant,
};
use crate::names::{fields_name, needs_alias, setter_name};

/// The docs of a sent object that keeps the order of its keys.
const IN_ORDER: &str = "The keys are sent in this order. A call with one of them twice fails with \
                        [`Error::Invalid`](crate::Error::Invalid).";

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let (every, full) = layout::files(model);
    for (folder, types) in [("types", &every), ("types/full", &full)] {
        for (module, names) in types {
            files.insert(format!("{folder}/{module}.rs"), file(model, names));
        }
    }
    let modules = |files: &layout::Files<'_>| {
        let modules: Vec<_> = files.keys().map(|module| ident(module)).collect();
        quote!(#(mod #modules; pub use #modules::*;)*)
    };
    let (every, of_full) = (modules(&every), modules(&full));
    let full_module = (!full.is_empty()).then(full_module);
    // The event is hand-written.
    let event = uses_event(model).then(|| {
        quote!(
            pub(crate) use crate::events::SessionEvent;
        )
    });
    files.insert(
        "types.rs".to_owned(),
        quote! {
            #![doc = " The protocol's types, under the names the CLI's schema gives them."]
            #event
            #every
            #full_module
        },
    );
    if !full.is_empty() {
        let about = quote!(#![doc = " The types that only calls behind the feature `full` use."]);
        files.insert("types/full.rs".to_owned(), quote!(#about #of_full));
    }
}

/// Returns true if something refers to the event.
fn uses_event(model: &Model) -> bool {
    let of_methods = model.methods.values().flat_map(|method| [&method.params, &method.result]);
    let of_events = model.events.values().map(|event| &event.data);
    let mut all = model.types.values().flat_map(Type::references).chain(of_methods).chain(of_events);
    all.any(|ty| ty.named() == Some("SessionEvent"))
}

fn file(model: &Model, names: &[&str]) -> TokenStream {
    let own: BTreeSet<&str> = names.iter().copied().collect();
    let mut others: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        let named = model.types[*name].references().into_iter().filter_map(Ty::named);
        others.extend(named.filter(|name| !own.contains(name)));
    }
    let others: Vec<_> = others.into_iter().map(ident).collect();
    let imports = (!others.is_empty()).then(|| quote!(use crate::types::{#(#others),*};));
    let items = names.iter().map(|name| item(model, name, &model.types[*name]));
    quote!(#imports #(#items)*)
}

fn item(model: &Model, name: &str, ty: &Type) -> TokenStream {
    match &ty.shape {
        Shape::Record(shape) => record(model, name, ty, shape),
        Shape::Strings(variants) => strings(name, ty, variants),
        Shape::Union(shape) => union(model, name, ty, shape),
        Shape::Alias(target) => {
            let (docs, name, target) = (docs(name, ty), ident(name), super::ty(target));
            quote!(#docs pub type #name = #target;)
        }
    }
}

fn docs(name: &str, ty: &Type) -> TokenStream {
    let place = if ty.place.is_empty() { name } else { &ty.place };
    let fallback = format!("`{place}` of the protocol.");
    let docs = match &ty.shape {
        Shape::Alias(target) => doc(&with_limits(&ty.doc, &fallback, &ty.limits, target), "", &[]),
        _ => doc(&ty.doc, &fallback, &[]),
    };
    let alias = (ty.origin != Origin::Inline).then(|| alias(place, name));
    quote!(#docs #alias)
}

/// The wire name as a doc alias, if it differs from the Rust name by more than case.
fn alias(wire: &str, name: &str) -> Option<TokenStream> {
    needs_alias(wire, name).then(|| super::alias(wire, &ident(name)))?
}

fn record(model: &Model, name: &str, ty: &Type, shape: &Record) -> TokenStream {
    let (docs, ident_name) = (docs(name, ty), ident(name));
    let fields = shape.fields.iter().map(|field| {
        let missing_in_older = field.missing_in_older.as_ref();
        let missing_in_older =
            missing_in_older.map(|version| format!("CLI {version} and older ones may omit it."));
        let fallback = format!("`{}` on the wire.", field.key);
        let docs = with_limits(&field.doc, &fallback, &field.limits, &field.ty);
        let in_order = (ty.sent && matches!(field.ty, Ty::Entries(_))).then(|| IN_ORDER.to_owned());
        let more: Vec<String> = in_order.into_iter().chain(missing_in_older).collect();
        let docs = doc(&docs, "", &more);
        let alias = alias(&field.key, &field.name);
        let (name, ty) = (ident(&field.name), super::ty(&field.declared(ty.sent)));
        quote!(#docs #alias pub #name: #ty,)
    });
    let rest = shape.rest.as_ref().map(|rest| {
        let rest = super::ty(rest);
        quote!(#[doc = " Keys that the schema leaves open."] pub rest: std::collections::BTreeMap<String, #rest>,)
    });
    let constants = shape.constants.iter().map(|(key, value)| match value {
        Constant::String(value) => quote!(#key #value),
        Constant::Bool(value) => quote!(#key #value),
    });
    let table = shape.fields.iter().map(|field| {
        let (name, key) = (ident(&field.name), &field.key);
        let kind = ident(kind(model, field));
        quote!(#kind #name #key)
    });
    let constants = (!shape.constants.is_empty()).then(|| quote!([#(#constants),*]));
    let rest_entry = shape.rest.as_ref().map(|_| quote!(rest));
    let constructor = if ty.sent { constructor(model, name, ty, shape) } else { TokenStream::new() };
    let default = (ty.sent && shape.required().next().is_none()).then(|| quote!(, Default));
    let received = (!ty.sent).then(|| ident("received"));
    quote! {
        #docs
        #[derive(Clone #default)]
        #[non_exhaustive]
        pub struct #ident_name { #(#fields)* #rest }
        record!(#received #ident_name #constants { #(#table),* } #rest_entry);
        #constructor
    }
}

/// The kind of a field in a `record!` table.
fn kind(model: &Model, field: &Field) -> &'static str {
    match field {
        field if field.secret => "Secret",
        field if field.required && (field.nullable || model.is_option(&field.ty)) => "Nullable",
        field if model.is_optional(field) => "Optional",
        _ => "Required",
    }
}

/// The function `new`, which accepts the required fields, and a setter for each of the others: a table for a macro, and
/// functions for what does not fit into it.
fn constructor(model: &Model, name: &str, ty: &Type, shape: &Record) -> TokenStream {
    let by_name = model.new_by_name(shape);
    let fields = by_name.then(|| required_fields(name, shape));
    let optional = shape.fields.iter().filter(|field| !field.required);
    let (setters, others): (Vec<_>, Vec<_>) =
        optional.partition(|field| setter_name(&field.name) == field.name);
    // A key that older CLIs omit is an option of a value that a client must give.
    let fits =
        !by_name && others.is_empty() && shape.required().all(|field| field.missing_in_older.is_none());
    let has_new = shape.required().next().is_some();
    let own_new = (has_new && !fits).then(|| new(name, shape, by_name));
    let others = others.into_iter().map(|field| setter(field, field.options(ty.sent)));
    let functions: Vec<TokenStream> = own_new.into_iter().chain(others).collect();
    let name = ident(name);
    let row = |field: &Field, of: Ty| {
        let (name, (ty, _)) = (ident(&field.name), argument(field, of));
        quote!(#name: #ty)
    };
    let new = (has_new && fits).then(|| {
        let parameters = shape.required().map(|field| row(field, field.given()));
        quote!(new(#(#parameters),*))
    });
    let rest = shape.rest.as_ref().filter(|_| new.is_some()).map(|_| quote!(rest));
    let rows = setters.iter().map(|field| row(field, set_type(field, field.options(ty.sent))));
    let has_table = new.is_some() || !setters.is_empty();
    let table = has_table.then(|| quote!(builder!(#name #new { #(#rows),* } #rest);));
    let functions = (!functions.is_empty()).then(|| quote!(impl #name { #(#functions)* }));
    quote!(#table #fields #functions)
}

/// The type by which `new` takes the required fields by name.
fn required_fields(name: &str, shape: &Record) -> TokenStream {
    let fields = shape.required().map(|field| {
        let (name, ty) = (ident(&field.name), ty(&field.given()));
        quote!(pub #name: #ty,)
    });
    let docs = format!(" The required fields of [`{name}`], for [`{name}::new`].");
    let (record, name) = (ident(name), ident(&fields_name(name)));
    quote! {
        #[doc = #docs]
        #[derive(Clone)]
        pub struct #name { #(#fields)* }
        debug_fields!(#name #record);
    }
}

/// The function `new`, with a parameter for each required field or one for all of them.
fn new(name: &str, shape: &Record, by_name: bool) -> TokenStream {
    let parameters: Vec<_> = match by_name {
        true => {
            let fields = ident(&fields_name(name));
            vec![quote!(fields: #fields)]
        }
        false => shape
            .required()
            .map(|field| {
                let (name, (ty, _)) = (ident(&field.name), argument(field, field.given()));
                quote!(#name: #ty)
            })
            .collect(),
    };
    let values = shape.fields.iter().map(|field| {
        let name = ident(&field.name);
        let value = match by_name {
            true => quote!(fields.#name),
            false => argument(field, field.given()).1,
        };
        match (field.required, &field.missing_in_older) {
            (false, _) => quote!(#name: None,),
            (true, Some(_)) => quote!(#name: Some(#value),),
            (true, None) if name == value.to_string() => quote!(#name,),
            (true, None) => quote!(#name: #value,),
        }
    });
    let rest = shape.rest.as_ref().map(|_| quote!(rest: std::collections::BTreeMap::new(),));
    quote! {
        #[doc = " Creates a value with the required fields; the others are unset."]
        #[inline]
        pub fn new(#(#parameters),*) -> Self { Self { #(#values)* #rest } }
    }
}

/// The type of a field's parameter, and the field's value made of it.
fn argument(field: &Field, of: Ty) -> (TokenStream, TokenStream) {
    let name = ident(&field.name);
    match of {
        Ty::String => (quote!(impl Into<String>), quote!(#name.into())),
        Ty::Boxed(inner) => (ty(&inner), quote!(Box::new(#name))),
        other => (ty(&other), quote!(#name)),
    }
}

/// The type that the setter of a field with a number of options around its value takes: all but the outermost.
fn set_type(field: &Field, options: usize) -> Ty {
    (1..options).fold(field.ty.clone(), |ty, _| Ty::Option(Box::new(ty)))
}

/// The setter of a field that has another name than the field.
fn setter(field: &Field, options: usize) -> TokenStream {
    let (name, setter) = (ident(&field.name), ident(&setter_name(&field.name)));
    let docs = format!(" Sets `{}`.", field.name.trim_start_matches("r#"));
    let (argument, value) = argument(field, set_type(field, options));
    quote! {
        #[doc = #docs]
        #[inline]
        pub fn #setter(mut self, #name: #argument) -> Self { self.#name = Some(#value); self }
    }
}

fn strings(name: &str, ty: &Type, variants: &[StringVariant]) -> TokenStream {
    let (docs, name) = (docs(name, ty), ident(name));
    let items = variants.iter().map(|variant| {
        let docs = text_doc(&variant.doc, &format!("`{}`.", variant.value));
        let alias = alias(&variant.value, &variant.name);
        let name = ident(&variant.name);
        quote!(#docs #alias #name,)
    });
    let table = variants.iter().map(|variant| {
        let (name, value) = (ident(&variant.name), &variant.value);
        quote!(#name #value)
    });
    quote! {
        #docs
        #[derive(Clone)]
        #[non_exhaustive]
        pub enum #name {
            #(#items)*
            #[doc = " A value that this version of the crate does not know."]
            Unrecognized(String),
        }
        string_enum!(#name { #(#table),* });
    }
}

fn union(model: &Model, name: &str, ty: &Type, shape: &Union) -> TokenStream {
    let (docs, name) = (docs(name, ty), ident(name));
    let variants = shape.variants.iter().map(|variant| {
        let docs = text_doc(&variant.doc, &format!("{}.", variant.name));
        let (variant, ty) = (ident(&variant.name), super::ty(&variant.ty));
        quote!(#docs #variant(#ty),)
    });
    let contents = contents(model, &name, shape);
    let arms = shape.variants.iter().zip(contents).map(|(variant, content)| arm(variant, content));
    let codec = match &shape.tag {
        Some(tag) => quote!(tagged!(#name #tag { #(#arms),* });),
        None => quote!(untagged!(#name { #(#arms),* });),
    };
    quote! {
        #docs
        #[derive(Clone)]
        #[non_exhaustive]
        pub enum #name {
            #(#variants)*
            #[doc = " JSON that this version of the crate does not know."]
            Unrecognized(serde_json::Value),
        }
        #codec
    }
}

/// The contents of variants from which the union can be made: those that only one variant has.
fn contents(model: &Model, name: &proc_macro2::Ident, shape: &Union) -> Vec<Option<TokenStream>> {
    let types: Vec<&Ty> = shape.variants.iter().map(|variant| model.resolve(&variant.ty)).collect();
    let is_own = |ty: &Ty| matches!(ty, Ty::Json | Ty::Unit) || ty.named().is_some_and(|own| name == own);
    let only = |ty: &&Ty| types.iter().filter(|other| *other == ty).count() == 1 && !is_own(ty);
    let variants = shape.variants.iter().zip(&types);
    variants.map(|(variant, ty)| only(ty).then(|| super::ty(&variant.ty))).collect()
}

/// The row of a variant in the table of its union: its content, and the values of its tag or its test.
fn arm(variant: &Variant, content: Option<TokenStream>) -> TokenStream {
    let name = ident(&variant.name);
    let content = content.map(|content| quote!((#content)));
    match &variant.discriminator {
        Discriminator::Tag(values) => quote!(#name #content #(#values)|*),
        Discriminator::Test(test) => {
            let kind = ident(match test.kind {
                JsonKind::Bool => "is_bool",
                JsonKind::Number => "is_number",
                JsonKind::String => "is_string",
                JsonKind::Array => "is_array",
                JsonKind::Object => "is_object",
            });
            let keys = test.keys.iter().map(|(key, values)| match values.as_slice() {
                [] => quote!(#key),
                values => quote!(#key = #(#values)|*),
            });
            let optional = test.optional.iter().map(|(key, values)| quote!(#key = #(#values)|*));
            let optional = (!test.optional.is_empty()).then(|| quote!(or_none [#(#optional),*]));
            quote!(#name #content #kind [#(#keys),*] #optional)
        }
    }
}
