//! Emits a marker type for every method, by which a handler names the method with its params and result.
//!
//! Handlers of a client name the methods of the CLI's requests. Handlers of a fake CLI name the methods that a client
//! calls; few builds have a fake CLI, so these markers are behind a feature.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::{full_module, ident, ty_from};
use crate::features::Everyday;
use crate::model::{Method, Model};
use crate::read::Group;

/// The trait of a group's methods.
pub fn kind(group: Group) -> &'static str {
    match group {
        Group::Notification => "Notification",
        group if group.is_ours() => "ServerMethod",
        _ => "ClientMethod",
    }
}

/// The module of a group's markers.
pub fn module(group: Group) -> &'static str {
    match group {
        Group::ClientSession | Group::ClientGlobal => "client",
        Group::Notification => "notification",
        Group::Server => "server",
        Group::Session => "session",
    }
}

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let files_of: [(&str, &[Group]); 4] = [
        (" Requests of the CLI. Params omit the `sessionId`.", &[Group::ClientSession, Group::ClientGlobal]),
        (" Notifications of the CLI, which have no response.", &[Group::Notification]),
        (" Methods of the CLI, except those of one session.", &[Group::Server]),
        (" Methods of the CLI for one session. Params omit the `sessionId`.", &[Group::Session]),
    ];
    let everyday = Everyday::of(model);
    let mut modules = Vec::new();
    for (about, groups) in files_of {
        let module = module(groups[0]);
        let methods: Vec<&Method> =
            model.methods.values().filter(|method| groups.contains(&method.group)).collect();
        let (every, full): (Vec<&Method>, Vec<&Method>) =
            methods.into_iter().partition(|method| everyday.has_method(method));
        let mut add = |path: String, about: &str, methods: &[&Method], more: Option<TokenStream>| {
            let of = ident(kind(groups[0]));
            let rows = methods.iter().map(|method| marker(method));
            let rows = (!methods.is_empty()).then(|| quote!(methods!(#of { #(#rows),* });));
            let import = rows.is_some().then(|| quote!(use crate::rpc::#of;));
            // Types are written with their module, since a method and its result often share a name.
            files.insert(path, quote!(#![doc = #about] #more #import use crate::types; #rows));
        };
        add(format!("methods/{module}.rs"), about, &every, (!full.is_empty()).then(full_module));
        if !full.is_empty() {
            let about = " The methods that need the feature `full`.";
            add(format!("methods/{module}/full.rs"), about, &full, None);
        }
        let testing = groups.iter().all(|group| group.is_ours());
        let condition = testing.then(|| quote!(#[cfg(feature = "testing")]));
        let module = ident(module);
        modules.push(quote!(#condition pub mod #module;));
    }
    files.insert(
        "methods.rs".to_owned(),
        quote! {
            #![doc = " Methods and notifications as types."]
            #(#modules)*
        },
    );
}

/// The row of a method: its marker, its name on the wire, its params and its result.
fn marker(method: &Method) -> TokenStream {
    let (name, wire, types) = (ident(&method.marker), &method.name, quote!(types::));
    let params = ty_from(&method.params, &types);
    let result = ty_from(&method.result, &types);
    let result = (method.group != Group::Notification).then(|| quote!(-> #result));
    quote!(#name #wire (#params) #result)
}
