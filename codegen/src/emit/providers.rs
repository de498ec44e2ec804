//! Emits a trait for each namespace with several methods that the CLI calls, and a function that makes a provider of an
//! implementation.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::{doc, ident, ty_from};
use crate::model::{Doc, Method, Model, Ty};
use crate::names::{function_name, snake, type_name};
use crate::read::Group;

/// The purpose of each namespace; the schema has none.
pub const ABOUT: &[(&str, &str)] = &[
    (
        "canvas",
        "The canvases of a client.\n\nThe CLI calls it for the canvases that the session declares \
         (`config.canvases(…)`). With `request_canvas_renderer(true)` the agent has tools that use them.",
    ),
    ("host", "The application behind a listener of the CLI, which `host.start` starts."),
    (
        "llmInference",
        "The client's own connection to models.\n\nThe CLI sends its model requests to it once the client has called \
         `llmInference.setProvider`. The response goes back by `llmInference.httpResponseStart` and \
         `llmInference.httpResponseChunk`.",
    ),
    (
        "sessionFs",
        "The file system that holds the files of sessions, such as their events.\n\nThe CLI uses it for sessions that are \
         created or resumed after the client has called `sessionFs.setProvider`. It calls the methods for SQLite and \
         those for bytes only if that call announces them.",
    ),
    (
        "skillProvider",
        "The skills that a client has for a session.\n\nA session with this provider announces it to the CLI \
         (`hasSkillProvider`).",
    ),
    ("workflow", "The workflows that a client has registered."),
];

/// The names that the file imports or uses otherwise.
pub const IMPORTS: &[&str] = &[
    "ClientContext",
    "Context",
    "Future",
    "HandlerContext",
    "HandlerTimeout",
    "Provider",
    "RpcError",
    "Send",
    "Sync",
    "client",
    "decode",
    "encode",
    "types",
    "unhandled",
];

/// A namespace with several methods.
struct Provider<'m> {
    name: &'m str,
    /// The methods by their names without the namespace.
    methods: BTreeMap<&'m str, &'m Method>,
}

/// The namespaces by name.
fn providers(model: &Model) -> Vec<Provider<'_>> {
    let mut namespaces: BTreeMap<&str, BTreeMap<&str, &Method>> = BTreeMap::new();
    for method in model.methods.values() {
        if let (Group::ClientSession | Group::ClientGlobal, Some((namespace, name))) =
            (method.group, method.name.split_once('.'))
        {
            namespaces.entry(namespace).or_default().insert(name, method);
        }
    }
    let providers = namespaces.into_iter().map(|(name, methods)| Provider { name, methods });
    providers.filter(|provider| provider.methods.len() > 1).collect()
}

/// The names of the namespaces with a trait.
pub fn namespaces(model: &Model) -> BTreeSet<String> {
    providers(model).into_iter().map(|provider| provider.name.to_owned()).collect()
}

/// The Rust path of each trait and its functions, by keys that start with `provider`.
pub fn paths(model: &Model) -> Vec<(String, String)> {
    let paths = providers(model).into_iter().flat_map(|provider| {
        let path = format!("providers::{}", type_name(provider.name));
        let functions = provider.methods.iter().map(|(name, method)| {
            (format!("provider {}", method.name), format!("{path}::{}", self::name(name)))
        });
        let functions: Vec<_> = functions.collect();
        [(format!("provider {}", provider.name), path)].into_iter().chain(functions)
    });
    paths.collect()
}

pub fn emit(model: &Model, files: &mut BTreeMap<String, TokenStream>) {
    let items = providers(model).into_iter().map(|provider| provider.items());
    files.insert(
        "providers.rs".to_owned(),
        quote! {
            #![doc = " A trait for each namespace with several methods that the CLI calls."]
            use super::{ClientContext, HandlerContext, HandlerTimeout, Provider, RpcError, decode, encode, unhandled};
            use crate::methods::client;
            use crate::types;
            #(#items)*
        },
    );
}

/// The name of a method's function.
fn name(name: &str) -> String {
    function_name(&name.replace('.', "_"))
}

impl Provider<'_> {
    fn items(&self) -> TokenStream {
        let (name, register) = (ident(&type_name(self.name)), ident(&snake(self.name)));
        let docs = self.docs(&register);
        // Providers of a session get the session's context, others the client's.
        let of_session = self.methods.values().any(|method| method.group.has_session());
        let (parameter, bound, arguments, context) = match of_session {
            true => (
                quote!(<Context = HandlerContext>),
                quote!(<Context: HandlerTimeout>),
                quote!(<Context>),
                ident("Context"),
            ),
            false => (quote!(), quote!(), quote!(), ident("ClientContext")),
        };
        let register_docs = format!(" Makes a provider of an implementation of [`{name}`].");
        let functions = self.methods.iter().map(|(name, method)| function(name, method, &context));
        let methods = self.methods.values().map(|method| &method.name);
        let answers = self.methods.iter().map(|(name, method)| answer(name, method));
        quote! {
            #docs
            pub trait #name #parameter: Send + Sync + 'static { #(#functions)* }

            #[doc = #register_docs]
            #[inline]
            pub fn #register #bound(provider: impl #name #arguments) -> Provider<#context> {
                Provider::of(provider, &[#(#methods),*], |provider, method, params, context| async move {
                    match method {
                        #(#answers)*
                        _ => Err(RpcError::unhandled(method)),
                    }
                })
            }
        }
    }

    fn docs(&self, register: &Ident) -> TokenStream {
        let about = ABOUT.iter().find(|(name, _)| *name == self.name).map_or("", |(_, about)| about);
        let about = Doc { text: about.to_owned(), ..Doc::default() };
        let wire = format!(
            "Wire methods `{}.*`. A method without an implementation is answered as an unknown one. [`{register}`] makes a \
             [`Provider`] of an implementation.",
            self.name
        );
        doc(&about, &format!("`{}` methods.", self.name), &[wire])
    }
}

/// A function of a trait.
fn function(name: &str, method: &Method, context: &Ident) -> TokenStream {
    let types = quote!(types::);
    let result = ty_from(&method.result, &types);
    let (name, marker) = (ident(&self::name(name)), ident(&method.marker));
    let on_success = match &method.result {
        Ty::Option(inner) if inner.named().is_some_and(|name| name.ends_with("Error")) => {
            Some("`None` means success.".to_owned())
        }
        _ => None,
    };
    let more: Vec<String> =
        on_success.into_iter().chain([format!("Wire method `{}`.", method.name)]).collect();
    let docs = doc(&method.doc, "", &more);
    let (argument, params) = match &method.params {
        Ty::Unit => (quote!(), quote!(())),
        params => {
            let params = ty_from(params, &types);
            (quote!(params: #params,), quote!(params))
        }
    };
    quote! {
        #docs
        fn #name(&self, #argument context: #context) -> impl Future<Output = Result<#result, RpcError>> + Send {
            unhandled::<client::#marker, _>(#params, context)
        }
    }
}

/// The match arm that calls a method's function.
fn answer(name: &str, method: &Method) -> TokenStream {
    let (name, marker, wire) = (ident(&self::name(name)), ident(&method.marker), &method.name);
    match &method.params {
        Ty::Unit => quote! {
            #wire => {
                decode::<client::#marker>(&params)?;
                encode(&provider.#name(context).await?)
            }
        },
        _ => quote! {
            #wire => encode(&provider.#name(decode::<client::#marker>(&params)?, context).await?),
        },
    }
}
